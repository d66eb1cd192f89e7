//! Scenarios: named ways to draw a plan from a seed.

use crate::choices::{Choice, Choices};
use crate::engine::Engine;
use crate::fault::TimedFault;
use crate::faults::FaultClass;
use crate::plan::Plan;
use crate::subject::Subject;

/// A family of runs with a name: every seed draws one plan from it.
pub struct Scenario<S: Subject> {
    /// How users choose it.
    pub name: &'static str,
    /// What it is for, in a sentence.
    pub about: &'static str,
    /// The classes of faults that its plans may contain.
    pub faults: Vec<FaultClass>,
    /// The features of the subject that its runs exercise: unless said otherwise, all of [`Subject::FEATURES`] that are no
    /// [`MARKS`](Subject::MARKS).
    pub features: Vec<&'static str>,
    /// The states that its runs reach once in a long while: names of any [`Mark`](crate::Mark) and of the subject's
    /// [`MARKS`](Subject::MARKS); none, unless said otherwise.
    pub marks: Vec<&'static str>,
    engine: Engine,
    draw: Box<DrawPlan<S>>,
}

type DrawPlan<S> = dyn Fn(&mut Choice) -> Plan<<S as Subject>::Settings> + Send + Sync;

impl<S: Subject> Scenario<S> {
    /// A scenario whose plans `draw` makes, of nothing but the choices it is given.
    pub fn new(
        name: &'static str,
        about: &'static str,
        faults: &[FaultClass],
        draw: impl Fn(&mut Choice) -> Plan<S::Settings> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            about,
            faults: faults.to_vec(),
            features: S::FEATURES.iter().copied().filter(|name| !S::MARKS.contains(name)).collect(),
            marks: Vec::new(),
            engine: Engine::Time,
            draw: Box::new(draw),
        }
    }

    /// The same, with the next event chosen by `engine`. What is reached now and then in order of time need not be in another.
    #[must_use]
    pub fn under(mut self, engine: Engine) -> Self {
        self.engine = engine;
        if engine != Engine::Time {
            self.marks.clear();
        }
        self
    }

    /// How the next event of its runs is chosen.
    #[must_use]
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The plan that `seed` draws.
    #[must_use]
    pub fn plan(&self, seed: u64) -> Plan<S::Settings> {
        let mut choice = Choices::new(seed).plan();
        let mut plan = Plan { engine: self.engine, ..(self.draw)(&mut choice) };
        if let Engine::Pct(pct) = self.engine {
            thin(&mut plan.faults, pct.events / EVENTS_A_FAULT, &mut choice);
        }
        plan
    }
}

/// Under priorities a run has so few events that what strikes now and then in order of time would strike all the time, and hardly
/// anything else would happen: an election and a first commit take some dozens of events.
const EVENTS_A_FAULT: u64 = 50;

/// Leaves about `most` of them, any.
fn thin(faults: &mut Vec<TimedFault>, most: u64, choice: &mut Choice) {
    let count = faults.len() as u64;
    faults.retain(|_| choice.below(count) < most);
}

impl<S: Subject> std::fmt::Debug for Scenario<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scenario").field("name", &self.name).finish_non_exhaustive()
    }
}
