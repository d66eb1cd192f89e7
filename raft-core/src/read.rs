//! Reads that write nothing (dissertation §6.4): a leader makes sure that it still leads, and a follower asks it.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, ReadOutcome};
use crate::ids::{LogIndex, NodeId, ReadId, Round};
use crate::input::ReadMode;
use crate::leadership::{FollowerOfMine, Leader};
use crate::message::{Message, ReadIndex, ReadIndexReply};
use crate::raft::{Raft, Role};
use crate::time::{Span, Time};

/// The reads of this node's own clients, in whatever role it is.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Reads {
    /// Vouched for by the leader, and waiting for the state machine to get there.
    ready: VecDeque<(ReadId, LogIndex)>,
    /// Sent on to the leader, the oldest first.
    forwarded: VecDeque<Forwarded>,
    /// Names the last question to a leader. Begins at random, so that the answer to a question from before a restart
    /// is not taken for the answer to one from after it.
    last_number: Option<u64>,
}

#[derive(Clone, Copy, Hash, Debug)]
struct Forwarded {
    number: u64,
    id: ReadId,
    deadline: Time,
    /// The leader's answer.
    index: Option<LogIndex>,
}

/// The reads that wait for a leader to be sure of itself, in the order in which they came.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct LeaderReads(VecDeque<WaitingRead>);

#[derive(Clone, Copy, Hash, Debug)]
struct WaitingRead {
    origin: ReadOrigin,
    /// What was committed when the read arrived. `None` before this leader has committed anything: then it does not
    /// know what its predecessors had committed (§8).
    index: Option<LogIndex>,
    /// The first round that began after the read arrived.
    round: Round,
    deadline: Time,
}

#[derive(Clone, Copy, Hash, Debug)]
enum ReadOrigin {
    Here(ReadId),
    Follower { id: NodeId, number: u64 },
}

impl Reads {
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        self.forwarded.front().map(|read| read.deadline)
    }
}

impl LeaderReads {
    pub(crate) fn next_deadline(&self) -> Time {
        self.0.front().map_or(Time::NEVER, |read| read.deadline)
    }

    pub(crate) fn lose<P>(self, effects: &mut Vec<Effect<P>>) {
        for read in self.0 {
            // A follower notices by itself that its leader is gone.
            if let ReadOrigin::Here(id) = read.origin {
                effects.push(Effect::ReadOutcome { id, outcome: ReadOutcome::Lost });
            }
        }
    }
}

impl Leader {
    /// Whether nobody else can have been elected by `now`: a quorum answered a round that began so recently that each
    /// of them still ignores candidates (dissertation §6.4.1).
    fn holds_lease(&mut self, lease: Option<Span>, now: Time) -> bool {
        let Some(lease) = lease else { return false };
        let answered = self.answered_round();
        let began = self.rounds.began_at(answered);
        !self.has_sent_timeout_now && began.is_some_and(|began| now < began.after(lease))
    }
}

impl<P, R> Raft<P, R> {
    /// The followers on whose word a lease rests that this node holds at `now`: each has promised to ignore candidates
    /// for longer than that. Nobody where it holds none. For checks and metrics: costs a copy of what a leader knows.
    #[must_use]
    pub fn lease_vouchers(&self, now: Time) -> Vec<NodeId> {
        let (Role::Leader(leader), Some(_)) = (&self.role, self.config.lease) else { return Vec::new() };
        let mut leader = leader.clone();
        if !leader.holds_lease(self.config.lease, now) {
            return Vec::new();
        }
        let answered = leader.answered_round();
        let has_vouched = |follower: &&FollowerOfMine| follower.progress.answered >= answered;
        leader.followers.iter().filter(has_vouched).map(|follower| follower.id).collect()
    }
}

impl<P: Command, R: Rng> Raft<P, R> {
    #[cold]
    pub(crate) fn read(&mut self, id: ReadId, mode: ReadMode, effects: &mut Vec<Effect<P>>) {
        let may_use_lease = mode == ReadMode::Lease;
        let leader = self.leader();
        match (&self.role, leader) {
            (Role::Leader(_), _) => self.read_as_leader(ReadOrigin::Here(id), may_use_lease, effects),
            (Role::Follower(_), Some(leader)) if self.config.forward_reads => {
                self.forward_read(leader, id, may_use_lease, effects);
            }
            _ => effects.push(Effect::ReadOutcome { id, outcome: ReadOutcome::NotLeader { leader } }),
        }
    }

    fn read_as_leader(&mut self, origin: ReadOrigin, may_use_lease: bool, effects: &mut Vec<Effect<P>>) {
        let is_only_voter = self.membership().is_only_voter(self.config.id);
        let Role::Leader(leader) = &mut self.role else { return };
        let index = (self.commit_index >= leader.term_start).then_some(self.commit_index);
        if let Some(index) = index
            && (is_only_voter || may_use_lease && leader.holds_lease(self.config.lease, self.now))
        {
            self.vouch(origin, index, effects);
            return;
        }
        let round = leader.rounds.last().next();
        let deadline = self.now.after(self.config.longest_election_timeout);
        leader.reads.0.push_back(WaitingRead { origin, index, round, deadline });
        self.begin_round_for_reads(effects);
    }

