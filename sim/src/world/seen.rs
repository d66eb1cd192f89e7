//! What can be seen of a run.

use super::World;
use crate::failure::Failure;
use crate::history::History;
use crate::node::NodeId;
use crate::plan::Plan;
use crate::subject::Subject;
use crate::totals::Totals;
use crate::trace::Record;

impl<S: Subject> World<S> {
    /// Why the run failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// The hash of everything that has happened.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// What clients asked for and were told.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Every event with its cause, that of event k at k, where the run is recorded; 0 is the start of the nodes.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        self.trace.records()
    }

    /// The plan of the run.
    #[must_use]
    pub fn plan(&self) -> &Plan<S::Settings> {
        &self.plan
    }

    /// How many events have happened.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.trace.events
    }

    /// What has happened, in numbers.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            events: self.trace.events,
            deliveries: self.deliveries,
            virtual_ns: self.now_ns,
            elections: self.checkers.elections(),
            commits: self.checkers.commands(),
            recoveries: self.has_recovered().into(),
            operations: self.history.ops().len() as u64,
            repeats: self.history.repeats(),
            keys_left_open: self.keys_left_open,
            faults: self.counts,
            most_chains: self.by_priority.as_ref().map_or(0, |order| order.chains()),
            features: self.features.clone(),
            marks: *self.checkers.marks(),
        }
    }

    /// The time, in nanoseconds from the start.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// The node, unless it is down.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&S> {
        self.subjects.first(self.plan.nodes).get(node.index())?.as_deref()
    }
}
