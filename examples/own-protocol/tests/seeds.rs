//! Seeds under `cargo test`: `RAFT_SIM_SEED=0x2a` runs one of them, `RAFT_SIM_SEEDS=100000` that many.

use own_protocol::{Node, RESEND_NS};
use sim::FaultClass::{
    Crash, CrashInWrite, Duplication, Isolation, Loss, LostWrite, Partition, Pause, Reordering, SlowDisk, StaleReplay,
};
use sim::{Campaign, Nemesis, Scenario};

fn scenario<const SENDS_AT_ONCE: bool>() -> Scenario<Node<SENDS_AT_ONCE>> {
    let nemesis = Nemesis::plain(&[
        Loss,
        Duplication,
        Reordering,
        StaleReplay,
        Partition,
        Isolation,
        Crash,
        CrashInWrite,
        LostWrite,
        SlowDisk,
        Pause,
    ]);
    Scenario::new("log", "a log under faults of network, nodes and disks", &nemesis.faults.clone(), move |choice| {
        let nodes = nemesis.draw_nodes(choice);
        nemesis.draw(choice, nodes, (), (2 * RESEND_NS, 4 * RESEND_NS))
    })
}

#[test]
fn the_log_survives_faults() {
    let report = sim::check(&scenario::<false>(), 300);
    assert!(report.totals.commits > 0, "a log in which nothing is decided survives anything");
}

/// That the tests can fail: the same seeds find the mistake.
#[test]
fn a_leader_that_does_not_wait_for_its_own_disk_is_caught() {
    let campaign = Campaign { seeds: 0..300, jobs: 1, fail_fast: true };
    let report = campaign.run(&scenario::<true>(), |_| true).expect("plans that make sense");
    let (seed, failure) = report.failures.first().expect("a failure");
    println!("seed {seed:#x}: {}: {}", failure.checker, failure.detail);
    assert_eq!(failure.checker, "decided");
}

/// Shows what a failing test looks like: `cargo test -- --ignored`.
#[test]
#[ignore = "it fails, as it should"]
fn the_hasty_log_survives_faults() {
    sim::check(&scenario::<true>(), 300);
}
