//! The scenarios that come with the project.

use sim::{
    Choice, Clients, DiskPlan, Fault, FaultClass, Nemesis, Network, NodeSet, Outside, Plan, Scenario, TimedFault,
};

use crate::cluster_files::ClusterFiles;
use crate::raft_core_subject::{RaftCore, Settings};

const MS: u64 = 1_000_000;

/// So many runs in a million go on after the faults, with a healed core.
const MOST: u32 = 875_000;

/// The scenario that is run where none is named.
pub const DEFAULT: &str = "swarm";

/// All scenarios, in the order in which they are listed. With `files`, the cluster is that of the files.
#[must_use]
pub fn all(files: Option<&ClusterFiles>) -> Vec<Scenario<RaftCore>> {
    vec![swarm(files), elections(files), replication(files), bench()]
}

/// The scenario of that name.
#[must_use]
pub fn find(name: &str, files: Option<&ClusterFiles>) -> Option<Scenario<RaftCore>> {
    all(files).into_iter().find(|scenario| scenario.name == name)
}

fn swarm(files: Option<&ClusterFiles>) -> Scenario<RaftCore> {
    let nemesis = Nemesis {
        nodes: vec![(1, 1), (2, 1), (3, 6), (4, 3), (5, 8), (6, 2), (7, 2)],
        faults: FaultClass::ALL.to_vec(),
        operations: Vec::new(),
        heal_ppm: MOST,
        outside: vec![Outside::Down, Outside::Paused, Outside::CutOff, Outside::Mute],
        duration: (20, 40),
        clients: (1, 6),
    };
    drawn("swarm", "everything at once: any cluster, any settings, each fault class on or off", nemesis, files)
}

fn elections(files: Option<&ClusterFiles>) -> Scenario<RaftCore> {
    use FaultClass::{ClockDrift, Crash, Duplication, LostWrite, OneWayPartition, Partition, Pause, Reordering};
    let nemesis = Nemesis {
        nodes: vec![(2, 1), (3, 4), (4, 2), (5, 4), (6, 1), (7, 2)],
        faults: vec![
            FaultClass::Loss,
            Duplication,
            Reordering,
            Partition,
            OneWayPartition,
            Crash,
            LostWrite,
            Pause,
            ClockDrift,
        ],
        operations: Vec::new(),
        heal_ppm: MOST,
        outside: vec![Outside::Down, Outside::Paused, Outside::CutOff, Outside::Mute],
        duration: (20, 40),
        clients: (1, 1),
    };
    drawn("elections", "leaders come and go: whatever can depose one, and hardly any load", nemesis, files)
}

fn replication(files: Option<&ClusterFiles>) -> Scenario<RaftCore> {
    use FaultClass::{Crash, Duplication, LostWrite, Reordering, SlowDisk, TornWrite};
    let nemesis = Nemesis {
        nodes: vec![(3, 4), (4, 1), (5, 4), (7, 1)],
        faults: vec![FaultClass::Loss, Duplication, Reordering, Crash, LostWrite, TornWrite, SlowDisk],
        operations: Vec::new(),
        heal_ppm: MOST,
        outside: vec![Outside::Down, Outside::Paused, Outside::CutOff, Outside::Mute],
        duration: (15, 30),
        clients: (4, 12),
    };
    drawn("replication", "a busy log over a bad network and slow disks", nemesis, files)
}

fn drawn(
    name: &'static str,
    about: &'static str,
    nemesis: Nemesis,
    files: Option<&ClusterFiles>,
) -> Scenario<RaftCore> {
    let is_alone = files.is_some_and(|files| files.nodes() == 1);
    let faults: Vec<FaultClass> =
        nemesis.faults.iter().copied().filter(|class| !(is_alone && class.needs_links())).collect();
    let files = files.cloned();
    Scenario::new(name, about, &faults, move |choice| {
        let drawn_nodes = nemesis.draw_nodes(choice);
        let drawn_settings = draw_settings(choice);
        let (nodes, settings) = match &files {
            Some(files) => (files.nodes(), files.apply_to(drawn_settings)),
            None => (drawn_nodes, drawn_settings),
        };
        let (shortest_ms, longest_ms) = settings.election_timeout_ms;
        // With fewer than two heartbeats in the shortest timeout, whoever leads cannot be expected to stay.
        let keeps_leaders = 2 * settings.heartbeat_ms <= shortest_ms;
        let plan = nemesis.draw(choice, nodes, settings, (shortest_ms * MS, longest_ms * MS));
        let heal = plan.heal.clone().filter(|_| keeps_leaders);
        Plan { heal, ..plan }
    })
}

fn draw_settings(choice: &mut Choice) -> Settings {
    let shortest_ms = choice.within((60, 200));
    // The sizes at which batches and windows of one entry, and of everything, are all met.
    let max_entries_per_append = *choice.pick(&[1, 2, 5, 64, 1024]);
    let appends_in_flight = *choice.pick(&[1, 2, 8, 64]);
    Settings {
        election_timeout_ms: (shortest_ms, shortest_ms + choice.within((shortest_ms / 4, 2 * shortest_ms))),
        heartbeat_ms: shortest_ms / choice.within((2, 8)),
        max_entries_per_append,
        max_entries_in_flight: max_entries_per_append as u64 * appends_in_flight,
        keys: choice.within((1, 16)),
    }
}

/// A fixed workload, to measure speed with and to compare with others on.
fn bench() -> Scenario<RaftCore> {
    Scenario::new(
        "bench",
        "the fixed workload that `bench` measures",
        &[FaultClass::Loss, FaultClass::Partition],
        |choice| bench_plan(choice, 60_000),
    )
}

/// 5 nodes, latency 1 to 10 ms, 1 % loss, heartbeats every 20 ms, elections after 100 to 200 ms, a command every 5 ms
/// to the leader, the cluster split in two for 500 ms every 2 s, disks that write at once.
#[must_use]
pub fn bench_plan(choice: &mut Choice, duration_ms: u64) -> Plan<Settings> {
    const NODES: u8 = 5;
    let split = |at_ns| TimedFault {
        at_ns,
        fault: Fault::Partition { side: NodeSet(choice.within((1, (1 << NODES) - 2)) as u8), for_ns: 500 * MS },
    };
    let faults =
        (1..).map(|number| number * 2_000 * MS).take_while(|at_ns| *at_ns < duration_ms * MS).map(split).collect();
    Plan {
        nodes: NODES,
        members: NodeSet::all(NODES),
        duration_ns: duration_ms * MS,
        settings: Settings {
            election_timeout_ms: (100, 200),
            heartbeat_ms: 20,
            max_entries_per_append: 1024,
            max_entries_in_flight: 256,
            keys: 16,
        },
        network: Network {
            latency_ns: (MS, 10 * MS),
            loss_ppm: 10_000,
            duplication_ppm: 0,
            reordering_ppm: 0,
            reordering_ns: 0,
        },
        disk: DiskPlan { write_ns: (0, 0), loses: false, tears: false },
        clock_drift_ppm: vec![0; usize::from(NODES)],
        clients: Clients::Open { every_ns: 5 * MS },
        faults,
        operations: Vec::new(),
        heal: None,
    }
}
