//! Leader Append-Only (Figure 3): a leader never overwrites or deletes entries in its log; it only appends.

use crate::failure::Violation;
use crate::node::NodeId;

const NAME: &str = "leader_append_only";

/// `node`, which leads `term` before and after, changed its log from `changed_from` on, where it ended at `last_before`.
///
/// # Errors
/// Where something that was there has changed.
pub fn log_changed(node: NodeId, term: u64, last_before: u64, changed_from: u64) -> Result<(), Box<Violation>> {
    if changed_from > last_before {
        return Ok(());
    }
    Err(Violation::found(NAME, move || {
        format!("{node} leads term {term} and changes its log from {changed_from} on, which ended at {last_before}")
    }))
}
