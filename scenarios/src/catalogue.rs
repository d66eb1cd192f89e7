//! The scenarios that come with the project.

use sim::{
    Choice, Clients, DiskPlan, Fault, FaultClass, Nemesis, Network, NodeSet, OperationClass, Outside, Plan, Scenario,
    TimedFault,
};

use crate::cluster_files::{self, ClusterFiles, Timeouts};
use crate::subjects::{CatalogueSubject, Focus};

const MS: u64 = 1_000_000;

/// The scenario that is run where none is named.
pub const DEFAULT: &str = "swarm";

/// The scenario that every subject takes part in, to be compared by.
const BENCH: &str = "bench";

/// All scenarios in which the subject takes part, in the order in which they are listed. With `files`, the cluster is that
/// of the files.
#[must_use]
pub fn all<S: CatalogueSubject>(files: Option<&ClusterFiles>) -> Vec<Scenario<S>> {
    let families = drawn().into_iter().filter(Family::has::<S>);
    families.map(|family| family.scenario(files)).chain([bench()]).collect()
}

/// The scenario of that name.
///
/// # Errors
/// In one line, where there is none, or the subject takes no part in it: those in which it does.
pub fn find<S: CatalogueSubject>(name: &str, files: Option<&ClusterFiles>) -> Result<Scenario<S>, String> {
    if name == BENCH {
        return Ok(bench());
    }
    let families = drawn();
    let found = families.iter().position(|family| family.name == name);
    if let Some(place) = found.filter(|place| families[*place].has::<S>()) {
        return Ok(families.into_iter().nth(place).map(|family| family.scenario(files)).unwrap_or_else(bench));
    }
    let known = families.iter().filter(|family| family.has::<S>()).map(|family| family.name);
    let known = known.chain([BENCH]).collect::<Vec<_>>().join(", ");
    Err(match found {
        Some(_) => format!("{} takes no part in '{name}'; it does in {known}", S::NAME),
        None => format!("there is no '{name}'; there are {known}"),
    })
}

/// A scenario whose plans a nemesis draws.
struct Family {
    name: &'static str,
    about: &'static str,
    nemesis: Nemesis,
    /// What its runs exercise in any 2,000 of them, as far as the subject knows it; `None`: everything that takes nothing
    /// outside of Raft's contract.
    features: Option<&'static [&'static str]>,
    /// What the settings are drawn to bring out.
    focus: Focus,
}

