//! A leader commits by counting replicas only entries of its own term (§5.4.2, Figure 8).
//!
//! Earlier entries commit with the first that follows them, so the commit index a leader moves to is always of its term.

use crate::failure::Violation;
use crate::node::NodeId;

const NAME: &str = "commit_rule";

/// `node`, which leads `term`, moved its commit index to `index`, an entry of `entry_term`.
///
/// # Errors
/// Where that is an entry of another term.
pub fn leader_committed(node: NodeId, term: u64, index: u64, entry_term: u64) -> Result<(), Box<Violation>> {
    if entry_term == term {
        return Ok(());
    }
    Err(Violation::found(NAME, move || {
        format!("{node} leads term {term} and commits entry {index} of term {entry_term} by counting replicas")
    }))
}
