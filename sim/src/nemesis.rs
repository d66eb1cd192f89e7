//! The nemesis draws what goes wrong.
//!
//! Swarm testing (Groce et al., ISSTA 2012): each class of faults is on or off for a whole run, so that some runs meet
//! one class alone, and others meet combinations that a run with everything on would drown.

use crate::choices::Choice;
use crate::engine::Engine;
use crate::faults::FaultClass;
use crate::heal::{Heal, Outside};
use crate::node::{NodeId, NodeSet};
use crate::operation::{Operation, OperationClass, TimedOperation};
use crate::plan::{Clients, DiskPlan, Fault, Network, Plan, TimedFault};

const US: u64 = 1_000;
const MS: u64 = 1_000_000;

/// What the nemesis may do.
#[derive(Clone, Debug)]
pub struct Nemesis {
    /// The sizes of clusters, each with its weight.
    pub nodes: Vec<(u8, u64)>,
    /// The classes of faults that may be on.
    pub faults: Vec<FaultClass>,
    /// The classes of operations that may be asked for.
    pub operations: Vec<OperationClass>,
    /// In how many runs in a million each of them is.
    pub operations_ppm: u32,
    /// How many runs in a million go on with a healed phase after the faults.
    pub heal_ppm: u32,
    /// What may become of the nodes outside the healed core.
    pub outside: Vec<Outside>,
    /// How long the faults take, in longest election timeouts.
    pub duration: (u64, u64),
    /// How many clients there are.
    pub clients: (u64, u64),
}

impl Nemesis {
    /// How many nodes the cluster of this run has.
    pub fn draw_nodes(&self, choice: &mut Choice) -> u8 {
        let total = self.nodes.iter().map(|(_, weight)| weight).sum();
        let mut drawn = choice.below(total);
        for &(nodes, weight) in &self.nodes {
            if drawn < weight {
                return nodes;
            }
            drawn -= weight;
        }
        1
    }

    /// A plan for a cluster of `nodes`. Everything is measured in the longest of the election timeouts.
    pub fn draw<Settings>(
        &self,
        choice: &mut Choice,
        nodes: u8,
        settings: Settings,
        election_timeout_ns: (u64, u64),
    ) -> Plan<Settings> {
        let tempo_ns = election_timeout_ns.1;
        let on: Vec<FaultClass> = self.faults.iter().copied().filter(|_| choice.chance_ppm(500_000)).collect();
        let is_on = |class| on.contains(&class);
        let duration_ns = choice.within(self.duration) * tempo_ns;
        let network = draw_network(choice, is_on, tempo_ns);
        let disk = draw_disk(choice, is_on, tempo_ns);
        let most_drift = if is_on(FaultClass::ClockDrift) { *choice.pick(&[500, 10_000, 100_000]) } else { 0 };
        let clock_drift_ppm = NodeId::all(nodes).map(|_| draw_drift(choice, most_drift)).collect();
        let clients = self.draw_clients(choice, tempo_ns);
        let faults = draw_faults(choice, &on, nodes, duration_ns, tempo_ns);
        // Drawn last, so that a class more leaves what goes wrong as it was.
        let asked: Vec<OperationClass> =
            self.operations.iter().copied().filter(|_| choice.chance_ppm(self.operations_ppm)).collect();
        let members = draw_members(choice, &asked, nodes);
        let operations = draw_operations(choice, &asked, nodes, members, duration_ns, tempo_ns);
        let heal =
            self.draw_heal(choice, election_timeout_ns).filter(|_| is_timely(&network, &disk, election_timeout_ns));
        Plan {
            nodes,
            members,
            duration_ns,
            settings,
            network,
            disk,
            clock_drift_ppm,
            clients,
            faults,
            operations,
            heal,
            engine: Engine::Time,
        }
    }

    fn draw_heal(&self, choice: &mut Choice, election_timeout_ns: (u64, u64)) -> Option<Heal> {
        if !choice.chance_ppm(self.heal_ppm) {
            return None;
        }
        let outside = self.outside.iter().copied().filter(|_| choice.chance_ppm(500_000)).collect();
        Some(Heal { election_timeout_ns, catch_up_ns: 0, outside })
    }

