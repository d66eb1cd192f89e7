//! The state of one server, and the door to it.

use alloc::vec::Vec;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

use crate::config::{Config, ConfigError, Restored};
use crate::durability::Durability;
use crate::effect::{Effect, FatalError, LogWrite, Persist, RoleName};
use crate::entry::Entries;
use crate::ids::{LogIndex, NodeId, Sequence, Term, TermAndVote};
use crate::input::{Input, InputError};
use crate::log::Log;
use crate::message::Message;
use crate::progress::Progress;
use crate::proposal::OpenProposals;
use crate::settings::Settings;
use crate::time::{Span, Time};

/// One Raft server, without clock, network or disk: see the [crate's front page](crate) for its driver.
///
/// `P` is the command type; `R` draws the election timeouts.
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
    pub(crate) role: Role,

    pub(crate) durability: Durability,
    /// What this step changed and has not asked to be written yet.
    pub(crate) unsaved: Unsaved<P>,
    pub(crate) proposals: OpenProposals,
}

#[derive(Clone, Debug)]
pub(crate) enum Role {
    Follower(Follower),
    Candidate(Candidate),
    Leader(Leader),
}

#[derive(Clone, Debug)]
pub(crate) struct Follower {
    pub(crate) leader: Option<NodeId>,
    pub(crate) deadline: Time,
    /// A vote has been granted and not sent.
    pub(crate) is_vote_owed: bool,
    /// The leader waits for an acknowledgement.
    pub(crate) is_append_reply_owed: bool,
    /// Up to here the log agrees with that of this term's leader.
    pub(crate) matched: LogIndex,
}

#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) deadline: Time,
    pub(crate) granted: Vec<NodeId>,
    pub(crate) refused: Vec<NodeId>,
}

#[derive(Clone, Debug)]
pub(crate) struct Leader {
    pub(crate) followers: Vec<FollowerOfMine>,
    pub(crate) heartbeat_deadline: Time,
    /// Room for the arithmetic of the commit rule.
    pub(crate) held: Vec<LogIndex>,
}

#[derive(Clone, Debug)]
pub(crate) struct FollowerOfMine {
    pub(crate) id: NodeId,
    pub(crate) progress: Progress,
}

#[derive(Clone, Debug)]
pub(crate) struct Unsaved<P> {
    pub(crate) term_and_vote: bool,
    pub(crate) log: Option<LogWrite<P>>,
}

impl<P> Unsaved<P> {
    pub(crate) fn is_any(&self) -> bool {
        self.term_and_vote || self.log.is_some()
    }
}

