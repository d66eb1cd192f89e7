//! The commit rule (§5.3, §5.4.2) and what follows from it.

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::Effect;
use crate::entry::Entry;
use crate::ids::LogIndex;
use crate::raft::{Raft, Role};

impl<P: Command, R: Rng> Raft<P, R> {
    /// A leader's commit index follows what a quorum holds durably.
    pub(crate) fn advance_leader_commit(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        // The leader counts itself only as far as its own disk goes, like any other.
        let own = self.durability.index();
        let held = LogIndex(leader.reached_by_quorum(own.0, |progress| progress.match_index().0));
        // Only an entry of the leader's own term is committed by counting replicas: an older one on a
        // majority can still be overwritten (§5.4.2, Figure 8). It commits with the first that follows it.
        if held > self.commit_index && self.log.term_at(held) == Some(self.term) {
            let committed = self.log.slice(self.commit_index.next()..=held);
            leader.uncommitted_bytes = leader.uncommitted_bytes.saturating_sub(Entry::total_bytes(committed));
            self.commit_up_to(held, effects);
            self.place_waiting_reads(effects);
            self.pursue_committed_membership(effects);
        }
    }

    /// Raises the commit index to `index`; it never falls.
    pub(crate) fn commit_up_to(&mut self, index: LogIndex, effects: &mut Vec<Effect<P>>) {
        self.commit_index = self.commit_index.max(index);
        self.apply_committed(effects);
    }

    /// Hands out what is committed and on this node's own disk, so that no state machine is ever ahead of the log.
    #[inline]
    pub(crate) fn apply_committed(&mut self, effects: &mut Vec<Effect<P>>) {
        let last = self.commit_index.min(self.durability.index());
        if last > self.last_applied {
            self.apply_up_to(last, effects);
        }
    }

    #[inline(never)]
    fn apply_up_to(&mut self, last: LogIndex, effects: &mut Vec<Effect<P>>) {
        effects.push(Effect::Apply { first: self.last_applied.next(), last });
        self.last_applied = last;
        self.settle_proposals(last, effects);
        self.serve_reads(effects);
    }
}
