//! A cluster turned by hand: nothing happens that the test does not ask for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use raft_core::{
    Config, Effect, Entry, Input, LogIndex, Message, NodeId, Payload, Persist, ProposalId, ProposalOutcome, Raft,
    Restored, RoleName, Term, TermAndVote, Time,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::disk::Disk;
use crate::lone_node::voters;
use crate::messages::{Command, entry};

/// Far more messages than any of these tests needs: beyond it two servers talk in circles.
const MESSAGE_LIMIT: usize = 10_000;

pub(crate) struct Cluster {
    servers: BTreeMap<u64, Server>,
    wires: VecDeque<Envelope>,
    /// Servers talk within a group only; none: everybody talks to everybody.
    groups: Vec<BTreeSet<u64>>,
    max_entries_per_append: usize,
    now: Time,
}

struct Server {
    raft: Option<Raft<Command>>,
    disk: Disk<Command>,
    unwritten: VecDeque<Persist<Command>>,
    applied: Vec<Entry<Command>>,
    outcomes: Vec<(u64, ProposalOutcome)>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Envelope {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) message: Message<Command>,
}

/// In which order messages arrive.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Order {
    OldestFirst,
    NewestFirst,
}

impl Cluster {
    /// New servers, with ids from 1.
    pub(crate) fn of(count: usize) -> Self {
        Self::with_logs(&vec![[].as_slice(); count])
    }

    /// Servers 1, 2, ... that start with these terms in their logs, all in the latest of them.
    pub(crate) fn with_logs(logs: &[&[u64]]) -> Self {
        let latest = logs.iter().copied().flatten().max().copied().unwrap_or(0);
        let restored = |terms: &&[u64]| Restored {
            term_and_vote: TermAndVote { term: Term(latest), voted_for: None },
            entries: terms.iter().copied().map(entry).collect(),
        };
        let server = |terms| Server {
            raft: None,
            disk: Disk::holding(&restored(terms)),
            unwritten: VecDeque::new(),
            applied: Vec::new(),
            outcomes: Vec::new(),
        };
        let mut cluster = Self {
            servers: (1..).zip(logs.iter().map(server)).collect(),
            wires: VecDeque::new(),
            groups: Vec::new(),
            max_entries_per_append: 1024,
            now: Time(0),
        };
        cluster.start_all();
        cluster
    }

    /// Appends of one entry each, so that replication can stop between any two entries.
    pub(crate) fn one_entry_per_append(mut self) -> Self {
        self.max_entries_per_append = 1;
        self.start_all();
        self
    }

    fn start_all(&mut self) {
        for id in self.ids() {
            self.restart(id);
        }
    }

    pub(crate) fn ids(&self) -> Vec<u64> {
        self.servers.keys().copied().collect()
    }

    fn server(&self, id: u64) -> &Server {
        &self.servers[&id]
    }

    fn server_mut(&mut self, id: u64) -> &mut Server {
        self.servers.get_mut(&id).expect("a server of this cluster")
    }

    pub(crate) fn raft(&self, id: u64) -> &Raft<Command> {
        self.server(id).raft.as_ref().expect("the server is up")
    }

    /// Loses all that is not on the disk.
    pub(crate) fn crash(&mut self, id: u64) {
        let server = self.server_mut(id);
        server.raft = None;
        server.unwritten.clear();
        server.applied.clear();
    }

    pub(crate) fn restart(&mut self, id: u64) {
        self.crash(id);
        let mut config = Config::new(NodeId(id), voters(self.servers.len() as u64));
        config.max_entries_per_append = self.max_entries_per_append;
        let disk = &self.server(id).disk;
        let restored = Restored { term_and_vote: disk.term_and_vote, entries: disk.entries.clone() };
        let raft = Raft::new(config, restored, self.now, ChaCha8Rng::seed_from_u64(id));
        self.server_mut(id).raft = Some(raft.expect("what was written can be read"));
    }

    /// From now on these groups do not hear each other.
    pub(crate) fn partition(&mut self, groups: &[&[u64]]) {
        self.groups = groups.iter().map(|group| group.iter().copied().collect()).collect();
    }

    pub(crate) fn heal(&mut self) {
        self.groups.clear();
    }

    fn are_connected(&self, a: u64, b: u64) -> bool {
        self.groups.is_empty() || self.groups.iter().any(|group| group.contains(&a) && group.contains(&b))
    }

    fn step(&mut self, id: u64, input: Input<Command>) {
        let now = self.now;
        let server = self.server_mut(id);
        let Some(raft) = &mut server.raft else { return };
        let mut effects = Vec::new();
        raft.step(now, input, &mut effects).expect("honest servers say nothing that is refused");
        let mut sent = Vec::new();
        for effect in effects {
            match effect {
                Effect::Persist(persist) => server.unwritten.push_back(persist),
                Effect::Send { to, message } => sent.push(Envelope { from: id, to: to.0, message }),
                Effect::Apply { first, last } => server.applied.extend_from_slice(raft.log().slice(first..=last)),
                Effect::ProposalOutcome { id, outcome } => server.outcomes.push((id.0, outcome)),
                Effect::RoleChanged { .. } => {}
                Effect::Fatal(error) => panic!("server {id} stopped: {error}"),
            }
        }
        self.wires.extend(sent);
    }

