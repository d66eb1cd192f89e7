//! §4.3: while a configuration is joint, nothing is decided that not both of its halves agree to.

use std::sync::Arc;

use raft_core::{LogIndex, MemberRole, Membership, ProposalOutcome, RoleName, Term};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{
    accepted, add_learner, add_voter, append_entries, at, heard, membership_entry, membership_of, membership_with,
    remove, vote,
};

const ROLES: [Option<MemberRole>; 5] = [
    None,
    Some(MemberRole::Voter),
    Some(MemberRole::Incoming),
    Some(MemberRole::Outgoing { becomes_learner: false }),
    Some(MemberRole::Learner { is_promoted: false }),
];

/// Every membership of servers 1 to 4 in which server 1 votes, and somebody in either half.
fn every_membership_of_four() -> impl Iterator<Item = Arc<Membership>> {
    let role = |code: usize, id: u64| ROLES[code / 5usize.pow(id as u32 - 1) % 5];
    let memberships = (0..625).map(move |code| membership_with((1..=4).filter_map(|id| Some((id, role(code, id)?)))));
    memberships.filter(|membership| {
        let [new, old] = halves(membership);
        !new.is_empty() && !old.is_empty() && (new.contains(&1) || old.contains(&1))
    })
}

/// The new half and the old, word for word.
fn halves(membership: &Membership) -> [Vec<u64>; 2] {
    let who = |roles: [bool; 3]| {
        let votes = |role| match role {
            MemberRole::Voter => roles[0],
            MemberRole::Incoming => roles[1],
            MemberRole::Outgoing { .. } => roles[2],
            MemberRole::Learner { .. } => false,
        };
        membership.members().iter().filter(|member| votes(member.role)).map(|member| member.id.0).collect()
    };
    [who([true, true, false]), who([true, false, true])]
}

/// Whether server 1 and those in `group`, a set of bits, are a majority of either half.
fn is_agreed(membership: &Membership, group: u64) -> bool {
    let agrees = |id: &&u64| **id == 1 || group >> **id & 1 == 1;
    halves(membership).iter().all(|half| 2 * half.iter().filter(agrees).count() > half.len())
}

/// The groups of servers 2 to 4, as bits.
fn every_group() -> impl Iterator<Item = u64> {
    (0..8).map(|group| group << 2)
}

fn candidate_among(membership: &Arc<Membership>) -> LoneNode {
    let mut server = node().term(1).follower_of(5);
    server.receive(5, append_entries(1, at(0, 0), [membership_entry(1, membership)], 0));
    server.persist();
    server.deadline();
    server.persist();
    server
}

#[test]
fn an_election_is_won_where_both_halves_agree() {
    for membership in every_membership_of_four() {
        for group in every_group() {
            let mut candidate = candidate_among(&membership);
            for voter in (2..=4).filter(|id| group >> id & 1 == 1) {
                candidate.receive(voter, vote(2));
            }
            let has_won = candidate.role() == RoleName::Leader;
            assert_eq!(has_won, is_agreed(&membership, group), "{membership:?} {group:b}");
        }
    }
}

#[test]
fn an_entry_commits_where_both_halves_hold_it() {
    for membership in every_membership_of_four() {
        for group in every_group() {
            let mut leader = candidate_among(&membership);
            (2..=4).for_each(|voter| drop(leader.receive(voter, vote(2))));
            assert_eq!((leader.role(), leader.last()), (RoleName::Leader, 2));
            leader.persist();
            for follower in (2..=4).filter(|id| group >> id & 1 == 1) {
                if leader.role() == RoleName::Leader {
                    leader.receive(follower, accepted(2, 2));
                }
            }
            assert_eq!(leader.commit() >= 2, is_agreed(&membership, group), "{membership:?} {group:b}");
        }
    }
}

#[test]
fn a_candidate_asks_the_voters_of_both_halves_and_no_others() {
    for membership in every_membership_of_four() {
        let mut server = node().term(1).follower_of(5);
        server.receive(5, append_entries(1, at(0, 0), [membership_entry(1, &membership)], 0));
        server.persist();
        server.deadline();
        let [new, old] = halves(&membership);
        let asked: Vec<u64> = (2..=4).filter(|id| new.contains(id) || old.contains(id)).collect();
        let mut receivers = server.persist().receivers();
        // One that has won already sends its first append too.
        receivers.dedup();
        receivers.truncate(asked.len());
        assert_eq!(receivers, asked, "{membership:?}");
    }
}

/// A leader of voters 1 to 3 that is on its way to 1, 4 and 5. The joint configuration is entry 2.
fn leader_moving_to_1_4_5() -> LoneNode {
    let mut leader = node().configured(|config| config.check_quorum = true).steady_leader();
    leader.change_membership(7, &[remove(2), remove(3), add_voter(4), add_voter(5)]);
    leader.persist();
    leader
}

#[test]
fn a_joint_configuration_is_committed_by_both_halves_only() {
    for halves in [[2, 3, 4], [4, 5, 2]] {
        let mut leader = leader_moving_to_1_4_5();
        leader.receive(halves[0], accepted(1, 2));
        leader.receive(halves[1], accepted(1, 2));
        assert_eq!(leader.commit(), 1, "one half: {halves:?}");
        leader.receive(halves[2], accepted(1, 2));
        assert_eq!(leader.commit(), 2, "{halves:?}");
    }
}

