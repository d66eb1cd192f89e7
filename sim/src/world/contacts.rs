//! From whom leaders hear, and whether those go on that hear from too few.

use super::World;
use crate::checkers::check_quorum::Contacts;
use crate::failure::Violation;
use crate::fault::Fault;
use crate::node::NodeId;
use crate::plan::Plan;
use crate::subject::{Role, Subject};

/// What is remembered for that, where any node may owe it, in a run in which no clock is set.
pub(super) fn contacts<S: Subject>(plan: &Plan<S::Settings>) -> Option<Box<Contacts>> {
    let changes = |fault: &Fault| matches!(fault, Fault::Upgrade { .. });
    let may_check = NodeId::all(plan.nodes).any(|node| S::patience_ns(&plan.settings, node).is_some())
        || plan.faults.iter().any(|timed| changes(&timed.fault));
    may_check.then(Box::default)
}

impl<S: Subject> World<S> {
    /// `node` has just noticed that a deadline of its own is reached.
    #[inline]
    pub(super) fn judge_patience(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        if self.contacts.is_some() && self.checkers.seen(node).role == Role::Leader {
            return self.judge_leader(node);
        }
        Ok(())
    }

    #[inline(never)]
    fn judge_leader(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let settings = self.hosts[node].settings.as_deref().unwrap_or(&self.plan.settings);
        let Some(patience_ns) = S::patience_ns(settings, node) else { return Ok(()) };
        let clock = self.clocks[node];
        let Some(silent_since_ns) = clock.local_ns(self.now_ns).checked_sub(patience_ns) else { return Ok(()) };
        let silent_since_ns = clock.world_ns(silent_since_ns);
        let term = self.checkers.seen(node).term_and_vote.term;
        let membership = (self.checkers.configuration_of(node), self.membership_of(node));
        match (&mut self.contacts, self.subjects[node].is_some()) {
            (Some(contacts), true) => contacts.goes_on(node, term, membership, silent_since_ns, self.now_ns),
            _ => Ok(()),
        }
    }
}
