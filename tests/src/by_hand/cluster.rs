//! A cluster turned by hand: nothing happens that the test does not ask for.
//!
//! The state machine of each server is the list of commands that it was given; its snapshot is that list in bytes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use raft_core::{
    Config, Effect, FatalError, Input, LogIndex, MemberChange, Message, NodeId, Payload, Persist, ProposalId,
    ProposalOutcome, Raft, ReadId, ReadMode, ReadOutcome, Restored, RoleName, Snapshot, SnapshotId, SnapshotWrite,
    Term, TermAndVote, Time, TransferOutcome,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use super::disk::Disk;
use super::lone_node::{figure_2, voters};
use super::messages::{Command, entry};

/// Far more messages than any test needs: beyond it two servers talk in circles.
const MESSAGE_LIMIT: usize = 10_000;
const NS_PER_MS: u64 = 1_000_000;

/// Servers with ids from 1, the wires between them, and one clock for all.
pub struct Cluster {
    servers: BTreeMap<u64, Server>,
    wires: VecDeque<Envelope>,
    /// Servers talk within a group only; none: everybody talks to everybody.
    groups: Vec<BTreeSet<u64>>,
    /// Who is not heard by whom, whatever the groups.
    cuts: BTreeSet<(u64, u64)>,
    now: Time,
}

struct Server {
    config: Config,
    raft: Option<Raft<Command>>,
    disk: Disk<Command>,
    is_disk_stalled: bool,
    unwritten: VecDeque<Persist<Command>>,
    /// The state machine.
    applied: Vec<Command>,
    /// What has come of a snapshot on its way here, written or not.
    staged: Vec<u8>,
    /// The snapshots whose bytes are at hand.
    shelf: Vec<(SnapshotId, Arc<[u8]>)>,
    events: Events,
    may_stop: bool,
    stopped: Option<FatalError>,
}

/// What a server has told those who watch it.
#[derive(Default)]
struct Events {
    outcomes: Vec<(u64, ProposalOutcome)>,
    reads: Vec<(u64, ReadOutcome)>,
    transfers: Vec<(u64, TransferOutcome)>,
    lost_logs: Vec<(u64, u64)>,
    restored_snapshots: Vec<u64>,
}

/// A message on its way.
#[derive(Clone, Debug, PartialEq)]
pub struct Envelope {
    /// The server that sent it.
    pub from: u64,
    /// The server that it is for.
    pub to: u64,
    /// What it says.
    pub message: Message<Command>,
}

/// In which order messages arrive.
#[derive(Clone, Copy, PartialEq)]
pub enum Order {
    /// As they were sent.
    OldestFirst,
    /// The other way round.
    NewestFirst,
}

impl Server {
    fn new(config: Config, disk: Disk<Command>) -> Self {
        Self {
            config,
            raft: None,
            disk,
            is_disk_stalled: false,
            unwritten: VecDeque::new(),
            applied: Vec::new(),
            staged: Vec::new(),
            shelf: Vec::new(),
            events: Events::default(),
            may_stop: false,
            stopped: None,
        }
    }

    fn put_on_shelf(&mut self, snapshot: &Snapshot, bytes: Arc<[u8]>) {
        self.shelf.retain(|(id, _)| *id != snapshot.id());
        self.shelf.push((snapshot.id(), bytes));
    }

    fn part_of(&self, snapshot: SnapshotId, offset: u64, length: u64) -> Option<Arc<[u8]>> {
        let (_, bytes) = self.shelf.iter().find(|(id, _)| *id == snapshot)?;
        Some(Arc::from(&bytes[offset as usize..(offset + length) as usize]))
    }

    fn submit(&mut self, write: Persist<Command>) {
        match write.snapshot.as_deref() {
            None | Some(SnapshotWrite::Taken { .. }) => {}
            Some(SnapshotWrite::Chunk { snapshot, offset, data, is_complete }) => {
                self.staged.truncate(*offset as usize);
                self.staged.extend_from_slice(data);
                if *is_complete {
                    let bytes = std::mem::take(&mut self.staged);
                    assert_eq!(snapshot.checksum, checksum(&bytes), "a snapshot arrives as it was sent");
                    self.put_on_shelf(snapshot, bytes.into());
                }
            }
        }
        self.unwritten.push_back(write);
    }

