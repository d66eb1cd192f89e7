//! `raft-core` under the simulator, with the key-value map on top.

use std::time::Duration;

use raft_core::{
    AppendOutcome, Config, Effect, Entry, Input as CoreInput, LogIndex, Message, Payload, Persist, ProposalId,
    ProposalOutcome, Raft, RejectReason, Restored, RoleName, Sequence, Term, Time,
};
use serde::{Deserialize, Serialize};
use sim::{
    AppliedDigest, Blocks, Choice, Disk, Input, LogEntry, NodeId, Observation, Outputs, Promise, RequestId, Response,
    Role, Setup, Subject, TermAndVote,
};

use crate::kv::{Answer, Command, Map, Value, Verb};

/// A server: `raft-core`, and the map that its log builds.
#[derive(Clone, Debug)]
pub struct RaftCore {
    raft: Raft<Command, Choice>,
    map: Map,
    applied: AppliedDigest,
    /// The answers to the entries applied last, the first of them to the entry at `answers_from`.
    answers: Vec<Answer>,
    answers_from: LogIndex,
    log_changed_from: Option<LogIndex>,
    /// Writes complete in the order of their numbers.
    last_durable: Sequence,
    effects: Vec<Effect<Command>>,
}

/// What an operator sets. Times are in milliseconds, as in the configuration file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The shortest and the longest election timeout, the longest not included.
    pub election_timeout_ms: (u64, u64),
    /// The heartbeat interval.
    pub heartbeat_ms: u64,
    /// The most entries in one append.
    pub max_entries_per_append: usize,
    /// The most entries sent ahead of their acknowledgement.
    pub max_entries_in_flight: u64,
    /// How many keys the clients use.
    pub keys: u64,
}

/// What a server's disk holds.
#[derive(Clone, Debug, Default)]
pub struct RaftDisk {
    term_and_vote: raft_core::TermAndVote,
    entries: Blocks<Entry<Command>>,
}

impl Subject for RaftCore {
    type Settings = Settings;
    type Message = Message<Command>;
    type Command = Command;
    type Answer = Answer;
    type Disk = RaftDisk;

