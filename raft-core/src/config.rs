//! What an operator sets, and what a node restarts from.

use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use core::time::Duration;

use crate::entry::Entry;
use crate::ids::{LogIndex, NodeId, TermAndVote};

/// The settings of one node. All nodes of a cluster should agree on all but `id`.
#[derive(Clone, Debug)]
pub struct Config {
    /// This node.
    pub id: NodeId,
    /// All voters of the cluster, this node among them.
    pub voters: Vec<NodeId>,
    /// An election timeout is drawn uniformly from this range, anew for each campaign (§5.2). Its start should
    /// be several times `heartbeat_interval`, which should be several times a round trip (§5.6).
    pub election_timeout: Range<Duration>,
    /// A leader lets no follower hear nothing for longer than this.
    pub heartbeat_interval: Duration,
    /// The most entries one append carries. At least 1.
    pub max_entries_per_append: usize,
    /// The most entries sent ahead of a follower's acknowledgement. At least 1.
    pub max_entries_in_flight: u64,
}

impl Config {
    /// Settings for `id` among `voters` in one data centre: elections after 150 to 300 ms of
    /// silence, as in the paper (§9.3), heartbeats every 50 ms.
    #[must_use]
    pub fn new(id: NodeId, voters: Vec<NodeId>) -> Self {
        Self {
            id,
            voters,
            election_timeout: Duration::from_millis(150)..Duration::from_millis(300),
            heartbeat_interval: Duration::from_millis(50),
            max_entries_per_append: 1024,
            max_entries_in_flight: 8192,
        }
    }

    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        if !self.voters.contains(&self.id) {
            return Err(ConfigError::NotAVoter(self.id));
        }
        for (place, voter) in self.voters.iter().enumerate() {
            if self.voters[..place].contains(voter) {
                return Err(ConfigError::DuplicateVoter(*voter));
            }
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
        if self.max_entries_per_append == 0 || self.max_entries_in_flight == 0 {
            return Err(ConfigError::NothingInFlight);
        }
        Ok(())
    }
}

/// What a node's disk holds when it starts; [`Restored::default`] for a new node.
#[derive(Clone, Debug)]
pub struct Restored<P> {
    /// The last term and vote that were made durable.
    pub term_and_vote: TermAndVote,
    /// The durable log, from index 1.
    pub entries: Vec<Entry<P>>,
}

impl<P> Default for Restored<P> {
    fn default() -> Self {
        Self { term_and_vote: TermAndVote::default(), entries: Vec::new() }
    }
}

impl<P> Restored<P> {
    pub(crate) fn validate(&self) -> Result<(), ConfigError> {
        let terms = self.entries.iter().map(|entry| entry.term);
        match terms.clone().zip(terms.skip(1)).position(|(earlier, later)| later < earlier) {
            Some(offset) => Err(ConfigError::RestoredTermsOutOfOrder { index: LogIndex(offset as u64 + 2) }),
            None if self.entries.last().is_some_and(|entry| entry.term > self.term_and_vote.term) => {
                Err(ConfigError::RestoredTermTooOld)
            }
            None => Ok(()),
        }
    }
}

/// Why a node cannot start.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum ConfigError {
    /// `voters` does not name this node.
    NotAVoter(NodeId),
    /// `voters` names a node twice.
    DuplicateVoter(NodeId),
    /// `heartbeat_interval` is zero.
    HeartbeatIntervalZero,
    /// `election_timeout` holds no duration.
    ElectionTimeoutEmpty,
    /// `heartbeat_interval` reaches `election_timeout`'s start: followers would campaign against a live leader.
    HeartbeatTooSlow,
    /// `max_entries_per_append` or `max_entries_in_flight` is 0: nothing could ever be replicated.
    NothingInFlight,
    /// The restored log's terms fall at this index.
    RestoredTermsOutOfOrder {
        /// The first entry whose term is below its predecessor's.
        index: LogIndex,
    },
    /// The restored log has an entry of a later term than the restored one.
    RestoredTermTooOld,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAVoter(id) => write!(f, "node {id} is not among the voters"),
            Self::DuplicateVoter(id) => write!(f, "voter {id} is named twice"),
            Self::HeartbeatIntervalZero => write!(f, "the heartbeat interval is zero"),
            Self::ElectionTimeoutEmpty => write!(f, "the election timeout's range is empty"),
            Self::HeartbeatTooSlow => {
                write!(f, "the heartbeat interval is not shorter than the shortest election timeout")
            }
            Self::NothingInFlight => write!(f, "an append must be allowed at least one entry"),
            Self::RestoredTermsOutOfOrder { index } => write!(f, "the restored log's term falls at entry {index}"),
            Self::RestoredTermTooOld => write!(f, "the restored term is older than the restored log's last entry"),
        }
    }
}

impl core::error::Error for ConfigError {}
