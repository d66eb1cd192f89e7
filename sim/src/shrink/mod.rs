//! Shrinking: of a run that fails, a run that fails in the same way and is short enough to be read.
//!
//! The run is recorded as a [`Script`](script::Script): every delivery, timeout, fault and call, with what caused it. A tape of
//! the script makes the run anew although nothing is left to chance, and so one step after the other can be left out:
//! whole nodes and links first, then ever smaller parts, until each step that is left is needed. Then the plan is made
//! simpler, and the times shorter and rounder.

pub(crate) mod script;
mod starts;
mod steps;
mod times;
mod tries;

use std::sync::Arc;

use self::script::Script;
use self::tries::{Candidate, Found, Tries};
use crate::choices::Choices;
use crate::engine::Engine;
use crate::failure::{Failure, FailureKind};
use crate::plan::Plan;
use crate::plan_error::PlanError;
use crate::run;
use crate::scenario::Scenario;
use crate::subject::Subject;
use crate::tape::{CLEAN, Decisions, Jitter, Key, Otherwise, Tape};

/// How to shrink, and for how long.
#[derive(Clone, Copy)]
pub struct Shrinking<'a> {
    /// How many threads share the work; at least 1. The result does not depend on it.
    pub jobs: usize,
    /// So many events may be simulated.
    pub most_events: u64,
    /// Asked between tries: `false` ends the work with what there is.
    pub may_go_on: &'a dyn Fn() -> bool,
}

/// So many events are simulated for one failure unless said otherwise: some seconds.
pub const USUAL_EVENTS: u64 = 30_000_000;

impl Shrinking<'_> {
    /// On one thread, and as long as one failure is usually worth.
    #[must_use]
    pub fn usual() -> Self {
        Self { jobs: 1, most_events: USUAL_EVENTS, may_go_on: &|| true }
    }
}

impl std::fmt::Debug for Shrinking<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shrinking").field("jobs", &self.jobs).finish_non_exhaustive()
    }
}

/// A failing run, as short as it became.
#[derive(Clone, PartialEq, Debug)]
pub struct Shrunk<Settings> {
    /// The run.
    pub tape: Tape<Settings>,
    /// How it fails.
    pub failure: Failure,
    /// Deliveries, timeouts, faults and client calls until the failure, before and after. Of a run that fails after the
    /// faults have ended, those until then.
    pub steps: (usize, usize),
    /// How many runs were tried.
    pub tries: u64,
    /// Whether nothing more can be left out, rather than that it took too long.
    pub is_done: bool,
}

/// Shrinks the run of `seed`, or of another seed of the scenario that fails in the same way, where that becomes shorter.
/// `None` where it does not fail.
///
/// # Errors
/// Where the scenario draws a plan that makes no sense.
pub fn shrink_seed<S: Subject>(
    scenario: &Scenario<S>,
    seed: u64,
    how: &Shrinking<'_>,
) -> Result<Option<Shrunk<S::Settings>>, PlanError> {
    let tape_of = |seed: u64| Tape {
        scenario: scenario.name.to_owned(),
        seed,
        expects: String::new(),
        plan: scenario.plan(seed),
        decisions: Decisions::default(),
    };
    // What fails rarely fails most often where the same goes wrong once more.
    let plan = scenario.plan(seed);
    let rerolled =
        |number| Tape { seed: Choices::new(seed).rerolled(number).seed(), plan: plan.clone(), ..tape_of(seed) };
    shrink_any::<S>(tape_of(seed), how, |number| match number % 2 {
        0 => rerolled(number),
        _ => tape_of(seed.wrapping_add(number.div_ceil(2))),
    })
}

/// Shrinks the run of `tape`, or one of its plan with other small choices that fails in the same way, where that becomes
/// shorter. `None` where it does not fail.
///
/// # Errors
/// Where its plan makes no sense.
pub fn shrink_tape<S: Subject>(
    tape: Tape<S::Settings>,
    how: &Shrinking<'_>,
) -> Result<Option<Shrunk<S::Settings>>, PlanError> {
    let others = tape.clone();
    shrink_any::<S>(tape, how, |number| {
        let seed = Choices::new(others.seed).rerolled(number).seed();
        Tape { seed, ..others.clone() }
    })
}

