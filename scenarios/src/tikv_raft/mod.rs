//! `tikv-raft`: the `raft` crate 0.7 under the simulator, with the key-value map on top.
//!
//! The crate is ticked, so a deadline is its next tick. What it has ready is written through the simulator's disk by its
//! asynchronous protocol: a leader's messages leave at once, everybody else's when the write is durable, and
//! `on_persist_ready` is told of writes in their order. The crate draws election timeouts from the thread's generator; the
//! adapter draws them again from the seed's choices after every step that changes the term or the role.

mod command;
mod driver;
#[cfg(test)]
mod evidence;
mod plans;
mod settings;
mod store;

use std::collections::VecDeque;
use std::sync::Arc;

use raft::eraftpb::{ConfState, Entry, Message, MessageType};
use raft::{RawNode, StateRole};
use sim::linearizability::{Access, Outcome};
use sim::{
    AppliedDigest, Choice, Claim, Input, LogEntry, Membership, NodeId, NodeSet, Observation, Operation, Outputs,
    Promise, RequestId, Role, Setup, Subject, TermAndVote,
};

pub use self::settings::Settings;
use self::store::Image;
pub use self::store::{Store, Write};
use crate::kv::{Answer, Command, Map, ReadPath, Value, Verb};

const MS: u64 = 1_000_000;

/// A server: the crate's node, and the map that its log builds.
pub struct TikvRaft {
    node: RawNode<Store>,
    settings: Settings,
    jitter: Choice,
    next_tick_ns: u64,
    election_ticks: usize,
    /// As it was when the timeout was drawn.
    drawn_for: (u64, StateRole),
    map: Map,
    applied: AppliedDigest,
    applied_index: u64,
    /// The requests taken as a leader that no applied entry has answered.
    proposals: Vec<RequestId>,
    reads: Vec<(RequestId, i64)>,
    /// How often any was asked for.
    reads_asked: u32,
    /// For how many ticks none of them was asked for again.
    reads_waited: usize,
    /// Reads whose index is known and not applied yet.
    ready_reads: Vec<(RequestId, i64, u64)>,
    /// What each write under way lets happen.
    writes: VecDeque<Durable>,
    /// To whom snapshots are on their way, and for how many ticks.
    sending: Vec<(u64, usize)>,
    log_changed_from: Option<u64>,
    /// The terms of the log, as far as was shown.
    terms: Vec<u64>,
    is_image_under_way: bool,
}

/// What a durable write lets happen.
#[derive(Debug, Default)]
struct Durable {
    /// The last ready that is persisted with it; 0 for a snapshot that the application took.
    number: u64,
    messages: Vec<Message>,
    image: Option<Arc<Image>>,
}

impl Subject for TikvRaft {
    type Settings = Settings;
    type Message = Message;
    type Command = Command;
    type Answer = Answer;
    type Disk = Store;

