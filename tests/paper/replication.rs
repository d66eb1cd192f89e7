//! §5.3: what a follower does with an append, and how a leader finds where the logs meet.

use raft_core::{LogIndex, LogPosition, RoleName};

use tests::by_hand::cluster::{Cluster, Order};
use tests::by_hand::lone_node::{bring_in_line, node};
use tests::by_hand::messages::{accepted, append, at, conflict, heartbeat, request_vote, vote};

// §5.3: "The leader appends the command to its log as a new entry, then issues AppendEntries RPCs in parallel to each
// of the other servers"
#[test]
fn a_proposal_is_appended_and_sent_to_every_follower() {
    let mut leader = node().of(5).steady_leader();
    let effects = leader.propose(7);
    assert_eq!(leader.last(), 2);
    assert_eq!(effects.receivers(), [2, 3, 4, 5]);
    for follower in 2..=5 {
        let append = &effects.appends_to(follower)[0];
        assert_eq!((append.prev, append.entries.len()), (at(1, 1), 1));
        assert_eq!(Some(&append.entries[0]), leader.raft.log().entry(LogIndex(2)));
    }
}

// §5.3: "If the follower does not find an entry in its log with the same index and term, then it refuses"
#[test]
fn an_append_is_refused_where_its_predecessor_is_missing() {
    // A follower's log, the append's predecessor, and whether the consistency check holds.
    let cases: &[(&[u64], (u64, u64), bool)] = &[
        (&[], (0, 0), true),
        (&[1, 2], (0, 0), true),
        (&[1, 2], (1, 1), true),
        (&[1, 2], (2, 2), true),
        (&[], (1, 1), false),
        (&[1, 2], (1, 2), false),
        (&[1, 2], (2, 1), false),
        (&[1, 2], (3, 2), false),
        (&[1, 2], (3, 3), false),
    ];
    for &(log, (index, term), is_match) in cases {
        let mut follower = node().term(3).log(log).follower();
        let reply = follower.receive(2, heartbeat(3, at(index, term), 0)).sends();
        if is_match {
            assert_eq!(reply, [(2, accepted(3, index))], "{log:?}, predecessor {index} of term {term}");
        } else {
            assert!(!reply.contains(&(2, accepted(3, index))), "{log:?}, predecessor {index} of term {term}");
            assert_eq!(reply.len(), 1, "a refusal");
        }
        assert_eq!(follower.log(), log, "a heartbeat changes no log");
    }
}

// §5.3: "the follower deletes any entry that conflicts and all that follow it", and appends "any new entries not
// already in the log"
#[test]
fn an_append_replaces_what_contradicts_it_and_nothing_else() {
    // A follower's log, the append's predecessor and entries, and the log after it.
    type Case<'a> = (&'a [u64], LogPosition, [u64; 2], &'a [u64]);
    let cases: &[Case] = &[
        // New entries at the end.
        (&[1], at(1, 1), [2, 3], &[1, 2, 3]),
        (&[], at(0, 0), [3, 3], &[3, 3]),
        // The first new entry contradicts.
        (&[1, 2, 2], at(1, 1), [3, 3], &[1, 3, 3]),
        (&[1, 2, 2, 2], at(1, 1), [3, 3], &[1, 3, 3]),
        (&[1], at(0, 0), [3, 3], &[3, 3]),
        // Only the second one does.
        (&[1, 2, 2], at(1, 1), [2, 3], &[1, 2, 3]),
        (&[1, 2, 2, 2, 2], at(1, 1), [2, 3], &[1, 2, 3]),
        // One is known, the other new.
        (&[1, 2], at(1, 1), [2, 3], &[1, 2, 3]),
        // All are known: an old append takes nothing away.
        (&[1, 2, 3], at(1, 1), [2, 3], &[1, 2, 3]),
        (&[1, 2, 3, 3], at(1, 1), [2, 3], &[1, 2, 3, 3]),
        (&[1, 2, 3, 3], at(0, 0), [1, 2], &[1, 2, 3, 3]),
    ];
    for &(log, prev, entries, expected) in cases {
        let mut follower = node().term(3).log(log).follower();
        follower.receive(2, append(3, prev, entries, 0));
        assert_eq!(follower.log(), expected, "{log:?} and {entries:?} after {prev:?}");
    }
}

