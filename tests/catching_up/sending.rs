//! §7, dissertation §5.3: how a leader sends a snapshot: in parts, within a window and a rate, and again what was lost.

use raft_core::{Effect, FlowStatus, Input, InputError, LogIndex, Message, NodeId, SnapshotId};
use tests::by_hand::effects::Effects;
use tests::by_hand::lone_node::{Builder, LoneNode, node};
use tests::by_hand::messages::{accepted, at, conflict, conflict_in, heartbeat, snapshot, snapshot_received};

/// Server 1, whose log begins after a snapshot of so many bytes, at entry 10. Its first entry as a leader is 11.
fn with_snapshot(size: u64) -> Builder {
    node().snapshot(snapshot(at(10, 1), 1..=3, size))
}

/// A part, in bytes: where it begins, and how long it is.
type Part = (u64, u64);

fn parts_for(follower: u64, effects: &Effects) -> Vec<Part> {
    let loads = effects.loads().into_iter().filter(|(to, ..)| *to == follower);
    loads.map(|(_, _, offset, length)| (offset, length)).collect()
}

/// The leader learns that 2 has nothing at all. Returns what it wants to be loaded.
fn send_to_2(leader: &mut LoneNode) -> Vec<Part> {
    parts_for(2, &leader.receive(2, conflict(2, 10, at(0, 0))))
}

fn id_of(leader: &LoneNode) -> SnapshotId {
    leader.raft.snapshot().expect("it has one").id()
}

fn acknowledge(leader: &mut LoneNode, received: u64) -> Vec<Part> {
    let id = id_of(leader);
    parts_for(2, &leader.receive(2, snapshot_received(2, id, received)))
}

fn loaded(leader: &mut LoneNode, snapshot: SnapshotId, offset: u64, data: Option<&[u8]>) -> Effects {
    leader.step(Input::SnapshotChunkLoaded { to: NodeId(2), snapshot, offset, data: data.map(Into::into) })
}

fn flow_of_2(leader: &LoneNode) -> FlowStatus {
    leader.raft.status().followers.iter().find(|follower| follower.id.0 == 2).expect("2 is a follower").flow
}

fn in_use(leader: &LoneNode) -> Vec<SnapshotId> {
    leader.raft.snapshots_in_use().collect()
}

#[test]
fn a_follower_that_lacks_what_is_compacted_gets_the_snapshot() {
    let mut leader = with_snapshot(8).leader();
    let effects = leader.receive(2, conflict(2, 10, at(0, 0)));
    assert_eq!((effects.loads(), effects.sends()), (vec![(2, id_of(&leader), 0, 8)], vec![]));
    assert_eq!(flow_of_2(&leader), FlowStatus::Snapshot { last_index: LogIndex(10), acknowledged: 0, size: 8 });
}

#[test]
fn a_follower_that_lacks_only_what_the_log_holds_gets_no_snapshot() {
    let mut leader = with_snapshot(8).leader();
    let effects = leader.receive(2, accepted(2, 10));
    assert_eq!((effects.loads().len(), effects.batches_to(2)), (0, vec![1]));
}

#[test]
fn a_snapshot_goes_in_parts() {
    for (size, part, lengths) in [
        (5, 1, vec![1, 1, 1, 1, 1]),
        (12, 4, vec![4, 4, 4]),
        (13, 4, vec![4, 4, 4, 1]),
        (11, 4, vec![4, 4, 3]),
        (5, 5, vec![5]),
        (5, 1000, vec![5]),
        (0, 4, vec![0]),
    ] {
        let mut leader = with_snapshot(size).configured(|config| config.snapshot_chunk_bytes = part).leader();
        let parts = send_to_2(&mut leader);
        assert_eq!(parts.iter().map(|(_, length)| *length).collect::<Vec<_>>(), lengths, "{size} bytes by {part}");
        let ends = parts.iter().scan(0, |end, (offset, length)| {
            assert_eq!(offset, end, "no gap");
            *end += length;
            Some(*end)
        });
        assert_eq!(ends.last(), Some(size));
    }
}

