//! Who asks around before it campaigns begins a term only once a quorum has said that it would vote for it in that very term
//! (dissertation §9.6), or when the leader wants it to: whoever would not be elected disturbs nobody.
//!
//! Judged by what voters have said and by whom leaders have asked, whatever the candidate makes of it.

use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::{MAX_NODES, NodeId, NodeSet};

const NAME: &str = "pre_vote";

/// A node that loses a term with its memory may ask once more for one that it has had: so many terms back are remembered.
const REMEMBERED: usize = 8;

/// Remembers who would vote for whom.
#[derive(Clone, Hash, Debug, Default)]
pub struct PreVotes {
    candidates: [Prospects; MAX_NODES],
}

/// What a candidate may count on.
#[derive(Clone, Hash, Debug, Default)]
struct Prospects {
    asks_first: bool,
    /// The latest terms that anybody would vote for it in, and who, the latest at the end.
    voters: Vec<(u64, NodeSet)>,
    /// The latest term whose leader has asked it to campaign.
    handed_over: Option<u64>,
}

impl PreVotes {
    /// `node` starts, and asks around before it campaigns, or does not. What it was told before may only arrive now.
    pub fn started(&mut self, node: NodeId, asks_first: bool) {
        if let Some(prospects) = self.candidates.get_mut(node.index()) {
            prospects.asks_first = asks_first;
        }
    }

    /// `voter` tells `candidate` that it would vote for it in `term`.
    pub fn would_vote(&mut self, voter: NodeId, candidate: NodeId, term: u64) {
        let Some(prospects) = self.candidates.get_mut(candidate.index()) else { return };
        match prospects.voters.binary_search_by_key(&term, |(term, _)| *term) {
            Ok(place) => prospects.voters[place].1 = prospects.voters[place].1.with(voter),
            Err(place) => prospects.voters.insert(place, (term, NodeSet::default().with(voter))),
        }
        if prospects.voters.len() > REMEMBERED {
            prospects.voters.remove(0);
        }
    }

    /// The leader of `term` asks `node` to campaign.
    pub fn handed_over(&mut self, node: NodeId, term: u64) {
        if let Some(prospects) = self.candidates.get_mut(node.index()) {
            prospects.handed_over = prospects.handed_over.max(Some(term));
        }
    }

    /// `node`, which goes by `membership`, begins `term` as a candidate.
    ///
    /// # Errors
    /// Where it asks around first, and no quorum has said that it would vote for it in `term`.
    pub fn campaigns(&self, node: NodeId, term: u64, membership: Membership) -> Result<(), Box<Violation>> {
        let Some(prospects) = self.candidates.get(node.index()) else { return Ok(()) };
        // Whoever leads the term before, or led it when it asked, knows what it does.
        let is_asked_to = prospects.handed_over.is_some_and(|led| led < term && term - led == 1);
        if !prospects.asks_first || is_asked_to {
            return Ok(());
        }
        let place = prospects.voters.binary_search_by_key(&term, |(term, _)| *term);
        let voters = place.map_or(NodeSet::default(), |place| prospects.voters[place].1);
        if membership.is_quorum(voters.with(node)) {
            return Ok(());
        }
        let voters = if voters.is_empty() { "nobody has".to_owned() } else { format!("only {voters:?} have") };
        Err(Violation::new(
            NAME,
            format!(
                "{node} campaigns in term {term}, and {voters} said that they would vote for it then, no quorum of {membership} with it"
            ),
        ))
    }
}