// §5.3, and the write says no more and no less than that
#[test]
fn the_write_holds_exactly_what_the_log_lacked() {
    let mut follower = node().term(3).log([1, 2, 2, 2]).follower();
    let effects = follower.receive(2, append(3, at(1, 1), [2, 3], 0));
    let write = effects.writes()[0].log.as_ref().expect("the log changed");
    assert_eq!((write.first, write.entries.len(), write.entries[0].term.0), (LogIndex(3), 1, 3));
}

// §5.3
#[test]
fn an_append_of_known_entries_writes_nothing() {
    let mut follower = node().term(2).log([1, 2]).follower_of(2);
    let effects = follower.receive(2, append(2, at(0, 0), [1, 2], 0));
    assert_eq!((effects.writes(), effects.sends()), (vec![], vec![(2, accepted(2, 2))]));
}

// §5.3: a refused append leaves even a log that it contradicts.
#[test]
fn a_refused_append_leaves_the_log_as_it_was() {
    let mut follower = node().term(3).log([1, 2, 2]).follower();
    assert_eq!(follower.receive(2, append(3, at(2, 3), [3], 0)).sends(), [(2, conflict(3, 2, at(2, 2)))]);
    assert_eq!(follower.log(), [1, 2, 2]);
}

// §5.3: an acknowledgement is for what the append proves, not for whatever else the log holds.
#[test]
fn a_follower_does_not_acknowledge_a_tail_that_no_append_vouched_for() {
    let mut follower = node().term(2).log([1, 1, 1]).follower_of(2);
    let mut newcomer = node().term(2).log([1, 1, 1]).follower();
    assert_eq!(newcomer.receive(2, heartbeat(2, at(1, 1), 0)).sends(), [(2, accepted(2, 1))]);
    // What matched once in a term stays matched: the leader's log only grows.
    assert_eq!(follower.receive(2, heartbeat(2, at(1, 1), 0)).sends(), [(2, accepted(2, 3))]);
}

// §5.3: what matched under one leader is unknown under the next.
#[test]
fn a_new_leader_starts_with_nothing_matched() {
    let mut follower = node().term(2).log([1, 1, 1]).follower_of(2);
    follower.receive(3, heartbeat(3, at(1, 1), 0));
    assert_eq!(follower.persist().sends(), [(3, accepted(3, 1))]);
}

// §5.3, Figure 3, Leader Append-Only: "a leader never overwrites or deletes entries in its log; it only appends"
#[test]
fn a_leader_never_touches_the_entries_it_has() {
    let mut leader = node().term(3).log([1, 2]).leader();
    leader.receive(2, conflict(3, 2, at(1, 1)));
    leader.receive(3, accepted(3, 3));
    leader.receive(2, request_vote(3, at(9, 2)));
    leader.receive(3, append(2, at(0, 0), [2, 2], 2));
    leader.deadline();
    assert_eq!((leader.role(), leader.log()), (RoleName::Leader, vec![1, 2, 3]));
}

// §5.3: "the leader initializes all nextIndex values to the index just after the last one in its log"
#[test]
fn a_new_leader_assumes_that_every_log_ends_like_its_own() {
    let leader = node().log([1, 1, 1]).new_leader();
    assert_eq!((leader.progress_of(2), leader.progress_of(3)), ((0, 4), (0, 4)));
}

// §5.3: "After a rejection, the leader decrements nextIndex and retries the AppendEntries RPC."
#[test]
fn a_refused_leader_tries_again_from_further_back_at_once() {
    let mut leader = node().log([1, 1, 1]).leader();
    let retry = leader.receive(2, conflict(2, 3, at(1, 1))).appends_to(2);
    assert_eq!((retry[0].prev, retry[0].entries.len()), (at(1, 1), 3));
}

