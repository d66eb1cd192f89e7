//! What a leader knows of a follower is true and is never taken back: within a term `match_index` does not fall, stays
//! below `next_index` (Figure 2), and is at most what the follower has acknowledged in that term. A follower that leaves the
//! configuration is forgotten.

use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::{MAX_NODES, NodeId, NodeSet, PerNode};

const NAME: &str = "progress_order";

/// Remembers what one follower has acknowledged, by term: a deposed leader may hear of it late.
#[derive(Clone, Hash, Debug, Default)]
pub struct Acknowledgements {
    /// Terms, ascending, each with the last index acknowledged in it.
    last: Vec<(u64, u64)>,
}

impl Acknowledgements {
    /// The follower acknowledges `index` in `term`.
    pub fn made(&mut self, term: u64, index: u64) {
        match self.last.last_mut() {
            Some((latest, known)) if *latest == term => *known = index.max(*known),
            _ => match self.last.binary_search_by_key(&term, |(term, _)| *term) {
                Ok(place) => self.last[place].1 = index.max(self.last[place].1),
                Err(place) => self.last.insert(place, (term, index)),
            },
        }
    }

    /// The last index acknowledged in `term`.
    pub(super) fn in_term(&self, term: u64) -> u64 {
        match self.last.last() {
            Some((latest, index)) if *latest == term => *index,
            _ => self.last.binary_search_by_key(&term, |(term, _)| *term).map_or(0, |place| self.last[place].1),
        }
    }

    /// `leader`, in `term`, holds `follower` to match up to `match_index`.
    ///
    /// # Errors
    /// Where the follower has not said so in this term.
    pub fn back(&self, leader: NodeId, term: u64, follower: NodeId, match_index: u64) -> Result<(), Box<Violation>> {
        let said = self.in_term(term);
        if match_index <= said {
            return Ok(());
        }
        Err(Violation::found(NAME, move || {
            format!("{leader} holds {follower} to match up to {match_index} in term {term}, which has said {said}")
        }))
    }
}

/// Remembers one leader's view of its followers.
#[derive(Clone, Hash, Debug, Default)]
pub struct ProgressOrder {
    term: u64,
    /// The match index and the next index of each, 0 where nothing was observed: lawful next indexes begin at 1.
    followers: PerNode<(u64, u64)>,
}

impl ProgressOrder {
    /// The leader follows up none but `followers` now. One that it takes up again later begins anew.
    pub fn dismissed_all_but(&mut self, followers: NodeSet) {
        for node in (0..).map(NodeId).take(MAX_NODES).filter(|node| !followers.contains(*node)) {
            self.followers[node] = (0, 0);
        }
    }

    /// The leader goes by `membership` from now on: of whoever is no member it knows nothing when he comes back.
    pub fn configured(&mut self, membership: Membership) {
        self.dismissed_all_but(membership.members());
    }

    /// What was observed last of `follower` in `term`.
    #[inline]
    pub(super) fn last_observed(&self, term: u64, follower: NodeId) -> (u64, u64) {
        if term == self.term { self.followers[follower] } else { (0, 0) }
    }

    /// Whether that is not just what was observed last.
    #[inline]
    pub(super) fn is_news(&self, term: u64, follower: NodeId, match_index: u64, next_index: u64) -> bool {
        // What was never observed is always news.
        self.followers[follower] != (match_index, next_index) || term != self.term || next_index == 0
    }

    /// `leader`, in `term`, holds `follower` to match up to `match_index` and sends it `next_index` next.
    ///
    /// # Errors
    /// Where the match fell, or what matches would be sent again.
    pub fn observed(
        &mut self,
        leader: NodeId,
        term: u64,
        follower: NodeId,
        match_index: u64,
        next_index: u64,
    ) -> Result<(), Box<Violation>> {
        if self.term != term {
            *self = Self { term, ..Self::default() };
        }
        let (known, _) = self.followers[follower];
        if match_index < known {
            return Err(Violation::found(NAME, move || {
                format!("{leader} takes {follower}'s match index back from {known} to {match_index} in term {term}")
            }));
        }
        self.followers[follower] = (match_index, next_index);
        if match_index >= next_index {
            return Err(Violation::found(NAME, move || {
                format!("{leader} would send {follower} entry {next_index}, which matches up to {match_index}")
            }));
        }
        Ok(())
    }
}