fn drawn() -> Vec<Family> {
    use FaultClass::{
        ClockDrift, Crash, Duplication, Loss, LostLog, LostWrite, OneWayPartition, Partition, Pause, Reordering,
        SlowDisk, TornWrite,
    };
    use OperationClass::{ChangeMembership, TransferLeadership};
    let network = [Loss, Duplication, Reordering];
    let faults = |more: &[FaultClass]| [&network, more].concat();
    vec![
        Family {
            name: "swarm",
            about: "everything at once: any cluster, any settings, each fault class on or off",
            nemesis: Nemesis {
                nodes: vec![(1, 1), (2, 1), (3, 6), (4, 3), (5, 8), (6, 2), (7, 2)],
                faults: FaultClass::ALL.into_iter().filter(|class| class.must_survive()).collect(),
                operations: vec![TransferLeadership, ChangeMembership],
                ..usual()
            },
            features: None,
            focus: Focus::Everything,
        },
        Family {
            name: "elections",
            about: "leaders come and go: whatever can depose one, and hardly any load",
            nemesis: Nemesis {
                nodes: vec![(2, 1), (3, 4), (4, 2), (5, 4), (6, 1), (7, 2)],
                faults: faults(&[Partition, OneWayPartition, Crash, LostWrite, Pause, ClockDrift]),
                clients: (1, 1),
                ..usual()
            },
            features: Some(&["pre_votes", "step_downs", "priority_refusals"]),
            focus: Focus::Elections,
        },
        Family {
            name: "replication",
            about: "a busy log over a bad network and slow disks: batches, windows and bounds of one and of everything",
            nemesis: Nemesis {
                faults: faults(&[Crash, LostWrite, TornWrite, SlowDisk]),
                duration: (15, 30),
                clients: (4, 12),
                ..usual()
            },
            features: Some(&["backpressure"]),
            focus: Focus::Replication,
        },
        Family {
            name: "pre_vote",
            about: "nodes come back from partitions and pauses, while some ask before they campaign and some do not",
            nemesis: Nemesis { faults: faults(&[Partition, OneWayPartition, Pause]), ..usual() },
            features: Some(&["pre_votes"]),
            focus: Focus::PreVote,
        },
        Family {
            name: "check_quorum",
            about: "leaders lose their quorum: partitions of every kind against leaders that count who answers",
            nemesis: Nemesis { faults: faults(&[Partition, OneWayPartition, Pause, ClockDrift]), ..usual() },
            features: Some(&["step_downs"]),
            focus: Focus::CheckQuorum,
        },
        Family {
            name: "transfers",
            about: "leadership is handed over again and again, while nodes crash and links fail",
            nemesis: Nemesis {
                faults: faults(&[Partition, Crash, LostWrite, SlowDisk]),
                operations: vec![TransferLeadership],
                operations_ppm: 1_000_000,
                ..usual()
            },
            features: Some(&["transfers", "transfers_done"]),
            focus: Focus::Transfers,
        },
        Family {
            name: "membership",
            about: "members come and go, one by one and through joint configurations, while nodes crash and links fail",
            nemesis: Nemesis {
                nodes: vec![(2, 1), (3, 3), (4, 3), (5, 6), (6, 3), (7, 3)],
                faults: faults(&[Partition, OneWayPartition, Crash, LostWrite, TornWrite, Pause]),
                operations: vec![ChangeMembership],
                operations_ppm: 1_000_000,
                duration: (30, 60),
                ..usual()
            },
            features: Some(&["membership_changes", "joint_configurations", "memberships_rolled_back", "promotions"]),
            focus: Focus::Membership,
        },
        Family {
            name: "priorities",
            about: "some nodes should rather lead, and none that lacks an entry may",
            nemesis: Nemesis { faults: faults(&[Partition, Crash, Pause]), ..usual() },
            features: Some(&["priority_refusals"]),
            focus: Focus::Priorities,
        },
        Family {
            name: "reads",
            about: "reads by read index, by lease and through followers, with clocks as far apart as leases allow",
            nemesis: Nemesis {
                faults: faults(&[Partition, OneWayPartition, Crash, LostWrite, Pause, ClockDrift]),
                operations: vec![TransferLeadership, ChangeMembership],
                clients: (3, 8),
                ..usual()
            },
            features: Some(&["read_index_reads", "lease_reads", "forwarded_reads", "lost_reads"]),
            focus: Focus::Reads,
        },
        Family {
            name: "snapshots",
            about: "logs are compacted at every entry or now and then, and snapshots sent in parts from one byte on",
            nemesis: Nemesis {
                faults: faults(&[Partition, Crash, LostWrite, TornWrite, SlowDisk]),
                operations: vec![ChangeMembership],
                ..usual()
            },
            features: Some(&["snapshots_taken", "snapshots_sent", "snapshots_installed"]),
            focus: Focus::Snapshots,
        },
        Family {
            name: "lost_log",
            about: "disks that lied: a follower has lost what it acknowledged, its leader finds out, and it stops",
            nemesis: Nemesis {
                faults: vec![Loss, Duplication, Reordering, LostLog],
                // Which nodes are left to heal nobody outside can tell.
                heal_ppm: 0,
                ..usual()
            },
            features: Some(&["lost_logs"]),
            focus: Focus::LostLogs,
        },
        Family {
            name: "slow_disks",
            about: "disks stall for longer than an election timeout: leaders hand over, and nobody promises too early",
            nemesis: Nemesis { faults: faults(&[Crash, LostWrite, TornWrite, SlowDisk]), clients: (2, 8), ..usual() },
            features: Some(&["slow_disk_handovers"]),
            focus: Focus::SlowDisks,
        },
    ]
}

/// What most scenarios have in common.
fn usual() -> Nemesis {
    Nemesis {
        nodes: vec![(3, 4), (4, 1), (5, 4), (7, 1)],
        faults: Vec::new(),
        operations: Vec::new(),
        operations_ppm: 500_000,
        // Most runs go on after the faults, with a healed core.
        heal_ppm: 875_000,
        outside: vec![Outside::Down, Outside::Paused, Outside::CutOff, Outside::Mute],
        duration: (20, 40),
        clients: (1, 6),
    }
}

