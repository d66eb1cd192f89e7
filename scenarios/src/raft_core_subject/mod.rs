//! `raft-core` under the simulator, with the key-value map on top.

mod disk;
mod explored;
mod features;
mod ids;
mod members;
mod messages;
mod plans;
mod settings;
mod snapshot;

use std::collections::VecDeque;
use std::sync::Arc;

use raft_core::{
    Effect, FatalError, Input as CoreInput, LogIndex, Message, Payload, Persist, ProposalOutcome, Raft, ReadMode,
    ReadOutcome, RejectReason, RoleName, Sequence, Snapshot, SnapshotWrite, Time,
};
use sim::linearizability::{Access, Outcome};
use sim::{
    AppliedDigest, Choice, Claim, Input, LogEntry, Membership, NodeId, NodeSet, Observation, OfLeader, Operation,
    Outputs, RequestId, Response, Setup, Silence, Subject,
};

use self::disk::identify;
pub(crate) use self::disk::term_and_vote;
pub use self::disk::{RaftDisk, Write};
use self::features::Feature;
use self::ids::{OPERATION, proposal_id, read_id, request_id};
pub(crate) use self::ids::{core_id, sim_id, sim_role};
pub(crate) use self::members::{changes_between, membership};
pub(crate) use self::messages::{claim_in, describe_message, says_of_leader};
pub(crate) use self::plans::snapshot_catch_up_ns;
pub use self::settings::Settings;
use self::snapshot::{Shelf, TakenSnapshot, restore};
use crate::kv::{Answer, Command, Map, ReadPath, Value, Verb};

/// A server: `raft-core`, and the map that its log builds.
#[derive(Clone, Debug)]
pub struct RaftCore {
    raft: Raft<Command, Choice>,
    map: Map,
    applied: AppliedDigest,
    /// The answers to the entries applied last, the first of them to the entry at `answers_from`.
    answers: Vec<Answer>,
    answers_from: LogIndex,
    /// The reads under way, and the keys they ask for.
    reads: Vec<(RequestId, i64)>,
    shelf: Shelf,
    /// The part of a snapshot that has come from the leader so far.
    staged: Vec<u8>,
    snapshot_every: Option<u64>,
    /// A snapshot that is being written, or that the core is being told of.
    taking: Option<Arc<TakenSnapshot>>,
    /// The core's last write before that of the snapshot, while that one is under way.
    snapshot_follows: Option<Sequence>,
    /// The last write that the core asked for, and the last of them that completed: writes complete in order.
    last_asked: Sequence,
    last_durable: Sequence,
    promotes: bool,
    /// The disk has lied: that the leader finds out, and the core stops, is as it should be.
    has_lied: bool,
    is_retired: bool,
    log_changed_from: Option<LogIndex>,
    /// The core's, in the simulator's words.
    membership: Membership,
    features: features::Witness,
    effects: Vec<Effect<Command>>,
    /// What carrying out an effect led to at once.
    inputs: VecDeque<CoreInput<Command>>,
}

impl raft_core::Command for Command {
    fn size_bytes(&self) -> usize {
        size_of::<Self>()
    }
}

impl Subject for RaftCore {
    type Settings = Settings;
    type Message = Message<Command>;
    type Command = Command;
    type Answer = Answer;
    type Disk = RaftDisk;

