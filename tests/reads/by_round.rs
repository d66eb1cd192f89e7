//! §6.4: a leader asks its followers whether it still leads, once for all reads that wait.

use raft_core::{LogIndex, ReadMode, ReadOutcome};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, accepted_in, add_voter, remove};

fn ready(index: u64) -> ReadOutcome {
    ReadOutcome::Ready { index: LogIndex(index) }
}

fn read(leader: &mut LoneNode, id: u64) -> tests::by_hand::effects::Effects {
    leader.read(id, ReadMode::ReadIndex)
}

#[test]
fn a_read_begins_a_round_with_every_follower() {
    let mut leader = node().of(5).steady_leader();
    let effects = read(&mut leader, 7);
    assert_eq!(effects.receivers(), [2, 3, 4, 5]);
    assert!((2..=5).all(|follower| effects.appends_to(follower)[0].round.0 == 1));
    assert_eq!(effects.read_outcomes(), []);
}

#[test]
fn a_read_is_answered_once_a_majority_has_answered_its_round() {
    let mut leader = node().of(5).steady_leader();
    read(&mut leader, 7);
    assert_eq!(leader.receive(2, accepted_in(1, 1, 1)).read_outcomes(), [], "two of five");
    assert_eq!(leader.receive(3, accepted_in(1, 1, 1)).read_outcomes(), [(7, ready(1))]);
}

#[test]
fn an_answer_that_arrives_twice_counts_once() {
    let mut leader = node().of(5).steady_leader();
    read(&mut leader, 7);
    for _copy in 0..3 {
        assert_eq!(leader.receive(2, accepted_in(1, 1, 1)).read_outcomes(), []);
    }
}

#[test]
fn an_answer_without_a_claim_about_the_log_counts() {
    let mut leader = node().steady_leader();
    read(&mut leader, 7);
    let heard = raft_core::Message::AppendEntriesReply(raft_core::AppendEntriesReply {
        term: raft_core::Term(1),
        round: raft_core::Round(1),
        outcome: raft_core::AppendOutcome::Heard,
    });
    assert_eq!(leader.receive(2, heard).read_outcomes(), [(7, ready(1))]);
}

// The follower may have recognised another leader between that round and the read.
#[test]
fn an_answer_to_a_round_from_before_the_read_does_not_count() {
    let mut leader = node().steady_leader();
    leader.deadline();
    read(&mut leader, 7);
    assert_eq!(leader.receive(2, accepted_in(1, 1, 1)).read_outcomes(), []);
    assert_eq!(leader.receive(3, accepted(1, 1)).read_outcomes(), []);
    assert_eq!(leader.receive(2, accepted_in(2, 1, 1)).read_outcomes(), [(7, ready(1))]);
}

#[test]
fn the_answer_to_a_later_heartbeat_counts() {
    let mut leader = node().steady_leader();
    read(&mut leader, 7);
    leader.deadline();
    assert_eq!(leader.receive(2, accepted_in(2, 1, 1)).read_outcomes(), [(7, ready(1))]);
}

// §6.4, step 1; §8: until then the leader does not know what its predecessors committed.
#[test]
fn no_read_is_answered_before_a_commit_in_the_leaders_own_term() {
    let mut leader = node().log([1, 1]).leader();
    read(&mut leader, 7);
    assert_eq!(leader.receive(2, accepted_in(1, 2, 2)).read_outcomes(), []);
    assert_eq!(leader.receive(3, accepted_in(1, 2, 2)).read_outcomes(), []);
    assert_eq!(leader.receive(3, accepted_in(1, 2, 3)).read_outcomes(), [(7, ready(3))]);
}

#[test]
fn a_read_from_before_the_first_commit_waits_for_its_round_too() {
    let mut leader = node().log([1, 1]).leader();
    read(&mut leader, 7);
    assert_eq!(leader.receive(2, accepted(2, 3)).read_outcomes(), []);
    assert_eq!(leader.commit(), 3);
    assert_eq!(leader.receive(2, accepted_in(1, 2, 3)).read_outcomes(), [(7, ready(3))]);
}

