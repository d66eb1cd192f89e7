//! What happens in a world, apart from deadlines.

use super::mail::Letter;
use crate::node::NodeId;
use crate::subject::{RequestId, Response, Subject};

/// What happens, apart from deadlines.
#[derive(Clone, Debug)]
pub(super) enum Event<S: Subject> {
    Deliver {
        from: NodeId,
        to: NodeId,
        kind: u8,
        letter: Letter,
    },
    /// A message that has long arrived, once more.
    Replay {
        from: NodeId,
        to: NodeId,
        kind: u8,
        letter: Letter,
    },
    Written {
        node: NodeId,
        incarnation: u32,
    },
    // Boxed, since they are few: an event is as large as its largest kind.
    Request {
        to: NodeId,
        /// How often it was asked for before.
        attempt: u16,
        id: RequestId,
        command: Box<S::Command>,
    },
    Response {
        id: RequestId,
        response: Box<Response<S::Answer>>,
    },
    ClientWakes {
        client: u16,
    },
    /// Of the attempt of this number.
    ClientGivesUp {
        id: RequestId,
        attempt: u32,
    },
    FaultStarts {
        fault: usize,
    },
    /// The moment has come that a fault waited for.
    FaultStrikes {
        fault: usize,
    },
    FaultEnds {
        fault: usize,
    },
    /// One of the nodes starts again that the fault took down.
    NodeRestarts {
        fault: usize,
        node: NodeId,
    },
    OperatorAsks {
        operation: usize,
    },
}

impl<S: Subject> Event<S> {
    /// The node that cannot take part while it stands still.
    pub(super) fn addressee(&self) -> Option<NodeId> {
        match self {
            Self::Deliver { to, .. } | Self::Replay { to, .. } | Self::Request { to, .. } => Some(*to),
            Self::Written { node, .. } => Some(*node),
            _ => None,
        }
    }

    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Deliver { .. } | Self::Replay { .. } => "a message",
            Self::Written { .. } => "a write",
            Self::Request { .. } => "a request",
            _ => "an event",
        }
    }

    /// What the trace hash sees of an event, beside its time and what it changes.
    pub(super) fn tag(&self) -> u64 {
        match self {
            Self::Deliver { from, to, kind, .. } => {
                1 << 32 | u64::from(from.0) << 16 | u64::from(to.0) << 8 | u64::from(*kind)
            }
            Self::Written { node, incarnation } => 2 << 32 | u64::from(node.0) << 24 | u64::from(*incarnation),
            Self::Request { to, id, .. } => 3 << 32 | u64::from(to.0) << 24 | u64::from(id.client),
            Self::Response { id, .. } => 4 << 32 | u64::from(id.client) << 16 | u64::from(id.number),
            Self::ClientWakes { client } => 5 << 32 | u64::from(*client),
            Self::ClientGivesUp { id, .. } => 6 << 32 | u64::from(id.client) << 16 | u64::from(id.number),
            Self::FaultStarts { fault } => 7 << 32 | *fault as u64,
            Self::FaultEnds { fault } => 8 << 32 | *fault as u64,
            Self::OperatorAsks { operation } => 9 << 32 | *operation as u64,
            Self::Replay { from, to, kind, .. } => {
                10 << 32 | u64::from(from.0) << 16 | u64::from(to.0) << 8 | u64::from(*kind)
            }
            Self::NodeRestarts { fault, node } => 12 << 32 | u64::from(node.0) << 24 | *fault as u64,
            Self::FaultStrikes { fault } => 11 << 32 | *fault as u64,
        }
    }
}
