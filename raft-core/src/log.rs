//! The log in memory.

use alloc::vec::Vec;
use core::ops::RangeInclusive;

use crate::entry::Entry;
use crate::ids::{LogIndex, LogPosition, Term};

/// The log from its base on: what comes up to the base is compacted into a snapshot (§7). Reading is public; only the
/// core writes.
#[derive(Clone, Hash, Debug)]
pub struct Log<P> {
    base: LogPosition,
    /// Entries that are compacted and not given back to the allocator yet come first.
    entries: Vec<Entry<P>>,
    compacted: usize,
}

impl<P> Log<P> {
    pub(crate) fn new(base: LogPosition, entries: Vec<Entry<P>>) -> Self {
        Self { base, entries, compacted: 0 }
    }

    /// The place right before the first entry: [`LogPosition::ORIGIN`] until the log is compacted.
    #[must_use]
    pub fn base(&self) -> LogPosition {
        self.base
    }

    /// The index of the last entry; that of the base where there is none.
    #[must_use]
    pub fn last_index(&self) -> LogIndex {
        LogIndex(self.base.index.0 + (self.entries.len() - self.compacted) as u64)
    }

    /// The place and term of the last entry.
    #[must_use]
    pub fn last_position(&self) -> LogPosition {
        match self.entries[self.compacted..].last() {
            Some(entry) => LogPosition { index: self.last_index(), term: entry.term },
            None => self.base,
        }
    }

    /// The entry at `index`, if the log holds it.
    #[must_use]
    pub fn entry(&self, index: LogIndex) -> Option<&Entry<P>> {
        let offset = usize::try_from(index.0.checked_sub(self.base.index.0 + 1)?).ok()?;
        self.entries.get(offset.checked_add(self.compacted)?)
    }

    /// The term at `index`: of the entry there, or of the base.
    #[must_use]
    pub fn term_at(&self, index: LogIndex) -> Option<Term> {
        if index == self.base.index { Some(self.base.term) } else { self.entry(index).map(|entry| entry.term) }
    }

    /// Whether the log has an entry of `position`'s term at its index (the consistency check of §5.3).
    ///
    /// What is compacted was committed, and everyone who may ask holds the same there.
    #[must_use]
    pub fn contains(&self, position: LogPosition) -> bool {
        position.index < self.base.index || self.term_at(position.index) == Some(position.term)
    }

    /// The entries of `range` that the log holds.
    #[must_use]
    pub fn slice(&self, range: RangeInclusive<LogIndex>) -> &[Entry<P>] {
        let held = &self.entries[self.compacted..];
        let offset = |index: LogIndex| usize::try_from(index.0.saturating_sub(self.base.index.0)).unwrap_or(usize::MAX);
        let end = offset(*range.end()).min(held.len());
        let start = offset(range.start().previous()).min(end);
        &held[start..end]
    }

