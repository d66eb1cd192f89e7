//! The links between nodes: how long a message travels, whether it is lost, and who is cut off from whom.

use crate::choices::{Choice, Choices, Kind};
use crate::fault::{Fault, Shape, split};
use crate::faults::{FaultClass, FaultCounts};
use crate::latency::LinkLatency;
use crate::node::{MAX_NODES, NodeId, NodeSet};
use crate::plan::Network;

/// So many messages of a type on a link are its first.
const FIRST: u64 = 8;

/// All links of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    network: Network,
    /// By sender and receiver; empty where all are alike.
    latencies: Vec<LinkLatency>,
    choices: Choices,
    nodes: usize,
    message_kinds: usize,
    /// By sender, receiver and type of message; made when first used.
    links: Vec<Option<Box<Link>>>,
    /// For each sender, who cannot hear it, or not now.
    closed: [NodeSet; MAX_NODES],
    /// For each sender, who of these will hear it later.
    clogged: [NodeSet; MAX_NODES],
    /// Whom no client reaches.
    out_of_reach: NodeSet,
    cuts: Vec<Fault>,
    /// Between these, nothing goes wrong any more.
    calm: NodeSet,
    /// All links are alike and may do no more than lose a message.
    is_plain: bool,
}

/// The choices of one link and type of message.
#[derive(Clone, Debug)]
struct Link {
    latency: Choice,
    loss: Choice,
    duplication: Choice,
    reordering: Choice,
    stale: Choice,
}

/// When a message arrives, and again, and once more long after: nanoseconds from now, nothing where it does not.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Arrivals {
    pub(crate) first_ns: Option<u64>,
    pub(crate) again_ns: Option<u64>,
    pub(crate) stale_ns: Option<u64>,
}

/// What becomes of a message that arrives now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Passage {
    Open,
    Cut,
    /// It waits until the clog is over, if there is room: so many may, and for which fault's sake.
    Clogged {
        room: u16,
        is_swizzled: bool,
    },
}

impl Link {
    #[cold]
    fn new(choices: Choices, from: NodeId, to: NodeId, message_kind: u8) -> Box<Self> {
        let choice = |kind| choices.of_link(kind, from, to, message_kind);
        Box::new(Self {
            latency: choice(Kind::Latency),
            loss: choice(Kind::Loss),
            duplication: choice(Kind::Duplication),
            reordering: choice(Kind::Reordering),
            stale: choice(Kind::StaleReplay),
        })
    }
}

impl Links {
    pub(crate) fn new(
        network: Network,
        latencies: &[LinkLatency],
        choices: Choices,
        nodes: u8,
        message_kinds: usize,
    ) -> Self {
        let nodes = usize::from(nodes);
        Self {
            network,
            latencies: latencies.to_vec(),
            choices,
            nodes,
            message_kinds,
            links: vec![None; nodes * nodes * message_kinds],
            closed: [NodeSet::default(); MAX_NODES],
            clogged: [NodeSet::default(); MAX_NODES],
            out_of_reach: NodeSet::default(),
            cuts: Vec::new(),
            calm: NodeSet::default(),
            is_plain: latencies.is_empty() && network.is_plain(),
        }
    }

    /// Whatever the links decide from now on, they decide by these choices.
    pub(crate) fn reroll(&mut self, choices: Choices) {
        self.choices = choices;
        self.links.iter_mut().for_each(|link| *link = None);
    }

    /// Sends a message on its way.
    #[inline]
    pub(crate) fn route(&mut self, from: NodeId, to: NodeId, message_kind: u8, counts: &mut FaultCounts) -> Arrivals {
        if !self.is_plain {
            return self.route_strangely(from, to, message_kind, counts);
        }
        let Network { latency_ns, loss_ppm, .. } = self.network;
        let link = self.unless_lost(from, to, message_kind, loss_ppm, counts);
        Arrivals { first_ns: link.map(|link| link.latency.within(latency_ns)), ..Arrivals::default() }
    }

    /// The same where more may happen to a message than that it is lost.
    #[inline(never)]
    fn route_strangely(&mut self, from: NodeId, to: NodeId, message_kind: u8, counts: &mut FaultCounts) -> Arrivals {
        let is_calm = self.calm.contains(from) && self.calm.contains(to);
        let network = if is_calm { self.network.calm() } else { self.network };
        let latency = if is_calm { None } else { self.latencies.get(from.index() * self.nodes + to.index()).copied() };
        let first_ppm = network.first_ppm;
        let Some(link) = self.unless_lost(from, to, message_kind, network.loss_ppm, counts) else {
            return Arrivals::default();
        };
        let is_early = first_ppm > 0 && link.latency.drawn() < FIRST;
        let network = if is_early { network.at_first() } else { network };
        let Network { latency_ns, duplication_ppm, reordering_ppm, reordering_ns, stale_ppm, stale_ns, .. } = network;
        let mut travel_ns = |latencies: &mut Choice| match latency {
            None => latencies.within(latency_ns),
            Some(latency) => {
                let delay_ns = latency.draw_ns(latencies);
                counts[FaultClass::UnevenLatency] += u64::from(delay_ns > latency_ns.1);
                delay_ns
            }
        };
        let mut delay_ns = travel_ns(&mut link.latency);
        let is_held_back = reordering_ppm > 0 && link.reordering.chance_ppm(reordering_ppm);
        if is_held_back {
            delay_ns += link.reordering.within((0, reordering_ns));
        }
        let is_double = duplication_ppm > 0 && link.duplication.chance_ppm(duplication_ppm);
        let again_ns = is_double.then(|| travel_ns(&mut link.latency));
        let is_stale = stale_ppm > 0 && link.stale.chance_ppm(stale_ppm);
        let stale_ns = is_stale.then(|| delay_ns + link.stale.within((stale_ns / 8, stale_ns)));
        counts[FaultClass::Reordering] += u64::from(is_held_back);
        counts[FaultClass::Duplication] += u64::from(is_double);
        Arrivals { first_ns: Some(delay_ns), again_ns, stale_ns }
    }

