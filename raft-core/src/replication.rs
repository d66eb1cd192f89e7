//! The leader's side of replication (§5.3).

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, LogWrite};
use crate::entry::{Entries, Entry};
use crate::ids::{LogIndex, LogPosition, NodeId, Round};
use crate::leadership::Leader;
use crate::log::Log;
use crate::message::{AppendEntries, AppendEntriesReply, AppendOutcome, LogLost, Message};
use crate::progress::{Flow, Refusal};
use crate::raft::{Raft, Role};
use crate::settings::Settings;

impl<P: Command, R: Rng> Raft<P, R> {
    /// Sends every follower what it lacks, as far as its window allows.
    pub(crate) fn replicate(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &self.role else { return };
        for place in 0..leader.followers.len() {
            self.replicate_to(place, effects);
        }
    }

    #[inline]
    pub(crate) fn replicate_to(&mut self, place: usize, effects: &mut Vec<Effect<P>>) {
        while self.has_more_for(place) && self.send_next_to(place, effects) {}
    }

    fn has_more_for(&self, place: usize) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        leader.followers[place].progress.next_index() <= self.log.last_index()
    }

    /// Sends one append, if it may be sent now. Returns whether it was.
    #[inline(never)]
    fn send_next_to(&mut self, place: usize, effects: &mut Vec<Effect<P>>) -> bool {
        let Role::Leader(leader) = &mut self.role else { return false };
        let Leader { followers, rounds, .. } = leader;
        let follower = &mut followers[place];
        let progress = &mut follower.progress;
        if !progress.is_sent_entries() {
            return false;
        }
        let next = progress.next_index();
        let prev = next.previous();
        let Some(prev_term) = self.log.term_at(prev) else {
            // What the follower lacks has been compacted (§7). It may have been while an append was under way or
            // the window full: heartbeats, which cannot name that place any more, would never find out about a loss.
            self.send_snapshot_to(place, effects);
            return false;
        };
        if !progress.has_room(&self.config) {
            return false;
        }
        let (entries, bytes) = next_entries(next, &self.log, self.unsaved.log.as_ref(), &self.config);
        progress.sent(LogIndex(prev.0 + entries.len() as u64), bytes, self.now);
        let append = AppendEntries {
            term: self.term,
            attempt: progress.attempt(),
            round: rounds.last(),
            prev: LogPosition { index: prev, term: prev_term },
            entries,
            leader_commit: self.commit_index,
        };
        effects.push(Effect::Send { to: follower.id, message: Message::AppendEntries(append) });
        true
    }

    /// Begins a round: lets every follower that has heard nothing for a heartbeat interval know that the leader is
    /// there, or all of them, where somebody waits for their answers.
    #[inline(never)]
    pub(crate) fn heartbeat(&mut self, is_waited_for: bool, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        leader.rounds.begin(self.now);
        let interval = self.config.heartbeat_interval;
        let mut next_deadline = self.now.after(interval);
        for place in 0..leader.followers.len() {
            let Role::Leader(leader) = &mut self.role else { return };
            let is_due = leader.followers[place].progress.sent_at.after(interval) <= self.now;
            if is_due || is_waited_for {
                self.send_heartbeat(place, effects);
            }
            self.pursue_snapshot(place, effects);
            let Role::Leader(leader) = &self.role else { return };
            next_deadline = next_deadline.min(leader.followers[place].progress.sent_at.after(interval));
        }
        let Role::Leader(leader) = &mut self.role else { return };
        leader.heartbeat_deadline = next_deadline;
    }

    /// A heartbeat is an append without entries after the last entry sent: it also finds out about losses.
    #[cold]
    pub(crate) fn send_heartbeat(&mut self, place: usize, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let round = leader.rounds.last();
        let follower = &mut leader.followers[place];
        follower.progress.sent_at = self.now;
        let message = match follower.progress.flow() {
            Flow::Lost => Message::LogLost(LogLost { term: self.term, acknowledged: follower.progress.match_index() }),
            Flow::Probe { .. } | Flow::Replicate(_) | Flow::Snapshot(_) => {
                // The start of the log, which all share, where this log does not reach back so far.
                let index = follower.progress.next_index().previous();
                let prev = self.log.term_at(index).map_or(LogPosition::ORIGIN, |term| LogPosition { index, term });
                Message::AppendEntries(AppendEntries {
                    term: self.term,
                    attempt: follower.progress.attempt(),
                    round,
                    prev,
                    entries: Entries::empty(),
                    leader_commit: self.commit_index,
                })
            }
        };
        effects.push(Effect::Send { to: follower.id, message });
    }

    #[inline(never)]
    pub(crate) fn receive_append_entries_reply(
        &mut self,
        from: NodeId,
        reply: AppendEntriesReply,
        effects: &mut Vec<Effect<P>>,
    ) {
        if reply.term < self.term {
            return;
        }
        let base = self.log.base().index;
        let Some(place) = self.heard_from(from, reply.round, effects) else { return };
        let Role::Leader(leader) = &mut self.role else { return };
        let progress = &mut leader.followers[place].progress;
        match reply.outcome {
            AppendOutcome::Accepted { match_index } => {
                // What a quorum holds already is news of this follower alone.
                if progress.accepted(match_index, leader.rounds.last(), base) && match_index > self.commit_index {
                    self.advance_leader_commit(effects);
                }
                // Also where it is no news: what kept a learner from being promoted may be over since.
                self.pursue_membership(place, effects);
            }
            AppendOutcome::Conflict { attempt, prev_index, hint } => {
                // Skip the leader's own entries of terms that the follower cannot have there. What is compacted here
                // cannot be compared: where all that is left is of later terms, the logs meet before it at the latest.
                let before = hint.index.min(base.previous());
                let meet = self.log.last_at_or_below(hint).map_or(before, |meet| meet.index);
                match progress.refused(attempt, reply.round, prev_index, meet) {
                    Refusal::Late => return,
                    Refusal::Retry => {}
                    Refusal::LostLog => {
                        self.follower_lost_log(place, effects);
                        return;
                    }
                }
            }
            // A term above ours has been adopted already.
            AppendOutcome::Heard | AppendOutcome::StaleTerm => {}
        }
        // Servers that are let go make the others move up.
        if let Role::Leader(leader) = &self.role
            && leader.followers.get(place).is_some_and(|follower| follower.id == from)
        {
            self.pursue_transfer(place, effects);
            self.replicate_to(place, effects);
        }
    }

    /// A follower of this term has spoken: it recognises this leader, and did so after `round` began. Where it stands
    /// among the followers.
    pub(crate) fn heard_from(&mut self, from: NodeId, round: Round, effects: &mut Vec<Effect<P>>) -> Option<usize> {
        let Role::Leader(leader) = &mut self.role else { return None };
        let place = leader.place_of(from)?;
        let progress = &mut leader.followers[place].progress;
        progress.heard_at = self.now;
        if round > progress.answered {
            progress.answered = round;
            self.vouch_for_reads(effects);
        }
        Some(place)
    }

    #[cold]
    pub(crate) fn peer_unreachable(&mut self, peer: NodeId, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(place) = leader.place_of(peer) {
            leader.followers[place].progress.unreachable();
            self.replicate_to(place, effects);
        }
    }
}

/// As much of the log from `next` on as one append may carry, and how many bytes that is.
fn next_entries<P: Command>(
    next: LogIndex,
    log: &Log<P>,
    unsaved: Option<&LogWrite<P>>,
    config: &Settings,
) -> (Entries<P>, u64) {
    // Most often this is what the step has just appended: one allocation serves every follower and the disk.
    let just_appended = unsaved.filter(|write| write.first == next);
    let missing = just_appended.map_or_else(|| log.slice(next..=log.last_index()), |write| &write.entries);
    let (count, bytes) = fitting(missing, config);
    let entries = match just_appended {
        Some(write) if count == missing.len() => write.entries.clone(),
        _ => Entries::from(&missing[..count]),
    };
    (entries, bytes)
}

/// How many of `entries`, one at least, one append may carry, and how many bytes they are.
fn fitting<P: Command>(entries: &[Entry<P>], config: &Settings) -> (usize, u64) {
    let mut total = 0;
    for (count, entry) in entries.iter().enumerate() {
        let bytes = entry.size_bytes().saturating_add(total);
        if count > 0 && (count >= config.max_entries_per_append || bytes > config.max_bytes_per_append) {
            return (count, total);
        }
        total = bytes;
    }
    (entries.len(), total)
}
