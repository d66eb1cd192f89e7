//! Where the checkers, who look on anyway, notice that a state worth reaching is reached: rare branches only.

use super::Checkers;
use crate::marks::Mark;
use crate::membership::Membership;
use crate::node::NodeId;
use crate::subject::{Observation, Role};

impl Checkers {
    /// What led until `before` has learned of a later term.
    #[inline(never)]
    pub(super) fn mark_deposition(&mut self, before: &Observation) {
        if before.last_index > self.state_machine_safety.log().len() as u64 {
            self.marks[Mark::DeposedWithTail] += 1;
        }
    }

    /// A node has won an election.
    #[inline(never)]
    pub(super) fn mark_election(&mut self, before: &Observation, now: &Observation) {
        // What it appends in the step that elects it may end the change.
        if before.membership.or(now.membership).is_some_and(Membership::is_joint) {
            self.marks[Mark::ElectedWhileJoint] += 1;
        }
    }

    /// A snapshot that was sent takes the place of a log.
    #[inline(never)]
    pub(super) fn mark_installation(&mut self, before: &Observation, now: &Observation) {
        if [before, now].iter().any(|seen| seen.membership.is_some_and(Membership::is_joint)) {
            self.marks[Mark::InstalledWhileJoint] += 1;
        }
        let committed = self.state_machine_safety.log().len() as u64;
        let mut nodes = NodeId::all(self.nodes);
        if nodes.any(|node| self.memberships.open(node, committed).is_some()) {
            self.marks[Mark::InstalledDuringChange] += 1;
        }
    }

    /// `node` is the first to hold more entries for committed, one of an earlier term among them where it `has_older`.
    #[inline(never)]
    pub(super) fn mark_commit(&mut self, node: NodeId, before: &Observation, now: &Observation, has_older: bool) {
        if has_older {
            self.marks[Mark::OlderEntriesCommitted] += 1;
        }
        // In the same step it may have stepped down.
        let leads = before.role == Role::Leader && before.term_and_vote.term == now.term_and_vote.term;
        let leaves = |membership: Membership| !membership.voters.contains(node) && !membership.is_joint();
        let is_left_out = now.membership.is_some_and(leaves);
        let committed = self.state_machine_safety.log().len() as u64;
        if leads && is_left_out && self.memberships.open(node, committed).is_none() {
            self.marks[Mark::LeaderLeaves] += 1;
        }
    }
}
