//! Faults as plain data: what goes wrong, when, and to whom.

use serde::{Deserialize, Serialize};

use crate::node::{MAX_NODES, NodeId, NodeSet};
use crate::plan_error::{LONGEST_NS, PlanError};

/// A fault and when it strikes.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct TimedFault {
    /// When; where it has a trigger, it waits for that from then on.
    pub at_ns: u64,
    /// What it waits for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<Trigger>,
    /// What.
    pub fault: Fault,
}

impl TimedFault {
    /// One that strikes at a time, whatever happens then.
    #[must_use]
    pub fn at(at_ns: u64, fault: Fault) -> Self {
        Self { at_ns, trigger: None, fault }
    }
}

/// A moment of the run that a fault waits for. Faults at times of their own seldom fall between a vote's write and its
/// completion: these do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Trigger {
    /// What must happen.
    pub moment: Moment,
    /// The how-manieth time from when it waits, 1 or more.
    pub nth: u32,
    /// How long after it the fault strikes.
    pub after_ns: u64,
    /// Whom.
    pub aim: Aim,
}

/// What may happen in any protocol that is worth waiting for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// A node starts a write.
    WriteStarts,
    /// A node becomes leader.
    LeaderElected,
    /// A leader commits more.
    LeaderCommits,
    /// A node starts again after a crash.
    Restarted,
    /// A candidate asks for its vote, or whether there would be one, whoever has just heard from a leader, and owes it
    /// [silence](crate::Subject::silence).
    Disturbed,
    /// A node sends a message of this type, an index into [`MESSAGE_KINDS`](crate::Subject::MESSAGE_KINDS).
    Sent {
        /// The type.
        kind: u8,
    },
}

/// The most types of messages that a [`Moment::Sent`] can name.
const MOST_KINDS: u8 = 24;

impl Moment {
    /// A bit of its own for each, so that nothing is looked for that nobody waits for.
    pub(crate) fn bit(self) -> u32 {
        match self {
            Self::WriteStarts => 1,
            Self::LeaderElected => 1 << 1,
            Self::LeaderCommits => 1 << 2,
            Self::Restarted => 1 << 3,
            Self::Disturbed => 1 << 4,
            Self::Sent { kind } => 1 << (8 + kind % MOST_KINDS),
        }
    }
}

/// Whom a fault with a trigger strikes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aim {
    /// Whom the fault names.
    Named,
    /// The node that the moment is about: who writes, sends, leads, restarts.
    There,
    /// The node that the message goes to; where there is none, as [`There`](Self::There).
    Peer,
    /// Who leads; where nobody does, as [`There`](Self::There).
    Leader,
    /// Everyone but who leads; where nobody does, everyone but the node that the moment is about.
    Followers,
}

