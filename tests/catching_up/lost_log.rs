//! A follower that has lost what it acknowledged must not be healed in silence: what was committed may rest on it, and its
//! vote would be a lie. And nobody honest is ever accused.

use proptest::prelude::*;
use raft_core::{Effect, FatalError, FlowStatus, InputError, LogIndex, LogLost, Message, NodeId, Term};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::effects::Effects;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, at, conflict_in, heartbeat, install_snapshot, request_vote, snapshot};

/// Three servers that hold five commands, of which server 3 loses all with its disk.
fn after_a_lost_disk() -> Cluster {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    (1..=5).for_each(|command| cluster.propose(1, command));
    cluster.settle();
    cluster.may_stop(3);
    cluster.wipe(3);
    cluster
}

#[test]
fn a_follower_that_lost_its_log_is_reported_once() {
    let mut cluster = after_a_lost_disk();
    for _beat in 0..10 {
        cluster.beat(1);
    }
    assert_eq!(cluster.lost_logs(1), [(3, 6)]);
}

#[test]
fn a_follower_that_lost_its_log_stops() {
    let mut cluster = after_a_lost_disk();
    // With its first answers it names no round: nothing of this term is on its new disk yet.
    for _beat in 0..3 {
        cluster.beat(1);
    }
    let error = FatalError::LogLost { acknowledged: LogIndex(6), durable: LogIndex(0) };
    assert_eq!(cluster.stopped(3), Some(error));
}

#[test]
fn a_follower_that_lost_its_log_is_not_healed() {
    let mut cluster = after_a_lost_disk();
    for command in 6..10 {
        cluster.propose(1, command);
        cluster.settle();
        cluster.beat(1);
    }
    assert_eq!((cluster.log(3), cluster.applied(3)), (vec![], &[][..]));
    assert_eq!(cluster.applied(1).len(), 9, "the others go on");
}

#[test]
fn a_follower_that_lost_its_log_is_not_healed_by_a_snapshot_either() {
    let mut cluster = after_a_lost_disk().configured(|config| config.trailing_entries = 0);
    cluster.may_stop(3);
    cluster.elect(1);
    cluster.settle();
    cluster.wipe(3);
    cluster.take_snapshot(1);
    for _beat in 0..5 {
        cluster.beat(1);
    }
    assert_eq!(cluster.restored_snapshots(3), [0; 0]);
    assert!(cluster.stopped(3).is_some());
}

// It may have been down when the leader told it.
#[test]
fn a_follower_that_lost_its_log_is_told_until_it_hears() {
    let mut cluster = after_a_lost_disk();
    cluster.deadline(1);
    cluster.settle();
    cluster.restart(3);
    assert_eq!(cluster.stopped(3), None);
    cluster.beat(1);
    assert!(cluster.stopped(3).is_some());
    assert_eq!(cluster.lost_logs(1).len(), 1);
}

/// A leader of term 2 with entries 1 to 4, all of them acknowledged, which has sent a heartbeat since: round 1.
fn leader() -> LoneNode {
    let mut leader = node().log([1, 1, 1]).steady_leader();
    leader.deadline();
    leader
}

fn reports(effects: &Effects) -> Vec<(u64, u64)> {
    let report = |effect: &Effect<u64>| match effect {
        Effect::FollowerLostLog { follower, acknowledged } => Some((follower.0, acknowledged.0)),
        _ => None,
    };
    effects.0.iter().filter_map(report).collect()
}

fn notice(term: u64, acknowledged: u64) -> Message<u64> {
    Message::LogLost(LogLost { term: Term(term), acknowledged: LogIndex(acknowledged) })
}

fn flow_of_2(leader: &LoneNode) -> FlowStatus {
    leader.raft.status().followers[0].flow
}

#[test]
fn the_refusal_of_what_left_after_the_acknowledgement_is_proof() {
    let mut leader = leader();
    let effects = leader.receive(2, conflict_in(0, 1, 2, 4, at(2, 1)));
    assert_eq!((reports(&effects), effects.sends()), (vec![(2, 4)], vec![(2, notice(2, 4))]));
    assert_eq!(flow_of_2(&leader), FlowStatus::Lost);
}

#[test]
fn the_refusal_of_what_left_before_the_acknowledgement_is_no_proof() {
    let mut leader = leader();
    assert_eq!(leader.receive(2, conflict_in(0, 0, 2, 4, at(2, 1))).0, []);
    leader.propose(5);
    leader.receive(2, accepted(2, 5));
    assert_eq!(leader.receive(2, conflict_in(0, 1, 2, 5, at(2, 1))).0, [], "round 1 began before that too");
    leader.deadline();
    assert_eq!(reports(&leader.receive(2, conflict_in(0, 2, 2, 5, at(2, 1)))), [(2, 5)]);
}

#[test]
fn the_refusal_of_what_was_never_acknowledged_is_no_proof() {
    let mut leader = leader();
    leader.propose(5);
    leader.propose(6);
    assert_eq!(reports(&leader.receive(2, conflict_in(0, 1, 2, 5, at(4, 2)))), []);
}

#[test]
fn proof_that_arrives_twice_is_reported_once() {
    let mut leader = leader();
    leader.deadline();
    let proofs = [(1, 4), (1, 4), (2, 4), (2, 3)];
    let count = proofs.map(|(round, prev)| reports(&leader.receive(2, conflict_in(0, round, 2, prev, at(0, 0)))).len());
    assert_eq!(count, [1, 0, 0, 0]);
}

