//! Every read ends in exactly one outcome, while the process lives.

use std::collections::BTreeMap;

use proptest::prelude::*;
use raft_core::{LogIndex, ReadMode, ReadOutcome, RoleName};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::node;
use tests::by_hand::messages::{accepted_in, at, heartbeat};

#[test]
fn reads_that_wait_are_lost_when_their_leader_is_deposed() {
    let mut leader = node().steady_leader();
    leader.read(7, ReadMode::ReadIndex);
    leader.read(8, ReadMode::Lease);
    let effects = leader.receive(2, heartbeat(2, at(1, 1), 1));
    assert_eq!(effects.read_outcomes(), [(7, ReadOutcome::Lost), (8, ReadOutcome::Lost)]);
}

#[test]
fn a_late_answer_to_a_lost_read_is_ignored() {
    let mut leader = node().steady_leader();
    leader.read(7, ReadMode::ReadIndex);
    leader.receive(2, heartbeat(2, at(1, 1), 1));
    assert_eq!(leader.receive(3, accepted_in(1, 1, 1)).read_outcomes(), []);
}

#[test]
fn reads_that_wait_are_lost_when_their_leader_hears_nobody() {
    let mut leader = node().configured(|config| config.check_quorum = true).steady_leader();
    leader.read(7, ReadMode::ReadIndex);
    let mut outcomes = Vec::new();
    while leader.role() == RoleName::Leader {
        outcomes.extend(leader.deadline().read_outcomes());
    }
    assert_eq!(outcomes, [(7, ReadOutcome::Lost)]);
}

// It was vouched for while this server led, and waits for nothing but its own disk.
#[test]
fn a_read_that_was_vouched_for_survives_the_leadership() {
    let mut leader = node().steady_leader();
    leader.propose(5);
    leader.receive(2, accepted_in(0, 1, 2));
    leader.receive(3, accepted_in(0, 1, 2));
    leader.read(7, ReadMode::ReadIndex);
    leader.receive(2, accepted_in(1, 1, 2));
    assert_eq!(leader.receive(2, heartbeat(2, at(2, 1), 2)).read_outcomes(), []);
    let ready = ReadOutcome::Ready { index: LogIndex(2) };
    assert_eq!(leader.persist().read_outcomes(), [(7, ready)]);
}

#[test]
fn two_reads_under_one_id_end_twice() {
    let mut leader = node().steady_leader();
    leader.read(7, ReadMode::ReadIndex);
    leader.read(7, ReadMode::ReadIndex);
    leader.deadline();
    assert_eq!(leader.receive(2, accepted_in(2, 1, 1)).read_outcomes().len(), 2);
}

#[derive(Clone, Debug)]
enum Event {
    Read(u64, bool),
    Propose(u64),
    Deadline(u64),
    Deliver(usize),
    Lose(usize),
    CutOff(u64),
    Heal,
}

fn event() -> impl Strategy<Value = Event> {
    let id = 1..=3u64;
    prop_oneof![
        4 => (id.clone(), any::<bool>()).prop_map(|(id, by_lease)| Event::Read(id, by_lease)),
        2 => id.clone().prop_map(Event::Propose),
        2 => id.clone().prop_map(Event::Deadline),
        12 => (0..8usize).prop_map(Event::Deliver),
        1 => (0..8usize).prop_map(Event::Lose),
        1 => id.prop_map(Event::CutOff),
        1 => Just(Event::Heal),
    ]
}

/// What each read ended in, by its id; each server's own.
fn ends(cluster: &Cluster) -> BTreeMap<u64, Vec<ReadOutcome>> {
    let mut ends: BTreeMap<u64, Vec<ReadOutcome>> = BTreeMap::new();
    for (id, outcome) in (1..=3).flat_map(|server| cluster.read_outcomes(server)) {
        ends.entry(*id).or_default().push(*outcome);
    }
    ends
}

proptest! {
    #![proptest_config(tests::property(200))]

    // Whatever happens meanwhile; and a read that is answered sees all that was committed anywhere when it came.
    #[test]
    fn every_read_ends_exactly_once_and_sees_what_was_committed(events in prop::collection::vec(event(), 1..120)) {
        let mut cluster = Cluster::of(3).configured(|config| {
            config.check_quorum = true;
            config.lease_clock_drift_ppm = Some(0);
        });
        cluster.elect(1);
        let mut committed_before = Vec::new();
        for event in events {
            match event {
                Event::Read(id, by_lease) => {
                    let mode = if by_lease { ReadMode::Lease } else { ReadMode::ReadIndex };
                    let read = committed_before.len() as u64;
                    committed_before.push((1..=3).map(|id| cluster.commit(id)).max().unwrap_or(0));
                    cluster.read(id, read, mode);
                }
                Event::Propose(id) => cluster.propose(id, 5),
                Event::Deadline(id) => cluster.deadline(id),
                Event::Deliver(place) | Event::Lose(place) => {
                    let mut wires = cluster.take(|_| true);
                    let is_lost = matches!(event, Event::Lose(_));
                    if !wires.is_empty() {
                        let envelope = wires.remove(place % wires.len());
                        wires.into_iter().for_each(|later| cluster.put_back(later));
                        if !is_lost {
                            let to = envelope.to;
                            cluster.deliver(envelope);
                            cluster.persist(to);
                        }
                    }
                }
                Event::CutOff(id) => {
                    let rest: Vec<u64> = (1..=3).filter(|other| *other != id).collect();
                    cluster.partition(&[&[id], &rest]);
                }
                Event::Heal => cluster.heal(),
            }
        }
        cluster.heal();
        cluster.run_for_ms(3000);
        let ends = ends(&cluster);
        for (read, committed) in committed_before.iter().enumerate() {
            let ends = ends.get(&(read as u64)).map_or(&[][..], Vec::as_slice);
            prop_assert_eq!(ends.len(), 1, "read {} ended {:?}", read, ends);
            if let ReadOutcome::Ready { index } = ends[0] {
                prop_assert!(index.0 >= *committed, "read {} saw {:?} of {}", read, index, committed);
            }
        }
    }
}
