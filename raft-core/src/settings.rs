//! A checked configuration, in the units the core computes in.

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::config::Config;
use crate::ids::NodeId;
use crate::time::Span;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) id: NodeId,
    pub(crate) voters: Vec<NodeId>,
    peers: Vec<NodeId>,
    election_timeout_start: Span,
    election_timeout_end: Span,
    pub(crate) heartbeat_interval: Span,
    pub(crate) max_entries_per_append: usize,
    pub(crate) max_entries_in_flight: u64,
}

impl From<Config> for Settings {
    fn from(config: Config) -> Self {
        let peers = config.voters.iter().copied().filter(|&voter| voter != config.id).collect();
        Self {
            id: config.id,
            voters: config.voters,
            peers,
            election_timeout_start: Span::from_duration(config.election_timeout.start),
            election_timeout_end: Span::from_duration(config.election_timeout.end),
            heartbeat_interval: Span::from_duration(config.heartbeat_interval),
            max_entries_per_append: config.max_entries_per_append,
            max_entries_in_flight: config.max_entries_in_flight,
        }
    }
}

impl Settings {
    /// All voters but this node, in the order of the configuration.
    pub(crate) fn peers(&self) -> &[NodeId] {
        &self.peers
    }

    /// Uniform over the configured range, by a widening multiplication of one draw: unlike rejection
    /// sampling it takes exactly one number from the generator, today and in later versions of it.
    pub(crate) fn draw_election_timeout(&self, rng: &mut impl Rng) -> Span {
        let Span(start) = self.election_timeout_start;
        let width = self.election_timeout_end.0 - start;
        let offset = (u128::from(rng.next_u64()) * u128::from(width)) >> 64;
        Span(start + offset as u64)
    }
}
