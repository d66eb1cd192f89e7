//! What servers say to each other, and the entries that they say it about.

use std::fmt;

use sim::NodeId;

use crate::kv::Command;

/// An entry of the log.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The client's key, which is also used where Raft means the index.
    pub key: i64,
    /// The term of the leader that made it.
    pub term: u64,
    /// What the client wants; nothing in the dummy.
    pub command: Option<Command>,
    /// How many acknowledgements the leader has counted. It travels along.
    pub acks: u64,
}

impl Entry {
    /// What every log starts with.
    pub const DUMMY: Self = Self { key: 0, term: 0, command: None, acks: 0 };
}

/// A message.
#[derive(Clone, Debug)]
pub enum Message {
    /// A candidate asks for a vote.
    RequestVote {
        /// The candidate's term.
        term: u64,
        /// The candidate.
        from: NodeId,
        /// Never filled in.
        last_term: u64,
        /// Never filled in.
        last_key: i64,
    },
    /// A server says whom it votes for.
    VoteReply {
        /// The server's term.
        term: u64,
        /// Whom it votes for.
        voted_for: Option<NodeId>,
    },
    /// Entries, or a heartbeat.
    Append {
        /// The leader's term.
        term: u64,
        /// The leader.
        from: NodeId,
        /// The key of the entry before.
        prev_key: i64,
        /// Its term.
        prev_term: u64,
        /// What is to be appended.
        entries: Vec<Entry>,
        /// The leader's commit index.
        leader_commit: u64,
        /// Whether it is a heartbeat.
        heartbeat: bool,
    },
    /// The answer to entries.
    AppendReply {
        /// The server's term.
        term: u64,
        /// The server.
        from: NodeId,
        /// Whether it appended.
        success: bool,
        /// Its last position, or -1.
        last: i64,
    },
}

impl Message {
    pub(super) const KINDS: &'static [&'static str] =
        &["RequestVote", "VoteReply", "Append", "Heartbeat", "AppendReply"];

    pub(super) fn kind(&self) -> u8 {
        match self {
            Self::RequestVote { .. } => 0,
            Self::VoteReply { .. } => 1,
            Self::Append { heartbeat: false, .. } => 2,
            Self::Append { heartbeat: true, .. } => 3,
            Self::AppendReply { .. } => 4,
        }
    }

    pub(super) fn term(&self) -> u64 {
        match self {
            Self::RequestVote { term, .. }
            | Self::VoteReply { term, .. }
            | Self::Append { term, .. }
            | Self::AppendReply { term, .. } => *term,
        }
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RequestVote { term, .. } => write!(f, "RequestVote t{term}"),
            Self::VoteReply { term, voted_for: Some(node) } => write!(f, "vote for {node} t{term}"),
            Self::VoteReply { term, voted_for: None } => write!(f, "vote for nobody t{term}"),
            Self::Append { term, leader_commit, heartbeat: true, .. } => {
                write!(f, "heartbeat t{term} commit {leader_commit}")
            }
            Self::Append { term, prev_key, prev_term, entries, leader_commit, .. } => {
                write!(f, "Append t{term} prev key {prev_key}/t{prev_term} +{} commit {leader_commit}", entries.len())
            }
            Self::AppendReply { term, success: true, last, .. } => write!(f, "appended t{term} last {last}"),
            Self::AppendReply { term, success: false, .. } => write!(f, "not appended t{term}"),
        }
    }
}
