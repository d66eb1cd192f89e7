//! Small clusters, to be searched exhaustively.

use sim::{Clients, DiskPlan, Engine, Explorable, Network, NodeSet, Plan, Subject};

use crate::raft_core_subject::{RaftCore, Settings};
use crate::subjects::CatalogueSubject;

/// A subject that can be searched.
pub trait ExploredSubject: CatalogueSubject + Explorable {
    /// Settings without anything that goes by how much time has passed, such as leases. `asks_first`: servers ask around
    /// before they campaign, and leaders count who answers.
    fn explored_settings(asks_first: bool) -> Self::Settings;
}

impl ExploredSubject for RaftCore {
    fn explored_settings(asks_first: bool) -> Settings {
        let nodes = if asks_first { NodeSet::all(sim::MAX_NODES as u8) } else { NodeSet::default() };
        Settings { pre_vote: nodes, check_quorum: nodes, keys: 1, ..Settings::default() }
    }
}

/// A cluster of `nodes` for [`sim::explore`]. Its disks are done at once, unless `loses` says that a crash may cost
/// writes.
#[must_use]
pub fn plan<S: ExploredSubject>(nodes: u8, loses: bool, asks_first: bool) -> Plan<<S as Subject>::Settings> {
    let write_ns = if loses { (1, 1) } else { (0, 0) };
    Plan {
        nodes,
        members: NodeSet::all(nodes),
        duration_ns: 1,
        settings: S::explored_settings(asks_first),
        network: Network::default(),
        links: Vec::new(),
        disk: DiskPlan { write_ns, loses, tears: false, ..DiskPlan::default() },
        clock_drift_ppm: vec![0; usize::from(nodes)],
        clients: Clients::Open { every_ns: 1 },
        faults: Vec::new(),
        operations: Vec::new(),
        heal: None,
        engine: Engine::Time,
    }
}
