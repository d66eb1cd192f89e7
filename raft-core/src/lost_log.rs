//! A follower that has lost what it acknowledged: its disk lied, or was exchanged for another.
//!
//! What it acknowledged may have been committed on the strength of that. To send it again would hide the loss from
//! those who must act on it, and meanwhile its vote could elect a leader that lacks committed entries: it must not vote.
//!
//! The proof is a refusal of an append that left after the acknowledgement had come back. A leader that has compacted
//! what the follower lost asks no more, and has no proof.

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, FatalError};
use crate::message::LogLost;
use crate::raft::{Raft, Role};

impl<P: Command, R: Rng> Raft<P, R> {
    /// The follower refused an append that left after it had acknowledged what the append builds on.
    #[cold]
    pub(crate) fn follower_lost_log(&mut self, place: usize, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let follower = &mut leader.followers[place];
        follower.progress.give_up();
        let acknowledged = follower.progress.match_index();
        effects.push(Effect::FollowerLostLog { follower: follower.id, acknowledged });
        self.send_heartbeat(place, effects);
    }

    /// The leader has proof against this node.
    #[cold]
    pub(crate) fn receive_log_lost(&mut self, notice: LogLost, effects: &mut Vec<Effect<P>>) {
        let durable = self.durability.index();
        if notice.term == self.term && notice.acknowledged > durable.max(self.log.base().index) {
            self.stop(FatalError::LogLost { acknowledged: notice.acknowledged, durable }, effects);
        }
    }
}
