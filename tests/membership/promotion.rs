//! §4.2.1: a server that is to vote catches up first, in rounds; the first that is shorter than an election timeout makes
//! it a voter.

use raft_core::{MemberRole, Membership};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{
    accepted, add_learner, append_entries, at, membership_entry, membership_of, membership_with, promote, remove, vote,
};

/// A leader of voters 1 to 3 that has learner 4 on probation: entry 2, committed.
fn leader_with_newcomer() -> LoneNode {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[promote(4)]);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    assert_eq!((leader.commit(), is_voter(&leader)), (2, false));
    leader
}

fn is_voter(leader: &LoneNode) -> bool {
    votes(leader.raft.membership())
}

fn votes(membership: &Membership) -> bool {
    membership.is_voter(raft_core::NodeId(4))
}

/// The leader appends one more entry, which 2 holds too.
fn propose(leader: &mut LoneNode) {
    leader.propose(5);
    leader.persist();
    leader.receive(2, accepted(leader.term(), leader.last()));
}

#[test]
fn a_newcomer_is_a_learner_at_first() {
    let leader = leader_with_newcomer();
    let role = leader.raft.membership().role_of(raft_core::NodeId(4));
    assert_eq!(role, Some(MemberRole::Learner { is_promoted: true }));
}

#[test]
fn a_newcomer_that_has_caught_up_becomes_a_voter() {
    let mut leader = leader_with_newcomer();
    let effects = leader.receive(4, accepted(1, 2));
    assert_eq!(effects.memberships(), [(3, &*membership_of([1, 2, 3, 4]))]);
}

#[test]
fn a_newcomer_that_lags_is_not_promoted() {
    let mut leader = leader_with_newcomer();
    propose(&mut leader);
    leader.receive(4, accepted(1, 2));
    assert!(!is_voter(&leader));
}

#[test]
fn a_round_ends_with_what_the_leader_had_when_it_began() {
    let mut leader = leader_with_newcomer();
    propose(&mut leader);
    leader.receive(4, accepted(1, 2));
    propose(&mut leader);
    leader.wait_ms(20);
    // The round began with entry 3 as the last; that entry 4 has come since makes no difference.
    leader.receive(4, accepted(1, 3));
    assert!(is_voter(&leader));
}

/// Rounds that take so long each, with a new entry in each; whether the newcomer is a voter after ten of them.
fn is_promoted_in_rounds_of(ms: u64) -> bool {
    let mut leader = leader_with_newcomer();
    propose(&mut leader);
    leader.receive(4, accepted(1, 2));
    for _round in 0..10 {
        if is_voter(&leader) {
            return true;
        }
        let target = leader.last();
        propose(&mut leader);
        leader.wait_ms(ms);
        leader.receive(4, accepted(1, target));
    }
    is_voter(&leader)
}

// The shortest election timeout is 150 ms.
#[test]
fn a_newcomer_is_promoted_after_a_round_shorter_than_an_election_timeout() {
    assert!(is_promoted_in_rounds_of(149));
    assert!(!is_promoted_in_rounds_of(150));
}

#[test]
fn a_newcomer_that_was_slow_is_promoted_once_it_is_fast() {
    let mut leader = leader_with_newcomer();
    propose(&mut leader);
    leader.receive(4, accepted(1, 2));
    propose(&mut leader);
    leader.wait_ms(500);
    leader.receive(4, accepted(1, 3));
    assert!(!is_voter(&leader));
    leader.wait_ms(10);
    leader.receive(4, accepted(1, 4));
    assert!(is_voter(&leader));
}

// Nothing more is written: there will be no news, only answers to heartbeats.
#[test]
fn a_newcomer_that_was_slow_is_promoted_also_where_the_cluster_is_idle() {
    let mut leader = leader_with_newcomer();
    propose(&mut leader);
    leader.receive(4, accepted(1, 2));
    leader.wait_ms(500);
    leader.receive(4, accepted(1, 3));
    assert!(!is_voter(&leader));
    leader.wait_ms(50);
    leader.receive(4, accepted(1, 3));
    assert!(is_voter(&leader));
}

#[test]
fn a_plain_learner_is_not_promoted() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_learner(4)]);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    leader.receive(4, accepted(1, 2));
    propose(&mut leader);
    leader.receive(4, accepted(1, 3));
    assert!(!is_voter(&leader));
}

#[test]
fn a_newcomer_that_is_made_a_plain_learner_stays_one() {
    let mut leader = leader_with_newcomer();
    leader.change_membership(8, &[add_learner(4)]);
    leader.persist();
    leader.receive(2, accepted(1, 3));
    leader.receive(4, accepted(1, 3));
    assert!(!is_voter(&leader));
}

