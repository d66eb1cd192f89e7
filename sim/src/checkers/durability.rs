//! What is committed stays on the disks of a majority, whatever crashes (§5.3: "stored on a majority"; §5.4).
//!
//! Seen from above, with every disk in view, so that it is noticed at once and not when the majority is needed.

use super::state_machine_safety::StateMachineSafety;
use crate::failure::Violation;
use crate::node::{MAX_NODES, NodeId};
use crate::subject::Disk;

const NAME: &str = "durability";

/// Remembers up to where each disk holds the committed log.
#[derive(Clone, Debug, Default)]
pub struct Durability {
    held: [u64; MAX_NODES],
    nodes: usize,
}

impl Durability {
    /// For a cluster of `nodes`.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { held: [0; MAX_NODES], nodes }
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
        let held = &mut self.held[node.index()];
        *held = (*held).min(first - 1);
        self.look(node, disk, committed);
        self.check(committed)
    }

    /// More of the log is committed; `disks` are those of all nodes.
    ///
    /// # Errors
    /// Where a committed entry is on too few disks.
    pub fn committed(&mut self, disks: &[impl Disk], committed: &StateMachineSafety) -> Result<(), Box<Violation>> {
        for (node, disk) in (0..).map(NodeId).zip(disks) {
            self.look(node, disk, committed);
        }
        self.check(committed)
    }

    fn look(&mut self, node: NodeId, disk: &impl Disk, committed: &StateMachineSafety) {
        let held = &mut self.held[node.index()];
        while let Some(entry) = committed.log().get(*held as usize) {
            if disk.log_entry(*held + 1) != Some(*entry) {
                break;
            }
            *held += 1;
        }
    }

    fn check(&self, committed: &StateMachineSafety) -> Result<(), Box<Violation>> {
        let last = committed.log().len() as u64;
        let holders = self.held[..self.nodes].iter().filter(|held| **held >= last).count();
        if 2 * holders > self.nodes {
            return Ok(());
        }
        Err(Violation::new(
            NAME,
            format!("entry {last} is committed and on the disks of only {holders} of {} nodes", self.nodes),
        ))
    }
}
