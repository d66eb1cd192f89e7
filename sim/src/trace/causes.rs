//! Where everything that is under way comes from: beside the world, and only while a run is recorded.

use std::collections::{BTreeMap, VecDeque};

use crate::node::{MAX_NODES, NodeId};
use crate::subject::RequestId;

/// What an event comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Source {
    /// The plan: nothing that happened before.
    Plan,
    /// The message at this place of the mail.
    Letter(u32),
    /// What the node wants to be woken for.
    Alarm(NodeId),
    /// The node's write at this place among those under way.
    Write(NodeId, usize),
    /// What lets this client go on.
    Client(u16),
    /// The request that a client sent.
    Asked(RequestId),
    /// The answer that a node gave.
    Answered(RequestId),
    /// A fault that struck.
    Fault(usize),
}

/// For each source, the event that led to it.
#[derive(Clone, Debug, Default)]
pub(super) struct Causes {
    events: BTreeMap<Source, u64>,
    /// For each write under way, in the order in which they were started.
    writes: [VecDeque<u64>; MAX_NODES],
}

impl Causes {
    pub(super) fn set(&mut self, source: Source, event: u64) {
        match source {
            Source::Write(node, _) => self.writes[node.index()].push_back(event),
            _ => {
                self.events.insert(source, event);
            }
        }
    }

    /// The event that led to `source`, which happens now.
    pub(super) fn take(&mut self, source: Source) -> Option<u64> {
        match source {
            Source::Write(node, place) => self.writes[node.index()].remove(place),
            // A message may have to wait, and a request is both heard of and given up.
            _ => self.events.get(&source).copied(),
        }
    }

    pub(super) fn writes_are_over(&mut self, node: NodeId) {
        self.writes[node.index()].clear();
    }
}
