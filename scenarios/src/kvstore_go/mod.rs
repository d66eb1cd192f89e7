//! `kvstore-go`: a Raft as somebody else wrote it, rebuilt rule by rule and with every fault as it stands.
//!
//! The client's integer key does the work of the log index, the two fields by which a candidate's log would be compared are
//! never filled in, the majority is whatever number the operator gives, and nothing is ever on a disk: a server that
//! restarts is a new one. What the checkers find here is what they would have found in the original.
//!
//! What is shown of it: a position of its log is an index, since its dummy entry stands at position 0; its commit index is
//! what it calls so; and its state machine is said to have applied up to the position that it was given last. Its votes and
//! acknowledgements promise nothing, for it has no disk to remember them by.

mod candidate;
mod explored;
mod follower;
mod leader;
mod message;
mod plans;
mod settings;

use std::convert::Infallible;

use sim::linearizability::{Access, Outcome};
use sim::{
    AppliedDigest, Choice, Disk, Input, LogEntry, NodeId, Observation, Outputs, RequestId, Response, Role, Setup,
    Subject, TermAndVote,
};

pub use self::message::{Entry, Message};
pub use self::settings::Settings;
use crate::kv::{Answer, Command, Map, Value, Verb};

const MS: u64 = 1_000_000;

/// A server.
#[derive(Clone, Debug)]
pub struct KvstoreGo {
    me: NodeId,
    nodes: u8,
    majority: u64,
    settings: Settings,
    jitter: Choice,
    term: u64,
    voted_for: Option<NodeId>,
    role: Role,
    votes: u64,
    /// Position 0 holds the dummy.
    log: Vec<Entry>,
    commit: u64,
    applied: u64,
    next: [u64; sim::MAX_NODES],
    map: Map,
    leader: Option<NodeId>,
    timeout_ms: u64,
    deadline_ns: u64,
    /// The requests that it took as a leader and has not answered.
    waiting: Vec<RequestId>,
    /// It answers somebody who does not listen, and so for ever.
    is_blocked: bool,
    /// All that the state machine was given, and the position of the last of it.
    given: AppliedDigest,
    last_given: u64,
}

/// Nothing: what it writes is gone with it.
#[derive(Clone, Debug, Default)]
pub struct NoDisk;

impl Disk for NoDisk {
    type Write = Infallible;

    fn write(&mut self, write: &Infallible) {
        match *write {}
    }
}

impl Subject for KvstoreGo {
    type Settings = Settings;
    type Message = Message;
    type Command = Command;
    type Answer = Answer;
    type Disk = NoDisk;

