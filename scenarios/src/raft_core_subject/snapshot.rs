//! Snapshots of the state machine, as bytes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use raft_core::{LogIndex, Snapshot, SnapshotId};
use sim::{AppliedDigest, Outputs};

use super::{RaftCore, Write};
use crate::kv::Map;

/// A snapshot that the application took, before the core has heard of it.
#[derive(Clone, PartialEq, Debug)]
pub struct TakenSnapshot {
    pub(super) last_index: LogIndex,
    pub(super) bytes: Arc<[u8]>,
}

/// The state machine, in bytes: the digest of all it was given, and the map.
pub(super) fn encode(map: &Map, applied: AppliedDigest) -> Arc<[u8]> {
    let mut bytes = applied.to_bits().to_le_bytes().to_vec();
    map.encode(&mut bytes);
    bytes.into()
}

/// The state machine that these bytes hold.
fn decode(bytes: &[u8]) -> Option<(Map, AppliedDigest)> {
    let (applied, map) = bytes.split_first_chunk()?;
    Some((Map::decode(map)?, AppliedDigest::from_bits(u64::from_le_bytes(*applied))))
}

/// All of the map in one number, what [`encode`] leaves out too: to be compared within a run, and nowhere written down.
fn digest(map: &Map) -> u64 {
    let mut hasher = DefaultHasher::new();
    map.hash(&mut hasher);
    hasher.finish()
}

/// FNV-1a.
pub(super) fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xCBF2_9CE4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3))
}

/// The snapshots that a node has at hand: the latest, and those that followers are still being sent.
#[derive(Clone, Debug, Default)]
pub(super) struct Shelf(Vec<(SnapshotId, Arc<[u8]>)>);

impl Shelf {
    pub(super) fn put(&mut self, id: SnapshotId, bytes: Arc<[u8]>) {
        self.0.push((id, bytes));
    }

    pub(super) fn part(&self, id: SnapshotId, offset: u64, length: u64) -> Option<Arc<[u8]>> {
        let (_, bytes) = self.0.iter().find(|(held, _)| *held == id)?;
        bytes.get(offset as usize..(offset + length) as usize).map(Arc::from)
    }

    /// Keeps the last one put here, and those that `is_needed`.
    pub(super) fn tidy(&mut self, is_needed: impl Fn(SnapshotId) -> bool) {
        let last = self.0.last().map(|(id, _)| *id);
        self.0.retain(|(id, _)| Some(*id) == last || is_needed(*id));
    }
}

/// The state machine in `bytes`, if they are those of `snapshot`.
pub(super) fn restore(snapshot: &Snapshot, bytes: &[u8]) -> Result<(Map, AppliedDigest), String> {
    let is_whole = bytes.len() as u64 == snapshot.size && checksum(bytes) == snapshot.checksum;
    let state = if is_whole { decode(bytes) } else { None };
    state.ok_or_else(|| format!("the snapshot of {} is damaged", snapshot.last.index))
}

impl RaftCore {
    fn is_snapshot_due(&self) -> bool {
        let previous = self.raft.snapshot().map_or(0, |snapshot| snapshot.last.index.0);
        self.snapshot_every.is_some_and(|every| self.raft.last_applied().0 >= previous + every)
    }

    #[inline(never)]
    pub(super) fn take_snapshot_if_due(&mut self, out: &mut impl Outputs<Self>) {
        if self.taking.is_none() && self.is_snapshot_due() {
            let last_index = self.raft.last_applied();
            let taken = Arc::new(TakenSnapshot { last_index, bytes: encode(&self.map, self.applied) });
            self.taking = Some(taken.clone());
            self.snapshot_follows = Some(self.last_asked);
            out.write(Write::Snapshot(taken));
        }
    }

    /// The map in one number where a snapshot begins or has come in: nothing else could make it differ from another that was given
    /// the same.
    pub(super) fn digest_at_snapshot(&self) -> Option<u64> {
        let is_restored =
            || self.raft.snapshot().is_some_and(|snapshot| snapshot.last.index == self.raft.last_applied());
        (self.is_snapshot_due() || is_restored()).then(|| digest(&self.map))
    }
}