// §5.3: "one AppendEntries RPC will be required for each term with conflicting entries, rather than one RPC per entry"
#[test]
fn refusals_skip_whole_terms() {
    // The leader's log before its own first entry (term 9), the follower's, and the refusals it takes.
    let cases: &[(&[u64], &[u64], usize)] = &[
        (&[], &[], 0),
        (&[1, 1, 1], &[1, 1, 1], 0),
        // The follower is behind: one refusal, however far.
        (&[1, 1, 1, 1, 1, 1], &[], 1),
        (&[1, 1, 1, 1, 1, 1], &[1], 1),
        (&[1, 2, 3, 4, 5, 6], &[1, 2], 1),
        // The follower is ahead with a tail of its own.
        (&[1, 1, 1], &[1, 1, 1, 2, 2, 2], 0),
        (&[1, 1, 1, 4, 4], &[1, 1, 1, 2, 2, 2, 2], 1),
        (&[1, 1, 1, 4, 4], &[1, 1, 1, 2, 2, 3, 3, 3], 1),
        // The follower's term is unknown to the leader: skipped from the leader's side.
        (&[1, 1, 5, 5, 5, 5, 5], &[1, 1, 4, 4, 4, 4, 4], 1),
        // The follower stayed in the old term: skipped from the follower's side.
        (&[1, 1, 5, 5, 5, 5, 5], &[1, 1, 1, 1, 1, 1, 1], 1),
        // The leader stayed in the old term, the follower did not.
        (&[1, 1, 1, 1, 1, 1, 1], &[1, 1, 5, 5, 5, 5, 5], 1),
        // Nothing in common.
        (&[5, 5, 5, 5], &[4, 4, 4, 4], 1),
        (&[2, 2, 2, 2], &[4, 4, 4, 4], 1),
        // Interleaved terms: one refusal skips a term on both sides.
        (&[1, 1, 1, 3, 3, 3, 5, 5, 5], &[1, 1, 1, 2, 2, 2, 4, 4, 4], 2),
        (&[1, 3, 3, 5, 5, 7, 7], &[1, 2, 2, 4, 4, 6, 6], 3),
        (&[1, 2, 2, 4, 4, 6, 6], &[1, 3, 3, 5, 5, 7, 7], 3),
    ];
    for &(leaders, followers, expected) in cases {
        let mut leader = node().log(leaders).term(9).leader();
        let mut follower = node().id(2).log(followers).follower();
        let refusals = bring_in_line(&mut leader, &mut follower);
        assert_eq!(follower.log(), leader.log(), "{leaders:?} and {followers:?}");
        assert_eq!(refusals, expected, "{leaders:?} and {followers:?}");
    }
}

// §5.3: however the logs differ, the leader finds where they meet, with no more refusals than there are terms.
#[test]
fn any_two_logs_are_brought_in_line() {
    // All pairs of logs of up to four entries with terms up to three; two logs of one cluster share no entry with
    // the same place and term after one where they differ, so such pairs are left out.
    let logs: Vec<Vec<u64>> = (0..4u64.pow(4))
        .map(|code| (0..4).map(|place| code / 4u64.pow(place) % 4).take_while(|term| *term > 0).collect())
        .filter(|log: &Vec<u64>| log.is_sorted())
        .collect();
    let is_log_matching = |a: &[u64], b: &[u64]| {
        let meet = a.iter().zip(b).take_while(|(a, b)| a == b).count();
        a.iter().zip(b).skip(meet).all(|(a, b)| a != b)
    };
    for leaders in &logs {
        for followers in logs.iter().filter(|followers| is_log_matching(leaders, followers)) {
            let mut leader = node().log(leaders.clone()).term(4).leader();
            let mut follower = node().id(2).log(followers.clone()).follower();
            let refusals = bring_in_line(&mut leader, &mut follower);
            assert_eq!(follower.log(), leader.log(), "{leaders:?} and {followers:?}");
            let terms = leaders.chunk_by(|a, b| a == b).count();
            assert!(refusals <= terms.max(1), "{leaders:?} and {followers:?}: {refusals} refusals");
        }
    }
}

// §5.3: "if followers crash or run slowly, or if network packets are lost, the leader retries"
#[test]
fn a_lost_append_is_found_by_the_next_heartbeat() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.drop_all();
    cluster.beat(1);
    assert_eq!((cluster.log(2), cluster.log(3)), (vec![1, 1], vec![1, 1]));
}