    /// The link that a message takes, unless it is lost there.
    #[inline]
    fn unless_lost(
        &mut self,
        from: NodeId,
        to: NodeId,
        message_kind: u8,
        loss_ppm: u32,
        counts: &mut FaultCounts,
    ) -> Option<&mut Link> {
        let place = (from.index() * self.nodes + to.index()) * self.message_kinds + usize::from(message_kind);
        let choices = self.choices;
        let link = self.links[place].get_or_insert_with(move || Link::new(choices, from, to, message_kind));
        let is_lost = loss_ppm > 0 && link.loss.chance_ppm(loss_ppm);
        counts[FaultClass::Loss] += u64::from(is_lost);
        (!is_lost).then_some(link)
    }

    /// What becomes of a message that arrives now.
    pub(crate) fn passage(&self, from: NodeId, to: NodeId) -> Passage {
        if !self.closed[from.index()].contains(to) {
            return Passage::Open;
        }
        if !self.clogged[from.index()].contains(to) {
            return Passage::Cut;
        }
        let of_link = |cut: &Fault| match *cut {
            Fault::Clog { from: senders, to: receivers, room, is_swizzled, .. }
                if senders.contains(from) && receivers.contains(to) =>
            {
                Some(Passage::Clogged { room, is_swizzled })
            }
            _ => None,
        };
        self.cuts.iter().find_map(of_link).unwrap_or(Passage::Cut)
    }

    /// Whether clients and `node` hear each other.
    pub(crate) fn is_in_reach(&self, node: NodeId) -> bool {
        !self.out_of_reach.contains(node)
    }

    /// Cuts what a partition cuts, or clogs what a clog clogs, until it is healed.
    pub(crate) fn cut(&mut self, fault: Fault) {
        self.cuts.push(fault);
        self.block();
    }

    /// Heals what [`cut`](Self::cut) cut.
    pub(crate) fn heal(&mut self, fault: Fault) {
        if let Some(place) = self.cuts.iter().position(|cut| *cut == fault) {
            self.cuts.remove(place);
        }
        self.block();
    }

    /// Heals all that was cut.
    pub(crate) fn heal_all(&mut self) {
        self.cuts.clear();
        self.block();
    }

    /// Between `nodes`, nothing is lost, doubled or held back from now on.
    pub(crate) fn calm(&mut self, nodes: NodeSet) {
        self.calm = nodes;
        self.is_plain = false;
    }

    fn block(&mut self) {
        let all = NodeSet::all(self.nodes as u8);
        let (mut deaf, mut clogged) = ([NodeSet::default(); MAX_NODES], [NodeSet::default(); MAX_NODES]);
        self.out_of_reach = NodeSet::default();
        for cut in &self.cuts {
            match *cut {
                Fault::Partition { side, .. } => add(&mut deaf, split(side, all)),
                Fault::Cut { deaf: cut_off, .. } => add(&mut deaf, cut_off),
                Fault::OneWayPartition { from, to, .. } => add(&mut deaf, one_way(from, to)),
                Fault::Clog { from, to, .. } => add(&mut clogged, one_way(from, to)),
                Fault::ClientPartition { nodes, .. } => self.out_of_reach = self.out_of_reach.union(nodes),
                _ => {}
            }
        }
        for from in 0..MAX_NODES {
            self.closed[from] = deaf[from].union(clogged[from]);
            self.clogged[from] = clogged[from].difference(deaf[from]);
        }
    }
}

/// Adds, for each sender, who does not hear it.
fn add(closed: &mut [NodeSet; MAX_NODES], more: [NodeSet; MAX_NODES]) {
    closed.iter_mut().zip(more).for_each(|(closed, more)| *closed = closed.union(more));
}

/// For each sender: `receivers`, where it is one of `senders`.
fn one_way(senders: NodeSet, receivers: NodeSet) -> [NodeSet; MAX_NODES] {
    std::array::from_fn(|from| if senders.contains(NodeId(from as u8)) { receivers } else { NodeSet::default() })
}

