//! One server; the test plays all the others.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use raft_core::{
    AppendOutcome, Config, ConfigError, Effect, Input, InputError, LogIndex, LogPosition, MemberChange, Message,
    NodeId, ProposalId, Raft, ReadId, ReadMode, Restored, RoleName, Sequence, Snapshot, Term, TermAndVote, Time,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::effects::Effects;
use super::messages::{Command, accepted, entry, heartbeat, pre_vote_granted, vote};

/// How long a leader waits before it says again that it is there.
pub const HEARTBEAT_MS: u64 = 50;
const NS_PER_MS: u64 = 1_000_000;

/// Node 1 of three voters, with an empty log: the Raft of Figure 2, without pre-votes and without a quorum that is
/// checked.
pub fn node() -> Builder {
    let config = figure_2(NodeId(1), voters(3));
    Builder { config, term: None, voted_for: None, snapshot: None, base: None, log: Vec::new(), staged: None, seed: 1 }
}

/// A configuration with all that the dissertation adds to Figure 2 switched off.
pub fn figure_2(id: NodeId, voters: Vec<NodeId>) -> Config {
    Config { pre_vote: false, check_quorum: false, ..Config::new(id, voters) }
}

/// The ids from 1 on.
pub fn voters(count: u64) -> Vec<NodeId> {
    (1..=count).map(NodeId).collect()
}

/// A server to be.
#[derive(Clone)]
pub struct Builder {
    config: Config,
    term: Option<u64>,
    voted_for: Option<u64>,
    snapshot: Option<Arc<Snapshot>>,
    base: Option<LogPosition>,
    log: Vec<u64>,
    staged: Option<(Arc<Snapshot>, u64)>,
    seed: u64,
}

impl Builder {
    /// Changes anything in the configuration.
    pub fn configured(mut self, change: impl FnOnce(&mut Config)) -> Self {
        change(&mut self.config);
        self
    }

    /// With pre-votes and a quorum that is checked, as in [`Config::new`].
    pub fn with_defaults(self) -> Self {
        self.configured(|config| (config.pre_vote, config.check_quorum) = (true, true))
    }

    /// The server's own id.
    pub fn id(mut self, id: u64) -> Self {
        self.config.id = NodeId(id);
        self
    }

    /// One of `count` voters.
    pub fn of(mut self, count: u64) -> Self {
        self.config.voters = voters(count);
        self
    }

    /// The term to be in. Without it: that of the last entry, or for candidates and leaders the one after it.
    pub fn term(mut self, term: u64) -> Self {
        self.term = Some(term);
        self
    }

    /// Who has the server's vote.
    pub fn voted_for(mut self, candidate: u64) -> Self {
        self.voted_for = Some(candidate);
        self
    }

    /// A snapshot that the log begins after.
    pub fn snapshot(mut self, snapshot: Arc<Snapshot>) -> Self {
        self.snapshot = Some(snapshot);
        self
    }

    /// Where the log begins, if that is before the end of the snapshot.
    pub fn base(mut self, base: LogPosition) -> Self {
        self.base = Some(base);
        self
    }

    /// A snapshot that was on its way, and how many of its bytes are there.
    pub fn staged(mut self, snapshot: Arc<Snapshot>, received: u64) -> Self {
        self.staged = Some((snapshot, received));
        self
    }

    /// A durable log with an entry of each of these terms, after the base.
    pub fn log(mut self, terms: impl Into<Vec<u64>>) -> Self {
        self.log = terms.into();
        self
    }

    /// What the server's timeouts are drawn from.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The most entries of one append.
    pub fn max_entries_per_append(self, count: usize) -> Self {
        self.configured(|config| config.max_entries_per_append = count)
    }

    /// The most appends sent ahead of their acknowledgement.
    pub fn max_appends_in_flight(self, count: usize) -> Self {
        self.configured(|config| config.max_appends_in_flight = count)
    }