#[test]
fn a_read_sees_what_was_committed_when_it_came() {
    let mut leader = node().steady_leader();
    read(&mut leader, 7);
    leader.propose(5);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.commit(), 2);
    assert_eq!(leader.receive(2, accepted_in(1, 1, 2)).read_outcomes(), [(7, ready(1))]);
}

#[test]
fn a_read_need_not_see_what_was_not_committed() {
    let mut leader = node().steady_leader();
    leader.propose(5);
    read(&mut leader, 7);
    assert_eq!(leader.receive(2, accepted_in(1, 1, 1)).read_outcomes(), [(7, ready(1))]);
}

#[test]
fn one_round_serves_all_reads_that_wait_for_it_and_the_next_those_that_came_meanwhile() {
    let mut leader = node().steady_leader();
    assert_eq!(read(&mut leader, 1).receivers(), [2, 3]);
    assert_eq!(read(&mut leader, 2).receivers(), [0; 0]);
    assert_eq!(read(&mut leader, 3).receivers(), [0; 0]);
    let effects = leader.receive(2, accepted_in(1, 1, 1));
    assert_eq!((effects.read_outcomes(), effects.receivers()), (vec![(1, ready(1))], vec![2, 3]));
    let effects = leader.receive(2, accepted_in(2, 1, 1));
    assert_eq!(effects.read_outcomes(), [(2, ready(1)), (3, ready(1))]);
    assert_eq!(effects.receivers(), [0; 0], "nobody waits any more");
}

// The heartbeat was due anyway, and began after they came.
#[test]
fn a_heartbeat_serves_the_reads_that_came_before_it() {
    let mut leader = node().steady_leader();
    read(&mut leader, 1);
    read(&mut leader, 2);
    leader.deadline();
    assert_eq!(leader.receive(2, accepted_in(2, 1, 1)).read_outcomes(), [(1, ready(1)), (2, ready(1))]);
}

#[test]
fn a_busy_leader_answers_reads_in_the_order_in_which_they_came() {
    let mut leader = node().steady_leader();
    let mut answered = Vec::new();
    for id in 0..50 {
        read(&mut leader, id);
        if id % 7 == 6 {
            let round = id / 7 + 1;
            let effects = leader.receive(2, accepted_in(round, 1, 1));
            answered.extend(effects.read_outcomes().iter().map(|(id, _)| *id));
        }
    }
    leader.deadline();
    let round = 50 / 7 + 2;
    answered.extend(leader.receive(2, accepted_in(round, 1, 1)).read_outcomes().iter().map(|(id, _)| *id));
    assert_eq!(answered, (0..50).collect::<Vec<_>>());
}

// The commit index is ahead of the leader's own disk, and of its state machine.
#[test]
fn a_read_waits_for_the_leaders_own_state_machine() {
    let mut leader = node().steady_leader();
    leader.propose(5);
    leader.receive(2, accepted(1, 2));
    leader.receive(3, accepted(1, 2));
    assert_eq!((leader.commit(), leader.raft.last_applied().0), (2, 1));
    read(&mut leader, 7);
    assert_eq!(leader.receive(2, accepted_in(1, 1, 2)).read_outcomes(), []);
    let effects = leader.persist();
    assert_eq!((effects.applies(), effects.read_outcomes()), (vec![(2, 2)], vec![(7, ready(2))]));
}

#[test]
fn a_single_voter_answers_at_once() {
    let mut leader = node().of(1).leader();
    let effects = read(&mut leader, 7);
    assert_eq!((effects.read_outcomes(), effects.sends().len()), (vec![(7, ready(1))], 0));
}

#[test]
fn a_single_voter_with_learners_answers_at_once() {
    let mut leader = node().of(1).configured(|config| config.learners = vec![raft_core::NodeId(2)]).leader();
    assert_eq!(read(&mut leader, 7).read_outcomes(), [(7, ready(1))]);
}

