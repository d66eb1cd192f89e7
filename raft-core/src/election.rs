//! Elections (§5.2, §5.4.1): who campaigns, who votes, who wins.

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::effect::Effect;
use crate::entry::Payload;
use crate::ids::{LogIndex, NodeId, Term};
use crate::message::{Message, RequestVote, RequestVoteReply};
use crate::progress::Progress;
use crate::quorum::{self, VoteResult};
use crate::raft::{Candidate, Follower, FollowerOfMine, Leader, Raft, Role};

impl<P: Clone, R: Rng> Raft<P, R> {
    /// Starts an election: a new term, a vote for itself, a new timeout.
    pub(crate) fn campaign(&mut self, effects: &mut Vec<Effect<P>>) {
        self.election_timeout = self.config.draw_election_timeout(&mut self.rng);
        let deadline = self.now.after(self.election_timeout);
        if self.term >= Term::LIMIT {
            // No term is left to campaign in; staying silent in this one is safe.
            match &mut self.role {
                Role::Follower(follower) => (follower.leader, follower.deadline) = (None, deadline),
                Role::Candidate(candidate) => candidate.deadline = deadline,
                Role::Leader(_) => return,
            }
            self.announce_role(effects);
            return;
        }
        self.term = self.term.next();
        self.voted_for = Some(self.config.id);
        self.unsaved.term_and_vote = true;
        // RequestVote promises this node's own vote, so it waits until that is durable: `open_the_polls`.
        self.role = Role::Candidate(Candidate { deadline, granted: Vec::new(), refused: Vec::new() });
        self.announce_role(effects);
    }

    /// The candidate's own vote is durable: count it, and ask the others for theirs.
    pub(crate) fn open_the_polls(&mut self, effects: &mut Vec<Effect<P>>) {
        let request = RequestVote { term: self.term, last: self.log.last_position() };
        for &to in self.config.peers() {
            effects.push(Effect::Send { to, message: Message::RequestVote(request) });
        }
        self.count_vote(self.config.id, true, effects);
    }

    pub(crate) fn receive_request_vote(&mut self, from: NodeId, request: RequestVote, effects: &mut Vec<Effect<P>>) {
        let is_free = self.voted_for.is_none_or(|candidate| candidate == from);
        let is_current = request.term == self.term;
        let is_up_to_date = request.last.is_up_to_date_with(self.log.last_position());
        if !(is_current && is_free && is_up_to_date) {
            self.send_vote(from, false, effects);
            return;
        }
        // A leader or a candidate has voted for itself, so only a follower gets here.
        let Role::Follower(follower) = &mut self.role else { return };
        follower.deadline = self.now.after(self.election_timeout);
        follower.is_vote_owed = true;
        if self.voted_for.is_none() {
            self.voted_for = Some(from);
            self.unsaved.term_and_vote = true;
        }
        self.send_owed_vote(effects);
    }

    /// Sends the granted vote once a crash cannot take it back.
    pub(crate) fn send_owed_vote(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Follower(follower) = &mut self.role else { return };
        let Some(candidate) = self.voted_for else { return };
        if follower.is_vote_owed && self.is_term_and_vote_durable() {
            if let Role::Follower(follower) = &mut self.role {
                follower.is_vote_owed = false;
            }
            self.send_vote(candidate, true, effects);
        }
    }

    fn send_vote(&self, to: NodeId, granted: bool, effects: &mut Vec<Effect<P>>) {
        let reply = RequestVoteReply { term: self.term, granted };
        effects.push(Effect::Send { to, message: Message::RequestVoteReply(reply) });
    }

    pub(crate) fn receive_request_vote_reply(
        &mut self,
        from: NodeId,
        reply: RequestVoteReply,
        effects: &mut Vec<Effect<P>>,
    ) {
        // A vote counts only in the election it was given in.
        if reply.term == self.term {
            self.count_vote(from, reply.granted, effects);
        }
    }

    /// Each voter counts once, however often its reply arrives.
    fn count_vote(&mut self, voter: NodeId, granted: bool, effects: &mut Vec<Effect<P>>) {
        let Role::Candidate(candidate) = &mut self.role else { return };
        let votes = if granted { &mut candidate.granted } else { &mut candidate.refused };
        if !votes.contains(&voter) {
            votes.push(voter);
        }
        let result = quorum::vote_result(self.config.voters.len(), candidate.granted.len(), candidate.refused.len());
        match result {
            VoteResult::Won => self.become_leader(effects),
            // A lost election ends with the timeout like a split one (§5.2): the winner is on its way.
            VoteResult::Lost | VoteResult::Pending => {}
        }
    }

    fn become_leader(&mut self, effects: &mut Vec<Effect<P>>) {
        let progress = Progress::at_start_of_term(self.log.last_index(), self.now);
        let peers = self.config.peers();
        self.role = Role::Leader(Leader {
            followers: peers.iter().map(|&id| FollowerOfMine { id, progress }).collect(),
            heartbeat_deadline: self.now.after(self.config.heartbeat_interval),
            held: Vec::with_capacity(peers.len() + 1),
        });
        self.announce_role(effects);
        // Without an entry of its own term a leader could commit nothing (§5.4.2, §8).
        self.append_own(Payload::Noop);
        self.replicate(effects);
    }

    /// Takes up a later term: whatever role this node had is over (§5.1).
    pub(crate) fn adopt_term(&mut self, term: Term, effects: &mut Vec<Effect<P>>) {
        self.term = term;
        self.voted_for = None;
        self.unsaved.term_and_vote = true;
        self.become_follower(None, effects);
    }

    /// Follows `leader`, or nobody yet, in the current term.
    pub(crate) fn become_follower(&mut self, leader: Option<NodeId>, effects: &mut Vec<Effect<P>>) {
        let deadline = match &self.role {
            Role::Follower(Follower { deadline, .. }) | Role::Candidate(Candidate { deadline, .. }) => *deadline,
            Role::Leader(_) => self.now.after(self.election_timeout),
        };
        self.role = Role::Follower(Follower::new(leader, deadline));
        self.announce_role(effects);
    }
}

impl Follower {
    pub(crate) fn new(leader: Option<NodeId>, deadline: crate::time::Time) -> Self {
        Self { leader, deadline, is_vote_owed: false, is_append_reply_owed: false, matched: LogIndex(0) }
    }
}
