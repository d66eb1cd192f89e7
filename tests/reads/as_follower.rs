//! §6.4: a follower asks its leader for the index, and serves the read itself when it has got there.

use raft_core::{LogIndex, Message, NodeId, ReadIndex, ReadIndexReply, ReadMode, ReadOutcome, Term, Time};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::effects::Effects;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, accepted_in, append, at, heartbeat, timeout_now, vote};

fn ready(index: u64) -> ReadOutcome {
    ReadOutcome::Ready { index: LogIndex(index) }
}

/// A follower of 2 in term 1 that has applied one entry and holds three.
fn follower() -> LoneNode {
    let mut follower = node().log([1, 1, 1]).follower_of(2);
    follower.receive(2, heartbeat(1, at(3, 1), 1));
    assert_eq!(follower.raft.last_applied(), LogIndex(1));
    follower
}

/// The number of the question that these effects ask 2.
fn number(effects: &Effects) -> u64 {
    match &effects.sends()[..] {
        [(2, Message::ReadIndex(question))] => question.number,
        other => panic!("no question: {other:?}"),
    }
}

fn answer(number: u64, index: u64) -> Message<u64> {
    Message::ReadIndexReply(ReadIndexReply { term: Term(1), number, index: LogIndex(index) })
}

#[test]
fn a_follower_asks_its_leader() {
    for (mode, may_use_lease) in [(ReadMode::ReadIndex, false), (ReadMode::Lease, true)] {
        let effects = follower().read(7, mode);
        let number = number(&effects);
        let question = Message::ReadIndex(ReadIndex { term: Term(1), number, may_use_lease });
        assert_eq!((effects.sends(), effects.read_outcomes()), (vec![(2, question)], vec![]));
    }
}

#[test]
fn a_follower_that_has_applied_enough_answers_at_once() {
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    assert_eq!(follower.receive(2, answer(number, 1)).read_outcomes(), [(7, ready(1))]);
}

#[test]
fn a_forwarded_read_waits_until_the_follower_has_applied_enough() {
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    assert_eq!(follower.receive(2, answer(number, 3)).read_outcomes(), []);
    assert_eq!(follower.receive(2, heartbeat(1, at(3, 1), 2)).read_outcomes(), []);
    let effects = follower.receive(2, heartbeat(1, at(3, 1), 3));
    assert_eq!((effects.applies(), effects.read_outcomes()), (vec![(3, 3)], vec![(7, ready(3))]));
}

#[test]
fn a_forwarded_read_waits_for_the_followers_disk() {
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    follower.receive(2, append(1, at(3, 1), [1], 4));
    assert_eq!(follower.receive(2, answer(number, 4)).read_outcomes(), []);
    assert_eq!(follower.persist().read_outcomes(), [(7, ready(4))]);
}

#[test]
fn a_forwarded_read_may_be_answered_by_an_installed_snapshot() {
    use tests::by_hand::messages::{install_snapshot, snapshot};
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    follower.receive(2, answer(number, 9));
    follower.receive(2, install_snapshot(1, &snapshot(at(9, 1), [1, 2, 3], 1), 0, &[0]));
    let effects = follower.persist();
    assert_eq!((effects.restored_snapshots(), effects.read_outcomes()), (vec![9], vec![(7, ready(9))]));
}

#[test]
fn an_answer_that_arrives_twice_ends_the_read_once() {
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    assert_eq!(follower.receive(2, answer(number, 1)).read_outcomes().len(), 1);
    assert_eq!(follower.receive(2, answer(number, 1)).read_outcomes(), []);
}

#[test]
fn an_answer_to_another_question_ends_nothing() {
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    assert_eq!(follower.receive(2, answer(number.wrapping_add(1), 1)).read_outcomes(), []);
    assert_eq!(follower.receive(2, answer(number.wrapping_sub(1), 1)).read_outcomes(), []);
}