#[test]
fn a_part_that_was_loaded_is_sent() {
    let mut leader = with_snapshot(8).configured(|config| config.snapshot_chunk_bytes = 4).leader();
    send_to_2(&mut leader);
    let id = id_of(&leader);
    let effects = loaded(&mut leader, id, 4, Some(&[5, 6, 7, 8]));
    let [(2, Message::InstallSnapshot(part))] = &effects.sends()[..] else { panic!("{effects:?}") };
    assert_eq!((part.snapshot.id(), part.offset, &part.data[..]), (id, 4, &[5, 6, 7, 8][..]));
}

#[test]
fn a_part_that_reaches_beyond_the_end_is_refused() {
    let mut leader = with_snapshot(8).leader();
    send_to_2(&mut leader);
    let snapshot = id_of(&leader);
    for (offset, length) in [(0, 9), (8, 1), (u64::MAX, 1), (3, 0)] {
        let data = Some(vec![0; length].into());
        let input = Input::SnapshotChunkLoaded { to: NodeId(2), snapshot, offset, data };
        assert_eq!(leader.try_step(input), Err(InputError::ChunkOutOfRange { offset, size: 8 }));
    }
}

#[test]
fn no_more_is_sent_ahead_than_the_window_allows() {
    let mut leader = with_snapshot(20)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_in_flight) = (4, 10))
        .leader();
    assert_eq!(send_to_2(&mut leader), [(0, 4), (4, 4), (8, 2)]);
    assert_eq!(acknowledge(&mut leader, 4), [(10, 4)]);
    assert_eq!(acknowledge(&mut leader, 10), [(14, 4), (18, 2)]);
    assert_eq!(acknowledge(&mut leader, 18), []);
}

#[test]
fn no_more_is_sent_in_a_heartbeat_interval_than_the_rate_allows() {
    let mut leader = with_snapshot(30)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_per_heartbeat) = (4, 10))
        .leader();
    assert_eq!(send_to_2(&mut leader), [(0, 4), (4, 4), (8, 2)]);
    assert_eq!(acknowledge(&mut leader, 10), [], "the follower is fast, the rate is spent");
    assert_eq!(parts_for(2, &leader.deadline()), [(10, 4), (14, 4), (18, 2)]);
}

#[test]
fn an_acknowledgement_that_arrives_twice_sends_the_next_part_again_once_and_a_late_one_nothing() {
    let mut leader = with_snapshot(20)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_in_flight) = (4, 8))
        .leader();
    send_to_2(&mut leader);
    assert_eq!(acknowledge(&mut leader, 8), [(8, 4), (12, 4)]);
    for late in [0, 4] {
        assert_eq!(acknowledge(&mut leader, late), [], "{late}");
    }
    assert_eq!((acknowledge(&mut leader, 8), acknowledge(&mut leader, 8)), (vec![(8, 4)], vec![]));
}

#[test]
fn an_acknowledgement_of_another_snapshot_says_nothing() {
    let mut leader = with_snapshot(20)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_in_flight) = (4, 4))
        .leader();
    send_to_2(&mut leader);
    let other = snapshot(at(9, 1), 1..=3, 20).id();
    assert_eq!(leader.receive(2, snapshot_received(2, other, 12)).loads(), []);
    assert_eq!(acknowledge(&mut leader, 4), [(4, 4)]);
}

#[test]
fn parts_that_were_lost_are_sent_again() {
    let mut leader = with_snapshot(20)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_in_flight) = (4, 8))
        .leader();
    send_to_2(&mut leader);
    acknowledge(&mut leader, 4);
    let again = (0..4).map(|_| parts_for(2, &leader.deadline())).find(|parts| !parts.is_empty());
    assert_eq!(again, Some(vec![(4, 4), (8, 4)]), "from what is acknowledged on");
}

#[test]
fn an_empty_snapshot_that_was_lost_is_sent_again() {
    let mut leader = with_snapshot(0).leader();
    assert_eq!(send_to_2(&mut leader), [(0, 0)]);
    let again = (0..4).map(|_| parts_for(2, &leader.deadline())).find(|parts| !parts.is_empty());
    assert_eq!(again, Some(vec![(0, 0)]));
}

