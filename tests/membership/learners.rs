//! §4.2.1: a learner gets the log and has no say.

use raft_core::{MemberRole, RoleName, TransferOutcome, TransferReject};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{Builder, LoneNode, node, voters};
use tests::by_hand::messages::{
    accepted, add_learner, append_entries, at, heard, heartbeat, membership_entry, membership_of, membership_with,
    request_vote, timeout_now, vote,
};

/// Learner 4 beside voters 1 to 3.
fn learner() -> Builder {
    node().id(4).configured(|config| config.learners = vec![raft_core::NodeId(4)])
}

/// Server 1 of two voters, with learners 3 to 5.
fn with_three_learners() -> Builder {
    node().of(2).configured(|config| config.learners = voters(5).split_off(2))
}

fn leader_of_three_learners() -> LoneNode {
    let mut leader = with_three_learners().steady_leader();
    leader.propose(5);
    leader.persist();
    leader
}

#[test]
fn a_learner_gets_the_log_and_applies_it() {
    let mut cluster = Cluster::of(3);
    cluster.join(4);
    cluster.elect(1);
    cluster.change_membership(1, 7, &[add_learner(4)]);
    cluster.propose(1, 5);
    cluster.settle();
    cluster.beat(1);
    cluster.beat(1);
    assert_eq!((cluster.log(4), cluster.applied(4)), (cluster.log(1), cluster.applied(1)));
    assert_eq!(cluster.applied(4), [5]);
}

#[test]
fn learners_are_not_counted_for_a_commit() {
    let mut leader = leader_of_three_learners();
    (3..=5).for_each(|learner| drop(leader.receive(learner, accepted(1, 2))));
    assert_eq!(leader.commit(), 1);
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.commit(), 2);
}

#[test]
fn learners_are_not_waited_for() {
    let mut leader = leader_of_three_learners();
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.commit(), 2);
}

#[test]
fn learners_are_not_asked_for_votes() {
    let mut candidate = with_three_learners().candidate_with_unwritten_vote();
    assert_eq!(candidate.persist().receivers(), [2]);
}

#[test]
fn learners_are_not_counted_for_an_election() {
    let mut candidate = with_three_learners().candidate();
    (3..=5).for_each(|learner| drop(candidate.receive(learner, vote(1))));
    assert_eq!(candidate.role(), RoleName::Candidate);
    candidate.receive(2, vote(1));
    assert_eq!(candidate.role(), RoleName::Leader);
}

// Dissertation §6.2: whom a leader must hear from are voters.
#[test]
fn learners_do_not_keep_a_leader() {
    let mut leader = with_three_learners().configured(|config| config.check_quorum = true).steady_leader();
    while leader.role() == RoleName::Leader && leader.now.0 < 1_000_000_000 {
        leader.deadline();
        (3..=5).for_each(|learner| drop(leader.receive(learner, heard(1))));
    }
    assert_eq!(leader.role(), RoleName::Follower);
}

#[test]
fn a_learner_never_campaigns() {
    let mut learner = learner().follower();
    assert_eq!(learner.deadline().sends(), []);
    assert_eq!((learner.role(), learner.term(), learner.raft.next_deadline()), (RoleName::Follower, 0, None));
}

#[test]
fn a_learner_that_has_heard_a_leader_does_not_campaign_either() {
    let mut learner = learner().term(1).follower_of(2);
    assert_eq!(learner.deadline().sends(), []);
    assert_eq!((learner.role(), learner.leader(), learner.raft.next_deadline()), (RoleName::Follower, None, None));
}

#[test]
fn a_learner_does_not_take_over() {
    let mut learner = learner().term(1).follower_of(2);
    learner.receive(2, timeout_now(1));
    assert_eq!((learner.role(), learner.term()), (RoleName::Follower, 1));
}

#[test]
fn leadership_is_not_handed_to_a_learner() {
    let mut leader = leader_of_three_learners();
    let refused = TransferOutcome::Rejected(TransferReject::NotAVoter);
    assert_eq!(leader.transfer_leadership(3).transfer_outcomes(), [(3, refused)]);
}

// §4.2.1, §4.1: the candidate may have a log that makes a voter of it, which it does not have itself yet.
#[test]
fn a_learner_votes_for_a_candidate_that_counts_it_as_a_voter() {
    let mut learner = learner().term(1).follower();
    learner.receive(2, request_vote(2, at(3, 1)));
    assert_eq!(learner.persist().sends(), [(2, vote(2))]);
}

#[test]
fn a_learner_refuses_its_vote_to_a_shorter_log() {
    let mut learner = learner().log([1, 1]).follower();
    let mut effects = learner.receive(2, request_vote(2, at(1, 1)));
    effects.0.extend(learner.persist().0);
    assert!(!effects.sends().contains(&(2, vote(2))));
}

#[test]
fn a_learner_that_gave_its_vote_waits_on_in_silence() {
    let mut learner = learner().follower();
    learner.deadline();
    learner.receive(2, request_vote(2, at(3, 1)));
    learner.persist();
    assert_eq!(learner.raft.next_deadline(), None);
}

#[test]
fn a_learner_that_its_log_makes_a_voter_campaigns() {
    let mut learner = learner().follower();
    learner.deadline();
    let promoted = membership_entry(1, &membership_of([1, 2, 3, 4]));
    learner.receive(2, append_entries(1, at(0, 0), [promoted], 0));
    learner.persist();
    learner.deadline();
    assert_eq!(learner.role(), RoleName::Candidate);
    assert_eq!(learner.persist().receivers(), [1, 2, 3]);
}

#[test]
fn a_voter_that_its_log_makes_a_learner_campaigns_no_more() {
    let mut voter = node().term(1).follower_of(2);
    let roles = [(1, MemberRole::Learner { is_promoted: false }), (2, MemberRole::Voter), (3, MemberRole::Voter)];
    voter.receive(2, append_entries(1, at(0, 0), [membership_entry(1, &membership_with(roles))], 0));
    voter.persist();
    assert_eq!(voter.deadline().sends(), []);
    assert_eq!((voter.role(), voter.raft.next_deadline()), (RoleName::Follower, None));
}

#[test]
fn a_learner_is_heard_of_and_heartbeats_reach_it() {
    let mut leader = with_three_learners().steady_leader();
    assert_eq!(leader.deadline().receivers(), [2, 3, 4, 5]);
    let mut learner = learner().log([1]).follower_of(2);
    assert_eq!(learner.receive(2, heartbeat(1, at(1, 1), 1)).sends(), [(2, accepted(1, 1))]);
}

#[test]
fn a_demoted_voter_is_promoted_again() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for (proposal, change) in [(7, add_learner(3)), (8, tests::by_hand::messages::add_voter(3))] {
        cluster.change_membership(1, proposal, &[change]);
        cluster.settle();
        cluster.beat(1);
    }
    assert_eq!(cluster.raft(3).membership(), &membership_of([1, 2, 3]));
    cluster.elect(3);
}
