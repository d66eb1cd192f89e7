//! A disk as small as a disk can be: a term, a vote, a log, and how much of it is a snapshot.

use sim::{Disk, LogEntry, NodeId, TermAndVote};

use crate::entries::log;

/// What is on it. Without a term it is not the disk of a Raft.
#[derive(Clone, Default, Debug)]
pub(crate) struct PaperDisk {
    term_and_vote: Option<TermAndVote>,
    /// Those of the snapshot too, though nobody can read them any more.
    entries: Vec<LogEntry>,
    snapshot_index: u64,
}

/// What can be written to it.
#[derive(Clone, Debug)]
pub(crate) enum PaperWrite {
    TermAndVote(TermAndVote),
    /// The log ends with these, the first of them at `from`.
    Log {
        from: u64,
        entries: Vec<LogEntry>,
    },
    /// These are all, and the first `index` of them a snapshot.
    Snapshot {
        index: u64,
        entries: Vec<LogEntry>,
    },
}

/// The disk of a server in `term`, with no vote and no log.
pub(crate) fn disk(term: u64) -> PaperDisk {
    PaperDisk { term_and_vote: Some(TermAndVote { term, voted_for: None }), ..PaperDisk::default() }
}

impl PaperDisk {
    pub(crate) fn voted_for(mut self, candidate: NodeId) -> Self {
        self.term_and_vote = self.term_and_vote.map(|known| TermAndVote { voted_for: Some(candidate), ..known });
        self
    }

    pub(crate) fn log(mut self, terms: &[u64]) -> Self {
        self.entries = log(terms);
        self
    }

    /// The first `index` entries are a snapshot.
    pub(crate) fn snapshot(mut self, index: u64) -> Self {
        self.snapshot_index = index;
        self
    }

    pub(crate) fn entries(&self) -> &[LogEntry] {
        &self.entries
    }
}

impl Disk for PaperDisk {
    type Write = PaperWrite;

    fn write(&mut self, write: &PaperWrite) {
        match write {
            PaperWrite::TermAndVote(now) => self.term_and_vote = Some(*now),
            PaperWrite::Log { from, entries } => {
                self.entries.truncate((from - 1) as usize);
                self.entries.extend(entries);
            }
            PaperWrite::Snapshot { index, entries } => {
                self.snapshot_index = *index;
                self.entries.clone_from(entries);
            }
        }
    }

    fn term_and_vote(&self) -> Option<TermAndVote> {
        self.term_and_vote
    }

    fn last_index(&self) -> u64 {
        self.entries.len() as u64
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        if index <= self.snapshot_index {
            return None;
        }
        self.entries.get((index - 1) as usize).copied()
    }

    fn snapshot_index(&self) -> u64 {
        self.snapshot_index
    }

    fn lose_log_after(&mut self, kept: u64) -> bool {
        let loses = kept < self.last_index();
        self.entries.truncate(kept as usize);
        loses
    }

    fn changes_log_from(write: &PaperWrite) -> Option<u64> {
        match write {
            // That a snapshot may have changed the log is for the checkers to know.
            PaperWrite::TermAndVote(_) | PaperWrite::Snapshot { .. } => None,
            PaperWrite::Log { from, .. } => Some(*from),
        }
    }
}
