//! Seeds in `cargo test`.

use std::fmt::Write;

use crate::campaign::{Campaign, CampaignReport};
use crate::coverage::never_met;
use crate::environment::Environment;
use crate::failure::Failure;
use crate::folder::{how_far, write_folder};
use crate::run::record_seed;
use crate::scenario::Scenario;
use crate::shrink::{Shrinking, shrink_seed};
use crate::subject::Subject;

/// How many of the last events a failing test shows.
const SHOWN_EVENTS: usize = 25;

/// Runs seeds of `scenario` from a test, and fails the test with all that is needed to go on.
///
/// `seeds` runs are made, from seed 0, or what the environment asks for: `RAFT_SIM_SEED=0x2a` one seed,
/// `RAFT_SIM_SEEDS=100000` that many.
///
/// # Panics
/// Where a run fails, where so many runs never meet what the scenario is for ([`never_met`]), and where a variable makes no sense. That is how a test fails.
pub fn check<S: Subject>(scenario: &Scenario<S>, seeds: u64) -> CampaignReport {
    let environment = Environment::read().unwrap_or_else(|problem| panic!("{problem}"));
    let campaign = Campaign { seeds: environment.seeds_or(0..seeds), jobs: 1, fail_fast: true };
    let report = campaign.run(scenario, |_| true).unwrap_or_else(|problem| panic!("{}: {problem}", scenario.name));
    if let Some((seed, failure)) = report.failures.first() {
        panic!("{}", explain(scenario, *seed, failure, &environment));
    }
    let unmet = never_met(scenario, &report);
    assert!(unmet.is_empty(), "{} runs of scenario {} never met {}", report.runs, scenario.name, unmet.join(", "));
    report
}

/// The failure, the end of its timeline, and how to have it again.
fn explain<S: Subject>(scenario: &Scenario<S>, seed: u64, failure: &Failure, environment: &Environment) -> String {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    let mut text = format!(
        "\nscenario {} of {} fails with seed {seed:#x}\n\n  {} ({}): {}\n  after event {}, at {} ms of virtual time\n\n",
        scenario.name,
        S::NAME,
        failure.checker,
        failure.kind,
        failure.detail,
        failure.event,
        failure.virtual_ms
    );
    if let Ok((world, _)) = record_seed(scenario, seed) {
        let records = world.records();
        for line in &records[records.len().saturating_sub(SHOWN_EVENTS)..] {
            let _ = writeln!(text, "  {line}");
        }
    }
    let replay = format!("RAFT_SIM_SEED={seed:#x} cargo test {test}");
    let _ = write!(text, "\nreplay: {replay}\n");
    if let Ok(Some(shrunk)) = shrink_seed(scenario, seed, &Shrinking::usual()) {
        let folder = environment.folder(scenario.name, seed);
        let place = match write_folder::<S>(&folder, &shrunk, &replay) {
            Ok(()) => format!("all of it, and a test to paste, in {}", folder.display()),
            Err(problem) => format!("and no folder of it: {problem}"),
        };
        let _ = writeln!(text, "{}; {place}", how_far(&shrunk));
    }
    text
}
