//! What a node shows that holds more for committed than before.

use super::state_machine_safety::StateMachineSafety;
use super::{Checkers, commit_rule, monotonic};
use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{Disk, Observation, Role};

impl Checkers {
    #[inline(never)]
    pub(super) fn check_commit(
        &mut self,
        node: NodeId,
        before: &Observation,
        now: &Observation,
        disks: &[impl Disk],
    ) -> Result<(), Box<Violation>> {
        monotonic::commit(node, before.commit_index, now.commit_index)?;
        StateMachineSafety::indexes(node, now.applied_index, now.commit_index, now.last_index)?;
        let view = &self.views[node];
        let term = now.term_and_vote.term;
        if now.role == Role::Leader {
            let entry = view.log[(now.commit_index - 1) as usize];
            commit_rule::leader_committed(node, term, now.commit_index, entry.term)?;
            self.election_safety.entry_committed(term)?;
        }
        let mut is_news = false;
        let mut has_older = false;
        let committed = &view.log[before.commit_index as usize..now.commit_index as usize];
        let known = self.state_machine_safety.known(before.commit_index, committed) as u64;
        for index in before.commit_index + known + 1..=now.commit_index {
            let entry = view.log[(index - 1) as usize];
            if self.state_machine_safety.committed(node, index, entry)? {
                is_news = true;
                has_older |= entry.term < term;
                self.applied.committed(entry);
                self.acknowledged.committed(entry)?;
                self.leader_completeness.committed(term, index, entry, &self.log_matching)?;
                if !self.memberships.is_empty() {
                    self.memberships.committed(index, entry.term)?;
                }
            }
        }
        if is_news {
            self.mark_commit(node, before, now, has_older);
        }
        if is_news || now.role == Role::Leader {
            self.check_disks(before, now, disks)?;
        }
        Ok(())
    }

    pub(super) fn check_disks(
        &mut self,
        before: &Observation,
        now: &Observation,
        disks: &[impl Disk],
    ) -> Result<(), Box<Violation>> {
        if disks.iter().all(|disk| disk.term_and_vote().is_none()) {
            return Ok(());
        }
        let latest = now.membership.unwrap_or(self.everyone);
        let under = [latest, before.membership.unwrap_or(latest)];
        self.durability.committed(now.commit_index, &under, disks, &self.state_machine_safety)
    }
}