/// A fault, with how long it lasts: to leave one out leaves nothing behind.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Nothing passes between `side` and the rest.
    Partition {
        /// One of the two sides.
        side: NodeSet,
        /// How long.
        for_ns: u64,
    },
    /// Nothing passes from `from` to `to`; all else does.
    OneWayPartition {
        /// Whose messages are dropped.
        from: NodeSet,
        /// On the way to whom.
        to: NodeSet,
        /// How long.
        for_ns: u64,
    },
    /// Links are cut in a shape that is no split in two.
    Cut {
        /// Which shape it is.
        shape: Shape,
        /// For each node, who does not hear it.
        deaf: [NodeSet; MAX_NODES],
        /// How long.
        for_ns: u64,
    },
    /// Nothing passes between clients and these nodes, which go on among themselves.
    ClientPartition {
        /// Which.
        nodes: NodeSet,
        /// How long.
        for_ns: u64,
    },
    /// Messages from `from` to `to` are held up, and arrive together when it is over.
    Clog {
        /// Whose messages are held.
        from: NodeSet,
        /// On the way to whom.
        to: NodeSet,
        /// How many each link holds; more are lost.
        room: u16,
        /// Whether it is one of several that start one after the other, and end in another order.
        is_swizzled: bool,
        /// How long.
        for_ns: u64,
    },
    /// The nodes crash together, and start again after `down_ns`.
    Crash {
        /// Which.
        nodes: NodeSet,
        /// How long they are down.
        down_ns: u64,
    },
    /// The nodes crash together, and start again one by one.
    CrashTogether {
        /// Which.
        nodes: NodeSet,
        /// How long the first is down.
        down_ns: u64,
        /// How long after each the next one starts.
        apart_ns: u64,
        /// For each node, how many start before it.
        order: [u8; MAX_NODES],
    },
    /// The nodes crash, and start again with other settings, as far as those may differ from node to node.
    Upgrade {
        /// Which.
        nodes: NodeSet,
        /// How long they are down.
        down_ns: u64,
    },
    /// The node's disk is destroyed. It never starts again under its id: an operator puts a node in its place that belongs
    /// to nobody yet, and asks for that until it is so.
    ///
    /// Strikes only where there is such a node, and where a quorum of the others has all that is committed.
    Wipe {
        /// Which.
        node: NodeId,
        /// How long after it, and after each time that nobody heard, the operator asks.
        ask_every_ns: u64,
    },
    /// The nodes' clocks are set.
    StepClock {
        /// Whose.
        nodes: NodeSet,
        /// How far forward; negative: back.
        by_ns: i64,
    },
    /// The nodes' clocks stand still, though the nodes do not.
    FreezeClock {
        /// Whose.
        nodes: NodeSet,
        /// How long.
        for_ns: u64,
    },
    /// No write of the nodes completes.
    StallDisk {
        /// Which.
        nodes: NodeSet,
        /// How long.
        for_ns: u64,
    },
    /// Every write of the nodes fails. Who cannot live with that stops, and starts again when it is over.
    FailWrites {
        /// Which.
        nodes: NodeSet,
        /// What they are told.
        error: WriteError,
        /// How long writes fail.
        for_ns: u64,
        /// How long after that the nodes are down that stopped.
        down_ns: u64,
    },
    /// The node's disk says that writes are durable when they are not, and then the node crashes, or earlier by another
    /// fault. It never starts again under its id.
    ///
    /// Loses nothing unless a quorum of the others has all that is committed.
    LyingSync {
        /// Which.
        node: NodeId,
        /// How long the disk lies.
        for_ns: u64,
    },
    /// The node crashes, and a record on its disk goes bad, which shows when it starts again.
    ///
    /// Strikes only where a quorum of the others has all that is committed.
    BitRot {
        /// Which.
        node: NodeId,
        /// How long it is down.
        down_ns: u64,
    },
    /// The nodes stand still.
    Pause {
        /// Which.
        nodes: NodeSet,
        /// How long.
        for_ns: u64,
    },
    /// The node crashes, and starts again without the end of its log: its disk lied when it said that it was durable.
    ///
    /// Strikes only where a quorum of the others has all that is committed.
    LoseLog {
        /// Which.
        node: NodeId,
        /// How long it is down.
        down_ns: u64,
    },
    /// The nodes' writes take up to `extra_ns` longer.
    SlowDisk {
        /// Which.
        nodes: NodeSet,
        /// The longest time added to a write.
        extra_ns: u64,
        /// How long the disk is slow.
        for_ns: u64,
    },
}

/// What a node is told of a write that failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WriteError {
    /// EIO: the device failed. What was written may be there in part, or not at all.
    Io,
    /// ENOSPC: there is no room. As long as that is so, nothing can be written.
    Full,
}

/// Partitions that are no split in two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One node alone.
    Isolated,
    /// Two halves, and one node that hears and is heard by both.
    Bridge,
    /// Each node hears a majority, and no two the same one.
    Ring,
    /// The link between two nodes, both ways or one.
    Link,
    /// Any links, each way for itself.
    Scattered,
}

/// How long a fault lasts.
struct Time<'a> {
    ns: &'a mut u64,
    /// What comes on top of it.
    after_ns: u64,
    least_ns: u64,
}

impl Fault {
    /// How long it lasts.
    pub(crate) fn lasts_ns(mut self) -> u64 {
        self.time_ns().map_or(0, |Time { ns, after_ns, .. }| ns.saturating_add(after_ns))
    }

    /// The same, but that it lasts so long.
    pub(crate) fn set_lasts_ns(&mut self, lasts_ns: u64) {
        if let Some(Time { ns, after_ns, least_ns }) = self.time_ns() {
            *ns = lasts_ns.saturating_sub(after_ns).max(least_ns);
        }
    }

