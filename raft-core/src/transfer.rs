//! Leadership transfer (dissertation §3.10).

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, TransferOutcome, TransferReject};
use crate::ids::NodeId;
use crate::membership::Half;
use crate::message::{Message, TimeoutNow};
use crate::raft::{Raft, Role};
use crate::time::Time;

/// A transfer that is under way. Meanwhile the leader takes no proposals, so that the target can catch up, and no changes of
/// membership, so that it stays a voter.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct Transfer {
    pub(crate) to: NodeId,
    pub(crate) deadline: Time,
    /// Somebody waits to hear how it ends: it is not the leader's own idea.
    is_requested: bool,
}

impl Transfer {
    pub(crate) fn end<P>(self, outcome: TransferOutcome, effects: &mut Vec<Effect<P>>) {
        if self.is_requested {
            effects.push(Effect::TransferOutcome { to: self.to, outcome });
        }
    }
}

impl<P: Command, R: Rng> Raft<P, R> {
    #[cold]
    pub(crate) fn transfer_leadership(&mut self, to: NodeId, effects: &mut Vec<Effect<P>>) {
        let is_voter = self.membership().role_of(to).is_some_and(|role| role.votes_in(Half::New));
        let refusal = match &self.role {
            Role::Leader(_) if to == self.config.id => Some(TransferReject::AlreadyLeader),
            Role::Leader(_) => (!is_voter).then_some(TransferReject::NotAVoter),
            _ => Some(TransferReject::NotLeader { leader: self.leader() }),
        };
        match refusal {
            Some(reason) => {
                let outcome = TransferOutcome::Rejected(reason);
                effects.push(Effect::TransferOutcome { to, outcome });
            }
            None => self.begin_transfer(to, true, effects),
        }
    }

    pub(crate) fn begin_transfer(&mut self, to: NodeId, is_requested: bool, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let deadline = self.now.after(self.config.longest_election_timeout);
        if let Some(earlier) = leader.transfer.replace(Transfer { to, deadline, is_requested }) {
            earlier.end(TransferOutcome::Replaced, effects);
        }
        if let Some(place) = leader.place_of(to) {
            self.pursue_transfer(place, effects);
        }
    }

    /// The target campaigns as soon as it has the whole log: before, it could not win.
    pub(crate) fn pursue_transfer(&mut self, place: usize, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(transfer) = &leader.transfer else { return };
        let follower = &leader.followers[place];
        if follower.id == transfer.to && follower.progress.match_index() == self.log.last_index() {
            leader.has_sent_timeout_now = true;
            let message = Message::TimeoutNow(TimeoutNow { term: self.term });
            effects.push(Effect::Send { to: follower.id, message });
        }
    }

    /// The target has not taken over in time: this leader goes on.
    pub(crate) fn end_late_transfer(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(transfer) = leader.transfer.take_if(|transfer| transfer.deadline <= self.now) {
            transfer.end(TransferOutcome::TimedOut, effects);
        }
    }
}
