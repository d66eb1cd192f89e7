//! §4.2.2: a leader that its own change removes leads until that is committed, without counting itself, and goes then.

use raft_core::{Input, MemberRole, ProposalId, ProposalOutcome, RoleName};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{
    accepted, add_learner, add_voter, at, heartbeat, membership_of, membership_with, remove, timeout_now,
};

/// A leader of voters 1 to 3 that has put a change into its log, as entry 2.
fn leader_changing(changes: &[raft_core::MemberChange]) -> LoneNode {
    let mut leader = node().steady_leader();
    leader.change_membership(7, changes);
    leader.persist();
    leader
}

#[test]
fn a_leader_leads_on_after_it_has_removed_itself() {
    let mut leader = leader_changing(&[remove(1)]);
    assert_eq!(leader.role(), RoleName::Leader);
    assert_eq!(leader.propose(3).outcomes(), []);
    assert_eq!(leader.deadline().receivers(), [2, 3]);
}

#[test]
fn a_leader_that_has_removed_itself_does_not_count() {
    let mut leader = leader_changing(&[remove(1)]);
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.commit(), 1, "one of two");
    leader.receive(3, accepted(1, 2));
    assert_eq!(leader.commit(), 2);
}

#[test]
fn a_leader_that_has_removed_itself_steps_down_when_that_is_committed() {
    let mut leader = leader_changing(&[remove(1)]);
    leader.receive(2, accepted(1, 2));
    let effects = leader.receive(3, accepted(1, 2));
    assert_eq!(effects.roles(), [(1, RoleName::Follower, None)]);
    assert!(matches!(effects.outcomes()[..], [(7, ProposalOutcome::Committed { .. })]));
}

#[test]
fn a_leader_that_goes_tells_the_others_what_is_committed() {
    let mut leader = leader_changing(&[remove(1)]);
    leader.receive(2, accepted(1, 2));
    let effects = leader.receive(3, accepted(1, 2));
    for follower in [2, 3] {
        assert_eq!(effects.appends_to(follower).last().map(|append| append.leader_commit.0), Some(2));
    }
}

#[test]
fn a_leader_that_goes_asks_the_furthest_voter_to_take_over() {
    let mut leader = leader_changing(&[remove(1)]);
    leader.propose(3);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    let effects = leader.receive(3, accepted(1, 3));
    assert_eq!(effects.sends_to(3).last(), Some(&timeout_now(1)));
    assert!(!effects.sends_to(2).contains(&timeout_now(1)));
}

#[test]
fn a_leader_that_is_gone_does_not_campaign() {
    let mut gone = leader_changing(&[remove(1)]);
    gone.receive(2, accepted(1, 2));
    gone.receive(3, accepted(1, 2));
    assert_eq!(gone.deadline().sends(), []);
    assert_eq!((gone.role(), gone.raft.next_deadline()), (RoleName::Follower, None));
}

#[test]
fn a_leader_that_leaves_through_a_joint_configuration_counts_in_its_old_half() {
    let mut leader = leader_changing(&[remove(1), add_voter(4)]);
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.commit(), 1, "1 and 2 are the old half's majority, and 2 alone is not the new one's");
    leader.receive(4, accepted(1, 2));
    assert_eq!((leader.commit(), leader.role()), (2, RoleName::Leader));
}

#[test]
fn a_leader_that_leaves_through_a_joint_configuration_leads_until_the_new_one_is_committed() {
    let mut leader = leader_changing(&[remove(1), add_voter(4)]);
    leader.receive(2, accepted(1, 2));
    leader.receive(4, accepted(1, 2));
    assert_eq!(leader.raft.membership(), &membership_of([2, 3, 4]));
    leader.persist();
    leader.receive(2, accepted(1, 3));
    assert_eq!((leader.commit(), leader.role()), (2, RoleName::Leader));
    leader.receive(4, accepted(1, 3));
    assert_eq!((leader.commit(), leader.role()), (3, RoleName::Follower));
}

#[test]
fn a_leader_that_makes_itself_a_learner_goes_likewise() {
    let mut leader = leader_changing(&[add_learner(1)]);
    leader.receive(2, accepted(1, 2));
    assert_eq!((leader.commit(), leader.role()), (1, RoleName::Leader));
    leader.receive(3, accepted(1, 2));
    assert_eq!((leader.commit(), leader.role()), (2, RoleName::Follower));
}