    /// What makes it last; nothing where it is a matter of a moment.
    fn time_ns(&mut self) -> Option<Time<'_>> {
        let (mut after_ns, mut least_ns) = (0, 0);
        let ns = match self {
            Self::Partition { for_ns, .. }
            | Self::OneWayPartition { for_ns, .. }
            | Self::Cut { for_ns, .. }
            | Self::ClientPartition { for_ns, .. }
            | Self::Clog { for_ns, .. }
            | Self::Pause { for_ns, .. }
            | Self::FreezeClock { for_ns, .. }
            | Self::StallDisk { for_ns, .. }
            | Self::LyingSync { for_ns, .. }
            | Self::SlowDisk { for_ns, .. } => for_ns,
            Self::Crash { down_ns, .. }
            | Self::CrashTogether { down_ns, .. }
            | Self::Upgrade { down_ns, .. }
            | Self::BitRot { down_ns, .. }
            | Self::LoseLog { down_ns, .. } => down_ns,
            Self::FailWrites { for_ns, down_ns, .. } => {
                after_ns = *down_ns;
                for_ns
            }
            Self::Wipe { ask_every_ns, .. } => {
                least_ns = 1;
                ask_every_ns
            }
            Self::StepClock { .. } => return None,
        };
        Some(Time { ns, after_ns, least_ns })
    }

    /// Gives the nodes that it strikes other numbers. `from` says whose number a node has now.
    pub(crate) fn map_nodes(
        &mut self,
        sets: impl Fn(NodeSet) -> NodeSet,
        one: impl Fn(NodeId) -> NodeId,
        from: impl Fn(NodeId) -> NodeId,
    ) {
        match self {
            Self::Partition { side, .. } => *side = sets(*side),
            Self::OneWayPartition { from, to, .. } | Self::Clog { from, to, .. } => {
                (*from, *to) = (sets(*from), sets(*to));
            }
            Self::Cut { deaf, .. } => {
                let before = *deaf;
                *deaf = std::array::from_fn(|node| {
                    before.get(from(NodeId(node as u8)).index()).map_or(NodeSet::default(), |deaf| sets(*deaf))
                });
            }
            Self::ClientPartition { nodes, .. }
            | Self::Crash { nodes, .. }
            | Self::Pause { nodes, .. }
            | Self::Upgrade { nodes, .. }
            | Self::StepClock { nodes, .. }
            | Self::FreezeClock { nodes, .. }
            | Self::StallDisk { nodes, .. }
            | Self::FailWrites { nodes, .. }
            | Self::SlowDisk { nodes, .. } => *nodes = sets(*nodes),
            Self::CrashTogether { nodes, order, .. } => {
                let before = *order;
                *nodes = sets(*nodes);
                *order = std::array::from_fn(|node| before.get(from(NodeId(node as u8)).index()).copied().unwrap_or(0));
            }
            Self::LoseLog { node, .. }
            | Self::Wipe { node, .. }
            | Self::LyingSync { node, .. }
            | Self::BitRot { node, .. } => *node = one(*node),
        }
    }

    /// The same fault, striking `nodes` instead of those that it names, where it is about nodes at all.
    pub(crate) fn aimed_at(self, nodes: NodeSet, all: NodeSet) -> Self {
        let others = all.difference(nodes);
        let first = NodeId(nodes.0.trailing_zeros().min(MAX_NODES as u32 - 1) as u8);
        match self {
            Self::Partition { for_ns, .. } => Self::Partition { side: nodes, for_ns },
            // The smaller side is who it is about: it speaks to nobody, or hears nobody.
            Self::OneWayPartition { from, to, for_ns } if from.len() <= to.len() => {
                Self::OneWayPartition { from: nodes, to: others, for_ns }
            }
            Self::OneWayPartition { for_ns, .. } => Self::OneWayPartition { from: others, to: nodes, for_ns },
            Self::Cut { shape: Shape::Isolated, for_ns, .. } => {
                Self::Cut { shape: Shape::Isolated, deaf: split(nodes, all), for_ns }
            }
            Self::Cut { shape: Shape::Link, deaf, for_ns } => {
                Self::Cut { shape: Shape::Link, deaf: link_aimed_at(&deaf, first), for_ns }
            }
            Self::Cut { .. } => self,
            Self::ClientPartition { for_ns, .. } => Self::ClientPartition { nodes, for_ns },
            Self::Clog { from, to, room, is_swizzled, for_ns } => {
                let (from, to) = if from.len() <= to.len() { (nodes, others) } else { (others, nodes) };
                Self::Clog { from, to, room, is_swizzled, for_ns }
            }
            Self::Crash { down_ns, .. } => Self::Crash { nodes, down_ns },
            Self::CrashTogether { .. } => self,
            Self::Upgrade { down_ns, .. } => Self::Upgrade { nodes, down_ns },
            Self::Wipe { ask_every_ns, .. } => Self::Wipe { node: first, ask_every_ns },
            Self::StepClock { by_ns, .. } => Self::StepClock { nodes, by_ns },
            Self::FreezeClock { for_ns, .. } => Self::FreezeClock { nodes, for_ns },
            Self::StallDisk { for_ns, .. } => Self::StallDisk { nodes, for_ns },
            Self::FailWrites { error, for_ns, down_ns, .. } => Self::FailWrites { nodes, error, for_ns, down_ns },
            Self::LyingSync { for_ns, .. } => Self::LyingSync { node: first, for_ns },
            Self::BitRot { down_ns, .. } => Self::BitRot { node: first, down_ns },
            Self::Pause { for_ns, .. } => Self::Pause { nodes, for_ns },
            Self::LoseLog { down_ns, .. } => Self::LoseLog { node: first, down_ns },
            Self::SlowDisk { extra_ns, for_ns, .. } => Self::SlowDisk { nodes, extra_ns, for_ns },
        }
    }

    /// Whether clocks do what nobody who trusts their drift expects.
    pub(crate) fn breaks_clocks(&self) -> bool {
        matches!(self, Self::StepClock { .. } | Self::FreezeClock { .. })
    }

    /// Checks that a cluster of `nodes` can have it.
    pub(crate) fn validate(&self, nodes: u8) -> Result<(), PlanError> {
        let all = NodeSet::all(nodes);
        let wrong = |problem| Err(PlanError { field: "faults", problem });
        match *self {
            Self::LoseLog { node, .. }
            | Self::Wipe { node, .. }
            | Self::LyingSync { node, .. }
            | Self::BitRot { node, .. }
                if !all.contains(node) =>
            {
                wrong(format!("there is no {node}"))
            }
            Self::Wipe { ask_every_ns: 0, .. } => wrong("an operator who never waits".to_owned()),
            Self::StepClock { by_ns, .. } if by_ns.unsigned_abs() > LONGEST_NS => {
                wrong(format!("{by_ns} is not between -{LONGEST_NS} and {LONGEST_NS}"))
            }
            Self::CrashTogether { apart_ns: time_ns, .. } if time_ns > LONGEST_NS => {
                wrong(format!("{time_ns} is above {LONGEST_NS}"))
            }
            Self::Clog { room: 0, .. } => wrong("a clogged link that holds nothing is cut".to_owned()),
            Self::SlowDisk { extra_ns: time_ns, .. } if time_ns > LONGEST_NS => {
                wrong(format!("{time_ns} is above {LONGEST_NS}"))
            }
            _ => Ok(()),
        }
    }
}

