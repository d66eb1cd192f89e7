//! What is known of the healed core: who is in it, how it is doing, and what it owes.

use crate::node::{NodeId, NodeSet};
use crate::operation::OperationClass;
use crate::subject::RequestId;

/// How the core is doing.
#[derive(Clone, Debug)]
pub(super) struct Healing {
    pub(super) core: NodeSet,
    /// Who has no vote and goes on all the same, because the protocol can live with it.
    pub(super) bystanders: NodeSet,
    pub(super) may_have_bystanders: bool,
    /// The changes of configurations that this is about.
    pub(super) membership_changes: u64,
    pub(super) tempo_ns: u64,
    /// When the core must have settled.
    pub(super) deadline_ns: u64,
    /// How long it has for that.
    pub(super) bound_ns: u64,
    /// What an operator still asks for.
    pub(super) then: Option<OperationClass>,
    /// Whom it has asked to lead the core, until it has.
    pub(super) handed_to: Option<NodeId>,
    /// The client that asks for a write until one is answered.
    pub(super) probe: u16,
    pub(super) last_asked: NodeId,
    /// How many hints in a row it has followed since.
    pub(super) hints_followed: usize,
    /// Where the answered write stands in the log.
    pub(super) written_at: Option<u64>,
    /// Who leads, and in which term, since the core has settled.
    pub(super) settled: Option<(NodeId, u64)>,
    /// What each node of the core was asked for then, and must answer.
    pub(super) owed: Vec<Owed>,
}

/// What a node of the settled core was asked for, and must answer.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    pub(super) node: NodeId,
    pub(super) id: RequestId,
    pub(super) wanted: Wanted,
    pub(super) is_done: bool,
}

/// What it must do beside answering, if anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Wanted {
    /// It may refuse: it may not lead.
    Anything,
    /// To write.
    Write,
    /// To read.
    Read,
}
