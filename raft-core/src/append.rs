//! The follower's side of replication (§5.3).

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, FatalError};
use crate::entry::{Entries, Entry, Payload};
use crate::ids::{LogIndex, LogPosition, NodeId, Round, Term};
use crate::message::{AppendEntries, AppendEntriesReply, AppendOutcome, Message};
use crate::raft::{Raft, Role};

impl<P: Command, R: Rng> Raft<P, R> {
    #[inline(never)]
    pub(crate) fn receive_append_entries(
        &mut self,
        from: NodeId,
        // Lent, for it is large: its entries are taken out of it.
        append: &mut AppendEntries<P>,
        effects: &mut Vec<Effect<P>>,
    ) {
        if append.term < self.term {
            // The round is one of another term's, and says nothing in this one.
            self.send_append_reply(from, Round(0), AppendOutcome::StaleTerm, effects);
            return;
        }
        self.follow(from, append.round, effects);
        if !self.log.contains(append.prev) {
            // The base is committed, so that a leader's log has it: its term is not above that of what follows it.
            let hint = self.log.last_at_or_below(append.prev).unwrap_or(self.log.base());
            let outcome = AppendOutcome::Conflict { attempt: append.attempt, prev_index: append.prev.index, hint };
            self.send_append_reply(from, append.round, outcome, effects);
            return;
        }
        let leader_commit = append.leader_commit;
        let is_heartbeat = append.entries.is_empty();
        let last_new = LogIndex(append.prev.index.0 + append.entries.len() as u64);
        if let Err(error) = self.store_missing(append, effects) {
            self.stop(error, effects);
            return;
        }
        self.matches_leader_up_to(last_new);
        let Role::Follower(follower) = &self.role else { return };
        // Beyond what matches, this log may hold entries that no leader will ever commit.
        let committed = leader_commit.min(follower.matched);
        self.commit_up_to(committed, effects);
        if is_heartbeat {
            self.answer_heartbeat(effects);
        }
        self.send_owed_append_reply(effects);
    }

    /// Recognises `leader` as the leader of the current term, and waits for an election timeout from now.
    pub(crate) fn follow(&mut self, leader: NodeId, round: Round, effects: &mut Vec<Effect<P>>) {
        match &self.role {
            Role::Follower(follower) if follower.leader == Some(leader) => {}
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                self.become_follower(Some(leader), effects);
            }
            // Refused as `SecondLeader` before it gets here.
            Role::Leader(_) => return,
        }
        self.heard_leader_at = Some(self.now);
        if let Role::Follower(follower) = &mut self.role {
            follower.deadline = self.now.after(self.election_timeout);
            follower.round = follower.round.max(round);
        }
    }

    /// A leader never changes its own log, so what matched once in this term still does.
    pub(crate) fn matches_leader_up_to(&mut self, index: LogIndex) {
        if let Role::Follower(follower) = &mut self.role {
            follower.matched = follower.matched.max(index);
            follower.is_append_reply_owed = true;
        }
    }

    /// Stores the entries that the log lacks. An entry that contradicts a new one goes, with all that
    /// follow it; entries that are merely not mentioned stay, since the append may be an old one (§5.3).
    #[inline(never)]
    fn store_missing(&mut self, append: &mut AppendEntries<P>, effects: &mut Vec<Effect<P>>) -> Result<(), FatalError> {
        let position = |offset: usize| LogPosition {
            index: LogIndex(append.prev.index.0 + 1 + offset as u64),
            term: append.entries[offset].term,
        };
        let Some(offset) = (0..append.entries.len()).find(|&offset| !self.log.contains(position(offset))) else {
            return Ok(());
        };
        let first = position(offset).index;
        if first <= self.commit_index {
            return Err(FatalError::CommittedEntryConflict { index: first });
        }
        let missing = core::mem::replace(&mut append.entries, Entries::empty()).without_first(offset);
        let is_about_members = |entry: &Entry<P>| matches!(entry.payload, Payload::Membership(_));
        let changes_membership = self.membership_index() >= first || missing.iter().any(is_about_members);
        let membership_before = changes_membership.then(|| self.membership().clone());
        if first <= self.log.last_index() {
            self.log.truncate_from(first);
            self.durability.truncated_from(first);
            // A configuration that was never committed is taken back with its entry (dissertation §4.1).
            self.memberships.truncate_from(first);
        }
        self.log.extend(&missing);
        self.note_log_write(first, missing);
        if let Some(before) = membership_before {
            self.find_memberships(first);
            if *self.membership() != before {
                self.announce_membership(effects);
            }
        }
        Ok(())
    }

    /// Answers a heartbeat at once, though nothing durable can be said yet: the leader must know that it is followed,
    /// however slow this disk is.
    fn answer_heartbeat(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Follower(follower) = &self.role else { return };
        if let (Some(leader), false) = (follower.leader, self.can_acknowledge()) {
            self.send_append_reply(leader, follower.round, AppendOutcome::Heard, effects);
        }
    }

    /// Whether the term that an acknowledgement is said under is durable, and nothing of this step is still to be
    /// written: that is acknowledged when it is written, not in two halves.
    fn can_acknowledge(&self) -> bool {
        !self.unsaved.is_any() && self.durability.term_and_vote().term == self.term
    }

    /// Acknowledges what matches as far as it is durable.
    pub(crate) fn send_owed_append_reply(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Follower(follower) = &self.role else { return };
        let (Some(leader), true) = (follower.leader, follower.is_append_reply_owed) else { return };
        if !self.can_acknowledge() {
            return;
        }
        let match_index = follower.matched.min(self.durability.index());
        let is_complete = match_index == follower.matched;
        self.send_append_reply(leader, follower.round, AppendOutcome::Accepted { match_index }, effects);
        if let Role::Follower(follower) = &mut self.role {
            follower.is_append_reply_owed = !is_complete;
        }
    }

    /// The round that an answer may name: none before any term is durable. A restart with nothing on the disk looks like
    /// a first start, after which a server votes at once, so that no lease may rest on what it said before.
    pub(crate) fn round_to_say(&self, round: Round) -> Round {
        if self.durability.term_and_vote().term == Term(0) { Round(0) } else { round }
    }

    fn send_append_reply(&self, to: NodeId, round: Round, outcome: AppendOutcome, effects: &mut Vec<Effect<P>>) {
        let reply = AppendEntriesReply { term: self.term, round: self.round_to_say(round), outcome };
        effects.push(Effect::Send { to, message: Message::AppendEntriesReply(reply) });
    }
}
