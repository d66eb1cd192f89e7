//! Elections (§5.2, §5.4.1): who campaigns, who votes, who wins.

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::Effect;
use crate::entry::{Entry, Payload};
use crate::ids::{LogIndex, LogPosition, NodeId, Round, Term};
use crate::leadership::Leader;
use crate::message::{Message, RequestVote, RequestVoteReply, TimeoutNow};
use crate::quorum::Tally;
use crate::raft::{Candidate, Follower, PreCandidate, Raft, Role};
use crate::time::Time;

impl<P: Command, R: Rng> Raft<P, R> {
    /// Nobody has led for an election timeout (§5.2).
    #[cold]
    pub(crate) fn election_timeout_elapsed(&mut self, effects: &mut Vec<Effect<P>>) {
        if !self.may_campaign() {
            // Who does not vote waits to hear from whoever leads.
            self.role = Role::Follower(Follower::new(None, Time::NEVER, self.role.matched()));
            self.announce_role(effects);
            return;
        }
        self.election_timeout = self.config.draw_election_timeout(&mut self.rng);
        if self.term >= Term::LIMIT {
            // No term is left to campaign in; staying silent in this one is safe.
            let deadline = self.now.after(self.election_timeout);
            self.role = Role::Follower(Follower::new(None, deadline, self.role.matched()));
            self.announce_role(effects);
        } else if self.config.pre_vote && !self.membership().is_only_voter(self.config.id) {
            self.ask_for_pre_votes(effects);
        } else {
            self.stand_for_election(false, effects);
        }
    }

    /// Whether this node votes in a configuration that may still be the last one.
    ///
    /// That it is left out of a later one does not matter until that is committed: it may be the only one that has the
    /// entry and can bring it about, not counting its own vote (dissertation §4.2.2).
    fn may_campaign(&self) -> bool {
        self.memberships.open_since(self.commit_index).any(|membership| membership.is_voter(self.config.id))
    }

    /// Begins a term, with a vote for itself.
    #[cold]
    pub(crate) fn stand_for_election(&mut self, is_transfer: bool, effects: &mut Vec<Effect<P>>) {
        self.term = self.term.next();
        self.voted_for = Some(self.config.id);
        self.unsaved.term_and_vote = true;
        // RequestVote promises this node's own vote, so it waits until that is durable: `open_the_polls`.
        let deadline = self.now.after(self.election_timeout);
        self.role = Role::Candidate(Candidate { deadline, votes: Tally::default(), is_transfer });
        self.announce_role(effects);
    }

    /// The leader hands its place over: no need to wait, nor to ask around first (dissertation §3.10).
    #[cold]
    pub(crate) fn receive_timeout_now(&mut self, request: TimeoutNow, effects: &mut Vec<Effect<P>>) {
        let is_current = request.term == self.term && self.term < Term::LIMIT;
        let can_take_over = match self.role {
            Role::Follower(_) | Role::PreCandidate(_) => self.may_campaign(),
            Role::Candidate(_) | Role::Leader(_) => false,
        };
        if is_current && can_take_over {
            self.election_timeout = self.config.draw_election_timeout(&mut self.rng);
            self.stand_for_election(true, effects);
        }
    }

    /// The candidate's own vote is durable: count it, and ask the others for theirs.
    #[cold]
    pub(crate) fn open_the_polls(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Candidate(Candidate { is_transfer, .. }) = self.role else { return };
        let (term, last, priority) = (self.term, self.log.last_position(), self.config.priority);
        let request = RequestVote { term, last, priority, is_transfer };
        for to in self.other_voters() {
            effects.push(Effect::Send { to, message: Message::RequestVote(request) });
        }
        self.count_vote(self.config.id, effects);
    }

    /// All who vote, in either half of a joint configuration, but this node.
    pub(crate) fn other_voters(&self) -> impl Iterator<Item = NodeId> {
        let membership = self.membership();
        let is_asked = move |id: &NodeId| *id != self.config.id && membership.is_voter(*id);
        membership.members().iter().map(|member| member.id).filter(is_asked)
    }

    /// Whether candidates are not even listened to: someone leads, as far as this node can know, and to depose it
    /// would only disturb the cluster (dissertation §4.2.3). Leases rest on this.
    pub(crate) fn ignores_candidates(&self) -> bool {
        let is_in_touch = match &self.role {
            Role::Leader(_) => true,
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => {
                // Of whatever term the leader was: a lease holds although its holder has been deposed since.
                let silence_ends = |heard: Time| heard.after(self.config.shortest_election_timeout);
                self.heard_leader_at.is_some_and(|heard| self.now < silence_ends(heard))
            }
        };
        self.now < self.no_vote_before || self.config.check_quorum && is_in_touch
    }

