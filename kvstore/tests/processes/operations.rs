//! What operators do.

use super::cluster::{Cluster, Timing, until};
use super::load::Load;

#[test]
fn a_new_server_joins_by_itself_once_added_and_a_removed_one_stops() {
    let mut cluster = Cluster::start(3);
    let load = Load::start(&cluster, 2, 4);
    load.wait_for(30);
    let (done, text) = cluster.admin(&["snapshot"]);
    assert!(done, "{text}");
    let ports = cluster.add_ports(4);
    cluster.start_server_with(4, &["--insecure", "--join"]);
    let address = format!("127.0.0.1:{}", ports.peers);
    cluster.admin_until(&["add", "4", &address], "server 4 votes", |cluster| {
        cluster.status(4).is_some_and(|status| role_of(4, &status) == Some("voter"))
    });
    let removed = if cluster.leader() == 3 { 2 } else { 3 };
    cluster.admin_until(&["remove", &removed.to_string()], "the others do not count it", |cluster| {
        cluster.status(cluster.leader()).is_some_and(|status| role_of(removed, &status).is_none())
    });
    assert_eq!(cluster.wait_for_end(removed), Some(0), "{}", cluster.log(removed));
    assert!(cluster.log(removed).contains("removed from the cluster"));
    let leads = |cluster: &Cluster| cluster.status(4).is_some_and(|status| status["role"] == "leader");
    cluster.admin_until(&["transfer", "4"], "server 4 leads", leads);
    load.wait_for(20);
    load.finish_and_check(&cluster);
    let metrics = cluster.get(4, "/metrics").expect("a page");
    assert!(metrics.contains("kvstore_raft_is_leader 1") && metrics.contains("kvstore_batch_seconds_count"));
    cluster.stop_all();
}

/// What `id` is to a server of this status.
fn role_of(id: u64, status: &serde_json::Value) -> Option<&str> {
    status["members"].as_array()?.iter().find(|member| member["id"] == id)?["role"].as_str()
}

#[test]
fn a_wiped_server_is_told_to_rejoin_under_a_new_id() {
    // A leader knows only what was acknowledged to itself.
    let mut cluster = Cluster::start_with(3, Timing::STEADY, &["--insecure"]);
    let load = Load::start(&cluster, 2, 5);
    load.wait_for(30);
    let leader = cluster.leader();
    let wiped = cluster.servers().into_iter().find(|id| *id != leader).expect("three");
    until("the leader knows what it has", || {
        let status = cluster.status(leader).unwrap_or_default();
        let followers = status["followers"].as_array().cloned().unwrap_or_default();
        followers.iter().any(|follower| follower["id"] == wiped && follower["match_index"].as_u64() > Some(0))
    });
    cluster.kill(wiped);
    std::fs::remove_dir_all(cluster.data(wiped)).expect("its files");
    cluster.start_server(wiped);
    assert_eq!(cluster.wait_for_end(wiped), Some(1), "{}", cluster.log(wiped));
    assert!(cluster.log(wiped).contains("let it join under a new id"), "{}", cluster.log(wiped));
    load.finish_and_check(&cluster);
    cluster.stop_all();
}

#[test]
fn a_damaged_log_is_refused_with_the_file_and_the_place() {
    let mut cluster = Cluster::start(3);
    let load = Load::start(&cluster, 2, 6);
    load.wait_for(50);
    let leader = cluster.leader();
    let damaged = cluster.servers().into_iter().find(|id| *id != leader).expect("three");
    cluster.kill(damaged);
    let path = cluster.data(damaged).join("log-0000000001");
    let mut bytes = std::fs::read(&path).expect("a segment");
    // In the body of the first batch.
    bytes[512 + 34] ^= 1;
    std::fs::write(&path, bytes).expect("a segment");
    cluster.start_server(damaged);
    assert_eq!(cluster.wait_for_end(damaged), Some(1));
    assert!(cluster.log(damaged).contains("the checksum does not match"), "{}", cluster.log(damaged));
    load.finish_and_check(&cluster);
    cluster.stop_all();
}

#[test]
fn a_port_or_a_directory_that_somebody_has_is_named_in_one_line() {
    let mut cluster = Cluster::start(3);
    cluster.kill(2);
    let port = cluster.ports(2).clients;
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("nobody has it now");
    cluster.start_server(2);
    assert_eq!(cluster.wait_for_end(2), Some(1));
    let problem = format!("cannot listen for clients on 127.0.0.1:{port}: ");
    assert!(cluster.log(2).lines().last().is_some_and(|line| line.contains(&problem)), "{}", cluster.log(2));
    drop(taken);
    let (done, text) = cluster.serve_in_directory_of(1, 3);
    assert!(!done && text.contains("another server runs on this directory"), "{text}");
    cluster.stop_all();
}
