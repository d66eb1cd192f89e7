//! The healed phase: what a plan says of it, and how long the core may take.

use serde::{Deserialize, Serialize};

use crate::operation::OperationClass;
use crate::plan::Plan;

/// The core must have settled within so many longest election timeouts, beside what is under way when the faults end and
/// what must be sent again.
///
/// Without these two, the slowest of 100,000 healed runs of swarm, elections and replication took 6, one in 1,000 more
/// than 3 and one in 10,000 more than 4.4: a run is ten times rarer for every 1.5 more. An honest Raft fails this bound
/// less than once in 10^12 runs, and one that stands still always does.
const SETTLES_WITHIN: u64 = 20;

/// So long, in longest election timeouts, neither leader nor term may change once all is well.
pub(crate) const STABLE_FOR: u64 = 10;

/// Entries that a node lacks are found and sent one a round trip at least: one back where logs differ, and one forth.
const ROUND_TRIPS_PER_ENTRY: u64 = 2;

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

impl Heal {
    /// How long after the faults the core of `plan`, in which a node lacks up to `missing` entries, must have settled.
    /// `slowed_by_ns` is the most that a slow disk has added to a write.
    pub(crate) fn bound_ns<Settings>(&self, plan: &Plan<Settings>, slowed_by_ns: u64, missing: u64) -> u64 {
        let (latency_ns, write_ns) = (plan.network.latency_ns.1, plan.disk.write_ns.1);
        // A clock that loses time makes its node's timeouts longer. No plan has one that loses half of it.
        let slowest_ppm = plan.clock_drift_ppm.iter().map(|drift_ppm| 1_000_000 + i64::from(*drift_ppm)).min();
        let slowest_ppm = slowest_ppm.unwrap_or(1_000_000).clamp(500_000, 1_000_000) as u64;
        let longest_ns = self.election_timeout_ns.1 * 1_000 / (slowest_ppm / 1_000);
        let tail_ns = plan.links.iter().map(|link| link.tail_ns.max(link.latency_ns.1)).max().unwrap_or(0);
        let under_way_ns = latency_ns.max(tail_ns) + plan.network.reordering_ns + write_ns + slowed_by_ns;
        let resent_ns = (2 * latency_ns + write_ns).saturating_mul(ROUND_TRIPS_PER_ENTRY * missing);
        (SETTLES_WITHIN * longest_ns)
            .saturating_add(under_way_ns)
            .saturating_add(resent_ns)
            .saturating_add(self.catch_up_ns)
    }
}
