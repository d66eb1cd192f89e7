//! What clients and operators ask of a replica, and how that ends.

use raft_core::{LogIndex, MemberChange, NodeId, ReadMode};

use crate::answer::Answer;
use crate::bytes::Bytes;
use crate::command::{Operation, Stamp};
use crate::machine::StateMachine;

/// What somebody asks for.
#[derive(Clone, Debug)]
pub enum Request {
    /// A command for the log. The replica adds its clock.
    Command {
        /// Its place in a session.
        stamp: Option<Stamp>,
        /// A number to know it by; 0: none.
        trace: u64,
        /// What is wanted.
        operation: Operation,
    },
    /// A question, answered without the log.
    Read {
        /// The question.
        query: Query,
        /// How the leader makes sure that it still leads.
        mode: ReadMode,
    },
    /// Members come and go.
    ChangeMembership(
        /// All at once.
        Vec<MemberChange>,
    ),
}

/// A question about the map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Query {
    /// The value of a key.
    Get(
        /// Which.
        Bytes,
    ),
    /// The values of some keys.
    Values(
        /// Which.
        Vec<Bytes>,
    ),
    /// How many of these keys there are; one that is named twice counts twice.
    Exist(
        /// Which.
        Vec<Bytes>,
    ),
    /// The keys from `from` on, in order, so many at most.
    Keys {
        /// The first that may be named.
        from: Bytes,
        /// How many are looked at.
        count: usize,
    },
    /// How many keys there are.
    Size,
}

/// The answer to a [`Query`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// To [`Query::Get`].
    Value(Option<Bytes>),
    /// To [`Query::Values`].
    Values(Vec<Option<Bytes>>),
    /// To [`Query::Exist`] and [`Query::Size`].
    Count(u64),
    /// To [`Query::Keys`].
    Keys {
        /// They.
        keys: Vec<Bytes>,
        /// Where to go on, unless these were the last.
        next: Option<Bytes>,
    },
}

impl Query {
    /// The answer, from the state as it is.
    #[must_use]
    pub fn ask(&self, machine: &StateMachine) -> Found {
        match self {
            Self::Get(key) => Found::Value(machine.get(key).cloned()),
            Self::Values(keys) => Found::Values(keys.iter().map(|key| machine.get(key).cloned()).collect()),
            Self::Exist(keys) => Found::Count(keys.iter().filter(|key| machine.get(key).is_some()).count() as u64),
            Self::Keys { from, count } => {
                let mut keys = machine.range(from.clone()).map(|(key, _)| key.clone());
                let page = keys.by_ref().take(*count).collect();
                Found::Keys { keys: page, next: keys.next() }
            }
            Self::Size => Found::Count(machine.len() as u64),
        }
    }
}

/// How a request ended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The command is committed, and this is what the state machine said.
    Done {
        /// What it said.
        answer: Answer,
        /// Where it stands in the log.
        index: LogIndex,
    },
    /// The question is answered.
    Found(Found),
    /// The change of membership is committed, as far as [`raft_core::ProposalOutcome::Committed`] says.
    Changed,
    /// It had no effect and never will: ask the leader.
    NotLeader {
        /// Who that is, where known.
        leader: Option<NodeId>,
    },
    /// It had no effect and never will, and may be asked again.
    Again(
        /// Why.
        String,
    ),
    /// It had no effect and makes no sense.
    Refused(
        /// Why.
        String,
    ),
    /// Whether it had an effect, or will have, nobody knows here.
    Unknown,
}
