//! A server does not answer on the strength of what a crash can take back (Figure 2: "updated on stable storage
//! before responding to RPCs").

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{Disk, Promise, TermAndVote};

const NAME: &str = "promises";

/// A message leaves `node` that makes `promise`, while its disk is as it is.
///
/// # Errors
/// Where a crash would break the promise.
pub fn made(node: NodeId, promise: Promise, disk: &impl Disk) -> Result<(), Box<Violation>> {
    let Some(durable) = disk.term_and_vote() else { return Ok(()) };
    match promise {
        Promise::Vote { term, candidate } => {
            if durable == (TermAndVote { term, voted_for: Some(candidate) }) || durable.term > term {
                return Ok(());
            }
            Err(Violation::new(
                NAME,
                format!("{node} gives {candidate} its vote in term {term}, and its disk does not know"),
            ))
        }
        Promise::Log { term, index } => {
            if durable.term >= term && disk.last_index() >= index {
                return Ok(());
            }
            Err(Violation::new(
                NAME,
                format!(
                    "{node} acknowledges entry {index} in term {term}, and its disk ends at {} in term {}",
                    disk.last_index(),
                    durable.term
                ),
            ))
        }
    }
}
