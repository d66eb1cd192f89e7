//! One server; the test plays all the others.

use std::collections::VecDeque;
use std::time::Duration;

use raft_core::{
    AppendOutcome, Config, ConfigError, Effect, Input, InputError, LogIndex, Message, NodeId, ProposalId, Raft,
    Restored, RoleName, Sequence, Term, TermAndVote, Time,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::effects::Effects;
use crate::messages::{Command, accepted, entry, vote};

pub(crate) const HEARTBEAT_MS: u64 = 50;
const NS_PER_MS: u64 = 1_000_000;

/// Node 1 of three voters, with an empty log.
pub(crate) fn node() -> Builder {
    Builder { config: Config::new(NodeId(1), voters(3)), term: None, voted_for: None, log: Vec::new(), seed: 1 }
}

pub(crate) fn voters(count: u64) -> Vec<NodeId> {
    (1..=count).map(NodeId).collect()
}

#[derive(Clone)]
pub(crate) struct Builder {
    pub(crate) config: Config,
    term: Option<u64>,
    voted_for: Option<u64>,
    log: Vec<u64>,
    seed: u64,
}

impl Builder {
    pub(crate) fn id(mut self, id: u64) -> Self {
        self.config.id = NodeId(id);
        self
    }

    /// One of `count` voters.
    pub(crate) fn of(mut self, count: u64) -> Self {
        self.config.voters = voters(count);
        self
    }

    /// The term to be in. Without it: that of the last entry, or for candidates and leaders the one after it.
    pub(crate) fn term(mut self, term: u64) -> Self {
        self.term = Some(term);
        self
    }

    pub(crate) fn voted_for(mut self, candidate: u64) -> Self {
        self.voted_for = Some(candidate);
        self
    }

    /// A durable log with an entry of each of these terms.
    pub(crate) fn log(mut self, terms: impl Into<Vec<u64>>) -> Self {
        self.log = terms.into();
        self
    }

    pub(crate) fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    pub(crate) fn max_entries_per_append(mut self, count: usize) -> Self {
        self.config.max_entries_per_append = count;
        self
    }

    pub(crate) fn max_entries_in_flight(mut self, count: u64) -> Self {
        self.config.max_entries_in_flight = count;
        self
    }

    pub(crate) fn try_start(self) -> Result<LoneNode, ConfigError> {
        let term = self.term.or(self.log.last().copied()).unwrap_or(0);
        let term_and_vote = TermAndVote { term: Term(term), voted_for: self.voted_for.map(NodeId) };
        let restored = Restored { term_and_vote, entries: self.log.into_iter().map(entry).collect() };
        let raft = Raft::new(self.config, restored, Time(0), ChaCha8Rng::seed_from_u64(self.seed))?;
        Ok(LoneNode { raft, now: Time(0), unwritten: VecDeque::new() })
    }

    /// A server that has just started.
    pub(crate) fn follower(self) -> LoneNode {
        self.try_start().expect("the test's configuration is valid")
    }

    /// A follower that knows `leader`: it has heard a heartbeat, and answered.
    pub(crate) fn follower_of(self, leader: u64) -> LoneNode {
        let mut node = self.follower();
        let beat = crate::messages::heartbeat(node.raft.term().0, node.raft.log().last_position(), 0);
        node.receive(leader, beat);
        node
    }

    /// A candidate whose own vote is not durable yet.
    pub(crate) fn candidate_with_unwritten_vote(mut self) -> LoneNode {
        let term = self.term.unwrap_or(self.log.last().copied().unwrap_or(0) + 1);
        self.term = Some(term - 1);
        let mut node = self.follower();
        node.deadline();
        assert_eq!((node.role(), node.term()), (RoleName::Candidate, term));
        node
    }

    /// A candidate that has asked for votes.
    pub(crate) fn candidate(self) -> LoneNode {
        let mut node = self.candidate_with_unwritten_vote();
        node.persist();
        node
    }

    /// A leader that has just won: its first entry has been sent and not been written.
    pub(crate) fn new_leader(self) -> LoneNode {
        let voters = self.config.voters.len() as u64;
        let mut node = self.candidate();
        let term = node.term();
        for voter in 2..=voters / 2 + 1 {
            node.receive(voter, vote(term));
        }
        assert_eq!(node.role(), RoleName::Leader);
        node
    }

    /// A leader whose first entry is durable at home and unanswered by the others.
    pub(crate) fn leader(self) -> LoneNode {
        let mut node = self.new_leader();
        node.persist();
        node
    }

    /// A leader all of whose followers hold all that it has, and which has committed all of it.
    pub(crate) fn steady_leader(self) -> LoneNode {
        let voters = self.config.voters.len() as u64;
        let mut node = self.leader();
        for follower in 2..=voters {
            node.receive(follower, accepted(node.term(), node.last()));
        }
        assert_eq!(node.commit(), node.last());
        node
    }
}

#[derive(Clone)]
pub(crate) struct LoneNode {
    pub(crate) raft: Raft<Command>,
    pub(crate) now: Time,
    unwritten: VecDeque<Sequence>,
}

impl LoneNode {
    pub(crate) fn try_step(&mut self, input: Input<Command>) -> Result<Effects, InputError> {
        let mut effects = Vec::new();
        let result = self.raft.step(self.now, input, &mut effects);
        self.unwritten.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Persist(persist) => Some(persist.sequence),
            _ => None,
        }));
        if result.is_err() {
            assert_eq!(effects, [], "a refused input has no effects");
        }
        result.map(|()| Effects(effects))
    }

    pub(crate) fn step(&mut self, input: Input<Command>) -> Effects {
        self.try_step(input).expect("the input is a proper one")
    }

    pub(crate) fn receive(&mut self, from: u64, message: Message<Command>) -> Effects {
        self.step(Input::Receive { from: NodeId(from), message })
    }

    /// Proposes `command` under an id of the same number.
    pub(crate) fn propose(&mut self, command: Command) -> Effects {
        self.step(Input::Propose { id: ProposalId(command), command })
    }

    /// Waits until the deadline and says so.
    pub(crate) fn deadline(&mut self) -> Effects {
        self.now = self.raft.next_deadline().expect("the node waits for something");
        self.step(Input::DeadlineReached)
    }

    pub(crate) fn wait_ms(&mut self, ms: u64) {
        self.now = Time(self.now.0 + ms * NS_PER_MS);
    }

    /// From now until the deadline.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_nanos(self.raft.next_deadline().expect("the node waits for something").0 - self.now.0)
    }

    /// Completes the oldest write that is under way.
    pub(crate) fn persist_oldest(&mut self) -> Effects {
        let sequence = self.unwritten.pop_front().expect("a write is under way");
        self.step(Input::Persisted { sequence })
    }

    /// Completes all writes, those included that follow from it. Harmless where there are none.
    pub(crate) fn persist(&mut self) -> Effects {
        let mut all = Effects::default();
        while let Some(sequence) = self.unwritten.pop_back() {
            self.unwritten.clear();
            all.0.extend(self.step(Input::Persisted { sequence }).0);
        }
        all
    }

    pub(crate) fn writes_under_way(&self) -> usize {
        self.unwritten.len()
    }

    /// All there is to know about the state, for before and after.
    pub(crate) fn portrait(&self) -> String {
        format!("{:?}", self.raft)
    }

    pub(crate) fn role(&self) -> RoleName {
        self.raft.role()
    }

    pub(crate) fn term(&self) -> u64 {
        self.raft.term().0
    }

    pub(crate) fn leader(&self) -> Option<u64> {
        self.raft.leader().map(|leader| leader.0)
    }

    pub(crate) fn commit(&self) -> u64 {
        self.raft.commit_index().0
    }

    pub(crate) fn last(&self) -> u64 {
        self.raft.log().last_index().0
    }

    pub(crate) fn durable(&self) -> u64 {
        self.raft.durable_index().0
    }

    /// The terms of the log's entries.
    pub(crate) fn log(&self) -> Vec<u64> {
        self.raft.log().slice(LogIndex(1)..=self.raft.log().last_index()).iter().map(|entry| entry.term.0).collect()
    }

    /// What this leader knows of `follower`: the match index and the next index.
    pub(crate) fn progress_of(&self, follower: u64) -> (u64, u64) {
        let (_, progress) = self.raft.progress().find(|(id, _)| id.0 == follower).expect("a follower of this leader");
        (progress.match_index().0, progress.next_index().0)
    }
}

/// Lets a leader's heartbeat find the follower, and carries messages to and fro until both are silent.
/// Returns how many appends the follower refused.
pub(crate) fn bring_in_line(leader: &mut LoneNode, follower: &mut LoneNode) -> usize {
    let (leader_id, follower_id) = (leader.raft.id().0, follower.raft.id().0);
    let mut refusals = 0;
    let mut appends = leader.deadline().sends_to(follower_id);
    for _round in 0..100 {
        if appends.is_empty() {
            return refusals;
        }
        let mut replies = Vec::new();
        for append in appends.drain(..) {
            replies.extend(follower.receive(leader_id, append).sends_to(leader_id));
            replies.extend(follower.persist().sends_to(leader_id));
        }
        for reply in replies {
            if let Message::AppendEntriesReply(reply) = &reply
                && let AppendOutcome::Conflict { .. } = reply.outcome
            {
                refusals += 1;
            }
            appends.extend(leader.receive(follower_id, reply).sends_to(follower_id));
        }
    }
    panic!("the two never stop talking");
}
