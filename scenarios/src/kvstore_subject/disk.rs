//! A disk down to its sectors: a crash leaves of a batch any of its sectors, and everything else as it was.

use std::sync::Arc;

use kvstore::storage::{
    Batch, FileName, FileOperation, MemoryFiles, Record, SECTOR, Stored, batch_in, recover, stored,
};
use raft_core::{Entries, Entry, LogIndex, LogWrite, Payload, Persist, Sequence};
use sim::{Choice, Disk, LogEntry, TermAndVote};

use super::SEGMENT_BYTES;
use crate::raft_core_subject::sim_id;

/// What a server asks of its disk.
#[derive(Clone, Debug)]
pub enum Write {
    /// A batch of the log, with what it says.
    Batch {
        /// Whose disk it is.
        server: u64,
        /// What is to be written.
        batch: Arc<Batch>,
        /// What that says.
        records: Arc<Vec<Record>>,
    },
    /// A snapshot beside the log.
    Snapshot {
        /// Where.
        file: FileName,
        /// What.
        bytes: Arc<[u8]>,
    },
    /// What a crash has left of either.
    Torn {
        /// Whose disk it is; `None`: it does not touch the log.
        server: Option<u64>,
        /// The sectors that were written.
        pieces: Vec<FileOperation>,
    },
}

impl Write {
    pub(super) fn of_batch(server: u64, batch: Batch) -> Self {
        let body = batch.log.iter().find_map(|operation| match operation {
            FileOperation::Write { data, .. } => batch_in(data),
            _ => None,
        });
        // What a server writes, it can read.
        let records = body.and_then(|body| Record::all_in(&body).ok()).unwrap_or_default();
        Self::Batch { server, batch: Arc::new(batch), records: Arc::new(records) }
    }
}

/// The bytes of a server's files, and what they say.
#[derive(Clone, Debug, Default)]
pub struct ByteDisk {
    files: MemoryFiles,
    stored: Stored,
    /// It has lost entries that it had said were durable.
    has_lied: bool,
    server: u64,
}

impl ByteDisk {
    pub(super) fn files(&self) -> &MemoryFiles {
        &self.files
    }

    pub(super) fn has_lied(&self) -> bool {
        self.has_lied
    }
}

impl Disk for ByteDisk {
    type Write = Write;

    fn write(&mut self, write: &Write) {
        match write {
            Write::Batch { server, batch, records } => {
                self.server = *server;
                self.files.carry_out_all(batch);
                for record in records.iter() {
                    // A gap in the log shows when the server starts from it.
                    let _ = self.stored.add(record.clone());
                }
            }
            Write::Snapshot { file, bytes } => {
                self.files.carry_out(&FileOperation::Create { file: *file, size: 0 });
                self.files.carry_out(&FileOperation::Write { file: *file, offset: 0, data: bytes.clone() });
            }
            Write::Torn { server, pieces } => {
                pieces.iter().for_each(|piece| self.files.carry_out(piece));
                // Either all of the batch was there, or none of it counts.
                if let Some(server) = server
                    && let Ok(stored) = stored(&self.files, *server)
                {
                    self.stored = stored;
                }
            }
        }
    }

    /// Any of the sectors, but none of a later step without all of the one before it.
    fn torn(write: &Write, choice: &mut Choice) -> Option<Write> {
        match write {
            Write::Batch { server, batch, .. } => {
                let mut pieces = Vec::new();
                if batch.files.is_empty() || choice.chance_ppm(500_000) {
                    pieces.extend(batch.files.iter().cloned());
                    pieces.extend(some_sectors(&batch.log, choice));
                } else {
                    pieces.extend(some_sectors(&batch.files, choice));
                }
                (!pieces.is_empty()).then_some(Write::Torn { server: Some(*server), pieces })
            }
            Write::Snapshot { file, bytes } => {
                let write = FileOperation::Write { file: *file, offset: 0, data: bytes.clone() };
                Some(Write::Torn { server: None, pieces: some_sectors(&[write], choice) })
            }
            Write::Torn { .. } => None,
        }
    }