// It may have been restarted without what it had acknowledged of a snapshot that it had not completed.
#[test]
fn a_follower_that_falls_silent_for_long_is_sent_the_snapshot_from_its_start() {
    let mut leader = with_snapshot(20)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_in_flight) = (4, 4))
        .leader();
    send_to_2(&mut leader);
    acknowledge(&mut leader, 12);
    let mut offsets = (0..20).flat_map(|_| parts_for(2, &leader.deadline())).map(|(offset, _)| offset);
    assert_eq!(offsets.next(), Some(12));
    assert!(offsets.any(|offset| offset == 0));
}

#[test]
fn a_follower_that_is_sent_a_snapshot_is_sent_no_entries() {
    let mut leader = with_snapshot(8).leader();
    send_to_2(&mut leader);
    for command in 0..5 {
        assert_eq!(leader.propose(command).sends_to(2), []);
    }
    assert_eq!(leader.receive(2, conflict_in(1, 0, 2, 10, at(0, 0))).sends_to(2), []);
}

#[test]
fn a_follower_that_is_sent_a_snapshot_hears_heartbeats() {
    let mut leader = with_snapshot(8).leader();
    send_to_2(&mut leader);
    for _beat in 0..5 {
        let effects = leader.deadline();
        assert_eq!(effects.batches_to(2), [0]);
        assert_eq!(effects.appends_to(2)[0].prev, at(0, 0), "all logs agree there");
    }
}

#[test]
fn a_pending_snapshot_does_not_keep_the_others_from_committing() {
    let mut leader = with_snapshot(8).leader();
    send_to_2(&mut leader);
    leader.receive(3, accepted(2, 11));
    assert_eq!(leader.commit(), 11);
}

#[test]
fn an_append_reply_acknowledges_a_snapshot() {
    let mut leader = with_snapshot(8).leader();
    send_to_2(&mut leader);
    let effects = leader.receive(2, accepted(2, 10));
    assert_eq!((effects.appends_to(2)[0].prev, effects.batches_to(2)), (at(10, 1), vec![1]));
    assert_eq!(leader.progress_of(2), (10, 12));
}

// The log reaches back before the snapshot's end: there is no need to wait for it.
#[test]
fn a_follower_that_gets_within_the_log_by_itself_needs_the_rest_of_the_snapshot_no_more() {
    let mut leader = with_snapshot(8).base(at(6, 1)).log([1, 1, 1, 1]).leader();
    assert_eq!(send_to_2(&mut leader), [(0, 8)]);
    assert_eq!(leader.receive(2, accepted(2, 5)).sends_to(2), [], "entry 6 is compacted");
    assert_eq!(leader.receive(2, accepted(2, 6)).appends_to(2)[0].prev, at(6, 1));
    assert_eq!(in_use(&leader), []);
}

#[test]
fn the_last_part_acknowledged_is_not_yet_the_snapshot_installed() {
    let mut leader = with_snapshot(8).leader();
    send_to_2(&mut leader);
    acknowledge(&mut leader, 8);
    assert_eq!(leader.progress_of(2).0, 0);
    assert_eq!(leader.propose(5).sends_to(2), []);
}

#[test]
fn an_unreachable_follower_keeps_its_place_in_the_snapshot() {
    let mut leader = with_snapshot(20)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_in_flight) = (4, 4))
        .leader();
    send_to_2(&mut leader);
    acknowledge(&mut leader, 8);
    leader.step(Input::PeerUnreachable { peer: NodeId(2) });
    let acknowledged = FlowStatus::Snapshot { last_index: LogIndex(10), acknowledged: 8, size: 20 };
    assert_eq!(flow_of_2(&leader), acknowledged);
}

/// A leader that has begun to send 2 its snapshot at 10, and has taken another at 11 since.
fn leader_with_later_snapshot() -> (LoneNode, SnapshotId) {
    let mut leader = with_snapshot(8).configured(|config| config.trailing_entries = 0).leader();
    let earlier = id_of(&leader);
    send_to_2(&mut leader);
    leader.receive(3, accepted(2, 11));
    leader.snapshot_taken(11, 16);
    leader.persist();
    (leader, earlier)
}

#[test]
fn a_later_snapshot_does_not_interrupt_the_one_that_is_on_its_way() {
    let (mut leader, earlier) = leader_with_later_snapshot();
    assert_eq!(in_use(&leader), [earlier]);
    assert_eq!(loaded(&mut leader, earlier, 0, Some(&[0; 8])).receivers(), [2]);
}

