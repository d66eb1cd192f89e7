//! What becomes of the healed core while members still come and go, and how the probing client finds its way in it.

use sim::trace::{Change, Record, Request, What};
use sim::{Membership, NodeId, NodeSet, Outside, World};

use crate::cores::{Idle, State, from_the_start};
use crate::liveness::{healed, plan, since_healed};

const MS: u64 = 1_000_000;

/// Well after the faults have ended, and long before the core must have settled.
const LATER_NS: u64 = 4_000 * MS;
const LATEST_NS: u64 = 5_000 * MS;

const ALL: NodeSet = NodeSet(0b11111);

fn voters(bits: u8) -> Membership {
    Membership { voters: NodeSet(bits), ..Membership::default() }
}

/// Five servers with these configurations and empty logs: the first, and from [`LATER_NS`] and [`LATEST_NS`] on the others.
/// All of them are in the core, as far as they have a vote. Where no log holds a configuration, the last of the
/// servers knows what is in force.
fn changing(configurations: [&[Membership]; 5], outside: &[Outside]) -> World<Idle> {
    changing_with_logs(configurations, [&[]; 5], outside)
}

fn changing_with_logs(configurations: [&[Membership]; 5], logs: [&[u64]; 5], outside: &[Outside]) -> World<Idle> {
    let states = configurations.iter().zip(logs).map(|(configurations, log)| {
        let state = |membership: &Membership| (*membership, log.to_vec());
        [0, LATER_NS, LATEST_NS].into_iter().zip(configurations.iter().map(state)).collect()
    });
    healed::<Idle>(plan(5, states.collect::<Vec<Vec<(u64, State)>>>(), outside), 1).0
}

/// What the trace says of the core since the heal.
fn cores(world: &World<Idle>) -> Vec<String> {
    let remarks = since_healed(world).flat_map(|record| &record.changes).filter_map(|change| match change {
        Change::Remark { says } => says.strip_prefix("the core is ").map(str::to_owned),
        _ => None,
    });
    remarks.collect()
}

fn assert_cores(world: &World<Idle>, cores_since: &[&str]) {
    assert_eq!(cores(world), cores_since);
}

/// Whom the probing client asks since the heal.
fn asked(world: &World<Idle>) -> Vec<Request> {
    let ask = |record: &Record| match &record.what {
        What::Ask(request) => Some(request.clone()),
        _ => None,
    };
    since_healed(world).filter_map(ask).collect()
}

#[test]
fn who_has_lost_its_vote_leaves_the_core_and_is_asked_for_nothing_more() {
    let (five, three) = (voters(ALL.0), voters(0b11100));
    let world = changing([&[five, three]; 5], &[]);
    assert_cores(&world, &["{n3 n4 n5} now"]);
    let at = world.records().iter().position(|record| record.at_ns >= LATER_NS + MS).expect("it goes on");
    let later = &world.records()[at..];
    let is_of_the_others = |record: &&Record| matches!(&record.what, What::Ask(request) if request.to.0 < 2);
    assert_eq!(later.iter().filter(is_of_the_others).count(), 0);
}

#[test]
fn who_has_lost_its_vote_stays_until_those_who_count_on_it_have_heard() {
    let (five, three) = (voters(ALL.0), voters(0b11100));
    // By n5, which knows, n4 has a vote, and n4 counts on all five until it hears of the change.
    let world = changing([&[five], &[five], &[five], &[five, five, three], &[five, three, three]], &[]);
    assert_cores(&world, &[]);
    let world = changing([&[five], &[five], &[five, three], &[five, three], &[five, three]], &[]);
    assert_cores(&world, &["{n3 n4 n5} now"]);
}

#[test]
fn the_core_stays_as_it_is_where_the_rest_would_be_no_quorum_of_what_they_go_by() {
    // n5 goes by {n4 n5}, and n4 still counts on n3 too. n3 is two changes behind: it has a vote by n4's word, and counts on
    // n1 and n2, of whom nobody else does.
    let (old, between, now) = (voters(0b00111), voters(0b11100), voters(0b11000));
    let first = voters(ALL.0);
    let behind = changing([&[first], &[first], &[first, old], &[first, between], &[first, now]], &[]);
    assert_cores(&behind, &[]);
    // Once it has heard they go.
    let heard = changing([&[first], &[first], &[first, old, between], &[first, between], &[first, now]], &[]);
    assert_cores(&heard, &["{n3 n4 n5} now"]);
}

