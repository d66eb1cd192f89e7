//! Golden files: two small runs in words, and the hashes of a few runs of every scenario.
//!
//! A hash that changes without a reason means that a run depends on something other than its seed. One that
//! changes with a reason is accepted with `cargo insta review`, and the commit says why.

use scenarios::catalogue;
use scenarios::kvstore_go::KvstoreGo;
use scenarios::kvstore_subject::Kvstore;
use scenarios::raft_core_subject::{RaftCore, Settings};
use scenarios::subjects::CatalogueSubject;
use scenarios::tikv_raft::TikvRaft;
use sim::trace::{Length, Slice, timeline};
use sim::{Campaign, Clients, DiskPlan, Fault, Network, NodeId, NodeSet, Plan, TimedFault, World};

const MS: u64 = 1_000_000;

/// Three nodes on a calm network.
fn calm(duration_ms: u64, clients: Clients, faults: Vec<TimedFault>) -> Plan<Settings> {
    Plan {
        nodes: 3,
        members: NodeSet::all(3),
        duration_ns: duration_ms * MS,
        settings: Settings { election_timeout_ms: (100, 200), heartbeat_ms: 50, keys: 2, ..Settings::default() },
        network: Network {
            latency_ns: (MS, 3 * MS),
            loss_ppm: 0,
            duplication_ppm: 0,
            reordering_ppm: 0,
            reordering_ns: 0,
            ..Network::default()
        },
        links: Vec::new(),
        disk: DiskPlan { write_ns: (MS, 2 * MS), loses: true, tears: false, ..DiskPlan::default() },
        clock_drift_ppm: vec![0; 3],
        clients,
        faults,
        operations: Vec::new(),
        heal: None,
        engine: sim::Engine::Time,
    }
}

fn nobody() -> Clients {
    Clients::Closed { count: 0, think_ns: (0, 0), timeout_ns: 0 }
}

fn whole_run(plan: Plan<Settings>, seed: u64) -> String {
    let mut world = World::<RaftCore>::recording(plan, seed).expect("the plan makes sense");
    sim::finish(&mut world);
    assert_eq!(world.failure(), None);
    timeline(3, world.records(), &Slice::default(), Length::Full)
}

#[test]
fn a_small_election() {
    insta::assert_snapshot!(whole_run(calm(170, nobody(), Vec::new()), 1));
}

#[test]
fn a_failed_over_replication() {
    let one_client = Clients::Closed { count: 1, think_ns: (20 * MS, 40 * MS), timeout_ns: 60 * MS };
    // The node that this seed makes the first leader goes down, and a client's command with it.
    let mut world = World::<RaftCore>::new(calm(200, one_client, Vec::new()), 1).expect("the plan makes sense");
    sim::finish(&mut world);
    let leader = NodeId::all(3).find(|node| world.node(*node).is_some_and(RaftCore::is_leader)).expect("a leader");
    let crash = Fault::Crash { nodes: NodeSet::default().with(leader), down_ns: 150 * MS };
    insta::assert_snapshot!(whole_run(calm(420, one_client, vec![TimedFault::at(200 * MS, crash)]), 1));
}

/// The hashes of the first seeds of every scenario, whatever becomes of those runs.
fn hashes_of<S: CatalogueSubject>(seeds: u64) -> String {
    let mut table = String::new();
    for scenario in catalogue::all::<S>(None) {
        let seeds = if scenario.name == "bench" { 1 } else { seeds };
        for seed in 0..seeds {
            let report = sim::run_seed(&scenario, seed).expect("the plan makes sense");
            let failed = report.failure.map_or(String::new(), |failure| format!("  {}", failure.checker));
            table += &format!(
                "{:<12} seed {seed}  {:016x}  {:>6} events{failed}\n",
                scenario.name, report.trace_hash, report.totals.events
            );
        }
    }
    table
}

/// Of the real server, whose messages, records and snapshots are bytes.
#[test]
fn trace_hashes_of_kvstore() {
    insta::assert_snapshot!(hashes_of::<Kvstore>(2));
}

/// Also of runs that fail: they must fail in the same way wherever they are run.
#[test]
fn trace_hashes_of_kvstore_go() {
    insta::assert_snapshot!(hashes_of::<KvstoreGo>(4));
}

#[test]
fn trace_hashes_of_tikv_raft() {
    insta::assert_snapshot!(hashes_of::<TikvRaft>(2));
}

#[test]
fn trace_hashes() {
    let mut table = hashes_of::<RaftCore>(4);
    let swarm = catalogue::find::<RaftCore>("swarm", None).expect("the catalogue has it");
    let report = Campaign { seeds: 0..100, jobs: 2, fail_fast: false }.run(&swarm, |_| true).expect("plans");
    table += &format!("{:<12} 0..100  {:016x}  {:>6} events\n", swarm.name, report.trace_hash, report.totals.events);
    insta::assert_snapshot!(table);
}