/// The class that a partition is counted in.
pub(crate) fn class_of(shape: Shape) -> FaultClass {
    match shape {
        Shape::Isolated => FaultClass::Isolation,
        Shape::Bridge => FaultClass::Bridge,
        Shape::Ring => FaultClass::Ring,
        Shape::Link => FaultClass::LinkCut,
        Shape::Scattered => FaultClass::ScatteredCuts,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        let network = Network { latency_ns: (1, 9), ..Network::default() };
        Links::new(network, &[], Choices::new(0), 5, 1)
    }

    fn open(links: &Links) -> Vec<(u8, u8)> {
        let pairs = (0..5).flat_map(|from| (0..5).map(move |to| (from, to)));
        pairs.filter(|&(from, to)| from != to && links.passage(NodeId(from), NodeId(to)) == Passage::Open).collect()
    }

    #[test]
    fn a_partition_cuts_both_ways_and_heals_whole() {
        let mut links = links();
        let split = Fault::Partition { side: NodeSet(0b00011), for_ns: 1 };
        links.cut(split);
        assert!(open(&links).iter().all(|&(from, to)| (from < 2) == (to < 2)));
        assert_eq!(open(&links).len(), 2 + 6);
        links.heal(split);
        assert_eq!(open(&links).len(), 20);
    }

    #[test]
    fn a_one_way_partition_leaves_the_way_back_open() {
        let mut links = links();
        links.cut(Fault::OneWayPartition { from: NodeSet(0b00001), to: NodeSet(0b11110), for_ns: 1 });
        assert!(open(&links).iter().all(|&(from, _)| from != 0));
        assert_eq!(open(&links).len(), 16);
    }

    #[test]
    fn overlapping_partitions_heal_one_by_one() {
        let mut links = links();
        let (first, second) = (
            Fault::Partition { side: NodeSet(0b00001), for_ns: 1 },
            Fault::Partition { side: NodeSet(0b00010), for_ns: 2 },
        );
        links.cut(first);
        links.cut(second);
        links.heal(first);
        assert_eq!(links.passage(NodeId(0), NodeId(2)), Passage::Open);
        assert_eq!(links.passage(NodeId(0), NodeId(1)), Passage::Cut);
    }

    #[test]
    fn what_is_lost_or_doubled_is_counted() {
        let mut links = links();
        let mut counts = FaultCounts::default();
        (links.network.duplication_ppm, links.network.loss_ppm, links.is_plain) = (500_000, 500_000, false);
        let arrivals: usize = (0..1000)
            .map(|_| links.route(NodeId(0), NodeId(1), 0, &mut counts))
            .map(|arrivals| [arrivals.first_ns, arrivals.again_ns].iter().flatten().count())
            .sum();
        let expected = 1000 - counts[FaultClass::Loss] + counts[FaultClass::Duplication];
        assert_eq!(arrivals as u64, expected);
        assert!(counts[FaultClass::Loss] > 400 && counts[FaultClass::Duplication] > 150);
    }

    #[test]
    fn a_clogged_link_holds_what_a_partition_drops() {
        let mut links = links();
        let (from, to) = (NodeSet(0b00001), NodeSet(0b00110));
        links.cut(Fault::Clog { from, to, room: 3, is_swizzled: true, for_ns: 1 });
        links.cut(Fault::OneWayPartition { from, to: NodeSet(0b00100), for_ns: 1 });
        let passage = |to| links.passage(NodeId(0), NodeId(to));
        let held = Passage::Clogged { room: 3, is_swizzled: true };
        assert_eq!([passage(1), passage(2), passage(3)], [held, Passage::Cut, Passage::Open]);
        assert_eq!(links.passage(NodeId(1), NodeId(0)), Passage::Open);
    }

    #[test]
    fn clients_are_cut_off_from_servers_that_hear_each_other() {
        let mut links = links();
        let fault = Fault::ClientPartition { nodes: NodeSet(0b00011), for_ns: 1 };
        links.cut(fault);
        assert_eq!((links.is_in_reach(NodeId(1)), links.is_in_reach(NodeId(2)), open(&links).len()), (false, true, 20));
        links.heal(fault);
        assert!(links.is_in_reach(NodeId(1)));
    }

    #[test]
    fn a_stale_message_comes_once_more_long_after() {
        let mut links = links();
        let mut counts = FaultCounts::default();
        (links.network.stale_ppm, links.network.stale_ns, links.is_plain) = (500_000, 8_000, false);
        let routed: Vec<Arrivals> = (0..1000).map(|_| links.route(NodeId(0), NodeId(1), 0, &mut counts)).collect();
        let stale: Vec<u64> = routed.iter().filter_map(|arrivals| arrivals.stale_ns).collect();
        assert!(routed.iter().all(|arrivals| arrivals.first_ns.is_some() && arrivals.again_ns.is_none()));
        assert!((400..600).contains(&stale.len()) && stale.iter().all(|ns| (1_000..=8_009).contains(ns)));
    }
}
