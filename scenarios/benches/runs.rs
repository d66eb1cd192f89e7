//! Whole runs.

use divan::Bencher;
use scenarios::catalogue;
use scenarios::raft_core_subject::RaftCore;
use sim::choices::Choices;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    divan::main();
}

/// One seed after the other of a scenario, plan included.
#[divan::bench(args = ["swarm", "elections", "replication"], sample_size = 50)]
fn scenario(bencher: Bencher, name: &str) {
    let scenario = catalogue::find::<RaftCore>(name, None).expect("the catalogue has it");
    let mut seed = 0;
    bencher.bench_local(|| {
        seed += 1;
        sim::run_plan::<RaftCore>(&scenario.plan(seed), seed)
    });
}

/// The fixed workload: what a virtual second costs must not depend on how long a run is.
#[divan::bench(args = [6, 60, 600], sample_count = 3)]
fn virtual_seconds(bencher: Bencher, seconds: u64) {
    let plan = catalogue::bench_plan::<RaftCore>(&mut Choices::new(0).plan(), seconds * 1_000);
    bencher.bench_local(|| sim::run_plan::<RaftCore>(&plan, 0));
}
