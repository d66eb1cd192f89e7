//! Election Safety (Figure 3): at most one leader can be elected in a given term. Ever, not just at one instant.
//!
//! And its cause (§5.2): a leader has the votes of a majority, each of them such that a crash cannot take it back.
//!
//! Who is the only voter asks nobody, and so promises nothing by leading (Figure 2 has state durable "before responding"):
//! it may write its vote while it leads, as long as nobody has an entry of the term and nothing of it is committed. After that
//! a crash could have it lead the term once more, with other entries. Before, a crash takes back that it led at all.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use crate::engine::fingerprint::unordered;
use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet};

const NAME: &str = "election_safety";

/// Remembers the leader of every term, and every vote that was made durable.
#[derive(Clone, Debug, Default)]
pub struct ElectionSafety {
    leaders: BTreeMap<u64, NodeId>,
    votes: BTreeMap<u64, Vec<(NodeId, NodeSet)>>,
    /// Terms led by the only voter whose vote is not durable yet.
    unproven: Vec<(u64, NodeId)>,
}

/// In which order candidates got their first votes makes no difference.
impl Hash for ElectionSafety {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.leaders.hash(hasher);
        self.unproven.hash(hasher);
        for (term, candidates) in &self.votes {
            (term, unordered(candidates)).hash(hasher);
        }
    }
}

impl ElectionSafety {
    /// `voter`'s disk says that its vote in `term` is `candidate`'s.
    pub fn vote_durable(&mut self, voter: NodeId, term: u64, candidate: NodeId) {
        self.unproven.retain(|known| voter != candidate || *known != (term, candidate));
        let candidates = self.votes.entry(term).or_default();
        for (_, voters) in candidates.iter_mut() {
            *voters = voters.without(voter);
        }
        match candidates.iter_mut().find(|(known, _)| *known == candidate) {
            Some((_, voters)) => *voters = voters.with(voter),
            None => candidates.push((candidate, NodeSet::default().with(voter))),
        }
    }

    /// `node` leads `term`, and its disk says nothing of votes.
    ///
    /// # Errors
    /// Where another node led the term, now or at any time before.
    pub fn sole_leader(&mut self, node: NodeId, term: u64) -> Result<(), Box<Violation>> {
        let first = *self.leaders.entry(term).or_insert(node);
        if first == node {
            return Ok(());
        }
        Err(Violation::found(NAME, move || format!("two leaders in term {term}: {first} and {node}")))
    }

    /// `node` leads `term`, is the only voter, and may write its vote while it leads.
    ///
    /// # Errors
    /// Where another node led the term, now or at any time before.
    pub fn lone_leader(&mut self, node: NodeId, term: u64) -> Result<(), Box<Violation>> {
        self.sole_leader(node, term)?;
        let mut candidates = self.votes.get(&term).into_iter().flatten();
        if !candidates.any(|(known, voters)| *known == node && voters.contains(node)) {
            self.unproven.push((term, node));
        }
        Ok(())
    }

    /// `node` starts again: what it led by a vote that was in memory alone has never been. Returns these terms.
    pub fn started(&mut self, node: NodeId) -> Vec<u64> {
        let forgotten: Vec<_> =
            self.unproven.extract_if(.., |(_, leader)| *leader == node).map(|(term, _)| term).collect();
        for term in &forgotten {
            self.leaders.remove(term);
        }
        forgotten
    }

    /// `node` has an entry of `term` in its log.
    ///
    /// # Errors
    /// Where it comes from a leader that could lead the term once more after a crash.
    pub fn entry_received(&self, node: NodeId, term: u64) -> Result<(), Box<Violation>> {
        match self.unproven.iter().find(|(known, leader)| *known == term && *leader != node) {
            None => Ok(()),
            Some((_, leader)) => Err(Violation::found(NAME, move || {
                format!(
                    "{node} has an entry of term {term}, and {leader}'s own vote, by which it leads, is not durable"
                )
            })),
        }
    }

    /// An entry is committed in `term`.
    ///
    /// # Errors
    /// Where its leader could lead the term once more after a crash.
    pub fn entry_committed(&self, term: u64) -> Result<(), Box<Violation>> {
        match self.unproven.iter().find(|(known, _)| *known == term) {
            None => Ok(()),
            Some((_, leader)) => Err(Violation::found(NAME, move || {
                format!("{leader} commits in term {term}, and its own vote, by which it leads, is not durable")
            })),
        }
    }

    /// `node` leads `term` and goes by `membership`.
    ///
    /// # Errors
    /// Where another node led the term, now or at any time before, or the votes are not there.
    pub fn leader(&mut self, node: NodeId, term: u64, membership: Membership) -> Result<(), Box<Violation>> {
        self.sole_leader(node, term)?;
        let voters = self.votes.get(&term).and_then(|candidates| candidates.iter().find(|(known, _)| *known == node));
        let voters = voters.map(|(_, voters)| *voters).unwrap_or_default();
        if !membership.is_quorum(voters) {
            return Err(Violation::found(NAME, move || {
                format!(
                    "{node} leads term {term} with the durable votes of {voters:?} only, which is no majority of \
                     {membership}"
                )
            }));
        }
        Ok(())
    }

    /// How many terms had a leader.
    #[must_use]
    pub fn elections(&self) -> u64 {
        self.leaders.len() as u64
    }
}
