//! Configurations by their nodes.

use sim::{Membership, NodeId, NodeSet};

fn set(nodes: &[NodeId]) -> NodeSet {
    nodes.iter().fold(NodeSet::default(), |set, node| set.with(*node))
}

/// These vote.
pub(crate) fn voters(nodes: &[NodeId]) -> Membership {
    Membership { voters: set(nodes), ..Membership::default() }
}

/// On the way from the old voters to the new ones.
pub(crate) fn joint(old: &[NodeId], new: &[NodeId]) -> Membership {
    Membership { outgoing: set(old), ..voters(new) }
}

/// The same configuration with these learners.
pub(crate) fn with_learners(membership: Membership, nodes: &[NodeId]) -> Membership {
    Membership { learners: set(nodes), ..membership }
}
