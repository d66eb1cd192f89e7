//! Pre-votes (dissertation §9.6): a server asks whether it would be elected before it begins a term.
//!
//! A server that was cut off comes back with the term it left with, and whoever is in touch with a leader tells it to
//! wait. Nothing about a pre-vote is durable, since nothing about it binds anybody.

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::Effect;
use crate::ids::NodeId;
use crate::message::{Message, PreVote, PreVoteReply};
use crate::quorum::Tally;
use crate::raft::{PreCandidate, Raft, Role};

impl<P: Command, R: Rng> Raft<P, R> {
    pub(crate) fn ask_for_pre_votes(&mut self, effects: &mut Vec<Effect<P>>) {
        let deadline = self.now.after(self.election_timeout);
        self.role =
            Role::PreCandidate(PreCandidate { deadline, votes: Tally::default(), matched: self.role.matched() });
        self.announce_role(effects);
        let term = self.term.next();
        let request = PreVote { term, last: self.log.last_position(), priority: self.config.priority };
        for to in self.other_voters() {
            effects.push(Effect::Send { to, message: Message::PreVote(request) });
        }
        self.count_pre_vote(self.config.id, effects);
    }

    #[cold]
    pub(crate) fn receive_pre_vote(&mut self, from: NodeId, request: PreVote, effects: &mut Vec<Effect<P>>) {
        let granted = request.term > self.term
            && self.finds_up_to_date(request.last, request.priority)
            && !self.ignores_candidates();
        // Granted, the reply names the term asked about, which a candidate knows its own question by. Refused, it says
        // where the voter is: a server that is behind must learn of it, or the longest log could stay for ever in a
        // term too low to be elected in.
        let term = if granted { request.term } else { self.term };
        if granted || self.term.0 > 0 {
            let reply = PreVoteReply { term, granted };
            effects.push(Effect::Send { to: from, message: Message::PreVoteReply(reply) });
        }
    }

    #[cold]
    pub(crate) fn receive_pre_vote_reply(&mut self, from: NodeId, reply: PreVoteReply, effects: &mut Vec<Effect<P>>) {
        // What a refusal says is its term, which has been taken up already.
        if reply.granted && reply.term == self.term.next() {
            self.count_pre_vote(from, effects);
        }
    }

    fn count_pre_vote(&mut self, voter: NodeId, effects: &mut Vec<Effect<P>>) {
        let Role::PreCandidate(candidate) = &mut self.role else { return };
        candidate.votes.count(voter);
        // One that is not won is tried again after a timeout, as after a lost election.
        if candidate.votes.has_won(self.memberships.latest().1) {
            self.stand_for_election(false, effects);
        }
    }
}
