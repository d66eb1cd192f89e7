//! Seeds of every scenario: a few hundred each, or those that `RAFT_SIM_SEED` and `RAFT_SIM_SEEDS` ask for.

use scenarios::catalogue;
use scenarios::raft_core_subject::RaftCore;
use sim::environment::Environment;
use sim::{CampaignReport, FaultClass, Scenario};

fn scenario(name: &str) -> Scenario<RaftCore> {
    catalogue::find(name, None).expect("the catalogue has it")
}

/// Runs the seeds; where the environment has not chosen them, there must have been something to look at.
fn check(name: &str, seeds: u64, enough: impl FnOnce(&CampaignReport)) {
    let report = sim::check(&scenario(name), seeds);
    if Environment::read() == Ok(Environment::default()) {
        enough(&report);
    }
}

#[test]
fn elections() {
    check("elections", 300, |report| {
        assert!(report.totals.elections > 4 * report.runs, "{} elections", report.totals.elections);
        assert_eq!(report.nodes, Some((2, 7)));
    });
}

#[test]
fn replication() {
    check("replication", 200, |report| {
        assert!(report.totals.commits > 200 * report.runs, "{} commits", report.totals.commits);
    });
}

#[test]
fn swarm() {
    check("swarm", 400, |report| {
        assert!(report.totals.elections > 2 * report.runs, "{} elections", report.totals.elections);
        assert!(report.totals.commits > 50 * report.runs, "{} commits", report.totals.commits);
        assert_eq!(report.nodes, Some((1, 7)));
        // Its writes complete in order, by its contract with its driver.
        let meets = |class: &FaultClass| class.must_survive() && *class != FaultClass::ReorderedWrites;
        for class in FaultClass::ALL.iter().copied().filter(meets) {
            assert!(report.totals.faults[class] > 0, "{} never happened", class.name());
        }
    });
}

#[test]
fn the_bench_workload_is_clean_too() {
    check("bench", 2, |report| {
        assert!(report.totals.commits > 10_000 * report.runs, "{} commits", report.totals.commits);
    });
}
