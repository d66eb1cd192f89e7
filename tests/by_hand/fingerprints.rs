//! Two servers with one fingerprint do the same from now on, and what makes no difference to that makes none to it.

use std::hash::{DefaultHasher, Hasher};

use raft_core::{Input, NodeId, RoleName, Time};
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, append, at, heard, heartbeat, request_vote};

fn fingerprint(server: &LoneNode) -> u64 {
    let mut hasher = DefaultHasher::new();
    server.raft.fingerprint(&mut hasher);
    hasher.finish()
}

/// A copy of `server` that has been told at `ms` what changes nothing but what time it is.
fn at_ms(server: &LoneNode, ms: u64) -> LoneNode {
    let mut later = server.clone();
    later.now = Time(ms * 1_000_000);
    assert_eq!(later.step(Input::PeerUnreachable { peer: NodeId(9) }).0, []);
    later
}

#[test]
fn what_a_server_holds_and_knows_is_in_its_fingerprint() {
    let follower = || node().log([1, 1]).follower_of(2);
    let after = |act: &dyn Fn(&mut LoneNode)| {
        let mut server = follower();
        act(&mut server);
        fingerprint(&server)
    };
    let all = [
        fingerprint(&follower()),
        fingerprint(&node().log([1, 1]).follower()),
        fingerprint(&node().log([1, 1, 1]).follower_of(2)),
        after(&|server| drop(server.receive(2, append(1, at(2, 1), [1], 0)))),
        after(&|server| drop(server.receive(2, heartbeat(1, at(2, 1), 2)))),
        after(&|server| drop(server.receive(3, request_vote(2, at(2, 1))))),
        after(&|server| drop(server.receive(3, request_vote(2, at(0, 0))))),
    ];
    let distinct: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(distinct.len(), all.len(), "{all:x?}");
    assert_eq!(fingerprint(&follower()), fingerprint(&follower()));
}

#[test]
fn what_is_durable_is_in_the_fingerprint() {
    let mut writing = node().log([1]).follower_of(2);
    writing.receive(2, append(1, at(1, 1), [1], 0));
    // In the next term it owes nobody an answer.
    writing.receive(3, request_vote(2, at(0, 0)));
    let mut written = writing.clone();
    assert_eq!(written.persist_oldest().0, []);
    assert_ne!(fingerprint(&writing), fingerprint(&written));
    let leader = node().steady_leader();
    let mut further = leader.clone();
    further.propose(1);
    let mut durable = further.clone();
    durable.persist();
    assert_ne!(fingerprint(&further), fingerprint(&durable), "one of the leader's own writes is under way");
}

#[test]
fn what_a_leader_knows_of_its_followers_is_in_its_fingerprint() {
    let leader = node().of(5).steady_leader();
    let told = |index| {
        let mut leader = leader.clone();
        leader.propose(1);
        leader.persist();
        leader.receive(2, accepted(1, index));
        fingerprint(&leader)
    };
    assert_ne!(told(1), told(2));
}

#[test]
fn of_the_time_of_a_follower_only_counts_whether_it_is_in_touch_with_a_leader() {
    let minimum = 150;
    for (checks_quorum, differs) in [(true, true), (false, false)] {
        let server = node().configured(|config| config.check_quorum = checks_quorum).log([1]).follower_of(2);
        let seen = |ms| fingerprint(&at_ms(&server, ms));
        assert_eq!(seen(1), seen(minimum - 1));
        assert_eq!(seen(minimum - 1) != seen(minimum), differs, "a quorum is checked: {checks_quorum}");
        assert_eq!(seen(minimum), seen(minimum + 1));
    }
    let alone = node().configured(|config| config.check_quorum = true).follower();
    assert_eq!(fingerprint(&alone), fingerprint(&at_ms(&alone, minimum)));
}

#[test]
fn a_silence_after_a_restart_that_is_over_makes_no_difference_any_more() {
    let with_leases = |config: &mut raft_core::Config| {
        (config.check_quorum, config.lease_clock_drift_ppm) = (true, Some(0));
    };
    let server = node().configured(with_leases).term(3).follower();
    let seen = |ms| fingerprint(&at_ms(&server, ms));
    let longest = 300;
    assert_eq!(seen(0), seen(longest - 1));
    assert_ne!(seen(longest - 1), seen(longest));
    assert_eq!(seen(longest), seen(longest + 1));
}

#[test]
fn when_a_leader_looks_whether_it_still_leads_is_in_its_fingerprint() {
    let mut leader = node().with_defaults().steady_leader();
    // Its heartbeats do not fall together with that.
    leader.wait_ms(60);
    leader.step(Input::DeadlineReached);
    for _beat in 0..4 {
        leader.deadline();
        leader.receive(2, heard(1));
    }
    let review = leader.raft.next_deadline().expect("it leads");
    leader.now = review;
    let mut looked_away = leader.clone();
    let effects = leader.step(Input::DeadlineReached);
    assert_eq!((effects.0, leader.role()), (vec![], RoleName::Leader), "it looked, and did nothing else");
    looked_away.step(Input::PeerUnreachable { peer: NodeId(9) });
    assert_ne!(fingerprint(&leader), fingerprint(&looked_away));
}
