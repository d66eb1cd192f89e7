//! What a log shows when it changes, and when the run is over.

use super::state_machine_safety::StateMachineSafety;
use super::{Checkers, NodeView, leader_append_only, log_matching, snapshots};
use crate::failure::Violation;
use crate::marks::Mark;
use crate::node::NodeId;
use crate::subject::{LogEntry, Observation, Role, Subject};

impl Checkers {
    /// The log that `node` shows is the one that its changes have added up to.
    pub(crate) fn audit<S: Subject>(&mut self, node: NodeId, subject: &S) -> Result<(), Box<Violation>> {
        self.audit_decided(node, subject)?;
        let NodeView { log, seen, .. } = &self.views[node];
        self.memberships.audit(node, seen.snapshot_index, |index| subject.log_membership(index))?;
        let mut entries = (1..).zip(log).skip(seen.snapshot_index as usize);
        entries.try_for_each(|(index, entry)| log_matching::unchanged(node, index, *entry, subject.log_entry(index)))
    }

    #[inline(never)]
    pub(super) fn check_log<S: Subject>(
        &mut self,
        node: NodeId,
        before: &Observation,
        now: &Observation,
        subject: &S,
    ) -> Result<(), Box<Violation>> {
        let replaced_to = match now.snapshot_index == before.snapshot_index {
            true => None,
            false => self.check_snapshot(node, before, now, subject)?,
        };
        // A log that is longer or shorter has changed, whatever the subject says of it.
        let resized_from = before.last_index.min(now.last_index) + 1;
        let from = match (now.log_changed_from, replaced_to) {
            (None, None) if before.last_index == now.last_index => return Ok(()),
            (None, None) => resized_from,
            (changed_from, replaced_to) => {
                let replaced_from = replaced_to.map_or(u64::MAX, |index| index + 1);
                changed_from.unwrap_or(u64::MAX).min(replaced_from).min(resized_from)
            }
        };
        let term = now.term_and_vote.term;
        let was_leading = before.role == Role::Leader && before.term_and_vote.term == term;
        if was_leading && now.role == Role::Leader {
            leader_append_only::log_changed(node, term, before.last_index, from)?;
        }
        if now.role == Role::Leader && term < self.latest_led && now.last_index > before.last_index {
            self.marks[Mark::SupersededAppends] += 1;
        }
        let view = &mut self.views[node];
        let from = from.max(now.snapshot_index + 1).clamp(1, view.log.len() as u64 + 1);
        if (from as usize) <= view.log.len() {
            if replaced_to.is_none() {
                self.marks[Mark::TailTruncated] += 1;
            }
            view.log.truncate((from - 1) as usize);
        }
        self.memberships.truncated(node, from);
        for index in from..=now.last_index {
            let entry = log_matching::present(node, index, now.last_index, subject.log_entry(index))?;
            let previous_term = view.log.last().map_or(0, |previous| previous.term);
            let is_new = self.log_matching.appended(node, index, entry, previous_term)?;
            self.election_safety.entry_received(node, entry.term)?;
            let place = (index, entry.term);
            if is_new {
                if let Some(membership) = subject.log_membership(index) {
                    if now.role == Role::Leader && term == entry.term {
                        let entered_joint =
                            self.memberships.joint_at(node).and_then(|index| view.log.get(index as usize - 1));
                        if !membership.is_joint() && entered_joint.is_some_and(|entry| entry.term != term) {
                            self.marks[Mark::JointTakenOver] += 1;
                        }
                        self.memberships.proposed(
                            node,
                            place,
                            membership,
                            committed_position(now, &view.log, place),
                        )?;
                    }
                    self.memberships.created(node, place, membership)?;
                }
            } else if !self.memberships.is_empty() {
                self.memberships.copied(node, place, || subject.log_membership(index))?;
            }
            view.log.push(entry);
        }
        // What the node held for committed must still be there, and still the same.
        StateMachineSafety::kept(node, before.commit_index, now.last_index)?;
        for index in from..=before.commit_index.min(view.log.len() as u64) {
            self.state_machine_safety.committed(node, index, view.log[(index - 1) as usize])?;
        }
        Ok(())
    }

    /// More of `node`'s log has given way to a snapshot. Returns how much of it was not what the snapshot has, or missing.
    #[cold]
    pub(super) fn check_snapshot<S: Subject>(
        &mut self,
        node: NodeId,
        before: &Observation,
        now: &Observation,
        subject: &S,
    ) -> Result<Option<u64>, Box<Violation>> {
        let index = now.snapshot_index;
        snapshots::replaced(node, before.snapshot_index, index)?;
        let view = &mut self.views[node];
        let committed = self.state_machine_safety.log();
        // A leader may compact in the very step what it commits in it: that is judged right after this.
        let is_leading = before.role == Role::Leader || now.role == Role::Leader;
        let is_own = is_leading && (committed.len() as u64) < index && index <= view.log.len() as u64;
        snapshots::installed(node, index, subject.snapshot_term(), if is_own { &view.log } else { committed })?;
        let place = (index - 1) as usize;
        if is_own || view.log.get(place) == committed.get(place) {
            snapshots::followed(node, index, before.last_index, now.last_index)?;
            return Ok(None);
        }
        view.log.truncate(before.commit_index as usize);
        view.log.extend_from_slice(&committed[view.log.len()..=place]);
        view.is_installing = true;
        if index > view.found_snapshot {
            self.mark_installation(before, now);
        }
        self.memberships.installed(node, index);
        Ok(Some(index))
    }
}

/// The last entry that a leader knew to be committed when it appended to `log` at `index` in `term`.
fn committed_position(leader: &Observation, log: &[LogEntry], (index, term): (u64, u64)) -> (u64, u64) {
    let committed = leader.commit_index;
    // Where it is alone, all of it may be one step.
    if committed >= index {
        return (index - 1, term);
    }
    let entry = committed.checked_sub(1).and_then(|place| log.get(place as usize));
    (committed, entry.map_or(0, |entry| entry.term))
}
