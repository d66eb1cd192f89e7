//! What goes wrong at a time, or at a moment of the run.

use super::Nemesis;
use crate::choices::Choice;
use crate::fault::{Aim, Fault, Moment, Shape, TimedFault, Trigger, WriteError, link, split};
use crate::faults::FaultClass;
use crate::node::{MAX_NODES, NodeId, NodeSet};

/// What drawing a fault takes.
pub(super) struct Draw {
    pub(super) nodes: u8,
    pub(super) tempo_ns: u64,
    pub(super) message_kinds: u8,
    /// The longest usual latency.
    pub(super) latency_ns: u64,
    /// The longest usual write.
    pub(super) write_ns: u64,
}

/// Whether the class strikes now and then; all others are properties of the network, the disks and the clocks.
fn is_timed(class: FaultClass) -> bool {
    use FaultClass::{
        Ambush, ClockDrift, Duplication, Loss, LostWrite, Reordering, StaleReplay, TornWrite, UnevenLatency,
    };
    !matches!(
        class,
        Loss | Duplication | Reordering | StaleReplay | UnevenLatency | LostWrite | TornWrite | ClockDrift | Ambush
    )
}

/// Whether the class is of those that Raft is about: servers that stop, and servers that do not hear each other, or late. Of what
/// strikes now and then they are the most.
pub(super) fn is_main(class: FaultClass) -> bool {
    use FaultClass::{Clog, Crash, Isolation, LinkCut, OneWayPartition, Partition, Pause};
    matches!(class, Clog | Crash | Isolation | LinkCut | OneWayPartition | Partition | Pause)
}

/// So many times more often than any other of those that are on.
const MORE_OFTEN: usize = 4;

pub(super) fn draw_faults(
    choice: &mut Choice,
    on: &[FaultClass],
    nemesis: &Nemesis,
    draw: &Draw,
    duration_ns: u64,
) -> Vec<TimedFault> {
    let mut timed: Vec<FaultClass> = on.iter().copied().filter(|class| is_timed(*class)).collect();
    let has_ambushes = on.contains(&FaultClass::Ambush);
    let mut faults = Vec::new();
    if timed.is_empty() && has_ambushes {
        // Whoever lies in wait does something then.
        timed.push(FaultClass::Crash);
    }
    if timed.is_empty() {
        return faults;
    }
    let main: Vec<FaultClass> =
        timed.iter().copied().filter(|class| is_main(*class) || nemesis.about.contains(class)).collect();
    timed.extend(main.repeat(MORE_OFTEN));
    let tempo_ns = draw.tempo_ns;
    // Busy runs and quiet ones: the mean gap is a draw of its own. Short enough that most faults strike while the one before
    // lasts, or while what it did to the logs is not mended.
    let longest_gap_ns = choice.within((tempo_ns / 2, 2 * tempo_ns));
    let mut at_ns = choice.within((0, longest_gap_ns));
    while at_ns < duration_ns {
        let class = *choice.pick(&timed);
        if class == FaultClass::SwizzleClog {
            swizzle(choice, draw, at_ns, &mut faults);
        } else {
            let fault = draw.fault(choice, class);
            let is_waiting = has_ambushes && choice.chance_ppm(900_000);
            let trigger = match class {
                FaultClass::CrashInWrite => Some(draw.in_write(choice)),
                _ => is_waiting.then(|| draw.trigger(choice, class)),
            };
            faults.push(TimedFault { at_ns, trigger, fault });
            let aftermath = draw.aftermath(choice, &nemesis.faults, &fault);
            faults.extend(aftermath.map(|fault| TimedFault { at_ns, trigger, fault }));
            if on.contains(&FaultClass::Crash) {
                faults.extend(draw.meanwhile(choice, has_ambushes, &TimedFault { at_ns, trigger, fault }));
            }
            if has_ambushes && is_main(class) {
                faults.extend(draw.successions(choice, at_ns, fault));
            }
        }
        at_ns += choice.within((tempo_ns / 20, longest_gap_ns));
    }
    faults
}

