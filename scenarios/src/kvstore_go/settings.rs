//! What an operator of the original gives it.

use serde::{Deserialize, Serialize};

/// The knobs. Times are in milliseconds.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Settings {
    /// Election timeouts are drawn from here, the longest not included.
    pub election_timeout_ms: (u64, u64),
    /// A leader that has heard nothing for so long sends heartbeats.
    pub heartbeat_ms: u64,
    /// How many votes elect, and how many acknowledgements commit. Nothing holds it against the size of the cluster;
    /// `None`: the majority that it should be.
    pub majority: Option<u8>,
    /// How many keys the clients use.
    pub keys: u64,
}

impl Settings {
    /// By so much a follower is more patient than its timeout says.
    pub const FOLLOWER_WAITS_LONGER_MS: u64 = 2_000;
}
