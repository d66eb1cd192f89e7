//! The effects of a few steps, and questions about them.

use raft_core::{AppendEntries, Effect, FatalError, Message, NodeId, Persist, ProposalOutcome, RoleName};

use crate::messages::Command;

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Effects(pub(crate) Vec<Effect<Command>>);

impl Effects {
    /// Whom something was sent, and what.
    pub(crate) fn sends(&self) -> Vec<(u64, Message<Command>)> {
        let send = |effect: &Effect<Command>| match effect {
            Effect::Send { to, message } => Some((to.0, message.clone())),
            _ => None,
        };
        self.0.iter().filter_map(send).collect()
    }

    pub(crate) fn sends_to(&self, node: u64) -> Vec<Message<Command>> {
        self.sends().into_iter().filter(|(to, _)| *to == node).map(|(_, message)| message).collect()
    }

    pub(crate) fn receivers(&self) -> Vec<u64> {
        self.sends().into_iter().map(|(to, _)| to).collect()
    }

    pub(crate) fn appends_to(&self, node: u64) -> Vec<AppendEntries<Command>> {
        let append = |message| match message {
            Message::AppendEntries(append) => Some(append),
            _ => None,
        };
        self.sends_to(node).into_iter().filter_map(append).collect()
    }

    /// How many entries each append to `node` carries.
    pub(crate) fn batches_to(&self, node: u64) -> Vec<usize> {
        self.appends_to(node).iter().map(|append| append.entries.len()).collect()
    }

    pub(crate) fn writes(&self) -> Vec<&Persist<Command>> {
        let writes = self.0.iter().filter_map(|effect| match effect {
            Effect::Persist(persist) => Some(persist),
            _ => None,
        });
        writes.collect()
    }

    /// The ranges handed out to be applied.
    pub(crate) fn applies(&self) -> Vec<(u64, u64)> {
        let apply = |effect: &Effect<Command>| match effect {
            Effect::Apply { first, last } => Some((first.0, last.0)),
            _ => None,
        };
        self.0.iter().filter_map(apply).collect()
    }

    pub(crate) fn outcomes(&self) -> Vec<(u64, ProposalOutcome)> {
        let outcome = |effect: &Effect<Command>| match effect {
            Effect::ProposalOutcome { id, outcome } => Some((id.0, *outcome)),
            _ => None,
        };
        self.0.iter().filter_map(outcome).collect()
    }

    /// The changes of role: the term, the role, and who leads.
    pub(crate) fn roles(&self) -> Vec<(u64, RoleName, Option<NodeId>)> {
        let role = |effect: &Effect<Command>| match effect {
            Effect::RoleChanged { term, role, leader } => Some((term.0, *role, *leader)),
            _ => None,
        };
        self.0.iter().filter_map(role).collect()
    }

    pub(crate) fn fatal(&self) -> Option<FatalError> {
        self.0.iter().find_map(|effect| match effect {
            Effect::Fatal(error) => Some(*error),
            _ => None,
        })
    }
}