    const NAME: &'static str = "tikv-raft";
    const MESSAGE_KINDS: &'static [&'static str] = &[
        "Append",
        "AppendResponse",
        "RequestVote",
        "RequestVoteResponse",
        "Snapshot",
        "Heartbeat",
        "HeartbeatResponse",
        "TransferLeader",
        "TimeoutNow",
        "ReadIndex",
        "ReadIndexResp",
        "RequestPreVote",
        "RequestPreVoteResponse",
        "other",
    ];
    /// It leads within the step in which it votes for itself where nobody else has a vote.
    const LEADS_ONLY_BY_DURABLE_VOTES: bool = false;
    const FEATURES: &'static [&'static str] = &[
        "pre_votes",
        "transfers",
        "membership_changes",
        "joint_configurations",
        "snapshots_taken",
        "snapshots_sent",
        "snapshots_installed",
        "read_index_reads",
    ];

    fn start(mut setup: Setup<'_, Settings>, disk: &Store) -> Result<Self, String> {
        let mut store = disk.clone();
        let (mut map, mut applied, mut applied_index) = Default::default();
        match disk.image.as_deref() {
            Some(Image { snapshot, .. }) => {
                (map, applied) = decode_image(&snapshot.data)?;
                applied_index = snapshot.get_metadata().index;
                store.conf_state = snapshot.get_metadata().get_conf_state().clone();
            }
            None => store.conf_state = ConfState::from((ids(setup.members), Vec::new())),
        }
        // A snapshot that was taken is durable before the commit index that it implies.
        store.hard_state.commit = store.hard_state.commit.max(applied_index);
        let logger = slog::Logger::root(slog::Discard, slog::o!());
        let mut terms = vec![0; store.base().0 as usize];
        terms.extend(store.entries.iter().map(|entry| entry.term));
        let config = setup.settings.config(id(setup.node), applied_index);
        let node = RawNode::new(&config, store, &logger).map_err(|error| error.to_string())?;
        let tick_ns = setup.settings.tick_ms * MS;
        let mut server = Self {
            next_tick_ns: setup.now_ns + setup.jitter.within((1, tick_ns)),
            drawn_for: (node.raft.term, node.raft.state),
            node,
            settings: setup.settings.clone(),
            jitter: setup.jitter,
            election_ticks: 0,
            map,
            applied,
            applied_index,
            proposals: Vec::new(),
            reads: Vec::new(),
            reads_asked: 0,
            reads_waited: 0,
            ready_reads: Vec::new(),
            writes: VecDeque::new(),
            sending: Vec::new(),
            log_changed_from: None,
            terms,
            is_image_under_way: false,
        };
        server.draw_timeout();
        Ok(server)
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        let mut must_drain = false;
        // Not in the step that applied the last entry: whoever watches is shown an entry before it goes.
        if !matches!(input, Input::Written) {
            self.take_snapshot_if_due(out);
        }
        match input {
            Input::Receive { message, .. } => {
                // What it does not want, such as the answer of a node that has left, it refuses, and nothing more.
                let _ = self.node.step(message);
            }
            Input::Request { id, command } => self.request(id, &command, out),
            Input::Operate { operation: Operation::TransferLeadership { to } } => self.node.transfer_leader(id(to)),
            Input::Operate { operation: Operation::ChangeMembership { voters, learners } } => {
                self.change_membership(voters, learners);
            }
            Input::Written => {
                self.written(out);
                must_drain = true;
            }
            Input::DeadlineReached => {
                if now_ns < self.next_tick_ns {
                    return;
                }
                // Ticks that were missed are gone, as with any ticker that does not burst.
                self.next_tick_ns = now_ns + self.settings.tick_ms * MS;
                self.node.tick();
                self.give_up_snapshots();
                self.ask_again_for_reads();
                must_drain = true;
            }
        }
        self.redraw_timeout();
        self.note_changes();
        let waits = self.settings.drains_late_ppm > 0 && self.jitter.chance_ppm(self.settings.drains_late_ppm);
        if must_drain || !waits || self.node.snap().is_some() {
            self.drain(out);
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        Some(self.next_tick_ns)
    }

    fn message_kind(message: &Message) -> u8 {
        match message.get_msg_type() {
            MessageType::MsgAppend => 0,
            MessageType::MsgAppendResponse => 1,
            MessageType::MsgRequestVote => 2,
            MessageType::MsgRequestVoteResponse => 3,
            MessageType::MsgSnapshot => 4,
            MessageType::MsgHeartbeat => 5,
            MessageType::MsgHeartbeatResponse => 6,
            MessageType::MsgTransferLeader => 7,
            MessageType::MsgTimeoutNow => 8,
            MessageType::MsgReadIndex => 9,
            MessageType::MsgReadIndexResp => 10,
            MessageType::MsgRequestPreVote => 11,
            MessageType::MsgRequestPreVoteResponse => 12,
            _ => 13,
        }
    }

    fn draw_command(settings: &Settings, client: u16, number: u32, choice: &mut Choice) -> Command {
        let key = choice.below(settings.keys) as i64;
        let request = RequestId { client, number };
        let verb = match choice.below(8) {
            0..=2 => Verb::Insert(Value::of_request(request)),
            3 => Verb::Update(Value::of_request(request)),
            4 => Verb::Delete,
            6 | 7 if settings.reads => Verb::Read(ReadPath::ReadIndex),
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
        let Message { term, index, log_term, commit, reject, .. } = message;
        let kind = Self::MESSAGE_KINDS[usize::from(Self::message_kind(message))];
        let entries = message.entries.len();
        let refused = if *reject { " refused" } else { "" };
        // A read that is on its way is an entry's data, and the context of the heartbeats that it asks for and of their answers.
        let read =
            message.entries.first().filter(|_| kind == "ReadIndex").map_or(&message.context, |asked| &asked.data);
        let read = command::read_of(read).map_or(String::new(), |(request, attempt)| {
            format!(" read c{} #{} ask {attempt}", u32::from(request.client) + 1, u64::from(request.number) + 1)
        });
        if message.get_msg_type() == MessageType::MsgSnapshot {
            let metadata = message.get_snapshot().get_metadata();
            return format!(
                "{kind} t{term} to {}/t{} for {}",
                metadata.index,
                metadata.term,
                membership(metadata.get_conf_state())
            );
        }
        format!("{kind} t{term} {index}/t{log_term} +{entries} commit {commit}{refused}{read}")
    }

    fn claim(from: NodeId, to: NodeId, message: &Message) -> Option<Claim> {
        let term = message.term;
        let promise = match message.get_msg_type() {
            MessageType::MsgRequestVote => Promise::Vote { term, candidate: from },
            MessageType::MsgRequestVoteResponse if !message.reject => Promise::Vote { term, candidate: to },
            MessageType::MsgAppendResponse if !message.reject => Promise::Log { term, index: message.index },
            _ => return None,
        };
        Some(Claim::Promises(promise))
    }

    fn observe(&mut self) -> Option<Observation> {
        let raft = &self.node.raft;
        let state = raft.prs().conf().to_conf_state();
        Some(Observation {
            term_and_vote: term_and_vote(raft.term, raft.vote),
            role: match raft.state {
                StateRole::Follower | StateRole::PreCandidate => Role::Follower,
                StateRole::Candidate => Role::Candidate,
                StateRole::Leader => Role::Leader,
            },
            commit_index: raft.raft_log.committed,
            applied_index: self.applied_index,
            applied: Some(self.applied),
            last_index: raft.raft_log.last_index(),
            log_changed_from: self.log_changed_from.take(),
            snapshot_index: self.node.store().base().0,
            membership: Some(membership(&state)),
        })
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.entry(index).map(command::identify)
    }

    fn coming_memberships(&self) -> impl Iterator<Item = Membership> {
        let now = membership(&self.node.raft.prs().conf().to_conf_state());
        // Who lets go of its old half keeps the new one.
        let settled = now.is_joint().then_some(Membership { outgoing: NodeSet::default(), ..now });
        let not_applied = self.applied_index + 1..=self.node.raft.raft_log.last_index();
        settled.into_iter().chain(not_applied.filter_map(|index| command::new_membership(self.entry(index)?)))
    }

    fn snapshot_term(&self) -> Option<u64> {
        Some(self.node.store().base().1)
    }

    /// In the order of nodes: the crate keeps them in a hash map.
    fn observe_progress(&self) -> impl Iterator<Item = (NodeId, u64, u64)> {
        let own = self.node.raft.id;
        let followers = self.node.raft.prs().iter().filter(|(id, _)| **id != own);
        let mut progress: Vec<_> =
            followers.map(|(id, progress)| (node(*id), progress.matched, progress.next_idx)).collect();
        progress.sort_unstable();
        progress.into_iter()
    }
}

impl TikvRaft {
    fn entry(&self, index: u64) -> Option<&Entry> {
        let unstable = self.node.raft.raft_log.unstable_entries();
        match unstable.first().and_then(|first| index.checked_sub(first.index)) {
            Some(place) => unstable.get(place as usize),
            None => self.node.store().get(index),
        }
    }
}

fn decode_image(bytes: &[u8]) -> Result<(Map, AppliedDigest), String> {
    let state = bytes.split_first_chunk().and_then(|(applied, map)| Some((*applied, Map::decode(map)?)));
    let (applied, map) = state.ok_or("a snapshot is damaged")?;
    Ok((map, AppliedDigest::from_bits(u64::from_le_bytes(applied))))
}

/// The crate counts nodes from 1.
fn id(node: NodeId) -> u64 {
    u64::from(node.0) + 1
}

fn node(id: u64) -> NodeId {
    NodeId((id - 1) as u8)
}

fn ids(nodes: NodeSet) -> Vec<u64> {
    NodeId::all(sim::MAX_NODES as u8).filter(|node| nodes.contains(*node)).map(id).collect()
}

fn term_and_vote(term: u64, vote: u64) -> TermAndVote {
    TermAndVote { term, voted_for: Some(vote).filter(|vote| *vote != raft::INVALID_ID).map(node) }
}

fn membership(state: &ConfState) -> Membership {
    let set = |ids: &[u64]| ids.iter().fold(NodeSet::default(), |set, id| set.with(node(*id)));
    Membership {
        voters: set(&state.voters),
        outgoing: set(&state.voters_outgoing),
        learners: set(&state.learners).union(set(&state.learners_next)),
    }
}