#[test]
fn a_newcomer_that_is_removed_is_not_promoted() {
    let mut leader = leader_with_newcomer();
    leader.change_membership(8, &[remove(4)]);
    leader.persist();
    leader.receive(2, accepted(1, 3));
    leader.receive(4, accepted(1, 3));
    assert_eq!(leader.raft.membership(), &membership_of([1, 2, 3]));
}

#[test]
fn a_promotion_waits_until_the_newcomer_is_committed() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[promote(4)]);
    leader.persist();
    leader.receive(4, accepted(1, 2));
    assert!(!is_voter(&leader));
    leader.receive(2, accepted(1, 2));
    leader.receive(4, accepted(1, 2));
    assert!(is_voter(&leader));
}

#[test]
fn a_promotion_waits_until_leadership_has_been_handed_over_or_kept() {
    let mut leader = leader_with_newcomer();
    leader.transfer_leadership(3);
    leader.receive(4, accepted(1, 2));
    assert!(!is_voter(&leader));
    leader.wait_ms(400);
    leader.step(raft_core::Input::DeadlineReached);
    // Nobody looked after the round that was under way: the next one counts.
    leader.receive(4, accepted(1, 2));
    leader.receive(4, accepted(1, 2));
    assert!(is_voter(&leader));
}

#[test]
fn two_newcomers_are_promoted_one_after_the_other() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[promote(4), promote(5)]);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    leader.receive(4, accepted(1, 2));
    leader.receive(5, accepted(1, 2));
    assert_eq!(leader.raft.membership().voters().count(), 4);
    leader.persist();
    for follower in [2, 3, 5] {
        leader.receive(follower, accepted(1, 3));
    }
    leader.receive(5, accepted(1, 3));
    assert_eq!(leader.raft.membership(), &membership_of([1, 2, 3, 4, 5]));
}

/// A leader of term 2 that has found a newcomer in its log, as entry 1. Its own first entry is the second.
fn heir_with_newcomer() -> LoneNode {
    let roles = [1, 2, 3].map(|id| (id, MemberRole::Voter)).into_iter();
    let membership = membership_with(roles.chain([(4, MemberRole::Learner { is_promoted: true })]));
    let mut heir = node().term(1).follower_of(2);
    heir.receive(2, append_entries(1, at(0, 0), [membership_entry(1, &membership)], 0));
    heir.persist();
    heir.deadline();
    heir.persist();
    heir.receive(3, vote(2));
    heir.persist();
    heir
}

#[test]
fn a_new_leader_promotes_the_newcomer_that_it_found() {
    let mut heir = heir_with_newcomer();
    heir.receive(2, accepted(2, 2));
    heir.receive(4, accepted(2, 2));
    assert!(is_voter(&heir));
}

// The newcomer is the first to answer: when it does, the leader may not change anything yet.
#[test]
fn a_newcomer_that_is_faster_than_the_new_leaders_first_commit_is_promoted_all_the_same() {
    let mut heir = heir_with_newcomer();
    heir.receive(4, accepted(2, 2));
    assert!(!is_voter(&heir));
    heir.receive(2, accepted(2, 2));
    heir.receive(4, accepted(2, 2));
    assert!(is_voter(&heir));
}

#[test]
fn a_promotion_survives_a_change_of_leader() {
    let mut cluster = Cluster::of(3);
    cluster.join(4);
    cluster.elect(1);
    cluster.partition(&[&[1, 2, 3], &[4]]);
    cluster.change_membership(1, 7, &[promote(4)]);
    cluster.settle();
    cluster.crash(1);
    cluster.elect(2);
    cluster.heal();
    for _beat in 0..3 {
        cluster.beat(2);
    }
    assert!(votes(cluster.raft(2).membership()) && votes(cluster.raft(4).membership()));
    assert_eq!(cluster.commit(2), cluster.raft(2).log().last_index().0);
}

#[test]
fn a_newcomer_behind_a_snapshot_is_promoted() {
    let mut cluster = Cluster::of(3).configured(|config| config.trailing_entries = 0);
    cluster.elect(1);
    (1..=20).for_each(|command| cluster.propose(1, command));
    cluster.settle();
    cluster.take_snapshot(1);
    cluster.join(4);
    cluster.change_membership(1, 70, &[promote(4)]);
    cluster.settle();
    for _beat in 0..3 {
        cluster.beat(1);
    }
    assert!(votes(cluster.raft(1).membership()) && votes(cluster.raft(4).membership()));
    assert_eq!(cluster.restored_snapshots(4), [21]);
}