    /// Says durably that the log ends there: what is left has every checksum in its place.
    fn lose_log_after(&mut self, kept: u64) -> bool {
        let Ok(recovered) = recover(&self.files, self.server, SEGMENT_BYTES) else { return false };
        let snapshot = recovered.restored.snapshot.as_ref().map_or(0, |snapshot| snapshot.last.index.0);
        let kept = kept.max(snapshot);
        if kept >= self.stored.last_index().0 {
            return false;
        }
        let log = Some(LogWrite { first: LogIndex(kept + 1), entries: Entries::empty() });
        let write = Persist { sequence: Sequence(0), term_and_vote: None, snapshot: None, log };
        let mut log = recovered.log;
        let Ok(batch) = log.batch(&[write], |_| true) else { return false };
        self.write(&Write::of_batch(self.server, batch));
        self.has_lied = true;
        true
    }

    /// One bit of what was written: most often where a batch or a sector says what it is. Some bits say nothing, as those
    /// that fill up a sector: a server that starts from them has lost nothing.
    fn rot(&mut self, choice: &mut Choice) -> bool {
        let is_written = |sector: &[u8]| sector.iter().take(4).any(|byte| *byte != 0);
        let written = |(file, bytes): (FileName, &[u8])| {
            let places = bytes.chunks(SECTOR).enumerate().filter(|(_, sector)| is_written(sector));
            places.map(|(place, sector)| (file, place * SECTOR, sector.len())).collect::<Vec<_>>()
        };
        let sectors: Vec<_> = self.files.iter().flat_map(written).collect();
        if sectors.is_empty() {
            return false;
        }
        let (file, start, length) = *choice.pick(&sectors);
        let range = if choice.chance_ppm(500_000) { length.min(32) } else { length };
        let place = start + choice.below(range as u64) as usize;
        match self.files.bytes_mut(file).and_then(|bytes| bytes.get_mut(place)) {
            Some(byte) => *byte ^= 1 << choice.below(8),
            None => return false,
        }
        recover(&self.files, self.server, SEGMENT_BYTES).is_err()
    }

    fn term_and_vote(&self) -> Option<TermAndVote> {
        let held = self.stored.term_and_vote;
        Some(TermAndVote { term: held.term.0, voted_for: held.voted_for.map(sim_id) })
    }

    fn last_index(&self) -> u64 {
        self.stored.last_index().0
    }

    fn snapshot_index(&self) -> u64 {
        self.stored.base.index.0
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.stored.entry(LogIndex(index)).map(identify)
    }

    fn changes_log_from(write: &Write) -> Option<u64> {
        let changed = |record: &Record| match record {
            Record::Entries { first, .. } => Some(first.0),
            _ => None,
        };
        match write {
            Write::Batch { records, .. } => records.iter().filter_map(changed).min(),
            // Where it was whole after all, it changes what the batch does.
            Write::Torn { pieces, .. } => {
                let bodies = pieces.iter().filter_map(|piece| match piece {
                    FileOperation::Write { data, .. } => Some(data),
                    _ => None,
                });
                let all: Vec<u8> = bodies.flat_map(|data| data.iter().copied()).collect();
                Record::all_in(&batch_in(&all)?).ok()?.iter().filter_map(changed).min()
            }
            Write::Snapshot { .. } => None,
        }
    }
}

/// Each sector or not, as it comes.
fn some_sectors(operations: &[FileOperation], choice: &mut Choice) -> Vec<FileOperation> {
    // Most often a crash comes near an end: little was written, or all but a little.
    let likelihood_ppm = *choice.pick(&[100_000, 500_000, 900_000]);
    let mut pieces = Vec::new();
    for operation in operations {
        match operation {
            FileOperation::Write { file, offset, data } => {
                for (place, sector) in data.chunks(SECTOR).enumerate() {
                    if choice.chance_ppm(likelihood_ppm) {
                        let offset = offset + (place * SECTOR) as u64;
                        pieces.push(FileOperation::Write { file: *file, offset, data: sector.into() });
                    }
                }
            }
            // What is written to a file that was not made is not written.
            FileOperation::Create { .. } if choice.chance_ppm(likelihood_ppm) => pieces.push(operation.clone()),
            FileOperation::Create { .. } => return pieces,
            FileOperation::Remove { .. } => {}
        }
    }
    pieces
}

pub(super) fn identify(entry: &Entry<kvstore::Bytes>) -> LogEntry {
    let digest = match &entry.payload {
        Payload::Command(command) => kvstore::Command::digest(command),
        Payload::Noop | Payload::Membership(_) => LogEntry::NO_COMMAND,
    };
    LogEntry { term: entry.term.0, digest }
}
