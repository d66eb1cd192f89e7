//! The cluster that is turned by hand drives every feature of the core: one way through each.

mod fingerprints;
mod messages;

use raft_core::{FatalError, LogIndex, MemberChange, NodeId, ReadMode, ReadOutcome, RoleName, TransferOutcome};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::node;

/// Three servers with everything switched on.
fn whole(count: usize) -> Cluster {
    Cluster::of(count).configured(|config| {
        (config.pre_vote, config.check_quorum, config.lease_clock_drift_ppm) = (true, true, Some(0));
        config.trailing_entries = 0;
    })
}

#[test]
fn a_cluster_with_everything_on_elects_and_stays_with_its_leader() {
    let mut cluster = whole(5);
    cluster.run_for_ms(1_000);
    let leaders: Vec<_> = cluster.ids().into_iter().filter(|&id| cluster.role(id) == RoleName::Leader).collect();
    let [leader] = leaders[..] else { panic!("{leaders:?} lead") };
    let term = cluster.term(leader);
    cluster.run_for_ms(60_000);
    assert_eq!((cluster.role(leader), cluster.term(leader)), (RoleName::Leader, term));
}

#[test]
fn a_leader_that_nobody_hears_steps_down() {
    let mut cluster = whole(3);
    cluster.elect(1);
    cluster.partition(&[&[1], &[2, 3]]);
    cluster.run_for_ms(1_000);
    assert_ne!(cluster.role(1), RoleName::Leader);
    assert!([2, 3].iter().any(|&id| cluster.role(id) == RoleName::Leader));
}

#[test]
fn a_server_joins_by_a_snapshot_and_votes() {
    let mut cluster = whole(1).configured(|config| config.snapshot_chunk_bytes = 3);
    cluster.elect(1);
    (10..20).for_each(|command| cluster.propose(1, command));
    cluster.settle();
    cluster.take_snapshot(1);
    cluster.settle();
    cluster.join(2);
    cluster.change_membership(1, 99, &[MemberChange::AddVoterOnceCaughtUp(NodeId(2))]);
    cluster.settle();
    cluster.run_for_ms(500);
    assert_eq!((cluster.restored_snapshots(2), cluster.applied(2)), ([11].as_slice(), cluster.applied(1)));
    assert!(cluster.raft(1).membership().is_voter(NodeId(2)));
    assert_eq!(cluster.outcomes(1).len(), 11);
    cluster.restart(2);
    assert_eq!(cluster.applied(2).len(), 10, "the snapshot is on its disk");
}

#[test]
fn a_transfer_begun_and_done_is_told() {
    let mut cluster = whole(3);
    cluster.elect(1);
    cluster.transfer_leadership(1, 3);
    cluster.settle();
    assert_eq!((cluster.role(1), cluster.role(3)), (RoleName::Follower, RoleName::Leader));
    assert_eq!(cluster.transfer_outcomes(1), [(3, TransferOutcome::SteppedDown)]);
}

#[test]
fn reads_end_on_leader_and_follower() {
    let mut cluster = whole(3);
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.settle();
    cluster.beat(1);
    for (id, mode) in [(1, ReadMode::ReadIndex), (1, ReadMode::Lease), (2, ReadMode::ReadIndex), (3, ReadMode::Lease)] {
        cluster.read(id, 5, mode);
        cluster.settle();
        assert_eq!(cluster.read_outcomes(id).last(), Some(&(5, ReadOutcome::Ready { index: LogIndex(2) })));
    }
}

#[test]
fn a_leader_with_a_stalled_disk_makes_room() {
    let mut cluster = whole(3);
    cluster.elect(1);
    cluster.stall_disk(1);
    cluster.propose(1, 7);
    cluster.run_for_ms(1_000);
    assert!([2, 3].iter().any(|&id| cluster.role(id) == RoleName::Leader));
    cluster.resume_disk(1);
    cluster.run_for_ms(200);
    assert_eq!(cluster.applied(1), [7]);
}

#[test]
fn a_disk_that_is_exchanged_stops_its_server() {
    let mut cluster = whole(3);
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.settle();
    cluster.beat(1);
    cluster.may_stop(3);
    cluster.wipe(3);
    cluster.run_for_ms(200);
    assert_eq!(cluster.lost_logs(1), [(3, 2)]);
    assert!(matches!(cluster.stopped(3), Some(FatalError::LogLost { .. })));
}

#[test]
fn a_lone_node_leads_with_everything_on() {
    let whole = node().configured(|config| (config.pre_vote, config.check_quorum) = (true, true));
    assert_eq!(whole.clone().steady_leader().commit(), 1);
    let last = tests::by_hand::messages::at(4, 2);
    let snapshot = tests::by_hand::messages::snapshot(last, [1, 2, 3], 8);
    let leader = whole.snapshot(snapshot).log([2, 2]).steady_leader();
    assert_eq!((leader.term(), leader.last(), leader.commit()), (3, 7, 7));
}
