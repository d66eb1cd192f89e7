//! A server votes for at most one candidate in a term, first come, first served (§5.2).

use std::collections::BTreeMap;

use crate::failure::Violation;
use crate::node::{NodeId, NodeSet};
use crate::subject::TermAndVote;

const NAME: &str = "one_vote";

/// Remembers every vote that was given away.
#[derive(Clone, Hash, Debug, Default)]
pub struct OneVote {
    given: BTreeMap<(NodeId, u64), NodeId>,
}

impl OneVote {
    /// A message leaves that gives `voter`'s vote in `term` to `candidate`.
    ///
    /// # Errors
    /// Where the vote of that term was given to another before, in this incarnation or an earlier one.
    pub fn given(&mut self, voter: NodeId, term: u64, candidate: NodeId) -> Result<(), Box<Violation>> {
        let first = *self.given.entry((voter, term)).or_insert(candidate);
        if first == candidate {
            return Ok(());
        }
        Err(Violation::new(NAME, format!("{voter} votes for {candidate} in term {term}, after voting for {first}")))
    }

    /// Whether messages were seen that give votes.
    pub(super) fn is_told(&self) -> bool {
        !self.given.is_empty()
    }

    /// Who of a cluster of `nodes` has sent its vote in `term` to `candidate`.
    pub(super) fn voters(&self, nodes: u8, term: u64, candidate: NodeId) -> NodeSet {
        NodeId::all(nodes)
            .filter(|voter| self.given.get(&(*voter, term)) == Some(&candidate))
            .fold(NodeSet::default(), NodeSet::with)
    }

    /// What `node` remembers of its vote, in memory or on disk, went from `before` to `now` without a crash between.
    ///
    /// # Errors
    /// Where the node changes or forgets its vote within a term.
    pub fn remembered(&self, node: NodeId, before: TermAndVote, now: TermAndVote) -> Result<(), Box<Violation>> {
        let Some(first) = before.voted_for else { return Ok(()) };
        if now.term != before.term || now.voted_for == before.voted_for {
            return Ok(());
        }
        let term = now.term;
        Err(Violation::new(
            NAME,
            match now.voted_for {
                Some(second) => format!("{node} moves its vote in term {term} from {first} to {second}"),
                None => format!("{node} forgets that it voted for {first} in term {term}"),
            },
        ))
    }

    /// `node` starts again with `found` where its disk says `durable`.
    ///
    /// # Errors
    /// Where the vote on disk is not the one that the node goes on with.
    pub fn restarted(&self, node: NodeId, durable: TermAndVote, found: TermAndVote) -> Result<(), Box<Violation>> {
        if durable.term == found.term
            && durable.voted_for.is_none()
            && let Some(candidate) = found.voted_for
        {
            let term = found.term;
            let detail = format!("{node} restarts with a vote for {candidate} in term {term}, its disk knows of none");
            return Err(Violation::new(NAME, detail));
        }
        self.remembered(node, durable, found)
    }
}
