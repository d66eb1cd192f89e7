//! The knobs of a simulated cluster.

use std::time::Duration;

use raft_core::Config;
use serde::{Deserialize, Serialize};
use sim::{AppliedDigest, Choice, NodeId, NodeSet, Setup};

use super::ids::core_id;
use crate::kv::Map;

/// What an operator sets. Times are in milliseconds, as in the configuration file.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// The shortest and the longest election timeout, the longest not included.
    pub election_timeout_ms: (u64, u64),
    /// The heartbeat interval.
    pub heartbeat_ms: u64,
    /// Which servers ask around before they campaign: all, none, or some, as in the middle of an upgrade.
    pub pre_vote: NodeSet,
    /// Which leaders step down without a quorum, and which followers in touch with a leader ignore candidates.
    pub check_quorum: NodeSet,
    /// How far clocks are trusted, where reads may go by leases.
    pub lease_clock_drift_ppm: Option<u32>,
    /// The nodes that should rather lead.
    pub preferred: NodeSet,
    /// Whether followers ask their leader on behalf of reads.
    pub forward_reads: bool,
    /// The most entries, and bytes of entries, in one append.
    pub append: (usize, u64),
    /// The most appends, and bytes of entries, sent ahead of their acknowledgement.
    pub in_flight: (usize, u64),
    /// The most bytes of entries that a leader takes ahead of their commit.
    pub max_uncommitted_bytes: u64,
    /// A snapshot is taken after so many entries, and so many of them stay in the log; `None`: never.
    pub snapshots: Option<(u64, u64)>,
    /// The most bytes of a snapshot in one message, ahead of acknowledgement, and between two heartbeats.
    pub snapshot_bytes: (u64, u64, u64),
    /// Whether new voters join as learners and are promoted once they have caught up.
    pub promotes: bool,
    /// How many keys the clients use.
    pub keys: u64,
    /// Whether clients also read without writing to the log.
    pub reads: bool,
    /// Whether clients have sessions, in which they repeat what they got no answer to, and append and compare too.
    #[serde(default)]
    pub sessions: bool,
}

impl Default for Settings {
    /// Elections after 150 to 300 ms, and all else as `raft-core` has it by default; no snapshots, and reads through the
    /// log.
    fn default() -> Self {
        let config = Config::new(raft_core::NodeId(1), Vec::new());
        Self {
            election_timeout_ms: (150, 300),
            heartbeat_ms: 50,
            pre_vote: everyone_or_nobody(config.pre_vote),
            check_quorum: everyone_or_nobody(config.check_quorum),
            lease_clock_drift_ppm: config.lease_clock_drift_ppm,
            preferred: NodeSet::default(),
            forward_reads: config.forward_reads,
            append: (config.max_entries_per_append, config.max_bytes_per_append),
            in_flight: (config.max_appends_in_flight, config.max_bytes_in_flight),
            max_uncommitted_bytes: config.max_uncommitted_bytes,
            snapshots: None,
            snapshot_bytes: (
                config.snapshot_chunk_bytes,
                config.snapshot_bytes_in_flight,
                config.snapshot_bytes_per_heartbeat,
            ),
            promotes: false,
            keys: 16,
            reads: false,
            sessions: false,
        }
    }
}

impl Settings {
    /// Any settings that make sense together, from sizes at which batches and windows of one, and of everything, are
    /// all met.
    pub fn draw(choice: &mut Choice) -> Self {
        let shortest_ms = choice.within((60, 200));
        let pre_vote = draw_nodes(choice);
        let check_quorum = draw_nodes(choice);
        let may_lease = check_quorum == everyone_or_nobody(true);
        let chunk = *choice.pick(&[4, 16, 64, 4096]);
        Self {
            election_timeout_ms: (shortest_ms, shortest_ms + choice.within((shortest_ms / 4, 2 * shortest_ms))),
            // Most often no more than it takes: each is events in which nothing happens.
            heartbeat_ms: shortest_ms / *choice.pick(&[2, 2, 2, 2, 3, 3, 3, 6]),
            pre_vote,
            check_quorum,
            lease_clock_drift_ppm: (may_lease && choice.chance_ppm(900_000)).then_some(0),
            preferred: if choice.chance_ppm(750_000) {
                NodeSet::default()
            } else {
                NodeSet(choice.below(1 << sim::MAX_NODES) as u8)
            },
            forward_reads: choice.chance_ppm(750_000),
            append: (*choice.pick(&[1, 2, 5, 64, 1024]), *choice.pick(&[1, 200, 1 << 20])),
            in_flight: (*choice.pick(&[1, 2, 8, 64]), *choice.pick(&[1, 500, 1 << 20])),
            max_uncommitted_bytes: *choice.pick(&[1, 300, 1 << 20, 1 << 20]),
            snapshots: draw_snapshots(choice),
            // A snapshot of this map has some hundred bytes: with the smallest parts a few must fit an interval.
            snapshot_bytes: (chunk, chunk * choice.within((1, 64)), chunk * choice.within((16, 64))),
            promotes: choice.chance_ppm(500_000),
            keys: choice.within((1, 16)),
            reads: choice.chance_ppm(750_000),
            // A scenario of its own brings them out.
            sessions: false,
        }
    }

