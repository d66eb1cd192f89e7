//! What the core asks of its driver.

use core::fmt;

use crate::entry::Entries;
use crate::ids::{LogIndex, NodeId, ProposalId, Sequence, Term, TermAndVote};
use crate::message::Message;

/// One thing to do. Effects come in order, and each may be carried out on sight: whatever must wait
/// for a write is withheld by the core until [`Input::Persisted`](crate::Input::Persisted).
#[derive(Clone, PartialEq, Debug)]
pub enum Effect<P> {
    /// Make this durable, then say so.
    Persist(Persist<P>),
    /// Send `message`. It may be lost, delayed, duplicated or overtaken.
    Send {
        /// The server to send to.
        to: NodeId,
        /// What to say.
        message: Message<P>,
    },
    /// The entries `first..=last` are committed and on this node's disk: apply them, in order.
    /// [`Raft::log`](crate::Raft::log) holds them, and they never change.
    Apply {
        /// The first entry that was not handed out before.
        first: LogIndex,
        /// The last entry to apply.
        last: LogIndex,
    },
    /// The end of a proposal.
    ProposalOutcome {
        /// The caller's name for it.
        id: ProposalId,
        /// How it ended.
        outcome: ProposalOutcome,
    },
    /// The node took up another role, or learned who leads.
    RoleChanged {
        /// In this term.
        term: Term,
        /// The role now held.
        role: RoleName,
        /// The leader of the term, where known.
        leader: Option<NodeId>,
    },
    /// The node found its own rules broken and has stopped, before any harm was written down.
    /// Every later input is refused.
    Fatal(FatalError),
}

/// One atomic write: after a crash it is there whole or, while unacknowledged, not at all; entries may also
/// survive as a prefix if the term and vote beside them do.
#[derive(Clone, PartialEq, Debug)]
pub struct Persist<P> {
    /// Names the write in [`Input::Persisted`](crate::Input::Persisted).
    pub sequence: Sequence,
    /// The term and vote to store, where they changed.
    pub term_and_vote: Option<TermAndVote>,
    /// The entries to store, where the log changed.
    pub log: Option<LogWrite<P>>,
}

/// A change of the stored log: drop `first` and everything after it, then store `entries` from `first` on.
#[derive(Clone, PartialEq, Debug)]
pub struct LogWrite<P> {
    /// The index of the first of `entries`.
    pub first: LogIndex,
    /// What the log holds from there on.
    pub entries: Entries<P>,
}

/// How a proposal ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ProposalOutcome {
    /// The command is committed, and the [`Effect::Apply`] that covers it came before.
    Committed {
        /// Where it stands in the log.
        index: LogIndex,
        /// The term of its entry.
        term: Term,
    },
    /// The command is not in the log and never will be.
    Rejected(RejectReason),
    /// Another entry was committed in its place: the command took no effect. Said only once that is
    /// certain, since a truncated entry can still return from another server (Figure 8).
    Superseded,
}

/// Why a proposal was refused at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum RejectReason {
    /// Only the leader takes proposals.
    NotLeader {
        /// The leader of the current term, where known.
        leader: Option<NodeId>,
    },
}

/// The three roles (§5.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RoleName {
    /// Answers leaders and candidates.
    Follower,
    /// Asks for votes.
    Candidate,
    /// Serves clients.
    Leader,
}

/// A rule of this node's own that was found broken: a bug in the core, or a peer that lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum FatalError {
    /// A leader's append contradicts an entry that is committed here (§5.4).
    CommittedEntryConflict {
        /// The committed index.
        index: LogIndex,
    },
    /// `applied <= committed <= last` does not hold.
    IndexOrder {
        /// The last entry handed out to be applied.
        applied: LogIndex,
        /// The commit index.
        committed: LogIndex,
        /// Where the log ends.
        last: LogIndex,
    },
}

impl fmt::Display for FatalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CommittedEntryConflict { index } => {
                write!(f, "the leader's log contradicts the committed entry {index}")
            }
            Self::IndexOrder { applied, committed, last } => {
                write!(f, "applied {applied} <= committed {committed} <= last {last} does not hold")
            }
        }
    }
}

impl core::error::Error for FatalError {}