    const NAME: &'static str = "raft-core";
    const MESSAGE_KINDS: &'static [&'static str] = Message::<Command>::KINDS;
    const FEATURES: &'static [&'static str] = Feature::NAMES;
    const MARKS: &'static [&'static str] = Feature::MARKS;
    const APPLIES_ONLY_DURABLE: bool = true;
    const ONLY_MEMBERS_CAMPAIGN: bool = true;
    const ENDS_REQUESTS: bool = true;

    fn start(setup: Setup<'_, Settings>, disk: &RaftDisk) -> Result<Self, String> {
        disk.check()?;
        let config = setup.settings.config(&setup);
        let raft =
            Raft::new(&config, disk.restored(), Time(setup.now_ns), setup.jitter).map_err(|error| error.to_string())?;
        let mut shelf = Shelf::default();
        let (mut map, mut applied) = Default::default();
        if let Some((snapshot, bytes)) = disk.snapshot() {
            (map, applied) = restore(snapshot, bytes)?;
            shelf.put(snapshot.id(), bytes.clone());
        }
        Ok(Self {
            membership: membership(raft.membership()),
            raft,
            map,
            applied,
            answers: Vec::new(),
            answers_from: LogIndex(0),
            reads: Vec::new(),
            shelf,
            staged: disk.staged_bytes().to_vec(),
            snapshot_every: setup.settings.snapshots.map(|(every, _)| every),
            taking: None,
            snapshot_follows: None,
            last_asked: Sequence(0),
            last_durable: Sequence(0),
            promotes: setup.settings.promotes,
            has_lied: disk.has_lied(),
            is_retired: false,
            log_changed_from: None,
            features: features::Witness::new(config.priority),
            effects: Vec::new(),
            inputs: VecDeque::new(),
        })
    }

    #[inline(always)]
    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        if self.is_retired {
            return;
        }
        // Not in the step that applied the last entry: whoever watches is shown an entry before it goes.
        if self.snapshot_every.is_some() && !matches!(input, Input::Written) {
            self.take_snapshot_if_due(out);
        }
        if let Some(input) = self.core_input(input) {
            // Here, where the kind of input is known.
            self.features.before(&self.raft, &input);
            self.step_core(Time(now_ns), input, out);
        }
    }

    fn simpler_settings(settings: &Settings) -> Vec<Settings> {
        settings.simpler()
    }

    fn upgraded(settings: &Settings, node: NodeId, choice: &mut Choice) -> Option<Settings> {
        Some(settings.upgraded(node, choice))
    }

    /// A lease trusts clocks.
    fn trusts_clocks(settings: &Settings) -> bool {
        settings.lease_clock_drift_ppm.is_some()
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.raft.next_deadline().map(|deadline| deadline.0)
    }

    fn message_kind(message: &Self::Message) -> u8 {
        message.kind()
    }

    fn draw_command(settings: &Settings, client: u16, number: u32, choice: &mut Choice) -> Command {
        let key = choice.below(settings.keys) as i64;
        let request = RequestId { client, number };
        let verb = match choice.below(8) {
            0..=2 => Verb::Insert(Value::of_request(request)),
            3 => Verb::Update(Value::of_request(request)),
            4 => Verb::Delete,
            5 | 6 if settings.reads => Verb::Read(ReadPath::ReadIndex),
            7 if settings.reads => Verb::Read(ReadPath::Lease),
            _ => Verb::View,
        };
        let command = Command { request, key, verb, is_in_session: false };
        if settings.sessions { in_session(command, choice) } else { command }
    }

    fn command_digest(command: &Command) -> u64 {
        command.digest()
    }

    fn access(command: &Command) -> Option<Access> {
        Some(command.access())
    }

    fn outcome(answer: &Answer) -> Option<Outcome> {
        answer.outcome()
    }

    fn takes_effect_once(command: &Command) -> bool {
        command.is_in_session
    }

    fn describe(message: &Self::Message) -> String {
        describe_message(message)
    }

    fn claim(from: NodeId, to: NodeId, message: &Self::Message) -> Option<Claim> {
        claim_in(from, to, message)
    }

    fn silence(settings: &Settings, node: NodeId) -> Option<Silence> {
        settings.check_quorum.contains(node).then(|| Silence {
            for_ns: settings.election_timeout_ms.0 * 1_000_000,
            outlives_restart: settings.lease_clock_drift_ppm.is_some(),
        })
    }

    fn asks_first(settings: &Settings, node: NodeId) -> bool {
        settings.pre_vote.contains(node)
    }

    fn patience_ns(settings: &Settings, node: NodeId) -> Option<u64> {
        settings.patience_ns(node)
    }

    fn says_of_leader(message: &Self::Message) -> Option<OfLeader> {
        says_of_leader(message)
    }

    fn is_confirmed_read(command: &Command) -> bool {
        command.verb == Verb::Read(ReadPath::ReadIndex)
    }

    fn state_digest(&self) -> Option<u64> {
        self.digest_at_snapshot()
    }

    fn observe(&mut self) -> Option<Observation> {
        Some(Observation {
            term_and_vote: term_and_vote(self.raft.term(), self.raft.voted_for()),
            role: sim_role(self.raft.role()),
            commit_index: self.raft.commit_index().0,
            applied_index: self.raft.last_applied().0,
            applied: Some(self.applied),
            last_index: self.raft.log().last_index().0,
            log_changed_from: self.log_changed_from.take().map(|index| index.0),
            snapshot_index: self.raft.log().base().index.0,
            membership: Some(self.membership),
        })
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.raft.log().entry(LogIndex(index)).map(identify)
    }

    fn log_membership(&self, index: u64) -> Option<Membership> {
        match &self.raft.log().entry(LogIndex(index))?.payload {
            Payload::Membership(members) => Some(membership(members)),
            Payload::Noop | Payload::Command(_) => None,
        }
    }

    fn snapshot_term(&self) -> Option<u64> {
        Some(self.raft.log().base().term.0)
    }

    fn lease_vouchers(&self, now_ns: u64) -> NodeSet {
        self.raft.lease_vouchers(Time(now_ns)).into_iter().map(sim_id).fold(NodeSet::default(), NodeSet::with)
    }

    fn observe_progress(&self) -> impl Iterator<Item = (NodeId, u64, u64)> {
        self.raft.progress().map(|(id, progress)| (sim_id(id), progress.match_index().0, progress.next_index().0))
    }
}

