//! Snapshots: when one is taken, and what is read of those that there are.

use std::sync::Arc;

use raft_core::{Input as CoreInput, LogIndex, LogPosition, Snapshot, SnapshotId};
use rand_chacha::rand_core::Rng;

use super::{Output, Replica};
use crate::bytes::Bytes;
use crate::checksum;
use crate::machine::StateMachine;
use crate::storage::{FileName, Files, read_up_to};

/// When the application takes a snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SnapshotPolicy {
    /// Not before so many entries were applied since the last; `None`: never by itself.
    pub entries: Option<u64>,
    /// Nor before these had so many bytes for each hundred bytes of the last snapshot: at 100, writing snapshots costs as much
    /// again as writing the log, however large the state.
    pub growth_percent: u64,
}

impl<F: Files, R: Rng> Replica<F, R> {
    pub(super) fn take_snapshot_if_due(&mut self, outputs: &mut Vec<Output>) {
        let Some(entries) = self.policy.entries else { return };
        let (previous, size) = self.raft.snapshot().map_or((0, 0), |snapshot| (snapshot.last.index.0, snapshot.size));
        let is_due =
            self.applied.0 >= previous + entries && self.applied_bytes >= size / 100 * self.policy.growth_percent;
        if is_due {
            self.take_snapshot(outputs);
        }
    }

    pub(super) fn take_snapshot(&mut self, outputs: &mut Vec<Output>) {
        let index = self.applied;
        let is_new = self.raft.snapshot().map_or(LogIndex(0), |snapshot| snapshot.last.index) < index;
        if self.storing.is_some() || !is_new {
            return;
        }
        let Some(term) = self.raft.log().term_at(index) else { return };
        let last = LogPosition { index, term };
        self.storing = Some(last);
        self.log.keep_leftovers_of(last);
        self.applied_bytes = 0;
        outputs.push(Output::StoreSnapshot { last, machine: self.machine.clone() });
    }

    /// What the core is told of a snapshot that is in its file.
    pub(super) fn snapshot_stored(&mut self, last: LogPosition, size: u64, sum: u64) -> Option<CoreInput<Bytes>> {
        self.storing = None;
        self.log.note_snapshot(SnapshotId { last, size, checksum: sum });
        // One that the leader sent may have come in between.
        let is_new = self.raft.snapshot().is_none_or(|latest| latest.last.index < last.index);
        is_new.then_some(CoreInput::SnapshotTaken { last_index: last.index, size, checksum: sum })
    }

    /// The state machine of the snapshot that the leader sent takes the place of this node's own.
    pub(super) fn restore(&mut self, snapshot: &Snapshot, outputs: &mut Vec<Output>) {
        match self.read_state(snapshot) {
            Ok(machine) => {
                self.machine = machine;
                self.applied = snapshot.last.index;
                self.answers.clear();
                self.applied_bytes = 0;
                outputs.push(Output::Restored { last: snapshot.last });
            }
            Err(problem) => self.stop(format!("the snapshot of {}: {problem}", snapshot.last.index), outputs),
        }
    }

    fn read_state(&self, snapshot: &Snapshot) -> Result<StateMachine, String> {
        let file = FileName::of_snapshot(snapshot.id());
        let bytes = read_up_to(&self.files, file, 0, snapshot.size as usize).map_err(|error| error.to_string())?;
        if checksum(&bytes) != snapshot.checksum {
            return Err("its bytes on disk are not those that were received".to_owned());
        }
        StateMachine::restore(&bytes).map_err(|error| error.to_string())
    }

    /// A part of a snapshot; `None` where it is not there any more.
    pub(super) fn load(&self, id: SnapshotId, offset: u64, length: u64) -> Option<Arc<[u8]>> {
        let bytes = read_up_to(&self.files, FileName::of_snapshot(id), offset, length as usize).ok()?;
        (bytes.len() as u64 == length).then(|| bytes.into())
    }
}
