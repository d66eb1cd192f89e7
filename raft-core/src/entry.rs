//! Log entries, and runs of them that are shared instead of copied.

use alloc::sync::Arc;
use core::fmt;
use core::ops::{Deref, Range};

use crate::ids::Term;

/// One entry of the log. Its index is its place: see [`Log`](crate::Log).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry<P> {
    /// The term of the leader that created it.
    pub term: Term,
    /// What it carries.
    pub payload: Payload<P>,
}

/// What an entry carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload<P> {
    /// Nothing: the first entry of a leader's term, which lets it commit what its predecessors left (§8).
    Noop,
    /// A command for the state machine.
    Command(P),
}

/// A run of entries behind one reference count: the same allocation serves the leader's write and
/// the appends to every follower. Cloning and slicing copy no entry.
pub struct Entries<P> {
    // None where empty, so that a heartbeat allocates nothing.
    shared: Option<Arc<[Entry<P>]>>,
    start: usize,
    end: usize,
}

impl<P> Entries<P> {
    /// A run of no entries.
    #[must_use]
    pub fn empty() -> Self {
        Self { shared: None, start: 0, end: 0 }
    }

    /// The entries of this run at `range`, counted from its start.
    ///
    /// A range that reaches past the end is cut to what is there.
    #[must_use]
    pub fn slice(&self, range: Range<usize>) -> Self {
        let end = self.end.min(self.start.saturating_add(range.end));
        let start = end.min(self.start.saturating_add(range.start));
        Self { shared: self.shared.clone(), start, end }
    }
}

impl<P: Clone> From<&[Entry<P>]> for Entries<P> {
    fn from(entries: &[Entry<P>]) -> Self {
        if entries.is_empty() {
            return Self::empty();
        }
        Self { shared: Some(Arc::from(entries)), start: 0, end: entries.len() }
    }
}

impl<P> FromIterator<Entry<P>> for Entries<P> {
    fn from_iter<I: IntoIterator<Item = Entry<P>>>(entries: I) -> Self {
        let shared: Arc<[Entry<P>]> = entries.into_iter().collect();
        let end = shared.len();
        Self { shared: Some(shared), start: 0, end }
    }
}

impl<P> Deref for Entries<P> {
    type Target = [Entry<P>];

    fn deref(&self) -> &[Entry<P>] {
        match &self.shared {
            Some(shared) => &shared[self.start..self.end],
            None => &[],
        }
    }
}

impl<P> Clone for Entries<P> {
    fn clone(&self) -> Self {
        Self { shared: self.shared.clone(), start: self.start, end: self.end }
    }
}

impl<P: PartialEq> PartialEq for Entries<P> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<P: fmt::Debug> fmt::Debug for Entries<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