/// Some nodes are clogged one by one, and released in another order.
fn swizzle(choice: &mut Choice, draw: &Draw, at_ns: u64, faults: &mut Vec<TimedFault>) {
    let all = NodeSet::all(draw.nodes);
    let nodes = proper_subset(choice, draw.nodes);
    let room = draw.room(choice);
    let step_ns = choice.within((draw.tempo_ns / 20, draw.tempo_ns));
    let chosen: Vec<NodeId> = NodeId::all(draw.nodes).filter(|node| nodes.contains(*node)).collect();
    let (starts, ends) = (shuffled(choice, &chosen), shuffled(choice, &chosen));
    for (place, node) in (0..).zip(&starts) {
        let released = (0..).zip(&ends).find(|(_, other)| *other == node).map_or(0, |(place, _)| place);
        let for_ns = (chosen.len() as u64 - place + released) * step_ns;
        let one = NodeSet::default().with(*node);
        let at_ns = at_ns + place * step_ns;
        for (from, to) in [(one, all.difference(one)), (all.difference(one), one)] {
            faults.push(TimedFault::at(at_ns, Fault::Clog { from, to, room, is_swizzled: true, for_ns }));
        }
    }
}

impl Draw {
    fn fault(&self, choice: &mut Choice, class: FaultClass) -> Fault {
        let &Self { nodes, tempo_ns, .. } = self;
        let all = NodeSet::all(nodes);
        let lasts_ns = choice.within((tempo_ns / 20, 4 * tempo_ns));
        let mut one = || NodeSet::default().with(NodeId(choice.below(u64::from(nodes)) as u8));
        let cut = |shape, deaf| Fault::Cut { shape, deaf, for_ns: lasts_ns };
        match class {
            FaultClass::Partition => Fault::Partition { side: proper_subset(choice, nodes), for_ns: lasts_ns },
            FaultClass::OneWayPartition => {
                let (from, to) = one_way(choice, nodes);
                Fault::OneWayPartition { from, to, for_ns: lasts_ns }
            }
            FaultClass::Isolation => cut(Shape::Isolated, split(one(), all)),
            FaultClass::Bridge => cut(Shape::Bridge, bridge(choice, nodes)),
            FaultClass::Ring => cut(Shape::Ring, ring(choice, nodes)),
            FaultClass::LinkCut => cut(Shape::Link, one_link(choice, nodes)),
            FaultClass::ScatteredCuts => cut(Shape::Scattered, scattered(choice, nodes)),
            FaultClass::ClientPartition => {
                Fault::ClientPartition { nodes: some_nodes(choice, nodes), for_ns: lasts_ns }
            }
            FaultClass::Clog => {
                let (from, to) = one_way(choice, nodes);
                Fault::Clog { from, to, room: self.room(choice), is_swizzled: false, for_ns: lasts_ns }
            }
            FaultClass::Pause => Fault::Pause { nodes: some_nodes(choice, nodes), for_ns: lasts_ns },
            FaultClass::LostLog => {
                Fault::LoseLog { node: NodeId(choice.below(u64::from(nodes)) as u8), down_ns: lasts_ns / 8 }
            }
            FaultClass::ShuffledRestart => Fault::CrashTogether {
                nodes: NodeSet(some_nodes(choice, nodes).0 | choice.below(1 << nodes) as u8),
                down_ns: lasts_ns / 4,
                apart_ns: choice.within((0, tempo_ns)),
                order: order(choice, nodes),
            },
            FaultClass::RollingUpgrade => Fault::Upgrade { nodes: one(), down_ns: lasts_ns / 8 },
            FaultClass::Wipe => Fault::Wipe {
                node: NodeId(choice.below(u64::from(nodes)) as u8),
                ask_every_ns: choice.within((tempo_ns / 2, 4 * tempo_ns)),
            },
            FaultClass::ClockForward | FaultClass::ClockBackward => {
                // Whose clock is set back waits until it has caught up: most of the time less than for an election.
                let is_back = class == FaultClass::ClockBackward;
                let most_ns = if is_back && choice.chance_ppm(750_000) { tempo_ns / 2 } else { 4 * tempo_ns };
                let by_ns = choice.within((tempo_ns / 20, most_ns)) as i64;
                let by_ns = if is_back { -by_ns } else { by_ns };
                Fault::StepClock { nodes: some_nodes(choice, nodes), by_ns }
            }
            FaultClass::ClockFreeze => Fault::FreezeClock { nodes: some_nodes(choice, nodes), for_ns: lasts_ns },
            FaultClass::DiskStall => Fault::StallDisk { nodes: some_nodes(choice, nodes), for_ns: lasts_ns },
            FaultClass::IoError | FaultClass::DiskFull => {
                let error = if class == FaultClass::IoError { WriteError::Io } else { WriteError::Full };
                let for_ns = if error == WriteError::Io { lasts_ns / 8 } else { lasts_ns };
                let down_ns = choice.within((0, tempo_ns));
                Fault::FailWrites { nodes: some_nodes(choice, nodes), error, for_ns, down_ns }
            }
            FaultClass::LyingSync => {
                Fault::LyingSync { node: NodeId(choice.below(u64::from(nodes)) as u8), for_ns: lasts_ns }
            }
            FaultClass::BitRot => {
                Fault::BitRot { node: NodeId(choice.below(u64::from(nodes)) as u8), down_ns: lasts_ns / 8 }
            }
            FaultClass::SlowDisk => Fault::SlowDisk {
                nodes: some_nodes(choice, nodes),
                extra_ns: choice.within((tempo_ns / 20, tempo_ns)),
                for_ns: lasts_ns,
            },
            _ => {
                // Now and then it is back before a message of before has arrived.
                let down_ns = match choice.below(4) {
                    0 => 0,
                    1 => choice.within((0, self.latency_ns)),
                    _ => lasts_ns / 2,
                };
                // Often enough nobody is left: then none of them hears of a leader before its own timeout.
                let is_outage = choice.chance_ppm(125_000);
                let some = some_nodes(choice, nodes);
                Fault::Crash { nodes: if is_outage { all } else { some }, down_ns }
            }
        }
    }