    const NAME: &'static str = "kvstore-go";
    const MESSAGE_KINDS: &'static [&'static str] = Message::KINDS;

    fn start(setup: Setup<'_, Settings>, _: &NoDisk) -> Result<Self, String> {
        let mut server = Self {
            me: setup.node,
            nodes: setup.nodes,
            majority: setup.settings.majority.map_or(u64::from(setup.nodes) / 2 + 1, u64::from),
            settings: setup.settings.clone(),
            jitter: setup.jitter,
            term: 0,
            voted_for: None,
            role: Role::Follower,
            votes: 0,
            log: vec![Entry::DUMMY],
            commit: 0,
            applied: 0,
            next: [0; sim::MAX_NODES],
            map: Map::default(),
            leader: None,
            timeout_ms: 0,
            deadline_ns: 0,
            waiting: Vec::new(),
            is_blocked: false,
            given: AppliedDigest::default(),
            last_given: 0,
        };
        server.draw_timeout();
        server.start_timer(setup.now_ns);
        Ok(server)
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        if self.is_blocked {
            return;
        }
        match (self.role, input) {
            // Nobody asks before it campaigns.
            (Role::PreCandidate, _) => return,
            (Role::Follower, Input::Receive { message, .. }) => self.follower_hears(message, out),
            (Role::Candidate, Input::Receive { message, .. }) => self.candidate_hears(&message, out),
            (Role::Leader, Input::Receive { message, .. }) => self.leader_hears(message, out),
            (Role::Follower, Input::Request { id, .. }) => {
                out.respond(id, Response::NotLeader { leader: self.leader });
            }
            (Role::Leader, Input::Request { command, .. }) => self.propose(command, out),
            // A candidate takes no command, so that whoever waits for an answer waits.
            (Role::Candidate, Input::Request { .. }) => return,
            (_, Input::DeadlineReached) if now_ns < self.deadline_ns => return,
            (Role::Follower | Role::Candidate, Input::DeadlineReached) => {
                self.draw_timeout();
                self.campaign(out);
            }
            (Role::Leader, Input::DeadlineReached) => self.heartbeat(out),
            (_, Input::Operate { .. } | Input::Written) => return,
        }
        self.start_timer(now_ns);
    }

    fn deadline_ns(&self) -> Option<u64> {
        (!self.is_blocked).then_some(self.deadline_ns)
    }

    fn message_kind(message: &Message) -> u8 {
        message.kind()
    }

    /// Keys start at 1, as those of the original's own test: they are its log indexes after all.
    fn draw_command(settings: &Settings, client: u16, number: u32, choice: &mut Choice) -> Command {
        let request = RequestId { client, number };
        let key = choice.within((1, settings.keys)) as i64;
        let verb = match choice.below(6) {
            0..=2 => Verb::Insert(Value::of_request(request)),
            3 => Verb::Update(Value::of_request(request)),
            4 => Verb::Delete,
            _ => Verb::View,
        };
        Command { request, key, verb, is_in_session: false }
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

    fn describe(message: &Message) -> String {
        message.to_string()
    }

    fn observe(&mut self) -> Option<Observation> {
        Some(Observation {
            term_and_vote: TermAndVote { term: self.term, voted_for: self.voted_for },
            role: self.role,
            commit_index: self.commit,
            applied_index: self.last_given,
            applied: Some(self.given),
            last_index: self.last(),
            ..Observation::default()
        })
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        let entry = self.log.get(index as usize)?;
        Some(LogEntry {
            term: entry.term,
            digest: entry.command.map_or(LogEntry::NO_COMMAND, |command| command.digest()),
        })
    }
}

impl KvstoreGo {
    /// The last position of the log.
    fn last(&self) -> u64 {
        self.log.len() as u64 - 1
    }

    fn draw_timeout(&mut self) {
        let (start, end) = self.settings.election_timeout_ms;
        self.timeout_ms = start + self.jitter.below(end - start);
    }

    /// Every turn of a role's loop waits anew.
    fn start_timer(&mut self, now_ns: u64) {
        let wait_ms = match self.role {
            Role::Follower | Role::PreCandidate => self.timeout_ms + Settings::FOLLOWER_WAITS_LONGER_MS,
            Role::Candidate => self.timeout_ms,
            Role::Leader => self.settings.heartbeat_ms,
        };
        self.deadline_ns = now_ns + wait_ms * MS;
    }

    fn broadcast(&self, message: &Message, out: &mut impl Outputs<Self>) {
        for other in NodeId::all(self.nodes).filter(|other| *other != self.me) {
            out.send(other, message.clone());
        }
    }

    fn follow(&mut self, term: u64) {
        self.term = term;
        self.role = Role::Follower;
    }

    /// Gives the entry at `position` to the state machine. A position past the end is the end of the server.
    fn apply(&mut self, position: u64, out: &mut impl Outputs<Self>) -> Option<Answer> {
        let Some(entry) = self.log.get(position as usize) else {
            out.stop(format!("index out of range: position {position} of a log that ends at {}", self.last()));
            return None;
        };
        let command = entry.command?;
        self.given.give(command.digest());
        self.last_given = position;
        Some(self.map.apply(&command))
    }
}