// §5.3: a lost acknowledgement is found the same way.
#[test]
fn a_lost_acknowledgement_is_found_by_the_next_heartbeat() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.persist(1);
    for follower in [2, 3] {
        cluster.deliver_from_to(1, follower);
        cluster.persist(follower);
    }
    cluster.drop_all();
    assert_eq!(cluster.commit(1), 1);
    cluster.beat(1);
    assert_eq!(cluster.commit(1), 2);
}

// §5.3: "AppendEntries RPCs are idempotent" (§5.5)
#[test]
fn an_append_that_arrives_twice_changes_nothing_more() {
    let mut follower = node().term(1).follower_of(2);
    follower.receive(2, append(1, at(0, 0), [1, 1], 1));
    follower.persist();
    let before = follower.portrait();
    let effects = follower.receive(2, append(1, at(0, 0), [1, 1], 1));
    assert_eq!(effects.sends(), [(2, accepted(1, 2))]);
    assert_eq!(effects.writes(), Vec::<&_>::new());
    assert_eq!(follower.portrait(), before);
}

// §5.3: appends that overtake each other.
#[test]
fn an_older_append_that_arrives_late_takes_nothing_away() {
    let mut follower = node().term(1).follower_of(2);
    follower.receive(2, append(1, at(0, 0), [1, 1, 1], 0));
    follower.receive(2, append(1, at(0, 0), [1], 0));
    assert_eq!(follower.log(), [1, 1, 1]);
    assert_eq!(follower.persist().sends().last(), Some(&(2, accepted(1, 3))));
}

// §5.3
#[test]
fn replication_survives_reordered_and_duplicated_messages() {
    let mut cluster = Cluster::with_logs(&[&[1, 1, 3, 3], &[1, 2, 2, 2, 2], &[1]]).one_entry_per_append();
    cluster.elect(1);
    for command in 10..20 {
        cluster.propose(1, command);
    }
    cluster.settle_in(Order::NewestFirst, 2);
    cluster.beat(1);
    assert_eq!((cluster.log(2), cluster.log(3)), (cluster.log(1), cluster.log(1)));
    assert_eq!(cluster.commit(1), 15);
}

// §5.3: "a log inconsistency ... The leader handles inconsistencies by forcing the followers' logs to duplicate its own"
#[test]
fn a_new_leader_overwrites_an_uncommitted_tail_of_a_later_term() {
    // Server 3 led term 3 and replicated nothing; its entries are newer than those that the next leader has.
    let mut cluster = Cluster::with_logs(&[&[1, 2], &[1, 2], &[1, 3, 3]]);
    cluster.partition(&[&[1, 2], &[3]]);
    cluster.elect(1);
    cluster.heal();
    cluster.beat(1);
    assert_eq!((cluster.log(1), cluster.log(3)), (vec![1, 2, 4], vec![1, 2, 4]));
}

// §5.3: a follower that was away gets all it missed.
#[test]
fn a_follower_that_was_away_catches_up() {
    let mut cluster = Cluster::of(3).one_entry_per_append();
    cluster.elect(1);
    cluster.crash(3);
    for command in 10..30 {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster.restart(3);
    cluster.beat(1);
    cluster.beat(1);
    assert_eq!(cluster.applied(3), (10..30).collect::<Vec<_>>());
}

// §5.3: the leader believes replies of its own term only; the follower may have followed somebody else since.
#[test]
fn a_late_refusal_of_an_earlier_term_moves_nothing() {
    let mut leader = node().term(3).log([1, 1]).steady_leader();
    let before = leader.progress_of(2);
    assert_eq!(leader.receive(2, conflict(2, 2, at(0, 0))).0, []);
    assert_eq!(leader.progress_of(2), before);
}

// §5.3: the voter of the last election is a follower like any other.
#[test]
fn a_vote_says_nothing_about_the_voters_log() {
    let mut leader = node().log([1, 1]).candidate();
    leader.receive(2, vote(2));
    assert_eq!(leader.progress_of(2).0, 0);
}
