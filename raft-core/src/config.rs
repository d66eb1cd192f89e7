//! What an operator sets, and what a node restarts from.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use core::time::Duration;

use crate::entry::Entry;
use crate::ids::{LogIndex, LogPosition, NodeId, TermAndVote};
use crate::membership::{Membership, MembershipError};
use crate::snapshot::Snapshot;

/// The settings of one node. All nodes of a cluster should agree on all but `id` and `priority`; while they are
/// changed from one to the other, node by node, a cluster goes on working.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node.
    pub id: NodeId,
    /// The voters that the cluster began with: the same on every node that it began with, and nobody on a node that is
    /// added later. What log and snapshot say of the members comes before it.
    pub voters: Vec<NodeId>,
    /// The learners that the cluster began with.
    pub learners: Vec<NodeId>,

    /// An election timeout is drawn uniformly from this range, anew for each campaign (§5.2). Its start should
    /// be several times `heartbeat_interval`, which should be several times a round trip (§5.6).
    pub election_timeout: Range<Duration>,
    /// A leader lets no follower hear nothing for longer than this.
    pub heartbeat_interval: Duration,
    /// Whether a server asks around before it campaigns (dissertation §9.6), so that one that would not be elected
    /// disturbs nobody. That others hear a leader counts against it only where they have `check_quorum`: a leader that
    /// never steps down may be heard and hear nobody.
    pub pre_vote: bool,
    /// Whether a leader that hears nothing from a quorum for an election timeout steps down, and a server that is in
    /// touch with a leader ignores those who campaign against it (dissertation §6.2, §4.2.3).
    pub check_quorum: bool,
    /// How fast any two clocks of the cluster drift apart at most, in microseconds a second, below a million; `None`: no
    /// leases. Needs `check_quorum`, and the same `election_timeout`, on every node: a lease counts on nobody being
    /// elected meanwhile.
    pub lease_clock_drift_ppm: Option<u32>,
    /// Which of several servers with equally long logs should rather lead: the higher. A server refuses to vote for one
    /// of lower priority, unless that one's log is further. 0 for all: no preference.
    pub priority: u32,
    /// Whether a follower asks its leader on behalf of its clients' reads, or refuses them.
    pub forward_reads: bool,

    /// The most entries one append carries. At least 1.
    pub max_entries_per_append: usize,
    /// The most bytes of entries one append carries; a larger entry goes alone. At least 1.
    pub max_bytes_per_append: u64,
    /// The most appends with entries sent ahead of a follower's acknowledgement. At least 1.
    pub max_appends_in_flight: usize,
    /// No further append is sent ahead of a follower's acknowledgement while so many bytes are. At least 1.
    pub max_bytes_in_flight: u64,
    /// The most bytes of entries a leader takes ahead of their commit; one larger proposal is taken alone. At least 1.
    pub max_uncommitted_bytes: u64,

    /// How many entries stay in the log when it is compacted, so that a follower that is a little behind needs no
    /// snapshot.
    pub trailing_entries: u64,
    /// The most bytes of a snapshot one message carries. At least 1.
    pub snapshot_chunk_bytes: u64,
    /// The most bytes of a snapshot sent ahead of a follower's acknowledgement. At least 1.
    pub snapshot_bytes_in_flight: u64,
    /// The most bytes of a snapshot sent to one follower in a heartbeat interval. At least 1.
    pub snapshot_bytes_per_heartbeat: u64,
}

impl Config {
    /// Settings for `id` among `voters` in one data centre: elections after 150 to 300 ms of
    /// silence, as in the paper (§9.3), heartbeats every 50 ms, with pre-votes and the quorum checked, without leases.
    #[must_use]
    pub fn new(id: NodeId, voters: Vec<NodeId>) -> Self {
        Self {
            id,
            voters,
            learners: Vec::new(),
            election_timeout: Duration::from_millis(150)..Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(50),
            pre_vote: true,
            check_quorum: true,
            lease_clock_drift_ppm: None,
            priority: 0,
            forward_reads: true,
            max_entries_per_append: 1024,
            max_bytes_per_append: 1 << 20,
            max_appends_in_flight: 256,
            max_bytes_in_flight: 16 << 20,
            max_uncommitted_bytes: 64 << 20,
            trailing_entries: 1024,
            snapshot_chunk_bytes: 256 << 10,
            snapshot_bytes_in_flight: 1 << 20,
            snapshot_bytes_per_heartbeat: 8 << 20,
        }
    }