    /// One round serves all reads that wait; the next begins when it is over, for those that came meanwhile. Returns
    /// whether one has begun.
    fn begin_round_for_reads(&mut self, effects: &mut Vec<Effect<P>>) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        let is_due = leader.reads.0.front().is_some_and(|read| read.round > leader.rounds.last());
        if is_due {
            self.heartbeat(true, effects);
        }
        is_due
    }

    /// Nobody vouches for this leader any more, or it commits nothing: a read must not wait for ever.
    pub(crate) fn give_up_waiting_reads(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let late = leader.reads.0.partition_point(|read| read.deadline <= self.now);
        LeaderReads(leader.reads.0.drain(..late).collect()).lose(effects);
    }

    /// Something of this leader's own term was committed, and with it all that was before: now it knows what a read must see.
    pub(crate) fn place_waiting_reads(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        if !leader.reads.0.is_empty() {
            for read in &mut leader.reads.0 {
                read.index.get_or_insert(self.commit_index);
            }
            self.vouch_for_reads(effects);
        }
    }

    /// A follower has answered a round, or the quorum is another one.
    pub(crate) fn vouch_for_reads(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &self.role else { return };
        if !leader.reads.0.is_empty() {
            self.vouch_for_waiting_reads(effects);
        }
    }

    #[cold]
    fn vouch_for_waiting_reads(&mut self, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let answered = leader.answered_round();
        loop {
            let Role::Leader(leader) = &mut self.role else { return };
            let Some(&WaitingRead { origin, index: Some(index), round, .. }) = leader.reads.0.front() else { break };
            if round > answered {
                break;
            }
            leader.reads.0.pop_front();
            self.vouch(origin, index, effects);
        }
        // A leader that is a quorum by itself has answered the round when it begins.
        if self.begin_round_for_reads(effects) && self.membership().is_only_voter(self.config.id) {
            self.vouch_for_reads(effects);
        }
    }

    fn vouch(&mut self, origin: ReadOrigin, index: LogIndex, effects: &mut Vec<Effect<P>>) {
        match origin {
            ReadOrigin::Here(id) => {
                self.reads.ready.push_back((id, index));
                self.serve_reads(effects);
            }
            ReadOrigin::Follower { id: to, number } => {
                let reply = ReadIndexReply { term: self.term, number, index };
                effects.push(Effect::Send { to, message: Message::ReadIndexReply(reply) });
            }
        }
    }

    /// The state machine has got further: reads that waited for it end.
    pub(crate) fn serve_reads(&mut self, effects: &mut Vec<Effect<P>>) {
        if !self.reads.ready.is_empty() || !self.reads.forwarded.is_empty() {
            self.serve_waiting_reads(effects);
        }
    }

    #[cold]
    fn serve_waiting_reads(&mut self, effects: &mut Vec<Effect<P>>) {
        let applied = self.last_applied;
        while let Some((id, index)) = self.reads.ready.pop_front_if(|(_, index)| *index <= applied) {
            effects.push(Effect::ReadOutcome { id, outcome: ReadOutcome::Ready { index } });
        }
        self.reads.forwarded.retain(|read| match read.index {
            Some(index) if index <= applied => {
                effects.push(Effect::ReadOutcome { id: read.id, outcome: ReadOutcome::Ready { index } });
                false
            }
            _ => true,
        });
    }

    fn forward_read(&mut self, leader: NodeId, id: ReadId, may_use_lease: bool, effects: &mut Vec<Effect<P>>) {
        let number = match self.reads.last_number {
            Some(last) => last.wrapping_add(1),
            None => self.rng.next_u64(),
        };
        self.reads.last_number = Some(number);
        let deadline = self.now.after(self.config.longest_election_timeout);
        self.reads.forwarded.push_back(Forwarded { number, id, deadline, index: None });
        let question = ReadIndex { term: self.term, number, may_use_lease };
        effects.push(Effect::Send { to: leader, message: Message::ReadIndex(question) });
    }

    #[cold]
    pub(crate) fn receive_read_index(&mut self, from: NodeId, question: ReadIndex, effects: &mut Vec<Effect<P>>) {
        // Asked of another leader, or of one that leads no more: the follower gives up by itself.
        if question.term == self.term {
            let origin = ReadOrigin::Follower { id: from, number: question.number };
            self.read_as_leader(origin, question.may_use_lease, effects);
        }
    }

    #[cold]
    pub(crate) fn receive_read_index_reply(&mut self, answer: ReadIndexReply, effects: &mut Vec<Effect<P>>) {
        if let Some(read) = self.reads.forwarded.iter_mut().find(|read| read.number == answer.number) {
            read.index.get_or_insert(answer.index);
            self.serve_reads(effects);
        }
    }

    /// The leader that was asked leads no more: what it has not answered by now, it hardly will.
    pub(crate) fn lose_forwarded_reads(&mut self, effects: &mut Vec<Effect<P>>) {
        self.end_forwarded_reads(|read| read.index.is_none(), effects);
    }

    pub(crate) fn give_up_forwarded_reads(&mut self, effects: &mut Vec<Effect<P>>) {
        let now = self.now;
        self.end_forwarded_reads(|read| read.deadline <= now, effects);
    }

    fn end_forwarded_reads(&mut self, is_over: impl Fn(&Forwarded) -> bool, effects: &mut Vec<Effect<P>>) {
        self.reads.forwarded.retain(|read| {
            if is_over(read) {
                effects.push(Effect::ReadOutcome { id: read.id, outcome: ReadOutcome::Lost });
            }
            !is_over(read)
        });
    }
}
