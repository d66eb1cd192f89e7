//! §7: how a follower takes a snapshot in, and what it keeps of its own.

use std::sync::Arc;

use raft_core::{InputError, LogIndex, MemberRole, Message, ProposalOutcome, RoleName, Snapshot, SnapshotWrite, Term};
use tests::by_hand::effects::Effects;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{
    accepted, add_voter, append, at, heartbeat, install_snapshot, membership_of, membership_with, request_vote,
    snapshot, snapshot_received, vote,
};

/// A snapshot of eight bytes up to entry 10, of term 1.
fn ten() -> Arc<Snapshot> {
    snapshot(at(10, 1), 1..=3, 8)
}

/// An empty follower of 2 in term 1.
fn follower() -> LoneNode {
    node().term(1).follower_of(2)
}

/// The follower gets so many bytes of the snapshot from 2, from `offset` on.
fn get(follower: &mut LoneNode, snapshot: &Arc<Snapshot>, offset: u64, length: usize) -> Effects {
    let term = follower.term();
    follower.receive(2, install_snapshot(term, snapshot, offset, &vec![7; length]))
}

fn staged(effects: &Effects) -> Vec<(u64, usize, bool)> {
    let part = |write: &SnapshotWrite| match write {
        SnapshotWrite::Chunk { offset, data, is_complete, .. } => (*offset, data.len(), *is_complete),
        SnapshotWrite::Taken { .. } => panic!("it was not taken here"),
    };
    effects.writes().iter().filter_map(|write| write.snapshot.as_deref().map(part)).collect()
}

#[test]
fn a_part_is_acknowledged_once_it_is_durable() {
    let mut follower = follower();
    let effects = get(&mut follower, &ten(), 0, 3);
    assert_eq!((staged(&effects), effects.sends()), (vec![(0, 3, false)], vec![]));
    assert_eq!(follower.persist().sends(), [(2, snapshot_received(1, ten().id(), 3))]);
}

#[test]
fn parts_are_staged_one_after_the_other() {
    let mut follower = follower();
    let effects = [(0, 3), (3, 3), (6, 2)].map(|(offset, length)| get(&mut follower, &ten(), offset, length));
    assert_eq!(effects.each_ref().map(staged), [vec![(0, 3, false)], vec![(3, 3, false)], vec![(6, 2, true)]]);
}

#[test]
fn an_acknowledgement_claims_no_more_parts_than_are_durable() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 3);
    get(&mut follower, &ten(), 3, 3);
    assert_eq!(follower.persist_oldest().sends(), [(2, snapshot_received(1, ten().id(), 3))]);
    assert_eq!(follower.persist_oldest().sends(), [(2, snapshot_received(1, ten().id(), 6))]);
}

#[test]
fn a_part_that_arrives_twice_is_staged_once() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 3);
    follower.persist();
    let effects = get(&mut follower, &ten(), 0, 3);
    assert_eq!((effects.writes().len(), effects.sends()), (0, vec![(2, snapshot_received(1, ten().id(), 3))]));
}

#[test]
fn a_part_that_arrives_too_early_is_answered_with_where_to_go_on() {
    let mut follower = follower();
    let effects = get(&mut follower, &ten(), 3, 3);
    assert_eq!((effects.writes().len(), effects.sends()), (0, vec![(2, snapshot_received(1, ten().id(), 0))]));
}

#[test]
fn nothing_is_installed_before_the_snapshot_is_durable() {
    let mut follower = follower();
    let effects = get(&mut follower, &ten(), 0, 8);
    assert_eq!((effects.restored_snapshots(), effects.applies(), effects.sends()), (vec![], vec![], vec![]));
    assert_eq!(follower.raft.last_applied(), LogIndex(0));
    let effects = follower.persist();
    assert_eq!((effects.restored_snapshots(), effects.sends()), (vec![10], vec![(2, accepted(1, 10))]));
    assert_eq!(follower.raft.last_applied(), LogIndex(10));
}