#[test]
fn a_follower_that_installed_a_snapshot_that_is_too_old_by_now_gets_the_latest() {
    let (mut leader, _) = leader_with_later_snapshot();
    let effects = leader.receive(2, accepted(2, 10));
    let latest = id_of(&leader);
    assert_eq!(effects.loads(), [(2, latest, 0, 16)]);
    assert_eq!(in_use(&leader), [latest]);
}

#[test]
fn a_snapshot_that_is_gone_is_replaced_by_the_latest() {
    let (mut leader, earlier) = leader_with_later_snapshot();
    let effects = loaded(&mut leader, earlier, 0, None);
    assert_eq!(effects.loads(), [(2, id_of(&leader), 0, 16)]);
    assert_eq!(in_use(&leader), [id_of(&leader)]);
}

#[test]
fn a_latest_snapshot_that_cannot_be_read_is_tried_again() {
    let mut leader = with_snapshot(8).leader();
    send_to_2(&mut leader);
    let id = id_of(&leader);
    assert_eq!(loaded(&mut leader, id, 0, None).0, []);
    let again = (0..4).map(|_| parts_for(2, &leader.deadline())).find(|parts| !parts.is_empty());
    assert_eq!(again, Some(vec![(0, 8)]));
}

#[test]
fn a_part_of_what_is_not_sent_any_more_is_dropped() {
    let (mut leader, earlier) = leader_with_later_snapshot();
    loaded(&mut leader, earlier, 0, None);
    assert_eq!(loaded(&mut leader, earlier, 0, Some(&[0; 8])).0, []);
    let latest = id_of(&leader);
    leader.receive(2, accepted(2, 11));
    assert_eq!(loaded(&mut leader, latest, 0, Some(&[0; 16])).0, []);
}

#[test]
fn a_part_loaded_for_a_leader_of_yesterday_is_dropped() {
    let mut leader = with_snapshot(8).leader();
    send_to_2(&mut leader);
    let id = id_of(&leader);
    leader.receive(3, heartbeat(3, at(11, 2), 10));
    assert_eq!(loaded(&mut leader, id, 0, Some(&[0; 8])).0, []);
    assert_eq!(in_use(&leader), []);
}

#[test]
fn the_snapshots_in_use_are_those_on_their_way() {
    let mut leader = with_snapshot(8).leader();
    assert_eq!(in_use(&leader), []);
    send_to_2(&mut leader);
    leader.receive(3, conflict(2, 10, at(0, 0)));
    let id = id_of(&leader);
    assert_eq!(in_use(&leader), [id, id]);
    leader.receive(3, accepted(2, 10));
    assert_eq!(in_use(&leader), [id]);
    leader.receive(2, accepted(2, 10));
    assert_eq!(in_use(&leader), []);
}

#[test]
fn each_follower_has_a_window_of_its_own_in_the_snapshot() {
    let mut leader = with_snapshot(20)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_in_flight) = (4, 4))
        .leader();
    assert_eq!(send_to_2(&mut leader), [(0, 4)]);
    assert_eq!(acknowledge(&mut leader, 4), [(4, 4)]);
    assert_eq!(parts_for(3, &leader.receive(3, conflict(2, 10, at(0, 0)))), [(0, 4)]);
}

/// A leader that has compacted all it has while 2 had not answered what was sent to it.
fn compacted_under_an_append(builder: Builder) -> LoneNode {
    let mut leader = builder.configured(|config| config.trailing_entries = 0).leader();
    (0..4).for_each(|command| drop(leader.propose(command)));
    leader.persist();
    let (term, last) = (leader.term(), leader.last());
    leader.receive(3, accepted(term, last));
    leader.snapshot_taken(last, 8);
    leader.persist();
    leader
}

// A heartbeat cannot name the place where the lost probe stood any more, so nobody ever refuses it.
#[test]
fn entries_that_were_compacted_while_their_probe_was_lost_come_with_the_snapshot() {
    let mut leader = compacted_under_an_append(node().log([1, 1, 1]));
    assert_eq!(leader.progress_of(2), (0, 4));
    leader.deadline();
    assert_eq!(parts_for(2, &leader.receive(2, accepted(2, 0))), [(0, 8)]);
}

