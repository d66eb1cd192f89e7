//! Where to start from: a run that fails in the same way, and sooner.

use std::sync::Arc;

use super::Shrinking;
use super::tries::{Candidate, Found, Tries};
use crate::failure::{Failure, FailureKind};
use crate::plan::Plan;
use crate::plan_error::PlanError;
use crate::run::run_taped;
use crate::subject::Subject;
use crate::tape::Tape;

/// A run of so few steps is read at once: nothing shorter is looked for.
pub(super) const SHORT: usize = 12;

/// So many other runs are made, of so many events in all, until so many fail in the same way; and so many of them are
/// shrunk.
const MOST_RUNS: u64 = 400;
const MOST_EVENTS: u64 = 1_000_000;
const ENOUGH: usize = 8;
const MOST_STARTS: usize = 3;

/// Those of `others` that fail as `failure` does after the fewest events. `made`: how many runs that took.
pub(super) fn others<S: Subject>(
    failure: &Failure,
    events_left: &mut u64,
    how: &Shrinking<'_>,
    made: &mut u64,
    others: impl Fn(u64) -> Tape<S::Settings>,
) -> Result<Vec<Tape<S::Settings>>, PlanError> {
    let mut found = Vec::new();
    let mut to_spend = MOST_EVENTS.min(*events_left);
    for number in 1..=MOST_RUNS {
        if to_spend == 0 || found.len() >= ENOUGH || !(how.may_go_on)() {
            break;
        }
        let tape = others(number);
        let (_, report) = run_taped::<S>(&tape.plan, tape.seed, &Arc::new(tape.decisions.clone()))?;
        *made += 1;
        let spent = (report.totals.events + 100).min(to_spend);
        (to_spend, *events_left) = (to_spend - spent, events_left.saturating_sub(spent));
        let is_same = |other: &Failure| other.kind == failure.kind && other.signature == failure.signature;
        if let Some(other) = report.failure.filter(is_same) {
            found.push((other.event, number, tape));
        }
    }
    found.sort_by_key(|(event, number, _)| (*event, *number));
    Ok(found.into_iter().take(MOST_STARTS).map(|(_, _, tape)| tape).collect())
}

/// What fails long after its cause, because nothing gets well or because messages multiply without end: the same with an
/// earlier end of the faults. Only the steps before that count, and are left out.
pub(super) fn healed_early<S: Subject>(tries: &mut Tries<'_, S>, found: Found<S::Settings>) -> Found<S::Settings> {
    let is_slow = found.failure.kind == FailureKind::Liveness;
    let Some(heal) = tries.heal().cloned().filter(|_| is_slow) else { return found };
    let ends_ns = found.ends_ns().min(found.plan.duration_ns);
    let candidates = [64, 32, 16, 12, 8, 6, 4, 3, 2].into_iter().map(|part| {
        let plan = Plan { duration_ns: (ends_ns / part).max(1), heal: Some(heal.clone()), ..found.plan.clone() };
        Candidate::new(plan, found.decisions.clone())
    });
    tries.first(candidates.collect()).unwrap_or(found)
}
