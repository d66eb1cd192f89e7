//! The names of one side in the words of the other.

use raft_core::{ProposalId, ReadId, RoleName};
use sim::{NodeId, RequestId, Role};

/// The simulator counts nodes from 0; here ids start at 1.
pub(crate) fn core_id(node: NodeId) -> raft_core::NodeId {
    raft_core::NodeId(u64::from(node.0) + 1)
}

pub(crate) fn sim_id(node: raft_core::NodeId) -> NodeId {
    NodeId((node.0 - 1) as u8)
}

/// Who asks for pre-votes claims nothing yet.
pub(crate) fn sim_role(role: RoleName) -> Role {
    match role {
        RoleName::Follower => Role::Follower,
        RoleName::PreCandidate => Role::PreCandidate,
        RoleName::Candidate => Role::Candidate,
        RoleName::Leader => Role::Leader,
    }
}

pub(super) fn proposal_id(id: RequestId) -> ProposalId {
    ProposalId(number(id))
}

pub(super) fn read_id(id: RequestId) -> ReadId {
    ReadId(number(id))
}

/// What an operator asks for has no client that waits for an answer.
pub(super) const OPERATION: ProposalId = ProposalId(u64::MAX);

pub(super) fn request_id(number: u64) -> RequestId {
    RequestId { client: (number >> 32) as u16, number: number as u32 }
}

fn number(id: RequestId) -> u64 {
    u64::from(id.client) << 32 | u64::from(id.number)
}
