//! A leader whose own disk hangs makes room for another: its clients could only wait.

use std::time::Duration;

use raft_core::{Config, Input, MemberChange, NodeId, RoleName, Time, TransferOutcome};

use tests::by_hand::cluster::Cluster;
use tests::by_hand::effects::Effects;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, heard, timeout_now};

const LONGEST_MS: u64 = 300;
const NANOSECOND: u64 = 1;

/// A leader in term 1 of three voters, of which 2 and 3 hold what it has.
fn leader() -> LoneNode {
    node().with_defaults().steady_leader()
}

/// Lets time pass, and `speaking` followers say every 20 ms that they are there. What the leader does meanwhile.
fn run_for_ms(leader: &mut LoneNode, ms: u64, speaking: &[u64]) -> Effects {
    let end = Time(leader.now.0 + ms * 1_000_000);
    let mut all = Effects::default();
    while leader.now < end {
        leader.now = Time(leader.now.0 + 20_000_000).min(end);
        for &follower in speaking {
            all.0.extend(leader.receive(follower, heard(1)).0);
        }
        all.0.extend(leader.step(Input::DeadlineReached).0);
    }
    all
}

/// Whom `effects` ask to take over.
fn asked_to_take_over(effects: &Effects) -> Vec<u64> {
    let asks = |(to, message)| if message == timeout_now(1) { Some(to) } else { None };
    let mut asked: Vec<_> = effects.sends().into_iter().filter_map(asks).collect();
    asked.dedup();
    asked
}

#[test]
fn a_leader_offers_its_place_when_a_write_takes_the_longest_election_timeout() {
    let mut leader = leader();
    run_for_ms(&mut leader, 1_000, &[2, 3]);
    leader.propose(7);
    for follower in [2, 3] {
        leader.receive(follower, accepted(1, 2));
    }
    let before = run_for_ms(&mut leader, LONGEST_MS - 20, &[2, 3]);
    assert!(asked_to_take_over(&before).is_empty());
    leader.now = Time(leader.now.0 + 20_000_000 - NANOSECOND);
    assert!(asked_to_take_over(&leader.step(Input::DeadlineReached)).is_empty());
    assert!(leader.patience() <= Duration::from_nanos(NANOSECOND), "it waits for this");
    leader.now = Time(leader.now.0 + NANOSECOND);
    assert_eq!(asked_to_take_over(&leader.step(Input::DeadlineReached)).len(), 1);
}

#[test]
fn the_follower_that_is_furthest_is_asked() {
    for furthest in [2, 3] {
        let mut leader = leader();
        leader.propose(7);
        leader.receive(furthest, accepted(1, 2));
        assert_eq!(asked_to_take_over(&run_for_ms(&mut leader, LONGEST_MS, &[2, 3])), [furthest]);
    }
}

#[test]
fn a_follower_that_is_silent_is_not_asked_however_far_it_was() {
    let mut leader = leader();
    leader.propose(7);
    leader.propose(8);
    leader.receive(2, accepted(1, 3));
    leader.receive(3, accepted(1, 2));
    run_for_ms(&mut leader, LONGEST_MS, &[3]);
    assert_eq!(leader.raft.status().transfer_to, Some(NodeId(3)));
}

#[test]
fn a_learner_is_not_asked_however_far_it_is() {
    let learner = |config: &mut Config| config.learners = vec![NodeId(4)];
    let mut leader = node().with_defaults().configured(learner).steady_leader();
    leader.propose(7);
    leader.propose(8);
    leader.receive(4, accepted(1, 3));
    leader.receive(2, accepted(1, 2));
    run_for_ms(&mut leader, LONGEST_MS, &[2, 3, 4]);
    assert_eq!(leader.raft.status().transfer_to, Some(NodeId(2)));
}

#[test]
fn an_outgoing_voter_is_not_asked() {
    let mut leader = leader();
    leader.change_membership(7, &[MemberChange::Remove(NodeId(2)), MemberChange::AddVoter(NodeId(4))]);
    leader.receive(2, accepted(1, 2));
    run_for_ms(&mut leader, LONGEST_MS, &[2, 3, 4]);
    let target = leader.raft.status().transfer_to;
    assert!(target == Some(NodeId(3)) || target == Some(NodeId(4)), "{target:?}");
}

// Nobody asked for it, and nobody waits for it.
#[test]
fn an_offer_has_no_outcome_to_tell() {
    let mut leader = leader();
    leader.propose(7);
    let effects = run_for_ms(&mut leader, 1_000, &[2, 3]);
    assert_ne!(leader.role(), RoleName::Leader);
    assert_eq!(effects.transfer_outcomes(), []);
}

#[test]
fn a_leader_that_nobody_relieves_steps_down() {
    let mut leader = leader();
    leader.propose(7);
    leader.receive(2, accepted(1, 2));
    run_for_ms(&mut leader, 2 * LONGEST_MS - 20, &[2, 3]);
    assert_eq!(leader.role(), RoleName::Leader, "the target has its time");
    run_for_ms(&mut leader, 100, &[2, 3]);
    assert_eq!((leader.role(), leader.term(), leader.leader()), (RoleName::Follower, 1, None));
}

