//! §4.2.3: a server that is removed learns of it and keeps quiet; one that does not learn of it disturbs nobody. And what
//! waited for it waits no more.

use raft_core::{LogIndex, ReadMode, ReadOutcome, RoleName, TransferOutcome};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, accepted_in, add_learner, add_voter, remove};

/// A leader of `count` voters that has put the removal of the last of them into its log, as entry 2.
fn leader_removing_the_last_of(count: u64) -> LoneNode {
    let mut leader = node().of(count).steady_leader();
    leader.change_membership(7, &[remove(count)]);
    leader.persist();
    leader
}

fn follows(leader: &LoneNode, id: u64) -> bool {
    leader.raft.progress().any(|(follower, _)| follower.0 == id)
}

#[test]
fn a_removed_server_is_sent_the_entry_that_removes_it() {
    let mut leader = node().steady_leader();
    let effects = leader.change_membership(7, &[remove(3)]);
    assert_eq!(effects.batches_to(3), [1]);
}

#[test]
fn a_removed_server_is_told_that_its_removal_is_committed_and_let_go() {
    let mut leader = leader_removing_the_last_of(3);
    leader.receive(2, accepted(1, 2));
    assert!(follows(&leader, 3));
    let effects = leader.receive(3, accepted(1, 2));
    assert_eq!(effects.appends_to(3).last().map(|append| append.leader_commit.0), Some(2));
    assert!(!follows(&leader, 3));
}

#[test]
fn a_removed_server_is_followed_until_the_removal_is_committed() {
    let mut leader = leader_removing_the_last_of(4);
    leader.receive(4, accepted(1, 2));
    assert!(follows(&leader, 4));
    assert!(leader.deadline().receivers().contains(&4));
}

#[test]
fn a_removed_server_does_not_count() {
    let mut leader = leader_removing_the_last_of(4);
    leader.receive(4, accepted(1, 2));
    assert_eq!(leader.commit(), 1, "1 alone of 1, 2, 3");
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.commit(), 2);
}

/// A cluster of four with all that keeps the peace. Server 1 leads.
fn peaceful_cluster() -> Cluster {
    let mut cluster = Cluster::of(4).configured(|config| (config.pre_vote, config.check_quorum) = (true, true));
    cluster.elect(1);
    cluster
}

#[test]
fn a_server_that_knows_of_its_removal_does_not_campaign() {
    let mut cluster = Cluster::of(4);
    cluster.elect(1);
    cluster.change_membership(1, 7, &[remove(4)]);
    cluster.settle();
    cluster.deadline(4);
    assert_eq!((cluster.role(4), cluster.raft(4).next_deadline()), (RoleName::Follower, None));
    assert_eq!(cluster.on_the_wires().count(), 0);
    assert_eq!(cluster.commit(4), 2, "it knows that this is final");
}

#[test]
fn a_server_that_was_away_for_a_moment_is_told_of_its_removal() {
    let mut cluster = peaceful_cluster();
    cluster.partition(&[&[1, 2, 3], &[4]]);
    cluster.change_membership(1, 7, &[remove(4)]);
    cluster.run_for_ms(250);
    cluster.heal();
    cluster.run_for_ms(150);
    assert!(!cluster.raft(4).membership().is_voter(raft_core::NodeId(4)));
    cluster.run_for_ms(1000);
    assert_eq!((cluster.role(1), cluster.term(1), cluster.raft(4).next_deadline()), (RoleName::Leader, 1, None));
}

#[test]
fn a_removed_server_that_cannot_be_reached_is_let_go() {
    let mut cluster = peaceful_cluster();
    cluster.partition(&[&[1, 2, 3], &[4]]);
    cluster.change_membership(1, 7, &[remove(4)]);
    cluster.run_for_ms(500);
    assert!(cluster.raft(1).progress().any(|(id, _)| id.0 == 4));
    cluster.run_for_ms(1000);
    assert!(!cluster.raft(1).progress().any(|(id, _)| id.0 == 4));
}