#[test]
fn a_joint_configuration_is_left_in_the_step_that_commits_it() {
    let mut leader = leader_moving_to_1_4_5();
    leader.receive(2, accepted(1, 2));
    let effects = leader.receive(4, accepted(1, 2));
    assert_eq!(effects.memberships(), [(3, &*membership_of([1, 4, 5]))]);
    assert_eq!(effects.writes().len(), 1);
}

#[test]
fn a_joint_configuration_that_is_not_committed_is_not_left() {
    let mut leader = leader_moving_to_1_4_5();
    for follower in [4, 5] {
        assert_eq!(leader.receive(follower, accepted(1, 2)).memberships(), []);
    }
    for _beat in 0..3 {
        assert_eq!(leader.deadline().memberships(), []);
    }
}

#[test]
fn a_joint_change_ends_when_the_joint_configuration_is_committed() {
    let mut leader = leader_moving_to_1_4_5();
    leader.receive(2, accepted(1, 2));
    let outcome = ProposalOutcome::Committed { index: LogIndex(2), term: Term(1) };
    assert_eq!(leader.receive(4, accepted(1, 2)).outcomes(), [(7, outcome)]);
}

#[test]
fn the_new_half_alone_commits_that_the_joint_configuration_is_left() {
    let mut leader = leader_moving_to_1_4_5();
    leader.receive(2, accepted(1, 2));
    leader.receive(4, accepted(1, 2));
    leader.persist();
    leader.receive(2, accepted(1, 3));
    leader.receive(3, accepted(1, 3));
    assert_eq!(leader.commit(), 2, "the old half has no say any more");
    leader.receive(5, accepted(1, 3));
    assert_eq!(leader.commit(), 3);
}

#[test]
fn a_demoted_voter_is_a_learner_once_the_joint_configuration_is_left() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_learner(3), add_voter(4)]);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    let voters = [1, 2, 4].map(|id| (id, MemberRole::Voter));
    let learner = (3, MemberRole::Learner { is_promoted: false });
    assert_eq!(leader.raft.membership(), &membership_with(voters.into_iter().chain([learner])));
}

// Dissertation §6.2 in both halves: a leader that one half does not hear can decide nothing.
#[test]
fn a_leader_that_hears_from_one_half_only_steps_down() {
    let is_leading_with = |answering: &[u64]| {
        let mut leader = leader_moving_to_1_4_5();
        for _beat in 0..10 {
            leader.deadline();
            answering.iter().for_each(|id| drop(leader.receive(*id, heard(1))));
        }
        leader.role() == RoleName::Leader
    };
    assert!(!is_leading_with(&[2, 3]));
    assert!(!is_leading_with(&[4, 5]));
    assert!(is_leading_with(&[2, 5]));
}

/// Servers 1 to 4: 1 leads the first three, and dies when its way to 1, 2, 4 is in the logs of 2 and 3.
fn leader_dies_in_the_joint_configuration() -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.join(4);
    cluster.elect(1);
    cluster.change_membership(1, 7, &[remove(3), add_voter(4)]);
    for follower in [2, 3] {
        cluster.deliver_from_to(1, follower);
        cluster.persist(follower);
    }
    cluster.drop_all();
    cluster.crash(1);
    assert!(cluster.raft(2).membership().is_joint());
    cluster
}

#[test]
fn the_next_leader_leaves_a_joint_configuration_that_it_finds() {
    let mut cluster = leader_dies_in_the_joint_configuration();
    cluster.elect(2);
    cluster.beat(2);
    cluster.beat(2);
    assert_eq!(cluster.raft(2).membership(), &membership_of([1, 2, 4]));
    assert_eq!(cluster.commit(2), cluster.raft(2).log().last_index().0);
    assert_eq!(cluster.raft(4).membership(), &membership_of([1, 2, 4]));
}

#[test]
fn an_outgoing_voter_may_lead_the_joint_configuration_out() {
    let mut cluster = leader_dies_in_the_joint_configuration();
    // It is elected, leaves the joint configuration, and with it the cluster.
    cluster.deadline(3);
    cluster.settle();
    assert_ne!(cluster.role(3), RoleName::Leader, "it is no member any more");
    assert_eq!(cluster.raft(2).membership(), &membership_of([1, 2, 4]));
    assert_eq!(cluster.raft(4).membership(), &membership_of([1, 2, 4]));
}

#[test]
fn a_joint_configuration_survives_a_restart_and_is_left_then() {
    let mut cluster = leader_dies_in_the_joint_configuration();
    for id in [2, 3] {
        cluster.restart(id);
        assert!(cluster.raft(id).membership().is_joint(), "server {id}");
    }
    cluster.elect(2);
    cluster.beat(2);
    assert_eq!(cluster.raft(2).membership(), &membership_of([1, 2, 4]));
}

// Nobody of the old half is there: 1, 4 and 5 are two of the new half and the leader, and one of the old.
#[test]
fn half_of_a_joint_configuration_cannot_elect() {
    let mut cluster = Cluster::of(3);
    cluster.join(4);
    cluster.join(5);
    cluster.elect(1);
    cluster.change_membership(1, 7, &[remove(2), remove(3), add_voter(4), add_voter(5)]);
    cluster.partition(&[&[1, 4, 5], &[2, 3]]);
    cluster.beat(1);
    assert!(cluster.raft(4).membership().is_joint());
    for campaigner in [4, 5, 4, 5] {
        cluster.deadline(campaigner);
        cluster.settle();
        assert_ne!(cluster.role(campaigner), RoleName::Leader);
    }
}
