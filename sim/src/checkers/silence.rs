//! Who hears from a leader is silent towards candidates for a while (§6, at its end; dissertation §4.2.3): it does not vote, nor
//! say that it would, nor take up their term, so that servers which do not hear the leader cannot depose it for those who do,
//! and leases have something to rest on.
//!
//! Judged from outside, by what was delivered to the voter and what it says: whatever it has forgotten meanwhile. A vote for whom
//! the leader itself wants to lead is no breach.

use crate::failure::Violation;
use crate::node::{MAX_NODES, NodeId};

const NAME: &str = "silence";

/// Remembers whom each node has heard.
#[derive(Clone, Debug, Default)]
pub struct Silences {
    voters: [Voter; MAX_NODES],
}

#[derive(Clone, Copy, Debug, Default)]
struct Voter {
    /// The term of the leader that it heard last, and when, on its own clock.
    heard: Option<(u64, u64)>,
    /// The latest term in which a leader handed over: somebody asked it for its vote on that leader's behalf.
    handed_over: u64,
}

/// How a voter listens to a candidate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Listens {
    /// It gives it its vote.
    Votes,
    /// It says that it would.
    WouldVote,
    /// It takes up its term.
    TakesUpTerm,
}

impl Silences {
    /// At `local_ns` on its own clock `node` takes in what the leader of `term` says, which is no earlier one than its own.
    #[inline]
    pub fn heard(&mut self, node: NodeId, term: u64, local_ns: u64) {
        if let Some(voter) = self.voters.get_mut(node.index()) {
            voter.heard = Some((term, local_ns));
        }
    }

    /// `node` is asked for its vote in `term` by whom a leader has told to campaign.
    pub fn asked_on_behalf(&mut self, node: NodeId, term: u64) {
        if let Some(voter) = self.voters.get_mut(node.index()) {
            voter.handed_over = voter.handed_over.max(term);
        }
    }

    /// `node` has started again. Where it keeps to what it said before, its disk has this term: a leader of a later one has
    /// had no answer from it, and relies on nothing.
    pub fn restarted(&mut self, node: NodeId, keeps_in_term: Option<u64>) {
        if let Some(voter) = self.voters.get_mut(node.index()) {
            voter.heard = voter.heard.filter(|(led, _)| keeps_in_term.is_some_and(|term| *led <= term));
        }
    }

    /// At `local_ns` on its own clock `voter`, which is silent for `silent_for_ns` after it has heard from a leader, listens so to
    /// `candidate` in `term`.
    ///
    /// # Errors
    /// Where it should still be silent. Whether it may campaign itself is for its own timeout to say.
    pub fn listens(
        &self,
        voter: NodeId,
        candidate: NodeId,
        term: u64,
        how: Listens,
        local_ns: u64,
        silent_for_ns: u64,
    ) -> Result<(), Box<Violation>> {
        let is_own = candidate == voter;
        match self.broken_by(voter, term, local_ns, silent_for_ns).filter(|_| !is_own) {
            None => Ok(()),
            Some(led) => Err(breach(voter, candidate, term, how, led)),
        }
    }

    /// The term of the leader towards which it would be a breach if `voter` listened to a candidate of `term` at `local_ns`.
    #[must_use]
    pub fn broken_by(&self, voter: NodeId, term: u64, local_ns: u64, silent_for_ns: u64) -> Option<u64> {
        let Voter { heard, handed_over } = *self.voters.get(voter.index())?;
        let (led, heard_ns) = heard?;
        // What was heard since in the vote's own term was heard from who won.
        let is_deposing = led < term && handed_over != term;
        (is_deposing && local_ns < heard_ns.saturating_add(silent_for_ns)).then_some(led)
    }

    /// Until when on its own clock `voter` has to be silent towards all candidates, for the sake of whom it has heard.
    #[must_use]
    pub fn lasts_until(&self, voter: NodeId, silent_for_ns: u64) -> Option<u64> {
        let (_, heard_ns) = self.voters.get(voter.index())?.heard?;
        Some(heard_ns.saturating_add(silent_for_ns))
    }
}

/// `voter` listens to `candidate` in `term`, and owes silence to the leader of term `led`.
#[cold]
pub fn breach(voter: NodeId, candidate: NodeId, term: u64, how: Listens, led: u64) -> Box<Violation> {
    let what = match how {
        Listens::Votes => format!("gives {candidate} its vote in term {term}"),
        Listens::WouldVote => format!("tells {candidate} that it would vote for it in term {term}"),
        Listens::TakesUpTerm => format!("takes up term {term} at {candidate}'s word"),
    };
    let detail =
        format!("{voter} {what}, and has heard from the leader of term {led} within the shortest election timeout");
    Violation::new(NAME, detail)
}
