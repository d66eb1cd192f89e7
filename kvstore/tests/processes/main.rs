//! Real servers in processes of their own, on loopback, while real clients run: killed, stopped, cut off and started again. What
//! the clients saw is given to the same checker as the simulator's histories.
//!
//! `cargo test -p kvstore --test processes -- --ignored` runs the longer form.

#![expect(clippy::disallowed_methods, reason = "real processes on real clocks")]

mod cluster;
mod hostile;
mod load;
mod operations;
mod proxy;
mod redis;

use std::time::{Duration, Instant};

use cluster::{Cluster, RESUMES_WITHIN};
use load::Load;

/// Kills the leader, and starts it again once writes go on: how long that took.
fn time_without_leader(cluster: &mut Cluster, load: &Load) -> Duration {
    let leader = cluster.leader();
    cluster.kill(leader);
    let resumed = load.time_until_more(20);
    println!("writes went on {resumed:?} after the leader, server {leader}, was killed");
    cluster.start_server(leader);
    load.wait_for(20);
    resumed
}

#[test]
fn what_is_acknowledged_outlives_a_kill_of_the_leader_a_pause_and_a_cut() {
    let mut cluster = Cluster::start(5);
    let load = Load::start(&cluster, 4, 1);
    load.wait_for(50);
    // A machine that is busy with something else may be late once or twice.
    let fastest = (0..3).map(|_| time_without_leader(&mut cluster, &load)).find(|resumed| *resumed <= RESUMES_WITHIN);
    assert!(fastest.is_some(), "three times no writes within {RESUMES_WITHIN:?}\n{}", cluster.all_logs());
    let paused = cluster.leader();
    cluster.pause(paused);
    load.wait_for(20);
    cluster.resume(paused);
    let cut = cluster.leader();
    cluster.cut_off(cut);
    load.wait_for(20);
    cluster.heal();
    load.wait_for(20);
    load.finish_and_check(&cluster);
    cluster.stop_all();
}

#[test]
fn all_servers_killed_at_once_lose_nothing() {
    let mut cluster = Cluster::start(3);
    let load = Load::start(&cluster, 3, 2);
    for _ in 0..2 {
        load.wait_for(40);
        for server in cluster.servers() {
            cluster.kill(server);
        }
        for server in cluster.servers() {
            cluster.start_server(server);
        }
    }
    load.wait_for(40);
    load.finish_and_check(&cluster);
    cluster.stop_all();
}

#[test]
#[ignore = "takes minutes"]
fn ten_rounds_of_kills_of_random_servers_lose_nothing() {
    let mut cluster = Cluster::start(5);
    let load = Load::start(&cluster, 8, 3);
    let mut state = 0x5EED_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut resumed = Vec::new();
    for round in 0..10 {
        load.wait_for(200);
        let killed: Vec<u64> = match round % 3 {
            0 => {
                println!("round {round}: kill -9 of the leader");
                resumed.push(time_without_leader(&mut cluster, &load));
                continue;
            }
            1 => (1..=5).filter(|_| draw(2) == 0).collect(),
            _ => (1..=5).collect(),
        };
        println!("round {round}: kill -9 of {killed:?}");
        killed.iter().for_each(|server| cluster.kill(*server));
        std::thread::sleep(Duration::from_millis(draw(1_000)));
        let begun = Instant::now();
        killed.iter().for_each(|server| cluster.start_server(*server));
        load.time_until_more(10);
        println!("  writes after {:?}", begun.elapsed());
    }
    load.finish_and_check(&cluster);
    resumed.sort_unstable();
    println!("writes went on {resumed:?} after the leader was killed; they should within {RESUMES_WITHIN:?}");
    assert!(resumed[resumed.len() / 2] <= RESUMES_WITHIN);
    cluster.stop_all();
}