    /// These, each time with one thing as simple as it can be: on everywhere or off, and sizes that hold nothing back.
    pub(super) fn simpler(&self) -> Vec<Self> {
        let usual = Self::default();
        let simplest: [fn(&mut Self, &Self); 9] = [
            |settings, _| settings.pre_vote = everyone_or_nobody(false),
            // A lease rests on it.
            |settings, _| {
                settings.check_quorum = everyone_or_nobody(false);
                settings.lease_clock_drift_ppm = None;
            },
            |settings, _| settings.lease_clock_drift_ppm = None,
            |settings, usual| settings.preferred = usual.preferred,
            |settings, usual| settings.forward_reads = usual.forward_reads,
            |settings, usual| {
                (settings.append, settings.in_flight) = (usual.append, usual.in_flight);
                settings.max_uncommitted_bytes = usual.max_uncommitted_bytes;
            },
            |settings, usual| settings.snapshots = usual.snapshots,
            |settings, usual| settings.snapshot_bytes = usual.snapshot_bytes,
            |settings, usual| settings.promotes = usual.promotes,
        ];
        let changed = |change: &fn(&mut Self, &Self)| {
            let mut settings = self.clone();
            change(&mut settings, &usual);
            settings
        };
        simplest.iter().map(changed).collect()
    }

    /// These, with other values on `node` of all that servers need not agree on: the sizes of what is sent, and the
    /// features of elections and reads. A lease rests on every follower's silence towards candidates, so that one stays.
    pub(crate) fn upgraded(&self, node: NodeId, choice: &mut Choice) -> Self {
        let other = Self::draw(choice);
        let mut toggled = |nodes: NodeSet| if choice.chance_ppm(500_000) { flipped(nodes, node) } else { nodes };
        let pre_vote = toggled(self.pre_vote);
        let preferred = toggled(self.preferred);
        let check_quorum = toggled(self.check_quorum);
        Self {
            pre_vote,
            preferred,
            check_quorum: if self.lease_clock_drift_ppm.is_some() { self.check_quorum } else { check_quorum },
            forward_reads: other.forward_reads,
            append: other.append,
            in_flight: other.in_flight,
            max_uncommitted_bytes: other.max_uncommitted_bytes,
            ..self.clone()
        }
    }

    /// How long `node` leads on at most without hearing from a quorum: for the longest election timeout, and it looks no more than
    /// once a heartbeat.
    pub(crate) fn patience_ns(&self, node: NodeId) -> Option<u64> {
        let checks = self.check_quorum.contains(node);
        checks.then_some((self.election_timeout_ms.1 + self.heartbeat_ms) * 1_000_000)
    }

    /// How many bytes a snapshot of a map of `keys` and of the sessions of `clients` has at most.
    #[must_use]
    pub fn largest_snapshot(keys: u64, clients: u64) -> u64 {
        super::snapshot::encode(&Map::default(), AppliedDigest::default()).len() as u64
            + keys * Map::RECORD as u64
            + clients * Map::SESSION as u64
    }

    /// The configuration of one node.
    pub(crate) fn config(&self, setup: &Setup<'_, Self>) -> Config {
        let timeout = Duration::from_millis;
        let is_initial = setup.members.contains(setup.node);
        let voters: Vec<_> =
            NodeId::all(setup.nodes).filter(|node| setup.members.contains(*node)).map(core_id).collect();
        Config {
            election_timeout: timeout(self.election_timeout_ms.0)..timeout(self.election_timeout_ms.1),
            heartbeat_interval: timeout(self.heartbeat_ms),
            pre_vote: self.pre_vote.contains(setup.node),
            check_quorum: self.check_quorum.contains(setup.node),
            lease_clock_drift_ppm: self.lease_clock_drift_ppm,
            priority: u32::from(self.preferred.contains(setup.node)),
            forward_reads: self.forward_reads,
            max_entries_per_append: self.append.0,
            max_bytes_per_append: self.append.1,
            max_appends_in_flight: self.in_flight.0,
            max_bytes_in_flight: self.in_flight.1,
            max_uncommitted_bytes: self.max_uncommitted_bytes,
            trailing_entries: self.snapshots.map_or(0, |(_, trailing)| trailing),
            snapshot_chunk_bytes: self.snapshot_bytes.0,
            snapshot_bytes_in_flight: self.snapshot_bytes.1,
            snapshot_bytes_per_heartbeat: self.snapshot_bytes.2,
            ..Config::new(core_id(setup.node), if is_initial { voters } else { Vec::new() })
        }
    }
}

/// The same for every node there may be.
fn everyone_or_nobody(is_on: bool) -> NodeSet {
    if is_on { NodeSet::all(sim::MAX_NODES as u8) } else { NodeSet::default() }
}

/// Half of the time all, sometimes none, and now and then some.
fn draw_nodes(choice: &mut Choice) -> NodeSet {
    match choice.below(8) {
        0..=2 => everyone_or_nobody(false),
        3 => NodeSet(choice.below(1 << sim::MAX_NODES) as u8),
        _ => everyone_or_nobody(true),
    }
}

/// The set with `node` in it where it was not, and without it where it was.
fn flipped(nodes: NodeSet, node: NodeId) -> NodeSet {
    if nodes.contains(node) { nodes.without(node) } else { nodes.with(node) }
}

/// Never, at every entry, or now and then.
fn draw_snapshots(choice: &mut Choice) -> Option<(u64, u64)> {
    let every = *choice.pick(&[0, 1, 2, 5, 20, 60]);
    let trailing = *choice.pick(&[0, 0, 1, 10, 50]);
    (every > 0).then_some((every, trailing))
}
