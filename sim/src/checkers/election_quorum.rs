//! A leader was elected by a quorum of the configuration in force in its own log, of both halves where that is joint
//! (§6), and by votes that were sent: a learner's vote elects nobody, and neither does one vote that is counted twice.

use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet};

const NAME: &str = "election_quorum";

/// `node` leads `term`, goes by `membership`, and `voters` have sent it their votes, its own counted among them.
///
/// # Errors
/// Where they are no quorum.
pub fn elected(node: NodeId, term: u64, membership: Membership, voters: NodeSet) -> Result<(), Box<Violation>> {
    if membership.is_quorum(voters) {
        return Ok(());
    }
    Err(Violation::new(
        NAME,
        format!("{node} leads term {term} and only {voters:?} have sent it their votes, no quorum of {membership}"),
    ))
}