#[test]
fn a_server_that_does_not_know_of_its_removal_deposes_nobody() {
    for pre_vote in [true, false] {
        let mut cluster = peaceful_cluster().configured(|config| config.pre_vote = pre_vote);
        cluster.elect(1);
        cluster.partition(&[&[1, 2, 3], &[4]]);
        cluster.change_membership(1, 7, &[remove(4)]);
        cluster.run_for_ms(2000);
        let term = cluster.term(1);
        cluster.heal();
        cluster.run_for_ms(3000);
        assert!(cluster.raft(4).membership().is_voter(raft_core::NodeId(4)), "it has not been told");
        assert_eq!((cluster.role(1), cluster.term(1)), (RoleName::Leader, term), "pre-votes: {pre_vote}");
    }
}

#[test]
fn a_smaller_quorum_commits_what_was_waiting() {
    let mut leader = node().of(4).steady_leader();
    leader.propose(5);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.commit(), 1, "two of four");
    let effects = leader.change_membership(7, &[remove(4)]);
    assert_eq!((leader.commit(), effects.applies()), (2, vec![(2, 2)]));
}

#[test]
fn a_leader_that_is_left_alone_commits_what_was_waiting() {
    let mut leader = node().of(2).steady_leader();
    leader.propose(5);
    leader.persist();
    leader.change_membership(7, &[remove(2)]);
    assert_eq!(leader.commit(), 2);
    leader.persist();
    assert_eq!(leader.commit(), 3);
}

#[test]
fn a_smaller_quorum_answers_waiting_reads() {
    let mut leader = node().of(4).steady_leader();
    leader.read(5, ReadMode::ReadIndex);
    assert_eq!(leader.receive(2, accepted_in(1, 1, 1)).read_outcomes(), [], "two of four");
    let ready = ReadOutcome::Ready { index: LogIndex(1) };
    assert_eq!(leader.change_membership(7, &[remove(4)]).read_outcomes(), [(5, ready)]);
}

#[test]
fn a_demoted_server_is_followed_on() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_learner(3)]);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    leader.receive(3, accepted(1, 2));
    assert!(follows(&leader, 3));
    assert_eq!(leader.propose(5).batches_to(3), [1]);
}

#[test]
fn a_removed_server_may_be_added_again() {
    let mut cluster = Cluster::of(4);
    cluster.elect(1);
    for (proposal, change) in [(7, remove(4)), (8, add_voter(4)), (9, remove(4)), (10, add_learner(4))] {
        cluster.change_membership(1, proposal, &[change]);
        cluster.settle();
        cluster.beat(1);
    }
    cluster.propose(1, 5);
    cluster.settle();
    cluster.beat(1);
    assert_eq!((cluster.applied(4), cluster.log(4)), (cluster.applied(1), cluster.log(1)));
}

// The removal is committed, and 4 has not acknowledged it: its time of grace ends when it is a member again.
#[test]
fn a_server_that_is_added_again_while_it_is_being_told_is_not_let_go() {
    let mut cluster = peaceful_cluster();
    cluster.partition(&[&[1, 2, 3], &[4]]);
    cluster.change_membership(1, 7, &[remove(4)]);
    cluster.settle();
    cluster.change_membership(1, 8, &[add_learner(4)]);
    cluster.run_for_ms(2000);
    cluster.heal();
    cluster.run_for_ms(300);
    assert_eq!(cluster.raft(4).membership(), cluster.raft(1).membership());
    assert_eq!(cluster.raft(4).membership_index().0, 3);
}

#[test]
fn a_transfer_ends_when_its_target_is_removed_or_demoted() {
    for change in [remove(3), add_learner(3)] {
        let mut cluster = Cluster::of(4);
        cluster.elect(1);
        // The change comes first: once a transfer is under way, no proposal is taken.
        cluster.change_membership(1, 7, &[change]);
        cluster.transfer_leadership(1, 3);
        let refused = raft_core::TransferReject::NotAVoter;
        assert_eq!(cluster.transfer_outcomes(1), [(3, TransferOutcome::Rejected(refused))]);
    }
}

// The joint configuration is in force, its end is not: the transfer is to one that is on its way out.
#[test]
fn a_voter_on_its_way_out_is_no_successor() {
    let mut leader = node().of(4).steady_leader();
    leader.change_membership(7, &[remove(3), remove(4)]);
    assert!(leader.raft.membership().is_joint());
    let refused = TransferOutcome::Rejected(raft_core::TransferReject::NotAVoter);
    assert_eq!(leader.transfer_leadership(3).transfer_outcomes(), [(3, refused)]);
}
