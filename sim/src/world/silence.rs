//! Who hears from a leader, and so owes it silence.

use super::World;
use super::mail::Letter;
use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{OfLeader, Subject};

impl<S: Subject> World<S> {
    /// The message of `letter` arrives at `node`.
    #[inline]
    pub(super) fn note_word_of_leader(&mut self, node: NodeId, letter: &Letter) {
        let Some(silences) = &mut self.silences else { return };
        match self.mail.read(letter).and_then(S::says_of_leader) {
            Some(OfLeader::Leads(term)) if term >= self.checkers.seen(node).term_and_vote.term => {
                silences.heard(node, term, self.clocks[node].local_ns(self.now_ns));
            }
            Some(OfLeader::HandsOver(term)) => silences.asked_on_behalf(node, term),
            _ => {}
        }
    }

    /// `node` has started again.
    pub(super) fn remember_leader(&mut self, node: NodeId) {
        let settings = self.hosts[node].settings.as_deref().unwrap_or(&self.plan.settings);
        let is_kept = S::silence(settings, node).is_some_and(|silence| silence.outlives_restart);
        if let Some(silences) = &mut self.silences {
            silences.restarted(node, is_kept.then(|| self.checkers.seen(node).term_and_vote.term));
        }
    }

    /// `node` gives `candidate` its vote in `term`.
    pub(super) fn judge_silence(&self, node: NodeId, candidate: NodeId, term: u64) -> Result<(), Box<Violation>> {
        let settings = self.hosts[node].settings.as_deref().unwrap_or(&self.plan.settings);
        let (Some(silences), Some(silence)) = (&self.silences, S::silence(settings, node)) else { return Ok(()) };
        silences.votes(node, candidate, term, self.clocks[node].local_ns(self.now_ns), silence.for_ns)
    }
}
