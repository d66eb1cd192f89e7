//! Who can be reached where.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use raft_core::NodeId;

/// The addresses of all servers that are known, shared by all who need them.
#[derive(Clone, Debug, Default)]
pub(super) struct Book(Arc<RwLock<BTreeMap<NodeId, Addresses>>>);

/// Where a server listens.
#[derive(Clone, Debug)]
pub(super) struct Addresses {
    pub(super) peers: String,
    pub(super) clients: String,
}

impl Book {
    /// `host:port` for its peers; for clients 1000 further, until it says otherwise.
    pub(super) fn add(&self, id: NodeId, peers: &str) {
        let clients = further(peers, 1_000);
        let mut book = self.0.write().unwrap_or_else(PoisonError::into_inner);
        match book.get_mut(&id) {
            Some(known) if known.peers == peers => {}
            _ => {
                book.insert(id, Addresses { peers: peers.to_owned(), clients });
            }
        }
    }

    pub(super) fn set_clients(&self, id: NodeId, clients: &str) {
        let mut book = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = book.get_mut(&id) {
            clients.clone_into(&mut known.clients);
        }
    }

    pub(super) fn get(&self, id: NodeId) -> Option<Addresses> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }
}

/// The address with its port so much higher.
pub(crate) fn further(address: &str, by: u16) -> String {
    match address.rsplit_once(':') {
        Some((host, port)) => {
            format!("{host}:{}", port.parse::<u16>().unwrap_or_default().wrapping_add(by))
        }
        None => address.to_owned(),
    }
}