#[test]
fn entries_that_were_compacted_while_a_full_window_was_lost_come_with_the_snapshot() {
    let mut leader = node().max_appends_in_flight(2).configured(|config| config.trailing_entries = 0).steady_leader();
    (0..4).for_each(|command| drop(leader.propose(command)));
    leader.persist();
    leader.receive(3, accepted(1, 5));
    leader.snapshot_taken(5, 8);
    leader.persist();
    leader.deadline();
    assert_eq!(parts_for(2, &leader.receive(2, accepted(1, 1))), [(0, 8)]);
}

#[test]
fn a_probe_that_was_answered_after_all_makes_the_snapshot_needless() {
    let mut leader = compacted_under_an_append(node().log([1, 1, 1]));
    leader.deadline();
    leader.receive(2, accepted(2, 0));
    leader.receive(2, accepted(2, 8));
    assert_eq!((in_use(&leader), leader.progress_of(2)), (vec![], (8, 9)));
}

#[test]
fn a_leader_without_a_snapshot_has_none_to_send() {
    let mut leader = node().log([1, 1]).leader();
    let effects = leader.receive(2, conflict(2, 2, at(0, 0)));
    assert!(!effects.0.iter().any(|effect| matches!(effect, Effect::LoadSnapshotChunk { .. })));
}

// Sent ahead of the snapshot: the follower has been found to lack more since than it says.
#[test]
fn a_late_refusal_does_not_begin_the_snapshot_anew() {
    let mut leader = compacted_under_an_append(node().log([1, 1, 1]));
    leader.deadline();
    assert_eq!(parts_for(2, &leader.receive(2, accepted(2, 0))), [(0, 8)]);
    assert_eq!(leader.receive(2, conflict(2, 3, at(0, 0))).0, []);
    assert_eq!(in_use(&leader), [id_of(&leader)]);
}

#[test]
fn the_last_part_ends_with_the_snapshot_when_it_is_sent_again_too() {
    let mut leader = with_snapshot(10).configured(|config| config.snapshot_chunk_bytes = 4).leader();
    assert_eq!(send_to_2(&mut leader), [(0, 4), (4, 4), (8, 2)]);
    assert_eq!((acknowledge(&mut leader, 8), acknowledge(&mut leader, 8)), (vec![], vec![(8, 2)]));
}

#[test]
fn a_part_that_is_sent_again_counts_against_the_rate() {
    let mut leader = with_snapshot(30)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_in_flight) = (4, 8))
        .configured(|config| config.snapshot_bytes_per_heartbeat = 14)
        .leader();
    assert_eq!(send_to_2(&mut leader), [(0, 4), (4, 4)]);
    assert_eq!(acknowledge(&mut leader, 4), [(8, 4)], "two bytes may still be sent");
    assert_eq!(acknowledge(&mut leader, 4), [(4, 2)]);
    assert_eq!(acknowledge(&mut leader, 8), [], "the rate is spent");
}

// It may be dead.
#[test]
fn a_follower_that_has_been_silent_for_two_heartbeats_is_sent_one_part_in_each() {
    let mut leader = with_snapshot(40)
        .configured(|config| (config.snapshot_chunk_bytes, config.snapshot_bytes_in_flight) = (4, 12))
        .leader();
    assert_eq!(send_to_2(&mut leader).len(), 3);
    let parts: Vec<_> = (0..3).map(|_| parts_for(2, &leader.deadline()).len()).collect();
    assert_eq!(parts, [0, 3, 0], "all are sent again once");
    assert_eq!(acknowledge(&mut leader, 12), [(12, 4)]);
    assert_eq!(parts_for(2, &leader.deadline()), [(16, 4), (20, 4)], "it lives");
}

#[test]
fn an_acknowledgement_from_an_earlier_term_says_nothing() {
    let mut leader = with_snapshot(8).leader();
    send_to_2(&mut leader);
    let before = leader.portrait();
    let id = id_of(&leader);
    assert_eq!(leader.receive(2, snapshot_received(1, id, 4)).0, []);
    assert_eq!(leader.portrait(), before);
}
