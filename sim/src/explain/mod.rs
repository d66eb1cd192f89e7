//! Why a run fails: what of its plan it takes, and from which event on it was likely.
//!
//! A seed fails by what its plan does and by how its small choices fall. What the plan need not do is left out, one thing
//! at a time, as long as the same failure remains. How much is left to chance is seen from runs whose small choices are
//! drawn again: all of them, or those after some event.

mod parts;
mod turning_point;

use std::sync::Arc;

pub use parts::Part;
pub use turning_point::{Share, TurningPoint, Turns};

use crate::choices::Choices;
use crate::failure::Failure;
use crate::plan::Plan;
use crate::plan_error::PlanError;
use crate::run::run_taped;
use crate::subject::Subject;
use crate::tape::{Decisions, Key, Otherwise};

/// So many runs with other small choices show what share of them fails.
pub const REROLLS: u64 = 16;

/// Of so many decisions of a tape at most each is left out once.
pub const MOST_DECISIONS: usize = 200;

/// What is known of a failure.
#[derive(Clone, PartialEq, Debug)]
pub struct Explanation {
    /// What of the plan it takes: without any one of these, this seed does not fail the same way.
    pub necessary: Vec<Necessity>,
    /// How many parts of the plan it does not take.
    pub needless: usize,
    /// How many runs of what is necessary fail the same way where all small choices are drawn again.
    pub with_all: Share,
    /// Of a tape that leaves nothing to chance: each of its decisions, and whether the failure takes it. Empty for others, and
    /// for tapes of more than [`MOST_DECISIONS`].
    pub decisions: Vec<(Key, bool)>,
    /// The events after which the failure became likely, and certain.
    pub turns: Turns,
    /// How many runs this took.
    pub reruns: u64,
}

/// A part of the plan that the failure takes.
#[derive(Clone, PartialEq, Debug)]
pub struct Necessity {
    /// The part.
    pub part: Part,
    /// What it is, in words.
    pub words: String,
    /// How many runs without it, and with all else that is necessary, fail the same way where all small choices are drawn
    /// again. As many as with it: it only happened to be in this seed's way.
    pub without: Share,
}

/// Explains why `plan` under `seed`, but for what is decided otherwise, ends in `failure`. Takes a few hundred runs at most, and gives the same answer always.
///
/// # Errors
/// Where the plan makes no sense.
pub fn explain<S: Subject>(
    plan: &Plan<S::Settings>,
    seed: u64,
    decisions: &Decisions,
    failure: &Failure,
) -> Result<Explanation, PlanError> {
    let decisions = Arc::new(decisions.clone());
    let mut runs = Runs { seed, decisions: decisions.clone(), signature: &failure.signature, made: 0 };
    let (minimal, necessary) = runs.leave_out::<S>(plan, failure)?;
    let needless = Part::all_of(plan).len() - necessary.len();
    let with_all = runs.share_of::<S>(&minimal)?;
    let mut necessities = Vec::new();
    for part in necessary {
        let words = part.words(&minimal, S::MESSAGE_KINDS);
        let without = runs.share_of::<S>(&part.left_out_of(&minimal))?;
        necessities.push(Necessity { part, words, without });
    }
    let needed = runs.leave_out_decisions::<S>(plan)?;
    let turns = turning_point::find::<S>(plan, seed, &decisions, failure, &mut runs.made)?;
    Ok(Explanation { necessary: necessities, needless, with_all, decisions: needed, turns, reruns: runs.made })
}

struct Runs<'a> {
    seed: u64,
    decisions: Arc<Decisions>,
    signature: &'a str,
    made: u64,
}

impl Runs<'_> {
    fn fails<S: Subject>(&mut self, plan: &Plan<S::Settings>, seed: u64) -> Result<bool, PlanError> {
        self.made += 1;
        let (_, report) = run_taped::<S>(plan, seed, &self.decisions)?;
        let failure = report.failure;
        Ok(failure.is_some_and(|failure| failure.signature == self.signature))
    }

    /// The plan without what the failure does not take, and what it does take.
    fn leave_out<S: Subject>(
        &mut self,
        plan: &Plan<S::Settings>,
        failure: &Failure,
    ) -> Result<(Plan<S::Settings>, Vec<Part>), PlanError> {
        let mut minimal = plan.clone();
        let mut parts = Part::all_of(plan);
        // From the last to the first: what comes late is needed least.
        // A second round leaves out what only mattered to what the first one left out.
        for _ in 0..2 {
            let before = parts.len();
            for place in (0..parts.len()).rev() {
                let shorter = parts[place].left_out_of(&minimal);
                let is_too_late = parts[place].starts_ms().is_some_and(|ms| ms > failure.virtual_ms);
                if is_too_late || self.fails::<S>(&shorter, self.seed)? {
                    minimal = shorter;
                    parts.remove(place);
                }
            }
            if parts.len() == before {
                break;
            }
        }
        Ok((minimal, parts))
    }

    /// Leaves out each decision of a tape that leaves nothing to chance. Returns which of them the failure takes.
    fn leave_out_decisions<S: Subject>(&mut self, plan: &Plan<S::Settings>) -> Result<Vec<(Key, bool)>, PlanError> {
        let whole = Arc::clone(&self.decisions);
        let mut needed = Vec::new();
        if whole.otherwise != Otherwise::Nothing || whole.values.len() > MOST_DECISIONS {
            return Ok(needed);
        }
        for key in whole.values.keys() {
            let mut without = Decisions::clone(&whole);
            without.values.remove(key);
            self.decisions = Arc::new(without);
            needed.push((*key, !self.fails::<S>(plan, self.seed)?));
        }
        self.decisions = whole;
        Ok(needed)
    }

    fn share_of<S: Subject>(&mut self, plan: &Plan<S::Settings>) -> Result<Share, PlanError> {
        let mut share = Share { failing: 0, of: REROLLS };
        for salt in 1..=REROLLS {
            let seed = Choices::new(self.seed).rerolled(salt).seed();
            share.failing += u64::from(self.fails::<S>(plan, seed)?);
        }
        Ok(share)
    }
}