    /// The election timeout of a follower or candidate, or the heartbeat of a leader.
    pub(crate) fn deadline(&mut self, id: u64) {
        let deadline = self.raft(id).next_deadline().expect("the server waits for something");
        self.now = self.now.max(deadline);
        self.step(id, Input::DeadlineReached);
    }

    /// Proposes `command` under an id of the same number.
    pub(crate) fn propose(&mut self, id: u64, command: Command) {
        self.step(id, Input::Propose { id: ProposalId(command), command });
    }

    /// Completes all writes of `id`.
    pub(crate) fn persist(&mut self, id: u64) {
        while let Some(write) = self.server_mut(id).unwritten.pop_front() {
            self.server_mut(id).disk.write(&write);
            self.step(id, Input::Persisted { sequence: write.sequence });
        }
    }

    fn persist_all(&mut self) {
        for id in self.ids() {
            self.persist(id);
        }
    }

    /// Takes the messages that `choose` picks off the wires, in the order in which they were sent.
    pub(crate) fn take(&mut self, choose: impl Fn(&Envelope) -> bool) -> Vec<Envelope> {
        let (taken, left) = self.wires.drain(..).partition(choose);
        self.wires = left;
        Vec::from(taken)
    }

    pub(crate) fn deliver(&mut self, envelope: Envelope) {
        if self.are_connected(envelope.from, envelope.to) {
            self.step(envelope.to, Input::Receive { from: NodeId(envelope.from), message: envelope.message });
        }
    }

    /// Delivers what is on the wires from `from` to `to`.
    pub(crate) fn deliver_from_to(&mut self, from: u64, to: u64) {
        for envelope in self.take(|envelope| envelope.from == from && envelope.to == to) {
            self.deliver(envelope);
        }
    }

    /// Loses all that is on the wires.
    pub(crate) fn drop_all(&mut self) {
        self.wires.clear();
    }

    /// Writes and delivers until all is quiet.
    pub(crate) fn settle(&mut self) {
        self.settle_in(Order::OldestFirst, 1);
    }

    /// Writes and delivers until all is quiet, each message so many times.
    pub(crate) fn settle_in(&mut self, order: Order, times: usize) {
        self.persist_all();
        for _message in 0..MESSAGE_LIMIT {
            let next = match order {
                Order::OldestFirst => self.wires.pop_front(),
                Order::NewestFirst => self.wires.pop_back(),
            };
            let Some(envelope) = next else { return };
            for _copy in 0..times {
                self.deliver(envelope.clone());
            }
            self.persist_all();
        }
        panic!("the servers never stop talking");
    }

    /// Lets `id` campaign until it leads.
    pub(crate) fn elect(&mut self, id: u64) {
        for _campaign in 0..5 {
            self.deadline(id);
            self.settle();
            if self.role(id) == RoleName::Leader {
                return;
            }
        }
        panic!("server {id} cannot win");
    }

    /// Lets `id` campaign among `voters` only until it leads. What it sends as a leader stays on the wires.
    pub(crate) fn elect_by(&mut self, id: u64, voters: [u64; 2]) {
        for _campaign in 0..5 {
            self.drop_all();
            self.deadline(id);
            self.persist(id);
            for voter in voters {
                self.deliver_from_to(id, voter);
                self.persist(voter);
                self.deliver_from_to(voter, id);
            }
            if self.role(id) == RoleName::Leader {
                return self.persist(id);
            }
        }
        panic!("server {id} cannot win the votes of {voters:?}");
    }

    /// A heartbeat of `leader`, and all that follows from it.
    pub(crate) fn beat(&mut self, leader: u64) {
        self.deadline(leader);
        self.settle();
    }

    pub(crate) fn role(&self, id: u64) -> RoleName {
        self.raft(id).role()
    }

    pub(crate) fn term(&self, id: u64) -> u64 {
        self.raft(id).term().0
    }

    pub(crate) fn commit(&self, id: u64) -> u64 {
        self.raft(id).commit_index().0
    }

    /// The terms of the entries in `id`'s log.
    pub(crate) fn log(&self, id: u64) -> Vec<u64> {
        let log = self.raft(id).log();
        log.slice(LogIndex(1)..=log.last_index()).iter().map(|entry| entry.term.0).collect()
    }

    /// The commands that `id` has applied since it started.
    pub(crate) fn applied(&self, id: u64) -> Vec<Command> {
        let command = |entry: &Entry<Command>| match entry.payload {
            Payload::Command(command) => Some(command),
            Payload::Noop => None,
        };
        self.server(id).applied.iter().filter_map(command).collect()
    }

    pub(crate) fn outcomes(&self, id: u64) -> &[(u64, ProposalOutcome)] {
        &self.server(id).outcomes
    }
}