#[test]
fn nothing_after_a_snapshot_is_applied_before_the_snapshot() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 8);
    assert_eq!(follower.receive(2, append(1, at(10, 1), [1, 1], 12)).applies(), []);
    let effects = follower.persist();
    let order: Vec<&str> = effects
        .0
        .iter()
        .filter_map(|effect| match effect {
            raft_core::Effect::RestoreSnapshot(_) => Some("restore"),
            raft_core::Effect::Apply { .. } => Some("apply"),
            _ => None,
        })
        .collect();
    assert_eq!((order, effects.applies()), (vec!["restore", "apply"], vec![(11, 12)]));
}

#[test]
fn nothing_is_claimed_of_the_log_while_a_snapshot_is_written() {
    let mut follower = node().log([1, 1]).follower_of(2);
    get(&mut follower, &ten(), 0, 8);
    for (_, message) in follower.receive(2, heartbeat(1, at(10, 1), 10)).sends() {
        let Message::AppendEntriesReply(reply) = message else { panic!("{message:?}") };
        let claims_nothing = raft_core::AppendOutcome::Accepted { match_index: LogIndex(0) };
        assert_eq!(reply.outcome, claims_nothing);
    }
}

#[test]
fn an_empty_snapshot_is_one_part() {
    let mut follower = follower();
    let nothing = snapshot(at(10, 1), 1..=3, 0);
    assert_eq!(staged(&get(&mut follower, &nothing, 0, 0)), [(0, 0, true)]);
    assert_eq!(follower.persist().restored_snapshots(), [10]);
}

#[test]
fn a_snapshot_takes_the_place_of_a_log_that_ends_before_it() {
    let mut follower = node().log([1, 1, 1]).follower_of(2);
    get(&mut follower, &ten(), 0, 8);
    follower.persist();
    let log = follower.raft.log();
    assert_eq!((log.base(), log.last_position(), follower.commit()), (at(10, 1), at(10, 1), 10));
}

#[test]
fn a_snapshot_takes_the_place_of_a_log_that_contradicts_it() {
    let mut follower = node().log([1, 1, 1, 1, 1]).follower();
    let other = snapshot(at(4, 2), 1..=3, 8);
    follower.receive(2, install_snapshot(2, &other, 0, &[7; 8]));
    follower.persist();
    assert_eq!((follower.raft.log().last_position(), follower.commit()), (at(4, 2), 4));
}

// §7: "if instead the follower receives a snapshot that describes a prefix of its log ... entries following the snapshot are
// still valid and must be retained".
#[test]
fn a_follower_whose_log_matches_keeps_it_and_learns_what_is_committed() {
    let mut follower = node().log([1, 1, 1, 1, 1]).follower();
    let effects = get(&mut follower, &snapshot(at(3, 1), 1..=3, 8), 0, 8);
    assert_eq!(
        (effects.writes().len(), effects.applies(), effects.sends()),
        (0, vec![(1, 3)], vec![(2, accepted(1, 3))])
    );
    assert_eq!((follower.log(), follower.commit()), (vec![1; 5], 3));
}

#[test]
fn a_part_of_a_snapshot_whose_end_the_log_has_is_enough() {
    let mut follower = node().log([1, 1, 1]).follower_of(2);
    let effects = get(&mut follower, &snapshot(at(3, 1), 1..=3, 8), 4, 4);
    assert_eq!((effects.writes().len(), effects.applies()), (0, vec![(1, 3)]));
}

#[test]
fn a_snapshot_of_what_is_committed_changes_nothing() {
    let mut follower = node().log([1, 1, 1]).follower_of(2);
    follower.receive(2, heartbeat(1, at(3, 1), 3));
    let effects = get(&mut follower, &snapshot(at(2, 1), [1, 9], 8), 0, 8);
    assert_eq!((effects.writes().len(), effects.applies().len(), follower.commit()), (0, 0, 3));
    assert_eq!(follower.raft.membership(), &membership_of([1, 2, 3]));
}

#[test]
fn the_last_part_again_after_the_installation_changes_nothing() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 8);
    follower.persist();
    let effects = get(&mut follower, &ten(), 0, 8);
    assert_eq!((effects.writes().len(), effects.sends()), (0, vec![(2, accepted(1, 10))]));
}

#[test]
fn entries_follow_an_installed_snapshot() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 8);
    follower.receive(2, append(1, at(10, 1), [1], 11));
    assert_eq!(follower.persist().applies(), [(11, 11)]);
    follower.receive(2, append(1, at(8, 1), [1, 1, 1, 1], 12));
    assert_eq!((follower.persist().applies(), follower.last()), (vec![(12, 12)], 12));
}

