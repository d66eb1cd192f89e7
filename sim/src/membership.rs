//! Who votes: the configuration that a node goes by.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::node::{NodeId, NodeSet};

/// A configuration: who votes, and who only listens (dissertation chapter 4).
///
/// In force from the moment it is appended to a log, committed or not, until the log loses it again.
///
/// ```
/// use sim::{Membership, NodeId, NodeSet};
///
/// let [n1, n2, n3] = [0, 1, 2].map(|node| NodeSet::default().with(NodeId(node)));
/// let of_three = Membership::of_all(3);
/// assert!(of_three.is_quorum(n1.union(n3)) && !of_three.is_quorum(n2));
///
/// // On the way from three voters to one, both must agree.
/// let joint = Membership { voters: n1, outgoing: of_three.voters, learners: NodeSet::default() };
/// assert!(joint.is_quorum(n1.union(n2)) && !joint.is_quorum(n1) && !joint.is_quorum(n2.union(n3)));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Hash)]
pub struct Membership {
    /// Who votes.
    pub voters: NodeSet,
    /// Who voted before, and still does until the change is over; empty unless the configuration is joint.
    pub outgoing: NodeSet,
    /// Who is sent the log and does not vote.
    pub learners: NodeSet,
}

impl Membership {
    /// All nodes of a cluster of `nodes` vote.
    #[must_use]
    pub fn of_all(nodes: u8) -> Self {
        let voters = NodeId::all(nodes).fold(NodeSet::default(), NodeSet::with);
        Self { voters, ..Self::default() }
    }

    /// Whether `nodes` can decide: a majority of the voters and, where the configuration is joint, one of the outgoing
    /// voters too. Nobody decides where nobody votes.
    #[must_use]
    pub fn is_quorum(self, nodes: NodeSet) -> bool {
        is_majority(nodes, self.voters) && (!self.is_joint() || is_majority(nodes, self.outgoing))
    }

    /// Whether it is the middle of a change: the old voters have a say beside the new ones.
    #[must_use]
    pub fn is_joint(self) -> bool {
        !self.outgoing.is_empty()
    }

    /// Everybody it names.
    #[must_use]
    pub fn members(self) -> NodeSet {
        self.voters.union(self.outgoing).union(self.learners)
    }

    /// Whether `node`'s vote counts, in one half at least.
    #[must_use]
    pub fn is_voter(self, node: NodeId) -> bool {
        self.voters.contains(node) || self.outgoing.contains(node)
    }

    /// Whether `node` is sent the log and has no vote.
    #[must_use]
    pub fn is_learner(self, node: NodeId) -> bool {
        self.learners.contains(node) && !self.is_voter(node)
    }
}

fn is_majority(nodes: NodeSet, of: NodeSet) -> bool {
    2 * nodes.intersection(of).len() > of.len()
}

impl fmt::Display for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{}}}", self.voters)?;
        if self.is_joint() {
            write!(f, " with {{{}}}", self.outgoing)?;
        }
        if !self.learners.is_empty() {
            write!(f, ", learners {{{}}}", self.learners)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Membership {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
