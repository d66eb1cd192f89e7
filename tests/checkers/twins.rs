//! Checkers against twins that are as dumb as can be: they keep everything that ever was, and hold all of it against
//! all of it, by the very words of Figure 3.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use sim::checkers::election_safety::ElectionSafety;
use sim::checkers::log_matching::LogMatching;
use sim::checkers::state_machine_safety::StateMachineSafety;
use sim::{LogEntry, Membership, NodeId};
use tests::property;

use crate::entries::{entry, forged};

const NODES: u8 = 3;
const CASES: u32 = 2000;

/// Histories of both kinds must be drawn, or the twins agree on nothing.
#[track_caller]
pub(crate) fn assert_both_verdicts_are_drawn<T>(
    histories: &impl Strategy<Value = T>,
    is_accepted: impl Fn(&T) -> bool,
) {
    let mut runner = TestRunner::new(property(CASES));
    let mut draw = || histories.new_tree(&mut runner).expect("a history").current();
    let accepted = (0..CASES).filter(|_| is_accepted(&draw())).count();
    let fifth = CASES as usize / 5;
    assert!((fifth..4 * fifth).contains(&accepted), "{accepted} of {CASES} histories are accepted");
}

// ---- Log Matching ----

#[derive(Clone, Copy, Debug)]
enum LogChange {
    /// A server appends an entry of `term`, and now and then another than all others have there.
    Append { node: u8, term: u64, is_forged: bool },
    /// A server's log ends after `len` entries.
    Truncate { node: u8, len: usize },
    /// A server has what another has, up to `len` entries.
    Copy { from: u8, to: u8, len: usize },
}

fn log_changes() -> impl Strategy<Value = Vec<LogChange>> {
    let node = || 0..NODES;
    let change = prop_oneof![
        4 => (node(), 1..6u64, prop::bool::weighted(0.05))
            .prop_map(|(node, term, is_forged)| LogChange::Append { node, term, is_forged }),
        1 => (node(), 0..6usize).prop_map(|(node, len)| LogChange::Truncate { node, len }),
        4 => (node(), node(), 0..9usize).prop_map(|(from, to, len)| LogChange::Copy { from, to, len }),
    ];
    vec(change, 0..40)
}

/// The log of the server that a change touches, as it is afterwards.
fn change(logs: &mut [Vec<LogEntry>], change: LogChange) -> (NodeId, Vec<LogEntry>) {
    let (node, log) = match change {
        LogChange::Append { node, term, is_forged } => {
            let mut log = logs[usize::from(node)].clone();
            let index = log.len() as u64 + 1;
            log.push(if is_forged { forged(index, term) } else { entry(index, term) });
            (node, log)
        }
        LogChange::Truncate { node, len } => (node, prefix(&logs[usize::from(node)], len)),
        LogChange::Copy { from, to, len } => (to, prefix(&logs[usize::from(from)], len)),
    };
    logs[usize::from(node)].clone_from(&log);
    (NodeId(node), log)
}

fn prefix(log: &[LogEntry], len: usize) -> Vec<LogEntry> {
    log[..len.min(log.len())].to_vec()
}

/// "If two logs contain an entry with the same index and term, then the logs are identical in all entries up through
/// the given index."
fn match_each_other(one: &[LogEntry], other: &[LogEntry]) -> bool {
    let shared = 1..=one.len().min(other.len());
    shared.into_iter().all(|index| one[index - 1].term != other[index - 1].term || one[..index] == other[..index])
}

/// The first change at which a log does not match one that ever was.
fn twin_of_log_matching(changes: &[LogChange]) -> Option<usize> {
    let mut logs = vec![Vec::new(); usize::from(NODES)];
    let mut ever: Vec<Vec<LogEntry>> = Vec::new();
    changes.iter().position(|next| {
        let (_, log) = change(&mut logs, *next);
        let is_wrong = !ever.iter().all(|past| match_each_other(past, &log));
        ever.push(log);
        is_wrong
    })
}

