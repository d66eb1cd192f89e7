//! What may be changed, and when it takes a joint configuration: a change of one voter is safe in one step (§4.1), of more
//! it is not (§4.3).

use std::collections::{BTreeMap, BTreeSet};

use raft_core::{Member, MemberChange, MemberRole, Membership, MembershipError, NodeId, ProposalOutcome, RejectReason};
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, add_learner, add_voter, membership_with, promote, remove};

/// A leader with voters 1 to 3, learner 4, and learner 5 that is to be promoted.
fn leader() -> LoneNode {
    let mut leader = node().steady_leader();
    leader.change_membership(0, &[add_learner(4), promote(5)]);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    assert_eq!((leader.commit(), leader.raft.membership().members().len()), (2, 5));
    leader
}

#[track_caller]
fn assert_refused(changes: &[MemberChange], error: MembershipError) {
    let outcome = ProposalOutcome::Rejected(RejectReason::Membership(error));
    assert_eq!(leader().change_membership(9, changes).outcomes(), [(9, outcome)]);
}

#[test]
fn a_server_may_be_named_once_in_a_change() {
    assert_refused(&[add_voter(6), remove(6)], MembershipError::Repeated(NodeId(6)));
    assert_refused(&[remove(2), add_voter(7), remove(2)], MembershipError::Repeated(NodeId(2)));
}

#[test]
fn a_voter_is_not_made_one_again() {
    assert_refused(&[add_voter(2)], MembershipError::AlreadyVoter(NodeId(2)));
    assert_refused(&[add_learner(6), promote(3)], MembershipError::AlreadyVoter(NodeId(3)));
}

#[test]
fn a_learner_is_not_made_one_again() {
    assert_refused(&[add_learner(4)], MembershipError::AlreadyLearner(NodeId(4)));
    assert_refused(&[promote(5)], MembershipError::AlreadyLearner(NodeId(5)));
}

#[test]
fn a_stranger_is_not_removed() {
    assert_refused(&[remove(6)], MembershipError::NotAMember(NodeId(6)));
}

#[test]
fn somebody_must_be_left_to_vote() {
    assert_refused(&[remove(1), remove(2), remove(3)], MembershipError::NoVoterLeft);
    assert_refused(&[remove(1), add_learner(2), remove(3)], MembershipError::NoVoterLeft);
    assert_refused(&[remove(1), remove(2), remove(3), promote(4)], MembershipError::NoVoterLeft);
}

#[test]
fn a_change_must_change_something() {
    assert_refused(&[], MembershipError::NoChange);
}

#[test]
fn a_joint_membership_is_not_changed() {
    let joint = membership_with([(1, MemberRole::Voter), (2, MemberRole::Incoming)]);
    assert_eq!(joint.changed(&[add_learner(3)]), Err(MembershipError::IsJoint));
}

#[test]
fn a_membership_names_nobody_twice() {
    let twice = [1, 2, 1].map(|id| Member { id: NodeId(id), role: MemberRole::Voter }).to_vec();
    assert_eq!(Membership::try_from(twice), Err(MembershipError::Repeated(NodeId(1))));
}