    const NAME: &'static str = "raft-core";
    const MESSAGE_KINDS: &'static [&'static str] =
        &["RequestVote", "RequestVoteReply", "AppendEntries", "AppendEntriesReply"];
    const APPLIES_ONLY_DURABLE: bool = true;

    fn start(setup: Setup<'_, Settings>, disk: &RaftDisk) -> Result<Self, String> {
        let Settings { election_timeout_ms, heartbeat_ms, max_entries_per_append, max_entries_in_flight, .. } =
            *setup.settings;
        let timeout = Duration::from_millis;
        let config = Config {
            election_timeout: timeout(election_timeout_ms.0)..timeout(election_timeout_ms.1),
            heartbeat_interval: timeout(heartbeat_ms),
            max_entries_per_append,
            max_entries_in_flight,
            ..Config::new(core_id(setup.node), NodeId::all(setup.nodes).map(core_id).collect())
        };
        let restored = Restored { term_and_vote: disk.term_and_vote, entries: disk.entries.iter().cloned().collect() };
        let raft = Raft::new(config, restored, Time(setup.now_ns), setup.jitter).map_err(|error| error.to_string())?;
        Ok(Self {
            raft,
            map: Map::default(),
            applied: AppliedDigest::default(),
            answers: Vec::new(),
            answers_from: LogIndex(0),
            log_changed_from: None,
            last_durable: Sequence(0),
            effects: Vec::new(),
        })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        let input = match input {
            Input::Receive { from, message } => CoreInput::Receive { from: core_id(from), message },
            Input::Request { id, command } => CoreInput::Propose { id: proposal_id(id), command },
            Input::Written => {
                self.last_durable.0 += 1;
                CoreInput::Persisted { sequence: self.last_durable }
            }
            Input::DeadlineReached => CoreInput::DeadlineReached,
        };
        let mut effects = std::mem::take(&mut self.effects);
        if let Err(error) = self.raft.step(Time(now_ns), input, &mut effects) {
            out.refuse(error.to_string());
        }
        for effect in effects.drain(..) {
            self.carry_out(effect, out);
        }
        self.effects = effects;
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.raft.next_deadline().map(|deadline| deadline.0)
    }

    fn message_kind(message: &Self::Message) -> u8 {
        match message {
            Message::RequestVote(_) => 0,
            Message::RequestVoteReply(_) => 1,
            Message::AppendEntries(_) => 2,
            Message::AppendEntriesReply(_) => 3,
        }
    }

    fn draw_command(settings: &Settings, client: u16, number: u32, choice: &mut Choice) -> Command {
        let key = choice.below(settings.keys) as i64;
        let request = RequestId { client, number };
        let verb = match choice.below(8) {
            0..=3 => Verb::Insert(Value::of_request(request)),
            4..=5 => Verb::Update(Value::of_request(request)),
            6 => Verb::Delete,
            _ => Verb::View,
        };
        Command { request, key, verb }
    }

    fn command_digest(command: &Command) -> u64 {
        command.digest()
    }

    fn describe(message: &Self::Message) -> String {
        match message {
            Message::RequestVote(request) => format!("RequestVote t{} last {}", request.term, position(request.last)),
            Message::RequestVoteReply(reply) => {
                format!("vote {} t{}", if reply.granted { "granted" } else { "refused" }, reply.term)
            }
            Message::AppendEntries(append) if append.entries.is_empty() => {
                format!("heartbeat t{} prev {} commit {}", append.term, position(append.prev), append.leader_commit)
            }
            Message::AppendEntries(append) => format!(
                "AppendEntries t{} prev {} +{} commit {}",
                append.term,
                position(append.prev),
                append.entries.len(),
                append.leader_commit
            ),
            Message::AppendEntriesReply(reply) => match reply.outcome {
                AppendOutcome::Accepted { match_index } => format!("accepted t{} match {match_index}", reply.term),
                AppendOutcome::Conflict { prev_index, hint, .. } => {
                    format!("conflict t{} at {prev_index} hint {}", reply.term, position(hint))
                }
                AppendOutcome::StaleTerm => format!("stale, now t{}", reply.term),
            },
        }
    }

    fn promise(from: NodeId, to: NodeId, message: &Self::Message) -> Option<Promise> {
        match message {
            Message::RequestVote(request) => Some(Promise::Vote { term: request.term.0, candidate: from }),
            Message::RequestVoteReply(reply) => {
                reply.granted.then_some(Promise::Vote { term: reply.term.0, candidate: to })
            }
            Message::AppendEntriesReply(reply) => match reply.outcome {
                AppendOutcome::Accepted { match_index } => {
                    Some(Promise::Log { term: reply.term.0, index: match_index.0 })
                }
                AppendOutcome::Conflict { .. } | AppendOutcome::StaleTerm => None,
            },
            Message::AppendEntries(_) => None,
        }
    }

    fn observe(&mut self) -> Option<Observation> {
        Some(Observation {
            term_and_vote: term_and_vote(self.raft.term(), self.raft.voted_for()),
            role: match self.raft.role() {
                RoleName::Follower => Role::Follower,
                RoleName::Candidate => Role::Candidate,
                RoleName::Leader => Role::Leader,
            },
            commit_index: self.raft.commit_index().0,
            applied_index: self.raft.last_applied().0,
            applied: Some(self.applied),
            last_index: self.raft.log().last_index().0,
            log_changed_from: self.log_changed_from.take().map(|index| index.0),
        })
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.raft.log().entry(LogIndex(index)).map(identify)
    }

    fn observe_progress(&self) -> impl Iterator<Item = (NodeId, u64, u64)> {
        self.raft.progress().map(|(id, progress)| (sim_id(id), progress.match_index().0, progress.next_index().0))
    }
}

