//! The nemesis draws what goes wrong.
//!
//! Swarm testing (Groce et al., ISSTA 2012): each class of faults is on or off for a whole run, so that some runs meet
//! one class alone, and others meet combinations that a run with everything on would drown.

mod faults;
mod operations;
mod surroundings;

use faults::{Draw, draw_faults, is_main};
use operations::{draw_members, draw_operations};
use surroundings::{draw_disk, draw_drift, draw_links, draw_network};

use crate::choices::Choice;
use crate::engine::Engine;
use crate::faults::FaultClass;
use crate::heal::{Heal, Outside};
use crate::node::{NodeId, NodeSet};
use crate::operation::OperationClass;
use crate::plan::{Clients, DiskPlan, Network, Plan};

const US: u64 = 1_000;
const MS: u64 = 1_000_000;

/// Of so many healed cores in a million an operator asks for something once they have settled.
const THEN_PPM: u32 = 200_000;

/// What the nemesis may do.
#[derive(Clone, Debug)]
pub struct Nemesis {
    /// The sizes of clusters, each with its weight.
    pub nodes: Vec<(u8, u64)>,
    /// The classes of faults that may be on.
    pub faults: Vec<FaultClass>,
    /// Those of them that all this is about: on in every run, and of what strikes now and then among the most frequent.
    pub about: Vec<FaultClass>,
    /// How many types of messages the protocol has, for faults that wait for one to be sent.
    pub message_kinds: u8,
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
    /// In how many runs in a million they ask for little, so that logs are often equal when an election comes.
    pub quiet_ppm: u32,
    /// In how many runs in a million one client asks at a fixed rate instead, whatever becomes of what it asked before.
    pub open_ppm: u32,
}

impl Nemesis {
    /// For any protocol: clusters of three or five, a few clients, and these faults; nothing is asked of an operator, and no
    /// run has a healed phase, for which a protocol must show who leads.
    #[must_use]
    pub fn plain(faults: &[FaultClass]) -> Self {
        Self {
            nodes: vec![(3, 2), (5, 1)],
            faults: faults.to_vec(),
            about: Vec::new(),
            message_kinds: 1,
            operations: Vec::new(),
            operations_ppm: 0,
            heal_ppm: 0,
            outside: Vec::new(),
            duration: (10, 40),
            clients: (1, 4),
            quiet_ppm: 0,
            open_ppm: 0,
        }
    }

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
        let on = self.draw_classes(choice, nodes);
        let is_on = |class| on.contains(&class);
        let duration_ns = choice.within(self.duration) * tempo_ns;
        let mut network = draw_network(choice, is_on, tempo_ns);
        let links = match is_on(FaultClass::UnevenLatency) {
            true => draw_links(choice, &network, nodes, tempo_ns),
            false => Vec::new(),
        };
        let disk = draw_disk(choice, is_on, tempo_ns);
        let most_drift = if is_on(FaultClass::ClockDrift) { *choice.pick(&[500, 10_000, 100_000]) } else { 0 };
        let clock_drift_ppm = NodeId::all(nodes).map(|_| draw_drift(choice, most_drift)).collect();
        let mut clients = self.draw_clients(choice, tempo_ns);
        let draw = Draw {
            nodes,
            tempo_ns,
            message_kinds: self.message_kinds,
            latency_ns: network.latency_ns.1,
            write_ns: disk.write_ns.1,
        };
        let faults = draw_faults(choice, &on, self, &draw, duration_ns);
        // Drawn last, so that a class more leaves what goes wrong as it was.
        let asked: Vec<OperationClass> =
            self.operations.iter().copied().filter(|_| choice.chance_ppm(self.operations_ppm)).collect();
        let mut members = draw_members(choice, &asked, nodes);
        // Somebody must be left to take the place of who is gone.
        if is_on(FaultClass::Wipe) && members == NodeSet::all(nodes) {
            members = members.without(NodeId(choice.below(u64::from(nodes)) as u8));
        }
        let operations = draw_operations(choice, &asked, nodes, members, duration_ns, tempo_ns);
        let mut heal =
            self.draw_heal(choice, election_timeout_ns).filter(|_| is_timely(&network, &disk, election_timeout_ns));
        if let Some(heal) = &mut heal
            && !self.operations.is_empty()
            && choice.chance_ppm(THEN_PPM)
        {
            heal.then = Some(*choice.pick(&self.operations));
        }
        // Many commands at once, and nobody who waits for an answer.
        if choice.chance_ppm(self.open_ppm)
            && let Clients::Closed { timeout_ns, .. } = clients
        {
            clients = Clients::Stream { every_ns: choice.within((tempo_ns / 40, tempo_ns / 4)), timeout_ns };
        }
        network.first_ppm = *choice.pick(&[0, 150_000, 400_000, 700_000]);
        Plan {
            nodes,
            members,
            duration_ns,
            settings,
            network,
            links,
            disk,
            clock_drift_ppm,
            clients,
            faults,
            operations,
            heal,
            engine: Engine::Time,
        }
    }

    /// Which classes are on. How many, too, is drawn: with so many of them, a coin for each would make all runs alike.
    fn draw_classes(&self, choice: &mut Choice, nodes: u8) -> Vec<FaultClass> {
        let usual_ppm = *choice.pick(&[200_000, 400_000, 500_000]);
        let on_ppm = |class| match class {
            // What strikes at the right moment finds most: it is on in most runs.
            FaultClass::Ambush => 950_000,
            // What comes twice or late makes things happen, as servers do that stop or do not hear each other.
            FaultClass::Duplication | FaultClass::Reordering | FaultClass::StaleReplay => usual_ppm * 3 / 2,
            class if is_main(class) => usual_ppm * 3 / 2,
            _ => usual_ppm,
        };
        let mut on = self.faults.clone();
        on.retain(|class| choice.chance_ppm(on_ppm(*class)) || self.about.contains(class));
        on.retain(|class| class.least_nodes() <= nodes);
        on
    }

    fn draw_heal(&self, choice: &mut Choice, election_timeout_ns: (u64, u64)) -> Option<Heal> {
        if !choice.chance_ppm(self.heal_ppm) {
            return None;
        }
        let outside = self.outside.iter().copied().filter(|_| choice.chance_ppm(500_000)).collect();
        Some(Heal { election_timeout_ns, catch_up_ns: 0, outside, then: None })
    }

    fn draw_clients(&self, choice: &mut Choice, tempo_ns: u64) -> Clients {
        let longest_ns = choice.within((tempo_ns / 60, tempo_ns / 4));
        let longest_ns = if choice.chance_ppm(self.quiet_ppm) { 12 * longest_ns } else { longest_ns };
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