impl<P: Clone, R: Rng> Raft<P, R> {
    /// A server that starts, or starts again, at `now` with what its disk holds.
    ///
    /// It starts as a follower. `rng` draws its election timeouts: nodes of one cluster need different ones.
    ///
    /// # Errors
    /// Where `config` or `restored` contradicts itself; the error says where.
    pub fn new(config: Config, restored: Restored<P>, now: Time, mut rng: R) -> Result<Self, ConfigError> {
        config.validate()?;
        restored.validate()?;
        let settings = Settings::from(config);
        let election_timeout = settings.draw_election_timeout(&mut rng);
        let TermAndVote { term, voted_for } = restored.term_and_vote;
        let log = Log::new(restored.entries);
        Ok(Self {
            rng,
            now,
            election_timeout,
            is_stopped: false,
            term,
            voted_for,
            commit_index: LogIndex(0),
            last_applied: LogIndex(0),
            role: Role::Follower(Follower::new(None, now.after(election_timeout))),
            durability: Durability::restored(restored.term_and_vote, log.last_index()),
            unsaved: Unsaved { term_and_vote: false, log: None },
            proposals: OpenProposals::default(),
            log,
            config: settings,
        })
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
            Input::Persisted { sequence } => self.persisted(sequence, effects),
            Input::DeadlineReached => self.deadline_reached(effects),
        }
        self.check_invariants(effects);
        if !self.is_stopped {
            self.persist_unsaved(effects);
        }
        Ok(())
    }

    fn receive(&mut self, from: NodeId, message: Message<P>, effects: &mut Vec<Effect<P>>) {
        if message.term() > self.term {
            self.adopt_term(message.term(), effects);
        }
        match message {
            Message::RequestVote(request) => self.receive_request_vote(from, request, effects),
            Message::RequestVoteReply(reply) => self.receive_request_vote_reply(from, reply, effects),
            Message::AppendEntries(append) => self.receive_append_entries(from, &append, effects),
            Message::AppendEntriesReply(reply) => self.receive_append_entries_reply(from, reply, effects),
        }
    }

    fn deadline_reached(&mut self, effects: &mut Vec<Effect<P>>) {
        if self.next_deadline().is_none_or(|deadline| self.now < deadline) {
            return;
        }
        match self.role {
            Role::Follower(_) | Role::Candidate(_) => self.campaign(effects),
            Role::Leader(_) => self.heartbeat(effects),
        }
    }

    /// A write completed: everything that was withheld is judged again, against the state of now.
    fn persisted(&mut self, sequence: Sequence, effects: &mut Vec<Effect<P>>) {
        if !self.durability.completed(sequence) {
            return;
        }
        self.apply_committed(effects);
        match &self.role {
            Role::Follower(_) => {
                self.send_owed_vote(effects);
                self.send_owed_append_reply(effects);
            }
            Role::Candidate(candidate) => {
                if !candidate.granted.contains(&self.config.id) && self.is_term_and_vote_durable() {
                    self.open_the_polls(effects);
                }
            }
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
    fn persist_unsaved(&mut self, effects: &mut Vec<Effect<P>>) {
        if self.unsaved.is_any() {
            let now = TermAndVote { term: self.term, voted_for: self.voted_for };
            let sequence = self.durability.submit(now, self.log.last_index());
            let term_and_vote = core::mem::take(&mut self.unsaved.term_and_vote).then_some(now);
            let log = self.unsaved.log.take();
            effects.push(Effect::Persist(Persist { sequence, term_and_vote, log }));
        }
    }

    /// The one chain that all indexes obey. Broken, the node stops before it acts on nonsense.
    fn check_invariants(&mut self, effects: &mut Vec<Effect<P>>) {
        let (applied, committed, last) = (self.last_applied, self.commit_index, self.log.last_index());
        let is_ordered = applied <= committed && committed <= last;
        if !is_ordered && !self.is_stopped {
            self.stop(FatalError::IndexOrder { applied, committed, last }, effects);
        }
    }

    pub(crate) fn stop(&mut self, error: FatalError, effects: &mut Vec<Effect<P>>) {
        self.is_stopped = true;
        effects.push(Effect::Fatal(error));
    }

    pub(crate) fn announce_role(&self, effects: &mut Vec<Effect<P>>) {
        effects.push(Effect::RoleChanged { term: self.term, role: self.role(), leader: self.leader() });
    }
}

/// Observation.
impl<P, R> Raft<P, R> {
    /// When to step with [`Input::DeadlineReached`] if nothing else happens first; `None`: never.
    /// Ask again after every step.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Time> {
        match &self.role {
            _ if self.is_stopped => None,
            Role::Follower(follower) => Some(follower.deadline),
            Role::Candidate(candidate) => Some(candidate.deadline),
            Role::Leader(leader) if leader.followers.is_empty() => None,
            Role::Leader(leader) => Some(leader.heartbeat_deadline),
        }
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
            Role::Candidate(_) => RoleName::Candidate,
            Role::Leader(_) => RoleName::Leader,
        }
    }

    /// The leader of the current term, where known.
    #[must_use]
    pub fn leader(&self) -> Option<NodeId> {
        match &self.role {
            Role::Follower(follower) => follower.leader,
            Role::Candidate(_) => None,
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

    /// The last entry handed out in an [`Effect::Apply`].
    #[must_use]
    pub fn last_applied(&self) -> LogIndex {
        self.last_applied
    }

    /// The last entry on this node's own disk, with all before it.
    #[must_use]
    pub fn durable_index(&self) -> LogIndex {
        self.durability.index()
    }

    /// What a leader knows of each of its followers; nothing on any other node.
    pub fn progress(&self) -> impl Iterator<Item = (NodeId, &Progress)> {
        let followers = match &self.role {
            Role::Leader(leader) => leader.followers.as_slice(),
            Role::Follower(_) | Role::Candidate(_) => &[],
        };
        followers.iter().map(|follower| (follower.id, &follower.progress))
    }
}