    /// Settings for a node that waits to be added to a running cluster.
    #[must_use]
    pub fn joining(id: NodeId) -> Self {
        Self::new(id, Vec::new())
    }

    pub(crate) fn validate(&self) -> Result<Membership, ConfigError> {
        let initial = Membership::new(self.voters.iter().copied(), self.learners.iter().copied())
            .map_err(ConfigError::Membership)?;
        if self.voters.is_empty() && !self.learners.is_empty() {
            return Err(ConfigError::Membership(MembershipError::NoVoterLeft));
        }
        if self.heartbeat_interval.is_zero() {
            return Err(ConfigError::HeartbeatIntervalZero);
        }
        if self.election_timeout.is_empty() {
            return Err(ConfigError::ElectionTimeoutEmpty);
        }
        if self.heartbeat_interval >= self.election_timeout.start {
            return Err(ConfigError::HeartbeatTooSlow);
        }
        if let Some(drift_ppm) = self.lease_clock_drift_ppm {
            if drift_ppm >= 1_000_000 {
                return Err(ConfigError::ClockDriftTooLarge { drift_ppm });
            }
            if !self.check_quorum {
                return Err(ConfigError::LeaseWithoutCheckQuorum);
            }
        }
        self.validate_bounds()?;
        Ok(initial)
    }

    fn validate_bounds(&self) -> Result<(), ConfigError> {
        let bounds = [
            ("max_entries_per_append", self.max_entries_per_append as u64),
            ("max_bytes_per_append", self.max_bytes_per_append),
            ("max_appends_in_flight", self.max_appends_in_flight as u64),
            ("max_bytes_in_flight", self.max_bytes_in_flight),
            ("max_uncommitted_bytes", self.max_uncommitted_bytes),
            ("snapshot_chunk_bytes", self.snapshot_chunk_bytes),
            ("snapshot_bytes_in_flight", self.snapshot_bytes_in_flight),
            ("snapshot_bytes_per_heartbeat", self.snapshot_bytes_per_heartbeat),
        ];
        match bounds.into_iter().find(|(_, bound)| *bound == 0) {
            Some((field, _)) => Err(ConfigError::BoundZero { field }),
            None => Ok(()),
        }
    }
}

/// What a node's disk holds when it starts; [`Restored::default`] for a new node.
#[derive(Clone, Debug)]
pub struct Restored<P> {
    /// The last term and vote that were made durable.
    pub term_and_vote: TermAndVote,
    /// The node's latest snapshot, which the state machine has been restored from.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The place right before the first of `entries`: not after the last entry of the snapshot.
    pub base: LogPosition,
    /// The durable log after `base`.
    pub entries: Vec<Entry<P>>,
    /// A snapshot that was on its way from a leader, and how many of its bytes are there.
    pub staged: Option<(Arc<Snapshot>, u64)>,
}

impl<P> Default for Restored<P> {
    fn default() -> Self {
        Self {
            term_and_vote: TermAndVote::default(),
            snapshot: None,
            base: LogPosition::ORIGIN,
            entries: Vec::new(),
            staged: None,
        }
    }
}

impl<P> Restored<P> {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let applied = self.snapshot.as_ref().map_or(LogPosition::ORIGIN, |snapshot| snapshot.last);
        let last_index = self.base.index.0.saturating_add(self.entries.len() as u64);
        // What peers send ends at the limit, and what this node appended may follow: no log comes near twice that.
        let is_absurd = self.base.index.0 > 2 * LogIndex::LIMIT.0;
        if is_absurd || self.base.index > applied.index || applied.index.0 > last_index {
            return Err(ConfigError::RestoredLogApart { base: self.base.index, snapshot: applied.index });
        }
        let terms = core::iter::once(self.base.term).chain(self.entries.iter().map(|entry| entry.term));
        if let Some(offset) = terms.clone().zip(terms.skip(1)).position(|(earlier, later)| later < earlier) {
            let index = LogIndex(self.base.index.0 + offset as u64 + 1);
            return Err(ConfigError::RestoredTermsOutOfOrder { index });
        }
        let at_snapshot = match (applied.index.0 - self.base.index.0).checked_sub(1) {
            Some(offset) => self.entries[offset as usize].term,
            None => self.base.term,
        };
        if at_snapshot != applied.term {
            return Err(ConfigError::RestoredLogContradictsSnapshot { index: applied.index });
        }
        if self.entries.last().map_or(self.base.term, |entry| entry.term) > self.term_and_vote.term {
            return Err(ConfigError::RestoredTermTooOld);
        }
        match &self.staged {
            Some((snapshot, received)) if *received > snapshot.size => {
                Err(ConfigError::RestoredChunkBeyondEnd { received: *received, size: snapshot.size })
            }
            _ => Ok(()),
        }
    }
}

