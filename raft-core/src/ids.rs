//! The numbers Raft speaks in, each its own type.

use core::fmt;

/// A server of the cluster. Ids are given by the operator and never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct NodeId(pub u64);

/// A term: Raft's logical clock (§5.1). 0 is the term before any election.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Term(pub u64);

/// A position in the log. The first entry has index 1; 0 is the place before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LogIndex(pub u64);

/// The caller's name for a proposal, given back with its outcome. Any number; the core never interprets it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ProposalId(pub u64);

/// The caller's name for a read, given back with its outcome. Any number; the core never interprets it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReadId(pub u64);

/// Counts the rounds of a leader's term: what carries a round's number was sent after the round began. From 1.
///
/// A round that a quorum has answered proves that its sender still led when the round began (§6.4, §8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Round(pub u64);

/// Counts the writes one incarnation has asked for, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Sequence(pub u64);

impl Term {
    /// The largest term that is accepted from a peer. A term grows by one a campaign, so no honest
    /// cluster comes near it; the margin above it keeps arithmetic on terms from overflowing.
    pub const LIMIT: Self = Self(1 << 62);

    pub(crate) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Round {
    pub(crate) fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }
}

impl LogIndex {
    /// The largest index that is accepted from a peer: no honest log comes near it, and arithmetic on indexes
    /// stays within its range.
    pub const LIMIT: Self = Self(1 << 62);

    /// The index after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The index before this one; 0 stays 0.
    #[must_use]
    pub fn previous(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

/// An entry's place and term. Two logs that share a position agree on everything up to it (§5.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LogPosition {
    /// Where.
    pub index: LogIndex,
    /// The term of the entry there.
    pub term: Term,
}

impl LogPosition {
    /// The place before the first entry, which all logs share.
    pub const ORIGIN: Self = Self { index: LogIndex(0), term: Term(0) };

    /// Whether a log that ends here is at least as up to date as one that ends at `other` (§5.4.1):
    /// the later last term wins, then the longer log.
    #[must_use]
    pub fn is_up_to_date_with(self, other: Self) -> bool {
        (self.term, self.index) >= (other.term, other.index)
    }
}

/// What a vote is worth after a crash: the latest term seen, and who got the vote in it (Figure 2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TermAndVote {
    /// The latest term this server has seen.
    pub term: Term,
    /// The candidate that received this server's vote in `term`.
    pub voted_for: Option<NodeId>,
}

macro_rules! short_debug {
    ($($type:ident $prefix:literal),*) => {$(
        impl fmt::Debug for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    )*};
}
short_debug!(NodeId "n", Term "t", LogIndex "i", ProposalId "p", ReadId "r", Round "o", Sequence "w");

impl fmt::Debug for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{:?}", self.index, self.term)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn places_and_ids_print_short() {
        let place = LogPosition { index: LogIndex(7), term: Term(3) };
        assert_eq!(format!("{place:?} {:?} {}", NodeId(2), NodeId(2)), "i7/t3 n2 2");
    }
}
