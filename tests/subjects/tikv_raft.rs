//! The `raft` crate 0.7: it does its work, and a seed is a whole run of it although it draws and hashes for itself.

use scenarios::catalogue;
use scenarios::tikv_raft::TikvRaft;
use sim::Campaign;

#[test]
fn runs_repeat_themselves_although_the_crate_draws_timeouts_and_hashes_nodes() {
    let swarm = catalogue::find::<TikvRaft>(catalogue::DEFAULT, None).expect("every subject takes part");
    for seed in 0..40 {
        let run = || sim::run_plan::<TikvRaft>(&swarm.plan(seed), seed).expect("the plan makes sense");
        assert_eq!(run(), run(), "seed {seed}");
    }
}

#[test]
fn clusters_elect_commit_change_and_recover() {
    let swarm = catalogue::find::<TikvRaft>(catalogue::DEFAULT, None).expect("every subject takes part");
    let campaign = Campaign { seeds: 0..60, jobs: 2, fail_fast: false };
    let report = campaign.run(&swarm, |_| true).expect("the plans make sense");
    let counts = (0..8).map(|feature| report.totals.features.of(feature));
    assert!(report.totals.commits > 20 * report.runs && report.totals.recoveries > 0);
    assert!(counts.into_iter().all(|count| count > 0), "a feature is never met");
}
