//! §6.4.1: while no quorum can have elected anybody else, a leader need not ask. Clocks may drift apart by what is
//! configured, and no more.

use raft_core::{
    Input, LogIndex, LogPosition, Message, ReadIndex, ReadIndexReply, ReadMode, ReadOutcome, RoleName, Term,
};
use tests::by_hand::lone_node::{Builder, LoneNode, node, voters};
use tests::by_hand::messages::{accepted_in, at, pre_vote, request_vote, vote};

const NS_PER_MS: u64 = 1_000_000;

/// Elections after 150 to 300 ms, clocks that drift by so many millionths.
fn with_lease(drift_ppm: u32) -> Builder {
    node().configured(|config| {
        config.check_quorum = true;
        config.lease_clock_drift_ppm = Some(drift_ppm);
    })
}

/// A leader whose first round began `at` that time and was answered by 2 right away.
fn leaseholder(builder: Builder) -> (LoneNode, u64) {
    let mut leader = builder.steady_leader();
    leader.deadline();
    let began = leader.now.0;
    leader.receive(2, accepted_in(1, 1, 1));
    (leader, began)
}

fn ready(index: u64) -> ReadOutcome {
    ReadOutcome::Ready { index: LogIndex(index) }
}

/// Whether a read by lease is answered without a round, `ns` after the round of the lease began.
fn is_answered_at_once(leader: &LoneNode, began: u64, ns: u64) -> bool {
    let mut leader = leader.clone();
    leader.now.0 = began + ns;
    let effects = leader.read(7, ReadMode::Lease);
    match &effects.read_outcomes()[..] {
        [(7, ReadOutcome::Ready { .. })] => effects.sends().is_empty(),
        [] => {
            assert_eq!(effects.receivers(), [2, 3], "it goes by a round");
            false
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_lease_holds_for_the_shortest_election_timeout() {
    let (leader, began) = leaseholder(with_lease(0));
    assert!(is_answered_at_once(&leader, began, 0));
    assert!(is_answered_at_once(&leader, began, 150 * NS_PER_MS - 1));
    assert!(!is_answered_at_once(&leader, began, 150 * NS_PER_MS));
}

#[test]
fn a_lease_is_shorter_by_the_drift() {
    let (leader, began) = leaseholder(with_lease(100_000));
    assert!(is_answered_at_once(&leader, began, 135 * NS_PER_MS - 1));
    assert!(!is_answered_at_once(&leader, began, 135 * NS_PER_MS));
}

// The follower's patience began when the heartbeat arrived, at the earliest when it was sent.
#[test]
fn a_lease_begins_when_the_round_was_sent_and_not_when_it_was_answered() {
    let mut leader = with_lease(0).steady_leader();
    leader.deadline();
    let began = leader.now.0;
    leader.wait_ms(40);
    leader.receive(2, accepted_in(1, 1, 1));
    assert!(is_answered_at_once(&leader, began, 149 * NS_PER_MS));
    assert!(!is_answered_at_once(&leader, began, 151 * NS_PER_MS));
}

#[test]
fn the_answer_to_an_old_round_renews_no_lease() {
    let mut leader = with_lease(0).steady_leader();
    leader.deadline();
    let began = leader.now.0;
    leader.deadline();
    leader.wait_ms(30);
    leader.receive(2, accepted_in(1, 1, 1));
    assert!(!is_answered_at_once(&leader, began, 150 * NS_PER_MS));
    leader.receive(2, accepted_in(2, 1, 1));
    assert!(is_answered_at_once(&leader, began, 150 * NS_PER_MS));
}

#[test]
fn a_lease_needs_a_quorum() {
    let (mut leader, began) = leaseholder(with_lease(0).of(5));
    leader.now.0 = began + 1;
    assert_eq!(leader.read(7, ReadMode::Lease).read_outcomes(), [], "two of five");
    leader.receive(3, accepted_in(1, 1, 1));
    assert_eq!(leader.read(8, ReadMode::Lease).read_outcomes(), [(8, ready(1))]);
}

#[test]
fn learners_renew_no_lease() {
    let learners = voters(5).split_off(2);
    let mut leader = with_lease(0).of(2).configured(|config| config.learners = learners).steady_leader();
    leader.deadline();
    (3..=5).for_each(|learner| drop(leader.receive(learner, accepted_in(1, 1, 1))));
    assert_eq!(leader.read(7, ReadMode::Lease).read_outcomes(), []);
}

#[test]
fn a_new_leader_has_no_lease() {
    let mut leader = with_lease(0).steady_leader();
    assert_eq!(leader.read(7, ReadMode::Lease).read_outcomes(), []);
}

#[test]
fn a_lease_is_of_no_use_before_a_commit_in_the_leaders_own_term() {
    let mut leader = with_lease(0).log([1, 1]).leader();
    leader.deadline();
    leader.receive(2, accepted_in(1, 2, 2));
    assert_eq!(leader.read(7, ReadMode::Lease).read_outcomes(), []);
}

#[test]
fn a_read_by_round_does_not_use_the_lease() {
    let (mut leader, _) = leaseholder(with_lease(0));
    let effects = leader.read(7, ReadMode::ReadIndex);
    assert_eq!((effects.read_outcomes(), effects.receivers()), (vec![], vec![2, 3]));
}

#[test]
fn without_a_configured_drift_a_read_by_lease_goes_by_a_round() {
    let (mut leader, _) = leaseholder(node().configured(|config| config.check_quorum = true));
    let effects = leader.read(7, ReadMode::Lease);
    assert_eq!((effects.read_outcomes(), effects.receivers()), (vec![], vec![2, 3]));
    assert_eq!(leader.receive(2, accepted_in(2, 1, 1)).read_outcomes(), [(7, ready(1))]);
}

#[test]
fn a_read_after_the_lease_is_answered_by_its_round() {
    let (mut leader, began) = leaseholder(with_lease(0));
    leader.now.0 = began + 200 * NS_PER_MS;
    leader.read(7, ReadMode::Lease);
    assert_eq!(leader.receive(3, accepted_in(2, 1, 1)).read_outcomes(), [(7, ready(1))]);
}

// §6.4.1: the target may be elected while everybody is in touch with the old leader.
#[test]
fn there_is_no_lease_after_leadership_was_handed_over_until_the_term_ends() {
    let (mut leader, _) = leaseholder(with_lease(0));
    leader.receive(3, accepted_in(1, 1, 1));
    assert!(!leader.transfer_leadership(2).sends_to(2).is_empty());
    assert_eq!(leader.read(7, ReadMode::Lease).read_outcomes(), []);
    // Nobody takes over, and the transfer ends.
    for beat in 2..20 {
        leader.deadline();
        let round = beat + 1;
        leader.receive(2, accepted_in(round, 1, 1));
    }
    assert_eq!((leader.role(), leader.raft.status().transfer_to), (RoleName::Leader, None));
    let effects = leader.read(8, ReadMode::Lease);
    assert_eq!(effects.read_outcomes(), []);
    assert_eq!(effects.receivers(), [2, 3]);
}

#[test]
fn a_lease_holds_while_the_target_of_a_transfer_is_not_told_yet() {
    let (mut leader, _) = leaseholder(with_lease(0));
    leader.propose(5);
    assert_eq!(leader.transfer_leadership(2).sends(), [], "it lacks the last entry");
    assert_eq!(leader.read(7, ReadMode::Lease).read_outcomes(), [(7, ready(1))]);
}

fn question(may_use_lease: bool) -> Message<u64> {
    Message::ReadIndex(ReadIndex { term: Term(1), number: 5, may_use_lease })
}

#[test]
fn a_follower_that_asks_by_lease_is_answered_at_once() {
    let (mut leader, _) = leaseholder(with_lease(0));
    let answer = Message::ReadIndexReply(ReadIndexReply { term: Term(1), number: 5, index: LogIndex(1) });
    assert_eq!(leader.receive(3, question(true)).sends(), [(3, answer)]);
    assert_eq!(leader.receive(3, question(false)).receivers(), [2, 3]);
}

/// A voter that was in term 3 before it was restarted, at time 0.
fn restarted(builder: Builder) -> LoneNode {
    builder.log([3]).follower()
}

/// What becomes of a request for a vote so many milliseconds after the start: whether it is granted.
fn grants_after(mut voter: LoneNode, ms: u64, last: LogPosition) -> bool {
    voter.wait_ms(ms);
    let term = voter.term() + 1;
    let mut effects = voter.receive(2, request_vote(term, last));
    effects.0.extend(voter.persist().0);
    effects.sends() == [(2, vote(term))]
}

// What it answered before the restart may be what a lease rests on, and it has forgotten when that was.
#[test]
fn a_restarted_voter_grants_no_vote_for_the_longest_election_timeout() {
    assert!(!grants_after(restarted(with_lease(0)), 0, at(1, 3)));
    assert!(!grants_after(restarted(with_lease(0)), 299, at(1, 3)));
    assert!(grants_after(restarted(with_lease(0)), 300, at(1, 3)));
}

#[test]
fn a_restarted_voter_grants_no_pre_vote_either() {
    for (ms, is_granted) in [(299, false), (300, true)] {
        let mut voter = restarted(with_lease(0));
        voter.wait_ms(ms);
        let granted = tests::by_hand::messages::pre_vote_granted(4);
        assert_eq!(voter.receive(2, pre_vote(4, at(1, 3))).sends() == [(2, granted)], is_granted, "{ms} ms");
    }
}

#[test]
fn without_leases_a_restarted_voter_votes_at_once() {
    assert!(grants_after(restarted(node().configured(|config| config.check_quorum = true)), 0, at(1, 3)));
}

#[test]
fn a_new_voter_has_promised_nothing_and_votes_at_once() {
    assert!(grants_after(with_lease(0).follower(), 0, at(0, 0)));
}

// A lease counts on it: whoever is in touch with the leader ignores those who campaign.
#[test]
fn a_follower_grants_no_vote_while_a_lease_may_rest_on_its_answer() {
    let fresh = || with_lease(0).term(0).follower();
    for (ms, is_granted) in [(149, false), (150, true)] {
        let mut follower = fresh();
        follower.receive(3, tests::by_hand::messages::heartbeat(1, at(0, 0), 0));
        follower.persist();
        assert_eq!(grants_after(follower, ms, at(0, 0)), is_granted, "{ms} ms");
    }
}

// The lease is the old leader's; that a later term has begun meanwhile does not end it.
#[test]
fn a_follower_that_has_taken_up_a_later_term_still_keeps_its_promise() {
    let mut follower = with_lease(0).follower();
    follower.receive(3, tests::by_hand::messages::heartbeat(1, at(0, 0), 0));
    follower.persist();
    follower.receive(2, tests::by_hand::messages::refusal(5));
    follower.persist();
    assert!(!grants_after(follower, 100, at(0, 0)));
}

#[test]
fn a_deposed_leader_reads_by_lease_no_more() {
    let (mut leader, _) = leaseholder(with_lease(0));
    leader.receive(2, tests::by_hand::messages::refusal(5));
    let outcome = ReadOutcome::NotLeader { leader: None };
    assert_eq!(leader.read(7, ReadMode::Lease).read_outcomes(), [(7, outcome)]);
    leader.step(Input::DeadlineReached);
}
