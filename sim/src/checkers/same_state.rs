//! State machines that were given the same entries are in the same state: they are deterministic, and a snapshot holds all of
//! what they are (§2, §7).
//!
//! That they were given the same entries is [`applied`](super::applied)'s part. What differs here looked at a clock or at the order
//! of a hash map, or came out of a snapshot that leaves something out.

use std::collections::BTreeMap;

use crate::failure::Violation;
use crate::node::NodeId;

const NAME: &str = "same_state";

/// Remembers who was the first to show the state after so many entries.
#[derive(Clone, Hash, Debug, Default)]
pub struct SameState {
    after: BTreeMap<u64, (u64, NodeId)>,
}

impl SameState {
    /// `node` has applied up to `index`, and `digest` stands for the state that it is in.
    ///
    /// # Errors
    /// Where another node, or itself in an earlier life, was in another state there.
    pub fn shown(&mut self, node: NodeId, index: u64, digest: u64) -> Result<(), Box<Violation>> {
        let (first, by) = *self.after.entry(index).or_insert((digest, node));
        if first == digest {
            return Ok(());
        }
        let who = if by == node { "the one it had before".to_owned() } else { format!("that of {by}") };
        Err(Violation::found(NAME, move || format!("after entry {index} the state of {node} is not {who}")))
    }
}
