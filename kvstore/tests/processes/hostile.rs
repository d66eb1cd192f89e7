//! What strangers send: the connection closes with a reason in the log, memory stays bounded, and the cluster goes on.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use kvstore::server::frame;
use kvstore::server::handshake::{self, Secret};
use raft_core::NodeId;

use super::cluster::{Cluster, PATIENCE, Timing, until};
use super::load::Load;

fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// Sends it, and waits until the server has hung up, or waits for more.
fn send(port: u16, bytes: &[u8]) {
    let mut stream = connect(port);
    stream.set_read_timeout(Some(Duration::from_secs(3))).expect("a socket");
    // The server may hang up in the middle.
    let _ = stream.write_all(bytes);
    let _ = stream.read_to_end(&mut Vec::new());
}

fn noise(length: usize) -> Vec<u8> {
    let mut state = length as u64 + 1;
    let mut byte = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as u8
    };
    (0..length).map(|_| byte()).collect()
}

fn resident_kib(cluster: &Cluster, id: u64) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", cluster.pid(id))).expect("a process");
    let line = status.lines().find(|line| line.starts_with("VmRSS")).expect("its memory");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).expect("a number")
}

#[test]
fn hostile_input_on_every_port_closes_the_connection_and_the_cluster_goes_on() {
    let directory = std::env::temp_dir().join(format!("kvstore-hostile-{}", std::process::id()));
    std::fs::create_dir_all(&directory).expect("a directory");
    let secret = directory.join("secret");
    std::fs::write(&secret, "open sesame 123\n").expect("a file");
    let mut cluster = Cluster::start_with(3, Timing::STEADY, &["--secret-file", secret.to_str().expect("text")]);
    let load = Load::start(&cluster, 2, 7);
    load.wait_for(20);
    let target = cluster.leader();
    let ports = cluster.ports(target);
    let before = resident_kib(&cluster, target);
    for port in [ports.peers, ports.clients, ports.admin] {
        for length in [64, 1_000, 100_000, 1 << 20] {
            send(port, &noise(length));
        }
    }
    for claim in ["*1000000000\r\n", "*1\r\n$9999999999\r\n", &"*1\r\n".repeat(100_000), &"x".repeat(1 << 20)] {
        send(ports.clients, claim.as_bytes());
    }
    // Many who claim much and send little.
    let crowd: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = connect(ports.clients);
            stream.write_all(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4000000\r\nx").expect("sent");
            stream
        })
        .collect();
    strangers_among_peers(&cluster, target);
    load.wait_for(20);
    until("a reason for each in the log", || {
        let log = cluster.log(target);
        [
            "does not speak the peers' protocol",
            "it speaks version 9",
            "it wanted server 9",
            "server 99 is not known here",
            "does not know the secret",
            "changed, left out or sent again",
            "Protocol error",
            "no HTTP",
        ]
        .iter()
        .all(|reason| log.contains(reason))
    });
    let after = resident_kib(&cluster, target);
    assert!(after < before + (64 << 10), "{before} KiB before, {after} after");
    drop(crowd);
    assert!(cluster.admin(&["transfer", "1"]).1.contains("show the cluster's secret"));
    load.finish_and_check(&cluster);
    cluster.stop_all();
    let _ = std::fs::remove_dir_all(directory);
}

/// Everything that may be wrong with a peer's connection.
fn strangers_among_peers(cluster: &Cluster, target: u64) {
    let port = cluster.ports(target).peers;
    let peer = NodeId(if target == 1 { 2 } else { 1 });
    let own = NodeId(target);
    let (right, wrong) = (Secret::new(b"open sesame 123"), Secret::new(b"wrong"));
    let mut other_version = handshake::hello(peer, own, [1; 16]);
    other_version[6] = 9;
    send(port, &other_version);
    send(port, &handshake::hello(peer, NodeId(9), [1; 16]));
    send(port, &handshake::hello(NodeId(99), own, [1; 16]));
    let shake = |secret: &Secret, proof_of: &Secret| {
        let hello = handshake::hello(peer, own, [7; 16]);
        let mut stream = connect(port);
        stream.write_all(&hello).expect("sent");
        let mut welcome = [0; handshake::WELCOME];
        stream.read_exact(&mut welcome).expect("a welcome");
        let (_, seal) = handshake::accept_welcome(secret, own, &hello, &welcome).expect("the server knows the secret");
        let proof = handshake::proof(proof_of, &hello, &welcome);
        stream.write_all(&proof).expect("sent");
        (stream, seal)
    };
    let hangs_up = |mut stream: TcpStream| {
        let _ = stream.read_to_end(&mut Vec::new());
    };
    hangs_up(shake(&right, &wrong).0);
    let (mut stream, mut seal) = shake(&right, &right);
    let mut bytes = Vec::new();
    seal.write(&frame::Content::Introduction { clients: "127.0.0.1:1".to_owned() }, &mut bytes);
    // The same frame twice.
    stream.write_all(&bytes).and_then(|()| stream.write_all(&bytes)).expect("sent");
    hangs_up(stream);
    let (mut stream, _) = shake(&right, &right);
    stream.write_all(&[255, 255, 255, 255, 1, 0]).expect("sent");
    hangs_up(stream);
    until("the length in the log", || cluster.log(target).contains("a frame of 4294967295 bytes"));
}