    /// The last place at or before `bound.index` whose term is at most `bound.term`; `None` where that is compacted.
    ///
    /// With it each side of a failed consistency check skips whole terms (§5.3, last paragraphs):
    /// terms only grow along a log, so nothing after the place found can match.
    pub(crate) fn last_at_or_below(&self, bound: LogPosition) -> Option<LogPosition> {
        if bound.index < self.base.index {
            return None;
        }
        let candidates = self.slice(self.base.index.next()..=bound.index);
        // Most often it is the last of them or one close to it: search backwards, in steps that double.
        let (mut end, mut step) = (candidates.len(), 1);
        while end > 0 && candidates[end - 1].term > bound.term {
            end = end.saturating_sub(step);
            step *= 2;
        }
        let rest = &candidates[end..];
        let count = end + rest.partition_point(|entry| entry.term <= bound.term);
        match count.checked_sub(1) {
            Some(offset) => {
                let index = LogIndex(self.base.index.0 + count as u64);
                Some(LogPosition { index, term: candidates[offset].term })
            }
            None => (self.base.term <= bound.term).then_some(self.base),
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

    /// Drops the entry at `first` and all after it. `first` is after the base.
    pub(crate) fn truncate_from(&mut self, first: LogIndex) {
        let kept = first.0.saturating_sub(self.base.index.0 + 1);
        let kept = usize::try_from(kept).unwrap_or(usize::MAX).saturating_add(self.compacted);
        self.entries.truncate(kept);
    }

    /// Drops the entries up to `index`, which becomes the base. An index outside the log changes nothing.
    pub(crate) fn compact_to(&mut self, index: LogIndex) {
        let Some(term) = self.term_at(index) else { return };
        self.compacted += usize::try_from(index.0 - self.base.index.0).unwrap_or(usize::MAX);
        self.base = LogPosition { index, term };
        // Moving what is left is paid for by at least as many entries dropped.
        if self.compacted >= self.entries.len() - self.compacted {
            self.entries.drain(..self.compacted);
            self.compacted = 0;
        }
    }

    /// Forgets everything: the log is empty and begins after `base`.
    pub(crate) fn reset(&mut self, base: LogPosition) {
        *self = Self::new(base, Vec::new());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entry::Payload;

    fn position(index: u64, term: u64) -> LogPosition {
        LogPosition { index: LogIndex(index), term: Term(term) }
    }

    fn log(base: LogPosition, terms: &[u64]) -> Log<u64> {
        let entries = terms.iter().map(|&term| Entry { term: Term(term), payload: Payload::Noop });
        Log::new(base, entries.collect())
    }

    #[test]
    fn a_compacted_log_answers_like_the_whole_one_from_its_base_on() {
        let terms = [1, 1, 2, 4, 4, 7];
        for compacted in 0..=terms.len() as u64 {
            let whole = log(LogPosition::ORIGIN, &terms);
            let mut cut = whole.clone();
            cut.compact_to(LogIndex(compacted));
            assert_eq!(cut.last_position(), whole.last_position());
            for index in compacted..=8 {
                assert_eq!(cut.term_at(LogIndex(index)), whole.term_at(LogIndex(index)), "index {index}");
            }
            for (index, term) in (0..=8).flat_map(|index| (0..=8).map(move |term| (index, term))) {
                let found = whole.last_at_or_below(position(index, term));
                let visible = found.filter(|found| found.index.0 >= compacted);
                assert_eq!(cut.last_at_or_below(position(index, term)), visible, "{index}/{term}");
                let is_held = index < compacted || whole.contains(position(index, term));
                assert_eq!(cut.contains(position(index, term)), is_held, "{index}/{term}");
            }
            assert_eq!(
                cut.slice(LogIndex(0)..=LogIndex(9)),
                &whole.slice(LogIndex(0)..=LogIndex(9))[compacted as usize..]
            );
        }
    }

    #[test]
    fn truncating_a_compacted_log_keeps_its_base() {
        let mut log = log(LogPosition::ORIGIN, &[1, 1, 2, 2]);
        log.compact_to(LogIndex(1));
        log.truncate_from(LogIndex(3));
        assert_eq!((log.base(), log.last_position()), (position(1, 1), position(2, 1)));
        log.reset(position(9, 3));
        assert_eq!((log.last_index(), log.term_at(LogIndex(9))), (LogIndex(9), Some(Term(3))));
    }

    #[test]
    fn what_is_compacted_is_given_back_and_moved_no_oftener_than_it_is_dropped() {
        let (mut log, mut moved) = (log(LogPosition::ORIGIN, &[1; 1_000]), 0);
        for index in 1..=1_000 {
            log.compact_to(LogIndex(index));
            let left = 1_000 - index as usize;
            assert!(log.entries.len() <= 2 * left, "{} entries are kept for {left}", log.entries.len());
            moved += if log.compacted == 0 { left } else { 0 };
        }
        assert!(moved <= 1_000, "{moved} entries were moved to drop a thousand");
    }
}
