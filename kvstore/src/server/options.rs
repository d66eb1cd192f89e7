//! How a server is told what to be.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use raft_core::{Config, NodeId};

use super::book::further;
use super::handshake::Secret;
use crate::cluster_files::{ClusterFiles, Timeouts};
use crate::replica::SnapshotPolicy;

/// What an operator types after `kvstore serve`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// This server's id, as the peers file has it
    #[arg(long)]
    pub id: u64,
    /// The servers of the cluster, and where each listens for the others (peers.json)
    #[arg(long, value_name = "FILE")]
    pub peers: PathBuf,
    /// The timeouts (raft_conf.json)
    #[arg(long, value_name = "FILE")]
    pub conf: PathBuf,
    /// Where this server keeps its log and snapshots
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Where it listens for clients [default: the peer's host, its port + 1000]
    #[arg(long, value_name = "ADDR")]
    pub clients: Option<String>,
    /// Where it listens for operators [default: the peer's host, its port + 2000]
    #[arg(long, value_name = "ADDR")]
    pub admin: Option<String>,
    /// What all servers of the cluster know and nobody else: any bytes
    #[arg(long, value_name = "FILE", required_unless_present = "insecure", conflicts_with = "insecure")]
    pub secret_file: Option<PathBuf>,
    /// Do without a secret: on loopback addresses only
    #[arg(long)]
    pub insecure: bool,
    /// This server is new: it waits to be added to the cluster of the others
    #[arg(long)]
    pub join: bool,
    /// Pass commands on to the leader, instead of telling clients where it is
    #[arg(long)]
    pub forward: bool,
    /// Take a snapshot after so many entries, once the log is as large as the last one; 0: never
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    pub snapshot_entries: u64,
    /// A file of the log has so many MiB
    #[arg(long, value_name = "MIB", default_value_t = 64, value_parser = clap::value_parser!(u64).range(1..=1024))]
    pub segment_mib: u64,
}

/// What a server is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its id.
    pub id: NodeId,
    /// All servers that are known when it starts, with the address of each for its peers.
    pub peers: Vec<(NodeId, String)>,
    /// Its timeouts.
    pub timeouts: Timeouts,
    /// Where it keeps its files.
    pub data: PathBuf,
    /// Where it listens for its peers, clients and operators.
    pub listen: Listen,
    /// What all servers know.
    pub secret: Option<Secret>,
    /// Whether it waits to be added to a cluster.
    pub join: bool,
    /// Whether commands are passed on to the leader.
    pub forward: bool,
    /// When it takes snapshots.
    pub snapshots: SnapshotPolicy,
    /// How many bytes a segment of its log has.
    pub segment_bytes: u64,
}

/// Where a server listens, each as `host:port`.
#[derive(Clone, Debug)]
pub struct Listen {
    /// For its peers.
    pub peers: String,
    /// For clients.
    pub clients: String,
    /// For operators.
    pub admin: String,
}

impl Listen {
    /// The default: clients 1000 ports further than peers, operators 2000.
    #[must_use]
    pub fn from_peers(address: &str) -> Self {
        Self { peers: address.to_owned(), clients: further(address, 1_000), admin: further(address, 2_000) }
    }
}

impl Options {
    /// What they add up to.
    ///
    /// # Errors
    /// In one line: what is wrong, and where.
    pub fn settings(&self) -> Result<Settings, String> {
        let files = ClusterFiles::read(Some(&self.conf), Some(&self.peers))?;
        let peers = files.peers().unwrap_or_default();
        let timeouts = files.timeouts().ok_or("--conf: no timeouts")?;
        let own = peers
            .iter()
            .find(|peer| peer.id == self.id)
            .ok_or_else(|| format!("--id: there is no P_id {} in {}", self.id, self.peers.display()))?;
        let default = Listen::from_peers(own.host.address());
        let listen = Listen {
            clients: self.clients.clone().unwrap_or(default.clients),
            admin: self.admin.clone().unwrap_or(default.admin),
            ..default
        };
        let secret = match &self.secret_file {
            Some(path) => Some(read_secret(path)?),
            None => {
                let all = peers.iter().map(|peer| peer.host.address());
                all.chain([&*listen.clients, &*listen.admin]).try_for_each(check_loopback)?;
                None
            }
        };
        Ok(Settings {
            id: NodeId(self.id),
            peers: peers.iter().map(|peer| (NodeId(peer.id), peer.host.address().to_owned())).collect(),
            timeouts,
            data: self.data.clone(),
            listen,
            secret,
            join: self.join,
            forward: self.forward,
            snapshots: SnapshotPolicy {
                entries: (self.snapshot_entries > 0).then_some(self.snapshot_entries),
                growth_percent: 100,
            },
            segment_bytes: self.segment_mib << 20,
        })
    }
}

/// The secret in a file, which is not empty.
pub(crate) fn read_secret(path: &std::path::Path) -> Result<Secret, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    match bytes.trim_ascii() {
        secret if secret.len() < 8 => Err(format!("{}: a secret has 8 bytes at least", path.display())),
        secret => Ok(Secret::new(secret)),
    }
}

fn check_loopback(address: &str) -> Result<(), String> {
    let resolved: Vec<SocketAddr> = address.to_socket_addrs().map_err(|error| format!("{address}: {error}"))?.collect();
    if resolved.iter().map(SocketAddr::ip).all(|ip: IpAddr| ip.is_loopback()) {
        return Ok(());
    }
    Err(format!("--insecure: {address} is no loopback address; give all servers a --secret-file"))
}

impl Settings {
    /// For the core.
    pub(crate) fn config(&self) -> Config {
        let ms = std::time::Duration::from_millis;
        let Timeouts { election_ms, heartbeat_ms } = self.timeouts;
        let voters = if self.join { Vec::new() } else { self.peers.iter().map(|(id, _)| *id).collect() };
        Config {
            election_timeout: ms(election_ms.0)..ms(election_ms.1),
            heartbeat_interval: ms(heartbeat_ms),
            // A little behind is brought up to date from the log.
            trailing_entries: 10_000,
            ..Config::new(self.id, voters)
        }
    }
}
