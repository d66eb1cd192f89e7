//! Nodes and sets of them.

use std::fmt;
use std::ops::{Index, IndexMut};

use serde::{Deserialize, Serialize};

/// The most nodes a cluster may have.
pub const MAX_NODES: usize = 7;

/// A node of the simulated cluster, counted from 0 and shown from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u8);

impl NodeId {
    pub(crate) fn index(self) -> usize {
        usize::from(self.0)
    }

    /// All nodes of a cluster of `nodes`.
    pub fn all(nodes: u8) -> impl Iterator<Item = Self> {
        (0..nodes).map(Self)
    }
}

impl From<NodeId> for u16 {
    fn from(node: NodeId) -> Self {
        node.0.into()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0 + 1)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A value for each node that there may be.
///
/// Every event looks into several of these: it is as long as a mask, so that no look needs a check of bounds.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct PerNode<T>([T; PER_NODE]);

const PER_NODE: usize = (MAX_NODES + 1).next_power_of_two();

impl<T> PerNode<T> {
    /// The value that `of` makes for each.
    pub(crate) fn from_fn(mut of: impl FnMut(NodeId) -> T) -> Self {
        Self(std::array::from_fn(|place| of(NodeId(place as u8))))
    }

    /// The values of a cluster of `nodes`, by node.
    pub(crate) fn first(&self, nodes: u8) -> &[T] {
        &self.0[..usize::from(nodes)]
    }

    /// The same, to be changed.
    pub(crate) fn first_mut(&mut self, nodes: u8) -> &mut [T] {
        &mut self.0[..usize::from(nodes)]
    }
}

impl<T> Index<NodeId> for PerNode<T> {
    type Output = T;

    fn index(&self, node: NodeId) -> &T {
        debug_assert!(node.index() < MAX_NODES, "{node}");
        &self.0[node.index() % PER_NODE]
    }
}

impl<T> IndexMut<NodeId> for PerNode<T> {
    fn index_mut(&mut self, node: NodeId) -> &mut T {
        debug_assert!(node.index() < MAX_NODES, "{node}");
        &mut self.0[node.index() % PER_NODE]
    }
}

/// A set of nodes, as bits.
#[derive(Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, Hash)]
pub struct NodeSet(pub u8);

impl NodeSet {
    /// All nodes of a cluster of `nodes`, 1 to 7.
    #[must_use]
    pub fn all(nodes: u8) -> Self {
        Self(u8::MAX >> (8 - nodes))
    }

    /// Whether `node` is in the set.
    #[must_use]
    pub fn contains(self, node: NodeId) -> bool {
        self.0 >> node.0 & 1 == 1
    }

    /// The set with `node` in it.
    #[must_use]
    pub fn with(self, node: NodeId) -> Self {
        Self(self.0 | 1 << node.0)
    }

    /// The set with `node` not in it.
    #[must_use]
    pub fn without(self, node: NodeId) -> Self {
        Self(self.0 & !(1 << node.0))
    }

    /// Whether every node of the set is in `other` too.
    #[must_use]
    pub fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    /// The nodes of both sets.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The nodes that are in both sets.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The nodes of this set that are not in the other.
    #[must_use]
    pub fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// How many nodes are in the set.
    #[must_use]
    pub fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether no node is in the set.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for node in NodeId::all(MAX_NODES as u8).filter(|node| self.contains(*node)) {
            write!(f, "{separator}{node}")?;
            separator = " ";
        }
        Ok(())
    }
}

impl fmt::Debug for NodeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}
