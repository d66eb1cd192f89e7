//! The disk's own thread: an fsync takes long, and whatever comes meanwhile goes into the next batch.

use std::io;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::Instant;

use raft_core::LogPosition;
use tokio::sync::mpsc::UnboundedSender;

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

/// Starts the thread. It ends when the sender does.
#[expect(clippy::disallowed_methods, reason = "a real disk")]
pub(super) fn start(
    mut directory: Directory,
    done: UnboundedSender<Done>,
    metrics: Arc<Metrics>,
) -> mpsc::Sender<Batch> {
    let (batches, waiting) = mpsc::channel::<Batch>();
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
    batches
}

/// Stores a snapshot beside the log, on a thread of its own: the state is a copy that shares what does not change.
#[expect(clippy::disallowed_methods, reason = "a real disk")]
pub(super) fn store_snapshot(
    reader: DirectoryReader,
    last: LogPosition,
    machine: StateMachine,
    done: UnboundedSender<Done>,
) {
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
