//! Every state machine is given the committed log: each entry once, in order (§5.3). Where the subject says so, only
//! what is on the node's own disk.

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{AppliedDigest, LogEntry};

const NAME: &str = "applied";

/// `node` has applied up to `index`, and its disk's log ends at `last_durable`.
///
/// # Errors
/// Where its state machine is ahead of its disk.
pub fn durable(node: NodeId, index: u64, last_durable: u64) -> Result<(), Box<Violation>> {
    if index <= last_durable {
        return Ok(());
    }
    Err(Violation::found(NAME, move || {
        format!("{node} has applied up to {index}, and its disk ends at {last_durable}")
    }))
}

/// Remembers what a state machine has been given after each committed entry.
#[derive(Clone, Hash, Debug, Default)]
pub struct Applied {
    after: Vec<AppliedDigest>,
}

impl Applied {
    /// `entry` is the next of the committed log.
    pub fn committed(&mut self, entry: LogEntry) {
        let mut digest = self.after.last().copied().unwrap_or_default();
        digest.give(entry.digest);
        self.after.push(digest);
    }

    /// `node` has applied up to `index`, and `digest` is what its state machine was given until then.
    ///
    /// # Errors
    /// Where that is not the committed log up to `index`.
    pub fn given(&self, node: NodeId, index: u64, digest: AppliedDigest) -> Result<(), Box<Violation>> {
        let expected = index
            .checked_sub(1)
            .map_or(Some(AppliedDigest::default()), |place| self.after.get(place as usize).copied());
        if expected == Some(digest) {
            return Ok(());
        }
        Err(Violation::found(NAME, move || {
            format!(
                "{node} has applied up to {index}, and its state machine was not given the committed log up to there"
            )
        }))
    }
}
