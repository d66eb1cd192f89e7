//! What survives a crash, as a subject gives it and the checkers read it.

use std::fmt::Debug;

use super::observation::{LogEntry, TermAndVote};
use crate::choices::Choice;

/// What survives a crash.
pub trait Disk: Clone + Default + Debug {
    /// One write: after a crash it is there whole, or torn as [`torn`](Disk::torn) says, or not at all.
    type Write: Clone + Debug;

    /// Carries out a write.
    fn write(&mut self, write: &Self::Write);

    /// What is left of a write that a crash cut in the middle, `None` for nothing. `choice` decides where it was cut.
    fn torn(write: &Self::Write, choice: &mut Choice) -> Option<Self::Write> {
        let _ = (write, choice);
        None
    }

    /// Loses every entry after `kept` although they were durable. Returns whether there was any; a disk that cannot do
    /// this, as by default, never does.
    fn lose_log_after(&mut self, kept: u64) -> bool {
        let _ = kept;
        false
    }

    /// A record of the disk goes bad; `choice` decides which. Returns whether there was one that can; a disk that has none,
    /// as by default, never rots. A node that finds it refuses to start.
    fn rot(&mut self, choice: &mut Choice) -> bool {
        let _ = choice;
        false
    }

    /// The term and vote of a Raft, as they would be found after a crash.
    fn term_and_vote(&self) -> Option<TermAndVote> {
        None
    }

    /// Where the durable log ends; not below [`snapshot_index`](Disk::snapshot_index).
    fn last_index(&self) -> u64 {
        0
    }

    /// The durable snapshot holds the log up to here, and a restart goes on from it; 0: there is none.
    fn snapshot_index(&self) -> u64 {
        0
    }

    /// The entry at `index` of the durable log, unless the snapshot has taken its place.
    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        let _ = index;
        None
    }

    /// The first index of the durable log that `write` changes. To put a snapshot in the place of entries is no change.
    fn changes_log_from(write: &Self::Write) -> Option<u64> {
        let _ = write;
        None
    }
}