    fn restore(&mut self, snapshot: &Snapshot) {
        let bytes = self.part_of(snapshot.id(), 0, snapshot.size).expect("a snapshot that is restored is here");
        self.applied = decode(&bytes);
        self.events.restored_snapshots.push(snapshot.last.index.0);
    }
}

impl Cluster {
    /// New servers, with ids from 1.
    pub fn of(count: usize) -> Self {
        Self::with_logs(&vec![[].as_slice(); count])
    }

    /// Servers 1, 2, ... that start with these terms in their logs, all in the latest of them.
    pub fn with_logs(logs: &[&[u64]]) -> Self {
        let latest = logs.iter().copied().flatten().max().copied().unwrap_or(0);
        let restored = |terms: &&[u64]| Restored {
            term_and_vote: TermAndVote { term: Term(latest), voted_for: None },
            entries: terms.iter().copied().map(entry).collect(),
            ..Restored::default()
        };
        let config = |id| figure_2(NodeId(id), voters(logs.len() as u64));
        let server = |(id, terms)| (id, Server::new(config(id), Disk::holding(&restored(terms))));
        let servers = (1..).zip(logs).map(server).collect();
        let mut cluster =
            Self { servers, wires: VecDeque::new(), groups: Vec::new(), cuts: BTreeSet::new(), now: Time(0) };
        cluster.restart_all();
        cluster
    }

    /// Changes the configuration of every server; all start again.
    pub fn configured(mut self, change: impl Fn(&mut Config)) -> Self {
        self.servers.values_mut().for_each(|server| change(&mut server.config));
        self.restart_all();
        self
    }

    /// Changes the configuration of one server, which starts again.
    pub fn configure(&mut self, id: u64, change: impl FnOnce(&mut Config)) {
        change(&mut self.server_mut(id).config);
        self.restart(id);
    }

    /// With pre-votes and a quorum that is checked, as in [`Config::new`].
    pub fn with_defaults(self) -> Self {
        self.configured(|config| (config.pre_vote, config.check_quorum) = (true, true))
    }

    /// Appends of one entry each, so that replication can stop between any two entries.
    pub fn one_entry_per_append(self) -> Self {
        self.configured(|config| config.max_entries_per_append = 1)
    }

    /// A new server, configured like server 1, which waits to be added to the cluster.
    pub fn join(&mut self, id: u64) {
        let (voters, learners) = (Vec::new(), Vec::new());
        let config = Config { id: NodeId(id), voters, learners, ..self.server(1).config.clone() };
        self.servers.insert(id, Server::new(config, Disk::holding(&Restored::default())));
        self.restart(id);
    }

    fn restart_all(&mut self) {
        for id in self.ids() {
            self.restart(id);
        }
    }

    /// All servers, those included that are down.
    pub fn ids(&self) -> Vec<u64> {
        self.servers.keys().copied().collect()
    }

    fn server(&self, id: u64) -> &Server {
        &self.servers[&id]
    }

    fn server_mut(&mut self, id: u64) -> &mut Server {
        self.servers.get_mut(&id).expect("a server of this cluster")
    }

    /// A server that is up.
    pub fn raft(&self, id: u64) -> &Raft<Command> {
        self.server(id).raft.as_ref().expect("the server is up")
    }

    /// What a server's disk holds.
    pub fn disk(&self, id: u64) -> &Disk<Command> {
        &self.server(id).disk
    }

    /// The time on all clocks.
    pub fn now(&self) -> Time {
        self.now
    }

    /// Lets time pass, and tells nobody.
    pub fn wait_ms(&mut self, ms: u64) {
        self.now = Time(self.now.0 + ms * NS_PER_MS);
    }

    /// Lets time pass: each deadline is reported when it comes, and all that follows from it happens at once.
    pub fn run_for_ms(&mut self, ms: u64) {
        let end = Time(self.now.0 + ms * NS_PER_MS);
        while let Some((deadline, id)) = self.next_deadline().filter(|(deadline, _)| *deadline <= end) {
            self.now = self.now.max(deadline);
            self.step(id, Input::DeadlineReached);
            self.settle();
        }
        self.now = end;
    }

    fn next_deadline(&self) -> Option<(Time, u64)> {
        let deadline = |(id, server): (&u64, &Server)| Some((server.raft.as_ref()?.next_deadline()?, *id));
        self.servers.iter().filter_map(deadline).min()
    }