    /// Whether a log that ends at `last` may lead (§5.4.1), and whether this node yields to its owner's `priority`.
    pub(crate) fn finds_up_to_date(&self, last: LogPosition, priority: u32) -> bool {
        let own = self.log.last_position();
        let yields = priority >= self.config.priority || !self.may_campaign();
        // Priority decides among equals only: whoever has more of the log is never turned away for it.
        last.is_up_to_date_with(own) && (yields || last != own)
    }

    #[cold]
    pub(crate) fn receive_request_vote(&mut self, from: NodeId, request: RequestVote, effects: &mut Vec<Effect<P>>) {
        let is_free = self.voted_for.is_none_or(|candidate| candidate == from);
        let is_current = request.term == self.term;
        let priority = if request.is_transfer { u32::MAX } else { request.priority };
        let is_up_to_date = self.finds_up_to_date(request.last, priority);
        if !(is_current && is_free && is_up_to_date) {
            self.send_vote(from, false, effects);
            return;
        }
        if let Role::PreCandidate(_) = self.role {
            self.become_follower(None, effects);
        }
        // A leader or a candidate has voted for itself, so only a follower gets here.
        let Role::Follower(follower) = &mut self.role else { return };
        if follower.deadline != Time::NEVER {
            follower.deadline = self.now.after(self.election_timeout);
        }
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

    #[cold]
    fn send_vote(&self, to: NodeId, granted: bool, effects: &mut Vec<Effect<P>>) {
        let reply = RequestVoteReply { term: self.term, granted };
        effects.push(Effect::Send { to, message: Message::RequestVoteReply(reply) });
    }

    #[cold]
    pub(crate) fn receive_request_vote_reply(
        &mut self,
        from: NodeId,
        reply: RequestVoteReply,
        effects: &mut Vec<Effect<P>>,
    ) {
        // A vote counts only in the election it was given in.
        if reply.granted && reply.term == self.term {
            self.count_vote(from, effects);
        }
    }

    fn count_vote(&mut self, voter: NodeId, effects: &mut Vec<Effect<P>>) {
        let Role::Candidate(candidate) = &mut self.role else { return };
        candidate.votes.count(voter);
        if candidate.votes.has_won(self.memberships.latest().1) {
            self.become_leader(effects);
        }
    }

    fn become_leader(&mut self, effects: &mut Vec<Effect<P>>) {
        let uncommitted = self.log.slice(self.commit_index.next()..=self.log.last_index());
        let uncommitted_bytes = Entry::total_bytes(uncommitted);
        let term_start = self.log.last_index().next();
        self.role = Role::Leader(Leader::new(&self.config, self.now, term_start, uncommitted_bytes));
        self.align_followers();
        self.announce_role(effects);
        // Without an entry of its own term a leader could commit nothing (§5.4.2, §8).
        let first = match self.log.last_index() {
            // The first entry of all says who the cluster began with: a server that is added later knows it only so.
            LogIndex(0) => Payload::Membership(self.membership().clone()),
            _ => Payload::Noop,
        };
        let index = self.append_own(first);
        self.find_memberships(index);
        self.replicate(effects);
    }

    /// Takes up a later term: whatever role this node had is over (§5.1).
    #[cold]
    pub(crate) fn adopt_term(&mut self, term: Term, effects: &mut Vec<Effect<P>>) {
        self.term = term;
        self.voted_for = None;
        self.unsaved.term_and_vote = true;
        self.become_follower(None, effects);
        // What matched with the last term's leader says nothing of this one's.
        if let Role::Follower(follower) = &mut self.role {
            follower.matched = LogIndex(0);
        }
    }

    /// Follows `leader`, or nobody yet, in the current term.
    #[cold]
    pub(crate) fn become_follower(&mut self, leader: Option<NodeId>, effects: &mut Vec<Effect<P>>) {
        let deadline = match &self.role {
            Role::Follower(Follower { deadline, .. })
            | Role::PreCandidate(PreCandidate { deadline, .. })
            | Role::Candidate(Candidate { deadline, .. }) => *deadline,
            Role::Leader(_) => self.now.after(self.election_timeout),
        };
        let follower = Follower::new(leader, deadline, self.role.matched());
        let before = core::mem::replace(&mut self.role, Role::Follower(follower));
        self.lose_forwarded_reads(effects);
        if let Role::Leader(leader) = before {
            leader.end(effects);
        }
        self.announce_role(effects);
    }
}

impl Follower {
    pub(crate) fn new(leader: Option<NodeId>, deadline: Time, matched: LogIndex) -> Self {
        Self { leader, deadline, is_vote_owed: false, is_append_reply_owed: false, matched, round: Round(0) }
    }
}
