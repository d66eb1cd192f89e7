//! Clocks that are trusted further than they can be: leases that still hold when those who vouched for them vote.

use scenarios::catalogue;
use scenarios::raft_core_subject::RaftCore;
use sim::{FailureKind, run_plan};

const SEEDS: u64 = 600;

/// The checkers that fail runs of the scenario `reads` in which every clock is up to a tenth too fast or too slow, and
/// leases allow for `trusted_ppm`.
fn fails_with(trusted_ppm: u32) -> Vec<String> {
    let scenario = catalogue::find::<RaftCore>("reads", None).expect("it is in the catalogue");
    let failure_of = |seed| {
        let mut plan = scenario.plan(seed);
        for (drift_ppm, place) in plan.clock_drift_ppm.iter_mut().zip(0..) {
            *drift_ppm = if place % 2 == 0 { 100_000 } else { -100_000 };
        }
        plan.settings.lease_clock_drift_ppm = Some(trusted_ppm);
        plan.heal = None;
        run_plan::<RaftCore>(&plan, seed).expect("the plan makes sense").failure
    };
    let failures = (0..SEEDS).filter_map(failure_of);
    failures.inspect(|failure| assert_eq!(failure.kind, FailureKind::Safety)).map(|failure| failure.checker).collect()
}

#[test]
fn clocks_that_drift_further_than_leases_allow_for_are_noticed() {
    assert!(fails_with(0).iter().any(|checker| checker == "leases"));
}

/// While the fastest clock shows 1.1 seconds, the slowest shows 0.9: 2 in 11 less.
#[test]
fn clocks_that_drift_as_far_as_leases_allow_for_are_not() {
    assert_eq!(fails_with(181_819), Vec::<String>::new());
}
