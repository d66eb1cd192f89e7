//! §7: the application decides when; what a snapshot contains goes, but for a margin.

use std::sync::Arc;

use raft_core::{Input, InputError, LogIndex, SnapshotWrite};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, at, heartbeat, membership_of, snapshot};

/// A follower that has applied the first ten entries of twelve.
fn follower(trailing_entries: u64) -> LoneNode {
    let builder = node().configured(|config| config.trailing_entries = trailing_entries);
    let mut follower = builder.log([1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 3]).follower_of(2);
    follower.receive(2, heartbeat(3, at(12, 3), 10));
    assert_eq!(follower.raft.last_applied(), LogIndex(10));
    follower
}

fn taken(last_index: u64) -> Input<u64> {
    Input::SnapshotTaken { last_index: LogIndex(last_index), size: 8, checksum: 8 }
}

#[test]
fn compaction_keeps_the_trailing_margin() {
    for (margin, last_index, base) in [
        (0, 10, at(10, 3)),
        (3, 10, at(7, 2)),
        (3, 8, at(5, 2)),
        (8, 8, at(0, 0)),
        (100, 10, at(0, 0)),
        (1, 2, at(1, 1)),
    ] {
        let mut follower = follower(margin);
        follower.snapshot_taken(last_index, 8);
        assert_eq!(follower.raft.log().base(), base, "a margin of {margin} before {last_index}");
        assert_eq!(follower.raft.log().last_position(), at(12, 3));
    }
}

#[test]
fn the_base_never_falls() {
    let restored = node().snapshot(snapshot(at(6, 1), 1..=3, 8)).base(at(6, 1)).log([1, 1, 1]);
    let mut follower = restored.configured(|config| config.trailing_entries = 5).follower_of(2);
    follower.receive(2, heartbeat(1, at(9, 1), 9));
    follower.snapshot_taken(8, 8);
    assert_eq!(follower.raft.log().base(), at(6, 1));
}

#[test]
fn a_snapshot_of_what_is_not_applied_is_refused() {
    for last_index in [11, 12, 13, u64::MAX] {
        let refused = InputError::SnapshotOutOfRange { last_index: LogIndex(last_index), applied: LogIndex(10) };
        assert_eq!(follower(0).try_step(taken(last_index)), Err(refused));
    }
}

#[test]
fn a_snapshot_of_what_is_committed_and_not_on_the_disk_is_refused() {
    let mut leader = node().steady_leader();
    leader.propose(5);
    leader.receive(2, accepted(1, 2));
    leader.receive(3, accepted(1, 2));
    assert_eq!(leader.commit(), 2);
    let refused = InputError::SnapshotOutOfRange { last_index: LogIndex(2), applied: LogIndex(1) };
    assert_eq!(leader.try_step(taken(2)), Err(refused));
}

#[test]
fn a_snapshot_that_is_not_newer_than_the_last_one_is_refused() {
    let mut follower = follower(0);
    follower.snapshot_taken(8, 8);
    for last_index in [0, 1, 7, 8] {
        let refused = InputError::SnapshotOutOfRange { last_index: LogIndex(last_index), applied: LogIndex(10) };
        assert_eq!(follower.try_step(taken(last_index)), Err(refused));
    }
    assert!(follower.try_step(taken(9)).is_ok());
}

#[test]
fn a_snapshot_of_nothing_is_refused() {
    let refused = InputError::SnapshotOutOfRange { last_index: LogIndex(0), applied: LogIndex(0) };
    assert_eq!(node().follower().try_step(taken(0)), Err(refused));
}

#[test]
fn the_write_names_the_snapshot_and_what_is_still_needed() {
    let effects = follower(3).snapshot_taken(8, 77);
    let written = SnapshotWrite::Taken { snapshot: snapshot(at(8, 3), 1..=3, 77), base: at(5, 2) };
    assert_eq!(effects.writes().iter().map(|write| write.snapshot.as_deref()).collect::<Vec<_>>(), [Some(&written)]);
    assert_eq!((&effects.writes()[0].log, &effects.writes()[0].term_and_vote), (&None, &None));
}

#[test]
fn a_compacted_leader_commits_and_replicates_as_before() {
    let mut leader = node().configured(|config| config.trailing_entries = 0).log([1, 1, 1]).steady_leader();
    leader.snapshot_taken(4, 8);
    assert_eq!(leader.propose(5).batches_to(2), [1]);
    leader.persist();
    leader.receive(2, accepted(2, 5));
    assert_eq!(leader.commit(), 5);
}

#[test]
fn a_follower_compacts_its_own_log() {
    let mut cluster = Cluster::of(3).configured(|config| config.trailing_entries = 0);
    cluster.elect(1);
    (1..=5).for_each(|command| cluster.propose(1, command));
    cluster.settle();
    cluster.beat(1);
    cluster.take_snapshot(2);
    cluster.propose(1, 6);
    cluster.settle();
    cluster.beat(1);
    assert_eq!((cluster.log(2), cluster.applied(2)), (vec![1], &[1, 2, 3, 4, 5, 6][..]));
}

#[test]
fn a_compacted_server_restarts_with_what_it_kept() {
    let mut cluster = Cluster::of(3).configured(|config| config.trailing_entries = 2);
    cluster.elect(1);
    (1..=5).for_each(|command| cluster.propose(1, command));
    cluster.settle();
    cluster.take_snapshot(1);
    cluster.propose(1, 6);
    cluster.settle();
    cluster.restart(1);
    assert_eq!((cluster.raft(1).log().base(), cluster.log(1)), (at(4, 1), vec![1, 1, 1]));
    assert_eq!((cluster.commit(1), cluster.applied(1)), (6, &[1, 2, 3, 4, 5][..]));
    cluster.elect(2);
    cluster.beat(2);
    assert_eq!(cluster.applied(1), [1, 2, 3, 4, 5, 6]);
}

#[test]
fn a_follower_within_the_margin_needs_no_snapshot() {
    for (margin, snapshots) in [(5, 0), (4, 1)] {
        let mut cluster = Cluster::of(3).configured(|config| config.trailing_entries = margin);
        cluster.elect(1);
        cluster.partition(&[&[1, 2], &[3]]);
        (1..=5).for_each(|command| cluster.propose(1, command));
        cluster.settle();
        cluster.take_snapshot(1);
        cluster.heal();
        cluster.beat(1);
        cluster.beat(1);
        assert_eq!(cluster.restored_snapshots(3).len(), snapshots, "a margin of {margin}");
        assert_eq!(cluster.applied(3), [1, 2, 3, 4, 5]);
    }
}

// Dissertation §5.1: the snapshot holds the latest configuration as of its last entry.
#[test]
fn a_snapshot_holds_the_members() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.change_membership(1, 7, &[tests::by_hand::messages::remove(3)]);
    cluster.settle();
    cluster.take_snapshot(1);
    let taken: &Arc<_> = cluster.raft(1).snapshot().expect("it was just taken");
    assert_eq!((taken.last, &taken.membership), (at(2, 1), &membership_of([1, 2])));
}