#[test]
fn staged_parts_survive_a_restart() {
    let mut follower = node().term(1).staged(ten(), 6).follower_of(2);
    let effects = get(&mut follower, &ten(), 0, 3);
    assert_eq!((effects.writes().len(), effects.sends()), (0, vec![(2, snapshot_received(1, ten().id(), 6))]));
    assert_eq!(staged(&get(&mut follower, &ten(), 6, 2)), [(6, 2, true)]);
    assert_eq!(follower.persist().restored_snapshots(), [10]);
}

#[test]
fn a_new_leader_goes_on_with_the_same_snapshot() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 6);
    follower.persist();
    follower.receive(3, heartbeat(2, at(0, 0), 0));
    follower.persist();
    let effects = follower.receive(3, install_snapshot(2, &ten(), 6, &[7; 2]));
    assert_eq!(staged(&effects), [(6, 2, true)]);
}

#[test]
fn another_snapshot_of_a_new_leader_starts_over() {
    for other in [snapshot(at(9, 1), 1..=3, 8), snapshot(at(11, 1), 1..=3, 8), snapshot(at(10, 1), 1..=3, 9)] {
        let mut follower = follower();
        get(&mut follower, &ten(), 0, 6);
        follower.persist();
        follower.receive(3, heartbeat(2, at(0, 0), 0));
        follower.persist();
        let early = follower.receive(3, install_snapshot(2, &other, 6, &[7; 2])).sends();
        assert_eq!(early, [(3, snapshot_received(2, other.id(), 0))]);
        assert_eq!(staged(&follower.receive(3, install_snapshot(2, &other, 0, &[7; 2]))), [(0, 2, false)]);
    }
}

#[test]
fn a_later_snapshot_of_the_same_leader_starts_over() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 6);
    let later = snapshot(at(12, 1), 1..=3, 8);
    assert_eq!(staged(&get(&mut follower, &later, 0, 3)), [(0, 3, false)]);
}

#[test]
fn a_late_part_of_an_earlier_snapshot_does_not_interrupt_the_later_one() {
    let mut follower = follower();
    let later = snapshot(at(12, 1), 1..=3, 8);
    get(&mut follower, &later, 0, 3);
    assert_eq!(get(&mut follower, &ten(), 0, 3).0, []);
    assert_eq!(staged(&get(&mut follower, &later, 3, 5)), [(3, 5, true)]);
}

#[test]
fn a_part_from_a_deposed_leader_is_answered_with_the_term() {
    let mut follower = node().term(2).follower();
    let effects = follower.receive(2, install_snapshot(1, &ten(), 0, &[7; 8]));
    assert_eq!(effects.sends(), [(2, snapshot_received(2, ten().id(), 0))]);
    assert_eq!(effects.writes().len(), 0);
}

#[test]
fn a_part_tells_that_the_leader_is_there() {
    let mut candidate = node().candidate();
    assert_eq!((candidate.role(), candidate.term()), (RoleName::Candidate, 1));
    get(&mut candidate, &ten(), 0, 3);
    assert_eq!((candidate.role(), candidate.leader()), (RoleName::Follower, Some(2)));
    candidate.wait_ms(100);
    get(&mut candidate, &ten(), 3, 3);
    assert!(candidate.patience().as_millis() >= 150);
}

#[test]
fn a_new_term_while_a_snapshot_is_written_does_not_undo_it() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 8);
    follower.receive(3, heartbeat(2, at(10, 1), 10));
    let effects = follower.persist();
    assert_eq!(effects.restored_snapshots(), [10]);
    assert_eq!(effects.sends_to(2), [], "it leads no more");
    assert!(effects.sends_to(3).contains(&accepted(2, 10)));
}

// What the old leader vouched for, the new one has not yet.
#[test]
fn a_snapshot_of_an_earlier_leader_is_not_claimed_under_the_next() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 8);
    follower.receive(3, request_vote(2, at(10, 1)));
    let effects = follower.persist();
    assert_eq!((effects.restored_snapshots(), effects.sends()), (vec![10], vec![(3, vote(2))]));
}