    /// Servers that start again do not always hear everyone at once: for a while after it is up, nobody hears who crashed, or one
    /// other does not.
    fn aftermath(&self, choice: &mut Choice, classes: &[FaultClass], fault: &Fault) -> Option<Fault> {
        let Fault::Crash { nodes, down_ns } = *fault else { return None };
        let mut shapes = vec![(Shape::Isolated, FaultClass::Isolation), (Shape::Link, FaultClass::LinkCut)];
        shapes.retain(|(_, class)| classes.contains(class));
        // Most often nobody hears it.
        let place = usize::from(choice.chance_ppm(333_333));
        let &(shape, _) = shapes.get(place % shapes.len().max(1))?;
        let is_drawn = choice.chance_ppm(500_000);
        let after_ns = choice.within((self.tempo_ns / 4, 3 * self.tempo_ns));
        let other = NodeId(choice.below(u64::from(self.nodes)) as u8);
        let one = NodeId(nodes.0.trailing_zeros() as u8);
        let is_possible = nodes.len() == 1 && (shape == Shape::Isolated || one != other);
        let deaf = match shape {
            Shape::Link => link(one, other, true),
            _ => split(nodes, NodeSet::all(self.nodes)),
        };
        (is_drawn && is_possible).then_some(Fault::Cut { shape, deaf, for_ns: down_ns + after_ns })
    }

    /// While some do not hear each other, another starts again, at once, and often as it is asked for something: who asks meets one
    /// that has forgotten all but what is on its disk.
    fn meanwhile(&self, choice: &mut Choice, has_ambushes: bool, cut: &TimedFault) -> Option<TimedFault> {
        let is_cut = matches!(cut.fault, Fault::Partition { .. } | Fault::OneWayPartition { .. } | Fault::Cut { .. });
        let is_drawn = choice.chance_ppm(500_000);
        let later_ns = choice.within((0, cut.fault.lasts_ns()));
        let nodes = NodeSet::default().with(NodeId(choice.below(u64::from(self.nodes)) as u8));
        let down_ns = choice.within((0, self.latency_ns / 4));
        let kind = choice.below(u64::from(self.message_kinds.max(1))) as u8;
        // Who is cut off is the first to ask for a new leader, and it asks those who still have one.
        let moment = if choice.chance_ppm(500_000) { Moment::Disturbed } else { Moment::Sent { kind } };
        let is_waiting = has_ambushes && self.message_kinds > 0 && choice.chance_ppm(900_000);
        let trigger = Trigger { moment, nth: 1, after_ns: 0, aim: Aim::Peer };
        let fault = Fault::Crash { nodes, down_ns };
        let timed = TimedFault { at_ns: cut.at_ns + later_ns, trigger: is_waiting.then_some(trigger), fault };
        (is_cut && is_drawn).then_some(timed)
    }

    /// What took a leader away takes away the next one too, once it leads, and sometimes the one after that: each leaves something
    /// in its log that the others lack, and comes back at another time.
    fn successions(&self, choice: &mut Choice, at_ns: u64, fault: Fault) -> Vec<TimedFault> {
        let count = *choice.pick(&[0, 0, 0, 0, 1, 1, 1, 2]);
        let one = |choice: &mut Choice, nth| {
            let after_ns = choice.within((0, 2 * self.tempo_ns));
            let mut fault = fault;
            fault.set_lasts_ns(choice.within((self.tempo_ns / 2, 6 * self.tempo_ns)));
            let trigger = Trigger { moment: Moment::LeaderElected, nth, after_ns, aim: Aim::Leader };
            TimedFault { at_ns, trigger: Some(trigger), fault }
        };
        (1..=count).map(|nth| one(choice, nth)).collect()
    }

