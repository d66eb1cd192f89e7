//! The server of `kvstore` under the simulator, as it runs in its process: the whole replica, its frames as bytes, and its files on a
//! disk of sectors.

mod command;
mod disk;
mod driving;
mod grudging_reads;
mod plans;

use std::collections::VecDeque;
use std::sync::Arc;

use kvstore::replica::{Clock, Output, Replica, SnapshotPolicy};
use kvstore::storage::{FileName, FileOperation, MemoryFiles, recover};
use kvstore::{Answer, Bytes, Operation as Verb, StateMachine, decode_message};
use raft_core::{LogIndex, LogPosition, Message, Payload, Time};
use sim::linearizability::{self, Access};
use sim::{
    AppliedDigest, Choice, Claim, Input, LogEntry, Membership, NodeId, NodeSet, Observation, Outputs, RequestId, Setup,
    Subject,
};

pub use self::command::{Asked, Place, Wish};
use self::disk::identify;
pub use self::disk::{ByteDisk, Write};
use self::grudging_reads::GrudgingReads;
use crate::raft_core_subject::{Settings, claim_in, describe_message, membership, sim_id, sim_role, term_and_vote};

/// Room for a few dozen batches: segments are begun and dropped all the time.
const SEGMENT_BYTES: u64 = 16 << 10;
/// The time in 1970's milliseconds at which every run begins.
const BEGINNING_MS: u64 = 1_700_000_000_000;
/// What an operator asks for has no client that waits for an answer.
const OPERATION: u64 = 1 << 62;

macro_rules! features {
    ($($feature:ident $name:literal,)*) => {
        #[derive(Clone, Copy)]
        enum Feature {
            $($feature,)*
        }

        impl Feature {
            const NAMES: &'static [&'static str] = &[$($name),*];
        }
    };
}

features! {
    SnapshotTaken "snapshots_taken",
    SnapshotInstalled "snapshots_installed",
    TornTail "torn_tails",
    ManySegments "segments_of_the_past",
    SessionUsed "commands_in_sessions",
    SessionExpired "sessions_expired",
    MembershipChange "membership_changes",
    LostLog "lost_logs",
}

/// A server.
#[derive(Clone, Debug)]
pub struct Kvstore {
    replica: Replica<GrudgingReads<MemoryFiles>, Choice>,
    /// What the disk was asked for and has not done, oldest first.
    writing: VecDeque<Writing>,
    /// A snapshot that is to be stored with the next step.
    storing: Option<(LogPosition, StateMachine)>,
    promotes: bool,
    /// The disk has lied: that the leader finds out, and the server stops, is as it should be.
    has_lied: bool,
    is_retired: bool,
    torn_tail: bool,
    segments: usize,
    membership: Membership,
    outputs: Vec<Output>,
}

#[derive(Clone, Copy, Debug)]
enum Writing {
    Batch,
    Snapshot { last: LogPosition, size: u64, checksum: u64 },
}

impl Subject for Kvstore {
    type Settings = Settings;
    type Message = Arc<[u8]>;
    type Command = Asked;
    type Answer = Answer;
    type Disk = ByteDisk;

