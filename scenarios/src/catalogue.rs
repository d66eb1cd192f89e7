//! The scenarios that come with the project.

use sim::{
    Choice, Clients, DiskPlan, Fault, FaultClass, Nemesis, Network, NodeSet, OperationClass, Outside, Plan, Scenario,
    TimedFault,
};

use crate::cluster_files::ClusterFiles;
use crate::raft_core_subject::{RaftCore, Settings};

const MS: u64 = 1_000_000;

/// The scenario that is run where none is named.
pub const DEFAULT: &str = "swarm";

/// All scenarios, in the order in which they are listed. With `files`, the cluster is that of the files.
#[must_use]
pub fn all(files: Option<&ClusterFiles>) -> Vec<Scenario<RaftCore>> {
    let mut scenarios: Vec<_> = drawn().into_iter().map(|family| family.scenario(files)).collect();
    scenarios.push(bench());
    scenarios
}

/// The scenario of that name.
#[must_use]
pub fn find(name: &str, files: Option<&ClusterFiles>) -> Option<Scenario<RaftCore>> {
    all(files).into_iter().find(|scenario| scenario.name == name)
}

/// A scenario whose plans a nemesis draws.
struct Family {
    name: &'static str,
    about: &'static str,
    nemesis: Nemesis,
    /// What its runs exercise in any 2,000 of them; `None`: everything that takes nothing outside of Raft's contract.
    features: Option<&'static [&'static str]>,
    /// What it changes about the settings drawn, to bring its subject out.
    shape: fn(&mut Settings, &mut Choice),
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
            shape: |_, _| {},
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
            shape: |settings, choice| settings.preferred = NodeSet(choice.below(1 << sim::MAX_NODES) as u8),
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
            shape: |_, _| {},
        },
        Family {
            name: "pre_vote",
            about: "nodes come back from partitions and pauses, while some ask before they campaign and some do not",
            nemesis: Nemesis { faults: faults(&[Partition, OneWayPartition, Pause]), ..usual() },
            features: Some(&["pre_votes"]),
            shape: |settings, choice| {
                if choice.chance_ppm(500_000) {
                    settings.pre_vote = NodeSet(choice.below(1 << sim::MAX_NODES) as u8);
                }
            },
        },
        Family {
            name: "check_quorum",
            about: "leaders lose their quorum: partitions of every kind against leaders that count who answers",
            nemesis: Nemesis { faults: faults(&[Partition, OneWayPartition, Pause, ClockDrift]), ..usual() },
            features: Some(&["step_downs"]),
            shape: |settings, _| settings.check_quorum = NodeSet::all(sim::MAX_NODES as u8),
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
            shape: |_, _| {},
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
            shape: |_, _| {},
        },
        Family {
            name: "priorities",
            about: "some nodes should rather lead, and none that lacks an entry may",
            nemesis: Nemesis { faults: faults(&[Partition, Crash, Pause]), ..usual() },
            features: Some(&["priority_refusals"]),
            shape: |settings, choice| settings.preferred = NodeSet(choice.within((1, 126)) as u8),
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
            shape: |settings, choice| {
                settings.reads = true;
                settings.keys = choice.within((1, 4));
                settings.check_quorum = NodeSet::all(sim::MAX_NODES as u8);
                settings.lease_clock_drift_ppm = Some(0);
            },
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
            shape: |settings, choice| {
                settings.snapshots = Some((*choice.pick(&[1, 2, 5, 20]), *choice.pick(&[0, 0, 1, 5])));
            },
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
            shape: |_, _| {},
        },
        Family {
            name: "slow_disks",
            about: "disks stall for longer than an election timeout: leaders hand over, and nobody promises too early",
            nemesis: Nemesis { faults: faults(&[Crash, LostWrite, TornWrite, SlowDisk]), clients: (2, 8), ..usual() },
            features: Some(&["slow_disk_handovers"]),
            shape: |_, _| {},
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
    fn scenario(self, files: Option<&ClusterFiles>) -> Scenario<RaftCore> {
        let Self { name, about, nemesis, features, shape } = self;
        let is_alone = files.is_some_and(|files| files.nodes() == 1);
        let faults: Vec<FaultClass> =
            nemesis.faults.iter().copied().filter(|class| !(is_alone && class.needs_links())).collect();
        let files = files.cloned();
        let mut scenario = Scenario::new(name, about, &faults, move |choice| {
            let drawn_nodes = nemesis.draw_nodes(choice);
            let mut drawn_settings = Settings::draw(choice);
            shape(&mut drawn_settings, choice);
            match &files {
                Some(files) => draw_plan(&nemesis, choice, files.nodes(), files.apply_to(drawn_settings)),
                None => draw_plan(&nemesis, choice, drawn_nodes, drawn_settings),
            }
        });
        match features {
            // Most of Raft is between servers.
            _ if is_alone => scenario.features.clear(),
            Some(features) => scenario.features = features.to_vec(),
            None => scenario.features.retain(|feature| *feature != "lost_logs"),
        }
        scenario
    }
}

