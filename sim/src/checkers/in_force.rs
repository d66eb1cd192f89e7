//! Which configurations count, and for what: what the world asks those who have seen every log.

use super::Checkers;
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet};
use crate::subject::Disk;

impl Checkers {
    /// Whether all that `node`'s disk holds is committed, and on the disks of a quorum without it, by all configurations
    /// that count.
    pub(crate) fn can_do_without(&self, without: NodeSet, node: NodeId, disks: &[impl Disk]) -> bool {
        let committed = self.state_machine_safety.log();
        let last = committed.len() as u64;
        // What is not committed yet may soon be, on the strength of what this node said.
        if disks[node.index()].last_index() > last {
            return false;
        }
        // With Log Matching, the last of them answers for all before it.
        let holds_all = |other: &NodeId| {
            let disk = &disks[other.index()];
            disk.snapshot_index() >= last || disk.log_entry(last).as_ref() == committed.last()
        };
        let all = NodeSet::all(self.nodes);
        let others = NodeId::all(self.nodes).filter(|other| *other != node && !without.contains(*other));
        let holders = others.filter(holds_all).fold(NodeSet::default(), NodeSet::with);
        self.current_memberships(all).iter().all(|membership| membership.is_quorum(holders))
    }

    /// The nodes whose disks hold all that is committed.
    pub(crate) fn holders(&self, disks: &[impl Disk]) -> NodeSet {
        let committed = self.state_machine_safety.log();
        let last = committed.len() as u64;
        let holds_all = |node: &NodeId| {
            let disk = &disks[node.index()];
            disk.snapshot_index() >= last || disk.log_entry(last).as_ref() == committed.last()
        };
        NodeId::all(self.nodes).filter(holds_all).fold(NodeSet::default(), NodeSet::with)
    }

    /// Changes whenever any node goes by another configuration, or more is committed: what is committed in the place of a
    /// configuration ends it.
    pub(crate) fn membership_changes(&self) -> u64 {
        self.memberships.changes() + self.state_machine_safety.log().len() as u64
    }

    /// The configurations that count from now on, as the one who sees every log knows them: the last that is committed,
    /// and all that `nodes` go by and that may still follow it. Where no log holds any, what `nodes` show.
    pub(crate) fn current_memberships(&self, nodes: NodeSet) -> Vec<Membership> {
        let nodes = NodeId::all(self.nodes).filter(|node| nodes.contains(*node));
        match self.memberships.latest_committed() {
            Some(latest) if !self.memberships.is_empty() => {
                let committed = self.state_machine_safety.log().len() as u64;
                nodes.filter_map(|node| self.memberships.open(node, committed)).chain([latest]).collect()
            }
            _ => nodes.map(|node| self.seen(node).membership.unwrap_or(self.everyone)).collect(),
        }
    }

    /// The configurations that decide who has a vote: those that count. Where no log holds any, what the node shows that has
    /// applied most, and what its voters among `nodes` show, who may need others until they have heard of it. Who has lost its
    /// vote may go on by a configuration in which it had one.
    pub(crate) fn latest_memberships(&self, nodes: NodeSet) -> Vec<Membership> {
        let all = NodeId::all(self.nodes);
        if !self.memberships.is_empty() {
            return self.current_memberships(NodeSet::all(self.nodes));
        }
        let shown = |node: NodeId| self.seen(node).membership.unwrap_or(self.everyone);
        let latest = all.max_by_key(|node| self.seen(*node).applied_index).map_or(self.everyone, shown);
        let voters = NodeId::all(self.nodes).filter(|node| latest.is_voter(*node) && nodes.contains(*node));
        voters.map(shown).chain([latest]).collect()
    }
}
