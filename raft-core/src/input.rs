//! What a driver tells the core.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::ids::{LogIndex, NodeId, ProposalId, ReadId, Sequence, Term};
use crate::membership::MemberChange;
use crate::message::Message;
use crate::snapshot::SnapshotId;

/// One thing that happened, or that somebody wants.
#[derive(Clone, PartialEq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Input<P> {
    /// A message arrived. The driver vouches for `from`.
    Receive {
        /// The server that sent it.
        from: NodeId,
        /// What it said.
        message: Message<P>,
    },
    /// A client wants `command` in the log. Ends in exactly one
    /// [`Effect::ProposalOutcome`](crate::Effect::ProposalOutcome), unless the process ends first.
    Propose {
        /// Comes back with the outcome.
        id: ProposalId,
        /// What to replicate.
        command: P,
    },
    /// Clients want these commands in the log, in this order: as so many [`Propose`](Self::Propose), but in one write, and in one
    /// append to each follower as far as its bounds allow. Each ends in an outcome of its own.
    ProposeAll {
        /// What to replicate, and what comes back with each outcome.
        proposals: Vec<(ProposalId, P)>,
    },
    /// A client wants to read without writing to the log. Ends in exactly one
    /// [`Effect::ReadOutcome`](crate::Effect::ReadOutcome), unless the process ends first.
    Read {
        /// Comes back with the outcome.
        id: ReadId,
        /// How the leader makes sure that it still leads.
        mode: ReadMode,
    },
    /// An operator changes the members of the cluster. Ends like a proposal, with the same kind of effect.
    ChangeMembership {
        /// Comes back with the outcome.
        id: ProposalId,
        /// The parts of the change, which take effect together.
        changes: Vec<MemberChange>,
    },
    /// An operator wants another voter to lead. Ends in exactly one
    /// [`Effect::TransferOutcome`](crate::Effect::TransferOutcome).
    TransferLeadership {
        /// The server that is to lead.
        to: NodeId,
    },
    /// Every [`Effect::Persist`](crate::Effect::Persist) up to and including `sequence` is durable.
    /// Cumulative; writes complete in the order in which they were asked for.
    Persisted {
        /// The last write that is durable.
        sequence: Sequence,
    },
    /// The application took a snapshot of its state machine, and it is durable. The log up to it may be compacted.
    ///
    /// Refused where a later one is installed meanwhile: compare with [`Raft::snapshot`](crate::Raft::snapshot) first.
    SnapshotTaken {
        /// The last entry that it contains: applied, and after the one of the snapshot before.
        last_index: LogIndex,
        /// How many bytes it has.
        size: u64,
        /// A checksum over the bytes: see [`Snapshot::checksum`](crate::Snapshot::checksum).
        checksum: u64,
    },
    /// The answer to [`Effect::LoadSnapshotChunk`](crate::Effect::LoadSnapshotChunk).
    SnapshotChunkLoaded {
        /// The follower it is for.
        to: NodeId,
        /// Which snapshot.
        snapshot: SnapshotId,
        /// Where `data` begins, in bytes from the start of the snapshot.
        offset: u64,
        /// The bytes asked for; `None` where the snapshot is gone.
        data: Option<Arc<[u8]>>,
    },
    /// The driver could not reach `peer`: what was sent to it lately is probably lost. A hint, never needed.
    PeerUnreachable {
        /// Which server.
        peer: NodeId,
    },
    /// The clock reached [`Raft::next_deadline`](crate::Raft::next_deadline). Harmless when early.
    DeadlineReached,
}

/// How the leader makes sure, before a read, that it still leads (dissertation §6.4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum ReadMode {
    /// A quorum answers a round of heartbeats that began after the read arrived (§6.4). Trusts no clock.
    ReadIndex,
    /// A quorum answered a round that began so recently that nobody else can have been elected since (§6.4.1). Trusts
    /// clocks to drift no more than [`Config::lease_clock_drift_ppm`](crate::Config::lease_clock_drift_ppm); without
    /// that setting, or without a lease that holds, the read goes by [`ReadIndex`](Self::ReadIndex).
    Lease,
}

