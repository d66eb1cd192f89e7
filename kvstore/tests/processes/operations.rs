//! What operators do.

use super::cluster::{Cluster, until};
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
    let is_voter = |asked: u64, id: u64| {
        let status = cluster.status(asked)?;
        let members = status["members"].as_array()?.clone();
        Some(members.iter().any(|member| member["id"] == id && member["role"] == "voter"))
    };
    // Whether a change took effect may stay unknown on a busy machine, where leaders come and go.
    until("server 4 is added", || {
        cluster.admin(&["add", "4", &format!("127.0.0.1:{}", ports.peers)]).0 || is_voter(4, 4) == Some(true)
    });
    until("server 4 votes", || is_voter(4, 4) == Some(true));
    let leader = cluster.leader();
    let removed = if leader == 3 { 2 } else { 3 };
    until("it is removed", || {
        cluster.admin(&["remove", &removed.to_string()]).0 || is_voter(4, removed) == Some(false)
    });
    assert_eq!(cluster.wait_for_end(removed), Some(0), "{}", cluster.log(removed));
    assert!(cluster.log(removed).contains("removed from the cluster"));
    until("server 4 leads", || {
        cluster.admin(&["transfer", "4"]);
        cluster.status(4).is_some_and(|status| status["role"] == "leader")
    });
    load.wait_for(20);
    load.finish_and_check(&cluster);
    let metrics = cluster.get(4, "/metrics").expect("a page");
    assert!(metrics.contains("kvstore_raft_is_leader 1") && metrics.contains("kvstore_batch_seconds_count"));
    cluster.stop_all();
}

#[test]
fn a_wiped_server_is_told_to_rejoin_under_a_new_id() {
    let mut cluster = Cluster::start(3);
    let load = Load::start(&cluster, 2, 5);
    load.wait_for(30);
    let leader = cluster.leader();
    let wiped = cluster.servers().into_iter().find(|id| *id != leader).expect("three");
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
