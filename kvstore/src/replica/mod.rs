//! One server without clock, network or disk: `raft-core`, the state machine, and the log that makes both durable.
//!
//! A driver tells it what happened and carries out what it asks for, as for [`Raft`]:
//!
//! ```text
//! replica.step(clock, input, &mut outputs)      any number of times, while inputs are there
//! replica.flush(clock, &mut outputs)            then once: commands that wait are proposed, and all that waits for the disk
//!                                               becomes one batch
//! for each output, in order:
//!     Write           carry out the batch; when it is durable: step(Written). There is at most one under way
//!     StoreSnapshot   put the state's bytes in a file; when that is durable: step(SnapshotStored)
//!     Send            put it on the wire
//!     Answer          tell whoever asked
//!     Stop            stop: nothing more will come
//! wait for a message, a request, the disk, or next_deadline()
//! ```

mod answering;
mod boundary;
mod request;
mod storing;

use std::collections::{BTreeMap, VecDeque};

use raft_core::{
    Config, Effect, Input as CoreInput, LogIndex, LogPosition, Persist, ProposalId, Raft, ReadId, RoleName, Sequence,
    SnapshotWrite, Time,
};
use rand_chacha::rand_core::Rng;

pub use self::boundary::{Clock, Input, Output};
pub use self::request::{Found, Outcome, Query, Request};
pub use self::storing::SnapshotPolicy;
use crate::answer::Answer;
use crate::bytes::Bytes;
use crate::command::Command;
use crate::machine::StateMachine;
use crate::storage::{Files, Log, Recovered, StorageError};

/// One server.
#[derive(Clone, Debug)]
pub struct Replica<F, R> {
    raft: Raft<Bytes, R>,
    machine: StateMachine,
    log: Log,
    files: F,
    policy: SnapshotPolicy,
    /// Commands that wait for the batch under way: they make up the next one, in one append to each follower.
    proposals: Vec<(ProposalId, Bytes)>,
    proposed_bytes: usize,
    /// What waits for the disk.
    waiting: Vec<Persist<Bytes>>,
    /// The last write of the batch under way.
    writing: Option<Sequence>,
    /// The snapshot that is being stored.
    storing: Option<LogPosition>,
    /// The last entry that the state machine was given. A step of the core may be further already.
    applied: LogIndex,
    /// How many bytes of commands were applied since the last snapshot was begun.
    applied_bytes: u64,
    /// The answers to the entries applied last, the first of them to the entry at `answers_from`.
    answers: Vec<Answer>,
    answers_from: LogIndex,
    /// The reads under way, and the questions they are to answer.
    reads: BTreeMap<u64, Query>,
    /// Where the log has changed since somebody last asked.
    log_changed_from: Option<LogIndex>,
    is_stopped: bool,
    effects: Vec<Effect<Bytes>>,
    inputs: VecDeque<CoreInput<Bytes>>,
}

/// Commands that wait for the disk are proposed all the same once they have so many bytes.
const MOST_HELD_BYTES: usize = 1 << 20;
/// Membership changes are proposals too, and have no answer of the state machine.
const CHANGE: u64 = 1 << 63;

impl<F: Files, R: Rng> Replica<F, R> {
    /// A server that starts with what its disk holds. `files` reads that disk; what is written is to be seen in it at once.
    ///
    /// # Errors
    /// Where the configuration or the disk makes no sense.
    pub fn new(
        config: &Config,
        policy: SnapshotPolicy,
        recovered: Recovered,
        files: F,
        now: Time,
        rng: R,
    ) -> Result<Self, StorageError> {
        let Recovered { restored, machine, log, .. } = recovered;
        let raft = Raft::new(config, restored, now, rng).map_err(StorageError::Contradiction)?;
        let applied = raft.last_applied();
        Ok(Self {
            raft,
            machine,
            log,
            files,
            policy,
            proposals: Vec::new(),
            proposed_bytes: 0,
            waiting: Vec::new(),
            writing: None,
            storing: None,
            applied,
            applied_bytes: 0,
            answers: Vec::new(),
            answers_from: LogIndex(0),
            reads: BTreeMap::new(),
            log_changed_from: None,
            is_stopped: false,
            effects: Vec::new(),
            inputs: VecDeque::new(),
        })
    }

