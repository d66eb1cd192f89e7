//! The effects of a few steps, and questions about them.

use raft_core::{
    AppendEntries, Effect, FatalError, Membership, Message, NodeId, Persist, ProposalOutcome, ReadOutcome, RoleName,
    SnapshotId, TransferOutcome,
};

use super::messages::Command;

/// The effects, in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects(pub Vec<Effect<Command>>);

impl Effects {
    /// Whom something was sent, and what.
    pub fn sends(&self) -> Vec<(u64, Message<Command>)> {
        let send = |effect: &Effect<Command>| match effect {
            Effect::Send { to, message } => Some((to.0, message.clone())),
            _ => None,
        };
        self.0.iter().filter_map(send).collect()
    }

    /// What was sent to `node`.
    pub fn sends_to(&self, node: u64) -> Vec<Message<Command>> {
        self.sends().into_iter().filter(|(to, _)| *to == node).map(|(_, message)| message).collect()
    }

    /// Whom something was sent.
    pub fn receivers(&self) -> Vec<u64> {
        self.sends().into_iter().map(|(to, _)| to).collect()
    }

    /// The appends to `node`, heartbeats among them.
    pub fn appends_to(&self, node: u64) -> Vec<AppendEntries<Command>> {
        let append = |message| match message {
            Message::AppendEntries(append) => Some(append),
            _ => None,
        };
        self.sends_to(node).into_iter().filter_map(append).collect()
    }

    /// How many entries each append to `node` carries.
    pub fn batches_to(&self, node: u64) -> Vec<usize> {
        self.appends_to(node).iter().map(|append| append.entries.len()).collect()
    }

    /// The writes asked for.
    pub fn writes(&self) -> Vec<&Persist<Command>> {
        let writes = self.0.iter().filter_map(|effect| match effect {
            Effect::Persist(persist) => Some(persist),
            _ => None,
        });
        writes.collect()
    }

    /// The ranges handed out to be applied.
    pub fn applies(&self) -> Vec<(u64, u64)> {
        let apply = |effect: &Effect<Command>| match effect {
            Effect::Apply { first, last } => Some((first.0, last.0)),
            _ => None,
        };
        self.0.iter().filter_map(apply).collect()
    }

    /// How proposals and changes of membership ended.
    pub fn outcomes(&self) -> Vec<(u64, ProposalOutcome)> {
        let outcome = |effect: &Effect<Command>| match effect {
            Effect::ProposalOutcome { id, outcome } => Some((id.0, *outcome)),
            _ => None,
        };
        self.0.iter().filter_map(outcome).collect()
    }

    /// The changes of role: the term, the role, and who leads.
    pub fn roles(&self) -> Vec<(u64, RoleName, Option<NodeId>)> {
        let role = |effect: &Effect<Command>| match effect {
            Effect::RoleChanged { term, role, leader } => Some((term.0, *role, *leader)),
            _ => None,
        };
        self.0.iter().filter_map(role).collect()
    }

    /// How reads ended.
    pub fn read_outcomes(&self) -> Vec<(u64, ReadOutcome)> {
        let outcome = |effect: &Effect<Command>| match effect {
            Effect::ReadOutcome { id, outcome } => Some((id.0, *outcome)),
            _ => None,
        };
        self.0.iter().filter_map(outcome).collect()
    }

    /// How leadership transfers ended.
    pub fn transfer_outcomes(&self) -> Vec<(u64, TransferOutcome)> {
        let outcome = |effect: &Effect<Command>| match effect {
            Effect::TransferOutcome { to, outcome } => Some((to.0, *outcome)),
            _ => None,
        };
        self.0.iter().filter_map(outcome).collect()
    }

    /// The memberships announced, and the indexes of their entries.
    pub fn memberships(&self) -> Vec<(u64, &Membership)> {
        let change = |effect| match effect {
            &Effect::MembershipChanged { index, ref membership } => Some((index.0, &**membership)),
            _ => None,
        };
        self.0.iter().filter_map(change).collect()
    }

    /// The parts of snapshots to be loaded: for whom, of which, from where, and how long.
    pub fn loads(&self) -> Vec<(u64, SnapshotId, u64, u64)> {
        let load = |effect: &Effect<Command>| match effect {
            Effect::LoadSnapshotChunk { to, snapshot, offset, length } => Some((to.0, *snapshot, *offset, *length)),
            _ => None,
        };
        self.0.iter().filter_map(load).collect()
    }

    /// The indexes of the last entries of the snapshots that are to take the place of the state machine.
    pub fn restored_snapshots(&self) -> Vec<u64> {
        let restored = |effect: &Effect<Command>| match effect {
            Effect::RestoreSnapshot(snapshot) => Some(snapshot.last.index.0),
            _ => None,
        };
        self.0.iter().filter_map(restored).collect()
    }

    /// What stopped the server.
    pub fn fatal(&self) -> Option<FatalError> {
        self.0.iter().find_map(|effect| match effect {
            Effect::Fatal(error) => Some(*error),
            _ => None,
        })
    }
}
