//! What protocols decide that show nothing else: one sequence of commands, in which every node agrees for all time.
//!
//! - *Validity*: what is decided was asked for by a client, or holds no command.
//! - *Agreement*: at one position no two nodes ever decide differently, and no node does after a restart.
//! - *Order*: within an incarnation what a node has decided only grows.
//!
//! That what a client was told is there, and stays there, is [`acknowledged`](super::acknowledged)'s part. A node that starts
//! again may have to learn anew what it had decided.

use std::collections::BTreeSet;

use crate::failure::Violation;
use crate::node::{MAX_NODES, NodeId};
use crate::subject::LogEntry;

const NAME: &str = "decided";

/// Remembers the one sequence, and how far each node has shown it.
#[derive(Clone, Hash, Debug, Default)]
pub struct Decided {
    /// The digest at each position, and who was the first to decide it.
    sequence: Vec<(u64, NodeId)>,
    shown: [u64; MAX_NODES],
    asked: BTreeSet<u64>,
}

impl Decided {
    /// A client asks for the command of `digest`.
    pub fn asked(&mut self, digest: u64) {
        self.asked.insert(digest);
    }

    /// `node` starts, or starts again: it has shown nothing yet.
    pub fn started(&mut self, node: NodeId) {
        self.shown[node.index()] = 0;
    }

    /// How far `node` has shown what it has decided.
    #[must_use]
    pub fn shown(&self, node: NodeId) -> u64 {
        self.shown[node.index()]
    }

    /// `node` shows what it has decided from position `from` on, which it has shown before or which comes next; there
    /// it ends. Returns what nobody had decided before.
    ///
    /// # Errors
    /// Where that is less than it has shown before, or something else than was decided there, or nobody asked for it.
    pub fn shows(
        &mut self,
        node: NodeId,
        from: u64,
        digests: impl Iterator<Item = u64>,
    ) -> Result<&[(u64, NodeId)], Box<Violation>> {
        let known = self.sequence.len();
        let mut end = from - 1;
        for digest in digests {
            end += 1;
            match self.sequence.get(end as usize - 1) {
                Some(&(decided, _)) if decided == digest => {}
                Some(&(decided, by)) => return Err(disagrees(node, end, digest, (decided, by))),
                None if digest == LogEntry::NO_COMMAND || self.asked.contains(&digest) => {
                    self.sequence.push((digest, node));
                }
                None => {
                    let detail = format!("{node} has decided {digest:#x} at {end}, which no client has asked for");
                    return Err(Violation::new(NAME, detail));
                }
            }
        }
        let shown = &mut self.shown[node.index()];
        if end < *shown {
            let detail = format!("{node} has decided up to {end}, and in the same life it had up to {shown}");
            return Err(Violation::new(NAME, detail));
        }
        *shown = end;
        Ok(&self.sequence[known..])
    }
}

fn disagrees(node: NodeId, index: u64, digest: u64, (decided, by): (u64, NodeId)) -> Box<Violation> {
    let detail = format!("{node} has decided {digest:#x} at {index}, where {by} had decided {decided:#x}");
    Violation::new(NAME, detail)
}
