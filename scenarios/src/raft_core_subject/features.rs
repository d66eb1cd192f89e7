//! What a run exercises of `raft-core`, to be counted: a fuzzer that never reaches a feature says nothing about it.

use raft_core::{Effect, Input, LogIndex, MemberRole, Membership, Message, NodeId, ProposalOutcome, Raft, ReadMode};
use raft_core::{ReadId, ReadOutcome, RejectReason, RoleName, Term, TransferOutcome};
use sim::{Choice, Outputs};

use super::RaftCore;
use super::ids::OPERATION;
use crate::kv::Command;

macro_rules! features {
    ($($(#[$doc:meta])* $feature:ident $name:literal,)*) => {
        #[derive(Clone, Copy, Debug)]
        pub(super) enum Feature {
            $($(#[$doc])* $feature,)*
        }

        impl Feature {
            pub(super) const NAMES: &'static [&'static str] = &[$($name),*];
        }
    };
}

features! {
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

/// Notices features from outside, by the inputs and effects of each step.
#[derive(Clone, Debug)]
pub(super) struct Witness {
    priority: u32,
    /// The term that the server leads.
    leads: Option<Term>,
    membership_index: LogIndex,
    /// Learners that are to be promoted.
    has_promotable: bool,
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
    Else,
}

impl Witness {
    pub(super) fn new(priority: u32) -> Self {
        Self {
            priority,
            leads: None,
            membership_index: LogIndex(0),
            has_promotable: false,
            transfer_to: None,
            asked: Asked::Else,
        }
    }

    pub(super) fn before(&mut self, raft: &Raft<Command, Choice>, input: &Input<Command>) {
        self.asked = match input {
            Input::Receive { message: Message::PreVote(request), .. } => {
                self.vote_asked(raft, request.last, request.priority)
            }
            Input::Receive { message: Message::RequestVote(request), .. } if !request.is_transfer => {
                self.vote_asked(raft, request.last, request.priority)
            }
            Input::Read { id, mode: ReadMode::Lease } => Asked::LeaseRead(*id),
            Input::TransferLeadership { to } => {
                self.transfer_to = Some(*to);
                Asked::Else
            }
            _ => Asked::Else,
        };
    }

    fn vote_asked(&self, raft: &Raft<Command, Choice>, last: raft_core::LogPosition, priority: u32) -> Asked {
        let is_equal_but_lower = last == raft.log().last_position() && priority < self.priority;
        if is_equal_but_lower { Asked::VoteForLower } else { Asked::Else }
    }

    pub(super) fn notice(
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
        if let Some(feature) = feature {
            out.exercised(feature as u8);
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
        match role {
            RoleName::PreCandidate => Some(Feature::PreVote),
            RoleName::Follower if led == Some(term) && leader.is_none() => Some(Feature::StepDown),
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
