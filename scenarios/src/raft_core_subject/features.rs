//! What a run exercises of `raft-core`, to be counted: a fuzzer that never reaches a feature says nothing about it.

use raft_core::{
    AppendOutcome, Effect, Input, LogIndex, MemberRole, Membership, Message, NodeId, ProposalOutcome, Raft, ReadMode,
    RequestVote,
};
use raft_core::{ReadId, ReadOutcome, RejectReason, RoleName, Term, TransferOutcome};
use sim::{Choice, Outputs};

use super::RaftCore;
use super::ids::OPERATION;
use crate::kv::Command;

macro_rules! features {
    (
        features { $($(#[$doc:meta])* $feature:ident $name:literal,)* }
        marks { $($(#[$mark_doc:meta])* $mark:ident $mark_name:literal,)* }
    ) => {
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub(super) enum Feature {
            $($(#[$doc])* $feature,)*
            $($(#[$mark_doc])* $mark,)*
        }

        impl Feature {
            pub(super) const NAMES: &'static [&'static str] = &[$($name,)* $($mark_name),*];
            pub(super) const MARKS: &'static [&'static str] = &[$($mark_name),*];
        }
    };
}

features! {
    features {
        /// A server asked around before it campaigned.
        PreVote "pre_votes",
        /// A leader gave up although nobody had a later term.
        StepDown "step_downs",
        /// A leader asked another server to take over, as it was told to.
        Transfer "transfers",
        /// And it did.
        TransferDone "transfers_done",
        /// A leader with a stalled disk asked another to take over.
        SlowDiskHandover "slow_disk_handovers",
        /// A change of membership that was asked for was committed.
        MembershipChange "membership_changes",
        /// A joint configuration came into force on a leader.
        JointConfiguration "joint_configurations",
        /// A configuration was taken back with its entry.
        MembershipRolledBack "memberships_rolled_back",
        /// A leader promoted a learner that had caught up.
        Promotion "promotions",
        /// A server turned a candidate down for its priority alone.
        PriorityRefusal "priority_refusals",
        /// The application took a snapshot.
        SnapshotTaken "snapshots_taken",
        /// The last part of a snapshot was sent.
        SnapshotSent "snapshots_sent",
        /// A state machine was restored from one.
        SnapshotInstalled "snapshots_installed",
        /// A read was served after a round of heartbeats.
        ReadIndexRead "read_index_reads",
        /// A read was served by a leader's lease.
        LeaseRead "lease_reads",
        /// A follower served a read with its leader's help.
        ForwardedRead "forwarded_reads",
        /// A read was lost.
        LostRead "lost_reads",
        /// A leader took no proposal because too much was uncommitted.
        Backpressure "backpressure",
        /// A server learned that it had lost what it had acknowledged, and stopped.
        LostLog "lost_logs",
    }
    // Too rare for any 2,000 runs.
    marks {
        /// A candidate learned that another has won in its own term.
        EqualTermYield "equal_term_yield",
        /// A follower that refused an append passed over a later term's entries in its answer.
        HintSkipsTerm "hint_skips_term",
        /// And the leader passed over entries of its own that the follower cannot have.
        LeaderSkipsTerm "leader_skips_term",
        /// A vote was refused for nothing but a log of the same last term that is shorter.
        ShorterLogRefused "shorter_log_refused",
        /// A vote was refused for nothing but an earlier last term, though that log was as long or longer.
        OlderLogRefused "older_log_refused",
        /// A leader was deposed before a read that it was asked for could be answered.
        ReadLostAtStepDown "read_lost_at_step_down",
    }
}

/// Notices features from outside, by the inputs and effects of each step.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    priority: u32,
    /// The term that the server leads.
    leads: Option<Term>,
    membership_index: LogIndex,
    /// Learners that are to be promoted.
    has_promotable: bool,
    /// The term that it campaigns in.
    stands: Option<Term>,
    /// It led until this step.
    is_deposed: bool,
    /// The target of the last transfer that somebody asked for.
    transfer_to: Option<NodeId>,
    asked: Asked,
}

/// What a step is asked for that shows in its effects.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Asked {
    /// A read, by the leader's lease.
    LeaseRead(ReadId),
    /// A vote, by a candidate with a log as long as the own one and a lower priority.
    VoteForLower,
    /// A vote, by a candidate of this later term whose log comes before the own one: there is no other reason to refuse.
    VoteForWorse(Feature, Term),
    /// To find where its log meets this follower's, here or before.
    Meet(NodeId, LogIndex),
    Else,
}

impl Witness {
    pub(super) fn new(priority: u32) -> Self {
        Self {
            priority,
            leads: None,
            membership_index: LogIndex(0),
            has_promotable: false,
            stands: None,
            is_deposed: false,
            transfer_to: None,
            asked: Asked::Else,
        }
    }

    #[inline(always)]
    pub(super) fn before(&mut self, raft: &Raft<Command, Choice>, input: &Input<Command>) {
        self.is_deposed = false;
        self.asked = Asked::Else;
        if !is_everyday(input) {
            self.asked = self.asked(raft, input);
        }
    }

    #[inline(never)]
    fn asked(&mut self, raft: &Raft<Command, Choice>, input: &Input<Command>) -> Asked {
        match input {
            Input::Receive { message: Message::PreVote(request), .. } => {
                self.vote_asked(raft, request.last, request.priority)
            }
            Input::Receive { message: Message::RequestVote(request), .. } => match worse_log(raft, request) {
                Some(how) => Asked::VoteForWorse(how, request.term),
                None if request.is_transfer => Asked::Else,
                None => self.vote_asked(raft, request.last, request.priority),
            },
            Input::Receive { from, message: Message::AppendEntriesReply(reply) } => match reply.outcome {
                AppendOutcome::Conflict { hint, .. } => Asked::Meet(*from, hint.index),
                _ => Asked::Else,
            },
            Input::Read { id, mode: ReadMode::Lease } => Asked::LeaseRead(*id),
            Input::TransferLeadership { to } => {
                self.transfer_to = Some(*to);
                Asked::Else
            }
            _ => Asked::Else,
        }
    }

    fn vote_asked(&self, raft: &Raft<Command, Choice>, last: raft_core::LogPosition, priority: u32) -> Asked {
        let is_equal_but_lower = last == raft.log().last_position() && priority < self.priority;
        if is_equal_but_lower { Asked::VoteForLower } else { Asked::Else }
    }

    #[inline]
    pub(super) fn notice(
        &mut self,
        raft: &Raft<Command, Choice>,
        effect: &Effect<Command>,
        out: &mut impl Outputs<RaftCore>,
    ) {
        if !self.shows_nothing(effect) {
            self.notice_rare(raft, effect, out);
        }
    }

    /// Whether it is one of the everyday effects, which are nearly all: what is replicated, stored, acknowledged, applied.
    #[inline]
    fn shows_nothing(&self, effect: &Effect<Command>) -> bool {
        match effect {
            Effect::Send { message: Message::AppendEntries(_), .. } => !matches!(self.asked, Asked::Meet(..)),
            Effect::Send { message: Message::AppendEntriesReply(reply), .. } => {
                !matches!(reply.outcome, AppendOutcome::Conflict { .. })
            }
            Effect::Persist(write) => write.snapshot.is_none(),
            Effect::Apply { .. } => true,
            Effect::ProposalOutcome { id, outcome: ProposalOutcome::Committed { .. } } => *id != OPERATION,
            _ => false,
        }
    }

    #[inline(never)]
    fn notice_rare(
        &mut self,
        raft: &Raft<Command, Choice>,
        effect: &Effect<Command>,
        out: &mut impl Outputs<RaftCore>,
    ) {
        let feature = match effect {
            Effect::Send { to, message } => self.sent(raft, *to, message),
            Effect::RoleChanged { term, role, leader } => self.role_changed(*term, *role, *leader),
            Effect::MembershipChanged { index, membership } => self.membership_changed(raft, *index, membership),
            Effect::Fatal(raft_core::FatalError::LogLost { .. }) => Some(Feature::LostLog),
            Effect::RestoreSnapshot(_) => Some(Feature::SnapshotInstalled),
            Effect::Persist(write) if write.snapshot.is_some() => match write.snapshot.as_deref() {
                Some(raft_core::SnapshotWrite::Taken { .. }) => Some(Feature::SnapshotTaken),
                _ => None,
            },
            Effect::ReadOutcome { id, outcome } => self.read_ended(raft, *id, *outcome),
            Effect::TransferOutcome { outcome: TransferOutcome::SteppedDown, .. } => Some(Feature::TransferDone),
            Effect::ProposalOutcome { id: OPERATION, outcome: ProposalOutcome::Committed { .. } } => {
                Some(Feature::MembershipChange)
            }
            Effect::ProposalOutcome {
                outcome: ProposalOutcome::Rejected(RejectReason::TooMuchUncommitted { .. }),
                ..
            } => Some(Feature::Backpressure),
            _ => None,
        };
        for feature in feature.into_iter().chain(self.marked(raft, effect)) {
            out.exercised(feature as u8);
        }
    }

    /// Beside all else, an effect may show a state that is worth reaching.
    fn marked(&mut self, raft: &Raft<Command, Choice>, effect: &Effect<Command>) -> Option<Feature> {
        match effect {
            Effect::Send { message: Message::AppendEntriesReply(reply), .. } => match reply.outcome {
                // Whatever it has behind the hint is of a later term than the leader's entry.
                AppendOutcome::Conflict { prev_index, hint, .. } => (hint.index.next() < prev_index
                    && raft.log().entry(hint.index.next()).is_some())
                .then_some(Feature::HintSkipsTerm),
                _ => None,
            },
            Effect::Send { to, message: Message::AppendEntries(append) } => match self.asked {
                // The first of what it sends upon the hint.
                Asked::Meet(from, hint) if from == *to => {
                    self.asked = Asked::Else;
                    (append.prev.index < hint).then_some(Feature::LeaderSkipsTerm)
                }
                _ => None,
            },
            Effect::Send { message: Message::RequestVoteReply(reply), .. } if !reply.granted => match self.asked {
                // With the term it has lost whatever vote it gave before.
                Asked::VoteForWorse(how, term) if term == reply.term => Some(how),
                _ => None,
            },
            Effect::ReadOutcome { outcome: ReadOutcome::Lost, .. } => {
                let led = self.is_deposed || self.leads.is_some();
                (led && raft.role() != RoleName::Leader).then_some(Feature::ReadLostAtStepDown)
            }
            _ => None,
        }
    }

    fn sent(&self, raft: &Raft<Command, Choice>, to: NodeId, message: &Message<Command>) -> Option<Feature> {
        match message {
            Message::TimeoutNow(_) if self.transfer_to == Some(to) => Some(Feature::Transfer),
            Message::TimeoutNow(_) if raft.role() == RoleName::Leader => Some(Feature::SlowDiskHandover),
            Message::InstallSnapshot(part) if part.offset + part.data.len() as u64 == part.snapshot.size => {
                Some(Feature::SnapshotSent)
            }
            Message::PreVoteReply(reply) if !reply.granted && self.asked == Asked::VoteForLower => {
                Some(Feature::PriorityRefusal)
            }
            Message::RequestVoteReply(reply) if !reply.granted && self.asked == Asked::VoteForLower => {
                Some(Feature::PriorityRefusal)
            }
            _ => None,
        }
    }

    fn role_changed(&mut self, term: Term, role: RoleName, leader: Option<NodeId>) -> Option<Feature> {
        let led = std::mem::replace(&mut self.leads, (role == RoleName::Leader).then_some(term));
        let stood = std::mem::replace(&mut self.stands, (role == RoleName::Candidate).then_some(term));
        self.is_deposed |= led.is_some() && role != RoleName::Leader;
        match role {
            RoleName::PreCandidate => Some(Feature::PreVote),
            RoleName::Follower if led == Some(term) && leader.is_none() => Some(Feature::StepDown),
            RoleName::Follower if stood == Some(term) && leader.is_some() => Some(Feature::EqualTermYield),
            _ => None,
        }
    }

    fn membership_changed(
        &mut self,
        raft: &Raft<Command, Choice>,
        index: LogIndex,
        membership: &Membership,
    ) -> Option<Feature> {
        let is_promotable = |role: MemberRole| role == MemberRole::Learner { is_promoted: true };
        let had_promotable = self.has_promotable;
        let before = std::mem::replace(&mut self.membership_index, index);
        self.has_promotable = membership.members().iter().any(|member| is_promotable(member.role));
        if index < before {
            Some(Feature::MembershipRolledBack)
        } else if raft.role() != RoleName::Leader {
            None
        } else if membership.is_joint() {
            Some(Feature::JointConfiguration)
        } else if had_promotable && !self.has_promotable {
            Some(Feature::Promotion)
        } else {
            None
        }
    }

    fn read_ended(&self, raft: &Raft<Command, Choice>, id: ReadId, outcome: ReadOutcome) -> Option<Feature> {
        match outcome {
            ReadOutcome::Lost => Some(Feature::LostRead),
            ReadOutcome::Ready { .. } if raft.role() != RoleName::Leader => Some(Feature::ForwardedRead),
            // At once, and not because nobody else has a vote.
            ReadOutcome::Ready { .. } if self.asked == Asked::LeaseRead(id) => {
                (raft.membership().members().len() > 1).then_some(Feature::LeaseRead)
            }
            ReadOutcome::Ready { .. } => Some(Feature::ReadIndexRead),
            _ => None,
        }
    }
}

/// Whether nothing that it asks for matters to what its effects show.
#[inline(always)]
fn is_everyday(input: &Input<Command>) -> bool {
    match input {
        Input::Receive { message: Message::AppendEntries(_), .. } => true,
        Input::Receive { message: Message::AppendEntriesReply(reply), .. } => {
            !matches!(reply.outcome, AppendOutcome::Conflict { .. })
        }
        Input::Propose { .. } | Input::Persisted { .. } | Input::DeadlineReached => true,
        _ => false,
    }
}

/// How the log of a candidate comes before the own one, where its term is news.
fn worse_log(raft: &Raft<Command, Choice>, request: &RequestVote) -> Option<Feature> {
    let own = raft.log().last_position();
    if request.term <= raft.term() {
        None
    } else if request.last.term == own.term && request.last.index < own.index {
        Some(Feature::ShorterLogRefused)
    } else if request.last.term < own.term && request.last.index >= own.index {
        Some(Feature::OlderLogRefused)
    } else {
        None
    }
}
