//! What a Raft shows of itself to the checkers.

use serde::Serialize;

use crate::membership::Membership;
use crate::node::NodeId;

/// The role of a Raft node.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Answers leaders and candidates.
    #[default]
    Follower,
    /// Asks who would vote for it, before it begins a term (dissertation §9.6).
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Serves clients.
    Leader,
}

/// The term a node is in, and its vote there.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct TermAndVote {
    /// The latest term the node has seen.
    pub term: u64,
    /// Who has its vote in that term.
    pub voted_for: Option<NodeId>,
}

/// What a Raft node shows to the checkers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Observation {
    /// Its term and vote, in memory.
    pub term_and_vote: TermAndVote,
    /// Its role.
    pub role: Role,
    /// The highest index it knows to be committed.
    pub commit_index: u64,
    /// The last entry its state machine was given.
    pub applied_index: u64,
    /// All that its state machine was given; `None` where the subject does not keep count.
    pub applied: Option<AppliedDigest>,
    /// Where its log ends, in memory.
    pub last_index: u64,
    /// The lowest index at which the log has changed since the last observation. To put a snapshot in the place of
    /// entries is no change.
    pub log_changed_from: Option<u64>,
    /// A snapshot has taken the place of the entries up to here: by compaction, or because the leader sent it; 0: none.
    /// An entry is to be shown once before it goes: a lone node that appends, commits and applies in one step compacts in
    /// a later one.
    pub snapshot_index: u64,
    /// The configuration that it goes by, and so does whoever counts a quorum; `None`: every node of the cluster votes.
    pub membership: Option<Membership>,
}

/// All that a state machine was given, in order, in one number: a snapshot carries it on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct AppliedDigest(u64);

impl AppliedDigest {
    /// The number, to be kept in a snapshot.
    #[must_use]
    pub fn to_bits(self) -> u64 {
        self.0
    }

    /// What [`to_bits`](Self::to_bits) gave.
    #[must_use]
    pub fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The state machine is given the entry of `digest`: [`LogEntry::NO_COMMAND`] where it holds none.
    pub fn give(&mut self, digest: u64) {
        self.0 = (self.0.rotate_left(5) ^ digest).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    }
}

/// What identifies a log entry: equal for equal entries, and different for different ones but for chance.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct LogEntry {
    /// The term of the leader that created it.
    pub term: u64,
    /// [`Subject::command_digest`](super::Subject::command_digest) of its command; [`LogEntry::NO_COMMAND`] where it has none.
    pub digest: u64,
}

impl LogEntry {
    /// The digest of an entry that holds no client's command.
    pub const NO_COMMAND: u64 = 0;
}
