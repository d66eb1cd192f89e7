//! What an operator asks of the cluster while it runs.

use serde::{Deserialize, Serialize};

use crate::node::{NodeId, NodeSet};
use crate::plan_error::PlanError;

/// Something an operator asks of whoever leads. A protocol that does not know it ignores it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Leadership shall go to another node.
    TransferLeadership {
        /// Whose it shall be. Nothing says that this node is up, or a member.
        to: NodeId,
    },
    /// The cluster shall have these members, and no others.
    ChangeMembership {
        /// Who votes. Never empty.
        voters: NodeSet,
        /// Who is sent the log and does not vote. None of them is a voter.
        learners: NodeSet,
    },
}

/// The classes of operations that a nemesis may draw.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationClass {
    /// [`Operation::TransferLeadership`].
    TransferLeadership,
    /// [`Operation::ChangeMembership`], and clusters that start without some of the nodes.
    ChangeMembership,
}

/// An operation and when it is asked for.
///
/// It goes to the node that leads the latest term, as far as the nodes that are up believe, and to nobody where none
/// does: whoever wants it tried again puts it into the plan again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct TimedOperation {
    /// When.
    pub at_ns: u64,
    /// What.
    pub operation: Operation,
}

impl Operation {
    /// Gives the nodes that it names other numbers.
    pub(crate) fn map_nodes(&mut self, sets: impl Fn(NodeSet) -> NodeSet, one: impl Fn(NodeId) -> NodeId) {
        match self {
            Self::TransferLeadership { to } => *to = one(*to),
            Self::ChangeMembership { voters, learners } => (*voters, *learners) = (sets(*voters), sets(*learners)),
        }
    }

    /// Checks that a cluster of `nodes` can be asked for it.
    pub(crate) fn validate(&self, nodes: u8) -> Result<(), PlanError> {
        let all = NodeSet::all(nodes);
        let wrong = |problem| Err(PlanError { field: "operations", problem });
        match *self {
            Self::TransferLeadership { to } if !all.contains(to) => wrong(format!("there is no {to}")),
            Self::ChangeMembership { voters: NodeSet(0), .. } => wrong("a membership without voters".to_owned()),
            Self::ChangeMembership { voters, learners } if !voters.union(learners).is_within(all) => {
                wrong(format!("voters {voters:?} and learners {learners:?} are not all within {all:?}"))
            }
            Self::ChangeMembership { voters, learners } if !voters.intersection(learners).is_empty() => {
                wrong(format!("voters {voters:?} and learners {learners:?} overlap"))
            }
            _ => Ok(()),
        }
    }
}