#[test]
fn answers_out_of_order_end_the_reads_that_they_are_for() {
    let mut follower = follower();
    let numbers = [7, 8, 9].map(|id| number(&follower.read(id, ReadMode::ReadIndex)));
    assert_eq!(follower.receive(2, answer(numbers[2], 1)).read_outcomes(), [(9, ready(1))]);
    assert_eq!(follower.receive(2, answer(numbers[0], 1)).read_outcomes(), [(7, ready(1))]);
    assert_eq!(follower.receive(2, answer(numbers[1], 1)).read_outcomes(), [(8, ready(1))]);
}

// What was committed when the question came before the restart is not what is committed now.
#[test]
fn an_answer_to_a_question_from_before_a_restart_is_not_taken() {
    let before = number(&follower().read(7, ReadMode::ReadIndex));
    let mut restarted = node().log([1, 1, 1]).seed(2).follower_of(2);
    restarted.receive(2, heartbeat(1, at(3, 1), 1));
    number(&restarted.read(8, ReadMode::ReadIndex));
    for old in [before, before.wrapping_add(1)] {
        assert_eq!(restarted.receive(2, answer(old, 1)).read_outcomes(), []);
    }
}

#[test]
fn a_forwarded_read_that_is_not_answered_is_lost_after_the_longest_election_timeout() {
    let mut follower = follower();
    follower.read(7, ReadMode::ReadIndex);
    for _heartbeat in 0..2 {
        follower.wait_ms(100);
        assert_eq!(follower.receive(2, heartbeat(1, at(3, 1), 1)).read_outcomes(), []);
    }
    assert_eq!(follower.raft.next_deadline(), Some(Time(300_000_000)));
    assert_eq!(follower.deadline().read_outcomes(), [(7, ReadOutcome::Lost)]);
    assert_eq!(follower.leader(), Some(2), "the leader is not given up for that");
}

#[test]
fn a_forwarded_read_whose_index_is_never_reached_is_lost_too() {
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    follower.receive(2, answer(number, 3));
    follower.wait_ms(100);
    follower.receive(2, heartbeat(1, at(3, 1), 1));
    follower.now = Time(300_000_000);
    assert_eq!(follower.step(raft_core::Input::DeadlineReached).read_outcomes(), [(7, ReadOutcome::Lost)]);
}

#[test]
fn an_answer_after_the_end_is_ignored() {
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    follower.now = Time(300_000_000);
    follower.step(raft_core::Input::DeadlineReached);
    assert_eq!(follower.receive(2, answer(number, 1)).read_outcomes(), []);
}

#[test]
fn a_forwarded_read_is_lost_when_another_leads() {
    let mut follower = follower();
    follower.read(7, ReadMode::ReadIndex);
    assert_eq!(follower.receive(3, heartbeat(2, at(3, 1), 1)).read_outcomes(), [(7, ReadOutcome::Lost)]);
}

// The leader vouched for that index after the read had come: no later leader takes it back.
#[test]
fn a_forwarded_read_that_was_answered_survives_a_change_of_leader() {
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    follower.receive(2, answer(number, 3));
    assert_eq!(follower.receive(3, heartbeat(2, at(3, 1), 2)).read_outcomes(), []);
    assert_eq!(follower.receive(3, heartbeat(2, at(3, 1), 3)).read_outcomes(), [(7, ready(3))]);
}

#[test]
fn a_forwarded_read_of_one_that_takes_over_itself_ends_once() {
    let mut follower = follower();
    follower.read(7, ReadMode::ReadIndex);
    let mut effects = follower.receive(2, timeout_now(1));
    effects.0.extend(follower.persist().0);
    effects.0.extend(follower.receive(3, vote(2)).0);
    effects.0.extend(follower.persist().0);
    assert_eq!(follower.leader(), Some(1));
    for _beat in 0..10 {
        effects.0.extend(follower.deadline().0);
    }
    assert_eq!(effects.read_outcomes(), [(7, ReadOutcome::Lost)]);
}