#[test]
fn each_error_names_the_server_that_is_meant() {
    for (error, name) in [
        (MembershipError::Repeated(NodeId(77)), "77"),
        (MembershipError::AlreadyVoter(NodeId(77)), "77"),
        (MembershipError::AlreadyLearner(NodeId(77)), "77"),
        (MembershipError::NotAMember(NodeId(77)), "77"),
    ] {
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_change_of_one_voter_is_simple() {
    for change in [add_voter(6), add_voter(4), remove(3), remove(1), add_learner(2)] {
        leader().change_membership(9, &[change]).memberships().iter().for_each(|(_, next)| {
            assert!(!next.is_joint(), "{change:?} leads to {next:?}");
        });
    }
}

#[test]
fn learners_come_and_go_with_a_simple_change() {
    let mut leader = leader();
    leader.change_membership(9, &[remove(4), remove(5), add_learner(6), promote(7), add_voter(8)]);
    let next = leader.raft.membership();
    assert!(!next.is_joint());
    assert_eq!(next.voters().map(|id| id.0).collect::<Vec<_>>(), [1, 2, 3, 8]);
    assert_eq!(next.learners().map(|id| id.0).collect::<Vec<_>>(), [6, 7]);
}

#[test]
fn a_change_of_two_voters_is_joint() {
    for (one, other) in [
        (add_voter(6), add_voter(7)),
        (add_voter(4), remove(2)),
        (remove(2), remove(3)),
        (add_learner(2), add_learner(3)),
        (remove(1), add_voter(5)),
    ] {
        let mut leader = leader();
        leader.change_membership(9, &[one, other]);
        assert!(leader.raft.membership().is_joint(), "{one:?} {other:?}");
    }
}

/// What each of three servers may be.
const ROLES: [Option<MemberRole>; 4] = [
    None,
    Some(MemberRole::Voter),
    Some(MemberRole::Learner { is_promoted: false }),
    Some(MemberRole::Learner { is_promoted: true }),
];

fn every_membership_of_three() -> impl Iterator<Item = Membership> {
    let role = |code: usize, id: u64| ROLES[code / 4usize.pow(id as u32 - 1) % 4];
    (0..64).map(move |code| {
        let members = (1..=3).filter_map(|id| Some(Member { id: NodeId(id), role: role(code, id)? }));
        members.collect::<Vec<_>>().try_into().expect("each once")
    })
}

fn every_change() -> Vec<MemberChange> {
    (1..=3).flat_map(|id| [add_voter(id), promote(id), add_learner(id), remove(id)]).collect()
}

/// What everybody is after a change, word for word.
fn wanted(before: &Membership, changes: &[MemberChange]) -> BTreeMap<u64, MemberRole> {
    let mut roles: BTreeMap<u64, MemberRole> =
        before.members().iter().map(|member| (member.id.0, member.role)).collect();
    for change in changes {
        match *change {
            MemberChange::AddVoter(id) => roles.insert(id.0, MemberRole::Voter),
            MemberChange::AddVoterOnceCaughtUp(id) => roles.insert(id.0, MemberRole::Learner { is_promoted: true }),
            MemberChange::AddLearner(id) => roles.insert(id.0, MemberRole::Learner { is_promoted: false }),
            MemberChange::Remove(id) => roles.remove(&id.0),
        };
    }
    roles
}

// Every membership of three servers, every two changes, against the words.
#[test]
fn a_change_leads_where_it_says_and_is_joint_where_two_voters_move() {
    let mut joint_ones = 0;
    for before in every_membership_of_three() {
        for (one, other) in every_change().into_iter().flat_map(|one| every_change().into_iter().map(move |o| (one, o)))
        {
            let Ok(next) = before.changed(&[one, other]) else { continue };
            let wanted = wanted(&before, &[one, other]);
            let old: BTreeSet<u64> = before.voters().map(|id| id.0).collect();
            let is_voter = |(_, role): &(&u64, &MemberRole)| **role == MemberRole::Voter;
            let new: BTreeSet<u64> = wanted.iter().filter(is_voter).map(|(id, _)| *id).collect();
            assert_eq!(next.voters().map(|id| id.0).collect::<BTreeSet<_>>(), new, "{before:?} {one:?} {other:?}");
            assert_eq!(next.is_joint(), old.symmetric_difference(&new).count() > 1, "{before:?} {one:?} {other:?}");
            let outgoing: BTreeSet<u64> = next.outgoing().map(|id| id.0).collect();
            assert_eq!(outgoing, if next.is_joint() { old } else { BTreeSet::new() }, "{before:?} {one:?} {other:?}");
            if next.is_joint() {
                joint_ones += 1;
            } else {
                let roles = next.members().iter().map(|member| (member.id.0, member.role));
                assert_eq!(roles.collect::<BTreeMap<_, _>>(), wanted, "{before:?} {one:?} {other:?}");
            }
        }
    }
    assert!(joint_ones > 100, "{joint_ones}");
}

// Any two configurations that follow each other: a quorum of one and a quorum of the other share a server.
#[test]
fn quorums_of_configurations_that_follow_each_other_overlap() {
    let servers: Vec<u64> = (1..=3).collect();
    let is_quorum =
        |half: &BTreeSet<u64>, group: u64| 2 * half.iter().filter(|id| group >> **id & 1 == 1).count() > half.len();
    let agrees = |membership: &Membership, group: u64| {
        let (new, old) = (membership.voters().map(|id| id.0).collect(), membership.outgoing().map(|id| id.0).collect());
        is_quorum(&new, group) && (!membership.is_joint() || is_quorum(&old, group))
    };
    for before in every_membership_of_three() {
        for (one, other) in every_change().into_iter().flat_map(|one| every_change().into_iter().map(move |o| (one, o)))
        {
            let Ok(next) = before.changed(&[one, other]) else { continue };
            for group in 0..16u64 {
                let rest = (servers.iter().map(|id| 1u64 << id).sum::<u64>()) & !group;
                let is_split = agrees(&before, group) && agrees(&next, rest);
                assert!(!is_split, "{before:?} and {next:?}: {group:b} against {rest:b}");
            }
        }
    }
}
