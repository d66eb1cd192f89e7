//! The healed phase: what a plan says of it.

use serde::{Deserialize, Serialize};

use crate::operation::OperationClass;

/// What comes after the faults: a quorum of which someone can be elected, the core, is healthy for good, and everything else
/// stays broken for good. The core must then get on with its work, or the run fails in `liveness`. For subjects that show their state as a Raft.
///
/// Within a bound (20 longest election timeouts, and what the plan's network and disks need for what is under way and
/// for the entries that nodes of the core lack) one of the core leads and the rest of it agrees on the term, a write that
/// was asked for since is answered, and the core has committed it. What changes afterwards may do so until the bound
/// is over, and must be made good by then; and at the end nothing has changed for ten longest election timeouts.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heal {
    /// The shortest and the longest election timeout that the operator set: what the phase is measured in.
    pub election_timeout_ns: (u64, u64),
    /// What the subject needs beside that: how long a node that is far behind takes to be sent what it lacks, where the
    /// operator's settings make that slow.
    pub catch_up_ns: u64,
    /// What may become of a node outside the core: one of these for each. Empty: every voter is in the core, and
    /// whoever else there is stays down.
    pub outside: Vec<Outside>,
    /// What an operator asks for once the core has settled. It must settle once more, within the same bound; whether it did
    /// what it was asked for is its own affair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<OperationClass>,
}

/// What becomes of a node outside the core, for good.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outside {
    /// It is down.
    Down,
    /// It stands still.
    Paused,
    /// It runs, and nothing passes between it and any other.
    CutOff,
    /// It runs and hears everyone, and nobody hears it.
    Mute,
    /// It runs and hears nobody, and everyone hears it. Plain Raft does not survive that: for protocols in which a node
    /// that others can do without deposes nobody (PreVote and CheckQuorum, dissertation §9.6).
    Deaf,
    /// It runs as if it were in the core. Only for nodes without a vote, such as servers that were removed; for protocols
    /// that these cannot disturb (dissertation §4.2.3).
    Connected,
}