/// Why a node cannot start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// The voters and learners that the cluster began with make no cluster.
    Membership(MembershipError),
    /// `heartbeat_interval` is zero.
    HeartbeatIntervalZero,
    /// `election_timeout` holds no duration.
    ElectionTimeoutEmpty,
    /// `heartbeat_interval` reaches `election_timeout`'s start: followers would campaign against a live leader.
    HeartbeatTooSlow,
    /// `lease_clock_drift_ppm` is a million or more: no lease would ever hold.
    ClockDriftTooLarge {
        /// What was set.
        drift_ppm: u32,
    },
    /// Leases without `check_quorum`: a new leader could be elected while the old one's lease holds.
    LeaseWithoutCheckQuorum,
    /// A bound is 0: nothing could ever be sent.
    BoundZero {
        /// The field.
        field: &'static str,
    },
    /// The restored log does not reach from before the snapshot's end to it or beyond.
    RestoredLogApart {
        /// Where the log begins.
        base: LogIndex,
        /// The last entry of the snapshot.
        snapshot: LogIndex,
    },
    /// The restored log's terms fall at this index.
    RestoredTermsOutOfOrder {
        /// The first entry whose term is below its predecessor's.
        index: LogIndex,
    },
    /// The restored log has an entry of another term where the snapshot ends.
    RestoredLogContradictsSnapshot {
        /// The last entry of the snapshot.
        index: LogIndex,
    },
    /// The restored log has an entry of a later term than the restored one.
    RestoredTermTooOld,
    /// More of a snapshot is staged than it has.
    RestoredChunkBeyondEnd {
        /// The bytes staged.
        received: u64,
        /// The bytes it has.
        size: u64,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Membership(error) => write!(f, "the initial membership: {error}"),
            Self::HeartbeatIntervalZero => write!(f, "the heartbeat interval is zero"),
            Self::ElectionTimeoutEmpty => write!(f, "the election timeout's range is empty"),
            Self::HeartbeatTooSlow => {
                write!(f, "the heartbeat interval is not shorter than the shortest election timeout")
            }
            Self::ClockDriftTooLarge { drift_ppm } => {
                write!(f, "no lease holds with clocks that drift {drift_ppm} ppm")
            }
            Self::LeaseWithoutCheckQuorum => write!(f, "leases need check_quorum"),
            Self::BoundZero { field } => write!(f, "{field} is 0"),
            Self::RestoredLogApart { base, snapshot } => {
                write!(f, "the restored log begins after {base} and does not meet the snapshot's end at {snapshot}")
            }
            Self::RestoredTermsOutOfOrder { index } => write!(f, "the restored log's term falls at entry {index}"),
            Self::RestoredLogContradictsSnapshot { index } => {
                write!(f, "the restored log has another term at {index} than the snapshot that ends there")
            }
            Self::RestoredTermTooOld => write!(f, "the restored term is older than the restored log's last entry"),
            Self::RestoredChunkBeyondEnd { received, size } => {
                write!(f, "{received} bytes are staged of a snapshot of {size}")
            }
        }
    }
}

impl core::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Term;

    /// What a server holds that has compacted all of its log, up to `index`.
    fn compacted_to(index: u64) -> Restored<u64> {
        let base = LogPosition { index: LogIndex(index), term: Term(1) };
        let snapshot = Snapshot { last: base, membership: Arc::default(), size: 0, checksum: 0 };
        let term_and_vote = TermAndVote { term: Term(1), voted_for: None };
        Restored { term_and_vote, base, snapshot: Some(snapshot.into()), ..Restored::default() }
    }

    #[test]
    fn a_log_may_begin_beyond_what_peers_may_send_but_not_where_no_log_gets() {
        for index in [LogIndex::LIMIT.0, LogIndex::LIMIT.0 + 1_000, 2 * LogIndex::LIMIT.0] {
            assert_eq!(compacted_to(index).validate(), Ok(()), "{index}");
        }
        for index in [2 * LogIndex::LIMIT.0 + 1, u64::MAX] {
            assert!(compacted_to(index).validate().is_err(), "{index}");
        }
    }
}