/// Shrinks the run of `tape`, and then the shortest of `others` that fail in the same way, and keeps what became shorter.
fn shrink_any<S: Subject>(
    tape: Tape<S::Settings>,
    how: &Shrinking<'_>,
    others: impl Fn(u64) -> Tape<S::Settings>,
) -> Result<Option<Shrunk<S::Settings>>, PlanError> {
    let leaves_chance = tape.decisions.otherwise != Otherwise::Nothing;
    let Some((mut best, mut left)) = shrink_one::<S>(tape, how)? else { return Ok(None) };
    let is_long = best.steps.1 > starts::SHORT && best.failure.kind != FailureKind::Divergence;
    if !leaves_chance || !is_long || left == 0 || !(how.may_go_on)() {
        return Ok(Some(best));
    }
    let mut looked_for = 0;
    for start in starts::others::<S>(&best.failure, &mut left, how, &mut looked_for, others)? {
        let Some((other, spared)) = shrink_one::<S>(start, &Shrinking { most_events: left, ..*how })? else { continue };
        left = spared;
        best.tries += other.tries;
        // One that there was no time for is no shorter for that.
        if other.failure.signature == best.failure.signature && other.steps.1 < best.steps.1 {
            let (before, tries) = (best.steps.0, best.tries);
            best = Shrunk { steps: (before, other.steps.1), tries, ..other };
        }
        if best.steps.1 <= starts::SHORT || left == 0 || !(how.may_go_on)() {
            break;
        }
    }
    best.tries += looked_for;
    Ok(Some(best))
}

/// A shrunk run, and how many events may still be simulated.
type AndLeft<Settings> = (Shrunk<Settings>, u64);

/// Shrinks the run of `tape`. Returns how many events may be simulated after that.
fn shrink_one<S: Subject>(
    tape: Tape<S::Settings>,
    how: &Shrinking<'_>,
) -> Result<Option<AndLeft<S::Settings>>, PlanError> {
    let (mut world, report) = run::run_taped::<S>(&tape.plan, tape.seed, &Arc::new(tape.decisions.clone()))?;
    let Some(failure) = report.failure else { return Ok(None) };
    let script = world.take_script();
    let found = Found { plan: tape.plan, decisions: tape.decisions, script, failure };
    // What does not repeat itself cannot be shrunk.
    let can_shrink = found.failure.kind != FailureKind::Divergence;
    let mut tries = Tries::<S>::new(tape.seed, &found, *how);
    let before = found.before_heal();
    let found = if can_shrink { shrink(&mut tries, found) } else { found };
    let shrunk = Shrunk {
        steps: (before, found.before_heal()),
        tries: tries.made(),
        is_done: !tries.are_over() && found.decisions.otherwise == Otherwise::Nothing,
        tape: Tape {
            scenario: tape.scenario,
            seed: tape.seed,
            expects: found.failure.signature.clone(),
            plan: found.plan,
            decisions: found.decisions,
        },
        failure: found.failure,
    };
    Ok(Some((shrunk, tries.events_left())))
}

/// The run of `tape` as one that says all that happens as long as faults last: it leaves nothing of that to the seed but
/// what the protocol draws and what clients ask for.
///
/// # Errors
/// Where its plan makes no sense.
pub fn spell_out<S: Subject>(tape: &Tape<S::Settings>) -> Result<Tape<S::Settings>, PlanError> {
    let (mut world, report) = run::run_taped::<S>(&tape.plan, tape.seed, &Arc::new(tape.decisions.clone()))?;
    let mut plan = tape.plan.clone();
    // Where priorities decide, a run ends after so many events and not at a time, and is not healed.
    if plan.engine != Engine::Time {
        (plan.duration_ns, plan.heal) = (world.now_ns() + 1, None);
    }
    let (plan, script) = world.take_script().keep(&plan, |_| true);
    let (plan, script) = script.in_order(&plan);
    Ok(Tape {
        expects: report.failure.map_or(CLEAN.to_owned(), |failure| failure.signature),
        decisions: script.decisions(&plan),
        plan,
        ..tape.clone()
    })
}

fn shrink<S: Subject>(tries: &mut Tries<'_, S>, found: Found<S::Settings>) -> Found<S::Settings> {
    let mut found = cut(tries, found);
    found = starts::healed_early(tries, found);
    let Some(scripted) = scripted(tries, &found) else {
        // What the script cannot say, the seed does: then only the plan can be made smaller.
        return steps::without_faults(tries, found);
    };
    found = scripted;
    loop {
        let before = found.script.steps.len();
        found = steps::fewer(tries, found);
        found = steps::fewer_nodes(tries, found);
        found = simpler(tries, found);
        if found.script.steps.len() >= before || tries.are_over() {
            break;
        }
    }
    let found = times::shorter(tries, found);
    fewer_writes(tries, found)
}

