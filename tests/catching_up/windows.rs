//! §5.3: what is sent ahead of its acknowledgement, in appends and in bytes, and how it is given back. What `tests/paper`
//! says of the order of replies is not repeated here.

use std::collections::BTreeMap;

use raft_core::{FlowStatus, Input, LogIndex, Message, NodeId};
use tests::by_hand::lone_node::{Builder, LoneNode, node};
use tests::by_hand::messages::{Command, accepted, at, conflict, conflict_in, heard, snapshot};

/// What an entry with a command counts.
const ENTRY_BYTES: u64 = 24;

fn flow(leader: &LoneNode) -> FlowStatus {
    leader.raft.status().followers.iter().find(|follower| follower.id.0 == 2).expect("2 is a follower").flow
}

/// Appends and bytes on their way to 2.
fn in_flight(leader: &LoneNode) -> (usize, u64) {
    match flow(leader) {
        FlowStatus::Replicate { appends_in_flight, bytes_in_flight } => (appends_in_flight, bytes_in_flight),
        other => panic!("{other:?}"),
    }
}

fn bounded_bytes(bytes: u64) -> Builder {
    node().configured(|config| config.max_bytes_in_flight = bytes)
}

/// Proposes so many commands, and returns how many of them were sent to 2 in the same step.
fn propose(leader: &mut LoneNode, count: u64) -> usize {
    (0..count).map(|command| leader.propose(command).sends_to(2).len()).sum()
}

#[test]
fn a_follower_is_probed_then_replicated_to_then_probed_again() {
    let mut leader = node().log([1, 1, 1]).leader();
    assert_eq!(flow(&leader), FlowStatus::Probe);
    leader.receive(2, accepted(2, 4));
    assert!(matches!(flow(&leader), FlowStatus::Replicate { .. }));
    leader.propose(7);
    leader.propose(8);
    leader.receive(2, conflict(2, 5, at(4, 2)));
    assert_eq!(flow(&leader), FlowStatus::Probe);
    leader.receive(2, accepted(2, 6));
    assert_eq!(in_flight(&leader), (0, 0));
}

#[test]
fn a_follower_goes_from_probing_to_a_snapshot_to_replication() {
    let mut leader = node().snapshot(snapshot(at(10, 1), 1..=3, 8)).leader();
    leader.receive(2, conflict(2, 10, at(3, 1)));
    assert!(matches!(flow(&leader), FlowStatus::Snapshot { .. }));
    leader.receive(2, accepted(2, 10));
    assert!(matches!(flow(&leader), FlowStatus::Replicate { .. }));
}

#[test]
fn the_window_in_bytes_fills() {
    let mut leader = bounded_bytes(3 * ENTRY_BYTES).steady_leader();
    assert_eq!(propose(&mut leader, 5), 3);
    assert_eq!(in_flight(&leader), (3, 3 * ENTRY_BYTES));
}

// It is a bound on what is ahead when another append is sent, not a size into which entries must fit.
#[test]
fn the_append_that_passes_the_bound_in_bytes_is_the_last_one() {
    let mut leader = bounded_bytes(2 * ENTRY_BYTES + 1).steady_leader();
    assert_eq!(propose(&mut leader, 5), 3);
    let mut leader = bounded_bytes(1).steady_leader();
    assert_eq!(propose(&mut leader, 5), 1, "one at least, or nothing would ever be sent");
}

#[test]
fn an_acknowledgement_gives_back_what_it_covers() {
    let mut leader = bounded_bytes(3 * ENTRY_BYTES).steady_leader();
    propose(&mut leader, 5);
    assert_eq!(leader.receive(2, accepted(1, 3)).batches_to(2), [2], "entries 2 and 3 arrived: 5 and 6 follow");
    assert_eq!(in_flight(&leader), (2, 3 * ENTRY_BYTES));
}