#[test]
fn a_single_voter_waits_for_its_own_first_commit() {
    let mut leader = node().of(1).candidate();
    assert_eq!((leader.raft.leader().map(|id| id.0), leader.commit()), (Some(1), 1));
    let mut fresh = node().of(1).follower();
    fresh.deadline();
    fresh.persist_oldest();
    assert_eq!((fresh.leader(), fresh.commit()), (Some(1), 0));
    assert_eq!(read(&mut fresh, 7).read_outcomes(), []);
    assert_eq!(fresh.persist().read_outcomes(), [(7, ready(1))]);
    assert_eq!(read(&mut leader, 8).read_outcomes(), [(8, ready(1))]);
}

#[test]
fn learners_answers_do_not_count() {
    let learners = (3..=6).map(raft_core::NodeId).collect::<Vec<_>>();
    let mut leader = node().of(2).configured(|config| config.learners = learners).steady_leader();
    read(&mut leader, 7);
    for learner in 3..=6 {
        assert_eq!(leader.receive(learner, accepted_in(1, 1, 1)).read_outcomes(), []);
    }
    assert_eq!(leader.receive(2, accepted_in(1, 1, 1)).read_outcomes(), [(7, ready(1))]);
}

#[test]
fn a_read_in_a_joint_configuration_needs_both_halves() {
    for (one_half, other) in [([2, 3], 4), ([4, 5], 2)] {
        let mut leader = node().steady_leader();
        leader.change_membership(9, &[remove(2), remove(3), add_voter(4), add_voter(5)]);
        leader.persist();
        read(&mut leader, 7);
        for follower in one_half {
            assert_eq!(leader.receive(follower, accepted_in(1, 1, 0)).read_outcomes(), [], "{one_half:?}");
        }
        assert_eq!(leader.receive(other, accepted_in(1, 1, 0)).read_outcomes(), [(7, ready(1))]);
    }
}

#[test]
fn a_leader_that_has_removed_itself_does_not_count_itself_for_a_read() {
    let mut leader = node().steady_leader();
    leader.change_membership(9, &[remove(1)]);
    leader.persist();
    read(&mut leader, 7);
    assert_eq!(leader.receive(2, accepted_in(1, 1, 1)).read_outcomes(), []);
    assert_eq!(leader.receive(3, accepted_in(1, 1, 1)).read_outcomes(), [(7, ready(1))]);
}

#[test]
fn a_stranger_does_not_count() {
    let mut leader = node().steady_leader();
    read(&mut leader, 7);
    assert_eq!(leader.receive(9, accepted_in(1, 1, 1)).read_outcomes(), []);
}

#[test]
fn a_leader_cut_off_from_its_majority_gives_up() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3, 4, 5]]);
    cluster.read(1, 7, ReadMode::ReadIndex);
    for _beat in 0..20 {
        cluster.beat(1);
    }
    cluster.elect(3);
    cluster.propose(3, 5);
    cluster.settle();
    cluster.beat(1);
    assert_eq!((cluster.applied(3), cluster.read_outcomes(1)), (&[5][..], &[(7, ReadOutcome::Lost)][..]));
}

#[test]
fn a_read_is_answered_when_a_partition_heals_and_nobody_else_was_elected() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.partition(&[&[1], &[2, 3]]);
    cluster.read(1, 7, ReadMode::ReadIndex);
    cluster.settle();
    cluster.heal();
    cluster.beat(1);
    assert_eq!(cluster.read_outcomes(1), [(7, ready(1))]);
}

#[test]
fn reads_write_nothing() {
    let mut leader = node().steady_leader();
    let before = leader.last();
    let mut effects = read(&mut leader, 7);
    effects.0.extend(leader.receive(2, accepted_in(1, 1, 1)).0);
    assert_eq!((effects.writes().len(), leader.last()), (0, before));
}

#[test]
fn a_read_of_the_only_voter_waits_for_its_first_commit_whatever_learners_say() {
    let with_learner = node().of(1).configured(|config| config.learners = vec![raft_core::NodeId(2)]);
    let mut leader = with_learner.candidate_with_unwritten_vote();
    leader.persist_oldest();
    read(&mut leader, 7);
    assert_eq!(leader.receive(2, accepted_in(1, 1, 1)).read_outcomes(), []);
    assert_eq!(leader.persist().read_outcomes(), [(7, ready(1))]);
}
