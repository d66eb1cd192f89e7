//! A lease is a promise of others (dissertation §6.4.1): whoever answered a leader's round stays silent towards candidates
//! for the shortest election timeout, and on that the leader answers reads alone.
//!
//! Judged by whoever sees all nodes and all clocks: where a lease is used that lasts longer than somebody's silence, and where
//! the promise is broken, long before another leader is elected, writes, and makes a read stale.

use crate::failure::Violation;
use crate::node::{NodeId, NodeSet};

const NAME: &str = "leases";

/// `voter` gives `candidate` its vote in `term`, while `leader` holds a lease that rests on the word of `vouchers`.
///
/// # Errors
/// Where the voter is one of them.
pub fn voted(
    voter: NodeId,
    candidate: NodeId,
    term: u64,
    leader: NodeId,
    vouchers: NodeSet,
) -> Result<(), Box<Violation>> {
    if !vouchers.contains(voter) {
        return Ok(());
    }
    Err(Violation::new(
        NAME,
        format!("{voter} gives {candidate} its vote in term {term}, and {leader} still holds a lease on its word"),
    ))
}

/// `leader` answers by a lease that would still rest on the word of `vouchers` when the silence of `voter` is over.
///
/// # Errors
/// Where the voter is one of them.
pub fn outlasts(leader: NodeId, voter: NodeId, vouchers: NodeSet) -> Result<(), Box<Violation>> {
    if !vouchers.contains(voter) {
        return Ok(());
    }
    Err(Violation::new(NAME, format!("{leader}'s lease lasts longer than the silence of {voter} that it rests on")))
}
