//! The follower's side of replication (§5.3).

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::effect::{Effect, FatalError};
use crate::ids::{LogIndex, LogPosition, NodeId};
use crate::message::{AppendEntries, AppendEntriesReply, AppendOutcome, Message};
use crate::raft::{Raft, Role};

impl<P: Clone, R: Rng> Raft<P, R> {
    pub(crate) fn receive_append_entries(
        &mut self,
        from: NodeId,
        append: &AppendEntries<P>,
        effects: &mut Vec<Effect<P>>,
    ) {
        if append.term < self.term {
            self.send_append_reply(from, AppendOutcome::StaleTerm, effects);
            return;
        }
        self.follow(from, effects);
        if !self.log.contains(append.prev) {
            let hint = self.log.last_at_or_below(append.prev);
            let AppendEntries { attempt, prev, .. } = *append;
            let outcome = AppendOutcome::Conflict { attempt, prev_index: prev.index, hint };
            self.send_append_reply(from, outcome, effects);
            return;
        }
        let last_new = LogIndex(append.prev.index.0 + append.entries.len() as u64);
        if let Err(error) = self.store_missing(append) {
            self.stop(error, effects);
            return;
        }
        let Role::Follower(follower) = &mut self.role else { return };
        // A leader never changes its own log, so what matched once in this term still does.
        follower.matched = follower.matched.max(last_new);
        follower.is_append_reply_owed = true;
        // Beyond what matches, this log may hold entries that no leader will ever commit.
        let committed = append.leader_commit.min(follower.matched);
        self.commit_up_to(committed, effects);
        self.send_owed_append_reply(effects);
    }

    /// Recognises `leader` as the leader of the current term, and waits for an election timeout from now.
    fn follow(&mut self, leader: NodeId, effects: &mut Vec<Effect<P>>) {
        match &self.role {
            Role::Follower(follower) if follower.leader == Some(leader) => {}
            Role::Follower(_) | Role::Candidate(_) => self.become_follower(Some(leader), effects),
            // Refused as `SecondLeader` before it gets here.
            Role::Leader(_) => return,
        }
        if let Role::Follower(follower) = &mut self.role {
            follower.deadline = self.now.after(self.election_timeout);
        }
    }

    /// Stores the entries that the log lacks. An entry that contradicts a new one goes, with all that
    /// follow it; entries that are merely not mentioned stay, since the append may be an old one (§5.3).
    fn store_missing(&mut self, append: &AppendEntries<P>) -> Result<(), FatalError> {
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
        if first <= self.log.last_index() {
            self.log.truncate_from(first);
            self.durability.truncated_from(first);
        }
        let missing = append.entries.slice(offset..append.entries.len());
        self.log.extend(&missing);
        self.note_log_write(first, missing);
        Ok(())
    }

    /// Acknowledges what matches as far as it is durable, once the term it is said under is durable too.
    /// What this step still has to write is acknowledged when it is written, not in two halves.
    pub(crate) fn send_owed_append_reply(&mut self, effects: &mut Vec<Effect<P>>) {
        let is_writing = self.unsaved.is_any();
        let Role::Follower(follower) = &self.role else { return };
        let (Some(leader), true) = (follower.leader, follower.is_append_reply_owed) else { return };
        let is_term_durable = self.durability.term_and_vote().term == self.term;
        if is_writing || !is_term_durable {
            return;
        }
        let match_index = follower.matched.min(self.durability.index());
        let is_complete = match_index == follower.matched;
        self.send_append_reply(leader, AppendOutcome::Accepted { match_index }, effects);
        if let Role::Follower(follower) = &mut self.role {
            follower.is_append_reply_owed = !is_complete;
        }
    }

    fn send_append_reply(&self, to: NodeId, outcome: AppendOutcome, effects: &mut Vec<Effect<P>>) {
        let reply = AppendEntriesReply { term: self.term, outcome };
        effects.push(Effect::Send { to, message: Message::AppendEntriesReply(reply) });
    }
}