#[test]
fn the_window_in_appends_and_the_one_in_bytes_hold_both() {
    let windows = |appends| bounded_bytes(3 * ENTRY_BYTES).max_appends_in_flight(appends);
    assert_eq!(propose(&mut windows(2).steady_leader(), 5), 2);
    assert_eq!(propose(&mut windows(9).steady_leader(), 5), 3);
}

fn permutations(of: &[u64]) -> Vec<Vec<u64>> {
    if of.is_empty() {
        return vec![Vec::new()];
    }
    let without = |place: usize| [&of[..place], &of[place + 1..]].concat();
    let first =
        |place: usize| permutations(&without(place)).into_iter().map(move |rest| [vec![of[place]], rest].concat());
    (0..of.len()).flat_map(first).collect()
}

#[test]
fn the_window_is_given_back_whatever_the_order_of_acknowledgements() {
    for order in permutations(&[2, 3, 4, 5]) {
        let mut leader = bounded_bytes(4 * ENTRY_BYTES).max_appends_in_flight(4).steady_leader();
        propose(&mut leader, 4);
        for index in &order {
            leader.receive(2, accepted(1, *index));
        }
        assert_eq!((in_flight(&leader), leader.progress_of(2)), ((0, 0), (5, 6)), "{order:?}");
    }
}

// All acknowledgements were lost: the answer to a heartbeat says the same.
#[test]
fn the_answer_to_a_heartbeat_gives_the_window_back() {
    let mut leader = node().max_appends_in_flight(2).steady_leader();
    propose(&mut leader, 4);
    leader.deadline();
    assert_eq!(leader.receive(2, accepted(1, 3)).batches_to(2), [2]);
}

#[test]
fn an_answer_that_claims_nothing_gives_nothing_back() {
    let mut leader = node().max_appends_in_flight(2).steady_leader();
    propose(&mut leader, 4);
    assert_eq!(leader.receive(2, heard(1)).sends_to(2), []);
    assert_eq!(in_flight(&leader), (2, 2 * ENTRY_BYTES));
}

#[test]
fn a_conflict_gives_the_window_back() {
    let mut leader = bounded_bytes(4 * ENTRY_BYTES).max_appends_in_flight(4).steady_leader();
    propose(&mut leader, 4);
    leader.receive(2, conflict(1, 3, at(2, 1)));
    leader.receive(2, accepted(1, 5));
    assert_eq!(in_flight(&leader), (0, 0));
    assert_eq!(propose(&mut leader, 6), 4);
}

#[test]
fn a_conflict_halves_the_window_and_each_acknowledgement_opens_it_by_one() {
    let mut leader = node().max_appends_in_flight(12).steady_leader();
    assert_eq!(propose(&mut leader, 20), 12);
    leader.receive(2, conflict(1, 3, at(2, 1)));
    leader.receive(2, accepted(1, 21));
    assert_eq!(propose(&mut leader, 30), 6, "half of the twelve that were under way");
    for (acknowledged, under_way) in [(22, 7), (23, 8), (24, 9), (25, 10), (26, 11), (27, 12), (28, 12)] {
        leader.receive(2, accepted(1, acknowledged));
        propose(&mut leader, 8);
        assert_eq!(in_flight(&leader).0, under_way, "after {acknowledged}");
    }
}

// With fewer under way nothing overtakes what is lost, and only the next heartbeat finds out.
#[test]
fn conflicts_leave_a_window_of_four_appends_unless_the_settings_allow_fewer() {
    for (allowed, left) in [(64, 4), (4, 4), (2, 2)] {
        let mut leader = node().max_appends_in_flight(allowed).steady_leader();
        propose(&mut leader, 2);
        leader.receive(2, conflict(1, 2, at(1, 1)));
        leader.receive(2, accepted(1, 3));
        assert_eq!(propose(&mut leader, 10), left, "of {allowed} allowed");
    }
}

