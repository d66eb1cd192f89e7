//! A checked configuration, in the units the core computes in.

use rand_chacha::rand_core::Rng;

use crate::config::Config;
use crate::ids::NodeId;
use crate::time::Span;

#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) id: NodeId,
    /// Whoever is in touch with a leader may count on no other being elected for this long.
    pub(crate) shortest_election_timeout: Span,
    /// One that has not been heard of for this long is taken for dead.
    pub(crate) longest_election_timeout: Span,
    pub(crate) heartbeat_interval: Span,
    pub(crate) pre_vote: bool,
    pub(crate) check_quorum: bool,
    /// How long a lease holds from the start of the round that earned it.
    pub(crate) lease: Option<Span>,
    pub(crate) priority: u32,
    pub(crate) forward_reads: bool,
    pub(crate) max_entries_per_append: usize,
    pub(crate) max_bytes_per_append: u64,
    pub(crate) max_appends_in_flight: usize,
    pub(crate) max_bytes_in_flight: u64,
    pub(crate) max_uncommitted_bytes: u64,
    pub(crate) trailing_entries: u64,
    pub(crate) snapshot_chunk_bytes: u64,
    pub(crate) snapshot_bytes_in_flight: u64,
    pub(crate) snapshot_bytes_per_heartbeat: u64,
}

impl From<&Config> for Settings {
    fn from(config: &Config) -> Self {
        let shortest = Span::from_duration(config.election_timeout.start);
        Self {
            id: config.id,
            shortest_election_timeout: shortest,
            longest_election_timeout: Span::from_duration(config.election_timeout.end),
            heartbeat_interval: Span::from_duration(config.heartbeat_interval),
            pre_vote: config.pre_vote,
            check_quorum: config.check_quorum,
            lease: config.lease_clock_drift_ppm.map(|drift_ppm| lease(shortest, drift_ppm)),
            priority: config.priority,
            forward_reads: config.forward_reads,
            max_entries_per_append: config.max_entries_per_append,
            max_bytes_per_append: config.max_bytes_per_append,
            max_appends_in_flight: config.max_appends_in_flight,
            max_bytes_in_flight: config.max_bytes_in_flight,
            max_uncommitted_bytes: config.max_uncommitted_bytes,
            trailing_entries: config.trailing_entries,
            snapshot_chunk_bytes: config.snapshot_chunk_bytes,
            snapshot_bytes_in_flight: config.snapshot_bytes_in_flight,
            snapshot_bytes_per_heartbeat: config.snapshot_bytes_per_heartbeat,
        }
    }
}

/// What a leader's clock shows at least before the shortest election timeout has passed on any follower's, where the
/// two drift apart by at most `drift_ppm`.
fn lease(shortest: Span, drift_ppm: u32) -> Span {
    let million = 1_000_000;
    Span((u128::from(shortest.0) * (million - u128::from(drift_ppm)) / million) as u64)
}

impl Settings {
    /// Uniform over the configured range, by a widening multiplication of one draw: unlike rejection
    /// sampling it takes exactly one number from the generator, today and in later versions of it.
    pub(crate) fn draw_election_timeout(&self, rng: &mut impl Rng) -> Span {
        let Span(start) = self.shortest_election_timeout;
        let width = self.longest_election_timeout.0 - start;
        let offset = (u128::from(rng.next_u64()) * u128::from(width)) >> 64;
        Span(start + offset as u64)
    }
}
