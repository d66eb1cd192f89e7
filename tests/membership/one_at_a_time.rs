//! §4.1: one change at a time, and none before a leader has committed something of its own term. Without the second
//! rule, two leaders could each have a change under way that the other's log lacks, with quorums that share nobody.

use raft_core::{MemberRole, ProposalOutcome, RejectReason, RoleName, Term};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::effects::Effects;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{
    accepted, add_learner, add_voter, append, append_entries, at, heartbeat, membership_entry, membership_of,
    membership_with, remove, vote,
};

#[track_caller]
fn assert_rejected(effects: &Effects, reason: RejectReason) {
    assert_eq!(effects.outcomes(), [(9, ProposalOutcome::Rejected(reason))]);
    assert_eq!(effects.writes().len() + effects.sends().len() + effects.memberships().len(), 0, "nothing changes");
}

fn committed(index: u64, term: u64) -> ProposalOutcome {
    ProposalOutcome::Committed { index: raft_core::LogIndex(index), term: Term(term) }
}

#[test]
fn a_second_change_is_refused_while_the_first_is_not_committed() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_learner(4)]);
    assert_rejected(&leader.change_membership(9, &[add_learner(5)]), RejectReason::ChangeInProgress);
}

#[test]
fn a_second_change_is_taken_once_the_first_is_committed() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_learner(4)]);
    leader.persist();
    assert_eq!(leader.receive(2, accepted(1, 2)).outcomes(), [(7, committed(2, 1))]);
    assert_eq!(leader.change_membership(9, &[add_learner(5)]).memberships().len(), 1);
}

#[test]
fn no_change_is_taken_until_a_joint_configuration_is_left() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_voter(4), remove(3)]);
    assert_rejected(&leader.change_membership(9, &[add_learner(5)]), RejectReason::ChangeInProgress);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    assert_eq!((leader.commit(), leader.last()), (2, 3), "the joint configuration is committed, and left");
    assert_rejected(&leader.change_membership(9, &[add_learner(5)]), RejectReason::ChangeInProgress);
    leader.persist();
    leader.receive(2, accepted(1, 3));
    assert_eq!(leader.change_membership(9, &[add_learner(5)]).outcomes(), []);
}

#[test]
fn no_change_is_taken_before_the_leader_has_committed_in_its_own_term() {
    let mut leader = node().log([1, 1]).leader();
    assert_rejected(&leader.change_membership(9, &[add_voter(4)]), RejectReason::NothingCommittedYet);
    leader.receive(2, accepted(2, 3));
    assert_eq!(leader.change_membership(9, &[add_voter(4)]).outcomes(), []);
}

// What was committed in an earlier term, and is known to be, makes no difference.
#[test]
fn a_commit_of_an_earlier_term_is_not_enough() {
    let mut follower = node().log([1, 1]).follower_of(2);
    follower.receive(2, heartbeat(1, at(2, 1), 2));
    follower.deadline();
    follower.persist();
    follower.receive(3, vote(2));
    assert_eq!((follower.role(), follower.commit()), (RoleName::Leader, 2));
    assert_rejected(&follower.change_membership(9, &[add_voter(4)]), RejectReason::NothingCommittedYet);
}

#[test]
fn the_first_leader_of_all_waits_for_its_first_entry_too() {
    assert_rejected(&node().leader().change_membership(9, &[add_voter(4)]), RejectReason::NothingCommittedYet);
}

/// A leader of term 2 whose log ends with a change of its predecessor's and its own first entry.
fn heir_of_a_change() -> LoneNode {
    let mut server = node().term(1).follower_of(2);
    let change = membership_entry(1, &membership_with([1, 2, 3].map(|id| (id, MemberRole::Voter))));
    server.receive(2, append_entries(1, at(0, 0), [membership_entry(1, &membership_of([1, 2, 3, 4])), change], 0));
    server.persist();
    server.deadline();
    server.persist();
    server.receive(3, vote(2));
    server.persist();
    server
}

#[test]
fn a_new_leader_refuses_changes_while_the_one_it_found_is_not_committed() {
    let mut leader = heir_of_a_change();
    assert_rejected(&leader.change_membership(9, &[add_voter(4)]), RejectReason::NothingCommittedYet);
    leader.receive(2, accepted(2, 2));
    assert_rejected(&leader.change_membership(9, &[add_voter(4)]), RejectReason::NothingCommittedYet);
    leader.receive(2, accepted(2, 3));
    assert_eq!(leader.change_membership(9, &[add_voter(4)]).outcomes(), []);
}

#[test]
fn a_follower_refuses_a_change_and_names_the_leader() {
    let leader = Some(raft_core::NodeId(2));
    let mut follower = node().term(1).follower_of(2);
    assert_rejected(&follower.change_membership(9, &[add_voter(4)]), RejectReason::NotLeader { leader });
}

#[test]
fn a_change_is_refused_while_leadership_is_handed_over() {
    let mut leader = node().steady_leader();
    leader.transfer_leadership(2);
    let to = raft_core::NodeId(2);
    assert_rejected(&leader.change_membership(9, &[add_voter(4)]), RejectReason::TransferInProgress { to });
}

#[test]
fn a_change_is_refused_while_too_much_is_uncommitted() {
    let mut leader = node().configured(|config| config.max_uncommitted_bytes = 24).steady_leader();
    leader.propose(1);
    let reason = RejectReason::TooMuchUncommitted { uncommitted_bytes: 24 };
    assert_rejected(&leader.change_membership(9, &[add_voter(4)]), reason);
}

#[test]
fn a_change_is_committed_after_its_apply() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_voter(4)]);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    let effects = leader.receive(3, accepted(1, 2));
    assert_eq!((effects.applies(), effects.outcomes()), (vec![(2, 2)], vec![(7, committed(2, 1))]));
}

#[test]
fn a_change_in_whose_place_another_entry_commits_is_superseded() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_voter(4)]);
    leader.persist();
    leader.receive(2, append(2, at(1, 1), [2], 2));
    assert_eq!(leader.persist().outcomes(), [(7, ProposalOutcome::Superseded)]);
}

// The flaw found in 2015: server 1 adds 5 and nobody hears of it; server 2 would remove 1 from the four, and commit that
// with 3. Then 1 and 5 with 4 would be a majority of five that knows nothing of it.
#[test]
fn two_leaders_cannot_have_changes_under_way_that_the_other_lacks() {
    let mut cluster = Cluster::of(4);
    cluster.elect(1);
    cluster.partition(&[&[1], &[2, 3, 4]]);
    cluster.change_membership(1, 7, &[add_voter(5)]);
    cluster.settle();
    cluster.elect_by(2, [3, 4]);
    cluster.drop_all();
    cluster.change_membership(2, 8, &[remove(1)]);
    assert_eq!(cluster.outcomes(2), [(8, ProposalOutcome::Rejected(RejectReason::NothingCommittedYet))]);
    // Once its own entry is on a majority of the four, server 1's change can win no more.
    cluster.beat(2);
    cluster.change_membership(2, 9, &[remove(1)]);
    cluster.settle();
    assert_eq!(cluster.raft(2).membership(), &membership_of([2, 3, 4]));
    cluster.join(5);
    cluster.partition(&[&[1, 4, 5], &[2, 3]]);
    for _campaign in 0..5 {
        cluster.deadline(1);
        cluster.settle();
        assert_ne!(cluster.role(1), RoleName::Leader);
    }
}