impl RaftCore {
    /// What the core is told of `input`, where it is told anything.
    #[inline(always)]
    fn core_input(&mut self, input: Input<Self>) -> Option<CoreInput<Command>> {
        Some(match input {
            Input::Receive { from, message } => CoreInput::Receive { from: core_id(from), message },
            Input::Request { id, command } => match command.verb {
                Verb::Read(path) => {
                    self.reads.push((id, command.key));
                    CoreInput::Read { id: read_id(id), mode: read_mode(path) }
                }
                _ => CoreInput::Propose { id: proposal_id(id), command },
            },
            Input::Operate { operation: Operation::TransferLeadership { to } } => {
                CoreInput::TransferLeadership { to: core_id(to) }
            }
            Input::Operate { operation: Operation::ChangeMembership { voters, learners } } => {
                CoreInput::ChangeMembership {
                    id: OPERATION,
                    changes: changes_between(self.raft.membership(), voters, learners, self.promotes),
                }
            }
            Input::Written => return self.written(),
            Input::DeadlineReached => CoreInput::DeadlineReached,
        })
    }

    /// What the core is told of the oldest write under way, which is durable now.
    fn written(&mut self) -> Option<CoreInput<Command>> {
        if self.snapshot_follows.take_if(|before| *before == self.last_durable).is_none() {
            self.last_durable.0 += 1;
            return Some(CoreInput::Persisted { sequence: self.last_durable });
        }
        // One that the leader sent may have come in between.
        let latest = self.raft.snapshot().map(|latest| latest.last.index);
        self.taking.take_if(|taken| latest.is_some_and(|latest| latest >= taken.last_index));
        let taken = self.taking.as_ref()?;
        let (size, checksum) = (taken.bytes.len() as u64, snapshot::checksum(&taken.bytes));
        Some(CoreInput::SnapshotTaken { last_index: taken.last_index, size, checksum })
    }

    #[inline(never)]
    fn step_core(&mut self, now: Time, input: CoreInput<Command>, out: &mut impl Outputs<Self>) {
        if let Err(error) = self.raft.step(now, input, &mut self.effects) {
            out.refuse(error.to_string());
        }
        // The first of them is to be popped first.
        self.effects.reverse();
        while let Some(effect) = self.effects.pop() {
            self.features.notice(&self.raft, &effect, out);
            match effect {
                Effect::Send { to, message } => out.send(sim_id(to), message),
                Effect::Persist(write) => self.persist(write, out),
                Effect::Apply { first, last } => self.apply(first, last),
                effect => self.carry_out_rare(effect, out),
            }
        }
        if let Some(input) = self.inputs.pop_front() {
            self.step_again(now, input, out);
        }
    }

