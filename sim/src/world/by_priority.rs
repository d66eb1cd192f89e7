//! The world under priorities: what waits is not in the queue of times, but in chains.

use super::World;
use super::event::Event;
use super::host::NEVER;
use crate::choices::{Choices, Kind};
use crate::engine::priorities::{Priorities, Turn};
use crate::engine::{Engine, Pct};
use crate::failure::{FailureKind, Violation};
use crate::node::NodeId;
use crate::subject::Subject;

/// What waits, and whose turn it is.
#[derive(Clone, Debug)]
pub(super) struct ByPriority<S: Subject> {
    pct: Pct,
    priorities: Priorities<(u64, Event<S>)>,
    /// What an operator or the nemesis does, and after how many events.
    planned: Vec<(u64, Event<S>)>,
}

impl<S: Subject> ByPriority<S> {
    pub(super) fn new(engine: Engine, nodes: u8, choices: Choices) -> Option<Box<Self>> {
        let Engine::Pct(pct) = engine else { return None };
        let choice = choices.of_node(Kind::Schedule, NodeId(0));
        Some(Box::new(Self { pct, priorities: Priorities::new(pct, nodes, choice), planned: Vec::new() }))
    }

    pub(super) fn chains(&self) -> u64 {
        self.priorities.chains()
    }

    /// `event` is to happen at `at_ns`. What is planned has its place among the events of the run, since at once would be
    /// before the first election; all else waits for its turn.
    fn add(&mut self, at_ns: u64, event: Event<S>, now_ns: u64, duration_ns: u64) {
        match event {
            Event::FaultStarts { .. }
            | Event::FaultStrikes { .. }
            | Event::FaultEnds { .. }
            | Event::NodeRestarts { .. }
            | Event::OperatorAsks { .. } => {
                let ahead = u128::from(at_ns.saturating_sub(now_ns)) * u128::from(self.pct.events);
                let after = u64::try_from(ahead / u128::from(duration_ns)).unwrap_or(u64::MAX);
                self.planned.push((self.priorities.chosen().saturating_add(after), event));
            }
            event => self.priorities.caused((at_ns, event)),
        }
    }

    /// The first of what is planned, if it is due.
    fn planned(&mut self) -> Option<Event<S>> {
        let (place, (after, _)) = self.planned.iter().enumerate().min_by_key(|(_, (after, _))| *after)?;
        (*after <= self.priorities.chosen()).then(|| self.planned.remove(place).1)
    }
}

impl<S: Subject> World<S> {
    /// Executes the event whose turn it is. Returns whether there was one, and the run may go on after it.
    pub(super) fn step_by_priority(&mut self) -> bool {
        // Out of the world, so that it may be asked about the world.
        let Some(mut order) = self.by_priority.take() else { return false };
        let (now_ns, duration_ns) = (self.now_ns, self.plan.duration_ns);
        self.queue.drain(|at_ns, event| order.add(at_ns, event, now_ns, duration_ns));
        let turn = match order.planned() {
            Some(event) => {
                order.priorities.interrupt();
                Some(Turn::Event((now_ns, event)))
            }
            None if order.priorities.chosen() >= order.pct.events => None,
            None => order.priorities.choose(|node| self.alarms.at_ns[node.index()] != NEVER),
        };
        self.by_priority = Some(order);
        let Some(turn) = turn else {
            self.end();
            return false;
        };
        self.trace.events += 1;
        let result = match turn {
            Turn::Event((at_ns, event)) => {
                self.now_ns = now_ns.max(at_ns);
                self.trace.fold(self.now_ns);
                self.execute(event)
            }
            Turn::Timer(node) => self.wake_up(now_ns.max(self.alarms.at_ns[node.index()]), node),
        };
        self.end_event(result)
    }

    fn end_event(&mut self, result: Result<(), Box<Violation>>) -> bool {
        self.trace.end_event(self.now_ns);
        if let Some(taping) = &mut self.taping {
            taping.end_event();
        }
        if let Err(violation) = result {
            self.fail(FailureKind::Safety, &violation);
        }
        self.failure.is_none()
    }
}
