//! What a replica is told, and what it asks for.

use std::sync::Arc;

use raft_core::{LogIndex, LogPosition, Membership, Message, NodeId, RoleName, Term, Time, TransferOutcome};

use super::request::{Outcome, Request};
use crate::bytes::Bytes;
use crate::machine::StateMachine;
use crate::storage::Batch;

/// What time it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Clock {
    /// On the node's own monotonic clock.
    pub now: Time,
    /// Milliseconds since 1970. Sessions expire by it, and nothing else depends on it.
    pub wall_ms: u64,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Input {
    /// A message arrived. The driver vouches for `from`.
    Receive {
        /// The server that sent it.
        from: NodeId,
        /// What it said.
        message: Message<Bytes>,
    },
    /// Somebody wants something. Ends in one [`Output::Answer`], unless the process ends first.
    Request {
        /// Comes back with the answer. No two that are under way have the same.
        id: u64,
        /// What is wanted.
        request: Request,
    },
    /// An operator wants another voter to lead. Ends in one [`Output::TransferEnded`].
    TransferLeadership {
        /// Which.
        to: NodeId,
    },
    /// An operator wants a snapshot now.
    TakeSnapshot,
    /// The batch under way is durable.
    Written,
    /// The snapshot of [`Output::StoreSnapshot`] is in its file, and durable.
    SnapshotStored {
        /// Its last entry.
        last: LogPosition,
        /// How many bytes it has.
        size: u64,
        /// Their [checksum](crate::checksum).
        checksum: u64,
    },
    /// A peer could not be reached. A hint.
    PeerUnreachable {
        /// Which.
        peer: NodeId,
    },
    /// The clock reached [`Replica::next_deadline`](super::Replica::next_deadline).
    DeadlineReached,
}

/// One thing to do.
#[derive(Clone, Debug)]
pub enum Output {
    /// Make it durable, then say so.
    Write(Batch),
    /// Store a snapshot of `machine` beside the log, in the file that its position, size and checksum name.
    StoreSnapshot {
        /// The last entry that it contains.
        last: LogPosition,
        /// The state then.
        machine: StateMachine,
    },
    /// Send a message. It may be lost, delayed, duplicated or overtaken.
    Send {
        /// To whom.
        to: NodeId,
        /// What to say.
        message: Message<Bytes>,
    },
    /// The end of a request.
    Answer {
        /// Which.
        id: u64,
        /// How it ended.
        outcome: Outcome,
    },
    /// The end of a leadership transfer.
    TransferEnded {
        /// Who was to lead.
        to: NodeId,
        /// How it ended.
        outcome: TransferOutcome,
    },
    /// The role, the term or the known leader is another.
    RoleChanged {
        /// The term.
        term: Term,
        /// The role.
        role: RoleName,
        /// The leader, where known.
        leader: Option<NodeId>,
    },
    /// The members are others, as far as the log here says.
    MembershipChanged {
        /// The entry that says so.
        index: LogIndex,
        /// They.
        membership: Arc<Membership>,
    },
    /// This leader has proof that a follower lost what it had acknowledged.
    FollowerLostLog {
        /// Which.
        follower: NodeId,
    },
    /// The state machine is that of a snapshot which the leader sent.
    Restored {
        /// Its last entry.
        last: LogPosition,
    },
    /// What a peer sent makes no sense, and was ignored.
    Refused {
        /// Who sent it, where it was a message.
        from: Option<NodeId>,
        /// What is wrong with it.
        reason: String,
    },
    /// The server must stop, and this is why.
    Stop(String),
}
