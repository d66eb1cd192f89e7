//! Plans as proptest values: every part shrinks towards fewer, shorter and earlier.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use scenarios::raft_core_subject::Settings;
use sim::{Clients, DiskPlan, Fault, Network, NodeId, NodeSet, Operation, Plan, TimedFault, TimedOperation};

const MS: u64 = 1_000_000;

/// The clocks drift by less than this, either way.
const DRIFT_PPM: i32 = 50_000;

/// A cluster of 1 to 7 nodes for up to three seconds, with up to a dozen faults and a few changes of leader and members.
pub(crate) fn any_plan() -> impl Strategy<Value = Plan<Settings>> {
    (1u8..=7, 300u64..3_000).prop_flat_map(|(nodes, duration_ms)| {
        let drifts = vec(-DRIFT_PPM..DRIFT_PPM, usize::from(nodes));
        let faults = vec(any_fault(nodes, duration_ms), 0..12);
        let operations = vec(any_operation(nodes, duration_ms), 0..4);
        // Shrunk in this order: first what need not go wrong at all.
        (faults, operations, any_network(), any_disk(), drifts, any_settings(nodes)).prop_map(
            move |(faults, operations, network, disk, clock_drift_ppm, settings)| Plan {
                nodes,
                members: NodeSet::all(nodes),
                duration_ns: duration_ms * MS,
                settings,
                network,
                links: Vec::new(),
                disk,
                clock_drift_ppm,
                clients: Clients::Closed { count: 1, think_ns: (20 * MS, 80 * MS), timeout_ns: 300 * MS },
                faults,
                operations,
                heal: None,
                engine: sim::Engine::Time,
            },
        )
    })
}

fn any_settings(nodes: u8) -> impl Strategy<Value = Settings> {
    let timing = (50u64..200, 10u64..200, 2u64..8);
    let switches = (any_nodes(nodes), any_nodes(nodes), any_nodes(nodes), any::<bool>(), any::<bool>());
    let windows = (1usize..8, 1u64..400, 1usize..16, 1u64..400, 1u64..1_000);
    let snapshots = option::of((1u64..20, 0u64..20));
    let snapshot_bytes = (1u64..64, 64u64..4_096, 1_024u64..8_192);
    (timing, switches, windows, snapshots, snapshot_bytes).prop_map(
        move |((shortest_ms, width_ms, share), switches, windows, snapshots, snapshot_bytes)| {
            let (pre_vote, check_quorum, preferred, has_leases, promotes) = switches;
            // No two clocks are further apart than the fastest and the slowest.
            let apart_ppm = 2 * DRIFT_PPM as u32 + DRIFT_PPM as u32 / 10;
            Settings {
                election_timeout_ms: (shortest_ms, shortest_ms + width_ms),
                heartbeat_ms: shortest_ms / share,
                pre_vote,
                check_quorum,
                lease_clock_drift_ppm: (has_leases && check_quorum == NodeSet::all(nodes)).then_some(apart_ppm),
                preferred,
                forward_reads: true,
                append: (windows.0, windows.1),
                in_flight: (windows.2, windows.3),
                max_uncommitted_bytes: windows.4,
                snapshots,
                snapshot_bytes,
                promotes,
                keys: 4,
                reads: true,
                sessions: true,
            }
        },
    )
}

/// Nobody, everybody, or some.
fn any_nodes(nodes: u8) -> impl Strategy<Value = NodeSet> {
    prop_oneof![select(vec![NodeSet::default(), NodeSet::all(nodes)]), some(nodes)]
}

fn some(nodes: u8) -> impl Strategy<Value = NodeSet> + Clone {
    (0u8..=u8::MAX >> (8 - nodes)).prop_map(NodeSet)
}

fn any_operation(nodes: u8, duration_ms: u64) -> impl Strategy<Value = TimedOperation> {
    let operation = prop_oneof![
        (0..nodes).prop_map(|to| Operation::TransferLeadership { to: NodeId(to) }),
        (1u8..=u8::MAX >> (8 - nodes), some(nodes)).prop_map(|(voters, learners)| {
            Operation::ChangeMembership { voters: NodeSet(voters), learners: NodeSet(learners.0 & !voters) }
        }),
    ];
    (0..duration_ms, operation).prop_map(|(at_ms, operation)| TimedOperation { at_ns: at_ms * MS, operation })
}

fn any_network() -> impl Strategy<Value = Network> {
    let rate = || prop_oneof![Just(0u32), 0u32..200_000];
    (10_000u64..2 * MS, 0..20 * MS, rate(), rate(), rate(), 0..500 * MS).prop_map(
        |(least_ns, width_ns, loss_ppm, duplication_ppm, reordering_ppm, reordering_ns)| Network {
            latency_ns: (least_ns, least_ns + width_ns),
            loss_ppm,
            duplication_ppm,
            reordering_ppm,
            reordering_ns,
            ..Network::default()
        },
    )
}

fn any_disk() -> impl Strategy<Value = DiskPlan> {
    (0..2 * MS, 0..10 * MS, any::<bool>(), any::<bool>()).prop_map(|(least_ns, width_ns, loses, tears)| DiskPlan {
        write_ns: (least_ns, least_ns + width_ns),
        loses,
        tears,
        overtakes: false,
    })
}

fn any_fault(nodes: u8, duration_ms: u64) -> impl Strategy<Value = TimedFault> {
    let some = move || some(nodes);
    let lasts_ns = || (1u64..1_000).prop_map(|ms| ms * MS);
    let fault = prop_oneof![
        (some(), lasts_ns()).prop_map(|(nodes, down_ns)| Fault::Crash { nodes, down_ns }),
        (some(), lasts_ns()).prop_map(|(side, for_ns)| Fault::Partition { side, for_ns }),
        (some(), some(), lasts_ns()).prop_map(|(from, to, for_ns)| Fault::OneWayPartition { from, to, for_ns }),
        (some(), lasts_ns()).prop_map(|(nodes, for_ns)| Fault::Pause { nodes, for_ns }),
        (some(), lasts_ns(), lasts_ns()).prop_map(|(nodes, extra_ns, for_ns)| Fault::SlowDisk {
            nodes,
            extra_ns,
            for_ns
        }),
    ];
    (0..duration_ms, fault).prop_map(|(at_ms, fault)| TimedFault::at(at_ms * MS, fault))
}
