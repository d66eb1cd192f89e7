//! A server's state in one number, for whoever searches states and must know one again.

use core::hash::{Hash, Hasher};

use crate::raft::{Raft, Role};
use crate::time::{Span, Time};

impl<P: Hash, R> Raft<P, R> {
    /// Feeds `hasher` with everything that decides what this server does from now on, but for its configuration, its
    /// generator, and how long its timeouts are.
    ///
    /// Of times, what counts is whether a timer is set, whether a leader has been heard of lately, and for a leader how
    /// long ago it sent to and heard from each follower. Two servers with the same fingerprint therefore do the same where a
    /// timer may fire whenever it is set.
    pub fn fingerprint(&self, hasher: &mut impl Hasher) {
        let Self {
            config,
            rng: _,
            now,
            election_timeout: _,
            is_stopped,
            term,
            voted_for,
            log,
            commit_index,
            last_applied,
            memberships,
            role,
            heard_leader_at,
            no_vote_before,
            durability,
            // Empty between two steps.
            unsaved: _,
            proposals,
            reads,
            snapshot,
            installing,
            staged,
        } = self;
        (is_stopped, term, voted_for, log, commit_index, last_applied, memberships).hash(hasher);
        (role, durability, proposals, reads, snapshot, installing, staged).hash(hasher);
        let is_in_touch = |heard: &Time| *now < heard.after(config.shortest_election_timeout);
        // Leases need it too.
        let has_heard = config.check_quorum && heard_leader_at.as_ref().is_some_and(is_in_touch);
        (self.next_deadline().is_some(), has_heard, now < no_vote_before).hash(hasher);
        if let Role::Leader(leader) = role {
            let left = |deadline: Time| deadline.0.saturating_sub(now.0);
            left(leader.heartbeat_deadline).hash(hasher);
            let is_reviewed = config.check_quorum || durability.oldest_submitted_at().is_some();
            if is_reviewed {
                left(leader.review_deadline).hash(hasher);
                durability.oldest_submitted_at().map(|since| now.0.saturating_sub(since.0)).hash(hasher);
            }
            let ago = |at: Time, Span(most): Span| now.0.saturating_sub(at.0).min(most);
            for follower in &leader.followers {
                ago(follower.progress.sent_at, config.heartbeat_interval).hash(hasher);
                if config.check_quorum {
                    ago(follower.progress.heard_at, config.longest_election_timeout).hash(hasher);
                }
            }
        }
    }
}
