//! The faults of `kvstore-go`, which nobody planted.

use scenarios::catalogue;
use scenarios::kvstore_go::KvstoreGo;
use sim::{Campaign, CampaignReport, Scenario};

fn swarm() -> Scenario<KvstoreGo> {
    catalogue::find(catalogue::DEFAULT, None).expect("every subject takes part")
}

fn campaign(seeds: u64) -> CampaignReport {
    Campaign { seeds: 0..seeds, jobs: 2, fail_fast: false }.run(&swarm(), |_| true).expect("the plans make sense")
}

#[test]
fn every_kind_of_fault_is_found_within_a_thousand_seeds() {
    let report = campaign(1_000);
    for checker in ["election_safety", "log_matching", "state_machine_safety", "crash", "liveness"] {
        let found = report.failures.iter().find(|(_, failure)| failure.checker == checker);
        let (_, failure) = found.unwrap_or_else(|| panic!("no failure of {checker} in {} runs", report.runs));
        assert!(failure.signature.starts_with(checker), "{}", failure.signature);
    }
    assert!(report.failures.iter().all(|(_, failure)| failure.checker != "replay"), "a run did not repeat itself");
}

#[test]
fn scenarios_that_need_what_it_lacks_are_refused_by_name() {
    let problem = catalogue::find::<KvstoreGo>("snapshots", None).expect_err("it has none");
    assert!(
        problem.contains("kvstore-go") && problem.contains("'snapshots'") && problem.contains("swarm"),
        "{problem}"
    );
}
