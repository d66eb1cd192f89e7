//! Plans as proptest values: every part shrinks towards fewer, shorter and earlier.

use proptest::collection::vec;
use proptest::prelude::*;
use scenarios::raft_core_subject::Settings;
use sim::{Clients, DiskPlan, Fault, Network, NodeSet, Plan, TimedFault};

const MS: u64 = 1_000_000;

/// A cluster of 1 to 7 nodes for up to three seconds, with up to a dozen faults.
pub(crate) fn any_plan() -> impl Strategy<Value = Plan<Settings>> {
    (1u8..=7, 300u64..3_000).prop_flat_map(|(nodes, duration_ms)| {
        let drifts = vec(-50_000i32..50_000, usize::from(nodes));
        let faults = vec(any_fault(nodes, duration_ms), 0..12);
        // Shrunk in this order: first what need not go wrong at all.
        (faults, any_network(), any_disk(), drifts, any_settings()).prop_map(
            move |(faults, network, disk, clock_drift_ppm, settings)| Plan {
                nodes,
                members: NodeSet::all(nodes),
                duration_ns: duration_ms * MS,
                settings,
                network,
                disk,
                clock_drift_ppm,
                clients: Clients::Closed { count: 1, think_ns: (20 * MS, 80 * MS), timeout_ns: 300 * MS },
                faults,
                operations: Vec::new(),
                heal: None,
            },
        )
    })
}

fn any_settings() -> impl Strategy<Value = Settings> {
    (50u64..200, 10u64..200, 2u64..8, 1usize..8, 1usize..16).prop_map(
        |(shortest_ms, width_ms, share, batch, window)| Settings {
            election_timeout_ms: (shortest_ms, shortest_ms + width_ms),
            heartbeat_ms: shortest_ms / share,
            append: (batch, u64::MAX),
            in_flight: (window, u64::MAX),
            keys: 4,
            ..Settings::default()
        },
    )
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
        },
    )
}

fn any_disk() -> impl Strategy<Value = DiskPlan> {
    (0..2 * MS, 0..10 * MS, any::<bool>(), any::<bool>()).prop_map(|(least_ns, width_ns, loses, tears)| DiskPlan {
        write_ns: (least_ns, least_ns + width_ns),
        loses,
        tears,
    })
}

fn any_fault(nodes: u8, duration_ms: u64) -> impl Strategy<Value = TimedFault> {
    let some = move || (0u8..=u8::MAX >> (8 - nodes)).prop_map(NodeSet);
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
    (0..duration_ms, fault).prop_map(|(at_ms, fault)| TimedFault { at_ns: at_ms * MS, fault })
}