/// How long a write takes is said only where it matters: of all others it is as it mostly is.
fn fewer_writes<S: Subject>(tries: &mut Tries<'_, S>, mut found: Found<S::Settings>) -> Found<S::Settings> {
    let is_write = |key: &Key| matches!(key, Key::Disk { .. });
    let mut said: Vec<Key> = found.decisions.values.keys().copied().filter(is_write).collect();
    let mut size = said.len();
    while size > 0 && !tries.are_over() {
        let mut from = 0;
        while from < said.len() {
            let part = from..(from + size).min(said.len());
            let mut decisions = found.decisions.clone();
            decisions.values.retain(|key, _| !said[part.clone()].contains(key));
            let simpler = tries.first(vec![Candidate::new(found.plan.clone(), decisions)]);
            match simpler.filter(|simpler| simpler.before_heal() <= found.before_heal()) {
                Some(simpler) => {
                    found = simpler;
                    said.drain(part);
                }
                None => from += size,
            }
        }
        size /= 2;
    }
    found
}

/// Ends the run with its failure.
fn cut<S: Subject>(tries: &mut Tries<'_, S>, found: Found<S::Settings>) -> Found<S::Settings> {
    if found.script.until_healed.is_some() || found.failure.kind == FailureKind::Liveness {
        return found;
    }
    let plan = Plan { duration_ns: found.ends_ns(), heal: None, ..found.plan.clone() };
    tries.first(vec![Candidate::new(plan, found.decisions.clone())]).unwrap_or(found)
}

/// The same run by its script alone, if that is enough.
fn scripted<S: Subject>(tries: &mut Tries<'_, S>, found: &Found<S::Settings>) -> Option<Found<S::Settings>> {
    let mut candidates = Vec::new();
    let whole = |plan: &Plan<S::Settings>, jitter: Jitter| {
        let (plan, script) = found.script.keep(plan, |_| true);
        Candidate::of(&plan, &Script { jitter, ..script })
    };
    if found.failure.kind != FailureKind::Liveness {
        let plan = Plan { duration_ns: found.ends_ns(), heal: None, ..found.plan.clone() };
        candidates.extend([Jitter::Least, found.decisions.jitter].map(|jitter| whole(&plan, jitter)));
    }
    candidates.push(whole(&found.plan, found.decisions.jitter));
    tries.first(candidates)
}

/// The plan without what the run does not need.
fn simpler<S: Subject>(tries: &mut Tries<'_, S>, mut found: Found<S::Settings>) -> Found<S::Settings> {
    type Simplify<Settings> = fn(&mut Plan<Settings>);
    let simplest: [Simplify<S::Settings>; 6] = [
        |plan| plan.links.clear(),
        |plan| plan.network = plan.network.calm(),
        |plan| plan.clock_drift_ppm.fill(0),
        |plan| plan.disk.tears = false,
        |plan| (plan.disk.loses, plan.disk.tears) = (false, false),
        |plan| plan.disk.write_ns = (0, 0),
    ];
    let changes = simplest.len() + S::simpler_settings(&found.plan.settings).len();
    for change in 0..changes {
        let mut plan = found.plan.clone();
        match simplest.get(change) {
            Some(simplify) => simplify(&mut plan),
            None => match S::simpler_settings(&plan.settings).into_iter().nth(change - simplest.len()) {
                Some(settings) => plan.settings = settings,
                None => break,
            },
        }
        let simpler = Candidate::of(&plan, &found.script_before_heal());
        found = tries.first(vec![simpler]).unwrap_or(found);
    }
    writes_at_once(tries, found)
}

/// Every write durable in the step that starts it: nothing is read of disks then.
fn writes_at_once<S: Subject>(tries: &mut Tries<'_, S>, found: Found<S::Settings>) -> Found<S::Settings> {
    let mut decisions = found.decisions.clone();
    decisions.values.retain(|key, _| !matches!(key, Key::Disk { .. }));
    if decisions.values.len() == found.decisions.values.len() {
        return found;
    }
    let mut plan = found.plan.clone();
    plan.disk.write_ns = (0, 0);
    let simpler = tries.first(vec![Candidate::new(plan, decisions)]);
    simpler.filter(|simpler| simpler.before_heal() <= found.before_heal()).unwrap_or(found)
}