    /// A moment to wait for. Messages are the most telling of them: each type is as likely as any other, so that votes are
    /// not drowned in heartbeats.
    fn trigger(&self, choice: &mut Choice, class: FaultClass) -> Trigger {
        let moment = match choice.below(8) {
            0 => Moment::WriteStarts,
            1 => Moment::LeaderElected,
            2 => Moment::LeaderCommits,
            3 => Moment::Restarted,
            _ if self.message_kinds == 0 => Moment::WriteStarts,
            _ => Moment::Sent { kind: choice.below(u64::from(self.message_kinds)) as u8 },
        };
        // Most often the next one.
        let nth = if choice.chance_ppm(800_000) { 1 } else { 1 + choice.below(8) as u32 };
        let after_ns = match choice.below(4) {
            0 | 1 => 0,
            2 => choice.within((0, 2 * self.latency_ns)),
            _ => choice.within((0, self.tempo_ns)),
        };
        let aim = *match class {
            // Those who hear of it last, and those who do not hear of it at all.
            FaultClass::Crash | FaultClass::Pause => {
                &[Aim::There, Aim::There, Aim::Peer, Aim::Peer, Aim::Leader, Aim::Followers]
            }
            _ => &[Aim::There, Aim::Peer, Aim::Leader, Aim::Leader, Aim::Leader, Aim::Named],
        }
        .get(choice.below(6) as usize)
        .unwrap_or(&Aim::There);
        Trigger { moment, nth, after_ns, aim }
    }

    /// Some write, while it is under way.
    fn in_write(&self, choice: &mut Choice) -> Trigger {
        let nth = 1 + choice.below(16) as u32;
        let after_ns = choice.within((0, self.write_ns));
        Trigger { moment: Moment::WriteStarts, nth, after_ns, aim: Aim::There }
    }

    fn room(&self, choice: &mut Choice) -> u16 {
        *choice.pick(&[1, 4, 16, 64])
    }
}

/// From some nodes to some of the others.
fn one_way(choice: &mut Choice, nodes: u8) -> (NodeSet, NodeSet) {
    let from = proper_subset(choice, nodes);
    let others = NodeSet::all(nodes).difference(from);
    let to = NodeSet(others.0 & choice.below(1 << nodes) as u8);
    (from, if to.is_empty() { others } else { to })
}

/// Two halves and one node between them, for clusters of three and more.
fn bridge(choice: &mut Choice, nodes: u8) -> [NodeSet; MAX_NODES] {
    let order = shuffled(choice, &NodeId::all(nodes).collect::<Vec<_>>());
    let (between, rest) = order.split_first().map_or((NodeId(0), &order[..]), |(first, rest)| (*first, rest));
    let half = rest[..rest.len() / 2].iter().fold(NodeSet::default(), |half, node| half.with(*node));
    let mut deaf = split(half, NodeSet::all(nodes).without(between));
    deaf[between.index()] = NodeSet::default();
    deaf
}

/// Each node hears its nearest neighbours around a ring, as many as make a majority with it.
fn ring(choice: &mut Choice, nodes: u8) -> [NodeSet; MAX_NODES] {
    let order = shuffled(choice, &NodeId::all(nodes).collect::<Vec<_>>());
    let reach = (order.len() / 2).div_ceil(2);
    let mut deaf = [NodeSet::default(); MAX_NODES];
    for (place, node) in order.iter().enumerate() {
        let apart = |other: usize| place.abs_diff(other).min(order.len() - place.abs_diff(other));
        let far = order.iter().enumerate().filter(|(other, _)| apart(*other) > reach);
        deaf[node.index()] = far.fold(NodeSet::default(), |far, (_, node)| far.with(*node));
    }
    deaf
}

/// Two nodes, most often both ways.
fn one_link(choice: &mut Choice, nodes: u8) -> [NodeSet; MAX_NODES] {
    let from = choice.below(u64::from(nodes)) as u8;
    let to = (from + choice.within((1, u64::from(nodes) - 1)) as u8) % nodes;
    link(NodeId(from), NodeId(to), choice.chance_ppm(666_667))
}

