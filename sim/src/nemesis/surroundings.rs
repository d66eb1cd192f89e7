//! What the network, the disks and the clocks are like all along.

use super::{MS, US};
use crate::choices::Choice;
use crate::faults::FaultClass;
use crate::latency::{LatencyShape, LinkLatency};
use crate::plan::{DiskPlan, Network};

pub(super) fn draw_network(choice: &mut Choice, is_on: impl Fn(FaultClass) -> bool, tempo_ns: u64) -> Network {
    // The broadcast time must stay well below the election timeout (§5.6), or nobody would ever lead.
    let least_ns = choice.within((50 * US, 2 * MS)).min(tempo_ns / 100);
    let most_ns = least_ns + choice.within((0, tempo_ns / 20));
    // What is lost keeps anything from happening; what comes twice or late makes things happen.
    let lost = [1_000, 10_000, 50_000, 150_000];
    let twice_or_late = [10_000, 50_000, 150_000, 400_000];
    let mut rate = |class, rates| {
        let ppm = *choice.pick(rates);
        if is_on(class) { ppm } else { 0 }
    };
    let mut network = Network {
        latency_ns: (least_ns, most_ns),
        loss_ppm: rate(FaultClass::Loss, &lost),
        duplication_ppm: rate(FaultClass::Duplication, &twice_or_late),
        reordering_ppm: rate(FaultClass::Reordering, &twice_or_late),
        // Up to longer than an election timeout, so that messages arrive in a later term than they were sent in.
        reordering_ns: choice.within((most_ns, 2 * tempo_ns)),
        ..Network::default()
    };
    if is_on(FaultClass::StaleReplay) {
        network.stale_ppm = *choice.pick(&[5_000, 20_000, 100_000]);
        network.stale_ns = choice.within((2 * tempo_ns, 12 * tempo_ns));
    }
    network
}

/// A distribution for each link: its own range within twice that of the network, and some with a heavy tail that reaches
/// as far as an election timeout.
pub(super) fn draw_links(choice: &mut Choice, network: &Network, nodes: u8, tempo_ns: u64) -> Vec<LinkLatency> {
    let (least_ns, most_ns) = network.latency_ns;
    let shapes = [LatencyShape::Uniform, LatencyShape::Exponential, LatencyShape::Exponential, LatencyShape::HeavyTail];
    let mut draw = || {
        let shape = *choice.pick(&shapes);
        let most_ns = choice.within((least_ns, 2 * most_ns));
        let tail_ns = choice.within((most_ns, tempo_ns.max(most_ns)));
        LinkLatency { shape, latency_ns: (least_ns, most_ns), tail_ns }
    };
    (0..usize::from(nodes).pow(2)).map(|_| draw()).collect()
}

pub(super) fn draw_disk(choice: &mut Choice, is_on: impl Fn(FaultClass) -> bool, tempo_ns: u64) -> DiskPlan {
    let (loses, tears) = (is_on(FaultClass::LostWrite), is_on(FaultClass::TornWrite));
    let overtakes = is_on(FaultClass::ReorderedWrites);
    let least_ns = choice.within((10 * US, MS));
    let most_ns = least_ns + choice.within((0, tempo_ns / 20));
    let takes_time = loses
        || tears
        || overtakes
        || is_on(FaultClass::SlowDisk)
        || is_on(FaultClass::CrashInWrite)
        || choice.chance_ppm(500_000);
    let write_ns = if takes_time { (least_ns, most_ns) } else { (0, 0) };
    DiskPlan { write_ns, loses: loses || tears, tears, overtakes }
}

/// Anything up to `most`, and half of the time the most itself, where it does most harm.
pub(super) fn draw_drift(choice: &mut Choice, most: u64) -> i32 {
    let most = most as i32;
    match choice.below(4) {
        0 => -most,
        1 => most,
        _ => choice.below(2 * most as u64 + 1) as i32 - most,
    }
}