    fn last_term(&self) -> u64 {
        let base = self.snapshot.as_ref().map(|snapshot| snapshot.last.term.0);
        self.log.last().copied().or(base).unwrap_or(0)
    }

    /// Starts the server, where configuration and disk allow it.
    ///
    /// # Errors
    /// Where they contradict themselves.
    pub fn try_start(self) -> Result<LoneNode, ConfigError> {
        let term = self.term.unwrap_or(self.last_term());
        let last_of_snapshot = self.snapshot.as_ref().map_or(LogPosition::ORIGIN, |snapshot| snapshot.last);
        let restored = Restored {
            term_and_vote: TermAndVote { term: Term(term), voted_for: self.voted_for.map(NodeId) },
            snapshot: self.snapshot,
            base: self.base.unwrap_or(last_of_snapshot),
            entries: self.log.into_iter().map(entry).collect(),
            staged: self.staged,
        };
        let raft = Raft::new(&self.config, restored, Time(0), ChaCha8Rng::seed_from_u64(self.seed))?;
        Ok(LoneNode { raft, now: Time(0), unwritten: VecDeque::new() })
    }

    /// A server that has just started.
    pub fn follower(self) -> LoneNode {
        self.try_start().expect("the test's configuration is valid")
    }

    /// A follower that knows `leader`: it has heard a heartbeat, and answered.
    pub fn follower_of(self, leader: u64) -> LoneNode {
        let mut node = self.follower();
        let beat = heartbeat(node.raft.term().0, node.raft.log().last_position(), 0);
        node.receive(leader, beat);
        node
    }

    /// A server that asks for pre-votes, which it is configured for.
    pub fn pre_candidate(self) -> LoneNode {
        let mut node = self.follower();
        node.deadline();
        assert_eq!(node.role(), RoleName::PreCandidate);
        node
    }

    /// A candidate whose own vote is not durable yet.
    pub fn candidate_with_unwritten_vote(mut self) -> LoneNode {
        let term = self.term.unwrap_or(self.last_term() + 1);
        let voters = self.config.voters.len() as u64;
        self.term = Some(term - 1);
        let mut node = self.follower();
        node.deadline();
        if node.role() == RoleName::PreCandidate {
            for voter in 2..=voters / 2 + 1 {
                node.receive(voter, pre_vote_granted(term));
            }
        }
        assert_eq!((node.role(), node.term()), (RoleName::Candidate, term));
        node
    }

    /// A candidate that has asked for votes.
    pub fn candidate(self) -> LoneNode {
        let mut node = self.candidate_with_unwritten_vote();
        node.persist();
        node
    }