#[test]
fn the_core_stays_as_it_is_where_the_rest_would_elect_nobody() {
    // n4 has the later log and no vote by what it goes by: it refuses n5, and only n3 would be elected, by n4 and itself.
    let (three, two, one) = (voters(0b11100), voters(0b11000), voters(0b10000));
    let configurations: [&[Membership]; 5] = [&[three], &[three], &[three], &[three, one], &[three, two]];
    let later_logs: [&[u64]; 5] = [&[], &[], &[1, 2], &[1, 2], &[1]];
    assert_cores(&changing_with_logs(configurations, later_logs, &[]), &[]);
    // With equal logs n5 is elected without n3.
    let same_logs: [&[u64]; 5] = [&[], &[], &[1], &[1], &[1]];
    assert_cores(&changing_with_logs(configurations, same_logs, &[]), &["{n4 n5} now"]);
}

#[test]
fn who_goes_on_without_a_vote_joins_the_core_with_one_and_goes_on_without_it_again() {
    let (four, five) = (voters(0b11110), voters(ALL.0));
    let world = changing([&[four, five, four]; 5], &[Outside::Connected]);
    let cores = cores(&world);
    let [with_n1, without] = &cores[..] else { panic!("{cores:?}") };
    assert!(with_n1.starts_with("{n1 ") && !without.contains("n1"), "{cores:?}");
}

#[test]
fn who_leaves_the_core_and_goes_on_may_come_back() {
    let (two, one) = (voters(0b11000), voters(0b10000));
    assert_cores(&changing([&[two, one, two]; 5], &[Outside::Connected]), &["{n5} now", "{n4 n5} now"]);
    // Who is not asked to go on does not.
    assert_cores(&changing([&[two, one, two]; 5], &[Outside::Down]), &["{n5} now"]);
}

#[test]
fn who_is_down_for_good_does_not_join_the_core_with_a_vote() {
    let (four, five) = (voters(0b11110), voters(ALL.0));
    assert_cores(&changing([&[four, five]; 5], &[Outside::Down]), &[]);
}

/// A read proves nothing about commits.
#[test]
fn the_probe_asks_for_writes_and_every_node_of_the_core() {
    let states = vec![(Membership::of_all(5), Vec::new()); 5];
    let (world, _) = healed::<Idle>(plan(5, from_the_start(states), &[]), 1);
    // The first is part of the heal itself.
    let asked = asked(&world);
    assert!(asked.len() >= 7, "{asked:?}");
    assert!(asked.iter().all(|request| request.says.contains("Put")), "{asked:?}");
    for node in NodeId::all(5) {
        assert!(asked.iter().any(|request| request.to == node), "{node}: {asked:?}");
    }
}

/// n1 and n2 name each other, and so do n3 and n4.
#[test]
fn the_probe_follows_hints_and_goes_on_where_they_lead_it_in_circles() {
    let world = changing([&[voters(ALL.0)]; 5], &[]);
    let asked: Vec<u8> = asked(&world).iter().map(|request| request.to.0 + 1).collect();
    let (first, rest) = asked.split_at(6);
    // The first ask of the heal itself was of n2, or nobody's.
    assert!(first.starts_with(&[1, 2, 1, 2]) || first.starts_with(&[2, 1, 2, 1]), "{asked:?}");
    assert!(rest.windows(2).any(|pair| pair == [3, 4]) && rest.contains(&5), "{asked:?}");
}

/// n4 names n3, which is down for good.
#[test]
fn the_probe_follows_no_hint_out_of_the_core() {
    let world = changing([&[voters(0b11011)]; 5], &[Outside::Down]);
    let asked = asked(&world);
    assert!(asked.iter().any(|request| request.to == NodeId(3)), "{asked:?}");
    assert!(asked.iter().all(|request| request.to != NodeId(2)), "{asked:?}");
}
