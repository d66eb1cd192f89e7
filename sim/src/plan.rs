//! A plan: all that a run is given, as plain data.
//!
//! With the seed, which decides everything small (each latency, each loss), a plan is a whole run. It can be
//! printed, edited and shrunk.

use serde::{Deserialize, Serialize};

use crate::engine::{Engine, Pct};
use crate::fault::TimedFault;
use crate::heal::Heal;
use crate::latency::LinkLatency;
use crate::node::{MAX_NODES, NodeSet};
use crate::operation::TimedOperation;
use crate::plan_error::{LONGEST_NS, PlanError};

/// What one run is given. Times are nanoseconds of the world's clock, from the start of the run.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan<Settings> {
    /// How many nodes the cluster has, 1 to 7.
    pub nodes: u8,
    /// Who the members are at the start, all of them voters. Other nodes run, and belong to nobody until they are added.
    pub members: NodeSet,
    /// When the faults end, and with them the run, unless it is [healed](Self::heal).
    pub duration_ns: u64,
    /// What the operator set.
    pub settings: Settings,
    /// How the network behaves all along.
    pub network: Network,
    /// How long messages travel on each link while faults last: by sender, then receiver. Empty: as the network says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<LinkLatency>,
    /// How the disks behave all along.
    pub disk: DiskPlan,
    /// How much each node's clock gains, in microseconds a second; negative: loses. One number a node.
    pub clock_drift_ppm: Vec<i32>,
    /// Who asks for things.
    pub clients: Clients,
    /// What goes wrong, and when.
    pub faults: Vec<TimedFault>,
    /// What an operator asks for, and when.
    pub operations: Vec<TimedOperation>,
    /// What comes after all that: the run ends at `duration_ns` where this is `None`.
    pub heal: Option<Heal>,
    /// How the next event is chosen.
    #[serde(default)]
    pub engine: Engine,
}

/// How the network behaves all along. Parts per million are of messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Network {
    /// The shortest and longest time a message travels; uniform between.
    pub latency_ns: (u64, u64),
    /// How many are lost.
    pub loss_ppm: u32,
    /// How many arrive twice.
    pub duplication_ppm: u32,
    /// How many are held back.
    pub reordering_ppm: u32,
    /// For how long at most.
    pub reordering_ns: u64,
    /// How many arrive once more, long after; of clients' requests that take effect once, how many arrive late by that.
    #[serde(default)]
    pub stale_ppm: u32,
    /// How long after at most.
    #[serde(default)]
    pub stale_ns: u64,
    /// How many of the first messages of each type on each link do, of what happens to messages at all: votes and snapshots
    /// are few, and hardly ever among those that anything happens to.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub first_ppm: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Network {
    /// How long a message travels in the middle of all.
    pub(crate) fn median_ns(self) -> u64 {
        self.latency_ns.0.midpoint(self.latency_ns.1)
    }

    /// Whether no message arrives twice, late or stale: only once, or never.
    pub(crate) fn is_plain(&self) -> bool {
        self.duplication_ppm == 0 && self.reordering_ppm == 0 && self.stale_ppm == 0
    }

    /// The same, as it is for the first messages of a type on a link.
    pub(crate) fn at_first(self) -> Self {
        let more = |ppm: u32| if ppm > 0 { ppm.max(self.first_ppm) } else { 0 };
        Self {
            duplication_ppm: more(self.duplication_ppm),
            reordering_ppm: more(self.reordering_ppm),
            stale_ppm: more(self.stale_ppm),
            ..self
        }
    }

    /// The same, as it is where nothing goes wrong.
    pub(crate) fn calm(self) -> Self {
        Self { loss_ppm: 0, duplication_ppm: 0, reordering_ppm: 0, stale_ppm: 0, ..self }
    }
}

/// How the disks behave all along.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct DiskPlan {
    /// The shortest and longest time a write takes; uniform between. 0 to 0: it is durable at once.
    pub write_ns: (u64, u64),
    /// Whether a crash may lose writes that were not complete; otherwise they complete after all.
    pub loses: bool,
    /// Whether it may leave a part of one.
    pub tears: bool,
    /// Whether a write completes as soon as its own time is over, though others that were started before it are still under
    /// way. Only for subjects that [allow it](crate::Subject::WRITES_MAY_OVERTAKE).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overtakes: bool,
}

/// Who asks for things.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Clients {
    /// Clients on the network, each with one request at a time.
    Closed {
        /// How many.
        count: u16,
        /// The shortest and longest time from an answer to the next request.
        think_ns: (u64, u64),
        /// How long a client waits before it gives a request up, its outcome unknown.
        timeout_ns: u64,
    },
    /// A client on the network that asks at a fixed rate, whatever has become of what it asked before: an open loop. It asks who
    /// leads as far as it was told, and anyone where it was not, or where nobody has answered for long.
    Stream {
        /// From one request to the next.
        every_ns: u64,
        /// How long without an answer it believes what it was told of a leader.
        timeout_ns: u64,
    },
    /// A command to the leader's own process at a fixed rate, without a network between.
    Open {
        /// From one command to the next.
        every_ns: u64,
    },
}

