//! Members, in the core's words and in the simulator's.

use raft_core::{MemberChange, MemberRole};
use sim::{Membership, NodeId, NodeSet};

use super::ids::{core_id, sim_id};

/// What must change for a cluster with members `now` to have these, and no others.
pub(crate) fn changes_between(
    now: &raft_core::Membership,
    voters: NodeSet,
    learners: NodeSet,
    promotes: bool,
) -> Vec<MemberChange> {
    let nodes = NodeId::all(u8::MAX).take(usize::from(sim::MAX_NODES as u8));
    let change = |node: NodeId| {
        let id = core_id(node);
        let role = now.role_of(id);
        match role {
            Some(MemberRole::Voter) if voters.contains(node) => None,
            Some(MemberRole::Learner { is_promoted: false }) if learners.contains(node) => None,
            Some(MemberRole::Learner { is_promoted: true }) if voters.contains(node) && promotes => None,
            None if voters.contains(node) && promotes => Some(MemberChange::AddVoterOnceCaughtUp(id)),
            _ if voters.contains(node) => Some(MemberChange::AddVoter(id)),
            _ if learners.contains(node) => Some(MemberChange::AddLearner(id)),
            Some(_) => Some(MemberChange::Remove(id)),
            None => None,
        }
    };
    nodes.filter_map(change).collect()
}

pub(crate) fn membership(members: &raft_core::Membership) -> Membership {
    let set =
        |ids: &mut dyn Iterator<Item = raft_core::NodeId>| ids.fold(NodeSet::default(), |set, id| set.with(sim_id(id)));
    Membership {
        voters: set(&mut members.voters()),
        outgoing: set(&mut members.outgoing()),
        learners: set(&mut members.learners()),
    }
}
