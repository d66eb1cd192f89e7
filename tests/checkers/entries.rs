//! Log entries by their terms: as in the paper's figures, an entry is what its index and term say.

use sim::{AppliedDigest, LogEntry};

/// The entry of `term` at `index`.
pub(crate) fn entry(index: u64, term: u64) -> LogEntry {
    LogEntry { term, digest: 1000 * term + index }
}

/// Another command, given to the same place and term.
pub(crate) fn forged(index: u64, term: u64) -> LogEntry {
    LogEntry { digest: 77, ..entry(index, term) }
}

/// The log whose entries are of these terms.
pub(crate) fn log(terms: &[u64]) -> Vec<LogEntry> {
    (1..).zip(terms).map(|(index, term)| entry(index, *term)).collect()
}

/// What a state machine has been given after these entries.
pub(crate) fn given(entries: &[LogEntry]) -> AppliedDigest {
    let mut digest = AppliedDigest::default();
    entries.iter().for_each(|entry| digest.give(entry.digest));
    digest
}
