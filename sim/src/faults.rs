//! The classes of faults and how often each happened.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// A class of faults. Raft must survive most of them, in any combination: see [`must_survive`](FaultClass::must_survive).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultClass {
    /// A message never arrives.
    Loss,
    /// A message arrives twice.
    Duplication,
    /// A message is held back, so that later ones overtake it.
    Reordering,
    /// The cluster falls in two.
    Partition,
    /// Some nodes' messages do not reach some others, whose messages do reach them.
    OneWayPartition,
    /// A node loses everything but its disk, and starts again later.
    Crash,
    /// A crash loses a write that was not complete.
    LostWrite,
    /// A crash leaves a part of a write that was not complete.
    TornWrite,
    /// A node stands still for a while, and then goes on as if nothing had happened.
    Pause,
    /// A node's clock runs fast or slow.
    ClockDrift,
    /// A node's writes take long.
    SlowDisk,
    /// A node starts again without a part of its log that it had acknowledged: its disk lied.
    LostLog,
}

impl FaultClass {
    /// All classes, in the order in which they are reported.
    pub const ALL: [Self; 12] = [
        Self::Loss,
        Self::Duplication,
        Self::Reordering,
        Self::Partition,
        Self::OneWayPartition,
        Self::Crash,
        Self::LostWrite,
        Self::TornWrite,
        Self::Pause,
        Self::ClockDrift,
        Self::SlowDisk,
        Self::LostLog,
    ];

    /// Whether Raft promises to survive it. The default scenario has no others, so that whatever goes wrong there is a
    /// bug; and of one that is outside the contract, no more strikes than leaves a quorum with everything.
    #[must_use]
    pub fn must_survive(self) -> bool {
        self != Self::LostLog
    }

    /// What it does, in a sentence.
    #[must_use]
    pub fn about(self) -> &'static str {
        match self {
            Self::Loss => "a message never arrives",
            Self::Duplication => "a message arrives twice",
            Self::Reordering => "a message is held back, so that later ones overtake it",
            Self::Partition => "the cluster falls in two for a while",
            Self::OneWayPartition => "some nodes' messages do not reach some others",
            Self::Crash => "a node loses everything but its disk, and starts again later",
            Self::LostWrite => "a crash loses writes that were not complete",
            Self::TornWrite => "a crash leaves a part of a write that was not complete",
            Self::Pause => "a node stands still for a while",
            Self::ClockDrift => "a node's clock runs fast or slow",
            Self::SlowDisk => "a node's writes take long for a while",
            Self::LostLog => "a node starts again without entries that it had acknowledged (outside Raft's contract)",
        }
    }

    /// Whether it takes more than one node to meet it.
    #[must_use]
    pub fn needs_links(self) -> bool {
        use FaultClass::{Duplication, Loss, OneWayPartition, Partition, Reordering};
        matches!(self, Loss | Duplication | Reordering | Partition | OneWayPartition)
    }

    /// The name used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Loss => "loss",
            Self::Duplication => "duplication",
            Self::Reordering => "reordering",
            Self::Partition => "partition",
            Self::OneWayPartition => "one_way_partition",
            Self::Crash => "crash",
            Self::LostWrite => "lost_write",
            Self::TornWrite => "torn_write",
            Self::Pause => "pause",
            Self::ClockDrift => "clock_drift",
            Self::SlowDisk => "slow_disk",
            Self::LostLog => "lost_log",
        }
    }
}

/// How often each class of faults took effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FaultCounts([u64; FaultClass::ALL.len()]);

impl FaultCounts {
    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
}

impl Index<FaultClass> for FaultCounts {
    type Output = u64;

    fn index(&self, class: FaultClass) -> &u64 {
        &self.0[class as usize]
    }
}

impl IndexMut<FaultClass> for FaultCounts {
    fn index_mut(&mut self, class: FaultClass) -> &mut u64 {
        &mut self.0[class as usize]
    }
}
