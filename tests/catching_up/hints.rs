//! §5.3: where two logs part, whole terms are skipped, also where one side or both have compacted.

use raft_core::{FlowStatus, LogPosition};
use tests::by_hand::lone_node::{Builder, LoneNode, bring_in_line, node};
use tests::by_hand::messages::{at, snapshot};

/// Every log of up to four entries of terms 1 to 3.
fn every_log() -> Vec<Vec<u64>> {
    let mut logs = vec![Vec::new()];
    for length in 0..4 {
        let longest: Vec<Vec<u64>> = logs.iter().filter(|log| log.len() == length).cloned().collect();
        let longer = |log: &Vec<u64>| {
            let log = log.clone();
            (log.last().copied().unwrap_or(1)..=3).map(move |term| [&log[..], &[term]].concat()).collect::<Vec<_>>()
        };
        logs.extend(longest.iter().flat_map(longer));
    }
    logs
}

/// How much two logs share; `None` where no Raft could have written both.
fn shared(one: &[u64], other: &[u64]) -> Option<usize> {
    let shared = one.iter().zip(other).take_while(|(a, b)| a == b).count();
    let part_for_good = one[shared..].iter().zip(&other[shared..]).all(|(a, b)| a != b);
    part_for_good.then_some(shared)
}

fn end_of(log: &[u64]) -> LogPosition {
    at(log.len() as u64, log.last().copied().unwrap_or(0))
}

/// A server with this log, compacted up to `base`.
fn with(id: u64, log: &[u64], base: usize) -> Builder {
    let builder = node().id(id).log(&log[base..]);
    if base == 0 { builder } else { builder.snapshot(snapshot(end_of(&log[..base]), 1..=3, 1)) }
}

fn flow_of_2(leader: &LoneNode) -> FlowStatus {
    leader.raft.status().followers[0].flow
}

/// Every leader's and follower's log, and how far each is compacted.
fn every_pair() -> impl Iterator<Item = (Vec<u64>, Vec<u64>, usize, usize, usize)> {
    let pairs = every_log().into_iter().flat_map(|leaders| every_log().into_iter().map(move |f| (leaders.clone(), f)));
    pairs
        .filter_map(|(leaders, followers)| {
            let shared = shared(&leaders, &followers)?;
            let bases = (0..=leaders.len()).flat_map(move |l| (0..=shared).map(move |f| (l, f)));
            Some(bases.map(move |(l, f)| (leaders.clone(), followers.clone(), shared, l, f)))
        })
        .flatten()
}

#[test]
fn any_two_logs_that_share_what_is_compacted_are_brought_in_line_without_a_snapshot() {
    let mut count = 0;
    for (leaders, followers, shared, leaders_base, followers_base) in every_pair() {
        if leaders_base > shared {
            continue;
        }
        count += 1;
        let mut leader = with(1, &leaders, leaders_base).term(4).leader();
        let mut follower = with(2, &followers, followers_base).term(3).follower();
        let refusals = bring_in_line(&mut leader, &mut follower);
        let case = format!("{leaders:?} from {leaders_base}, {followers:?} from {followers_base}");
        assert!(matches!(flow_of_2(&leader), FlowStatus::Replicate { .. }), "{case}");
        assert_eq!(follower.raft.log().last_position(), leader.raft.log().last_position(), "{case}");
        for index in leaders_base.max(followers_base) as u64..=leader.last() {
            let index = raft_core::LogIndex(index);
            assert_eq!(follower.raft.log().term_at(index), leader.raft.log().term_at(index), "{case}");
        }
        let mut terms = followers[shared..].to_vec();
        terms.dedup();
        assert!(refusals <= terms.len() + 1, "{case}: {refusals} refusals");
    }
    assert!(count > 1000, "{count}");
}

#[test]
fn a_follower_that_lacks_what_is_compacted_is_found_out_term_by_term_and_sent_the_snapshot() {
    let mut count = 0;
    for (leaders, followers, shared, leaders_base, followers_base) in every_pair() {
        // A follower that has all that is shared, and less than what is compacted.
        if leaders_base <= shared {
            continue;
        }
        count += 1;
        let mut leader = with(1, &leaders, leaders_base).term(4).leader();
        let mut follower = with(2, &followers, followers_base).term(3).follower();
        let refusals = bring_in_line(&mut leader, &mut follower);
        let case = format!("{leaders:?} from {leaders_base}, {followers:?} from {followers_base}");
        assert!(matches!(flow_of_2(&leader), FlowStatus::Snapshot { .. }), "{case}");
        // The follower's terms are skipped whole also where the leader's own last entry of them is compacted.
        let mut terms = followers[shared..].to_vec();
        terms.dedup();
        assert!(refusals <= terms.len() + 1, "{case}: {refusals} refusals");
        assert_eq!(follower.raft.log().last_position(), end_of(&followers), "{case}");
    }
    assert!(count > 1000, "{count}");
}