    /// Takes one input and appends what is to be done. Nothing is written, and commands are not proposed, before
    /// [`flush`](Self::flush).
    pub fn step(&mut self, clock: Clock, input: Input, outputs: &mut Vec<Output>) {
        if self.is_stopped {
            return;
        }
        if let Some(input) = self.core_input(clock, input, outputs) {
            self.step_all(clock.now, input, outputs);
        }
    }

    /// Steps the core, and with whatever that leads to.
    fn step_all(&mut self, now: Time, input: CoreInput<Bytes>, outputs: &mut Vec<Output>) {
        let mut next = Some(input);
        while let Some(input) = next {
            self.step_core(now, input, outputs);
            next = self.inputs.pop_front();
        }
    }

    /// Begins a batch of all that waits for the disk, and of the commands that came meanwhile, unless one is under way.
    pub fn flush(&mut self, clock: Clock, outputs: &mut Vec<Output>) {
        let is_full = self.proposed_bytes >= MOST_HELD_BYTES;
        // The batch under way is waited for anyway, before any command is applied. Who does not lead says so at once.
        if self.writing.is_none() || is_full || self.raft.role() != RoleName::Leader {
            self.propose(clock.now, outputs);
        }
        if self.is_stopped || self.writing.is_some() {
            return;
        }
        let Some(last) = self.waiting.last() else { return };
        self.writing = Some(last.sequence);
        let raft = &self.raft;
        let batch = self.log.batch(&self.waiting, |id| raft.snapshots_in_use().any(|used| used == id));
        self.waiting.clear();
        match batch {
            Ok(batch) => outputs.push(Output::Write(batch)),
            Err(problem) => self.stop(format!("the snapshot that the leader sent: {problem}"), outputs),
        }
    }

    /// Proposes all commands that wait.
    fn propose(&mut self, now: Time, outputs: &mut Vec<Output>) {
        if self.is_stopped || self.proposals.is_empty() {
            return;
        }
        let proposals = std::mem::take(&mut self.proposals);
        self.proposed_bytes = 0;
        self.step_all(now, CoreInput::ProposeAll { proposals }, outputs);
    }

    /// What the core is told, where it is told anything.
    fn core_input(&mut self, clock: Clock, input: Input, outputs: &mut Vec<Output>) -> Option<CoreInput<Bytes>> {
        Some(match input {
            Input::Receive { from, message } => CoreInput::Receive { from, message },
            Input::Request { id, request: Request::Command { stamp, trace, operation } } => {
                if let Err(problem) = operation.check_sizes() {
                    let outcome = Outcome::Refused(problem.to_string());
                    outputs.push(Output::Answer { id, outcome });
                    return None;
                }
                let command = Command { stamp, time_ms: clock.wall_ms, trace, operation };
                let command = command.encode();
                self.proposed_bytes += command.len();
                self.proposals.push((ProposalId(id), command));
                return None;
            }
            Input::Request { id, request: Request::Read { query, mode } } => {
                self.reads.insert(id, query);
                CoreInput::Read { id: ReadId(id), mode }
            }
            Input::Request { id, request: Request::ChangeMembership(changes) } => {
                CoreInput::ChangeMembership { id: ProposalId(id | CHANGE), changes }
            }
            Input::TransferLeadership { to } => CoreInput::TransferLeadership { to },
            Input::TakeSnapshot => {
                self.take_snapshot(outputs);
                return None;
            }
            Input::Written => CoreInput::Persisted { sequence: self.writing.take()? },
            Input::SnapshotStored { last, size, checksum } => return self.snapshot_stored(last, size, checksum),
            Input::PeerUnreachable { peer } => CoreInput::PeerUnreachable { peer },
            Input::DeadlineReached => CoreInput::DeadlineReached,
        })
    }