    /// A leader that has just won: its first entry has been sent and not been written.
    pub fn new_leader(self) -> LoneNode {
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
    pub fn leader(self) -> LoneNode {
        let mut node = self.new_leader();
        node.persist();
        node
    }

    /// A leader all of whose followers hold all that it has, and which has committed all of it.
    pub fn steady_leader(self) -> LoneNode {
        let voters = self.config.voters.len() as u64;
        let mut node = self.leader();
        for follower in 2..=voters {
            node.receive(follower, accepted(node.term(), node.last()));
        }
        assert_eq!(node.commit(), node.last());
        node
    }
}

/// A server, its clock, and what it is still writing.
#[derive(Clone)]
pub struct LoneNode {
    /// The server.
    pub raft: Raft<Command>,
    /// Its clock.
    pub now: Time,
    unwritten: VecDeque<Sequence>,
}

impl LoneNode {
    /// One step.
    ///
    /// # Errors
    /// Where the input is refused.
    pub fn try_step(&mut self, input: Input<Command>) -> Result<Effects, InputError> {
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

    /// One step with a proper input.
    pub fn step(&mut self, input: Input<Command>) -> Effects {
        self.try_step(input).expect("the input is a proper one")
    }

    /// A message arrives.
    pub fn receive(&mut self, from: u64, message: Message<Command>) -> Effects {
        self.step(Input::Receive { from: NodeId(from), message })
    }

    /// Proposes `command` under an id of the same number.
    pub fn propose(&mut self, command: Command) -> Effects {
        self.step(Input::Propose { id: ProposalId(command), command })
    }

    /// A client reads under this id.
    pub fn read(&mut self, id: u64, mode: ReadMode) -> Effects {
        self.step(Input::Read { id: ReadId(id), mode })
    }

    /// An operator changes the members, under this id.
    pub fn change_membership(&mut self, id: u64, changes: &[MemberChange]) -> Effects {
        self.step(Input::ChangeMembership { id: ProposalId(id), changes: changes.to_vec() })
    }

    /// An operator wants `to` to lead.
    pub fn transfer_leadership(&mut self, to: u64) -> Effects {
        self.step(Input::TransferLeadership { to: NodeId(to) })
    }

    /// The application took a snapshot of `size` bytes, which are its checksum too.
    pub fn snapshot_taken(&mut self, last_index: u64, size: u64) -> Effects {
        self.step(Input::SnapshotTaken { last_index: LogIndex(last_index), size, checksum: size })
    }

    /// Waits until the deadline and says so.
    pub fn deadline(&mut self) -> Effects {
        self.now = self.raft.next_deadline().expect("the node waits for something");
        self.step(Input::DeadlineReached)
    }

    /// Lets time pass, and says nothing.
    pub fn wait_ms(&mut self, ms: u64) {
        self.now = Time(self.now.0 + ms * NS_PER_MS);
    }

    /// From now until the deadline.
    pub fn patience(&self) -> Duration {
        Duration::from_nanos(self.raft.next_deadline().expect("the node waits for something").0 - self.now.0)
    }

    /// Completes the oldest write that is under way.
    pub fn persist_oldest(&mut self) -> Effects {
        let sequence = self.unwritten.pop_front().expect("a write is under way");
        self.step(Input::Persisted { sequence })
    }

    /// Completes all writes, those included that follow from it. Harmless where there are none.
    pub fn persist(&mut self) -> Effects {
        let mut all = Effects::default();
        while let Some(sequence) = self.unwritten.pop_back() {
            self.unwritten.clear();
            all.0.extend(self.step(Input::Persisted { sequence }).0);
        }
        all
    }

    /// How many writes are not complete.
    pub fn writes_under_way(&self) -> usize {
        self.unwritten.len()
    }

    /// All there is to know about the state, for before and after.
    pub fn portrait(&self) -> String {
        format!("{:?}", self.raft)
    }

    /// The role.
    pub fn role(&self) -> RoleName {
        self.raft.role()
    }

    /// The term.
    pub fn term(&self) -> u64 {
        self.raft.term().0
    }

    /// The leader, where known.
    pub fn leader(&self) -> Option<u64> {
        self.raft.leader().map(|leader| leader.0)
    }

    /// The commit index.
    pub fn commit(&self) -> u64 {
        self.raft.commit_index().0
    }

    /// The index of the last entry.
    pub fn last(&self) -> u64 {
        self.raft.log().last_index().0
    }

    /// The last entry on the disk.
    pub fn durable(&self) -> u64 {
        self.raft.durable_index().0
    }

    /// The terms of the log's entries.
    pub fn log(&self) -> Vec<u64> {
        self.raft.log().slice(LogIndex(1)..=self.raft.log().last_index()).iter().map(|entry| entry.term.0).collect()
    }

    /// What this leader knows of `follower`: the match index and the next index.
    pub fn progress_of(&self, follower: u64) -> (u64, u64) {
        let (_, progress) = self.raft.progress().find(|(id, _)| id.0 == follower).expect("a follower of this leader");
        (progress.match_index().0, progress.next_index().0)
    }
}

/// Lets a leader's heartbeat find the follower, and carries messages to and fro until both are silent.
/// Returns how many appends the follower refused.
pub fn bring_in_line(leader: &mut LoneNode, follower: &mut LoneNode) -> usize {
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
