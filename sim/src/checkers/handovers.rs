//! A leader asks another to campaign at once only when that one has a vote, and has acknowledged all of the leader's log
//! (dissertation §3.10).
//!
//! Whoever has no vote does nothing, while the leader takes no proposals. Whoever lacks something may lose the election, after everyone's term has moved on, or win it and throw the rest away. A
//! leader that has no vote any more is another matter: it makes room for whoever has one, and can wait for nobody.

use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::NodeId;

const NAME: &str = "handovers";

/// `leader`, which goes by `membership`, asks `to` to campaign.
///
/// # Errors
/// Where that one has no vote.
pub fn to_voter(leader: NodeId, to: NodeId, membership: Membership) -> Result<(), Box<Violation>> {
    if membership.is_voter(to) {
        return Ok(());
    }
    Err(Violation::new(NAME, format!("{leader} asks {to} to take its place, which has no vote in {membership}")))
}

/// `leader`, whose log ends at `last_index`, asks `to` to campaign, which has acknowledged up to `acknowledged` in this term.
///
/// # Errors
/// Where that is not all.
pub fn asked(leader: NodeId, to: NodeId, last_index: u64, acknowledged: u64) -> Result<(), Box<Violation>> {
    if acknowledged >= last_index {
        return Ok(());
    }
    Err(Violation::found(NAME, move || {
        format!(
            "{leader}, whose log ends at {last_index}, asks {to} to take its place, which has acknowledged no more than \
             {acknowledged}"
        )
    }))
}
