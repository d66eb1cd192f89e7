//! Snapshots as the core knows them (§7): what one stands for, never what is in it.

use alloc::sync::Arc;

use crate::ids::LogPosition;
use crate::membership::Membership;

/// A snapshot of the state machine: all that its bytes need for company.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Snapshot {
    /// The last entry that it contains.
    pub last: LogPosition,
    /// The members of the cluster at that entry.
    pub membership: Arc<Membership>,
    /// How many bytes it has.
    pub size: u64,
    /// A checksum over the bytes, which the driver chooses. Two snapshots with the same `last`, `size` and `checksum`
    /// are taken for the same bytes: a transfer that one leader began, another may go on with.
    pub checksum: u64,
}

impl Snapshot {
    /// What tells it from others.
    #[must_use]
    pub fn id(&self) -> SnapshotId {
        SnapshotId { last: self.last, size: self.size, checksum: self.checksum }
    }
}

/// Which snapshot.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SnapshotId {
    /// The last entry that it contains.
    pub last: LogPosition,
    /// How many bytes it has.
    pub size: u64,
    /// The checksum over them.
    pub checksum: u64,
}