#[test]
fn where_reads_are_not_forwarded_the_leader_is_named() {
    let mut follower = node().term(1).configured(|config| config.forward_reads = false).follower_of(2);
    let outcome = ReadOutcome::NotLeader { leader: Some(NodeId(2)) };
    let effects = follower.read(7, ReadMode::ReadIndex);
    assert_eq!((effects.read_outcomes(), effects.sends()), (vec![(7, outcome)], vec![]));
}

#[test]
fn a_server_that_knows_no_leader_says_so() {
    let outcome = ReadOutcome::NotLeader { leader: None };
    assert_eq!(node().follower().read(7, ReadMode::ReadIndex).read_outcomes(), [(7, outcome)]);
    assert_eq!(node().candidate().read(7, ReadMode::Lease).read_outcomes(), [(7, outcome)]);
}

fn question(term: u64, number: u64) -> Message<u64> {
    Message::ReadIndex(ReadIndex { term: Term(term), number, may_use_lease: false })
}

#[test]
fn a_leader_answers_a_follower_after_a_round() {
    let mut leader = node().steady_leader();
    assert_eq!(leader.receive(3, question(1, 40)).receivers(), [2, 3]);
    let answer = Message::ReadIndexReply(ReadIndexReply { term: Term(1), number: 40, index: LogIndex(1) });
    assert_eq!(leader.receive(2, accepted_in(1, 1, 1)).sends(), [(3, answer)]);
}

#[test]
fn a_leader_answers_a_follower_with_what_was_committed_when_it_asked() {
    let mut leader = node().steady_leader();
    leader.receive(3, question(1, 40));
    leader.propose(5);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    let answer = Message::ReadIndexReply(ReadIndexReply { term: Term(1), number: 40, index: LogIndex(1) });
    assert!(leader.receive(2, accepted_in(1, 1, 2)).sends().contains(&(3, answer)));
}

#[test]
fn a_question_to_the_leader_of_another_term_is_not_answered() {
    let mut leader = node().log([1]).steady_leader();
    assert_eq!(leader.receive(3, question(1, 40)).sends(), []);
    assert_eq!(follower().receive(3, question(1, 40)).sends(), [], "a follower does not answer");
}

#[test]
fn a_learner_reads_like_any_follower() {
    let mut cluster = Cluster::of(3);
    cluster.join(4);
    cluster.elect(1);
    cluster.change_membership(1, 70, &[tests::by_hand::messages::add_learner(4)]);
    cluster.propose(1, 5);
    cluster.settle();
    cluster.beat(1);
    cluster.read(4, 7, ReadMode::ReadIndex);
    cluster.settle();
    cluster.beat(1);
    assert_eq!((cluster.read_outcomes(4), cluster.applied(4)), (&[(7, ready(3))][..], &[5][..]));
}

#[test]
fn a_follower_sees_what_was_committed_before_it_read() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, 5);
    cluster.settle();
    // 3 holds the entry and has not heard of its commit.
    assert_eq!((cluster.applied(1), cluster.commit(3)), (&[5][..], 1));
    cluster.read(3, 7, ReadMode::ReadIndex);
    cluster.settle();
    cluster.beat(1);
    assert_eq!((cluster.read_outcomes(3), cluster.applied(3)), (&[(7, ready(2))][..], &[5][..]));
}

#[test]
fn a_server_that_has_stopped_waits_for_no_answer() {
    let mut follower = follower();
    let number = number(&follower.read(7, ReadMode::ReadIndex));
    follower.receive(2, answer(number, 3));
    assert!(follower.raft.next_deadline().is_some());
    let effects = follower.receive(3, append(2, at(0, 0), [2], 1));
    assert!(effects.fatal().is_some(), "it contradicts what is committed");
    assert_eq!(follower.raft.next_deadline(), None);
}
