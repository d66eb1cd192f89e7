//! The cluster that an operator's files describe, as far as the simulator can make it.

use std::path::Path;

pub use kvstore::cluster_files::{ClusterFiles, Timeouts};

/// Reads the timeouts file and the peers file, either of which may be left out.
///
/// # Errors
/// In one line: the file, the place and the field, and what is wrong there.
pub fn read(conf: Option<&Path>, peers: Option<&Path>) -> Result<ClusterFiles, String> {
    let files = ClusterFiles::read(conf, peers)?;
    match (peers, files.peers()) {
        (Some(path), Some(servers)) if servers.len() > sim::MAX_NODES => {
            let most = sim::MAX_NODES;
            Err(format!("{}: Peers: {} servers, and {most} at most are simulated", path.display(), servers.len()))
        }
        _ => Ok(files),
    }
}

/// How many servers there are; five where no file says.
#[must_use]
pub fn nodes(files: &ClusterFiles) -> u8 {
    files.peers().map_or(5, |peers| peers.len() as u8)
}
