//! What is committed stays on the disks of a quorum, whatever crashes (§5.3: "stored on a majority"; §5.4).
//!
//! Seen from above, with every disk in view, so that it is noticed at once and not when the quorum is needed.
//!
//! Of which configuration? Of the one in force where the entry was committed, and for as long as nothing behind it is
//! committed. Not of the latest committed one: a leader that has appended a change from four voters to three commits
//! what is before the change on two disks, and should the change be lost with the leader, two of four is all that
//! there is, and enough: any quorum of either configuration meets those two. Who holds a committed entry never
//! lets go of it, so the quorum that was there once is there at every later moment.

use super::state_machine_safety::StateMachineSafety;
use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet, PerNode};
use crate::subject::Disk;

const NAME: &str = "durability";

/// Remembers up to where each disk holds the committed log.
#[derive(Clone, Hash, Debug, Default)]
pub struct Durability {
    held: PerNode<u64>,
    nodes: u8,
    /// The last committed index, and the configuration whose quorum it is committed on.
    last: u64,
    under: Membership,
}

impl Durability {
    /// For a cluster of `nodes`.
    #[must_use]
    pub fn new(nodes: u8) -> Self {
        Self { held: PerNode::default(), nodes, last: 0, under: Membership::default() }
    }

    /// The log on `node`'s disk changed from `first` on.
    ///
    /// # Errors
    /// Where a committed entry is left on too few disks.
    pub fn disk_changed(
        &mut self,
        node: NodeId,
        first: u64,
        disk: &impl Disk,
        committed: &StateMachineSafety,
    ) -> Result<(), Box<Violation>> {
        if self.loses(node, first, disk, committed) {
            self.check(self.last, self.under, self.holders(self.last))
        } else {
            Ok(())
        }
    }

    /// Nothing is left of `node`'s disk, and it never starts again: whoever decides from now on goes by one of the
    /// configurations `in_force`. The one that the last entry was committed under may be over: an entry that ends a joint
    /// configuration is committed under it where a change is in force once it is applied, and then the old voters may go.
    /// Where everybody has left it, a quorum of the new ones is enough: no election by either can do without one of them.
    ///
    /// # Errors
    /// Where a committed entry is left on too few disks.
    pub fn disk_gone(
        &mut self,
        node: NodeId,
        disk: &impl Disk,
        in_force: &[Membership],
        committed: &StateMachineSafety,
    ) -> Result<(), Box<Violation>> {
        if !self.loses(node, 1, disk, committed) {
            return Ok(());
        }
        let holders = self.holders(self.last);
        let is_over = !in_force.contains(&self.under);
        if is_over && !in_force.is_empty() && in_force.iter().all(|membership| membership.is_quorum(holders)) {
            return Ok(());
        }
        self.check(self.last, self.under, holders)
    }

    /// Whether `node`'s disk, which changed from `first` on, has lost the last committed entry: nothing but the loss of a holder
    /// can take a quorum away.
    fn loses(&mut self, node: NodeId, first: u64, disk: &impl Disk, committed: &StateMachineSafety) -> bool {
        let held = &mut self.held[node];
        let before = *held;
        *held = before.min(first - 1);
        self.look(node, disk, committed);
        before >= self.last && self.held[node] < self.last
    }

    /// A server that goes by one of the configurations `under` moves its commit index to `index`. Two are in force in
    /// one step where it goes on to the next right after. `disks` are those of all nodes.
    ///
    /// # Errors
    /// Where a committed entry is on too few disks.
    pub fn committed(
        &mut self,
        index: u64,
        under: &[Membership],
        disks: &[impl Disk],
        committed: &StateMachineSafety,
    ) -> Result<(), Box<Violation>> {
        for (node, disk) in (0..).map(NodeId).zip(disks) {
            self.look(node, disk, committed);
        }
        let holders = self.holders(index);
        let under = under.iter().find(|under| under.is_quorum(holders)).or(under.first()).copied().unwrap_or_default();
        if index > self.last {
            (self.last, self.under) = (index, under);
        }
        self.check(index, under, holders)
    }

    fn look(&mut self, node: NodeId, disk: &impl Disk, committed: &StateMachineSafety) {
        let held = &mut self.held[node];
        let last = committed.log().len() as u64;
        // Whether a snapshot holds what it should is seen when a state machine goes on from it.
        *held = disk.snapshot_index().min(last).max(*held);
        while let Some(entry) = committed.log().get(*held as usize) {
            if disk.log_entry(*held + 1) != Some(*entry) {
                break;
            }
            *held += 1;
        }
    }

    fn holders(&self, index: u64) -> NodeSet {
        let bits = self.held.first(self.nodes).iter().rev();
        NodeSet(bits.fold(0, |bits, held| bits << 1 | u8::from(*held >= index)))
    }

    fn check(&self, index: u64, under: Membership, holders: NodeSet) -> Result<(), Box<Violation>> {
        if under.is_quorum(holders) {
            return Ok(());
        }
        let share = |voters: NodeSet| format!("{} of {}", holders.intersection(voters).len(), voters.len());
        let mut counts = share(under.voters);
        if under.is_joint() {
            counts = format!("{counts} and {}", share(under.outgoing));
        }
        Err(Violation::found(NAME, move || {
            format!("entry {index} is committed and on the disks of only {counts} voters of {under}")
        }))
    }
}
