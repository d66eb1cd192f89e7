//! Who owes a leader silence; and whose lease rests on that.

use super::World;
use crate::checkers::leases;
use crate::checkers::silence::Listens;
use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{Role, Subject};

impl<S: Subject> World<S> {
    /// To the leader of which term `node` owes it not to listen to a candidate of `term`.
    pub(super) fn owes_silence_to(&self, node: NodeId, term: u64) -> Option<u64> {
        let silent_for_ns = self.silent_for_ns(node)?;
        if term <= self.checkers.seen(node).term_and_vote.term {
            return None;
        }
        let now_ns = self.clocks[node].local_ns(self.now_ns);
        self.silences.as_ref()?.broken_by(node, term, now_ns, silent_for_ns)
    }

    /// `node` has started again.
    pub(super) fn remember_leader(&mut self, node: NodeId) {
        let settings = self.hosts[node].settings.as_deref().unwrap_or(&self.plan.settings);
        let is_kept = S::silence(settings, node).is_some_and(|silence| silence.outlives_restart);
        if let Some(silences) = &mut self.silences {
            silences.restarted(node, is_kept.then(|| self.checkers.seen(node).term_and_vote.term));
        }
    }

    /// `node` listens so to `candidate` in `term`.
    pub(super) fn judge_silence(
        &self,
        node: NodeId,
        candidate: NodeId,
        term: u64,
        how: Listens,
    ) -> Result<(), Box<Violation>> {
        let (Some(silences), Some(silent_for_ns)) = (&self.silences, self.silent_for_ns(node)) else { return Ok(()) };
        let now_ns = self.clocks[node].local_ns(self.now_ns);
        silences.listens(node, candidate, term, how, now_ns, silent_for_ns)
    }

    /// `leader` answers a read: whatever lease it holds must end before the silence that it rests on, by anybody's clock.
    #[cold]
    pub(super) fn judge_lease(&self, leader: NodeId, subject: &S) -> Result<(), Box<Violation>> {
        let Some(silences) = &self.silences else { return Ok(()) };
        if self.checkers.seen(leader).role != Role::Leader {
            return Ok(());
        }
        let lasting = |world_ns| subject.lease_vouchers(self.clocks[leader].local_ns(world_ns));
        for voter in self.members(lasting(self.now_ns)).filter(|voter| *voter != leader) {
            let Some(silent_for_ns) = self.silent_for_ns(voter) else { continue };
            let Some(until_ns) = silences.lasts_until(voter, silent_for_ns) else { continue };
            let over_ns = self.clocks[voter].world_ns(until_ns).max(self.now_ns);
            leases::outlasts(leader, voter, lasting(over_ns))?;
        }
        Ok(())
    }

    fn silent_for_ns(&self, node: NodeId) -> Option<u64> {
        let settings = self.hosts[node].settings.as_deref().unwrap_or(&self.plan.settings);
        S::silence(settings, node).map(|silence| silence.for_ns)
    }
}
