//! The log in memory.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::entry::Entry;
use crate::ids::{LogIndex, LogPosition, Term};

/// The whole log, entry `i` at index `i`, from 1. Reading is public; only the core writes.
#[derive(Clone, Debug)]
pub struct Log<P> {
    entries: Vec<Entry<P>>,
}

impl<P> Log<P> {
    pub(crate) fn new(entries: Vec<Entry<P>>) -> Self {
        Self { entries }
    }

    /// The index of the last entry, 0 where there is none.
    #[must_use]
    pub fn last_index(&self) -> LogIndex {
        LogIndex(self.entries.len() as u64)
    }

    /// The place and term of the last entry.
    #[must_use]
    pub fn last_position(&self) -> LogPosition {
        match self.entries.last() {
            Some(entry) => LogPosition { index: self.last_index(), term: entry.term },
            None => LogPosition::ORIGIN,
        }
    }

    /// The entry at `index`, if the log holds it.
    #[must_use]
    pub fn entry(&self, index: LogIndex) -> Option<&Entry<P>> {
        let offset = usize::try_from(index.0.checked_sub(1)?).ok()?;
        self.entries.get(offset)
    }

    /// The term at `index`: that of the entry there, or 0 before the first entry.
    #[must_use]
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        if index == LogIndex(0) { Some(Term(0)) } else { self.entry(index).map(|entry| entry.term) }
    }

    /// Whether the log has an entry of `position`'s term at its index (the consistency check of §5.3).
    #[must_use]
    pub fn contains(&self, position: LogPosition) -> bool {
        self.term_at(position.index) == Some(position.term)
    }

    /// The entries of `range` that the log holds.
    #[must_use]
    pub fn slice(&self, range: RangeInclusive<LogIndex>) -> &[Entry<P>] {
        let len = self.entries.len();
        let end = usize::try_from(range.end().0).unwrap_or(len).min(len);
        let start = usize::try_from(range.start().previous().0).unwrap_or(end).min(end);
        &self.entries[start..end]
    }

    /// The last place at or before `bound.index` whose term is at most `bound.term`.
    ///
    /// With it each side of a failed consistency check skips whole terms (§5.3, last paragraphs):
    /// terms only grow along a log, so nothing after the place found can match.
    pub(crate) fn last_at_or_below(&self, bound: LogPosition) -> LogPosition {
        let candidates = self.slice(LogIndex(1)..=bound.index);
        // Most often it is the last of them or one close to it: search backwards, in steps that double.
        let (mut end, mut step) = (candidates.len(), 1);
        while end > 0 && candidates[end - 1].term > bound.term {
            end = end.saturating_sub(step);
            step *= 2;
        }
        let rest = &candidates[end..];
        let index = end + rest.partition_point(|entry| entry.term <= bound.term);
        match index.checked_sub(1) {
            Some(offset) => LogPosition { index: LogIndex(index as u64), term: candidates[offset].term },
            None => LogPosition::ORIGIN,
        }
    }

    pub(crate) fn push(&mut self, entry: Entry<P>) -> LogIndex {
        self.entries.push(entry);
        self.last_index()
    }

    pub(crate) fn extend(&mut self, entries: &[Entry<P>])
    where
        P: Clone,
    {
        self.entries.extend_from_slice(entries);
    }

    /// Drops the entry at `first` and all after it.
    pub(crate) fn truncate_from(&mut self, first: LogIndex) {
        self.entries.truncate(usize::try_from(first.previous().0).unwrap_or(usize::MAX));
    }
}
