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
        Ambush, BitRot, Bridge, ClientPartition, ClockBackward, ClockDrift, ClockForward, ClockFreeze, Clog, Crash,
        CrashInWrite, DiskFull, DiskStall, Duplication, IoError, Isolation, LinkCut, Loss, LostLog, LostWrite,
        LyingSync, OneWayPartition, Partition, Pause, Reordering, Ring, RollingUpgrade, ScatteredCuts, ShuffledRestart,
        SlowDisk, StaleReplay, SwizzleClog, TornWrite, UnevenLatency, Wipe,
    };
    use OperationClass::{ChangeMembership, TransferLeadership};
    let network = [Loss, Duplication, Reordering, StaleReplay, UnevenLatency];
    let cuts = [
        Partition,
        OneWayPartition,
        Isolation,
        Bridge,
        Ring,
        LinkCut,
        ScatteredCuts,
        Clog,
        SwizzleClog,
        ClientPartition,
    ];
    let faults = |more: &[FaultClass]| [&network, more].concat();
    let cuts_and = |more: &[FaultClass]| [&network[..], &cuts, more].concat();
    vec![
        Family {
            name: "swarm",
            about: "everything at once: any cluster, any settings, each fault class on or off",
            nemesis: Nemesis {
                nodes: vec![(1, 1), (2, 1), (3, 6), (4, 3), (5, 8), (6, 2), (7, 2)],
                faults: FaultClass::ALL.iter().copied().filter(|class| class.must_survive()).collect(),
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
                faults: cuts_and(&[
                    Crash,
                    CrashInWrite,
                    LostWrite,
                    Pause,
                    ClockDrift,
                    ClockForward,
                    ClockBackward,
                    ClockFreeze,
                    Ambush,
                ]),
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
                faults: faults(&[
                    Crash,
                    CrashInWrite,
                    RollingUpgrade,
                    LostWrite,
                    TornWrite,
                    SlowDisk,
                    DiskStall,
                    IoError,
                    DiskFull,
                    Ambush,
                ]),
                duration: (17, 34),
                clients: (30, 70),
                quiet_ppm: 0,
                ..usual()
            },
            features: Some(&["backpressure"]),
            focus: Focus::Replication,
        },
        Family {
            name: "pre_vote",
            about: "nodes come back from partitions and pauses, while some ask before they campaign and some do not",
            nemesis: Nemesis { faults: cuts_and(&[Pause, Ambush]), ..usual() },
            features: Some(&["pre_votes"]),
            focus: Focus::PreVote,
        },
        Family {
            name: "check_quorum",
            about: "leaders lose their quorum: partitions of every kind against leaders that count who answers",
            nemesis: Nemesis { faults: cuts_and(&[Pause, ClockDrift, Ambush]), ..usual() },
            features: Some(&["step_downs"]),
            focus: Focus::CheckQuorum,
        },
        Family {
            name: "transfers",
            about: "leadership is handed over again and again, while nodes crash and links fail",
            nemesis: Nemesis {
                faults: faults(&[Partition, Crash, LostWrite, SlowDisk, Ambush]),
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
                faults: cuts_and(&[Crash, ShuffledRestart, Wipe, LostWrite, TornWrite, Pause, Ambush]),
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
            nemesis: Nemesis { faults: faults(&[Partition, Crash, Pause, Ambush]), ..usual() },
            features: Some(&["priority_refusals"]),
            focus: Focus::Priorities,
        },
        Family {
            name: "reads",
            about: "reads by read index, by lease and through followers, with clocks as far apart as leases allow",
            nemesis: Nemesis {
                faults: cuts_and(&[Crash, LostWrite, Pause, ClockDrift, Ambush]),
                operations: vec![TransferLeadership, ChangeMembership],
                clients: (3, 8),
                ..usual()
            },
            features: Some(&["read_index_reads", "lease_reads", "forwarded_reads", "lost_reads"]),
            focus: Focus::Reads,
        },
        Family {
            name: "sessions",
            about: "clients repeat what they got no answer to, append and compare, and everything takes effect once",
            nemesis: Nemesis {
                faults: faults(&[Partition, OneWayPartition, Crash, LostWrite, Pause, SlowDisk]),
                operations: vec![TransferLeadership, ChangeMembership],
                clients: (2, 8),
                ..usual()
            },
            features: Some(&["snapshots_taken", "snapshots_installed"]),
            focus: Focus::Sessions,
        },
        Family {
            name: "snapshots",
            about: "logs are compacted at every entry or now and then, and snapshots sent in parts from one byte on",
            nemesis: Nemesis {
                faults: faults(&[Partition, Crash, LostWrite, TornWrite, SlowDisk, Ambush]),
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
                about: vec![LostLog],
                // Which nodes are left to heal nobody outside can tell.
                heal_ppm: 0,
                ..usual()
            },
            features: Some(&["lost_logs"]),
            focus: Focus::LostLogs,
        },
        Family {
            name: "lying_sync",
            about: "disks that lied about what is durable, until a crash: the server is gone for good, and as long as a quorum of \
                    the others has everything nothing else may break; a cluster that lost more could lose what it acknowledged",
            nemesis: Nemesis {
                faults: cuts_and(&[Crash, LostWrite, LyingSync, Ambush]),
                about: vec![LyingSync],
                ..usual()
            },
            features: Some(&[]),
            focus: Focus::Everything,
        },
        Family {
            name: "bit_rot",
            about: "records go bad on disks: the server finds out when it starts, refuses, and is gone for good; nothing else may \
                    break, and would if it went on with what is left",
            nemesis: Nemesis {
                faults: faults(&[Partition, Crash, LostWrite, BitRot, Ambush]),
                about: vec![BitRot],
                ..usual()
            },
            features: Some(&[]),
            focus: Focus::LostLogs,
        },
        Family {
            name: "slow_disks",
            about: "disks stall for longer than an election timeout: leaders hand over, and nobody promises too early",
            nemesis: Nemesis {
                faults: faults(&[Crash, LostWrite, TornWrite, SlowDisk, DiskStall, Ambush]),
                about: vec![DiskStall],
                clients: (2, 8),
                ..usual()
            },
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
        about: Vec::new(),
        message_kinds: 0,
        operations: Vec::new(),
        operations_ppm: 850_000,
        // Most runs go on after the faults, with a healed core.
        heal_ppm: 700_000,
        outside: vec![Outside::Down, Outside::Paused, Outside::CutOff, Outside::Mute],
        duration: (20, 40),
        clients: (2, 11),
        quiet_ppm: 200_000,
        open_ppm: 100_000,
    }
}

impl Family {
    fn has<S: CatalogueSubject>(&self) -> bool {
        self.focus == Focus::Everything || S::FOCUSES.contains(&self.focus)
    }

    fn scenario<S: CatalogueSubject>(self, files: Option<&ClusterFiles>) -> Scenario<S> {
        let Self { name, about, mut nemesis, features, focus } = self;
        let is_alone = files.is_some_and(|files| cluster_files::nodes(files) == 1);
        let is_wipeable = S::performs(OperationClass::ChangeMembership);
        nemesis.faults.retain(|class| match class {
            FaultClass::Wipe => is_wipeable && S::meets(*class),
            FaultClass::ReorderedWrites => S::WRITES_MAY_OVERTAKE,
            class => S::meets(*class),
        });
        nemesis.operations.retain(|class| S::performs(*class));
        nemesis.message_kinds = S::MESSAGE_KINDS.len() as u8;
        let most_nodes = files.map_or(sim::MAX_NODES as u8, cluster_files::nodes);
        let faults: Vec<FaultClass> =
            nemesis.faults.iter().copied().filter(|class| class.least_nodes() <= most_nodes).collect();
        let is_any_cluster = files.is_none();
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
        // Where everything may come together, the states that are worth it are reached in time.
        if focus == Focus::Everything && is_any_cluster {
            let generic = S::REACHES.iter().map(|mark| mark.name());
            scenario.marks = generic.chain(S::MARKS.iter().copied()).collect();
        }
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
    let mut nemesis = Nemesis { outside, ..nemesis.clone() };
    if S::trusts_clocks(&settings) {
        nemesis.faults.retain(|class| !class.breaks_clocks());
    }
    let mut plan = nemesis.draw(choice, nodes, settings, (shortest_ms * MS, longest_ms * MS));
    plan.heal = plan.heal.filter(|_| keeps_leaders);
    let catch_up_ns = S::catch_up_ns(&plan);
    let is_upgraded = plan.faults.iter().any(|timed| matches!(timed.fault, Fault::Upgrade { .. }));
    if let Some(heal) = &mut plan.heal {
        heal.catch_up_ns = catch_up_ns;
        if is_upgraded {
            // Some may lack by then what makes a cluster put up with these.
            heal.outside.retain(|fate| !matches!(fate, Outside::Deaf | Outside::Connected));
        }
    }
    let drift_ppm = apart_ppm(&plan.clock_drift_ppm);
    S::trust_clocks(&mut plan.settings, drift_ppm);
    S::adjust(&mut plan, choice);
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
    let split = |at_ns| {
        let side = NodeSet(choice.within((1, (1 << NODES) - 2)) as u8);
        TimedFault::at(at_ns, Fault::Partition { side, for_ns: 500 * MS })
    };
    let faults =
        (1..).map(|number| number * 2_000 * MS).take_while(|at_ns| *at_ns < duration_ms * MS).map(split).collect();
    Plan {
        nodes: NODES,
        members: NodeSet::all(NODES),
        duration_ns: duration_ms * MS,
        settings: S::bench_settings(Timeouts { election_ms: (100, 200), heartbeat_ms: 20 }),
        network: Network { latency_ns: (MS, 10 * MS), loss_ppm: 10_000, ..Network::default() },
        links: Vec::new(),
        disk: DiskPlan::default(),
        clock_drift_ppm: vec![0; usize::from(NODES)],
        clients: Clients::Open { every_ns: 5 * MS },
        faults,
        operations: Vec::new(),
        heal: None,
        engine: sim::Engine::Time,
    }
}
