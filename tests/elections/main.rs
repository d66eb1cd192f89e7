//! Elections under plans that proptest makes: what fails is a plan, and proptest shrinks it.

mod plans;

use plans::any_plan;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use scenarios::raft_core_subject::RaftCore;
use sim::run_plan;
use tests::property;

#[test]
fn elections_hold_under_any_plan() {
    let result = TestRunner::new(property(200)).run(&(any_plan(), any::<u64>()), |(plan, seed)| {
        let report = run_plan::<RaftCore>(&plan, seed).map_err(|problem| TestCaseError::fail(problem.to_string()))?;
        prop_assert_eq!(report.failure, None);
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

/// The property can fail, and what it then hands over is small: a Raft whose disk forgets votes.
#[test]
fn a_disk_that_forgets_votes_is_caught_with_a_small_plan() {
    let broken = |plan: &sim::Plan<_>, seed| {
        let failure = run_plan::<forgetful::RaftWithForgetfulDisk>(plan, seed).expect("a plan").failure;
        failure.is_some()
    };
    let result = TestRunner::new(property(200)).run(&(any_plan(), any::<u64>()), |(plan, seed)| {
        prop_assert!(!broken(&plan, seed));
        Ok(())
    });
    let Err(proptest::test_runner::TestError::Fail(_, (plan, seed))) = result else { panic!("nothing was found") };
    assert!(broken(&plan, seed), "what is handed over still fails");
    assert_eq!(plan.faults.len(), 0, "no fault is needed to lose a vote that was never written: {plan:?}");
}

mod forgetful;
