//! What happened: a hash over all of it, and on request every event with its cause.
//!
//! A plain run folds its hash and keeps nothing. A run that is recorded keeps a [`Record`] of each event, and remembers
//! beside the world which event everything that is under way comes from.

mod causes;
mod divergence;
mod mermaid;
mod record;
mod shiviz;
mod slice;
mod timeline;

pub(crate) use causes::Source;
pub use divergence::{Difference, Divergence};
pub use mermaid::mermaid;
pub(crate) use record::in_ms;
pub use record::{Change, Message, Record, Request, Sent, StateChange, What};
pub use shiviz::{SHIVIZ_PARSER, shiviz};
pub use slice::Slice;
pub use timeline::{Length, MOST_ON_A_PAGE, timeline};

use causes::Causes;

use crate::node::NodeId;

/// The rolling hash of a run, and what else is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    pub(crate) events: u64,
    recorded: Option<Box<Recording>>,
}

#[derive(Clone, Debug, Default)]
struct Recording {
    /// That of event k at k.
    records: Vec<Record>,
    causes: Causes,
}

impl Trace {
    /// A trace that keeps every event, not just their hash.
    pub(crate) fn recording() -> Self {
        Self { recorded: Some(Box::default()), ..Self::default() }
    }

    pub(crate) fn hash(&self) -> u64 {
        // The rolling mix leaves its low bits weak; one more round of multiplication spreads them.
        let mixed = (self.hash ^ self.hash >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ mixed >> 29
    }

    #[inline]
    pub(crate) fn fold(&mut self, value: u64) {
        self.hash = (self.hash.rotate_left(5) ^ value).wrapping_mul(0x517C_C1B7_2722_0A95);
    }

    #[inline]
    pub(crate) fn is_recording(&self) -> bool {
        self.recorded.is_some()
    }

    /// The event that is being executed happens to `node` and comes from `source`. What is noted after the first note of
    /// an event is a remark to it.
    #[inline]
    pub(crate) fn note(&mut self, at_ns: u64, node: Option<NodeId>, source: Source, what: impl FnOnce() -> What) {
        if let Some(recording) = &mut self.recorded {
            recording.note(self.events, at_ns, node, source, what);
        }
    }

    /// Adds what the event changed to its record.
    #[inline]
    pub(crate) fn note_change(&mut self, change: impl FnOnce() -> Change) {
        if let Some(recording) = &mut self.recorded {
            recording.add(|record| record.changes.push(change()));
        }
    }

    pub(crate) fn remark(&mut self, says: impl FnOnce() -> String) {
        self.note_change(|| Change::Remark { says: says() });
    }

    /// The event sends a message.
    #[inline]
    pub(crate) fn note_sent(&mut self, sent: impl FnOnce() -> Sent) {
        if let Some(recording) = &mut self.recorded {
            recording.add(|record| record.sent.push(sent()));
        }
    }

    /// What comes of `source` comes of the event that is being executed.
    #[inline]
    pub(crate) fn leads_to(&mut self, source: Source) {
        if let Some(recording) = &mut self.recorded {
            recording.causes.set(source, self.events);
        }
    }

    /// `node` has crashed: no write of before completes.
    pub(crate) fn writes_are_over(&mut self, node: NodeId) {
        if let Some(recording) = &mut self.recorded {
            recording.causes.writes_are_over(node);
        }
    }

    /// The event is over.
    #[inline]
    pub(crate) fn end_event(&mut self, at_ns: u64) {
        if let Some(recording) = &mut self.recorded {
            recording.end_event(self.events, at_ns, self.hash);
        }
    }

    pub(crate) fn records(&self) -> &[Record] {
        self.recorded.as_ref().map_or(&[], |recording| &recording.records)
    }
}

impl Recording {
    #[cold]
    fn note(&mut self, event: u64, at_ns: u64, node: Option<NodeId>, source: Source, what: impl FnOnce() -> What) {
        let what = what();
        let cause = self.causes.take(source);
        if self.records.len() as u64 > event {
            if let Some(record) = self.records.last_mut() {
                record.changes.push(Change::Remark { says: what.to_string() });
            }
            return;
        }
        self.records.push(Record { event, at_ns, node, what, cause, changes: Vec::new(), sent: Vec::new(), hash: 0 });
    }

    #[cold]
    fn add(&mut self, to: impl FnOnce(&mut Record)) {
        self.records.last_mut().map(to);
    }

    #[cold]
    fn end_event(&mut self, event: u64, at_ns: u64, hash: u64) {
        if self.records.len() as u64 <= event {
            self.note(event, at_ns, None, Source::Plan, || What::Lapses);
        }
        if let Some(record) = self.records.last_mut() {
            record.hash = hash;
        }
    }
}