    /// Loses all that is not on the disk.
    pub fn crash(&mut self, id: u64) {
        let server = self.server_mut(id);
        server.raft = None;
        server.stopped = None;
        server.unwritten.clear();
        server.applied.clear();
        server.staged.clear();
        server.shelf.clear();
    }

    /// Crashes the server, if it is up, and starts it with what is on its disk.
    pub fn restart(&mut self, id: u64) {
        self.crash(id);
        let now = self.now;
        let server = self.server_mut(id);
        let raft = Raft::new(&server.config, server.disk.restored(), now, ChaCha8Rng::seed_from_u64(id));
        server.raft = Some(raft.expect("what was written can be read"));
        if let Some((snapshot, bytes)) = server.disk.snapshot.clone() {
            server.applied = decode(&bytes);
            server.put_on_shelf(&snapshot, bytes);
        }
        server.staged = server.disk.staged.as_ref().map_or(Vec::new(), |(_, bytes)| bytes.clone());
    }

    /// Loses the disk too, and starts the server with an empty one.
    pub fn wipe(&mut self, id: u64) {
        self.server_mut(id).disk = Disk::holding(&Restored::default());
        self.restart(id);
    }

    /// From now on these groups do not hear each other.
    pub fn partition(&mut self, groups: &[&[u64]]) {
        self.groups = groups.iter().map(|group| group.iter().copied().collect()).collect();
    }

    /// From now on `to` does not hear `from`; the other direction stays as it is.
    pub fn cut(&mut self, from: u64, to: u64) {
        self.cuts.insert((from, to));
    }

    /// From now on everybody hears everybody.
    pub fn heal(&mut self) {
        self.groups.clear();
        self.cuts.clear();
    }

    fn hears(&self, a: u64, b: u64) -> bool {
        if self.cuts.contains(&(b, a)) {
            return false;
        }
        self.groups.is_empty() || self.groups.iter().any(|group| group.contains(&a) && group.contains(&b))
    }

    /// From now on a fatal effect may stop this server; any other server's fails the test.
    pub fn may_stop(&mut self, id: u64) {
        self.server_mut(id).may_stop = true;
    }