    fn draw_clients(&self, choice: &mut Choice, tempo_ns: u64) -> Clients {
        let longest_ns = choice.within((tempo_ns / 50, tempo_ns / 2));
        Clients::Closed {
            count: choice.within(self.clients) as u16,
            think_ns: (longest_ns / 8, longest_ns),
            timeout_ns: choice.within((tempo_ns / 2, 4 * tempo_ns)),
        }
    }
}

/// The timing requirement (§5.6): elections get on only where a vote is asked for and granted in well less than what
/// sets the servers' timeouts apart, and followers hear their leader in well less than the shortest. What is
/// drawn for a scenario's own timeouts hardly ever fails it; an operator's own timeouts may.
fn is_timely(network: &Network, disk: &DiskPlan, election_timeout_ns: (u64, u64)) -> bool {
    let (shortest_ns, longest_ns) = election_timeout_ns;
    let vote_ns = network.latency_ns.1 + disk.write_ns.1;
    2 * vote_ns <= longest_ns - shortest_ns && 2 * network.latency_ns.1 <= shortest_ns
}

/// Anything up to `most`, and half of the time the most itself, where it does most harm.
fn draw_drift(choice: &mut Choice, most: u64) -> i32 {
    let most = most as i32;
    match choice.below(4) {
        0 => -most,
        1 => most,
        _ => choice.below(2 * most as u64 + 1) as i32 - most,
    }
}

fn draw_network(choice: &mut Choice, is_on: impl Fn(FaultClass) -> bool, tempo_ns: u64) -> Network {
    // The broadcast time must stay well below the election timeout (§5.6), or nobody would ever lead.
    let least_ns = choice.within((50 * US, 2 * MS)).min(tempo_ns / 100);
    let most_ns = least_ns + choice.within((0, tempo_ns / 20));
    let rates = [1_000, 10_000, 50_000, 150_000];
    let mut rate = |class| {
        let ppm = *choice.pick(&rates);
        if is_on(class) { ppm } else { 0 }
    };
    Network {
        latency_ns: (least_ns, most_ns),
        loss_ppm: rate(FaultClass::Loss),
        duplication_ppm: rate(FaultClass::Duplication),
        reordering_ppm: rate(FaultClass::Reordering),
        // Up to longer than an election timeout, so that messages arrive in a later term than they were sent in.
        reordering_ns: choice.within((most_ns, 2 * tempo_ns)),
    }
}

fn draw_disk(choice: &mut Choice, is_on: impl Fn(FaultClass) -> bool, tempo_ns: u64) -> DiskPlan {
    let (loses, tears) = (is_on(FaultClass::LostWrite), is_on(FaultClass::TornWrite));
    let least_ns = choice.within((10 * US, MS));
    let most_ns = least_ns + choice.within((0, tempo_ns / 20));
    let takes_time = loses || tears || is_on(FaultClass::SlowDisk) || choice.chance_ppm(500_000);
    DiskPlan { write_ns: if takes_time { (least_ns, most_ns) } else { (0, 0) }, loses: loses || tears, tears }
}

fn draw_faults(choice: &mut Choice, on: &[FaultClass], nodes: u8, duration_ns: u64, tempo_ns: u64) -> Vec<TimedFault> {
    let is_cuttable = nodes > 1;
    let timed: Vec<FaultClass> = on
        .iter()
        .copied()
        .filter(|class| match class {
            FaultClass::Partition | FaultClass::OneWayPartition => is_cuttable,
            FaultClass::Crash | FaultClass::Pause | FaultClass::SlowDisk | FaultClass::LostLog => true,
            _ => false,
        })
        .collect();
    let mut faults = Vec::new();
    if timed.is_empty() {
        return faults;
    }
    // Busy runs and quiet ones: the mean gap is a draw of its own.
    let longest_gap_ns = choice.within((tempo_ns / 2, 6 * tempo_ns));
    let mut at_ns = choice.within((0, longest_gap_ns));
    while at_ns < duration_ns {
        let class = *choice.pick(&timed);
        faults.push(TimedFault { at_ns, fault: draw_fault(choice, class, nodes, tempo_ns) });
        at_ns += choice.within((tempo_ns / 20, longest_gap_ns));
    }
    faults
}