/// The first change that the checker refuses, which is fed from where a log changed.
fn verdict_of_log_matching(changes: &[LogChange]) -> Option<usize> {
    let mut logs = vec![Vec::new(); usize::from(NODES)];
    let mut checker = LogMatching::default();
    changes.iter().position(|next| {
        let before = logs.clone();
        let (node, log) = change(&mut logs, *next);
        let before = &before[usize::from(node.0)];
        let same = before.iter().zip(&log).take_while(|(one, other)| one == other).count();
        (same..log.len()).any(|place| {
            let previous_term = place.checked_sub(1).map_or(0, |previous| log[previous].term);
            checker.appended(node, place as u64 + 1, log[place], previous_term).is_err()
        })
    })
}

#[test]
fn log_matching_sees_lawful_and_unlawful_histories() {
    assert_both_verdicts_are_drawn(&log_changes(), |changes| twin_of_log_matching(changes).is_none());
}

// ---- State Machine Safety ----

#[derive(Clone, Copy, Debug)]
enum CommitChange {
    /// A server commits its next entry; now and then of a term, or a command, of its own.
    Commit { node: u8, term: Option<u64>, is_forged: bool },
    /// A server forgets how far it had committed.
    Restart { node: u8 },
}

fn commit_changes() -> impl Strategy<Value = Vec<CommitChange>> {
    let node = || 0..NODES;
    let change = prop_oneof![
        9 => (node(), prop::option::weighted(0.1, 1..4u64), prop::bool::weighted(0.03))
            .prop_map(|(node, term, is_forged)| CommitChange::Commit { node, term, is_forged }),
        1 => node().prop_map(|node| CommitChange::Restart { node }),
    ];
    vec(change, 0..20)
}

/// What a change has a server commit, if anything.
fn next_commit(next: &mut [u64], change: CommitChange) -> Option<(NodeId, u64, LogEntry)> {
    match change {
        CommitChange::Commit { node, term, is_forged } => {
            let index = &mut next[usize::from(node)];
            *index += 1;
            let term = term.unwrap_or(1 + *index / 3);
            let entry = if is_forged { forged(*index, term) } else { entry(*index, term) };
            Some((NodeId(node), *index, entry))
        }
        CommitChange::Restart { node } => {
            next[usize::from(node)] = 0;
            None
        }
    }
}

/// What the twin says of each commit, up to the first that is wrong: whether it was news.
///
/// "If a server has applied a log entry at a given index to its state machine, no other server will ever apply a
/// different log entry for the same index."
fn twin_of_state_machine_safety(changes: &[CommitChange]) -> Vec<Option<bool>> {
    let mut next = vec![0; usize::from(NODES)];
    let mut ever: Vec<(u64, LogEntry)> = Vec::new();
    let mut verdicts = Vec::new();
    for (_, index, entry) in changes.iter().filter_map(|change| next_commit(&mut next, *change)) {
        if ever.iter().any(|(known, other)| *known == index && *other != entry) {
            verdicts.push(None);
            break;
        }
        verdicts.push(Some(ever.iter().all(|(known, _)| *known != index)));
        ever.push((index, entry));
    }
    verdicts
}

fn verdicts_of_state_machine_safety(changes: &[CommitChange]) -> Vec<Option<bool>> {
    let mut next = vec![0; usize::from(NODES)];
    let mut checker = StateMachineSafety::default();
    let mut verdicts = Vec::new();
    for (node, index, entry) in changes.iter().filter_map(|change| next_commit(&mut next, *change)) {
        let verdict = checker.committed(node, index, entry).ok();
        verdicts.push(verdict);
        if verdict.is_none() {
            break;
        }
    }
    verdicts
}

#[test]
fn state_machine_safety_sees_lawful_and_unlawful_histories() {
    let is_accepted = |changes: &Vec<CommitChange>| !twin_of_state_machine_safety(changes).contains(&None);
    assert_both_verdicts_are_drawn(&commit_changes(), is_accepted);
}

// ---- Election Safety ----

#[derive(Clone, Copy, Debug)]
enum ElectionChange {
    /// A server's vote in a term becomes durable, unless it has voted there.
    Vote { voter: u8, term: u64, candidate: u8 },
    /// A server shows itself as the leader of a term.
    Leads { node: u8, term: u64 },
    /// The same, of a server that has the votes of all who have not voted.
    Wins { node: u8, term: u64 },
}