impl<Settings> Plan<Settings> {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first field that makes no sense.
    pub fn validate(&self) -> Result<(), PlanError> {
        let wrong = |field, problem: String| Err(PlanError { field, problem });
        if let Engine::Pct(pct) = self.engine
            && (pct.depth == 0 || pct.events == 0 || pct.depth > Pct::DEEPEST)
        {
            let Pct { depth, events } = pct;
            return wrong(
                "engine",
                format!("depth {depth} of {events} events: both are at least 1, a depth at most {}", Pct::DEEPEST),
            );
        }
        if self.nodes == 0 || usize::from(self.nodes) > MAX_NODES {
            return wrong("nodes", format!("{} is not between 1 and {MAX_NODES}", self.nodes));
        }
        let all = NodeSet::all(self.nodes);
        if self.members.is_empty() || !self.members.is_within(all) {
            return wrong("members", format!("{:?} is not a cluster within {all:?}", self.members));
        }
        if self.duration_ns == 0 || self.duration_ns > LONGEST_NS {
            return wrong("duration_ns", format!("{} is not between 1 and {LONGEST_NS}", self.duration_ns));
        }
        if self.clock_drift_ppm.len() != usize::from(self.nodes) {
            return wrong(
                "clock_drift_ppm",
                format!("{} numbers for {} nodes", self.clock_drift_ppm.len(), self.nodes),
            );
        }
        if let Some(drift) = self.clock_drift_ppm.iter().find(|drift| drift.abs() > 500_000) {
            return wrong("clock_drift_ppm", format!("{drift} is not between -500000 and 500000"));
        }
        // Times are added up, so that none may come near the end of its range. How long a fault lasts may.
        let mut ranges = vec![("network.latency_ns", self.network.latency_ns), ("disk.write_ns", self.disk.write_ns)];
        ranges.push(("network.reordering_ns", (0, self.network.reordering_ns)));
        match self.clients {
            Clients::Closed { think_ns, timeout_ns, .. } => {
                ranges.push(("clients.think_ns", think_ns));
                ranges.push(("clients.timeout_ns", (0, timeout_ns)));
            }
            Clients::Stream { every_ns: 0, .. } | Clients::Open { every_ns: 0 } => {
                return wrong("clients.every_ns", "0 would never let time pass".into());
            }
            Clients::Stream { every_ns, timeout_ns } => {
                ranges.push(("clients.every_ns", (0, every_ns)));
                ranges.push(("clients.timeout_ns", (0, timeout_ns)));
            }
            Clients::Open { every_ns } => ranges.push(("clients.every_ns", (0, every_ns))),
        }
        ranges.push(("network.stale_ns", (0, self.network.stale_ns)));
        ranges
            .extend(self.links.iter().map(|link| ("links", (link.latency_ns.0, link.latency_ns.1.max(link.tail_ns)))));
        for (field, (least, most)) in ranges {
            if least > most || most > LONGEST_NS {
                return wrong(field, format!("{least} to {most} is not a range of times"));
            }
        }
        let Network { loss_ppm, duplication_ppm, reordering_ppm, stale_ppm, first_ppm, .. } = self.network;
        let shares = [
            ("network.loss_ppm", loss_ppm),
            ("network.duplication_ppm", duplication_ppm),
            ("network.reordering_ppm", reordering_ppm),
            ("network.stale_ppm", stale_ppm),
            ("network.first_ppm", first_ppm),
        ];
        if let Some((field, ppm)) = shares.into_iter().find(|(_, ppm)| *ppm > 1_000_000) {
            return wrong(field, format!("{ppm} is not between 0 and 1000000"));
        }
        for fault in &self.faults {
            fault.validate(self.nodes)?;
        }
        if !self.links.is_empty() && self.links.len() != usize::from(self.nodes).pow(2) {
            return wrong("links", format!("{} latencies for {} nodes", self.links.len(), self.nodes));
        }
        for TimedOperation { at_ns, operation } in &self.operations {
            if *at_ns > LONGEST_NS {
                return wrong("operations", format!("{at_ns} is above {LONGEST_NS}"));
            }
            operation.validate(self.nodes)?;
        }
        if let Some(Heal { election_timeout_ns: (shortest, longest), .. }) = self.heal
            && (shortest == 0 || shortest > longest || longest > LONGEST_NS / 64)
        {
            return wrong("heal.election_timeout_ns", format!("{shortest} to {longest} is not a range of timeouts"));
        }
        Ok(())
    }
}