#[test]
fn a_new_term_between_two_parts_keeps_what_is_there() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 3);
    follower.receive(3, request_vote(2, at(10, 1)));
    follower.persist();
    assert_eq!(staged(&get(&mut follower, &ten(), 3, 5)), [(3, 5, true)]);
}

#[test]
fn a_server_campaigns_with_the_log_of_the_snapshot_that_it_installed() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 8);
    follower.persist();
    follower.deadline();
    let (_, message) = follower.persist().sends().remove(0);
    let Message::RequestVote(request) = message else { panic!("{message:?}") };
    assert_eq!((request.last, request.term), (at(10, 1), Term(2)));
}

fn with_members(members: impl IntoIterator<Item = (u64, MemberRole)>) -> Arc<Snapshot> {
    Arc::new(Snapshot { last: at(10, 1), membership: membership_with(members), size: 8, checksum: 8 })
}

#[test]
fn the_members_come_with_the_snapshot() {
    let mut joiner = node().id(4).configured(|config| config.voters.clear()).term(1).follower_of(2);
    let taken = snapshot(at(10, 1), [1, 2, 3, 4, 5], 8);
    let effects = get(&mut joiner, &taken, 0, 8);
    assert_eq!(effects.memberships(), [(10, &*membership_of([1, 2, 3, 4, 5]))]);
    assert_eq!((joiner.raft.membership(), joiner.raft.membership_index()), (&taken.membership, LogIndex(10)));
}

#[test]
fn a_snapshot_makes_a_learner_of_a_voter() {
    let mut voter = follower();
    let learner = MemberRole::Learner { is_promoted: false };
    get(&mut voter, &with_members([(1, learner), (2, MemberRole::Voter), (3, MemberRole::Voter)]), 0, 8);
    voter.persist();
    assert_eq!(voter.deadline().sends(), []);
    assert_eq!((voter.role(), voter.raft.next_deadline()), (RoleName::Follower, None));
}

#[test]
fn a_snapshot_makes_a_voter_of_a_learner() {
    let mut learner =
        node().id(4).configured(|config| config.learners = vec![raft_core::NodeId(4)]).term(1).follower_of(2);
    get(&mut learner, &snapshot(at(10, 1), 1..=4, 8), 0, 8);
    learner.persist();
    learner.deadline();
    assert_eq!(learner.role(), RoleName::Candidate);
}

#[test]
fn a_snapshot_keeps_both_halves_of_a_joint_configuration() {
    let mut voter = follower();
    let outgoing = MemberRole::Outgoing { becomes_learner: false };
    let members =
        [(1, MemberRole::Voter), (2, outgoing), (3, outgoing), (4, MemberRole::Incoming), (5, MemberRole::Incoming)];
    get(&mut voter, &with_members(members), 0, 8);
    voter.persist();
    voter.deadline();
    assert_eq!(voter.persist().receivers(), [2, 3, 4, 5]);
    for voter_of_new_half in [4, 5] {
        voter.receive(voter_of_new_half, vote(2));
    }
    assert_eq!(voter.role(), RoleName::Candidate, "the old half has not agreed");
    voter.receive(2, vote(2));
    assert_eq!(voter.role(), RoleName::Leader);
}

#[test]
fn a_change_that_a_snapshot_takes_the_place_of_is_forgotten() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_voter(4)]);
    leader.persist();
    leader.receive(2, install_snapshot(2, &snapshot(at(10, 2), 1..=3, 8), 0, &[7; 8]));
    assert_eq!(leader.raft.membership(), &membership_of([1, 2, 3]));
}

/// A server that led term 1 and has proposals open at 2, 3 and 4.
fn deposed_with_proposals() -> LoneNode {
    let mut leader = node().steady_leader();
    (7..=9).for_each(|command| drop(leader.propose(command)));
    leader.persist();
    leader
}

#[test]
fn proposals_under_an_installed_snapshot_end_as_unknown() {
    let mut server = deposed_with_proposals();
    let taken = snapshot(at(3, 2), 1..=3, 8);
    assert_eq!(server.receive(2, install_snapshot(2, &taken, 0, &[7; 8])).outcomes(), [], "it is not durable yet");
    // What comes after an entry of a later term can be none of an earlier one.
    let (unknown, superseded) = (ProposalOutcome::Unknown, ProposalOutcome::Superseded);
    assert_eq!(server.persist().outcomes(), [(7, unknown), (8, unknown), (9, superseded)]);
}