#[test]
fn a_leader_whose_voters_are_all_silent_steps_down_at_once() {
    let mut leader = node().steady_leader();
    leader.propose(7);
    let effects = run_for_ms(&mut leader, LONGEST_MS, &[]);
    assert_eq!((leader.role(), asked_to_take_over(&effects)), (RoleName::Follower, vec![]));
}

#[test]
fn a_disk_that_recovers_in_time_keeps_its_leader() {
    for (waited_ms, offers) in [(LONGEST_MS - 20, 0), (2 * LONGEST_MS - 20, 1)] {
        let mut leader = leader();
        leader.propose(7);
        leader.receive(2, accepted(1, 2));
        let mut effects = run_for_ms(&mut leader, waited_ms, &[2, 3]);
        leader.persist();
        effects.0.extend(run_for_ms(&mut leader, 2_000, &[2, 3]).0);
        assert_eq!((leader.role(), asked_to_take_over(&effects).len()), (RoleName::Leader, offers));
        assert!(leader.propose(8).outcomes().is_empty(), "it takes proposals");
    }
}

#[test]
fn a_disk_that_hangs_again_makes_another_offer() {
    let mut leader = leader();
    for command in [7, 8] {
        leader.propose(command);
        leader.receive(2, accepted(1, leader.last()));
        assert_eq!(asked_to_take_over(&run_for_ms(&mut leader, LONGEST_MS, &[2, 3])), [2], "command {command}");
        leader.persist();
        run_for_ms(&mut leader, 2_000, &[2, 3]);
        assert_eq!(leader.role(), RoleName::Leader);
    }
}

#[test]
fn a_disk_that_always_has_something_to_write_is_not_slow() {
    let mut leader = leader();
    leader.propose(100);
    for command in 101..200 {
        run_for_ms(&mut leader, 20, &[2, 3]);
        leader.propose(command);
        leader.persist_oldest();
        assert_eq!(leader.writes_under_way(), 1);
    }
    assert_eq!((leader.role(), leader.raft.status().transfer_to), (RoleName::Leader, None));
}

#[test]
fn new_writes_do_not_hide_that_an_old_one_hangs() {
    let mut leader = leader();
    for command in [7, 8, 9] {
        leader.propose(command);
        run_for_ms(&mut leader, LONGEST_MS / 3, &[2, 3]);
    }
    assert!(leader.raft.status().transfer_to.is_some());
}

#[test]
fn a_transfer_that_was_asked_for_is_not_replaced_by_an_offer() {
    let mut leader = leader();
    leader.propose(7);
    run_for_ms(&mut leader, 200, &[2, 3]);
    leader.transfer_leadership(3);
    leader.receive(2, accepted(1, 2));
    let effects = run_for_ms(&mut leader, LONGEST_MS - 20, &[2, 3]);
    assert_eq!((effects.transfer_outcomes(), leader.raft.status().transfer_to), (vec![], Some(NodeId(3))));
    assert_eq!(run_for_ms(&mut leader, 20, &[2, 3]).transfer_outcomes(), [(3, TransferOutcome::TimedOut)]);
}

#[test]
fn a_lone_voter_is_left_alone() {
    let learner = |config: &mut Config| config.learners = vec![NodeId(4)];
    for builder in [node().of(1), node().of(1).configured(learner)] {
        let mut leader = builder.with_defaults().steady_leader();
        leader.propose(7);
        run_for_ms(&mut leader, 5_000, &[]);
        assert_eq!(leader.role(), RoleName::Leader, "there is nobody else");
        leader.persist();
        assert_eq!(leader.commit(), 2);
    }
}

#[test]
fn a_follower_with_a_slow_disk_is_no_concern_of_the_leader() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.stall_disk(3);
    cluster.propose(1, 7);
    cluster.run_for_ms(3_000);
    assert_eq!((cluster.leaders(), cluster.term(1), cluster.applied(1)), (vec![1], 1, [7].as_slice()));
}

#[test]
fn a_cluster_whose_leaders_disk_hangs_goes_on_under_another() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.stall_disk(1);
    cluster.propose(1, 7);
    cluster.settle();
    assert!(cluster.applied(1).is_empty(), "it is committed, and not on its own disk");
    cluster.run_for_ms(400);
    let leaders = cluster.leaders();
    assert!(leaders == [2] || leaders == [3], "{leaders:?}");
    cluster.propose(leaders[0], 8);
    cluster.run_for_ms(1_000);
    assert_eq!((cluster.leaders(), cluster.term(2)), (leaders, 2));
    assert_eq!((cluster.applied(2), cluster.applied(3)), ([7, 8].as_slice(), [7, 8].as_slice()));
    cluster.resume_disk(1);
    cluster.run_for_ms(1_000);
    assert_eq!(cluster.applied(1), [7, 8]);
}

#[test]
fn an_idle_leader_whose_disk_would_hang_does_not_notice() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.stall_disk(1);
    cluster.run_for_ms(3_000);
    assert_eq!((cluster.leaders(), cluster.term(1)), (vec![1], 1));
}