fn draw_plan(nemesis: &Nemesis, choice: &mut Choice, nodes: u8, settings: Settings) -> Plan<Settings> {
    let (shortest_ms, longest_ms) = settings.election_timeout_ms;
    // With fewer than two heartbeats in the shortest timeout, whoever leads cannot be expected to stay.
    let keeps_leaders = 2 * settings.heartbeat_ms <= shortest_ms;
    let nemesis =
        Nemesis { outside: nemesis.outside.iter().copied().chain(survivable(&settings)).collect(), ..nemesis.clone() };
    let mut plan = nemesis.draw(choice, nodes, settings, (shortest_ms * MS, longest_ms * MS));
    plan.heal = plan.heal.filter(|_| keeps_leaders);
    let catch_up_ns = catch_up_ns(&plan);
    if let Some(heal) = &mut plan.heal {
        heal.catch_up_ns = catch_up_ns;
    }
    trust_clocks(&mut plan);
    plan
}

/// How long it takes at most to bring a snapshot over: part by part, each after the one before was acknowledged, and no
/// more between two heartbeats than allowed. Twice, since the log may be compacted further meanwhile.
fn catch_up_ns(plan: &Plan<Settings>) -> u64 {
    let Settings { snapshots: Some(_), keys, heartbeat_ms, snapshot_bytes: (part, _, rate), .. } = plan.settings else {
        return 0;
    };
    let size = Settings::largest_snapshot(keys);
    let round_trip_ns = 2 * plan.network.latency_ns.1 + plan.disk.write_ns.1;
    2 * (size.div_ceil(part) * round_trip_ns + size.div_ceil(rate) * heartbeat_ms * MS)
}

/// The nodes outside the core that a cluster with these settings can live with, though others hear them.
fn survivable(settings: &Settings) -> impl Iterator<Item = Outside> + use<> {
    let everyone = NodeSet::all(sim::MAX_NODES as u8);
    let checks_quorum = settings.check_quorum == everyone;
    let asks_first = settings.pre_vote == everyone;
    let connected = checks_quorum.then_some(Outside::Connected);
    let deaf = (checks_quorum && asks_first).then_some(Outside::Deaf);
    connected.into_iter().chain(deaf)
}

/// Leases trust the clocks of the run exactly as far as they can be trusted.
fn trust_clocks(plan: &mut Plan<Settings>) {
    const MILLION: i64 = 1_000_000;
    let drifts = || plan.clock_drift_ppm.iter().map(|drift| i64::from(*drift));
    let (slowest, fastest) = (drifts().min().unwrap_or(0), drifts().max().unwrap_or(0));
    // While the fastest clock shows a million, the slowest shows this many less, rounded up.
    let apart = (fastest - slowest) * MILLION;
    let drift_ppm = (apart + MILLION + fastest - 1) / (MILLION + fastest);
    if let Some(trusted) = &mut plan.settings.lease_clock_drift_ppm {
        *trusted = drift_ppm as u32;
    }
}

/// A fixed workload, to measure speed with and to compare with others on.
fn bench() -> Scenario<RaftCore> {
    let mut scenario = Scenario::new(
        "bench",
        "the fixed workload that `bench` measures",
        &[FaultClass::Loss, FaultClass::Partition],
        |choice| bench_plan(choice, 60_000),
    );
    // The same work as others do, and no more.
    scenario.features.clear();
    scenario
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
            // As the others that it is compared with have them.
            pre_vote: NodeSet::default(),
            check_quorum: NodeSet::default(),
            ..Settings::default()
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
