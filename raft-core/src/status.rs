//! What a node looks like from outside, in one value.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::effect::RoleName;
use crate::ids::{LogIndex, NodeId, Term};
use crate::membership::Membership;
use crate::progress::{Flow, Progress};
use crate::raft::{Raft, Role};

/// A node at one moment. Made for operators and metrics; costs one allocation on a leader and none elsewhere.
#[derive(Clone, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Status {
    /// The node.
    pub id: NodeId,
    /// The latest term it has seen.
    pub term: Term,
    /// Who has its vote in that term.
    pub voted_for: Option<NodeId>,
    /// Its role.
    pub role: RoleName,
    /// The leader of the term, where known.
    pub leader: Option<NodeId>,
    /// What is compacted into a snapshot.
    pub compacted: LogIndex,
    /// The last entry applied.
    pub applied: LogIndex,
    /// The highest index known to be committed.
    pub committed: LogIndex,
    /// The last entry on its own disk.
    pub durable: LogIndex,
    /// The last entry of its log.
    pub last: LogIndex,
    /// The members of the cluster, as its log has it.
    pub membership: Arc<Membership>,
    /// The server that leadership is being handed to.
    pub transfer_to: Option<NodeId>,
    /// What a leader knows of its followers; empty on any other node.
    pub followers: Vec<FollowerStatus>,
}

/// A follower, as its leader sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct FollowerStatus {
    /// The follower.
    pub id: NodeId,
    /// The last entry known to be durable there.
    pub match_index: LogIndex,
    /// The next entry to send.
    pub next_index: LogIndex,
    /// How it is brought up to date.
    pub flow: FlowStatus,
}

/// How a follower is brought up to date.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum FlowStatus {
    /// The leader looks for where the logs meet.
    Probe,
    /// Appends are sent ahead of their acknowledgements.
    Replicate {
        /// How many are under way.
        appends_in_flight: usize,
        /// How many bytes of entries they carry.
        bytes_in_flight: u64,
    },
    /// A snapshot is on its way.
    Snapshot {
        /// Its last entry.
        last_index: LogIndex,
        /// How many of its bytes the follower has.
        acknowledged: u64,
        /// How many bytes it has.
        size: u64,
    },
    /// The follower lost what it had acknowledged, and gets nothing more.
    Lost,
}

impl<P, R> Raft<P, R> {
    /// What the node looks like now.
    #[must_use]
    pub fn status(&self) -> Status {
        let transfer_to = match &self.role {
            Role::Leader(leader) => leader.transfer.as_ref().map(|transfer| transfer.to),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => None,
        };
        Status {
            id: self.config.id,
            term: self.term,
            voted_for: self.voted_for,
            role: self.role(),
            leader: self.leader(),
            compacted: self.log.base().index,
            applied: self.last_applied,
            committed: self.commit_index,
            durable: self.durability.index(),
            last: self.log.last_index(),
            membership: self.membership().clone(),
            transfer_to,
            followers: self.progress().map(|(id, progress)| FollowerStatus::of(id, progress)).collect(),
        }
    }

    /// What a leader knows of each of its followers; nothing on any other node.
    pub fn progress(&self) -> impl Iterator<Item = (NodeId, &Progress)> {
        let followers = match &self.role {
            Role::Leader(leader) => leader.followers.as_slice(),
            Role::Follower(_) | Role::PreCandidate(_) | Role::Candidate(_) => &[],
        };
        followers.iter().map(|follower| (follower.id, &follower.progress))
    }
}

impl FollowerStatus {
    fn of(id: NodeId, progress: &Progress) -> Self {
        let flow = match progress.flow() {
            Flow::Probe { .. } => FlowStatus::Probe,
            Flow::Replicate(in_flight) => {
                FlowStatus::Replicate { appends_in_flight: in_flight.appends(), bytes_in_flight: in_flight.bytes() }
            }
            Flow::Snapshot(transfer) => FlowStatus::Snapshot {
                last_index: transfer.snapshot().last.index,
                acknowledged: transfer.acknowledged_bytes(),
                size: transfer.snapshot().size,
            },
            Flow::Lost => FlowStatus::Lost,
        };
        Self { id, match_index: progress.match_index(), next_index: progress.next_index(), flow }
    }
}
