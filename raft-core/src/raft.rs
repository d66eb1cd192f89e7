//! The state of one server, and the door to it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::config::{Config, ConfigError, Restored};
use crate::durability::Durability;
use crate::effect::{Effect, FatalError, LogWrite, Persist, RoleName, SnapshotWrite};
use crate::entry::Entries;
use crate::ids::{LogIndex, NodeId, Round, Sequence, Term, TermAndVote};
use crate::input::{Input, InputError};
use crate::leadership::Leader;
use crate::log::Log;
use crate::membership::{Membership, Memberships};
use crate::message::Message;
use crate::proposal::OpenProposals;
use crate::quorum::Tally;
use crate::read::Reads;
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::snapshot_receive::Staged;
use crate::time::{Span, Time};

/// One Raft server, without clock, network or disk: see the [crate's front page](crate) for its driver.
///
/// `P` is the command type; `R` draws the election timeouts.
// What happens now and then is marked `#[cold]` in these files, and the ways of appends and of their answers stand apart
// from each other: whatever the compiler put into one function with them, every step would keep room for.
#[derive(Clone, Debug)]
pub struct Raft<P, R = ChaCha8Rng> {
    pub(crate) config: Settings,
    pub(crate) rng: R,
    pub(crate) now: Time,
    /// Drawn anew for each campaign.
    pub(crate) election_timeout: Span,
    pub(crate) is_stopped: bool,

    pub(crate) term: Term,
    pub(crate) voted_for: Option<NodeId>,
    pub(crate) log: Log<P>,
    pub(crate) commit_index: LogIndex,
    pub(crate) last_applied: LogIndex,
    pub(crate) memberships: Memberships,
    pub(crate) role: Role,

    /// When a leader, of whatever term, was last heard of.
    pub(crate) heard_leader_at: Option<Time>,
    /// Before this time, what this node promised before it was restarted may still bind it.
    pub(crate) no_vote_before: Time,

    pub(crate) durability: Durability,
    /// What this step changed and has not asked to be written yet.
    pub(crate) unsaved: Unsaved<P>,
    pub(crate) proposals: OpenProposals,
    pub(crate) reads: Reads,

    /// The latest snapshot, taken or installed.
    pub(crate) snapshot: Option<Arc<Snapshot>>,
    /// A snapshot that is installed and not durable yet, so that the state machine does not have it.
    pub(crate) installing: Option<Arc<Snapshot>>,
    /// A snapshot on its way here.
    pub(crate) staged: Option<Staged>,
}

#[derive(Clone, Hash, Debug)]
pub(crate) enum Role {
    Follower(Follower),
    PreCandidate(PreCandidate),
    Candidate(Candidate),
    Leader(Leader),
}

#[derive(Clone, Hash, Debug)]
pub(crate) struct Follower {
    pub(crate) leader: Option<NodeId>,
    pub(crate) deadline: Time,
    /// A vote has been granted and not sent.
    pub(crate) is_vote_owed: bool,
    /// The leader waits for an acknowledgement.
    pub(crate) is_append_reply_owed: bool,
    /// Up to here the log agrees with that of this term's leader.
    pub(crate) matched: LogIndex,
    /// The leader's latest round.
    pub(crate) round: Round,
}

#[derive(Clone, Hash, Debug)]
pub(crate) struct PreCandidate {
    pub(crate) deadline: Time,
    pub(crate) votes: Tally,
    /// What matched with this term's leader before it fell silent: it may speak again.
    pub(crate) matched: LogIndex,
}

#[derive(Clone, Hash, Debug)]
pub(crate) struct Candidate {
    pub(crate) deadline: Time,
    pub(crate) votes: Tally,
    /// The leader asked for this campaign.
    pub(crate) is_transfer: bool,
}