    /// Gives the server an input of any kind. One that is down takes none.
    pub fn step(&mut self, id: u64, input: Input<Command>) {
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let now = self.now;
            let server = self.server_mut(id);
            let Some(raft) = server.raft.as_mut().filter(|_| server.stopped.is_none()) else { return };
            let mut effects = Vec::new();
            raft.step(now, input, &mut effects).expect("honest servers say nothing that is refused");
            for effect in effects {
                self.carry_out(id, effect, &mut inputs);
            }
        }
    }

    fn carry_out(&mut self, id: u64, effect: Effect<Command>, inputs: &mut VecDeque<Input<Command>>) {
        let server = self.servers.get_mut(&id).expect("a server of this cluster");
        match effect {
            Effect::Persist(write) => server.submit(write),
            Effect::Send { to, message } => self.wires.push_back(Envelope { from: id, to: to.0, message }),
            Effect::Apply { first, last } => {
                let log = server.raft.as_ref().expect("the server is up").log();
                let commands = log.slice(first..=last).iter().filter_map(|entry| match entry.payload {
                    Payload::Command(command) => Some(command),
                    Payload::Noop | Payload::Membership(_) => None,
                });
                server.applied.extend(commands);
            }
            Effect::RestoreSnapshot(snapshot) => server.restore(&snapshot),
            Effect::LoadSnapshotChunk { to, snapshot, offset, length } => {
                let data = server.part_of(snapshot, offset, length);
                inputs.push_back(Input::SnapshotChunkLoaded { to, snapshot, offset, data });
            }
            Effect::ProposalOutcome { id, outcome } => server.events.outcomes.push((id.0, outcome)),
            Effect::ReadOutcome { id, outcome } => server.events.reads.push((id.0, outcome)),
            Effect::TransferOutcome { to, outcome } => server.events.transfers.push((to.0, outcome)),
            Effect::FollowerLostLog { follower, acknowledged } => {
                server.events.lost_logs.push((follower.0, acknowledged.0));
            }
            Effect::RoleChanged { .. } | Effect::MembershipChanged { .. } => {}
            Effect::Fatal(error) => {
                assert!(server.may_stop, "server {id} stopped: {error}");
                server.stopped = Some(error);
            }
        }
    }

    /// Waits for what the server waits for: a follower's or a candidate's election timeout, a leader's heartbeat.
    pub fn deadline(&mut self, id: u64) {
        let deadline = self.raft(id).next_deadline().expect("the server waits for something");
        self.now = self.now.max(deadline);
        self.step(id, Input::DeadlineReached);
    }

    /// Proposes `command` under an id of the same number.
    pub fn propose(&mut self, id: u64, command: Command) {
        self.step(id, Input::Propose { id: ProposalId(command), command });
    }

    /// A client of this server reads, under the id `read`.
    pub fn read(&mut self, id: u64, read: u64, mode: ReadMode) {
        self.step(id, Input::Read { id: ReadId(read), mode });
    }

    /// An operator changes the members, under the id `proposal`.
    pub fn change_membership(&mut self, id: u64, proposal: u64, changes: &[MemberChange]) {
        self.step(id, Input::ChangeMembership { id: ProposalId(proposal), changes: changes.to_vec() });
    }

    /// An operator asks `id` to hand leadership to `to`.
    pub fn transfer_leadership(&mut self, id: u64, to: u64) {
        self.step(id, Input::TransferLeadership { to: NodeId(to) });
    }

    /// The application takes a snapshot of all that it has applied, writes it down, and says so.
    pub fn take_snapshot(&mut self, id: u64) {
        let last_index = self.raft(id).last_applied();
        let term = self.raft(id).log().term_at(last_index).expect("what was applied last is in the log");
        let server = self.server_mut(id);
        let bytes = encode(&server.applied);
        let (size, checksum) = (bytes.len() as u64, checksum(&bytes));
        let last = raft_core::LogPosition { index: last_index, term };
        server.shelf.push((SnapshotId { last, size, checksum }, bytes.clone()));
        server.disk.put_down_snapshot(last_index, bytes);
        self.step(id, Input::SnapshotTaken { last_index, size, checksum });
    }

    /// Loses the bytes of all snapshots that a server has at hand, but for its latest.
    pub fn clear_shelf(&mut self, id: u64) {
        let latest = self.raft(id).snapshot().map(|snapshot| snapshot.id());
        self.server_mut(id).shelf.retain(|(snapshot, _)| Some(*snapshot) == latest);
    }

    /// From now on no write of this server completes by itself: [`persist`](Self::persist) still completes them.
    pub fn stall_disk(&mut self, id: u64) {
        self.server_mut(id).is_disk_stalled = true;
    }

    /// The disk works again, and completes what it was asked for.
    pub fn resume_disk(&mut self, id: u64) {
        self.server_mut(id).is_disk_stalled = false;
        self.persist(id);
    }

    /// Completes the oldest write of `id`. Returns whether there was one.
    pub fn persist_oldest(&mut self, id: u64) -> bool {
        let server = self.server_mut(id);
        let Some(write) = server.unwritten.pop_front() else { return false };
        server.disk.write(&write);
        self.step(id, Input::Persisted { sequence: write.sequence });
        true
    }

    /// Completes all writes of `id`.
    pub fn persist(&mut self, id: u64) {
        while self.persist_oldest(id) {}
    }

    fn persist_all(&mut self) {
        for id in self.ids() {
            if !self.server(id).is_disk_stalled {
                self.persist(id);
            }
        }
    }

    /// What is on the wires, in the order in which it was sent.
    pub fn on_the_wires(&self) -> impl Iterator<Item = &Envelope> {
        self.wires.iter()
    }

    /// Takes the messages that `choose` picks off the wires, in the order in which they were sent: to be delivered later,
    /// in another order, more than once, or never.
    pub fn take(&mut self, choose: impl Fn(&Envelope) -> bool) -> Vec<Envelope> {
        let (taken, left) = self.wires.drain(..).partition(choose);
        self.wires = left;
        Vec::from(taken)
    }

    /// Puts a message that was taken back on its way, behind all others.
    pub fn put_back(&mut self, envelope: Envelope) {
        self.wires.push_back(envelope);
    }

    /// Delivers a message, unless a partition is in the way.
    pub fn deliver(&mut self, envelope: Envelope) {
        let is_here = self.servers.contains_key(&envelope.to);
        if is_here && self.hears(envelope.to, envelope.from) {
            self.step(envelope.to, Input::Receive { from: NodeId(envelope.from), message: envelope.message });
        }
    }

    /// Delivers what is on the wires from `from` to `to`.
    pub fn deliver_from_to(&mut self, from: u64, to: u64) {
        for envelope in self.take(|envelope| envelope.from == from && envelope.to == to) {
            self.deliver(envelope);
        }
    }

    /// Loses all that is on the wires.
    pub fn drop_all(&mut self) {
        self.wires.clear();
    }

    /// Writes and delivers until all is quiet.
    pub fn settle(&mut self) {
        self.settle_in(Order::OldestFirst, 1);
    }

    /// Writes and delivers until all is quiet, each message so many times.
    pub fn settle_in(&mut self, order: Order, times: usize) {
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
    pub fn elect(&mut self, id: u64) {
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
    pub fn elect_by(&mut self, id: u64, voters: [u64; 2]) {
        for _campaign in 0..5 {
            self.drop_all();
            self.deadline(id);
            // Twice: with pre-votes on, the first exchange is of those.
            for _exchange in 0..2 {
                self.persist(id);
                for voter in voters {
                    if self.role(id) != RoleName::Leader {
                        self.deliver_from_to(id, voter);
                        self.persist(voter);
                        self.deliver_from_to(voter, id);
                    }
                }
            }
            if self.role(id) == RoleName::Leader {
                return self.persist(id);
            }
        }
        panic!("server {id} cannot win the votes of {voters:?}");
    }

    /// A heartbeat of `leader`, and all that follows from it.
    pub fn beat(&mut self, leader: u64) {
        // A leader may look around once or twice before it says anything.
        for _deadline in 0..3 {
            self.deadline(leader);
            if self.wires.iter().any(|envelope| envelope.from == leader) {
                break;
            }
        }
        self.settle();
    }

    /// Those of the servers that are up who lead, each in its own term.
    pub fn leaders(&self) -> Vec<u64> {
        let leads = |server: &Server| server.raft.as_ref().is_some_and(|raft| raft.role() == RoleName::Leader);
        self.servers.iter().filter(|(_, server)| leads(server)).map(|(id, _)| *id).collect()
    }

    /// A server's role.
    pub fn role(&self, id: u64) -> RoleName {
        self.raft(id).role()
    }

    /// A server's term.
    pub fn term(&self, id: u64) -> u64 {
        self.raft(id).term().0
    }

    /// A server's commit index.
    pub fn commit(&self, id: u64) -> u64 {
        self.raft(id).commit_index().0
    }

    /// The terms of the entries in `id`'s log, from its base on.
    pub fn log(&self, id: u64) -> Vec<u64> {
        let log = self.raft(id).log();
        log.slice(LogIndex(1)..=log.last_index()).iter().map(|entry| entry.term.0).collect()
    }

    /// The commands that `id`'s state machine was built of since it started, or by the snapshot that it started with.
    pub fn applied(&self, id: u64) -> &[Command] {
        &self.server(id).applied
    }

    /// How proposals and changes of membership ended, by their ids.
    pub fn outcomes(&self, id: u64) -> &[(u64, ProposalOutcome)] {
        &self.server(id).events.outcomes
    }

    /// How reads ended, by their ids.
    pub fn read_outcomes(&self, id: u64) -> &[(u64, ReadOutcome)] {
        &self.server(id).events.reads
    }

    /// How the transfers ended that a server was asked for, and whom they were to.
    pub fn transfer_outcomes(&self, id: u64) -> &[(u64, TransferOutcome)] {
        &self.server(id).events.transfers
    }

    /// The followers that a server has proof against, and what they had acknowledged.
    pub fn lost_logs(&self, id: u64) -> &[(u64, u64)] {
        &self.server(id).events.lost_logs
    }

    /// The last indexes of the snapshots that took the place of a server's state machine while it was up.
    pub fn restored_snapshots(&self, id: u64) -> &[u64] {
        &self.server(id).events.restored_snapshots
    }

    /// What stopped a server since it was started.
    pub fn stopped(&self, id: u64) -> Option<FatalError> {
        self.server(id).stopped
    }
}

fn encode(commands: &[Command]) -> Arc<[u8]> {
    commands.iter().flat_map(|command| command.to_le_bytes()).collect()
}

fn decode(bytes: &[u8]) -> Vec<Command> {
    let (commands, rest) = bytes.as_chunks();
    assert!(rest.is_empty(), "a snapshot is a list of commands");
    commands.iter().copied().map(Command::from_le_bytes).collect()
}

fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(7, |sum: u64, byte| sum.wrapping_mul(31).wrapping_add(u64::from(*byte)))
}
