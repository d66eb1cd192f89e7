//! The knobs of the crate, and of the adapter.

use raft::{Config, ReadOnlyOption};
use serde::{Deserialize, Serialize};

/// What an operator sets.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// From one tick to the next.
    pub tick_ms: u64,
    /// The shortest and the longest election timeout, in ticks, the longest not included.
    pub election_ticks: (usize, usize),
    /// From one heartbeat to the next, in ticks.
    pub heartbeat_ticks: usize,
    /// Whether nodes ask around before they campaign.
    pub pre_vote: bool,
    /// Whether leaders count who answers them, and followers in touch with one ignore candidates.
    pub check_quorum: bool,
    /// Whether reads trust the leader's lease, which needs `check_quorum`.
    pub lease_reads: bool,
    /// The most bytes of entries in one append; 0: one entry.
    pub max_size_per_msg: u64,
    /// The most appends ahead of their acknowledgement.
    pub max_inflight_msgs: usize,
    /// The most bytes of committed entries handed over at once.
    pub max_committed_size_per_ready: u64,
    /// Whether appends that wait together become one.
    pub batch_append: bool,
    /// Whether a commit alone is no reason for a message.
    pub skip_bcast_commit: bool,
    /// In how many steps in a million the adapter leaves what the crate has ready for a later one.
    pub drains_late_ppm: u32,
    /// A snapshot is taken after so many entries, and so many of them stay in the log; `None`: never.
    pub snapshots: Option<(u64, u64)>,
    /// How many keys the clients use.
    pub keys: u64,
    /// Whether clients also read without writing to the log.
    pub reads: bool,
}

impl Settings {
    pub(super) fn config(&self, id: u64, applied: u64) -> Config {
        Config {
            id,
            applied,
            election_tick: self.election_ticks.0,
            min_election_tick: self.election_ticks.0,
            max_election_tick: self.election_ticks.1,
            heartbeat_tick: self.heartbeat_ticks,
            pre_vote: self.pre_vote,
            check_quorum: self.check_quorum,
            read_only_option: match self.lease_reads && self.check_quorum {
                true => ReadOnlyOption::LeaseBased,
                false => ReadOnlyOption::Safe,
            },
            max_size_per_msg: self.max_size_per_msg,
            max_inflight_msgs: self.max_inflight_msgs,
            max_committed_size_per_ready: self.max_committed_size_per_ready,
            batch_append: self.batch_append,
            skip_bcast_commit: self.skip_bcast_commit,
            ..Config::default()
        }
    }
}