    fn step_core(&mut self, now: Time, input: CoreInput<Bytes>, outputs: &mut Vec<Output>) {
        let from = match &input {
            CoreInput::Receive { from, .. } => Some(*from),
            _ => None,
        };
        let mut effects = std::mem::take(&mut self.effects);
        if let Err(error) = self.raft.step(now, input, &mut effects) {
            outputs.push(Output::Refused { from, reason: error.to_string() });
        }
        for effect in effects.drain(..) {
            self.carry_out(effect, outputs);
        }
        self.effects = effects;
    }

    fn carry_out(&mut self, effect: Effect<Bytes>, outputs: &mut Vec<Output>) {
        match effect {
            Effect::Persist(write) => {
                self.note_log_change(&write);
                self.waiting.push(write);
            }
            Effect::Send { to, message } => outputs.push(Output::Send { to, message }),
            Effect::Apply { first, last } => {
                self.apply(first, last);
                self.take_snapshot_if_due(outputs);
            }
            Effect::RestoreSnapshot(snapshot) => self.restore(&snapshot, outputs),
            Effect::LoadSnapshotChunk { to, snapshot, offset, length } => {
                let data = self.load(snapshot, offset, length);
                self.inputs.push_back(CoreInput::SnapshotChunkLoaded { to, snapshot, offset, data });
            }
            Effect::ProposalOutcome { id, outcome } => {
                let is_change = id.0 & CHANGE != 0;
                let outcome = self.proposal_outcome(is_change, outcome);
                outputs.push(Output::Answer { id: id.0 & !CHANGE, outcome });
            }
            Effect::ReadOutcome { id, outcome } => self.end_read(id.0, outcome, outputs),
            Effect::TransferOutcome { to, outcome } => outputs.push(Output::TransferEnded { to, outcome }),
            Effect::RoleChanged { term, role, leader } => outputs.push(Output::RoleChanged { term, role, leader }),
            Effect::MembershipChanged { index, membership } => {
                outputs.push(Output::MembershipChanged { index, membership });
            }
            Effect::FollowerLostLog { follower, .. } => outputs.push(Output::FollowerLostLog { follower }),
            Effect::Fatal(error) => self.stop(error.to_string(), outputs),
        }
    }

    fn note_log_change(&mut self, write: &Persist<Bytes>) {
        let installed = match write.snapshot.as_deref() {
            Some(SnapshotWrite::Chunk { snapshot, is_complete: true, .. }) => Some(snapshot.last.index.next()),
            _ => None,
        };
        let changed = write.log.as_ref().map(|log| log.first);
        self.log_changed_from = [self.log_changed_from, installed, changed].into_iter().flatten().min();
    }

    fn stop(&mut self, reason: String, outputs: &mut Vec<Output>) {
        self.is_stopped = true;
        outputs.push(Output::Stop(reason));
    }

    /// When to step with [`Input::DeadlineReached`] if nothing happens first.
    pub fn next_deadline(&self) -> Option<Time> {
        self.raft.next_deadline()
    }

    /// The core.
    pub fn raft(&self) -> &Raft<Bytes, R> {
        &self.raft
    }

    /// The state machine, as far as the log has been applied.
    pub fn machine(&self) -> &StateMachine {
        &self.machine
    }

    /// The lowest index at which the log has changed since this was asked before.
    pub fn take_log_change(&mut self) -> Option<LogIndex> {
        self.log_changed_from.take()
    }

    /// The files that it reads.
    pub fn files_mut(&mut self) -> &mut F {
        &mut self.files
    }

    /// Whether anything waits for the disk, or is under way to it.
    pub fn is_writing(&self) -> bool {
        self.writing.is_some() || !self.waiting.is_empty()
    }
}