impl Family {
    fn has<S: CatalogueSubject>(&self) -> bool {
        self.focus == Focus::Everything || S::FOCUSES.contains(&self.focus)
    }

    fn scenario<S: CatalogueSubject>(self, files: Option<&ClusterFiles>) -> Scenario<S> {
        let Self { name, about, mut nemesis, features, focus } = self;
        let is_alone = files.is_some_and(|files| cluster_files::nodes(files) == 1);
        nemesis.faults.retain(|class| S::meets(*class));
        nemesis.operations.retain(|class| S::performs(*class));
        let faults: Vec<FaultClass> =
            nemesis.faults.iter().copied().filter(|class| !(is_alone && class.needs_links())).collect();
        let files = files.cloned();
        let mut scenario = Scenario::new(name, about, &faults, move |choice| {
            let drawn_nodes = nemesis.draw_nodes(choice);
            let mut settings = S::draw_settings(choice);
            S::bring_out(focus, &mut settings, choice);
            if let Some(timeouts) = files.as_ref().and_then(ClusterFiles::timeouts) {
                S::set_timeouts(&mut settings, timeouts);
            }
            let nodes = files.as_ref().map_or(drawn_nodes, cluster_files::nodes);
            draw_plan::<S>(&nemesis, choice, nodes, settings)
        });
        match features {
            // Most of Raft is between servers.
            _ if is_alone => scenario.features.clear(),
            Some(features) => scenario.features.retain(|feature| features.contains(feature)),
            None => scenario.features.retain(|feature| *feature != "lost_logs"),
        }
        scenario
    }
}

fn draw_plan<S: CatalogueSubject>(
    nemesis: &Nemesis,
    choice: &mut Choice,
    nodes: u8,
    settings: S::Settings,
) -> Plan<S::Settings> {
    let Timeouts { election_ms: (shortest_ms, longest_ms), heartbeat_ms } = S::timeouts(&settings);
    // With fewer than two heartbeats in the shortest timeout, whoever leads cannot be expected to stay.
    let keeps_leaders = 2 * heartbeat_ms <= shortest_ms;
    let outside = nemesis.outside.iter().copied().chain(S::lives_with(&settings)).collect();
    let nemesis = Nemesis { outside, ..nemesis.clone() };
    let mut plan = nemesis.draw(choice, nodes, settings, (shortest_ms * MS, longest_ms * MS));
    plan.heal = plan.heal.filter(|_| keeps_leaders);
    let catch_up_ns = S::catch_up_ns(&plan);
    if let Some(heal) = &mut plan.heal {
        heal.catch_up_ns = catch_up_ns;
    }
    let drift_ppm = apart_ppm(&plan.clock_drift_ppm);
    S::trust_clocks(&mut plan.settings, drift_ppm);
    plan
}

/// How many microseconds the slowest clock may lose against the fastest while that one shows a second, rounded up.
fn apart_ppm(drifts: &[i32]) -> u32 {
    const MILLION: i64 = 1_000_000;
    let drifts = || drifts.iter().map(|drift| i64::from(*drift));
    let (slowest, fastest) = (drifts().min().unwrap_or(0), drifts().max().unwrap_or(0));
    let apart = (fastest - slowest) * MILLION;
    ((apart + MILLION + fastest - 1) / (MILLION + fastest)) as u32
}

/// A fixed workload, to measure speed with and to compare with others on.
fn bench<S: CatalogueSubject>() -> Scenario<S> {
    let mut scenario = Scenario::new(
        BENCH,
        "the fixed workload that `bench` measures",
        &[FaultClass::Loss, FaultClass::Partition],
        |choice| bench_plan::<S>(choice, 60_000),
    );
    // The same work as others do, and no more.
    scenario.features.clear();
    scenario
}

/// 5 nodes, latency 1 to 10 ms, 1 % loss, heartbeats every 20 ms, elections after 100 to 200 ms, a command every 5 ms
/// to the leader, the cluster split in two for 500 ms every 2 s, disks that write at once.
#[must_use]
pub fn bench_plan<S: CatalogueSubject>(choice: &mut Choice, duration_ms: u64) -> Plan<S::Settings> {
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
        settings: S::bench_settings(Timeouts { election_ms: (100, 200), heartbeat_ms: 20 }),
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
        engine: sim::Engine::Time,
    }
}