fn election_changes() -> impl Strategy<Value = (u8, Vec<ElectionChange>)> {
    (1..=7u8).prop_flat_map(|nodes| {
        let (node, term) = (move || 0..nodes, || 1..12u64);
        let change = prop_oneof![
            10 => (node(), term(), node())
                .prop_map(|(voter, term, candidate)| ElectionChange::Vote { voter, term, candidate }),
            1 => (node(), term()).prop_map(|(node, term)| ElectionChange::Leads { node, term }),
            4 => (node(), term()).prop_map(|(node, term)| ElectionChange::Wins { node, term }),
        ];
        (Just(nodes), vec(change, 0..10))
    })
}

/// What the checker is told: votes of which no server gives two in a term, and leaders.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ElectionFact {
    Voted { voter: u8, term: u64, candidate: u8 },
    Leads { node: u8, term: u64 },
}

fn election_facts(nodes: u8, changes: &[ElectionChange]) -> Vec<ElectionFact> {
    let mut votes = BTreeMap::new();
    let mut facts = Vec::new();
    let mut vote = |facts: &mut Vec<_>, voter, term, candidate| {
        if *votes.entry((voter, term)).or_insert(candidate) == candidate {
            facts.push(ElectionFact::Voted { voter, term, candidate });
        }
    };
    for change in changes {
        match *change {
            ElectionChange::Vote { voter, term, candidate } => vote(&mut facts, voter, term, candidate),
            ElectionChange::Leads { node, term } => facts.push(ElectionFact::Leads { node, term }),
            ElectionChange::Wins { node, term } => {
                (0..nodes).for_each(|voter| vote(&mut facts, voter, term, node));
                facts.push(ElectionFact::Leads { node, term });
            }
        }
    }
    facts
}

/// The first leader that is one too many, or lacks the votes of a majority.
fn twin_of_election_safety(nodes: u8, facts: &[ElectionFact]) -> Option<usize> {
    (0..facts.len()).find(|&now| {
        let ElectionFact::Leads { node, term } = facts[now] else { return false };
        let past = &facts[..now];
        let has_voted = |voter| past.contains(&ElectionFact::Voted { voter, term, candidate: node });
        let votes = (0..nodes).filter(|voter| has_voted(*voter)).count();
        let is_second =
            (0..nodes).any(|other| other != node && past.contains(&ElectionFact::Leads { node: other, term }));
        is_second || 2 * votes <= usize::from(nodes)
    })
}

fn verdict_of_election_safety(nodes: u8, facts: &[ElectionFact]) -> Option<usize> {
    let everyone = Membership::of_all(nodes);
    let mut checker = ElectionSafety::default();
    facts.iter().position(|fact| match *fact {
        ElectionFact::Voted { voter, term, candidate } => {
            checker.vote_durable(NodeId(voter), term, NodeId(candidate));
            false
        }
        ElectionFact::Leads { node, term } => checker.leader(NodeId(node), term, everyone).is_err(),
    })
}

#[test]
fn election_safety_sees_lawful_and_unlawful_histories() {
    let is_accepted = |(nodes, changes): &(u8, Vec<ElectionChange>)| {
        twin_of_election_safety(*nodes, &election_facts(*nodes, changes)).is_none()
    };
    assert_both_verdicts_are_drawn(&election_changes(), is_accepted);
}

proptest! {
    #![proptest_config(property(CASES))]

    #[test]
    fn log_matching_agrees_with_all_logs_ever_compared_in_pairs(changes in log_changes()) {
        prop_assert_eq!(verdict_of_log_matching(&changes), twin_of_log_matching(&changes));
    }

    #[test]
    fn state_machine_safety_agrees_with_all_commits_ever_compared_in_pairs(changes in commit_changes()) {
        prop_assert_eq!(verdicts_of_state_machine_safety(&changes), twin_of_state_machine_safety(&changes));
    }

    #[test]
    fn election_safety_agrees_with_all_leaders_ever_and_a_count_of_votes((nodes, changes) in election_changes()) {
        let facts = election_facts(nodes, &changes);
        prop_assert_eq!(verdict_of_election_safety(nodes, &facts), twin_of_election_safety(nodes, &facts));
    }
}
