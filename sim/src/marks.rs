//! States worth reaching: bugs live there, and a harness that never gets there finds none of them.
//!
//! A mark is counted on the rare branch that notices the state, by those who look on anyway: the checkers and the world.
//! A protocol counts marks of its own as [features](crate::Subject::FEATURES) that its
//! [`MARKS`](crate::Subject::MARKS) name.

use std::hash::{Hash, Hasher};
use std::ops::{Index, IndexMut};

macro_rules! marks {
    ($($mark:ident $name:literal $about:literal,)*) => {
        /// A state of a Raft, or of what it runs on, that is worth reaching.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Mark {
            $(#[doc = $about] $mark,)*
        }

        impl Mark {
            /// All marks, in the order in which they are reported.
            pub const ALL: &'static [Self] = &[$(Self::$mark),*];

            /// The name used in reports.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$mark => $name,)*
                }
            }

            /// What has happened, in a sentence.
            #[must_use]
            pub fn about(self) -> &'static str {
                match self {
                    $(Self::$mark => $about,)*
                }
            }
        }
    };
}

marks! {
    DeposedWithTail "deposed_with_tail" "a leader is deposed that has entries which nobody knows to be committed",
    SupersededAppends "superseded_appends" "a leader appends although a later term has had a leader",
    TailTruncated "tail_truncated" "a log loses entries to those of a later leader",
    OlderEntriesCommitted "older_entries_committed" "an entry of a later term commits entries of earlier ones with it",
    LeaderLeaves "leader_leaves" "a leader commits the configuration in which it has no vote any more",
    JointTakenOver "joint_taken_over" "a joint configuration is left by a later leader than the one that entered it",
    ElectedWhileJoint "elected_while_joint" "a leader is elected by the majorities of both halves of a change",
    InstalledWhileJoint "installed_while_joint" "a snapshot is installed where a joint configuration is in force before or after",
    InstalledDuringChange "installed_during_change" "a snapshot is installed while some log holds a configuration that is not committed",
    TornWriteFound "torn_write_found" "a node starts from a disk on which a write was cut in the middle",
}

/// How often each mark was reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MarkCounts([u64; Mark::ALL.len()]);

impl Default for MarkCounts {
    fn default() -> Self {
        Self([0; Mark::ALL.len()])
    }
}

/// How often a state was reached makes no difference to what can happen from here on.
impl Hash for MarkCounts {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl MarkCounts {
    /// Adds the counts of another run.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }
}

impl Index<Mark> for MarkCounts {
    type Output = u64;

    fn index(&self, mark: Mark) -> &u64 {
        &self.0[mark as usize]
    }
}

impl IndexMut<Mark> for MarkCounts {
    fn index_mut(&mut self, mark: Mark) -> &mut u64 {
        &mut self.0[mark as usize]
    }
}
