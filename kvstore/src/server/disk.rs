//! The disk's own thread: an fsync takes long, and whatever comes meanwhile goes into the next batch.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use raft_core::LogPosition;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::metrics::Metrics;
use crate::checksum;
use crate::machine::StateMachine;
use crate::storage::{Batch, Directory, DirectoryReader, FileName};

/// What the disk says to the replica: one at a time of each.
#[derive(Debug)]
pub(super) enum Done {
    Written,
    SnapshotStored { last: LogPosition, size: u64, checksum: u64 },
    Failed(io::Error),
}

/// The way to the disk. Its thread ends when this does.
#[derive(Debug)]
pub(super) struct Disk {
    batches: mpsc::Sender<Batch>,
    reader: DirectoryReader,
    done: UnboundedSender<Done>,
}

impl Disk {
    /// Starts the thread, and returns where it says what is done.
    #[expect(clippy::disallowed_methods, reason = "a real disk")]
    pub(super) fn start(mut directory: Directory, metrics: Arc<Metrics>) -> (Self, UnboundedReceiver<Done>) {
        let (batches, waiting) = mpsc::channel::<Batch>();
        let (done, said) = unbounded_channel();
        let disk = Self { batches, reader: directory.reader(), done: done.clone() };
        std::thread::spawn(move || {
            for batch in waiting {
                let begun = Instant::now();
                let said = match directory.carry_out(&batch) {
                    Ok(()) => Done::Written,
                    Err(error) => Done::Failed(error),
                };
                metrics.fsyncs.observe(begun.elapsed());
                if done.send(said).is_err() {
                    return;
                }
            }
        });
        (disk, said)
    }

    /// Begins to carry out a batch. Whether there is anyone who does.
    pub(super) fn write(&self, batch: Batch) -> bool {
        self.batches.send(batch).is_ok()
    }

    /// Stores a snapshot beside the log, on a thread of its own: the state is a copy that shares what does not change.
    #[expect(clippy::disallowed_methods, reason = "a real disk")]
    pub(super) fn store_snapshot(&self, last: LogPosition, machine: StateMachine) {
        let (reader, done) = (self.reader.clone(), self.done.clone());
        std::thread::spawn(move || {
            let bytes = machine.snapshot();
            drop(machine);
            let (size, checksum) = (bytes.len() as u64, checksum(&bytes));
            let file = FileName::Snapshot { index: last.index.0, term: last.term.0, size, checksum };
            let said = match reader.write_beside(file, &bytes) {
                Ok(()) => Done::SnapshotStored { last, size, checksum },
                Err(error) => Done::Failed(error),
            };
            // Nobody listens: the server has stopped meanwhile.
            let _ = done.send(said);
        });
    }
}