fn draw_fault(choice: &mut Choice, class: FaultClass, nodes: u8, tempo_ns: u64) -> Fault {
    let lasts_ns = choice.within((tempo_ns / 20, 4 * tempo_ns));
    match class {
        FaultClass::Partition => Fault::Partition { side: proper_subset(choice, nodes), for_ns: lasts_ns },
        FaultClass::OneWayPartition => {
            let from = proper_subset(choice, nodes);
            let others = NodeSet(!from.0 & NodeSet::all(nodes).0);
            let to = NodeSet(others.0 & choice.below(1 << nodes) as u8);
            Fault::OneWayPartition { from, to: if to.is_empty() { others } else { to }, for_ns: lasts_ns }
        }
        FaultClass::Pause => Fault::Pause { nodes: some_nodes(choice, nodes), for_ns: lasts_ns },
        FaultClass::LostLog => {
            Fault::LoseLog { node: NodeId(choice.below(u64::from(nodes)) as u8), down_ns: lasts_ns / 8 }
        }
        FaultClass::SlowDisk => Fault::SlowDisk {
            nodes: some_nodes(choice, nodes),
            extra_ns: choice.within((tempo_ns / 20, tempo_ns)),
            for_ns: lasts_ns,
        },
        // All other classes are properties of the network, the disks and the clocks.
        _ => Fault::Crash { nodes: some_nodes(choice, nodes), down_ns: lasts_ns / 2 },
    }
}

/// Half of the clusters that change their members start without some of the nodes.
fn draw_members(choice: &mut Choice, asked: &[OperationClass], nodes: u8) -> NodeSet {
    let all = NodeSet::all(nodes);
    if !asked.contains(&OperationClass::ChangeMembership) || choice.chance_ppm(500_000) {
        return all;
    }
    most_of(choice, nodes)
}

fn draw_operations(
    choice: &mut Choice,
    asked: &[OperationClass],
    nodes: u8,
    members: NodeSet,
    duration_ns: u64,
    tempo_ns: u64,
) -> Vec<TimedOperation> {
    let mut operations = Vec::new();
    if asked.is_empty() {
        return operations;
    }
    let longest_gap_ns = choice.within((tempo_ns, 8 * tempo_ns));
    let mut voters = members;
    let mut at_ns = choice.within((0, longest_gap_ns));
    while at_ns < duration_ns {
        match choice.pick(asked) {
            OperationClass::TransferLeadership => {
                let to = NodeId(choice.below(u64::from(nodes)) as u8);
                operations.push(TimedOperation { at_ns, operation: Operation::TransferLeadership { to } });
            }
            OperationClass::ChangeMembership => {
                voters = next_voters(choice, voters, nodes);
                let learners = NodeSet(!voters.0 & choice.below(1 << nodes) as u8 & choice.below(1 << nodes) as u8);
                let operation = Operation::ChangeMembership { voters, learners };
                // Most often nobody leads at some time, or the change before is still under way: asked for up to
                // three times.
                for _ in 0..choice.within((1, 3)) {
                    operations.push(TimedOperation { at_ns, operation });
                    at_ns += choice.within((tempo_ns / 2, 2 * tempo_ns));
                }
            }
        }
        at_ns += choice.within((tempo_ns / 20, longest_gap_ns));
    }
    operations.retain(|timed| timed.at_ns < duration_ns);
    operations
}

/// Most often a node or two more or fewer than now; sometimes a cluster that has little to do with the one of now.
fn next_voters(choice: &mut Choice, now: NodeSet, nodes: u8) -> NodeSet {
    match choice.below(10) {
        0 | 1 => most_of(choice, nodes),
        2 => NodeSet(choice.within((1, u64::from(NodeSet::all(nodes).0))) as u8),
        3..=5 => {
            let one = one_changed(choice, now, nodes);
            one_changed(choice, one, nodes)
        }
        _ => one_changed(choice, now, nodes),
    }
}

/// A node more or fewer, but never nobody.
fn one_changed(choice: &mut Choice, voters: NodeSet, nodes: u8) -> NodeSet {
    let changed = NodeSet(voters.0 ^ 1 << choice.below(u64::from(nodes)));
    if changed.is_empty() { voters } else { changed }
}

/// Each node with three chances in four, and never nobody.
fn most_of(choice: &mut Choice, nodes: u8) -> NodeSet {
    let missing = choice.below(1 << nodes) & choice.below(1 << nodes);
    let most = NodeSet(NodeSet::all(nodes).0 & !(missing as u8));
    if most.is_empty() { NodeSet::all(nodes) } else { most }
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
