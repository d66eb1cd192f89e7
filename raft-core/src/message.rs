//! What servers say to each other (Figure 2). The sender and the receiver travel beside the message.

use alloc::sync::Arc;

use crate::entry::Entries;
use crate::ids::{LogIndex, LogPosition, Round, Term};
use crate::snapshot::{Snapshot, SnapshotId};

/// A message between two servers.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Message<P> {
    /// A server asks whether it would be elected.
    PreVote(PreVote),
    /// The answer to it.
    PreVoteReply(PreVoteReply),
    /// A candidate asks for a vote.
    RequestVote(RequestVote),
    /// The answer to it.
    RequestVoteReply(RequestVoteReply),
    /// A leader replicates, or with no entries just says that it is there.
    AppendEntries(AppendEntries<P>),
    /// The answer to it.
    AppendEntriesReply(AppendEntriesReply),
    /// A leader sends a part of a snapshot.
    InstallSnapshot(InstallSnapshot),
    /// The answer to it.
    InstallSnapshotReply(InstallSnapshotReply),
    /// A leader asks the receiver to take its place.
    TimeoutNow(TimeoutNow),
    /// A follower asks for a read index.
    ReadIndex(ReadIndex),
    /// The answer to it.
    ReadIndexReply(ReadIndexReply),
    /// A leader tells a follower that it has forgotten what it acknowledged.
    LogLost(LogLost),
}

impl<P> Message<P> {
    /// The names of the kinds of messages, by their [`kind`](Self::kind).
    pub const KINDS: &'static [&'static str] = &[
        "PreVote",
        "PreVoteReply",
        "RequestVote",
        "RequestVoteReply",
        "AppendEntries",
        "AppendEntriesReply",
        "InstallSnapshot",
        "InstallSnapshotReply",
        "TimeoutNow",
        "ReadIndex",
        "ReadIndexReply",
        "LogLost",
    ];

    /// Which kind of message it is: a place in [`KINDS`](Self::KINDS).
    #[must_use]
    pub fn kind(&self) -> u8 {
        match self {
            Self::PreVote(_) => 0,
            Self::PreVoteReply(_) => 1,
            Self::RequestVote(_) => 2,
            Self::RequestVoteReply(_) => 3,
            Self::AppendEntries(_) => 4,
            Self::AppendEntriesReply(_) => 5,
            Self::InstallSnapshot(_) => 6,
            Self::InstallSnapshotReply(_) => 7,
            Self::TimeoutNow(_) => 8,
            Self::ReadIndex(_) => 9,
            Self::ReadIndexReply(_) => 10,
            Self::LogLost(_) => 11,
        }
    }

    /// The term the message speaks of: the one the sender is in, but for a pre-vote, which is about the next.
    #[must_use]
    pub fn term(&self) -> Term {
        match self {
            Self::PreVote(message) => message.term,
            Self::PreVoteReply(message) => message.term,
            Self::RequestVote(message) => message.term,
            Self::RequestVoteReply(message) => message.term,
            Self::AppendEntries(message) => message.term,
            Self::AppendEntriesReply(message) => message.term,
            Self::InstallSnapshot(message) => message.term,
            Self::InstallSnapshotReply(message) => message.term,
            Self::TimeoutNow(message) => message.term,
            Self::ReadIndex(message) => message.term,
            Self::ReadIndexReply(message) => message.term,
            Self::LogLost(message) => message.term,
        }
    }

    /// Whether only the leader of [`term`](Self::term) says such a thing.
    pub(crate) fn is_from_leader(&self) -> bool {
        match self {
            Self::AppendEntries(_) | Self::InstallSnapshot(_) | Self::TimeoutNow(_) | Self::LogLost(_) => true,
            Self::PreVote(_)
            | Self::PreVoteReply(_)
            | Self::RequestVote(_)
            | Self::RequestVoteReply(_)
            | Self::AppendEntriesReply(_)
            | Self::InstallSnapshotReply(_)
            | Self::ReadIndex(_)
            | Self::ReadIndexReply(_) => false,
        }
    }
}

/// A server, the sender, asks whether it would get a vote, before it disturbs anybody with a new term
/// (dissertation §9.6).
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PreVote {
    /// The term that the sender would campaign in: the one after its own.
    pub term: Term,
    /// Where its log ends.
    pub last: LogPosition,
    /// Its priority: see [`Config::priority`](crate::Config::priority).
    pub priority: u32,
}