#[test]
fn a_follower_that_lost_its_log_gets_nothing_but_the_notice() {
    let mut leader = leader();
    leader.receive(2, conflict_in(0, 1, 2, 4, at(0, 0)));
    assert_eq!(leader.propose(5).sends_to(2), []);
    assert_eq!(leader.receive(2, accepted(2, 4)).sends_to(2), []);
    assert_eq!(leader.receive(2, conflict_in(0, 1, 2, 4, at(0, 0))).appends_to(2), []);
    leader.step(raft_core::Input::PeerUnreachable { peer: NodeId(2) });
    assert_eq!(leader.deadline().sends_to(2), [notice(2, 4)]);
}

#[test]
fn a_server_that_is_told_stops_before_it_does_harm() {
    let mut follower = node().log([1, 1]).term(2).follower_of(2);
    let effects = follower.receive(2, notice(2, 4));
    assert_eq!(effects.fatal(), Some(FatalError::LogLost { acknowledged: LogIndex(4), durable: LogIndex(2) }));
    let asked = raft_core::Input::Receive { from: NodeId(3), message: request_vote(3, at(9, 2)) };
    assert_eq!(follower.try_step(asked), Err(InputError::Stopped));
}

#[test]
fn a_server_that_holds_what_it_acknowledged_is_not_stopped() {
    let mut follower = node().log([1, 1, 1, 1]).term(2).follower_of(2);
    assert_eq!(follower.receive(2, notice(2, 4)).fatal(), None);
    follower.receive(2, heartbeat(2, at(4, 1), 4));
}

#[test]
fn a_notice_of_an_earlier_term_stops_nobody() {
    let mut follower = node().log([1, 1]).term(2).follower_of(2);
    assert_eq!(follower.receive(3, notice(1, 4)).fatal(), None);
}

// While the snapshot is written, what the disk holds of the log is nothing.
#[test]
fn a_server_that_is_writing_a_snapshot_is_not_stopped_by_a_late_notice() {
    let mut follower = node().log([1, 1, 1, 1]).term(2).follower_of(2);
    follower.receive(2, install_snapshot(2, &snapshot(at(9, 2), 1..=3, 1), 0, &[7]));
    assert_eq!(follower.receive(2, notice(2, 4)).fatal(), None);
}

#[test]
fn a_leader_that_is_told_so_refuses_to_believe_it() {
    let mut leader = node().steady_leader();
    let told = raft_core::Input::Receive { from: NodeId(2), message: notice(1, 9) };
    assert_eq!(leader.try_step(told), Err(InputError::SecondLeader { term: Term(1), from: NodeId(2) }));
}

#[derive(Clone, Debug)]
enum Event {
    Propose,
    Deadline(u64),
    Deliver(usize),
    DeliverAgain(usize),
    Lose(usize),
    Persist(u64),
    Restart(u64),
    Snapshot(u64),
    Unreachable(u64, u64),
}

fn event() -> impl Strategy<Value = Event> {
    let id = 1..=3u64;
    prop_oneof![
        3 => Just(Event::Propose),
        2 => id.clone().prop_map(Event::Deadline),
        8 => (0..16usize).prop_map(Event::Deliver),
        4 => (0..16usize).prop_map(Event::DeliverAgain),
        1 => (0..16usize).prop_map(Event::Lose),
        6 => id.clone().prop_map(Event::Persist),
        1 => id.clone().prop_map(Event::Restart),
        1 => id.clone().prop_map(Event::Snapshot),
        1 => (id.clone(), id).prop_map(|(of, peer)| Event::Unreachable(of, peer)),
    ]
}

proptest! {
    #![proptest_config(tests::property(300))]

    // Messages late, twice and in any order, restarts with all that is durable: the cluster panics on a fatal effect.
    #[test]
    fn nobody_honest_is_accused(events in prop::collection::vec(event(), 1..200)) {
        let mut cluster = Cluster::of(3).configured(|config| {
            config.trailing_entries = 1;
            config.snapshot_chunk_bytes = 8;
            config.max_entries_per_append = 2;
        });
        cluster.elect(1);
        for event in events {
            match event {
                Event::Propose => (1..=3).for_each(|id| cluster.propose(id, 5)),
                Event::Deadline(id) => cluster.deadline(id),
                Event::Deliver(place) | Event::DeliverAgain(place) | Event::Lose(place) => {
                    let mut wires = cluster.take(|_| true);
                    if !wires.is_empty() {
                        let envelope = wires.remove(place % wires.len());
                        wires.into_iter().for_each(|later| cluster.put_back(later));
                        if let Event::DeliverAgain(_) = event {
                            cluster.put_back(envelope.clone());
                        }
                        if !matches!(event, Event::Lose(_)) {
                            cluster.deliver(envelope);
                        }
                    }
                }
                Event::Persist(id) => cluster.persist(id),
                Event::Restart(id) => cluster.restart(id),
                Event::Snapshot(id) => {
                    let raft = cluster.raft(id);
                    if raft.last_applied() > raft.snapshot().map_or(LogIndex(0), |taken| taken.last.index) {
                        cluster.take_snapshot(id);
                    }
                }
                Event::Unreachable(of, peer) => {
                    cluster.step(of, raft_core::Input::PeerUnreachable { peer: NodeId(peer) });
                }
            }
            for id in 1..=3 {
                prop_assert_eq!(cluster.lost_logs(id), &[][..]);
            }
        }
    }
}

// What it says twice it does not hold twice: all that left since it said so first is proof.
#[test]
fn an_acknowledgement_said_again_does_not_put_off_the_proof() {
    let mut leader = leader();
    leader.receive(2, accepted(2, 4));
    assert_eq!(reports(&leader.receive(2, conflict_in(0, 1, 2, 4, at(2, 1)))), [(2, 4)]);
}
