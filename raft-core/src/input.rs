//! What a driver tells the core.

use core::fmt;

use crate::ids::{LogIndex, NodeId, ProposalId, Sequence, Term};
use crate::message::Message;

/// One thing that happened.
#[derive(Clone, PartialEq, Debug)]
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
    /// Every [`Effect::Persist`](crate::Effect::Persist) up to and including `sequence` is durable.
    /// Cumulative; writes complete in the order in which they were asked for.
    Persisted {
        /// The last write that is durable.
        sequence: Sequence,
    },
    /// The clock reached [`Raft::next_deadline`](crate::Raft::next_deadline). Harmless when early.
    DeadlineReached,
}

/// Why an input was refused. The node is exactly as it was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum InputError {
    /// The sender is not a member of the cluster.
    UnknownSender(NodeId),
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
    /// The write has not been asked for yet.
    UnknownSequence(Sequence),
    /// A [`Fatal`](crate::Effect::Fatal) effect has stopped this node.
    Stopped,
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownSender(from) => write!(f, "message from {from:?}, which is not a member"),
            Self::SentByItself => write!(f, "message from the node itself"),
            Self::TermOutOfRange(term) => write!(f, "term {term} is out of range"),
            Self::EntryTermsOutOfOrder { index } => {
                write!(f, "entry {index} has a term below its predecessor's or above its leader's")
            }
            Self::SecondLeader { term, from } => {
                write!(f, "{from:?} claims to lead term {term}, which has another leader")
            }
            Self::CandidateAheadOfItself { last, term } => {
                write!(f, "a candidate of term {term} has an entry of term {last}")
            }
            Self::LeaderContradictsItself { index } => {
                write!(f, "the leader sends an entry {index} that differs from the one it sent before")
            }
            Self::MatchBeyondLog { match_index, last_index } => {
                write!(f, "follower claims index {match_index}, the leader's log ends at {last_index}")
            }
            Self::UnknownSequence(sequence) => write!(f, "write {sequence} was never asked for"),
            Self::Stopped => write!(f, "the node has stopped after a fatal error"),
        }
    }
}

impl core::error::Error for InputError {}