#[test]
fn a_leader_that_makes_itself_a_learner_through_a_joint_configuration_goes_likewise() {
    let mut leader = leader_changing(&[add_learner(1), add_voter(4)]);
    leader.receive(2, accepted(1, 2));
    leader.receive(4, accepted(1, 2));
    assert_eq!((leader.commit(), leader.role()), (2, RoleName::Leader));
    let voters = [2, 3, 4].map(|id| (id, MemberRole::Voter));
    let learner = (1, MemberRole::Learner { is_promoted: false });
    assert_eq!(leader.raft.membership(), &membership_with(voters.into_iter().chain([learner])));
    leader.persist();
    leader.receive(2, accepted(1, 3));
    leader.receive(4, accepted(1, 3));
    assert_eq!((leader.commit(), leader.role()), (3, RoleName::Follower));
}

#[test]
fn a_leader_that_was_made_a_learner_gets_the_log_and_waits() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.change_membership(1, 7, &[add_learner(1)]);
    cluster.settle();
    let leader = cluster.raft(1).leader().expect("the successor has told").0;
    cluster.propose(leader, 5);
    cluster.settle();
    cluster.beat(leader);
    assert_eq!(cluster.applied(1), [5]);
    cluster.deadline(1);
    assert_eq!((cluster.role(1), cluster.raft(1).next_deadline()), (RoleName::Follower, None));
}

#[test]
fn a_leader_that_demotes_another_stays() {
    let mut leader = leader_changing(&[add_learner(3)]);
    leader.receive(2, accepted(1, 2));
    assert_eq!((leader.commit(), leader.role()), (2, RoleName::Leader));
}

// §3.10: nobody need wait for a timeout.
#[test]
fn a_successor_leads_without_a_timeout() {
    for changes in [vec![remove(1)], vec![remove(1), add_voter(4)], vec![add_learner(1)]] {
        let mut cluster = Cluster::of(3);
        cluster.join(4);
        cluster.elect(1);
        cluster.propose(1, 5);
        cluster.settle();
        cluster.change_membership(1, 7, &changes);
        cluster.settle();
        if cluster.role(1) == RoleName::Leader {
            cluster.beat(1);
        }
        let leaders: Vec<u64> = (1..=4).filter(|id| cluster.role(*id) == RoleName::Leader).collect();
        assert!(matches!(leaders[..], [2..=4]), "{leaders:?} after {changes:?}");
        assert!(!cluster.raft(leaders[0]).membership().is_voter(raft_core::NodeId(1)));
        assert_eq!(cluster.applied(leaders[0]), [5]);
    }
}

#[test]
fn what_was_proposed_after_the_removal_is_committed_by_the_successor() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.change_membership(1, 7, &[remove(1)]);
    cluster.propose(1, 5);
    cluster.settle();
    let leader = if cluster.role(2) == RoleName::Leader { 2 } else { 3 };
    assert_eq!(cluster.applied(leader), [5]);
}

// The removal is in nobody else's log: it never held.
#[test]
fn a_leader_whose_removal_is_taken_back_may_lead_again() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.partition(&[&[1], &[2, 3]]);
    cluster.change_membership(1, 7, &[remove(1)]);
    cluster.settle();
    cluster.elect(2);
    cluster.heal();
    cluster.beat(2);
    assert_eq!(cluster.raft(1).membership(), &membership_of([1, 2, 3]));
    cluster.elect(1);
}

#[test]
fn the_last_but_one_voter_may_remove_itself() {
    let mut leader = node().of(2).steady_leader();
    leader.change_membership(7, &[remove(1)]);
    leader.persist();
    assert_eq!(leader.commit(), 1);
    let effects = leader.receive(2, accepted(1, 2));
    assert_eq!((leader.commit(), leader.role()), (2, RoleName::Follower));
    assert!(effects.sends_to(2).contains(&timeout_now(1)));
}

// The removal committed, and the successor's first append says so: a server that was removed still takes the log.
#[test]
fn a_leader_that_is_gone_follows_its_successor() {
    let mut gone = leader_changing(&[remove(1)]);
    gone.receive(2, accepted(1, 2));
    gone.receive(3, accepted(1, 2));
    gone.receive(2, heartbeat(2, at(2, 1), 2));
    assert_eq!((gone.leader(), gone.term()), (Some(2), 2));
}

// It is told of nothing that comes after: whoever waits for it would wait for ever.
#[test]
fn a_leader_that_goes_does_not_know_what_becomes_of_later_proposals() {
    let mut leader = leader_changing(&[remove(1)]);
    leader.step(Input::Propose { id: ProposalId(8), command: 3 });
    leader.persist();
    leader.receive(2, accepted(1, 2));
    let outcomes = leader.receive(3, accepted(1, 2)).outcomes();
    assert!(
        matches!(outcomes[..], [(7, ProposalOutcome::Committed { .. }), (8, ProposalOutcome::Unknown)]),
        "{outcomes:?}"
    );
}