/// The answer to [`PreVote`]. It promises nothing.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct PreVoteReply {
    /// Where granted, the term that was asked about; where refused, the voter's own, so that a server that is
    /// behind learns of it.
    pub term: Term,
    /// Whether the sender would vote as asked.
    pub granted: bool,
}

/// A candidate, the sender, asks for a vote (§5.2).
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestVote {
    /// The candidate's term.
    pub term: Term,
    /// Where the candidate's log ends (§5.4.1).
    pub last: LogPosition,
    /// Its priority: see [`Config::priority`](crate::Config::priority).
    pub priority: u32,
    /// Whether the leader itself asked the candidate to campaign: then being in touch with that leader is no reason to
    /// refuse (dissertation §4.2.3).
    pub is_transfer: bool,
}

/// The answer to [`RequestVote`].
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct RequestVoteReply {
    /// The voter's term.
    pub term: Term,
    /// Whether the candidate has the sender's vote in `term`.
    pub granted: bool,
}

/// The leader, the sender, replicates entries (§5.3).
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendEntries<P> {
    /// The leader's term.
    pub term: Term,
    /// Which of the leader's attempts in this term to find where the two logs meet.
    pub attempt: u64,
    /// The leader's latest round.
    pub round: Round,
    /// The place right before `entries`.
    pub prev: LogPosition,
    /// The entries that follow `prev`; none in a heartbeat.
    pub entries: Entries<P>,
    /// The leader's commit index.
    pub leader_commit: LogIndex,
}

/// The answer to [`AppendEntries`].
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct AppendEntriesReply {
    /// The follower's term.
    pub term: Term,
    /// The latest round that the follower has heard of in this term, 0 where none; of a conflict, that of the append
    /// refused.
    pub round: Round,
    /// What became of the append.
    pub outcome: AppendOutcome,
}

/// What became of an append.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum AppendOutcome {
    /// The follower's log agrees with the leader's.
    Accepted {
        /// Up to here the follower's log agrees with the leader's and is durable. May lie before the
        /// append's own entries (their write is not complete) and after them (the append was late).
        match_index: LogIndex,
    },
    /// The follower recognises the leader, and has nothing durable to say about its log yet.
    Heard,
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

/// The leader, the sender, sends a part of a snapshot to a follower that lacks what has been compacted (§7).
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstallSnapshot {
    /// The leader's term.
    pub term: Term,
    /// The leader's latest round.
    pub round: Round,
    /// Which snapshot.
    pub snapshot: Arc<Snapshot>,
    /// Where `data` begins, in bytes from the start of the snapshot.
    pub offset: u64,
    /// The bytes; none only of an empty snapshot.
    pub data: Arc<[u8]>,
}

/// The answer to [`InstallSnapshot`].
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InstallSnapshotReply {
    /// The follower's term.
    pub term: Term,
    /// The latest round that the follower has heard of.
    pub round: Round,
    /// Which snapshot.
    pub snapshot: SnapshotId,
    /// How many of its bytes, from its start, are durable on the follower. That all are, and the snapshot installed, is
    /// said by an [`AppendEntriesReply`].
    pub received: u64,
}

/// The leader, the sender, asks the receiver to campaign at once (dissertation §3.10).
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct TimeoutNow {
    /// The leader's term.
    pub term: Term,
}

/// A follower, the sender, asks its leader up to where it must have applied the log to serve a read (§6.4 of the
/// dissertation).
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReadIndex {
    /// The follower's term.
    pub term: Term,
    /// The follower's own number for the question, given back in the answer.
    pub number: u64,
    /// Whether the leader may answer on the strength of its lease.
    pub may_use_lease: bool,
}

/// The answer to [`ReadIndex`].
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct ReadIndexReply {
    /// The leader's term.
    pub term: Term,
    /// The number of the question.
    pub number: u64,
    /// A state machine that has applied the log up to here is fit to serve the read.
    pub index: LogIndex,
}

/// The leader, the sender, has proof that the receiver lost entries which it had acknowledged.
#[derive(Clone, Copy, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct LogLost {
    /// The leader's term.
    pub term: Term,
    /// Up to here the receiver had acknowledged the log.
    pub acknowledged: LogIndex,
}
