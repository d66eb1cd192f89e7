//! Reads that a leader must make sure for, and whether it did.

use super::World;
use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{Observation, RequestId, Response, Role, Subject};

impl<S: Subject> World<S> {
    /// A read comes to `node`.
    #[cold]
    pub(super) fn note_read(&mut self, node: NodeId, id: RequestId) {
        // States that are told apart by what nodes hold would not be by this.
        if self.is_explored {
            return;
        }
        let (now, membership) = (self.trace.events, self.membership_of(node));
        // From here on: what is on its way was sent before, and confirms nothing.
        let confirmations = self.confirmations.get_or_insert_default();
        if let Some(term) = leads(self.checkers.seen(node)) {
            confirmations.read_came(id, node, term, now, membership);
        }
    }

    /// `node` answers a read.
    #[cold]
    pub(super) fn judge_confirmation(
        &mut self,
        node: NodeId,
        id: RequestId,
        response: &Response<S::Answer>,
    ) -> Result<(), Box<Violation>> {
        let membership = self.membership_of(node);
        let Some(confirmations) = &mut self.confirmations else { return Ok(()) };
        if let Response::Done { index: None, .. } = response
            && let Some(term) = leads(self.checkers.seen(node))
        {
            confirmations.answered(id, node, term, membership)?;
        }
        confirmations.ended(id);
        Ok(())
    }
}

fn leads(seen: &Observation) -> Option<u64> {
    (seen.role == Role::Leader).then_some(seen.term_and_vote.term)
}