impl Role {
    /// Up to here the log agrees with that of this term's leader, whether or not this node still waits for that one.
    pub(crate) fn matched(&self) -> LogIndex {
        match self {
            Self::Follower(follower) => follower.matched,
            Self::PreCandidate(candidate) => candidate.matched,
            Self::Candidate(_) | Self::Leader(_) => LogIndex(0),
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Unsaved<P> {
    pub(crate) term_and_vote: bool,
    pub(crate) snapshot: Option<Box<SnapshotWrite>>,
    pub(crate) log: Option<LogWrite<P>>,
}

impl<P> Unsaved<P> {
    pub(crate) fn is_any(&self) -> bool {
        self.term_and_vote || self.log.is_some() || self.snapshot.is_some()
    }
}

impl<P: Command, R: Rng> Raft<P, R> {
    /// A server that starts, or starts again, at `now` with what its disk holds.
    ///
    /// It starts as a follower. `rng` draws its election timeouts: nodes of one cluster need different ones. The state
    /// machine starts from the restored snapshot, or empty.
    ///
    /// # Errors
    /// Where `config` or `restored` contradicts itself; the error says where.
    pub fn new(config: &Config, restored: Restored<P>, now: Time, mut rng: R) -> Result<Self, ConfigError> {
        let initial = config.validate()?;
        restored.validate()?;
        let settings = Settings::from(config);
        let election_timeout = settings.draw_election_timeout(&mut rng);
        let Restored { term_and_vote, snapshot, base, entries, staged } = restored;
        let (applied, membership) = match &snapshot {
            Some(snapshot) => (snapshot.last.index, snapshot.membership.clone()),
            None => (LogIndex(0), Arc::new(initial)),
        };
        let log = Log::new(base, entries);
        let memberships = Memberships::new(applied, membership);
        let is_restarted = term_and_vote.term > Term(0);
        // A leader's lease may rest on what this node said before it was restarted.
        let silence =
            if is_restarted && settings.lease.is_some() { settings.longest_election_timeout } else { Span(0) };
        let mut raft = Self {
            rng,
            now,
            election_timeout,
            is_stopped: false,
            term: term_and_vote.term,
            voted_for: term_and_vote.voted_for,
            commit_index: applied,
            last_applied: applied,
            memberships,
            role: Role::Follower(Follower::new(None, now.after(election_timeout), LogIndex(0))),
            heard_leader_at: None,
            no_vote_before: now.after(silence),
            durability: Durability::restored(term_and_vote, log.last_index()),
            unsaved: Unsaved { term_and_vote: false, snapshot: None, log: None },
            proposals: OpenProposals::default(),
            reads: Reads::default(),
            installing: None,
            staged: staged.map(|(snapshot, received)| Staged::restored(snapshot, received)),
            snapshot,
            log,
            config: settings,
        };
        raft.find_memberships(applied.next());
        Ok(raft)
    }

    /// Takes one input at `now` and appends what is to be done to `effects`, in order.
    ///
    /// A `now` before an earlier one counts as that earlier one.
    ///
    /// # Errors
    /// A refused input changes nothing and has no effects; the error says what was wrong with it.
    pub fn step(&mut self, now: Time, input: Input<P>, effects: &mut Vec<Effect<P>>) -> Result<(), InputError> {
        self.validate(&input)?;
        self.now = self.now.max(now);
        match input {
            Input::Receive { from, message } => self.receive(from, message, effects),
            Input::Propose { id, command } => self.propose(id, command, effects),
            Input::ProposeAll { proposals } => self.propose_all(proposals, effects),
            Input::Read { id, mode } => self.read(id, mode, effects),
            Input::ChangeMembership { id, changes } => self.change_membership(id, &changes, effects),
            Input::TransferLeadership { to } => self.transfer_leadership(to, effects),
            Input::Persisted { sequence } => self.persisted(sequence, effects),
            Input::SnapshotTaken { last_index, size, checksum } => self.snapshot_taken(last_index, size, checksum),
            Input::SnapshotChunkLoaded { to, snapshot, offset, data } => {
                self.snapshot_chunk_loaded(to, snapshot, offset, data, effects);
            }
            Input::PeerUnreachable { peer } => self.peer_unreachable(peer, effects),
            Input::DeadlineReached => self.deadline_reached(effects),
        }
        self.check_invariants(effects);
        if self.unsaved.is_any() && !self.is_stopped {
            self.persist_unsaved(effects);
        }
        Ok(())
    }

    fn receive(&mut self, from: NodeId, message: Message<P>, effects: &mut Vec<Effect<P>>) {
        if let Message::RequestVote(request) = &message
            && request.term >= self.term
            && !request.is_transfer
            && self.ignores_candidates()
        {
            return;
        }
        if message.term() > self.term && says_its_term(&message) {
            self.adopt_term(message.term(), effects);
        }
        match message {
            Message::PreVote(request) => self.receive_pre_vote(from, request, effects),
            Message::PreVoteReply(reply) => self.receive_pre_vote_reply(from, reply, effects),
            Message::RequestVote(request) => self.receive_request_vote(from, request, effects),
            Message::RequestVoteReply(reply) => self.receive_request_vote_reply(from, reply, effects),
            Message::AppendEntries(mut append) => self.receive_append_entries(from, &mut append, effects),
            Message::AppendEntriesReply(reply) => self.receive_append_entries_reply(from, reply, effects),
            Message::InstallSnapshot(part) => self.receive_install_snapshot(from, part, effects),
            Message::InstallSnapshotReply(reply) => self.receive_install_snapshot_reply(from, reply, effects),
            Message::TimeoutNow(request) => self.receive_timeout_now(request, effects),
            Message::ReadIndex(question) => self.receive_read_index(from, question, effects),
            Message::ReadIndexReply(answer) => self.receive_read_index_reply(answer, effects),
            Message::LogLost(notice) => self.receive_log_lost(notice, effects),
        }
    }

    #[inline(never)]
    fn deadline_reached(&mut self, effects: &mut Vec<Effect<P>>) {
        self.give_up_forwarded_reads(effects);
        match &self.role {
            Role::Follower(Follower { deadline, .. })
            | Role::PreCandidate(PreCandidate { deadline, .. })
            | Role::Candidate(Candidate { deadline, .. }) => {
                if *deadline <= self.now {
                    self.election_timeout_elapsed(effects);
                }
            }
            Role::Leader(_) => self.leader_deadline_reached(effects),
        }
    }

    /// A write completed: everything that was withheld is judged again, against the state of now.
    #[inline(never)]
    fn persisted(&mut self, sequence: Sequence, effects: &mut Vec<Effect<P>>) {
        if !self.durability.completed(sequence) {
            return;
        }
        if self.installing.is_some() {
            self.restore_installed_snapshot(effects);
        }
        self.apply_committed(effects);
        match &self.role {
            Role::Follower(_) => {
                self.send_owed_vote(effects);
                if self.staged.is_some() {
                    self.acknowledge_staged_snapshot(effects);
                }
                self.send_owed_append_reply(effects);
            }
            Role::Candidate(candidate) => {
                if !candidate.votes.has_granted(self.config.id) && self.is_term_and_vote_durable() {
                    self.open_the_polls(effects);
                }
            }
            Role::PreCandidate(_) => {}
            Role::Leader(_) => self.advance_leader_commit(effects),
        }
    }

    pub(crate) fn is_term_and_vote_durable(&self) -> bool {
        self.durability.term_and_vote() == TermAndVote { term: self.term, voted_for: self.voted_for }
    }

    /// Notes that the log now ends with `entries`, from `first` on, for the write at the end of the step.
    pub(crate) fn note_log_write(&mut self, first: LogIndex, entries: Entries<P>) {
        debug_assert!(self.unsaved.log.is_none(), "a step changes the log at most once");
        self.unsaved.log = Some(LogWrite { first, entries });
    }

    /// Asks for one write of all that this step changed.
    #[inline(never)]
    fn persist_unsaved(&mut self, effects: &mut Vec<Effect<P>>) {
        let now = TermAndVote { term: self.term, voted_for: self.voted_for };
        let sequence = self.durability.submit(now, self.log.last_index(), self.now);
        let term_and_vote = core::mem::take(&mut self.unsaved.term_and_vote).then_some(now);
        let snapshot = self.unsaved.snapshot.take();
        let log = self.unsaved.log.take();
        effects.push(Effect::Persist(Persist { sequence, term_and_vote, snapshot, log }));
    }

    #[cold]
    pub(crate) fn stop(&mut self, error: FatalError, effects: &mut Vec<Effect<P>>) {
        self.is_stopped = true;
        effects.push(Effect::Fatal(error));
    }

    pub(crate) fn announce_role(&self, effects: &mut Vec<Effect<P>>) {
        effects.push(Effect::RoleChanged { term: self.term, role: self.role(), leader: self.leader() });
    }
}

/// Whether the sender of `message` was in the message's term, so that whoever is behind takes it up (§5.1).
///
/// A pre-vote speaks of a term that nobody is in yet, and so does the reply that grants it.
fn says_its_term<P>(message: &Message<P>) -> bool {
    match message {
        Message::PreVote(_) => false,
        Message::PreVoteReply(reply) => !reply.granted,
        _ => true,
    }
}

/// Observation.
impl<P, R> Raft<P, R> {
    /// When to step with [`Input::DeadlineReached`] if nothing else happens first; `None`: never.
    /// Ask again after every step.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        let of_role = match &self.role {
            _ if self.is_stopped => Time::NEVER,
            Role::Follower(follower) => follower.deadline,
            Role::PreCandidate(candidate) => candidate.deadline,
            Role::Candidate(candidate) => candidate.deadline,
            Role::Leader(leader) => leader.next_deadline(),
        };
        let deadline = match self.reads.next_deadline() {
            Some(of_reads) if !self.is_stopped => of_role.min(of_reads),
            _ => of_role,
        };
        (deadline != Time::NEVER).then_some(deadline)
    }

    /// This server's id.
    #[must_use]
    pub fn id(&self) -> NodeId {
        self.config.id
    }

    /// The latest term this server has seen.
    #[must_use]
    pub fn term(&self) -> Term {
        self.term
    }

    /// Who has this server's vote in the current term.
    #[must_use]
    pub fn voted_for(&self) -> Option<NodeId> {
        self.voted_for
    }

    /// The role held now.
    #[must_use]
    pub fn role(&self) -> RoleName {
        match self.role {
            Role::Follower(_) => RoleName::Follower,
            Role::PreCandidate(_) => RoleName::PreCandidate,
            Role::Candidate(_) => RoleName::Candidate,
            Role::Leader(_) => RoleName::Leader,
        }
    }

    /// The leader of the current term, where known.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::PreCandidate(_) | Role::Candidate(_) => None,
            Role::Leader(_) => Some(self.config.id),
        }
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &Log<P> {
        &self.log
    }

    /// The highest index known to be committed.
    #[must_use]
    pub fn commit_index(&self) -> LogIndex {
        self.commit_index
    }

    /// The last entry handed out in an [`Effect::Apply`], or contained in the snapshot that was restored.
    #[must_use]
    pub fn last_applied(&self) -> LogIndex {
        self.last_applied
    }

    /// The last entry on this node's own disk, with all before it.
    #[must_use]
    pub fn durable_index(&self) -> LogIndex {
        self.durability.index()
    }

    /// The members of the cluster, as the latest entry in the log that speaks of them has it, committed or not
    /// (dissertation §4.1).
    #[must_use]
    pub fn membership(&self) -> &Arc<Membership> {
        self.memberships.latest().1
    }

    /// The index of the entry that says so; 0 or that of a snapshot where none in the log does.
    #[must_use]
    pub fn membership_index(&self) -> LogIndex {
        self.memberships.latest().0
    }

    /// The latest snapshot, taken or installed.
    #[must_use]
    pub fn snapshot(&self) -> Option<&Arc<Snapshot>> {
        self.snapshot.as_ref()
    }
}
