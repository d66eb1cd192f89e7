//! One run, from its seed to its report.

use std::cell::{Cell, RefCell};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Once};

use crate::failure::{Failure, FailureKind};
use crate::plan::Plan;
use crate::plan_error::PlanError;
use crate::scenario::Scenario;
use crate::subject::Subject;
use crate::tape::{Decisions, Tape, TapeError};
use crate::totals::Totals;
use crate::trace::Divergence;
use crate::world::World;

/// What one run did.
#[derive(Clone, PartialEq, Debug)]
pub struct RunReport {
    /// The seed.
    pub seed: u64,
    /// How many nodes the cluster had.
    pub nodes: u8,
    /// The hash of everything that happened.
    pub trace_hash: u64,
    /// What happened, in numbers.
    pub totals: Totals,
    /// What went wrong, if anything did.
    pub failure: Option<Failure>,
    /// Where two runs of the seed part, if they do: the failure is that then.
    pub divergence: Option<Box<Divergence>>,
}

impl RunReport {
    fn of<S: Subject>(world: &World<S>, seed: u64) -> Self {
        Self {
            seed,
            nodes: world.plan().nodes,
            trace_hash: world.trace_hash(),
            totals: world.totals(),
            failure: world.failure().cloned(),
            divergence: None,
        }
    }
}

/// Runs `world` to its end; a panic in a node ends the run as a crash of that node.
pub fn finish<S: Subject>(world: &mut World<S>) {
    if let Err(message) = catch_panic(|| world.run()) {
        world.fail_with_panic(message);
    }
}

/// Runs `world` to its end, or until `until_ns`, as [`finish`] does.
pub(crate) fn finish_by<S: Subject>(world: &mut World<S>, until_ns: u64) {
    if let Err(message) = catch_panic(|| while world.now_ns() <= until_ns && world.step() {}) {
        world.fail_with_panic(message);
    }
}

/// Runs `plan` under `seed`.
///
/// # Errors
/// Where the plan makes no sense.
pub fn run_plan<S: Subject>(plan: &Plan<S::Settings>, seed: u64) -> Result<RunReport, PlanError> {
    let mut world = World::<S>::new(plan.clone(), seed)?;
    finish(&mut world);
    Ok(RunReport::of(&world, seed))
}

/// Runs `plan` under `seed`, but for what is decided otherwise.
pub(crate) fn run_taped<S: Subject>(
    plan: &Plan<S::Settings>,
    seed: u64,
    decisions: &Arc<Decisions>,
) -> Result<(World<S>, RunReport), PlanError> {
    let mut world = World::<S>::taped(plan.clone(), seed, Arc::clone(decisions))?;
    finish(&mut world);
    let report = RunReport::of(&world, seed);
    Ok((world, report))
}

/// Runs `tape`. A run that fails is run once more and must do the same again.
///
/// # Errors
/// Where its plan makes no sense.
pub fn run_tape<S: Subject>(tape: &Tape<S::Settings>) -> Result<RunReport, PlanError> {
    let decisions = Arc::new(tape.decisions.clone());
    let (_, mut report) = run_taped::<S>(&tape.plan, tape.seed, &decisions)?;
    if report.failure.is_some() && run_taped::<S>(&tape.plan, tape.seed, &decisions)?.1 != report {
        let (failure, divergence) = divergence(|| Ok(record_tape::<S>(tape)?.0))?;
        report.failure = Some(failure);
        report.divergence = divergence.map(Box::new);
    }
    Ok(report)
}

/// Runs the tape that `json` holds, for tests: `replay_tape::<MyRaft>(include_str!("tape.json"))`.
///
/// # Errors
/// Where it is no tape of `S`.
pub fn replay_tape<S: Subject>(json: &str) -> Result<RunReport, TapeError> {
    // A tape that can be read has a plan that makes sense.
    let tape = Tape::read::<S>(json)?;
    run_tape::<S>(&tape).map_err(|problem| TapeError::of_plan(&problem))
}

/// Runs `tape` with every event kept in words.
///
/// # Errors
/// Where its plan makes no sense.
pub fn record_tape<S: Subject>(tape: &Tape<S::Settings>) -> Result<(World<S>, RunReport), PlanError> {
    let mut world = World::<S>::taped(tape.plan.clone(), tape.seed, Arc::new(tape.decisions.clone()))?;
    world.record();
    finish(&mut world);
    let report = RunReport::of(&world, tape.seed);
    Ok((world, report))
}

/// One run in this many is run twice although it is clean, to see whether it repeats itself.
const SAMPLE: u64 = 64;

/// Runs the plan that `seed` draws from `scenario`. A run that fails is run once more and must do the same again, and so
/// is one in 64 of all seeds.
///
/// # Errors
/// Where the scenario draws a plan that makes no sense.
pub fn run_seed<S: Subject>(scenario: &Scenario<S>, seed: u64) -> Result<RunReport, PlanError> {
    let plan = scenario.plan(seed);
    let mut report = run_plan::<S>(&plan, seed)?;
    if report.failure.is_some() || seed.is_multiple_of(SAMPLE) {
        let again = run_plan::<S>(&scenario.plan(seed), seed)?;
        if again != report {
            let (failure, divergence) = divergence(|| Ok(record_seed(scenario, seed)?.0))?;
            report.failure = Some(failure);
            report.divergence = divergence.map(Box::new);
        }
    }
    Ok(report)
}

/// Runs `seed` with a record kept of every event.
///
/// # Errors
/// Where the scenario draws a plan that makes no sense.
pub fn record_seed<S: Subject>(scenario: &Scenario<S>, seed: u64) -> Result<(World<S>, RunReport), PlanError> {
    let mut world = World::recording(scenario.plan(seed), seed)?;
    finish(&mut world);
    let report = RunReport::of(&world, seed);
    Ok((world, report))
}

/// The first event at which two runs differ that should not.
fn divergence<S: Subject>(
    record: impl Fn() -> Result<World<S>, PlanError>,
) -> Result<(Failure, Option<Divergence>), PlanError> {
    let (first, second) = (record()?, record()?);
    Ok(match Divergence::between(first.records(), second.records()) {
        Some(divergence) => (divergence.failure(first.now_ns()), Some(divergence)),
        None => {
            let detail = "the run did not repeat itself, and then it did".to_owned();
            (Failure::new(FailureKind::Divergence, "replay", detail, first.events(), first.now_ns()), None)
        }
    })
}

thread_local! {
    static IS_CATCHING: Cell<bool> = const { Cell::new(false) };
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Runs `action`; where it panics, nothing is printed and the message comes back with its place.
pub(crate) fn catch_panic(action: impl FnOnce()) -> Result<(), String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let others = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_CATCHING.get() {
                return others(info);
            }
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied().or(payload.downcast_ref::<String>().map(String::as_str));
            let place =
                info.location().map_or(String::new(), |at| format!(" at {}:{}", on_any_machine(at.file()), at.line()));
            LAST_PANIC.set(format!("panic: {}{place}", text.unwrap_or("(no message)")));
        }));
    });
    IS_CATCHING.set(true);
    let result = panic::catch_unwind(AssertUnwindSafe(action));
    IS_CATCHING.set(false);
    result.map_err(|_| LAST_PANIC.take())
}

/// Where `file` is within its package's release, for one that Cargo has unpacked: what comes before differs from machine to machine, and a
/// failure's words must not.
fn on_any_machine(file: &str) -> &str {
    let unpacked = file.split_once("/registry/src/").and_then(|(_, below)| below.split_once('/'));
    unpacked.map_or(file, |(_, release)| release)
}
