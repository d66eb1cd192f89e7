//! What happened: a hash over all of it, and on request every event in words.

use std::fmt;

use crate::node::NodeId;
use crate::subject::{Observation, Role};

/// The rolling hash of a run, and what else is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace {
    hash: u64,
    pub(crate) events: u64,
    recorded: Option<Record>,
}

#[derive(Clone, Debug, Default)]
struct Record {
    hashes: Vec<u64>,
    lines: Vec<TraceLine>,
}

/// One event in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraceLine {
    /// The event, counted from 1.
    pub event: u64,
    /// When, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// What.
    pub what: String,
    /// What it changed that can be seen from outside; empty for nothing.
    pub change: String,
}

impl fmt::Display for TraceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ms, us) = (self.at_ns / 1_000_000, self.at_ns / 1_000 % 1_000);
        write!(f, "{ms:>7}.{us:03} ms {:>6}  {}", self.event, self.what)?;
        if !self.change.is_empty() {
            let pad = 64usize.saturating_sub(self.what.chars().count());
            write!(f, "{:pad$}  => {}", "", self.change)?;
        }
        Ok(())
    }
}

impl Trace {
    /// A trace that keeps every event, not just their hash.
    pub(crate) fn recording() -> Self {
        Self { recorded: Some(Record::default()), ..Self::default() }
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

    pub(crate) fn is_recording(&self) -> bool {
        self.recorded.is_some()
    }

    /// Notes the event that is being executed, in words.
    pub(crate) fn note(&mut self, at_ns: u64, what: impl FnOnce() -> String) {
        if let Some(record) = &mut self.recorded {
            record.lines.push(TraceLine { event: self.events, at_ns, what: what(), change: String::new() });
        }
    }

    /// Adds what the event changed to its line.
    pub(crate) fn note_change(&mut self, change: impl FnOnce() -> String) {
        if let Some(line) = self.recorded.as_mut().and_then(|record| record.lines.last_mut()) {
            let separator = if line.change.is_empty() { "" } else { "; " };
            line.change = format!("{}{separator}{}", line.change, change());
        }
    }

    /// The event is over.
    pub(crate) fn end_event(&mut self) {
        let hash = self.hash;
        if let Some(record) = &mut self.recorded {
            record.hashes.push(hash);
        }
    }

    pub(crate) fn lines(&self) -> &[TraceLine] {
        self.recorded.as_ref().map_or(&[], |record| &record.lines)
    }

    /// The hash after each event.
    pub(crate) fn hashes(&self) -> &[u64] {
        self.recorded.as_ref().map_or(&[], |record| &record.hashes)
    }
}

/// What changed on `node`, in words.
pub(crate) fn describe_change(node: NodeId, before: &Observation, now: &Observation) -> String {
    let mut parts = Vec::new();
    let (term_before, term) = (before.term_and_vote.term, now.term_and_vote.term);
    if before.role != now.role || term_before != term {
        let role = match now.role {
            Role::Follower => "follower",
            Role::Candidate => "candidate",
            Role::Leader => "LEADER",
        };
        parts.push(format!("{role} in t{term}"));
    }
    if let Some(candidate) = now.term_and_vote.voted_for
        && before.term_and_vote != now.term_and_vote
    {
        parts.push(format!("votes {candidate}"));
    }
    if before.last_index != now.last_index || now.log_changed_from.is_some_and(|from| from <= before.last_index) {
        parts.push(format!("log to {}", now.last_index));
    }
    if before.commit_index != now.commit_index {
        parts.push(format!("commit {}", now.commit_index));
    }
    if before.snapshot_index != now.snapshot_index {
        parts.push(format!("snapshot to {}", now.snapshot_index));
    }
    if before.membership != now.membership
        && let Some(membership) = now.membership
    {
        parts.push(format!("goes by {membership}"));
    }
    if parts.is_empty() { String::new() } else { format!("{node}: {}", parts.join(", ")) }
}
