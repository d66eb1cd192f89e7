//! Five servers in one process: one leads, commands are answered, the leader is stopped, another leads, and nothing is lost.
//!
//! `cargo run -p kvstore --example five_in_one_process [PEERS CONF]`

#![expect(clippy::disallowed_methods, reason = "a real program on real clocks")]

use std::error::Error;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::Duration;

use kvstore::seed_api::{Delivered, LogEntry, Raft};

fn main() -> Result<(), Box<dyn Error>> {
    let directory = std::env::temp_dir().join(format!("kvstore-five-{}", std::process::id()));
    fs::create_dir_all(&directory)?;
    let given: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    let (peers, conf) = match given.as_slice() {
        [peers, conf] => (peers.clone(), conf.clone()),
        _ => write_files(&directory)?,
    };
    let mut servers = Vec::new();
    for id in 1..=5 {
        let mut server = Raft::new(id, 3, &peers, &conf)?.keep_in(&directory.join(id.to_string()));
        server.start()?;
        servers.push(server);
    }
    let first = leader(&servers);
    println!("server {} leads term {}", servers[first].id(), servers[first].term());
    for (index, data) in [(1, "insert|hello"), (2, "insert|world"), (1, "view|"), (2, "update|all"), (3, "view|")] {
        println!("  {index}:{data} -> {}", ask(&servers[first], index, data)?);
    }
    let other = (first + 1) % servers.len();
    servers[other].outbox(LogEntry { index: 4, data: "insert|lost?".to_owned() })?;
    println!("server {}: {:?}", servers[other].id(), servers[other].inbox().recv()?);

    servers[first].quit();
    let stopped = servers.remove(first).id();
    let second = leader(&servers);
    println!("server {stopped} is stopped; server {} leads term {}", servers[second].id(), servers[second].term());
    assert_eq!(ask(&servers[second], 1, "view|")?, "hello");
    assert_eq!(ask(&servers[second], 2, "view|")?, "all");
    assert_eq!(ask(&servers[second], 1, "delete|")?, "Deleted");
    println!("nothing is lost: {:?}", servers[second].map());
    drop(servers);
    fs::remove_dir_all(directory)?;
    Ok(())
}

/// The one that says it leads.
fn leader(servers: &[Raft]) -> usize {
    loop {
        if let Some(leader) = servers.iter().position(Raft::is_leader) {
            return leader;
        }
        sleep(Duration::from_millis(10));
    }
}

fn ask(server: &Raft, index: i64, data: &str) -> Result<String, Box<dyn Error>> {
    server.outbox(LogEntry { index, data: data.to_owned() })?;
    match server.inbox().recv()? {
        Delivered::Replicated { answer, .. } => Ok(answer),
        other => Err(format!("{other:?}").into()),
    }
}

/// The two files as they might be, on ports from 18002 on.
fn write_files(directory: &std::path::Path) -> Result<(PathBuf, PathBuf), Box<dyn Error>> {
    let peer = |id: u64| format!("{{\"P_id\":{id},\"Host\":\"tcp://127.0.0.1:{}\"}}", 18_001 + id);
    let peers = (1..=5).map(peer).collect::<Vec<_>>().join(",");
    let (peers_file, conf_file) = (directory.join("peers.json"), directory.join("raft_conf.json"));
    fs::write(&peers_file, format!("{{\"Peers\":[{peers}]}}"))?;
    fs::write(&conf_file, "{\"EToutStart\":150,\"EToutEnd\":400,\"HTout\":50}")?;
    Ok((peers_file, conf_file))
}
