//! The machines that nodes run on, and their alarm clocks.

use std::collections::VecDeque;

use super::event::Event;
use crate::choices::Choice;
use crate::failure::Violation;
use crate::fault::WriteError;
use crate::node::{MAX_NODES, NodeId};
use crate::subject::{Disk, RequestId, Subject};

/// No fault of the plan has this number: what it took down stays down.
pub(super) const FOR_GOOD: usize = usize::MAX;

/// When nothing wakes a node.
pub(super) const NEVER: u64 = u64::MAX;

/// The machine that a node runs on.
#[derive(Clone, Debug)]
pub(super) struct Host<S: Subject> {
    pub(super) incarnation: u32,
    /// What was sent in an earlier one is lost once the faults are over. It ends with an incarnation, and when the node is left
    /// out of the healed core; a node that crashes 256 times may be heard once too often.
    pub(super) generation: u8,
    /// The fault that took the node down, and that will bring it back.
    pub(super) downed_by: Option<usize>,
    pub(super) paused_by: Option<usize>,
    /// What arrived while the node stood still.
    pub(super) backlog: Vec<Event<S>>,
    /// The requests that this incarnation was given and has not answered.
    pub(super) asked: Vec<RequestId>,
    pub(super) writes: VecDeque<<S::Disk as Disk>::Write>,
    /// When the last write completes, where writes complete in order.
    pub(super) writes_end_ns: u64,
    /// When each of them completes, where they do not.
    pub(super) writes_due_ns: VecDeque<u64>,
    pub(super) disk_delay: Choice,
    pub(super) crash: Choice,
    /// How much slower the disk is, and until when.
    pub(super) slow: Option<(u64, u64)>,
    /// Until when no write completes; 0: they do.
    pub(super) stalled_until_ns: u64,
    /// The fault by which every write fails.
    pub(super) failing: Option<(usize, WriteError)>,
    /// What is on the disk in truth, while it lies.
    pub(super) truth: Option<Box<S::Disk>>,
    /// Its disk has gone bad, and it has not started since.
    pub(super) is_rotten: bool,
    /// A write on its disk was cut in the middle, and it has not started since.
    pub(super) has_torn_write: bool,
    /// The settings of this incarnation, where they are others than the plan's.
    pub(super) settings: Option<Box<S::Settings>>,
}

/// When each node wants to be woken, in the world's time.
#[derive(Clone, Debug)]
pub(super) struct Alarms {
    pub(super) at_ns: [u64; MAX_NODES],
    pub(super) next: usize,
}

impl<S: Subject> Host<S> {
    /// Which of the writes under way completes next: the oldest, or the one that is due first.
    pub(super) fn next_write(&mut self) -> usize {
        let due = self.writes_due_ns.iter().enumerate().min_by_key(|(_, due_ns)| **due_ns);
        let place = due.map_or(0, |(place, _)| place);
        self.writes_due_ns.remove(place);
        place
    }

    /// A request is answered at most once.
    pub(super) fn answered(&mut self, node: NodeId, id: RequestId) -> Result<(), Box<Violation>> {
        let RequestId { client, number } = id;
        let Some(place) = self.asked.iter().rposition(|asked| *asked == id) else {
            let detail = format!("{node} answers request {number} of client {client} twice, or without being asked");
            return Err(Violation::new("acknowledged", detail));
        };
        self.asked.swap_remove(place);
        Ok(())
    }
}

impl Alarms {
    pub(super) fn new() -> Self {
        Self { at_ns: [NEVER; MAX_NODES], next: 0 }
    }

    /// Returns whether that is another time than before.
    pub(super) fn set(&mut self, node: NodeId, at_ns: u64) -> bool {
        let place = node.index();
        if self.at_ns[place] == at_ns {
            return false;
        }
        self.at_ns[place] = at_ns;
        if at_ns < self.at_ns[self.next] {
            self.next = place;
        } else if place == self.next {
            // The first of the earliest, so that ties are broken by node.
            self.next = (0..MAX_NODES).min_by_key(|place| self.at_ns[*place]).unwrap_or(0);
        }
        true
    }

    pub(super) fn next(&self) -> (u64, NodeId) {
        (self.at_ns[self.next], NodeId(self.next as u8))
    }
}