impl TimedFault {
    /// Checks that a cluster of `nodes` can have it.
    pub(crate) fn validate(&self, nodes: u8) -> Result<(), PlanError> {
        let wrong = |problem| Err(PlanError { field: "faults", problem });
        let after_ns = self.trigger.map_or(0, |trigger| trigger.after_ns);
        if let Some(time_ns) = [self.at_ns, after_ns].into_iter().find(|time_ns| *time_ns > LONGEST_NS) {
            return wrong(format!("{time_ns} is above {LONGEST_NS}"));
        }
        match self.trigger {
            Some(Trigger { nth: 0, .. }) => return wrong("a trigger counts from 1".to_owned()),
            Some(Trigger { moment: Moment::Sent { kind }, .. }) if kind >= MOST_KINDS => {
                return wrong(format!("a trigger knows the first {MOST_KINDS} types of messages, and {kind} is none"));
            }
            _ => {}
        }
        self.fault.validate(nodes)
    }
}

/// The same link, but that `node` is one of its ends: the other stays, or where it is `node` already, both do.
fn link_aimed_at(deaf: &[NodeSet; MAX_NODES], node: NodeId) -> [NodeSet; MAX_NODES] {
    let ends = (0..).zip(deaf).filter(|(_, deaf)| !deaf.is_empty());
    let Some((from, to)) = ends.map(|(from, deaf)| (from, deaf.0.trailing_zeros() as u8)).next() else { return *deaf };
    if [from, to].contains(&node.0) {
        return *deaf;
    }
    // One way: from `node`, as it was from the first.
    let is_both = deaf.get(usize::from(to)).is_some_and(|deaf| !deaf.is_empty());
    link(node, NodeId(to), is_both)
}

/// Who does not hear whom where the link from one node to the other is cut, or both ways.
pub(crate) fn link(from: NodeId, to: NodeId, is_both: bool) -> [NodeSet; MAX_NODES] {
    let mut deaf = [NodeSet::default(); MAX_NODES];
    deaf[from.index()] = NodeSet::default().with(to);
    if is_both {
        deaf[to.index()] = NodeSet::default().with(from);
    }
    deaf
}

/// Who does not hear whom where nothing passes between `side` and the rest of `all`.
pub(crate) fn split(side: NodeSet, all: NodeSet) -> [NodeSet; MAX_NODES] {
    std::array::from_fn(|node| if side.contains(NodeId(node as u8)) { all.difference(side) } else { side })
}
