//! What only ever grows: a server's term, over its whole life, and its commit index and what it has applied, within an
//! incarnation.

use crate::failure::Violation;
use crate::node::NodeId;

/// `node`'s term went from `before` to `now` without a crash between.
///
/// # Errors
/// Where it fell.
pub fn term(node: NodeId, before: u64, now: u64) -> Result<(), Box<Violation>> {
    if now >= before {
        return Ok(());
    }
    Err(Violation::found("monotonic_term", move || format!("{node}'s term falls from {before} to {now}")))
}

/// The term on `node`'s disk went from `before` to `now`.
///
/// # Errors
/// Where it fell.
pub fn term_on_disk(node: NodeId, before: u64, now: u64) -> Result<(), Box<Violation>> {
    if now >= before {
        return Ok(());
    }
    Err(Violation::found("monotonic_term", move || format!("the term on {node}'s disk falls from {before} to {now}")))
}

/// `node` starts again in term `found`, where its disk says `durable`.
///
/// # Errors
/// Where the disk knew better.
pub fn term_after_restart(node: NodeId, durable: u64, found: u64) -> Result<(), Box<Violation>> {
    if found >= durable {
        return Ok(());
    }
    Err(Violation::found("monotonic_term", move || format!("{node} restarts in term {found}, its disk says {durable}")))
}

/// `node`'s commit index went from `before` to `now` without a crash between.
///
/// # Errors
/// Where it fell.
pub fn commit(node: NodeId, before: u64, now: u64) -> Result<(), Box<Violation>> {
    if now >= before {
        return Ok(());
    }
    Err(Violation::found("monotonic_commit", move || format!("{node}'s commit index falls from {before} to {now}")))
}

/// What `node` has applied went from `before` to `now` without a crash between.
///
/// # Errors
/// Where it fell.
pub fn applied(node: NodeId, before: u64, now: u64) -> Result<(), Box<Violation>> {
    if now >= before {
        return Ok(());
    }
    Err(Violation::found("monotonic_applied", move || format!("what {node} has applied falls from {before} to {now}")))
}