    /// What carrying out the effects of a step led to at once.
    #[cold]
    fn step_again(&mut self, now: Time, input: CoreInput<Command>, out: &mut impl Outputs<Self>) {
        self.features.before(&self.raft, &input);
        self.step_core(now, input, out);
    }

    #[inline(never)]
    fn carry_out_rare(&mut self, effect: Effect<Command>, out: &mut impl Outputs<Self>) {
        match effect {
            Effect::Send { .. } | Effect::Persist(_) | Effect::Apply { .. } => {}
            Effect::RestoreSnapshot(snapshot) => self.restore(&snapshot, out),
            Effect::LoadSnapshotChunk { to, snapshot, offset, length } => {
                let data = self.shelf.part(snapshot, offset, length);
                self.inputs.push_back(CoreInput::SnapshotChunkLoaded { to, snapshot, offset, data });
            }
            Effect::ProposalOutcome { id: OPERATION, .. } => {}
            Effect::ProposalOutcome { id, outcome } => match self.response(outcome) {
                Some(response) => out.respond(request_id(id.0), response),
                None => out.give_up(request_id(id.0)),
            },
            Effect::ReadOutcome { id, outcome } => self.end_read(request_id(id.0), outcome, out),
            // The follower stops; where it is innocent, that is a crash.
            Effect::FollowerLostLog { .. } => {}
            Effect::Fatal(FatalError::LogLost { .. }) if self.has_lied => self.is_retired = true,
            Effect::Fatal(error) => out.stop(error.to_string()),
            Effect::MembershipChanged { membership: members, .. } => self.membership = membership(&members),
            Effect::TransferOutcome { .. } | Effect::RoleChanged { .. } => {}
        }
    }

    fn persist(&mut self, write: Persist<Command>, out: &mut impl Outputs<Self>) {
        let mut changed_from = write.log.as_ref().map(|log| log.first);
        if let Some(snapshot) = &write.snapshot {
            changed_from = self.persist_snapshot(snapshot).or(changed_from);
        }
        if let Some(first) = changed_from {
            self.log_changed_from = Some(self.log_changed_from.map_or(first, |from| from.min(first)));
        }
        self.last_asked = write.sequence;
        out.write(Write::Persist(write));
    }

    /// Returns from where on the log is another one, where the leader's snapshot is whole.
    #[cold]
    fn persist_snapshot(&mut self, write: &SnapshotWrite) -> Option<LogIndex> {
        match write {
            SnapshotWrite::Taken { snapshot, .. } => {
                if let Some(taken) = self.taking.take() {
                    self.put_on_shelf(snapshot, taken.bytes.clone());
                }
                None
            }
            SnapshotWrite::Chunk { snapshot, offset, data, is_complete } => {
                self.staged.truncate(*offset as usize);
                self.staged.extend_from_slice(data);
                is_complete.then(|| {
                    let bytes = std::mem::take(&mut self.staged);
                    self.put_on_shelf(snapshot, bytes.into());
                    snapshot.last.index.next()
                })
            }
        }
    }

    fn put_on_shelf(&mut self, snapshot: &Snapshot, bytes: Arc<[u8]>) {
        self.shelf.put(snapshot.id(), bytes);
        self.shelf.tidy(|id| self.raft.snapshots_in_use().any(|used| used == id));
    }

    #[inline(never)]
    fn apply(&mut self, first: LogIndex, last: LogIndex) {
        self.answers.clear();
        self.answers_from = first;
        for entry in self.raft.log().slice(first..=last) {
            self.applied.give(identify(entry).digest);
            self.answers.push(match &entry.payload {
                Payload::Command(command) => self.map.apply(command),
                Payload::Noop | Payload::Membership(_) => Answer::Done,
            });
        }
    }