/// Why an input was refused. The node is exactly as it was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum InputError {
    /// The node cannot have sent itself a message.
    SentByItself,
    /// The message's term is 0, in which nobody is elected, or above [`Term::LIMIT`].
    TermOutOfRange(Term),
    /// A candidate's last entry is not of an earlier term than the one it campaigns in, which it has only just begun.
    CandidateAheadOfItself {
        /// The term of its last entry.
        last: Term,
        /// The term it campaigns in.
        term: Term,
    },
    /// Terms start at 1, must not fall along a log, nor exceed the leader's.
    EntryTermsOutOfOrder {
        /// The first entry that breaks the rule.
        index: LogIndex,
    },
    /// An index so high that no honest log reaches it.
    IndexOutOfRange(LogIndex),
    /// Another server leads in the term that this node leads or whose leader it already follows (§5.2).
    SecondLeader {
        /// The term.
        term: Term,
        /// The server that also claims to lead.
        from: NodeId,
    },
    /// A leader sends another entry than it sent before in the same term, though leaders only append (Figure 3).
    LeaderContradictsItself {
        /// The first entry that differs.
        index: LogIndex,
    },
    /// A follower claims to hold what this leader never had.
    MatchBeyondLog {
        /// What the follower claims.
        match_index: LogIndex,
        /// Where this leader's log ends.
        last_index: LogIndex,
    },
    /// A follower speaks of a round that this leader has not begun.
    RoundNotBegun,
    /// A part of a snapshot reaches beyond the snapshot's end, or is empty though the snapshot is not.
    ChunkOutOfRange {
        /// Where the part begins.
        offset: u64,
        /// How many bytes the snapshot has.
        size: u64,
    },
    /// A snapshot without any voter in it restores no cluster.
    SnapshotWithoutVoters,
    /// The snapshot is not between the last one and what has been applied.
    SnapshotOutOfRange {
        /// The last entry of the snapshot.
        last_index: LogIndex,
        /// The last entry that has been applied.
        applied: LogIndex,
    },
    /// The write has not been asked for yet.
    UnknownSequence(Sequence),
    /// A [`Fatal`](crate::Effect::Fatal) effect has stopped this node.
    Stopped,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SentByItself => write!(f, "message from the node itself"),
            Self::TermOutOfRange(term) => write!(f, "term {term} is out of range"),
            Self::CandidateAheadOfItself { last, term } => {
                write!(f, "a candidate of term {term} has an entry of term {last}")
            }
            Self::EntryTermsOutOfOrder { index } => {
                write!(f, "entry {index} has a term below its predecessor's or above its leader's")
            }
            Self::IndexOutOfRange(index) => write!(f, "index {index} is out of range"),
            Self::SecondLeader { term, from } => {
                write!(f, "{from:?} claims to lead term {term}, which has another leader")
            }
            Self::LeaderContradictsItself { index } => {
                write!(f, "the leader sends an entry {index} that differs from the one it sent before")
            }
            Self::MatchBeyondLog { match_index, last_index } => {
                write!(f, "follower claims index {match_index}, the leader's log ends at {last_index}")
            }
            Self::RoundNotBegun => write!(f, "follower speaks of a round that this leader has not begun"),
            Self::ChunkOutOfRange { offset, size } => {
                write!(f, "a part of a snapshot at byte {offset} does not fit its {size} bytes")
            }
            Self::SnapshotWithoutVoters => write!(f, "the snapshot's membership has no voter"),
            Self::SnapshotOutOfRange { last_index, applied } => {
                write!(f, "a snapshot at {last_index} is not between the last one and what is applied, {applied}")
            }
            Self::UnknownSequence(sequence) => write!(f, "write {sequence} was never asked for"),
            Self::Stopped => write!(f, "the node has stopped after a fatal error"),
        }
    }
}

impl core::error::Error for InputError {}