// Each append that is late is a hole, and what overtakes it is refused: with the whole window sent again for every hole
// each entry would go out some dozens of times.
#[test]
fn a_network_that_holds_many_appends_back_is_not_flooded_with_repeats() {
    let entries = 300;
    let mut leader = node().max_appends_in_flight(64).max_entries_per_append(1).steady_leader();
    let mut follower = node().id(2).log([1]).term(1).follower();
    let (mut wire, mut sent, mut now) = (BTreeMap::new(), 0, 0);
    let mut post = |appends: Vec<Message<Command>>, now: u64| {
        for append in appends {
            sent += 1;
            // Two of five arrive when some fifty others have overtaken them.
            wire.insert((now + if sent % 5 < 2 { 50 } else { 1 }, sent), append);
        }
        wire.pop_first()
    };
    let mut next = post((0..entries).flat_map(|command| leader.propose(command).sends_to(2)).collect(), now);
    while let Some(((due, _), append)) = next {
        now = now.max(due) + 1;
        let mut replies = follower.receive(1, append).sends_to(1);
        replies.extend(follower.persist().sends_to(1));
        let appends = replies.into_iter().flat_map(|reply| leader.receive(2, reply).sends_to(2)).collect();
        next = post(appends, now);
    }
    assert_eq!(leader.progress_of(2).0, leader.last(), "all have arrived");
    assert!(sent < 5 * entries, "{sent} appends for {entries} entries");
}

#[test]
fn an_unreachable_follower_is_probed_from_what_matches() {
    let mut leader = bounded_bytes(4 * ENTRY_BYTES).max_appends_in_flight(4).steady_leader();
    propose(&mut leader, 4);
    leader.receive(2, accepted(1, 2));
    let appends = leader.step(Input::PeerUnreachable { peer: NodeId(2) }).appends_to(2);
    assert_eq!((appends.len(), appends[0].prev, flow(&leader)), (1, at(2, 1), FlowStatus::Probe));
    assert_eq!(propose(&mut leader, 3), 0, "one append at a time");
    leader.receive(2, accepted(1, 8));
    assert_eq!(in_flight(&leader), (0, 0));
}

#[test]
fn refusals_of_what_was_sent_before_a_follower_was_unreachable_are_late() {
    let mut leader = node().steady_leader();
    propose(&mut leader, 4);
    leader.step(Input::PeerUnreachable { peer: NodeId(2) });
    assert_eq!(leader.receive(2, conflict(1, 3, at(1, 1))).sends_to(2), []);
    assert_eq!(leader.receive(2, conflict_in(0, 0, 1, 4, at(1, 1))).sends_to(2), []);
}

#[test]
fn a_stranger_may_be_unreachable() {
    let mut leader = node().steady_leader();
    assert_eq!(leader.step(Input::PeerUnreachable { peer: NodeId(9) }).0, []);
    assert_eq!(node().follower().step(Input::PeerUnreachable { peer: NodeId(2) }).0, []);
}

#[test]
fn an_append_carries_no_more_bytes_than_allowed() {
    for (bytes, batches) in [(2 * ENTRY_BYTES, [2]), (3 * ENTRY_BYTES - 1, [2]), (3 * ENTRY_BYTES, [3])] {
        let mut leader = node().log([1; 10]).configured(|config| config.max_bytes_per_append = bytes).leader();
        assert_eq!(leader.receive(2, conflict(2, 10, at(0, 0))).batches_to(2), batches, "{bytes} bytes");
    }
}

#[test]
fn an_entry_larger_than_an_append_goes_alone() {
    let mut leader = node().log([1; 5]).configured(|config| config.max_bytes_per_append = 1).leader();
    assert_eq!(leader.receive(2, conflict(2, 5, at(0, 0))).batches_to(2), [1]);
    assert_eq!(leader.receive(2, accepted(2, 1)).batches_to(2), [1; 5]);
}

