//! The links between nodes: how long a message travels, whether it is lost, and who is cut off from whom.

use crate::choices::{Choice, Choices, Kind};
use crate::faults::{FaultClass, FaultCounts};
use crate::node::{MAX_NODES, NodeId, NodeSet};
use crate::plan::{Fault, Network};

/// All links of a cluster.
#[derive(Clone, Debug)]
pub(crate) struct Links {
    network: Network,
    choices: Choices,
    nodes: usize,
    message_kinds: usize,
    /// By sender, receiver and type of message; made when first used.
    links: Vec<Option<Box<Link>>>,
    /// For each sender, who cannot hear it.
    blocked: [NodeSet; MAX_NODES],
    cuts: Vec<Fault>,
    /// Between these, nothing goes wrong any more.
    calm: NodeSet,
}

/// The choices of one link and type of message.
#[derive(Clone, Debug)]
struct Link {
    latency: Choice,
    loss: Choice,
    duplication: Choice,
    reordering: Choice,
}

/// When a message and perhaps its duplicate arrive: nanoseconds from now, nothing where it is lost.
pub(crate) type Arrivals = [Option<u64>; 2];

impl Links {
    pub(crate) fn new(network: Network, choices: Choices, nodes: u8, message_kinds: usize) -> Self {
        let nodes = usize::from(nodes);
        Self {
            network,
            choices,
            nodes,
            message_kinds,
            links: vec![None; nodes * nodes * message_kinds],
            blocked: [NodeSet::default(); MAX_NODES],
            cuts: Vec::new(),
            calm: NodeSet::default(),
        }
    }

    /// Sends a message on its way.
    pub(crate) fn route(&mut self, from: NodeId, to: NodeId, message_kind: u8, counts: &mut FaultCounts) -> Arrivals {
        let is_calm = self.calm.contains(from) && self.calm.contains(to);
        let network = if is_calm { self.network.calm() } else { self.network };
        let Network { latency_ns, loss_ppm, duplication_ppm, reordering_ppm, reordering_ns } = network;
        let link = self.link(from, to, message_kind);
        if loss_ppm > 0 && link.loss.chance_ppm(loss_ppm) {
            counts[FaultClass::Loss] += 1;
            return [None, None];
        }
        let mut delay_ns = link.latency.within(latency_ns);
        if reordering_ppm > 0 && link.reordering.chance_ppm(reordering_ppm) {
            counts[FaultClass::Reordering] += 1;
            delay_ns += link.reordering.within((0, reordering_ns));
        }
        if duplication_ppm > 0 && link.duplication.chance_ppm(duplication_ppm) {
            counts[FaultClass::Duplication] += 1;
            return [Some(delay_ns), Some(link.latency.within(latency_ns))];
        }
        [Some(delay_ns), None]
    }

    fn link(&mut self, from: NodeId, to: NodeId, message_kind: u8) -> &mut Link {
        let place = (from.index() * self.nodes + to.index()) * self.message_kinds + usize::from(message_kind);
        self.links[place].get_or_insert_with(|| {
            let choice = |kind| self.choices.of_link(kind, from, to, message_kind);
            Box::new(Link {
                latency: choice(Kind::Latency),
                loss: choice(Kind::Loss),
                duplication: choice(Kind::Duplication),
                reordering: choice(Kind::Reordering),
            })
        })
    }

    /// Whether a message that arrives now gets through.
    pub(crate) fn is_open(&self, from: NodeId, to: NodeId) -> bool {
        !self.blocked[from.index()].contains(to)
    }

    /// Cuts what a partition cuts, until it is healed.
    pub(crate) fn cut(&mut self, partition: Fault) {
        self.cuts.push(partition);
        self.block();
    }

    /// Heals what [`cut`](Self::cut) cut.
    pub(crate) fn heal(&mut self, partition: Fault) {
        if let Some(place) = self.cuts.iter().position(|cut| *cut == partition) {
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
    }

    fn block(&mut self) {
        for (from, blocked) in (0..).map(NodeId).zip(&mut self.blocked) {
            *blocked =
                self.cuts.iter().fold(NodeSet::default(), |blocked, cut| NodeSet(blocked.0 | deaf_to(from, cut).0));
        }
    }
}

/// Who does not hear `from` during `partition`.
fn deaf_to(from: NodeId, partition: &Fault) -> NodeSet {
    match *partition {
        Fault::Partition { side, .. } if side.contains(from) => NodeSet(!side.0),
        Fault::Partition { side, .. } => side,
        Fault::OneWayPartition { from: senders, to, .. } if senders.contains(from) => to,
        _ => NodeSet::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links() -> Links {
        let network =
            Network { latency_ns: (1, 9), loss_ppm: 0, duplication_ppm: 0, reordering_ppm: 0, reordering_ns: 0 };
        Links::new(network, Choices::new(0), 5, 1)
    }

    fn open(links: &Links) -> Vec<(u8, u8)> {
        let pairs = (0..5).flat_map(|from| (0..5).map(move |to| (from, to)));
        pairs.filter(|&(from, to)| from != to && links.is_open(NodeId(from), NodeId(to))).collect()
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
        assert!(links.is_open(NodeId(0), NodeId(2)));
        assert!(!links.is_open(NodeId(0), NodeId(1)));
    }

    #[test]
    fn what_is_lost_or_doubled_is_counted() {
        let mut links = links();
        let mut counts = FaultCounts::default();
        links.network.duplication_ppm = 500_000;
        links.network.loss_ppm = 500_000;
        let arrivals: usize =
            (0..1000).map(|_| links.route(NodeId(0), NodeId(1), 0, &mut counts).iter().flatten().count()).sum();
        let expected = 1000 - counts[FaultClass::Loss] + counts[FaultClass::Duplication];
        assert_eq!(arrivals as u64, expected);
        assert!(counts[FaultClass::Loss] > 400 && counts[FaultClass::Duplication] > 150);
    }
}
