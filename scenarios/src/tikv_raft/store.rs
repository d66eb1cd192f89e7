//! What the crate reads from, and what is left of it on a disk.

use std::sync::Arc;

use raft::eraftpb::{ConfState, Entry, HardState, Snapshot};
use raft::{GetEntriesContext, RaftState, Storage, StorageError};
use sim::{Disk, LogEntry, TermAndVote};

use super::command;

/// A snapshot with the place that it stands for, and how much of the log before that place is kept.
#[derive(Clone, Debug)]
pub(super) struct Image {
    pub(super) snapshot: Snapshot,
    /// The log goes on after this index and term, which are not behind the snapshot's.
    pub(super) base: (u64, u64),
}

/// The log, and what else must be found again. The crate reads one in memory; a disk has one that is behind by the writes
/// under way.
#[derive(Clone, Debug, Default)]
pub struct Store {
    pub(super) hard_state: HardState,
    pub(super) image: Option<Arc<Image>>,
    /// After the base of the image.
    pub(super) entries: Vec<Entry>,
    /// The configuration that has been applied; on a disk, that of the image or of the beginning.
    pub(super) conf_state: ConfState,
}

/// One record: after a crash it is there whole or not at all, as in a store with checksummed batches.
#[derive(Clone, Debug, Default)]
pub struct Write {
    pub(super) hard_state: Option<HardState>,
    pub(super) image: Option<Arc<Image>>,
    pub(super) entries: Vec<Entry>,
}

impl Store {
    pub(super) fn base(&self) -> (u64, u64) {
        self.image.as_ref().map_or((0, 0), |image| image.base)
    }

    pub(super) fn last(&self) -> u64 {
        self.base().0 + self.entries.len() as u64
    }

    pub(super) fn get(&self, index: u64) -> Option<&Entry> {
        self.entries.get(index.checked_sub(self.base().0 + 1)? as usize)
    }

    /// Puts an image in the place of the log up to its base.
    fn put_image(&mut self, image: Arc<Image>) {
        let ((base, base_term), before) = (image.base, self.base().0);
        // A log that has the image's last entry goes on; any other gives way.
        let goes_on =
            base <= self.last() && (base <= before || self.get(base).is_some_and(|entry| entry.term == base_term));
        if goes_on {
            self.entries.drain(..base.saturating_sub(before) as usize);
        } else {
            self.entries.clear();
        }
        self.image = Some(image);
    }
}

impl Disk for Store {
    type Write = Write;

    fn write(&mut self, write: &Write) {
        if let Some(hard_state) = &write.hard_state {
            self.hard_state = hard_state.clone();
        }
        // One that the leader sent may have come before one that was taken.
        let newest = self.image.as_ref().map_or(0, |image| image.snapshot.get_metadata().index);
        if let Some(image) = write.image.as_ref().filter(|image| image.snapshot.get_metadata().index > newest) {
            self.put_image(image.clone());
        }
        if let Some(first) = write.entries.first() {
            self.entries.truncate((first.index - self.base().0) as usize - 1);
            self.entries.extend_from_slice(&write.entries);
        }
    }

    fn term_and_vote(&self) -> Option<TermAndVote> {
        Some(super::term_and_vote(self.hard_state.term, self.hard_state.vote))
    }

    fn last_index(&self) -> u64 {
        self.last()
    }

    fn snapshot_index(&self) -> u64 {
        self.base().0
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.get(index).map(command::identify)
    }

    fn changes_log_from(write: &Write) -> Option<u64> {
        write.entries.first().map(|entry| entry.index)
    }
}

impl Storage for Store {
    fn initial_state(&self) -> raft::Result<RaftState> {
        Ok(RaftState::new(self.hard_state.clone(), self.conf_state.clone()))
    }

    fn entries(
        &self,
        low: u64,
        high: u64,
        max_size: impl Into<Option<u64>>,
        _: GetEntriesContext,
    ) -> raft::Result<Vec<Entry>> {
        let base = self.base().0;
        if low <= base {
            return Err(StorageError::Compacted.into());
        }
        let slice = self.entries.get((low - base - 1) as usize..(high - base - 1) as usize);
        let mut entries = slice.ok_or(StorageError::Unavailable)?.to_vec();
        raft::util::limit_size(&mut entries, max_size.into());
        Ok(entries)
    }

    fn term(&self, index: u64) -> raft::Result<u64> {
        let (base, base_term) = self.base();
        if index == base {
            return Ok(base_term);
        }
        let missing = if index < base { StorageError::Compacted } else { StorageError::Unavailable };
        self.get(index).map(|entry| entry.term).ok_or_else(|| missing.into())
    }

    fn first_index(&self) -> raft::Result<u64> {
        Ok(self.base().0 + 1)
    }

    fn last_index(&self) -> raft::Result<u64> {
        Ok(self.last())
    }

    /// None for a node that it does not name, which would refuse it: the next one will, and is due.
    fn snapshot(&self, request_index: u64, to: u64) -> raft::Result<Snapshot> {
        let is_fit = |image: &&Arc<Image>| {
            let metadata = image.snapshot.get_metadata();
            let ConfState { voters, learners, voters_outgoing, .. } = metadata.get_conf_state();
            metadata.index >= request_index && [voters, learners, voters_outgoing].iter().any(|ids| ids.contains(&to))
        };
        let image = self.image.as_ref().filter(is_fit);
        image.map(|image| image.snapshot.clone()).ok_or_else(|| StorageError::SnapshotTemporarilyUnavailable.into())
    }
}