    const NAME: &'static str = "kvstore";
    const MESSAGE_KINDS: &'static [&'static str] = Message::<Bytes>::KINDS;
    const FEATURES: &'static [&'static str] = Feature::NAMES;
    const ENDS_REQUESTS: bool = true;
    const APPLIES_ONLY_DURABLE: bool = true;
    const ONLY_MEMBERS_CAMPAIGN: bool = true;

    fn start(setup: Setup<'_, Settings>, disk: &ByteDisk) -> Result<Self, String> {
        let config = setup.settings.config(&setup);
        let recovered =
            recover(&GrudgingReads::of(disk.files()), config.id.0, SEGMENT_BYTES).map_err(|error| error.to_string())?;
        let (torn_tail, segments) = (recovered.report.torn.is_some(), recovered.report.segments);
        let snapshots = setup.settings.snapshots;
        let policy = SnapshotPolicy { entries: snapshots.map(|(every, _)| every), growth_percent: 0 };
        // A page cache holds what the disk holds, and the files of the log are not read again.
        let mut cache = MemoryFiles::default();
        for (file, bytes) in disk.files().iter().filter(|(file, _)| is_snapshot(*file)) {
            cache.carry_out(&FileOperation::Write { file, offset: 0, data: bytes.into() });
        }
        let replica =
            Replica::new(&config, policy, recovered, GrudgingReads::of(cache), Time(setup.now_ns), setup.jitter)
                .map_err(|error| error.to_string())?;
        Ok(Self {
            membership: membership(replica.raft().membership()),
            replica,
            writing: VecDeque::new(),
            storing: None,
            promotes: setup.settings.promotes,
            has_lied: disk.has_lied(),
            is_retired: false,
            torn_tail,
            segments,
            outputs: Vec::new(),
        })
    }

    fn upgraded(settings: &Settings, node: NodeId, choice: &mut Choice) -> Option<Settings> {
        let mut upgraded = settings.upgraded(node, choice);
        upgraded.snapshot_bytes = settings.snapshot_bytes;
        Some(upgraded)
    }

    fn patience_ns(settings: &Settings, node: NodeId) -> Option<u64> {
        settings.patience_ns(node)
    }

    fn trusts_clocks(settings: &Settings) -> bool {
        settings.lease_clock_drift_ppm.is_some()
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        if self.is_retired {
            return;
        }
        if std::mem::take(&mut self.torn_tail) {
            out.exercised(Feature::TornTail as u8);
        }
        if std::mem::take(&mut self.segments) > 1 {
            out.exercised(Feature::ManySegments as u8);
        }
        // Not in the step that applied the last entry: whoever watches is shown an entry before it goes.
        if !matches!(input, Input::Written) {
            self.store_snapshot(out);
        }
        let clock = Clock { now: Time(now_ns), wall_ms: BEGINNING_MS + now_ns / 1_000_000 };
        let mut outputs = std::mem::take(&mut self.outputs);
        if let Some(input) = self.replica_input(input, out) {
            self.replica.step(clock, input, &mut outputs);
            self.replica.flush(clock, &mut outputs);
        }
        for output in outputs.drain(..) {
            self.carry_out(output, out);
        }
        self.outputs = outputs;
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.replica.next_deadline().map(|deadline| deadline.0)
    }

    fn message_kind(message: &Self::Message) -> u8 {
        message.first().copied().unwrap_or_default()
    }

    fn draw_command(settings: &Settings, client: u16, number: u32, choice: &mut Choice) -> Asked {
        Asked::draw(settings, RequestId { client, number }, choice)
    }

    fn command_digest(command: &Asked) -> u64 {
        command.digest()
    }

    fn access(command: &Asked) -> Option<Access> {
        command.access()
    }

    fn outcome(answer: &Answer) -> Option<linearizability::Outcome> {
        command::outcome(answer)
    }

    fn takes_effect_once(command: &Asked) -> bool {
        command.takes_effect_once()
    }

    fn describe(message: &Self::Message) -> String {
        match decode_message(message) {
            Ok(message) => describe_message(&message),
            Err(problem) => format!("{} bytes: {problem}", message.len()),
        }
    }

    fn claim(from: NodeId, to: NodeId, message: &Self::Message) -> Option<Claim> {
        // The others promise nothing, and need not be read.
        match Self::MESSAGE_KINDS.get(usize::from(Self::message_kind(message))) {
            Some(&("RequestVote" | "RequestVoteReply" | "AppendEntriesReply")) => {}
            _ => return None,
        }
        claim_in(from, to, &decode_message(message).ok()?)
    }

    fn state_digest(&self) -> Option<u64> {
        Some(kvstore::checksum(&self.replica.machine().snapshot()))
    }

    fn observe(&mut self) -> Option<Observation> {
        let log_changed_from = self.replica.take_log_change().map(|index| index.0);
        let raft = self.replica.raft();
        Some(Observation {
            term_and_vote: term_and_vote(raft.term(), raft.voted_for()),
            role: sim_role(raft.role()),
            commit_index: raft.commit_index().0,
            applied_index: raft.last_applied().0,
            applied: Some(AppliedDigest::from_bits(self.replica.machine().history())),
            last_index: raft.log().last_index().0,
            log_changed_from,
            snapshot_index: raft.log().base().index.0,
            membership: Some(self.membership),
        })
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.replica.raft().log().entry(LogIndex(index)).map(identify)
    }

    fn log_membership(&self, index: u64) -> Option<Membership> {
        match &self.replica.raft().log().entry(LogIndex(index))?.payload {
            Payload::Membership(members) => Some(membership(members)),
            Payload::Noop | Payload::Command(_) => None,
        }
    }

    fn snapshot_term(&self) -> Option<u64> {
        Some(self.replica.raft().log().base().term.0)
    }

    fn lease_vouchers(&self, now_ns: u64) -> NodeSet {
        let vouchers = self.replica.raft().lease_vouchers(Time(now_ns));
        vouchers.into_iter().map(sim_id).fold(NodeSet::default(), NodeSet::with)
    }

    fn observe_progress(&self) -> impl Iterator<Item = (NodeId, u64, u64)> {
        let progress = self.replica.raft().progress();
        progress.map(|(id, progress)| (sim_id(id), progress.match_index().0, progress.next_index().0))
    }
}

fn is_snapshot(file: FileName) -> bool {
    matches!(file, FileName::Snapshot { .. })
}

impl Kvstore {
    /// The state, as far as the log has been applied.
    #[must_use]
    pub fn machine(&self) -> &StateMachine {
        self.replica.machine()
    }
}

/// How many bytes a snapshot of a run with these settings has at most, about.
fn largest_snapshot(settings: &Settings) -> u64 {
    let operation = Verb::Insert { key: Bytes::new(), value: Bytes::new() };
    // A key and its value, the one beside it which may have grown, and a dozen clients' sessions with their answers.
    64 + settings.keys * (operation.size_bytes() as u64 + 400) + 12 * 600
}
