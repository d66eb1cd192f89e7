//! What a node is given: what it starts from, and what happens to it.

use super::Subject;
use crate::choices::Choice;
use crate::node::{NodeId, NodeSet};
use crate::operation::Operation;

/// What a node starts from, beside its disk.
#[derive(Debug)]
pub struct Setup<'a, Settings> {
    /// Which node it is.
    pub node: NodeId,
    /// How many nodes the cluster has.
    pub nodes: u8,
    /// The voters that the cluster starts with. What a disk holds may be newer.
    pub members: NodeSet,
    /// The time on the node's own clock.
    pub now_ns: u64,
    /// What the operator set.
    pub settings: &'a Settings,
    /// The node's own randomness: a choice like any other, under this node's and incarnation's key.
    pub jitter: Choice,
}

/// What happens to a node.
#[derive(Debug)]
pub enum Input<S: Subject> {
    /// A message arrived.
    Receive {
        /// The node that sent it.
        from: NodeId,
        /// What it says.
        message: S::Message,
    },
    /// A client asks for something. Wants at most one [`Outputs::respond`](super::Outputs::respond).
    Request {
        /// Names the request in the response.
        id: RequestId,
        /// What the client asks for.
        command: S::Command,
    },
    /// An operator asks for something. Whoever does not know it, or cannot do it now, ignores it.
    Operate {
        /// What the operator asks for.
        operation: Operation,
    },
    /// The oldest write under way is durable now.
    Written,
    /// The node's clock reached its deadline.
    DeadlineReached,
}

/// Names a client's request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RequestId {
    /// Which client.
    pub client: u16,
    /// The how-manieth of its requests.
    pub number: u32,
}
