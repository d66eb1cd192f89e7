//! Snapshots of the state machine, as bytes.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use raft_core::{LogIndex, SnapshotId};
use sim::AppliedDigest;

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
pub(super) fn decode(bytes: &[u8]) -> Option<(Map, AppliedDigest)> {
    let (applied, map) = bytes.split_first_chunk()?;
    Some((Map::decode(map)?, AppliedDigest::from_bits(u64::from_le_bytes(*applied))))
}

/// All of the map in one number: what [`encode`] leaves out too.
pub(super) fn digest(map: &Map) -> u64 {
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
