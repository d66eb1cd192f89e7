//! A server does not answer on the strength of what a crash can take back (Figure 2: "updated on stable storage
//! before responding to RPCs").

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{Disk, LogEntry, Promise, TermAndVote};

const NAME: &str = "promises";

/// A message leaves `node` that makes `promise`, while its disk is as it is. `entry` is what the node's log has in
/// memory at the last index promised, and `term_now` the term that it is in.
///
/// # Errors
/// Where a crash would break the promise.
pub fn made(
    node: NodeId,
    promise: Promise,
    entry: Option<LogEntry>,
    term_now: u64,
    disk: &impl Disk,
) -> Result<(), Box<Violation>> {
    let Some(durable) = disk.term_and_vote() else { return Ok(()) };
    match promise {
        Promise::Vote { term, candidate } => {
            if durable == (TermAndVote { term, voted_for: Some(candidate) }) || durable.term > term {
                return Ok(());
            }
            Err(Violation::found(NAME, move || {
                format!("{node} gives {candidate} its vote in term {term}, and its disk does not know")
            }))
        }
        Promise::Log { term, index } => {
            // With Log Matching, the last entry answers for all before it, and so does a snapshot. Where memory has gone on to
            // what a later leader has there, or to nothing where that leader's log ends, it is no witness of what was acknowledged:
            // such a message is only late, as if the network had kept it. Once the disk is in a later term too, it may have followed
            // that leader: who elected it did so without what was acknowledged, or has it.
            let is_superseded = entry.map_or(term_now, |entry| entry.term) > term;
            let is_meant = |held: LogEntry| is_superseded || Some(held) == entry;
            let is_held = index <= disk.snapshot_index() || disk.log_entry(index).is_some_and(is_meant);
            if durable.term >= term && is_held || durable.term > term && is_superseded {
                return Ok(());
            }
            Err(Violation::found(NAME, move || {
                format!(
                    "{node} acknowledges entry {index} in term {term}, which its disk does not hold: it is in term {} \
                     and ends at {}",
                    durable.term,
                    disk.last_index()
                )
            }))
        }
    }
}
