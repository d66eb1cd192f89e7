//! The event after which a failure became likely.
//!
//! The run is repeated up to some event, and from there on its small choices are drawn again: how messages travel, what
//! disks and clients do, what nodes draw for themselves. What the plan has in store still comes, and so does what is under way:
//! messages, writes and the timers that nodes have set. A future counts that fails the same way by the time when the run did,
//! or an eighth later.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::REROLLS;
use crate::failure::{Failure, FailureKind};
use crate::plan::Plan;
use crate::plan_error::PlanError;
use crate::run::finish_by;
use crate::subject::Subject;
use crate::tape::Decisions;
use crate::world::World;

/// How many of some runs fail the same way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Share {
    /// So many fail.
    pub failing: u64,
    /// Of so many.
    pub of: u64,
}

impl Share {
    /// Whether at least half of them fail.
    #[must_use]
    pub fn is_likely(self) -> bool {
        2 * self.failing >= self.of
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.failing, self.of)
    }
}

/// Where a run took a turn to its failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TurningPoint {
    /// The event; 0: the start.
    pub event: u64,
    /// How many of the futures fail the same way after the event before it.
    pub before: Share,
    /// How many after it.
    pub after: Share,
}

/// Where a failure became likely, and where there was no way out any more.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turns {
    /// How many futures fail from the start.
    pub at_the_start: Share,
    /// At least half of them fail after this.
    pub likely: TurningPoint,
    /// All of them fail after this.
    pub certain: TurningPoint,
}

pub(super) fn find<S: Subject>(
    plan: &Plan<S::Settings>,
    seed: u64,
    decisions: &Arc<Decisions>,
    failure: &Failure,
    reruns: &mut u64,
) -> Result<Turns, PlanError> {
    let mut known = BTreeMap::new();
    let mut share_after = |event: u64| -> Result<Share, PlanError> {
        if let Some(share) = known.get(&event) {
            return Ok(*share);
        }
        let mut share = Share { failing: 0, of: REROLLS };
        for salt in 1..=REROLLS {
            *reruns += 1;
            share.failing += u64::from(future_fails::<S>(plan, seed, decisions, (event, salt), failure)?);
        }
        known.insert(event, share);
        Ok(share)
    };
    let at_the_start = share_after(0)?;
    let likely = bisect(0, failure.event, &mut share_after, Share::is_likely)?;
    let certain = bisect(likely.event, failure.event, &mut share_after, |share| share.failing == share.of)?;
    Ok(Turns { at_the_start, likely, certain })
}

/// The first event after `first` that turns the share, up to `last`, after which nothing is left to chance. The share need
/// not grow from event to event: of several turns, this is one.
fn bisect(
    first: u64,
    last: u64,
    share_after: &mut impl FnMut(u64) -> Result<Share, PlanError>,
    is_enough: impl Fn(Share) -> bool,
) -> Result<TurningPoint, PlanError> {
    let mut before = share_after(first)?;
    if is_enough(before) {
        return Ok(TurningPoint { event: first, before, after: before });
    }
    let (mut early, mut late) = (first, last);
    let mut after = Share { failing: REROLLS, of: REROLLS };
    while late.saturating_sub(early) > 1 {
        let middle = early + (late - early) / 2;
        let share = share_after(middle)?;
        if is_enough(share) {
            (late, after) = (middle, share);
        } else {
            (early, before) = (middle, share);
        }
    }
    Ok(TurningPoint { event: late, before, after })
}

/// Until when a future has to fail: a little later than the run did. A bug that shows again and again would make any event
/// its turning point. How long a core has to get well is drawn with the rest, so that liveness may take longer.
fn by_ns(failure: &Failure) -> u64 {
    match failure.kind {
        FailureKind::Liveness => u64::MAX,
        _ => (failure.virtual_ms + 1).saturating_mul(1_000_000).saturating_mul(9) / 8,
    }
}

fn future_fails<S: Subject>(
    plan: &Plan<S::Settings>,
    seed: u64,
    decisions: &Arc<Decisions>,
    (event, salt): (u64, u64),
    failure: &Failure,
) -> Result<bool, PlanError> {
    let mut world = World::<S>::taped(plan.clone(), seed, Arc::clone(decisions))?;
    world.may_turn();
    // Nothing of what comes before the failing event panics.
    while world.events() < event.min(failure.event.saturating_sub(1)) && world.step() {}
    if event < failure.event {
        world.reroll(salt);
    }
    finish_by(&mut world, by_ns(failure));
    Ok(world.failure().is_some_and(|other| other.signature == failure.signature))
}
