//! The classes of faults and how often each happened.

use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

macro_rules! classes {
    ($($class:ident $name:literal $about:literal,)*) => {
        /// A class of faults. Raft must survive most of them, in any combination: see
        /// [`must_survive`](FaultClass::must_survive).
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FaultClass {
            $(#[doc = $about] $class,)*
        }

        impl FaultClass {
            /// All classes, in the order in which they are reported.
            pub const ALL: &'static [Self] = &[$(Self::$class),*];

            /// What it does, in a sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$class => $about,)*
                }
            }

            /// The name used in reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$class => $name,)*
                }
            }
        }
    };
}

classes! {
    Loss "loss" "a message never arrives",
    Duplication "duplication" "a message arrives twice",
    Reordering "reordering" "a message is held back, so that later ones overtake it",
    StaleReplay "stale_replay" "a message that arrived long ago arrives once more, or a request long after it was sent",
    UnevenLatency "uneven_latency" "a message takes longer than usual: each link has a distribution of its own, some with heavy tails",
    Clog "clog" "messages on some links are held, and arrive together later, as many as there is room for",
    SwizzleClog "swizzle_clog" "nodes are clogged one by one, and released in another order",
    Partition "partition" "the cluster falls in two for a while",
    OneWayPartition "one_way_partition" "some nodes' messages do not reach some others",
    Isolation "isolation" "one node hears nobody, and nobody hears it",
    Bridge "bridge" "two halves hear each other only through one node",
    Ring "ring" "each node hears a majority, and no two the same one",
    LinkCut "link_cut" "two nodes do not hear each other, or one does not hear the other, and everyone else hears both",
    ScatteredCuts "scattered_cuts" "any links are cut, each way for itself",
    ClientPartition "client_partition" "clients and some nodes do not hear each other",
    Crash "crash" "a node loses everything but its disk, and starts again later",
    CrashInWrite "crash_in_write" "a node crashes while a write is under way",
    ShuffledRestart "shuffled_restart" "nodes crash together, and start again one by one in another order",
    RollingUpgrade "rolling_upgrade" "a node starts again with other settings than it had",
    Wipe "wipe" "a node's disk is destroyed, and a new member takes its place under a new id",
    LostWrite "lost_write" "a crash loses writes that were not complete",
    TornWrite "torn_write" "a crash leaves a part of a write that was not complete",
    Pause "pause" "a node stands still for a while, and then goes on as if nothing had happened",
    ClockDrift "clock_drift" "a node's clock runs fast or slow",
    ClockForward "clock_forward" "a node's clock is set forward",
    ClockBackward "clock_backward" "a node's clock is set back",
    ClockFreeze "clock_freeze" "a node's clock stands still, though the node does not",
    SlowDisk "slow_disk" "a node's writes take long for a while",
    DiskStall "disk_stall" "no write of a node completes for a while",
    IoError "io_error" "a write fails (EIO), and whoever cannot live with that stops until the disk is well",
    DiskFull "disk_full" "a write finds no room (ENOSPC), and whoever cannot live with that stops until there is",
    LyingSync "lying_sync" "a disk lies about what is durable, and a crash shows it: the node is gone (outside Raft's contract)",
    BitRot "bit_rot" "a record on a disk goes bad, which shows at the next start (outside Raft's contract)",
    LostLog "lost_log" "a node starts again without entries that it had acknowledged (outside Raft's contract)",
    Ambush "ambush" "a fault waits for a write, a message, a commit or a leader, and strikes there and then",
    ReorderedWrites "reordered_writes" "a write completes before one that was started earlier, on disks where that may be",
}

impl FaultClass {
    /// Whether Raft promises to survive it. The default scenario has no others, so that whatever goes wrong there is a
    /// bug; and of one that is outside the contract, no more strikes than leaves a quorum with everything.
    #[must_use]
    pub fn must_survive(self) -> bool {
        !matches!(self, Self::LostLog | Self::LyingSync | Self::BitRot)
    }

    /// Whether it breaks what those assume who trust that clocks drift within bounds, as leases do: no plan may have both.
    #[must_use]
    pub fn breaks_clocks(self) -> bool {
        matches!(self, Self::ClockForward | Self::ClockBackward | Self::ClockFreeze)
    }

    /// How many nodes it takes to meet it.
    #[must_use]
    pub fn least_nodes(self) -> u8 {
        use FaultClass::{
            Bridge, Clog, Duplication, Isolation, LinkCut, Loss, OneWayPartition, Partition, Reordering, Ring,
            ScatteredCuts, StaleReplay, SwizzleClog, UnevenLatency,
        };
        match self {
            Loss
            | Duplication
            | Reordering
            | StaleReplay
            | UnevenLatency
            | Clog
            | SwizzleClog
            | Partition
            | OneWayPartition
            | Isolation
            | ScatteredCuts
            | FaultClass::ShuffledRestart => 2,
            // Three of four are left without the one that is gone.
            Bridge | LinkCut => 3,
            FaultClass::Wipe => 4,
            // Of three, two neighbours are everybody.
            Ring => 4,
            _ => 1,
        }
    }
}

/// How often each class of faults took effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FaultCounts([u64; FaultClass::ALL.len()]);

impl Default for FaultCounts {
    fn default() -> Self {
        Self([0; FaultClass::ALL.len()])
    }
}

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