// Whatever arrives, and in whatever order: what is known to match is never sent again.
#[test]
fn the_next_entry_is_always_after_what_matches() {
    let reply = |code: u64| match code {
        0..=4 => accepted(2, [4, 5, 6, 8, 9][code as usize]),
        5..=10 => conflict_in(code % 2, 0, 2, 3 + code - 4, at((code - 5) / 2, 1)),
        _ => heard(2),
    };
    for code in 0..12u64.pow(3) {
        let mut leader = node().log([1, 1, 1]).leader();
        propose(&mut leader, 5);
        for place in 0..3 {
            leader.receive(2, reply(code / 12u64.pow(place) % 12));
            let (matched, next) = leader.progress_of(2);
            assert!(matched < next && next <= leader.last() + 1, "{matched} {next} after {code} at {place}");
        }
    }
}

#[test]
fn a_stalled_follower_costs_no_more_than_its_window() {
    let mut leader = bounded_bytes(10 * ENTRY_BYTES).max_appends_in_flight(7).steady_leader();
    let mut appends = 0;
    for command in 0..1000 {
        let effects = leader.propose(command);
        appends += effects.sends_to(2).len();
        leader.persist();
        leader.receive(3, accepted(1, command + 2));
    }
    assert_eq!((appends, in_flight(&leader)), (7, (7, 7 * ENTRY_BYTES)));
    assert_eq!(leader.commit(), 1001, "the others go on");
    for _beat in 0..10 {
        assert_eq!(leader.deadline().batches_to(2), [0]);
    }
}

#[test]
fn a_stalled_follower_catches_up_when_it_is_back() {
    let mut leader = node().max_appends_in_flight(2).max_entries_per_append(10).steady_leader();
    propose(&mut leader, 95);
    let mut held = 1;
    for _exchange in 0..100 {
        held = leader
            .receive(2, accepted(1, held))
            .appends_to(2)
            .last()
            .map_or(held, |append| append.prev.index.0 + append.entries.len() as u64);
        if held == leader.last() {
            break;
        }
        if leader.receive(2, accepted(1, held)).appends_to(2).is_empty() {
            held = leader.progress_of(2).1 - 1;
        }
    }
    leader.receive(2, accepted(1, leader.last()));
    assert_eq!((leader.progress_of(2), leader.last()), ((96, 97), 96));
}

#[test]
fn a_new_leader_starts_with_empty_windows() {
    let mut leader = node().max_appends_in_flight(2).steady_leader();
    propose(&mut leader, 4);
    leader.persist();
    leader.receive(2, tests::by_hand::messages::heartbeat(2, at(1, 1), 1));
    leader.persist();
    leader.deadline();
    leader.persist();
    leader.receive(3, tests::by_hand::messages::vote(3));
    assert_eq!((leader.leader(), flow(&leader)), (Some(1), FlowStatus::Probe));
    leader.receive(2, accepted(3, 6));
    assert_eq!((in_flight(&leader), leader.raft.log().last_index()), ((0, 0), LogIndex(6)));
}

// It was refused for what was lost before it, and all that has been sent again since.
#[test]
fn a_refusal_from_before_the_follower_was_unreachable_changes_nothing() {
    let mut leader = node().max_entries_per_append(1).steady_leader();
    assert_eq!(propose(&mut leader, 4), 4);
    leader.step(Input::PeerUnreachable { peer: NodeId(2) });
    assert_eq!(leader.receive(2, accepted(1, 2)).batches_to(2), [1, 1, 1], "the logs meet: entries 3 to 5 again");
    assert_eq!(leader.receive(2, conflict_in(0, 0, 1, 3, at(1, 1))).0, []);
    assert_eq!((in_flight(&leader).0, leader.progress_of(2)), (3, (2, 6)));
}

#[test]
fn one_allocation_serves_the_disk_and_every_follower() {
    let mut leader = node().of(5).steady_leader();
    let effects = leader.propose(7);
    let [write] = effects.writes()[..] else { panic!("{effects:?}") };
    let written = write.log.as_ref().map(|log| log.entries.as_ptr()).expect("an entry is written");
    assert!((2..=5).all(|follower| effects.appends_to(follower)[0].entries.as_ptr() == written));
}
