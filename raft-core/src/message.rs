//! What servers say to each other (Figure 2). The sender and the receiver travel beside the message.

use crate::entry::Entries;
use crate::ids::{LogIndex, LogPosition, Term};

/// A message between two servers.
#[derive(Clone, PartialEq, Debug)]
pub enum Message<P> {
    /// A candidate asks for a vote.
    RequestVote(RequestVote),
    /// The answer to it.
    RequestVoteReply(RequestVoteReply),
    /// A leader replicates, or with no entries just says that it is there.
    AppendEntries(AppendEntries<P>),
    /// The answer to it.
    AppendEntriesReply(AppendEntriesReply),
}

impl<P> Message<P> {
    /// The term the sender was in.
    #[must_use]
    pub fn term(&self) -> Term {
        match self {
            Self::RequestVote(message) => message.term,
            Self::RequestVoteReply(message) => message.term,
            Self::AppendEntries(message) => message.term,
            Self::AppendEntriesReply(message) => message.term,
        }
    }
}

/// A candidate, the sender, asks for a vote (§5.2).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RequestVote {
    /// The candidate's term.
    pub term: Term,
    /// Where the candidate's log ends (§5.4.1).
    pub last: LogPosition,
}

/// The answer to [`RequestVote`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct RequestVoteReply {
    /// The voter's term.
    pub term: Term,
    /// Whether the candidate has the sender's vote in `term`.
    pub granted: bool,
}

/// The leader, the sender, replicates entries (§5.3).
#[derive(Clone, PartialEq, Debug)]
pub struct AppendEntries<P> {
    /// The leader's term.
    pub term: Term,
    /// Which of the leader's attempts in this term to find where the two logs meet.
    pub attempt: u64,
    /// The place right before `entries`.
    pub prev: LogPosition,
    /// The entries that follow `prev`; none in a heartbeat.
    pub entries: Entries<P>,
    /// The leader's commit index.
    pub leader_commit: LogIndex,
}

/// The answer to [`AppendEntries`].
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct AppendEntriesReply {
    /// The follower's term.
    pub term: Term,
    /// What became of the append.
    pub outcome: AppendOutcome,
}

/// What became of an append.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum AppendOutcome {
    /// The follower's log agrees with the leader's.
    Accepted {
        /// Up to here the follower's log agrees with the leader's and is durable. May lie before the
        /// append's own entries (their write is not complete) and after them (the append was late).
        match_index: LogIndex,
    },
    /// The follower has no entry of `prev`'s term at `prev`'s index.
    Conflict {
        /// The append's attempt: what refutes an earlier attempt says nothing about this one.
        attempt: u64,
        /// The index of that `prev`.
        prev_index: LogIndex,
        /// The follower's last entry at or before `prev` whose term is not above `prev`'s.
        hint: LogPosition,
    },
    /// The append's term is over: the leader has been deposed.
    StaleTerm,
}