impl RaftCore {
    fn carry_out(&mut self, effect: Effect<Command>, out: &mut impl Outputs<Self>) {
        match effect {
            Effect::Send { to, message } => out.send(sim_id(to), message),
            Effect::Persist(write) => {
                if let Some(log) = &write.log {
                    self.log_changed_from = Some(self.log_changed_from.map_or(log.first, |from| from.min(log.first)));
                }
                out.write(write);
            }
            Effect::Apply { first, last } => {
                self.answers.clear();
                self.answers_from = first;
                for entry in self.raft.log().slice(first..=last) {
                    self.applied.give(identify(entry).digest);
                    self.answers.push(match &entry.payload {
                        Payload::Command(command) => self.map.apply(command),
                        Payload::Noop => Answer::Done,
                    });
                }
            }
            Effect::ProposalOutcome { id, outcome } => out.respond(request_id(id), self.response(outcome)),
            Effect::RoleChanged { .. } => {}
            Effect::Fatal(error) => out.stop(error.to_string()),
        }
    }

    fn response(&self, outcome: ProposalOutcome) -> Response<Answer> {
        match outcome {
            ProposalOutcome::Committed { index, .. } => {
                // Its `Apply` came right before: the answer is among the last.
                let answer =
                    index.0.checked_sub(self.answers_from.0).and_then(|place| self.answers.get(place as usize));
                match answer {
                    Some(answer) => Response::Done { answer: *answer, index: Some(index.0) },
                    None => Response::NoEffect,
                }
            }
            ProposalOutcome::Rejected(RejectReason::NotLeader { leader }) => {
                Response::NotLeader { leader: leader.map(sim_id) }
            }
            _ => Response::NoEffect,
        }
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

impl Disk for RaftDisk {
    type Write = Persist<Command>;

    fn write(&mut self, write: &Persist<Command>) {
        if let Some(term_and_vote) = write.term_and_vote {
            self.term_and_vote = term_and_vote;
        }
        if let Some(log) = &write.log {
            self.entries.truncate(log.first.0 as usize - 1);
            self.entries.extend(log.entries.iter().cloned());
        }
    }

    /// A record is written front to back: first the term and vote, then the entries. The checksum of each entry
    /// tells how far it got.
    fn torn(write: &Persist<Command>, choice: &mut Choice) -> Option<Persist<Command>> {
        let mut torn = write.clone();
        let entries = torn.log.as_ref().map_or(0, |log| log.entries.len());
        let kept = choice.below(entries as u64 + 1) as usize;
        match &mut torn.log {
            Some(log) if kept > 0 => log.entries = log.entries.slice(0..kept),
            _ => torn.log = None,
        }
        (torn.term_and_vote.is_some() || torn.log.is_some()).then_some(torn)
    }

    fn term_and_vote(&self) -> Option<TermAndVote> {
        Some(term_and_vote(self.term_and_vote.term, self.term_and_vote.voted_for))
    }

    fn last_index(&self) -> u64 {
        self.entries.len() as u64
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.entries.get(index.checked_sub(1)? as usize).map(identify)
    }

    fn changes_log_from(write: &Persist<Command>) -> Option<u64> {
        write.log.as_ref().map(|log| log.first.0)
    }
}

fn identify(entry: &Entry<Command>) -> LogEntry {
    let digest = match &entry.payload {
        Payload::Command(command) => command.digest(),
        Payload::Noop => LogEntry::NO_COMMAND,
    };
    LogEntry { term: entry.term.0, digest }
}

fn position(position: raft_core::LogPosition) -> String {
    format!("{}/t{}", position.index, position.term)
}

fn term_and_vote(term: Term, voted_for: Option<raft_core::NodeId>) -> TermAndVote {
    TermAndVote { term: term.0, voted_for: voted_for.map(sim_id) }
}

/// The simulator counts nodes from 0; here ids start at 1.
fn core_id(node: NodeId) -> raft_core::NodeId {
    raft_core::NodeId(u64::from(node.0) + 1)
}

fn sim_id(node: raft_core::NodeId) -> NodeId {
    NodeId((node.0 - 1) as u8)
}

fn proposal_id(id: RequestId) -> ProposalId {
    ProposalId(u64::from(id.client) << 32 | u64::from(id.number))
}

fn request_id(id: ProposalId) -> RequestId {
    RequestId { client: (id.0 >> 32) as u16, number: id.0 as u32 }
}