    /// The state machine of the snapshot that the leader sent takes the place of this node's own.
    fn restore(&mut self, snapshot: &Snapshot, out: &mut impl Outputs<Self>) {
        let id = snapshot.id();
        let bytes = self.shelf.part(id, 0, id.size);
        let restored = bytes.ok_or_else(|| "its bytes are gone".to_owned()).and_then(|bytes| restore(snapshot, &bytes));
        match restored {
            Ok((map, applied)) => {
                (self.map, self.applied) = (map, applied);
                self.answers.clear();
            }
            Err(problem) => out.stop(problem),
        }
    }

    fn end_read(&mut self, id: RequestId, outcome: ReadOutcome, out: &mut impl Outputs<Self>) {
        let Some(place) = self.reads.iter().position(|(read, _)| *read == id) else { return };
        let (_, key) = self.reads.swap_remove(place);
        let response = match outcome {
            ReadOutcome::Ready { .. } => Response::Done { answer: self.map.look_up(key), index: None },
            ReadOutcome::NotLeader { leader } => Response::NotLeader { leader: leader.map(sim_id) },
            _ => Response::NoEffect,
        };
        out.respond(id, response);
    }

    /// Whether the session has gone on, so that nobody knows what became of the command at `index`.
    fn has_forgotten(&self, index: LogIndex) -> bool {
        let place = index.0.checked_sub(self.answers_from.0);
        place.and_then(|place| self.answers.get(place as usize)) == Some(&Answer::Forgotten)
    }

    /// What a client is told, unless nobody knows.
    fn response(&self, outcome: ProposalOutcome) -> Option<Response<Answer>> {
        Some(match outcome {
            ProposalOutcome::Committed { index, .. } if self.has_forgotten(index) => return None,
            ProposalOutcome::Committed { index, .. } => {
                // Its `Apply` came right before: the answer is among the last.
                let place = index.0.checked_sub(self.answers_from.0)?;
                Response::Done { answer: *self.answers.get(place as usize)?, index: Some(index.0) }
            }
            ProposalOutcome::Rejected(RejectReason::NotLeader { leader }) => {
                Response::NotLeader { leader: leader.map(sim_id) }
            }
            ProposalOutcome::Unknown => return None,
            _ => Response::NoEffect,
        })
    }

    /// Whether the node holds itself for the leader.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.raft.role() == RoleName::Leader
    }

    /// The map, as far as the log has been applied.
    #[must_use]
    pub fn map(&self) -> &Map {
        &self.map
    }
}

/// The same in a session, or something that only makes sense there; half of it on one of two hot keys.
fn in_session(mut command: Command, choice: &mut Choice) -> Command {
    let RequestId { client, number } = command.request;
    if choice.chance_ppm(500_000) {
        command.key %= 2;
    }
    // Now and then the client's own last value is there still.
    let earlier = RequestId { client, number: number.saturating_sub(1 + choice.below(3) as u32) };
    // Graphic characters, two of them to tell the appends of a while apart.
    let mark = u32::from(client) * 31 + number;
    command.verb = match (command.verb, choice.below(4)) {
        // What only takes effect once tells at once whether it did.
        (Verb::Insert(_), 0 | 3) => Verb::SetIfAbsent,
        (Verb::Update(_), 0 | 1) => Verb::Delete,
        (Verb::Insert(_), 1) => Verb::CompareAndSet(Value::of_request(earlier)),
        (Verb::Update(_) | Verb::Insert(_), 2) => {
            Verb::Append([b'!' + (mark / 94 % 94) as u8, b'!' + (mark % 94) as u8])
        }
        (verb, _) => verb,
    };
    command.is_in_session = !matches!(command.verb, Verb::View | Verb::Read(_));
    command
}

pub(crate) fn read_mode(path: ReadPath) -> ReadMode {
    match path {
        ReadPath::ReadIndex => ReadMode::ReadIndex,
        ReadPath::Lease => ReadMode::Lease,
    }
}
