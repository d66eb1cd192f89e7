//! Features that are counted, and campaigns that must have met what their scenario is for.

use sim::environment::Environment;
use sim::{CampaignReport, Engine, FaultClass, Mark, Pct, Scenario, Totals, never_met, run_plan};

use crate::toy::{Habit, Toy};
use crate::{plan, scenario};

/// A campaign of so many runs, in which this happened.
fn report(runs: u64, faults: &[FaultClass], features: &[usize]) -> CampaignReport {
    let mut totals = Totals::default();
    faults.iter().for_each(|class| totals.faults[*class] += 1);
    features.iter().for_each(|feature| totals.features.count(*feature));
    CampaignReport { runs, totals, ..CampaignReport::default() }
}

fn with_faults(faults: &[FaultClass]) -> Scenario<Toy> {
    Scenario::new("toy", "a protocol with a habit", faults, |_| plan(Habit::Chats))
}

#[test]
fn a_run_counts_what_its_nodes_exercise() {
    let run = run_plan::<Toy>(&plan(Habit::Chats), 1).expect("a plan");
    // A toy that chats listens to every message, and never yodels.
    assert_eq!((run.totals.features.of(0), run.totals.features.of(1)), (run.totals.deliveries, 0));
    assert!(run.totals.deliveries > 0);
}

#[test]
fn totals_add_up() {
    let mut sum = report(1, &[FaultClass::Loss], &[1]).totals;
    sum.marks[Mark::TailTruncated] += 1;
    let mut more = report(1, &[FaultClass::Loss, FaultClass::Crash], &[0, 1, 1]).totals;
    more.marks[Mark::TailTruncated] += 2;
    sum.add(&more);
    assert_eq!((sum.marks[Mark::TailTruncated], sum.marks[Mark::DeposedWithTail]), (3, 0));
    assert_eq!((sum.features.of(0), sum.features.of(1), sum.features.of(2)), (1, 3, 0));
    assert_eq!((sum.faults[FaultClass::Loss], sum.faults[FaultClass::Crash]), (2, 1));
}

#[test]
fn a_long_campaign_that_never_met_a_feature_or_a_fault_says_which() {
    use FaultClass::{Crash, Loss};
    let scenario = with_faults(&[Loss, Crash]);
    let unmet = |faults: &[FaultClass], features: &[usize]| never_met(&scenario, &report(2_000, faults, features));
    assert_eq!(unmet(&[Loss, Crash], &[0, 1]), [""; 0]);
    assert_eq!(unmet(&[Loss, Crash], &[0]), ["yodelling"]);
    assert_eq!(unmet(&[Loss], &[1]), ["crash", "listening"]);
    assert_eq!(never_met(&scenario, &report(1_999, &[], &[])), [""; 0]);
}

#[test]
fn a_scenario_is_held_to_the_features_that_it_names_and_no_others() {
    let mut scenario = with_faults(&[]);
    scenario.features = vec!["listening"];
    assert_eq!(never_met(&scenario, &report(2_000, &[], &[0])), [""; 0]);
    scenario.features = vec!["flying"];
    assert_eq!(never_met(&scenario, &report(2_000, &[], &[0, 1])), ["flying"]);
}

#[test]
fn marks_are_asked_of_very_long_campaigns_and_of_the_order_by_time_alone() {
    let scenario = || {
        let mut scenario = with_faults(&[]);
        scenario.features.clear();
        // One that any Raft may reach, and a feature of the toy's own.
        scenario.marks = vec!["tail_truncated", "yodelling"];
        scenario
    };
    let reaching = |runs, marks: &[Mark], features: &[usize]| {
        let mut report = report(runs, &[], features);
        marks.iter().for_each(|mark| report.totals.marks[*mark] += 1);
        report
    };
    let unmet = |report: &CampaignReport| never_met(&scenario(), report);
    assert_eq!(unmet(&reaching(20_000, &[Mark::TailTruncated], &[1])), [""; 0]);
    assert_eq!(unmet(&reaching(20_000, &[Mark::DeposedWithTail], &[0])), ["tail_truncated", "yodelling"]);
    assert_eq!(unmet(&reaching(19_999, &[], &[])), [""; 0]);
    let by_priority = scenario().under(Engine::Pct(Pct { depth: 2, events: 1_000 }));
    assert_eq!(never_met(&by_priority, &reaching(20_000, &[], &[])), [""; 0]);
}

#[test]
fn a_test_of_many_seeds_fails_where_they_never_met_a_feature() {
    if Environment::read() != Ok(Environment::default()) {
        return;
    }
    let campaign = || {
        let mut scenario = scenario(Habit::Chats);
        scenario.features = vec!["yodelling"];
        sim::check(&scenario, 2_000)
    };
    let panic = std::panic::catch_unwind(campaign).expect_err("it fails");
    let text = panic.downcast_ref::<String>().expect("a message");
    assert!(text.contains("2000 runs") && text.contains("yodelling"), "{text}");
}
