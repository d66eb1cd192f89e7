//! The leader's side of replication (§5.3).

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::effect::Effect;
use crate::entry::Entries;
use crate::ids::{LogIndex, LogPosition, NodeId};
use crate::message::{AppendEntries, AppendEntriesReply, AppendOutcome, Message};
use crate::raft::{Raft, Role};

impl<P: Clone, R: Rng> Raft<P, R> {
    /// Sends every follower what it lacks, as far as its window allows.
    pub(crate) fn replicate(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &self.role else { return };
        for place in 0..leader.followers.len() {
            self.replicate_to(place, effects);
        }
    }

    fn replicate_to(&mut self, place: usize, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let follower = &mut leader.followers[place];
        while follower.progress.next_index() <= self.log.last_index() {
            let next = follower.progress.next_index();
            let missing = self.log.last_index().0 + 1 - next.0;
            let allowed =
                follower.progress.allowance(self.config.max_entries_per_append, self.config.max_entries_in_flight);
            let count = allowed.min(usize::try_from(missing).unwrap_or(usize::MAX));
            if count == 0 {
                return;
            }
            let last = LogIndex(next.0 + count as u64 - 1);
            // Most often this is what the step has just appended: one allocation serves every follower and the disk.
            let entries = match &self.unsaved.log {
                Some(write) if write.first == next && write.entries.len() == count => write.entries.clone(),
                _ => Entries::from(self.log.slice(next..=last)),
            };
            follower.progress.sent(count, self.now);
            let append = AppendEntries {
                term: self.term,
                attempt: follower.progress.attempt(),
                prev: position_before(&self.log, next),
                entries,
                leader_commit: self.commit_index,
            };
            effects.push(Effect::Send { to: follower.id, message: Message::AppendEntries(append) });
        }
    }

    /// Lets every follower that has heard nothing for a heartbeat interval know that the leader is there.
    ///
    /// A heartbeat is an append without entries after the last entry sent: it also finds out about losses.
    pub(crate) fn heartbeat(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let interval = self.config.heartbeat_interval;
        let mut next_deadline = self.now.after(interval);
        for follower in &mut leader.followers {
            if follower.progress.sent_at.after(interval) <= self.now {
                let append = AppendEntries {
                    term: self.term,
                    attempt: follower.progress.attempt(),
                    prev: position_before(&self.log, follower.progress.next_index()),
                    entries: Entries::empty(),
                    leader_commit: self.commit_index,
                };
                effects.push(Effect::Send { to: follower.id, message: Message::AppendEntries(append) });
                follower.progress.sent_at = self.now;
            }
            next_deadline = next_deadline.min(follower.progress.sent_at.after(interval));
        }
        leader.heartbeat_deadline = next_deadline;
    }

    pub(crate) fn receive_append_entries_reply(
        &mut self,
        from: NodeId,
        reply: AppendEntriesReply,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Role::Leader(leader) = &mut self.role else { return };
        if reply.term < self.term {
            return;
        }
        let Some(place) = leader.followers.iter().position(|follower| follower.id == from) else { return };
        let progress = &mut leader.followers[place].progress;
        match reply.outcome {
            AppendOutcome::Accepted { match_index } => {
                if progress.accepted(match_index) {
                    self.advance_leader_commit(effects);
                }
            }
            AppendOutcome::Conflict { attempt, prev_index, hint } => {
                // Skip the leader's own entries of terms that the follower cannot have there.
                let meet = self.log.last_at_or_below(hint).index;
                if !progress.conflicted(attempt, prev_index, meet) {
                    return;
                }
            }
            // Says a term above ours, which has been adopted already.
            AppendOutcome::StaleTerm => return,
        }
        self.replicate_to(place, effects);
    }
}

/// The place before `next`. A `next_index` never leaves the log, so there always is one.
fn position_before<P>(log: &crate::log::Log<P>, next: LogIndex) -> LogPosition {
    let index = next.previous();
    LogPosition { index, term: log.term_at(index).unwrap_or_default() }
}
