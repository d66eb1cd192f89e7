//! Tries: runs that may fail in the same way, made on several threads with a result that does not depend on how many.

use std::marker::PhantomData;
use std::sync::Arc;

use super::Shrinking;
use super::script::Script;
use crate::failure::{Failure, FailureKind};
use crate::heal::Heal;
use crate::plan::Plan;
use crate::run::run_taped;
use crate::subject::Subject;
use crate::tape::Decisions;

/// A run that fails as it shall.
#[derive(Clone, Debug)]
pub(super) struct Found<Settings> {
    pub(super) plan: Plan<Settings>,
    pub(super) decisions: Decisions,
    /// What it did.
    pub(super) script: Script,
    pub(super) failure: Failure,
}

impl<Settings> Found<Settings> {
    /// When the run may end, and be the same up to its failure.
    pub(super) fn ends_ns(&self) -> u64 {
        self.script.steps.last().map_or(0, |step| step.at_ns) + 1
    }

    /// What it did until the faults ended.
    pub(super) fn script_before_heal(&self) -> Script
    where
        Settings: Clone,
    {
        match self.script.until_healed {
            Some(_) if self.plan.heal.is_some() => self.script.keep(&self.plan, |_| true).1,
            _ => self.script.clone(),
        }
    }

    /// How many steps that are.
    pub(super) fn before_heal(&self) -> usize {
        let until = self.script.until_healed.filter(|_| self.plan.heal.is_some()).unwrap_or(self.script.steps.len());
        self.script.steps[..until].iter().filter(|step| step.counts()).count()
    }
}

/// A run to be tried.
#[derive(Clone, Debug)]
pub(super) struct Candidate<Settings> {
    plan: Plan<Settings>,
    decisions: Decisions,
}

impl<Settings> Candidate<Settings> {
    pub(super) fn new(plan: Plan<Settings>, decisions: Decisions) -> Self {
        Self { plan, decisions }
    }

    pub(super) fn of(plan: &Plan<Settings>, script: &Script) -> Self
    where
        Settings: Clone,
    {
        let (plan, script) = script.in_order(plan);
        Self { decisions: script.decisions(&plan), plan }
    }
}

/// Makes the tries for one failure.
pub(super) struct Tries<'a, S: Subject> {
    seed: u64,
    kind: FailureKind,
    signature: String,
    /// What came after the faults in the run that is to be shrunk.
    heal: Option<Heal>,
    how: Shrinking<'a>,
    made: u64,
    events_left: u64,
    is_over: bool,
    subject: PhantomData<S>,
}

impl<'a, S: Subject> Tries<'a, S> {
    pub(super) fn new(seed: u64, found: &Found<S::Settings>, how: Shrinking<'a>) -> Self {
        let Failure { kind, signature, .. } = found.failure.clone();
        let (made, events_left) = (0, how.most_events);
        let heal = found.plan.heal.clone();
        Self { seed, kind, signature, heal, how, made, events_left, is_over: false, subject: PhantomData }
    }

    pub(super) fn jobs(&self) -> usize {
        self.how.jobs.max(1)
    }

    /// How many runs were made that count: those that a single thread would have made.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// How many events may still be simulated.
    pub(super) fn events_left(&self) -> u64 {
        self.events_left
    }

    pub(super) fn heal(&self) -> Option<&Heal> {
        self.heal.as_ref()
    }

    /// Whether there may be no more.
    pub(super) fn are_over(&self) -> bool {
        self.is_over
    }

    /// The first of `candidates` that fails as it shall.
    pub(super) fn first(&mut self, candidates: Vec<Candidate<S::Settings>>) -> Option<Found<S::Settings>> {
        self.first_numbered(candidates).map(|(_, found)| found)
    }

    /// The same, with its number.
    pub(super) fn first_numbered(
        &mut self,
        candidates: Vec<Candidate<S::Settings>>,
    ) -> Option<(usize, Found<S::Settings>)> {
        let jobs = self.jobs();
        let mut candidates = candidates.into_iter().enumerate();
        loop {
            let batch: Vec<_> = candidates.by_ref().take(jobs).collect();
            if batch.is_empty() || self.is_over {
                return None;
            }
            for Attempt { number, events, found } in self.run(batch) {
                // As on one thread: what comes after the one that is taken was never tried.
                self.made += 1;
                self.events_left = self.events_left.saturating_sub(events);
                if found.is_some() {
                    return found.map(|found| (number, found));
                }
                self.is_over = self.events_left == 0;
            }
            self.is_over |= !(self.how.may_go_on)();
        }
    }

    fn run(&self, batch: Vec<(usize, Candidate<S::Settings>)>) -> Vec<Attempt<S::Settings>> {
        let (seed, kind, signature) = (self.seed, self.kind, self.signature.as_str());
        let run = |(number, candidate)| attempt::<S>(number, candidate, seed, kind, signature);
        if batch.len() == 1 {
            return batch.into_iter().map(run).collect();
        }
        // Threads share nothing: each makes whole runs of its own.
        std::thread::scope(|threads| {
            let running: Vec<_> = batch.into_iter().map(|one| threads.spawn(move || run(one))).collect();
            running.into_iter().filter_map(|thread| thread.join().ok()).collect()
        })
    }
}

/// What became of a candidate.
struct Attempt<Settings> {
    number: usize,
    /// What it cost.
    events: u64,
    found: Option<Found<Settings>>,
}

fn attempt<S: Subject>(
    number: usize,
    candidate: Candidate<S::Settings>,
    seed: u64,
    kind: FailureKind,
    signature: &str,
) -> Attempt<S::Settings> {
    let Candidate { plan, decisions } = candidate;
    let decisions = Arc::new(decisions);
    // A plan that makes no sense is no shorter run.
    let Ok((mut world, report)) = run_taped::<S>(&plan, seed, &decisions) else {
        return Attempt { number, events: 0, found: None };
    };
    // A run has its price beside its events.
    let events = report.totals.events + 100;
    let is_same = |failure: &Failure| failure.kind == kind && failure.signature == signature;
    let found = report.failure.filter(is_same).map(|failure| {
        let script = world.take_script();
        drop(world);
        Found { plan, decisions: Arc::unwrap_or_clone(decisions), script, failure }
    });
    Attempt { number, events, found }
}
