//! Log entries, and runs of them that are shared instead of copied.

use alloc::sync::Arc;
use core::fmt;
use core::ops::{Deref, Range};

use crate::command::Command;
use crate::ids::Term;
use crate::membership::Membership;

/// One entry of the log. Its index is its place: see [`Log`](crate::Log).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Entry<P> {
    /// The term of the leader that created it.
    pub term: Term,
    /// What it carries.
    pub payload: Payload<P>,
}

/// What an entry carries.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Payload<P> {
    /// Nothing: the first entry of a leader's term, which lets it commit what its predecessors left (§8).
    Noop,
    /// A command for the state machine.
    Command(P),
    /// The cluster's members from this entry on, from the moment that it is in a log (§6, dissertation §4.1).
    Membership(Arc<Membership>),
}

impl<P: Command> Entry<P> {
    /// What the entry counts against windows and bounds: its command, and a little for the entry itself, so that
    /// none is free.
    pub(crate) fn size_bytes(&self) -> u64 {
        let payload = match &self.payload {
            Payload::Noop => 0,
            Payload::Command(command) => command.size_bytes() as u64,
            Payload::Membership(membership) => 16 * membership.members().len() as u64,
        };
        payload.saturating_add(16)
    }

    /// What all of `entries` count.
    pub(crate) fn total_bytes(entries: &[Self]) -> u64 {
        entries.iter().map(Self::size_bytes).fold(0, u64::saturating_add)
    }
}

/// A run of entries behind one reference count: the same allocation serves the leader's write and
/// the appends to every follower. Cloning and slicing copy no entry.
pub struct Entries<P> {
    // None where empty, so that a heartbeat allocates nothing.
    shared: Option<Arc<[Entry<P>]>>,
    // Half of a `usize` each: a message is moved around more than it is looked into.
    start: u32,
    end: u32,
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
        let end = self.end.min(self.start.saturating_add(short(range.end)));
        let start = end.min(self.start.saturating_add(short(range.start)));
        Self { shared: self.shared.clone(), start, end }
    }

    /// The run without its first `count` entries.
    pub(crate) fn without_first(self, count: usize) -> Self {
        Self { start: self.end.min(self.start.saturating_add(short(count))), ..self }
    }
}

/// A run is cut at four thousand million entries.
fn short(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

impl<P: Clone> From<&[Entry<P>]> for Entries<P> {
    fn from(entries: &[Entry<P>]) -> Self {
        if entries.is_empty() {
            return Self::empty();
        }
        Self { shared: Some(Arc::from(entries)), start: 0, end: short(entries.len()) }
    }
}

impl<P> FromIterator<Entry<P>> for Entries<P> {
    fn from_iter<I: IntoIterator<Item = Entry<P>>>(entries: I) -> Self {
        let shared: Arc<[Entry<P>]> = entries.into_iter().collect();
        let end = short(shared.len());
        Self { shared: Some(shared), start: 0, end }
    }
}

impl<P> Deref for Entries<P> {
    type Target = [Entry<P>];

    fn deref(&self) -> &[Entry<P>] {
        match &self.shared {
            Some(shared) => &shared[self.start as usize..self.end as usize],
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

#[cfg(feature = "serde")]
impl<P: serde::Serialize> serde::Serialize for Entries<P> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

#[cfg(feature = "serde")]
impl<'de, P: serde::Deserialize<'de>> serde::Deserialize<'de> for Entries<P> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let entries = alloc::vec::Vec::<Entry<P>>::deserialize(deserializer)?;
        Ok(entries.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec::Vec;

    use super::*;
    use crate::ids::NodeId;

    fn run(terms: &[u64]) -> Entries<u64> {
        terms.iter().map(|&term| Entry { term: Term(term), payload: Payload::Command(term) }).collect()
    }

    #[test]
    fn a_membership_counts_by_its_members() {
        let size = |voters: u64| {
            let members = Membership::new((1..=voters).map(NodeId), []).expect("each once");
            Entry::<u64> { term: Term(1), payload: Payload::Membership(members.into()) }.size_bytes()
        };
        assert_eq!((size(1), size(2), size(7)), (32, 48, 128));
    }

    #[test]
    fn runs_are_equal_by_their_entries_wherever_these_are_kept() {
        let run_of = run(&[1, 2, 3]);
        assert_eq!(run_of.slice(1..3), run(&[2, 3]));
        assert_eq!(run_of.slice(3..9), Entries::empty());
        for other in [&[1, 2][..], &[1, 2, 4], &[1, 2, 3, 3], &[]] {
            assert_ne!(run_of, run(other));
        }
    }

    #[test]
    fn a_run_prints_as_its_entries() {
        let entries: Vec<_> = run(&[4, 5]).to_vec();
        assert_eq!(format!("{:?}", run(&[3, 4, 5]).slice(1..3)), format!("{entries:?}"));
    }
}