/// Any links, each way for itself, one in two to one in eight of them.
fn scattered(choice: &mut Choice, nodes: u8) -> [NodeSet; MAX_NODES] {
    let rarity = choice.within((1, 3));
    let mut deaf = [NodeSet::default(); MAX_NODES];
    for node in NodeId::all(nodes) {
        let some = (0..rarity).fold(NodeSet::all(nodes).0, |some, _| some & choice.below(1 << nodes) as u8);
        deaf[node.index()] = NodeSet(some).without(node);
    }
    deaf
}

/// For each node, its place in any order.
fn order(choice: &mut Choice, nodes: u8) -> [u8; MAX_NODES] {
    let mut order = [0; MAX_NODES];
    for (place, node) in (0..).zip(shuffled(choice, &NodeId::all(nodes).collect::<Vec<_>>())) {
        order[node.index()] = place;
    }
    order
}

/// The same in any order (Fisher and Yates).
fn shuffled(choice: &mut Choice, nodes: &[NodeId]) -> Vec<NodeId> {
    let mut nodes = nodes.to_vec();
    for last in (1..nodes.len()).rev() {
        nodes.swap(last, choice.below(last as u64 + 1) as usize);
    }
    nodes
}

/// Some of the nodes, but neither none nor all.
fn proper_subset(choice: &mut Choice, nodes: u8) -> NodeSet {
    NodeSet(choice.within((1, u64::from(NodeSet::all(nodes).0) - 1)) as u8)
}

/// Most often one node, sometimes several, now and then all.
fn some_nodes(choice: &mut Choice, nodes: u8) -> NodeSet {
    let one = NodeSet::default().with(NodeId(choice.below(u64::from(nodes)) as u8));
    let several = NodeSet(one.0 | choice.below(1 << nodes) as u8);
    match choice.below(10) {
        0 => NodeSet::all(nodes),
        1 | 2 => several,
        _ => one,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::Choices;

    fn heard_by(deaf: &[NodeSet; MAX_NODES], node: NodeId, nodes: u8) -> NodeSet {
        NodeId::all(nodes).filter(|from| !deaf[from.index()].contains(node)).fold(NodeSet::default(), NodeSet::with)
    }

    #[test]
    fn around_a_ring_everyone_hears_a_majority_and_no_two_the_same() {
        for seed in 0..50 {
            for nodes in 4..=7 {
                let deaf = ring(&mut Choices::new(seed).plan(), nodes);
                let heard: Vec<NodeSet> = NodeId::all(nodes).map(|node| heard_by(&deaf, node, nodes)).collect();
                assert!(heard.iter().all(|heard| 2 * heard.len() > usize::from(nodes)), "{nodes}: {heard:?}");
                assert!(heard.iter().all(|heard| heard.len() < usize::from(nodes)), "{nodes}: {heard:?}");
                let is_same = |one: usize, other: usize| one != other && heard[one] == heard[other];
                assert!((0..heard.len()).all(|one| (0..heard.len()).all(|other| !is_same(one, other))), "{heard:?}");
            }
        }
    }

    #[test]
    fn across_a_bridge_two_halves_meet_in_one_node() {
        for seed in 0..50 {
            for nodes in 3..=7 {
                let deaf = bridge(&mut Choices::new(seed).plan(), nodes);
                let all = NodeSet::all(nodes);
                let bridges: Vec<NodeId> =
                    NodeId::all(nodes).filter(|node| heard_by(&deaf, *node, nodes) == all).collect();
                assert_eq!(bridges.len(), 1, "{nodes}: {deaf:?}");
                assert!(NodeId::all(nodes).all(|node| deaf[node.index()].len() <= usize::from(nodes) / 2));
            }
        }
    }

    #[test]
    fn swizzled_nodes_are_all_clogged_at_once_before_any_is_released() {
        let draw = Draw { nodes: 5, tempo_ns: 1_000, message_kinds: 0, latency_ns: 1, write_ns: 1 };
        for seed in 0..50 {
            let mut faults = Vec::new();
            swizzle(&mut Choices::new(seed).plan(), &draw, 100, &mut faults);
            let ends = faults.iter().filter_map(|timed| match timed.fault {
                Fault::Clog { for_ns, .. } => Some(timed.at_ns + for_ns),
                _ => None,
            });
            let last_start = faults.iter().map(|timed| timed.at_ns).max();
            assert!(last_start < ends.min() || faults.is_empty(), "{faults:?}");
        }
    }
}