#[test]
fn proposals_under_a_snapshot_that_the_log_has_are_committed() {
    let mut server = deposed_with_proposals();
    let taken = snapshot(at(3, 1), 1..=3, 8);
    let outcomes = server.receive(2, install_snapshot(2, &taken, 0, &[7; 8])).outcomes();
    assert!(matches!(outcomes[..], [(7, ProposalOutcome::Committed { .. }), (8, ProposalOutcome::Committed { .. })]));
}

#[test]
fn parts_that_make_no_sense_are_refused() {
    let size = 8;
    for (part, error) in [
        (install_snapshot(1, &ten(), 4, &[7; 5]), InputError::ChunkOutOfRange { offset: 4, size }),
        (install_snapshot(1, &ten(), u64::MAX, &[7]), InputError::ChunkOutOfRange { offset: u64::MAX, size }),
        (install_snapshot(1, &ten(), 4, &[]), InputError::ChunkOutOfRange { offset: 4, size }),
        (install_snapshot(1, &snapshot(at(10, 1), [], 8), 0, &[7]), InputError::SnapshotWithoutVoters),
        (
            install_snapshot(1, &snapshot(at(10, 2), 1..=3, 8), 0, &[7]),
            InputError::EntryTermsOutOfOrder { index: LogIndex(10) },
        ),
        (
            install_snapshot(1, &snapshot(at(10, 0), 1..=3, 8), 0, &[7]),
            InputError::EntryTermsOutOfOrder { index: LogIndex(10) },
        ),
    ] {
        let input = raft_core::Input::Receive { from: raft_core::NodeId(2), message: part };
        assert_eq!(follower().try_step(input), Err(error));
    }
}

// Something came between its last part and its installation.
#[test]
fn a_snapshot_that_was_whole_but_not_installed_before_a_restart_is_taken_again() {
    let mut follower = node().term(1).staged(ten(), 8).follower_of(2);
    assert_eq!(staged(&get(&mut follower, &ten(), 0, 8)), [(0, 8, true)]);
    assert_eq!(follower.persist().restored_snapshots(), [10]);
}

#[test]
fn parts_that_came_early_are_staged_with_the_one_that_they_waited_for() {
    let mut follower = follower();
    for early in [4, 2, 6] {
        assert_eq!(staged(&get(&mut follower, &ten(), early, 2)), [], "{early}");
    }
    assert_eq!(staged(&get(&mut follower, &ten(), 0, 2)), [(0, 8, true)]);
}

#[test]
fn no_more_parts_that_came_early_are_kept_than_the_window_has_bytes() {
    let mut follower = node().term(1).configured(|config| config.snapshot_bytes_in_flight = 4).follower_of(2);
    assert_eq!(staged(&get(&mut follower, &ten(), 0, 2)), [(0, 2, false)]);
    for early in [4, 6] {
        assert_eq!(staged(&get(&mut follower, &ten(), early, 2)), [], "{early}");
    }
    assert_eq!(staged(&get(&mut follower, &ten(), 2, 2)), [(2, 4, false)], "the last two bytes are to come again");
}

#[test]
fn a_write_of_something_else_does_not_repeat_the_acknowledgement_of_a_part() {
    let mut follower = follower();
    get(&mut follower, &ten(), 0, 3);
    follower.persist();
    follower.receive(2, append(1, at(0, 0), [1], 0));
    assert_eq!(follower.persist().sends(), [(2, accepted(1, 1))]);
}

#[test]
fn a_part_of_a_snapshot_of_what_is_committed_does_not_interrupt_a_later_one() {
    let mut follower = node().log([1, 1]).follower_of(2);
    follower.receive(2, heartbeat(1, at(2, 1), 2));
    get(&mut follower, &ten(), 0, 3);
    assert_eq!(staged(&get(&mut follower, &snapshot(at(2, 1), 1..=3, 8), 0, 3)), []);
    assert_eq!(staged(&get(&mut follower, &ten(), 3, 5)), [(3, 5, true)]);
}
