//! Random priorities find what they promise to find, as often as they promise, and the same way again.

use scenarios::catalogue;
use scenarios::raft_core_subject::RaftCore;
use sim::{Campaign, Engine, Pct, Plan, RunReport, run_plan};

use crate::toys::{BALLS, Game, Toy, plan};

fn run(game: Game, nodes: u8, pct: Pct, seed: u64) -> RunReport {
    run_plan::<Toy>(&Plan { engine: Engine::Pct(pct), ..plan(game, nodes) }, seed).expect("a plan")
}

/// How many of so many seeds break the game, and the most chains of any run.
fn broken(game: Game, nodes: u8, pct: Pct, seeds: u64) -> (u64, u64) {
    let reports: Vec<RunReport> = (0..seeds).map(|seed| run(game, nodes, pct, seed)).collect();
    let broken = reports.iter().filter(|report| report.failure.is_some()).count() as u64;
    (broken, reports.iter().map(|report| report.totals.most_chains).max().unwrap_or(0))
}

const SEEDS: u64 = 4_000;

/// Three timers, ten balls with the shout among them: what a run of the ball game has.
const GAME: u64 = 3 + BALLS as u64 + 2;

fn holds_its_promise(game: Game, nodes: u8, pct: Pct) -> u64 {
    let (broken, chains) = broken(game, nodes, pct, SEEDS);
    let promised = u128::from(SEEDS) / pct.one_in(chains);
    assert!(promised > 5, "a promise that means something: {promised}");
    assert!(u128::from(broken) >= promised, "{broken} of {SEEDS}, and {promised} were promised");
    broken
}

/// One event that must come late is a matter of one low priority, however long it takes: where every step were a coin
/// tossed, it would be one run in a thousand.
#[test]
fn a_bug_of_depth_one_is_found_as_often_as_promised_however_long_all_else_takes() {
    let found = holds_its_promise(Game::ShoutAfter, 3, Pct { depth: 1, events: GAME });
    assert!(found > SEEDS / 10, "{found}");
}

#[test]
fn a_bug_of_depth_two_is_found_as_often_as_promised() {
    holds_its_promise(Game::ShoutBetween, 3, Pct { depth: 2, events: GAME });
    holds_its_promise(Game::Names, 5, Pct { depth: 2, events: 8 });
}

/// Between two balls of one chain nothing gets without a change point.
#[test]
fn a_bug_of_depth_two_needs_depth_two() {
    let (found, _) = broken(Game::ShoutBetween, 3, Pct { depth: 1, events: GAME }, SEEDS);
    assert_eq!(found, 0);
}

#[test]
fn what_is_not_broken_passes_at_every_depth() {
    for depth in 1..5 {
        assert_eq!(broken(Game::Token, 4, Pct { depth, events: 20 }, 200).0, 0);
    }
}

#[test]
fn a_promise_is_one_over_chains_and_events_to_the_power_of_one_less_than_the_depth() {
    assert_eq!(Pct { depth: 1, events: 50 }.one_in(7), 7);
    assert_eq!(Pct { depth: 3, events: 50 }.one_in(7), 7 * 50 * 50);
    assert_eq!(Pct { depth: 99, events: u64::MAX }.one_in(7), u128::MAX);
}

#[test]
fn a_depth_or_a_length_of_nothing_is_refused() {
    for (depth, events) in [(0, 10), (3, 0), (1_000, 10)] {
        let plan = Plan { engine: Engine::Pct(Pct { depth, events }), ..plan(Game::Token, 3) };
        assert_eq!(run_plan::<Toy>(&plan, 0).expect_err("it is refused").field, "engine");
    }
}

fn swarm(seeds: std::ops::Range<u64>, pct: Pct) -> sim::CampaignReport {
    let scenario = catalogue::find::<RaftCore>("swarm", None).expect("the catalogue has it").under(Engine::Pct(pct));
    let campaign = Campaign { seeds, jobs: 2, fail_fast: false };
    campaign.run(&scenario, |_| true).expect("plans")
}

/// Nothing starves so that runs would be worth nothing: timers, messages, clients and faults all have their turns.
#[test]
fn a_swarm_under_priorities_is_clean_and_elects_and_commits() {
    let report = swarm(0..150, Pct::USUAL);
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let totals = &report.totals;
    assert!(totals.elections > 2 * report.runs, "{} elections", totals.elections);
    assert!(totals.commits > 2 * report.runs, "{} commits", totals.commits);
    assert!(totals.faults[sim::FaultClass::Crash] > report.runs, "{:?}", totals.faults);
}

#[test]
fn a_seed_is_the_same_run_again_and_another_depth_is_another_run() {
    let usual = swarm(0..20, Pct::USUAL);
    assert_eq!(usual.trace_hash, swarm(0..20, Pct::USUAL).trace_hash);
    assert_ne!(usual.trace_hash, swarm(0..20, Pct { depth: 9, ..Pct::USUAL }).trace_hash);
    assert_ne!(usual.trace_hash, swarm(20..40, Pct::USUAL).trace_hash);
}
