//! The healed phase: who is in the core, what becomes of the others, and what the core must not fail to do.

use scenarios::raft_core_subject::{RaftCore, Settings};
use sim::choices::Choices;
use sim::trace::{Record, Request, What};
use sim::{
    Clients, DiskPlan, Failure, FailureKind, Fault, Heal, Nemesis, Network, NodeSet, OperationClass, Outside, Plan,
    RunReport, Subject, TimedFault, World, run_plan,
};

use crate::flawed::{BAD, Flaw, Flawed};

const MS: u64 = 1_000_000;
const FAULTS_END_NS: u64 = 3_000 * MS;
const TIMEOUTS_MS: (u64, u64) = (100, 200);
const TEMPO_NS: u64 = TIMEOUTS_MS.1 * MS;

fn raft_settings() -> Settings {
    Settings {
        election_timeout_ms: TIMEOUTS_MS,
        heartbeat_ms: 40,
        append: (8, 1 << 20),
        in_flight: (8, 1 << 20),
        keys: 4,
        ..Settings::default()
    }
}

fn heal(outside: &[Outside]) -> Heal {
    Heal { election_timeout_ns: (TIMEOUTS_MS.0 * MS, TEMPO_NS), catch_up_ns: 0, outside: outside.to_vec(), then: None }
}

/// `nodes` servers on a fair network, with a client, and then a healed core.
pub(crate) fn plan<T>(nodes: u8, settings: T, outside: &[Outside]) -> Plan<T> {
    Plan {
        nodes,
        members: NodeSet::all(nodes),
        duration_ns: FAULTS_END_NS,
        settings,
        network: Network {
            latency_ns: (MS, 5 * MS),
            loss_ppm: 100_000,
            duplication_ppm: 10_000,
            reordering_ppm: 10_000,
            reordering_ns: 50 * MS,
            ..Network::default()
        },
        links: Vec::new(),
        disk: DiskPlan { write_ns: (MS, 2 * MS), loses: true, tears: false, ..DiskPlan::default() },
        clock_drift_ppm: vec![0; usize::from(nodes)],
        clients: Clients::Closed { count: 1, think_ns: (20 * MS, 40 * MS), timeout_ns: 300 * MS },
        faults: Vec::new(),
        operations: Vec::new(),
        heal: Some(heal(outside)),
        engine: sim::Engine::Time,
    }
}

/// At this time, until the faults end for good, this goes wrong.
fn lasting(fault: Fault) -> TimedFault {
    TimedFault::at(1_000 * MS, fault)
}

fn run(plan: &Plan<Settings>, seed: u64) -> RunReport {
    run_plan::<RaftCore>(plan, seed).expect("a plan that makes sense")
}

/// Three servers with a flaw, all in the core: how their run ends.
fn end_of(flaw: Flaw, faults: Vec<TimedFault>, seed: u64) -> Option<Failure> {
    let settings = Flawed::settings(raft_settings(), flaw, FAULTS_END_NS);
    let plan = Plan { faults, ..plan(3, settings, &[]) };
    run_plan::<Flawed>(&plan, seed).expect("a plan that makes sense").failure
}

#[track_caller]
fn assert_no_liveness(flaw: Flaw, faults: &[TimedFault], words: &str) {
    for seed in 0..5 {
        let failure = end_of(flaw, faults.to_vec(), seed).expect("a failure");
        assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Liveness, "liveness"), "{}", failure.detail);
        assert!(failure.detail.contains(words), "\"{words}\" is not in \"{}\"", failure.detail);
    }
}

/// All are down when the faults end, so that somebody must campaign.
fn all_down() -> TimedFault {
    lasting(Fault::Crash { nodes: NodeSet::all(3), down_ns: u64::MAX })
}

/// The server with the flaw misses so much that nobody elects it.
fn bad_down() -> TimedFault {
    lasting(Fault::Crash { nodes: NodeSet::default().with(BAD), down_ns: u64::MAX })
}

#[test]
fn sound_servers_recover_from_any_fault_that_lasts() {
    let (nodes, for_ns) = (NodeSet::all(3), u64::MAX);
    for fault in [
        Fault::Crash { nodes, down_ns: u64::MAX },
        Fault::Pause { nodes, for_ns },
        Fault::Partition { side: NodeSet(1), for_ns },
        Fault::OneWayPartition { from: NodeSet(1), to: NodeSet(2), for_ns },
        Fault::SlowDisk { nodes, extra_ns: 200 * MS, for_ns },
    ] {
        for seed in 0..5 {
            assert_eq!(end_of(Flaw::Sound, vec![lasting(fault)], seed), None, "{fault:?}");
        }
    }
}

#[test]
fn a_core_in_which_nobody_campaigns_fails() {
    assert_no_liveness(Flaw::Sleeps, &[all_down()], "no node of the core leads");
}

/// Each of them has a vote, and some have all that is committed: that nobody leads is a mistake of theirs.
#[test]
fn a_core_in_which_nobody_votes_for_anybody_else_fails_without_excuse() {
    assert_no_liveness(Flaw::IgnoresCandidates, &[all_down()], "no node of the core leads; nothing excuses it");
}

#[test]
fn a_core_that_answers_no_client_fails() {
    assert_no_liveness(Flaw::IgnoresClients, &[], "no write that was asked for since the heal was answered");
}

#[test]
fn a_core_in_which_only_the_leader_answers_fails() {
    assert_no_liveness(Flaw::IgnoresClientsOfFollowers, &[], "never answered it");
}

#[test]
fn a_core_that_has_lost_a_request_long_before_and_told_nobody_fails() {
    assert_no_liveness(Flaw::LosesOneRequest, &[], "nor given it up");
}

#[test]
fn a_core_whose_leader_refuses_to_read_fails() {
    assert_no_liveness(Flaw::RefusesReads, &[], "leads the settled core, and refused");
}

#[test]
fn a_core_whose_leader_refuses_to_write_once_it_has_settled_fails() {
    assert_no_liveness(Flaw::RefusesSecondWrite, &[], "leads the settled core, and refused");
}

/// It may be too busy just then, as where a learner has just become a voter.
#[test]
fn a_core_whose_leader_refuses_to_write_once_is_asked_again() {
    for seed in 0..5 {
        assert_eq!(end_of(Flaw::RefusesOneWrite, Vec::new(), seed), None);
    }
}

#[test]
fn a_core_of_which_one_node_stays_behind_fails() {
    assert_no_liveness(Flaw::IgnoresEntries, &[bad_down()], &format!("{BAD} has committed up to"));
}

#[test]
fn a_core_whose_leader_is_deposed_again_and_again_fails() {
    assert_no_liveness(Flaw::IgnoresLeaders, &[bad_down()], "");
}

/// Three servers with a flaw, of whose settled core an operator asks this.
fn asked(flaw: Flaw, then: OperationClass, seed: u64) -> RunReport {
    let settings = Flawed::settings(raft_settings(), flaw, FAULTS_END_NS);
    let mut plan = plan(3, settings, &[]);
    plan.heal = Some(Heal { then: Some(then), ..heal(&[]) });
    run_plan::<Flawed>(&plan, seed).expect("a plan that makes sense")
}

#[test]
fn a_settled_core_that_is_asked_for_something_settles_once_more() {
    for then in [OperationClass::TransferLeadership, OperationClass::ChangeMembership] {
        for seed in 0..5 {
            let report = asked(Flaw::Sound, then, seed);
            assert_eq!((report.failure, report.totals.recoveries), (None, 1), "{then:?}, seed {seed}");
            let healed_ns = report.totals.virtual_ns - FAULTS_END_NS;
            assert!(healed_ns > 20 * TEMPO_NS, "{then:?}, seed {seed}: {healed_ns}");
        }
    }
}

#[test]
fn an_operation_that_never_ends_fails() {
    for then in [OperationClass::TransferLeadership, OperationClass::ChangeMembership] {
        for seed in 0..5 {
            let failure = asked(Flaw::IgnoresClientsOnceAsked, then, seed).failure.expect("a failure");
            assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Liveness, "liveness"));
            assert!(failure.detail.contains("no write that was asked for since"), "{}", failure.detail);
        }
    }
}

#[test]
fn a_plan_without_a_healed_phase_ends_with_its_faults() {
    let plan = Plan { heal: None, ..plan(3, raft_settings(), &[]) };
    let report = run(&plan, 1);
    assert_eq!((report.totals.virtual_ns, report.totals.recoveries), (FAULTS_END_NS, 0));
}

#[test]
fn a_recovery_is_counted_and_takes_ten_longest_election_timeouts_at_least() {
    let report = run(&plan(3, raft_settings(), &[]), 1);
    assert_eq!((report.failure, report.totals.recoveries), (None, 1));
    let healed_ns = report.totals.virtual_ns - FAULTS_END_NS;
    assert!((10 * TEMPO_NS..20 * TEMPO_NS).contains(&healed_ns), "{healed_ns}");
}

#[test]
fn a_recovery_costs_few_events() {
    let events = |heal: bool| -> u64 {
        let mut plan = plan(5, raft_settings(), &[Outside::Down]);
        plan.heal = plan.heal.filter(|_| heal);
        (0..10).map(|seed| run(&plan, seed).totals.events).sum()
    };
    // The faults of this plan take 15 longest election timeouts, which is less than any scenario's.
    assert!(events(true) < events(false) * 18 / 10, "{} and {}", events(true), events(false));
}

/// The events from the heal on.
pub(crate) fn since_healed<S: Subject>(world: &World<S>) -> impl Iterator<Item = &Record> {
    world.records().iter().skip_while(|record| record.what != What::Heals)
}

/// What the trace says of the core.
pub(crate) fn healed<S: Subject>(plan: Plan<S::Settings>, seed: u64) -> (World<S>, String) {
    let mut world = World::<S>::recording(plan, seed).expect("a plan that makes sense");
    sim::finish(&mut world);
    let mut changes = since_healed(&world).next().expect("it is healed").changes.iter().map(ToString::to_string);
    let words = changes.find(|words| words.starts_with("HEALED core")).expect("a core");
    (world, words)
}

#[test]
fn the_nodes_outside_the_core_stay_broken_and_the_core_does_not_care() {
    for fate in [Outside::Down, Outside::Paused, Outside::CutOff, Outside::Mute] {
        let mut seen = 0;
        for seed in 0..20 {
            let (world, words) = healed::<RaftCore>(plan(5, raft_settings(), &[fate]), seed);
            assert_eq!(world.failure(), None, "{fate:?}, seed {seed}");
            seen += words.matches(&format!("{fate:?}")).count();
        }
        assert!(seen > 10, "{fate:?}: {seen}");
    }
}

/// What reaches whom, from the heal on: `(from, to)` of every message that arrives.
fn arrivals(world: &World<RaftCore>) -> Vec<(String, String)> {
    let arrives = |record: &Record| match &record.what {
        What::Delivery(message) => Some((message.from.to_string(), message.to.to_string())),
        _ => None,
    };
    since_healed(world).filter_map(arrives).collect()
}

#[test]
fn who_is_cut_off_neither_speaks_nor_hears_and_who_is_mute_or_deaf_does_one_of_both() {
    for (fate, speaks, hears) in
        [(Outside::CutOff, false, false), (Outside::Mute, false, true), (Outside::Deaf, true, false)]
    {
        let (mut spoke, mut heard) = (false, false);
        for seed in 0..10 {
            let (world, words) = healed::<RaftCore>(plan(5, raft_settings(), &[fate]), seed);
            let has_fate = |name: &str| words.contains(&format!("{name} {fate:?}"));
            spoke |= arrivals(&world).iter().any(|(from, _)| has_fate(from));
            heard |= arrivals(&world).iter().any(|(_, to)| has_fate(to));
        }
        assert_eq!((spoke, heard), (speaks, hears), "{fate:?}");
    }
}

#[test]
fn what_is_down_when_the_faults_end_is_down_for_good_or_up_for_good() {
    let mut plan = plan(5, raft_settings(), &[Outside::Down]);
    plan.faults =
        vec![TimedFault::at(FAULTS_END_NS - 200 * MS, Fault::Crash { nodes: NodeSet::all(5), down_ns: 400 * MS })];
    for seed in 0..10 {
        let (world, words) = healed::<RaftCore>(plan.clone(), seed);
        assert_eq!(world.failure(), None);
        let up = sim::NodeId::all(5).filter(|node| world.node(*node).is_some()).count();
        assert_eq!(up, 5 - words.matches("Down").count(), "{words}");
    }
}

#[test]
fn the_same_seed_has_the_same_core_and_others_have_others() {
    let core = |seed| healed::<RaftCore>(plan(5, raft_settings(), &[Outside::Down]), seed).1;
    assert_eq!(core(1), core(1));
    assert!((2..10).any(|seed| core(seed) != core(1)));
}

#[test]
fn faults_clients_and_operations_end_when_the_core_is_healed() {
    let mut plan = plan(3, raft_settings(), &[]);
    let crash = Fault::Crash { nodes: NodeSet::all(3), down_ns: MS };
    plan.faults = vec![TimedFault::at(FAULTS_END_NS + 100 * MS, crash)];
    let (world, _) = healed::<RaftCore>(plan, 1);
    assert_eq!(world.failure(), None);
    for record in since_healed(&world) {
        let is_fault = matches!(record.what, What::Fault { .. } | What::FaultEnds { .. });
        assert!(!is_fault && !matches!(record.what, What::Ask(Request { client: 0, .. })), "{record}");
    }
}

fn nemesis(heal_ppm: u32) -> Nemesis {
    Nemesis {
        message_kinds: 0,
        nodes: vec![(5, 1)],
        faults: Vec::new(),
        about: Vec::new(),
        operations: Vec::new(),
        operations_ppm: 0,
        heal_ppm,
        outside: vec![Outside::Down, Outside::Mute],
        duration: (20, 40),
        clients: (1, 1),
        quiet_ppm: 0,
        open_ppm: 0,
    }
}

fn drawn(nemesis: &Nemesis, timeouts_ms: (u64, u64)) -> Vec<Plan<()>> {
    let timeouts_ns = (timeouts_ms.0 * MS, timeouts_ms.1 * MS);
    (0..200).map(|seed| nemesis.draw(&mut Choices::new(seed).plan(), 5, (), timeouts_ns)).collect()
}

#[test]
fn as_many_plans_are_healed_as_the_scenario_says_and_each_fate_is_allowed_in_some() {
    let count = |heal_ppm| drawn(&nemesis(heal_ppm), (100, 300)).iter().filter(|plan| plan.heal.is_some()).count();
    assert_eq!((count(0), count(1_000_000)), (0, 200));
    assert!((130..170).contains(&count(750_000)));
    let fates = |fate| {
        let plans = drawn(&nemesis(1_000_000), (100, 300));
        plans.into_iter().filter_map(|plan| plan.heal).filter(|heal| heal.outside.contains(&fate)).count()
    };
    assert!((70..130).contains(&fates(Outside::Down)) && (70..130).contains(&fates(Outside::Mute)));
    assert_eq!(fates(Outside::Deaf), 0);
}

/// Raft promises progress only where messages and writes take much less time than elections (§5.6).
#[test]
fn timeouts_that_cannot_elect_anyone_are_not_held_to_it() {
    assert!(drawn(&nemesis(1_000_000), (300, 300)).iter().all(|plan| plan.heal.is_none()));
}

#[test]
fn timeouts_that_make_no_sense_are_refused() {
    for wrong in [(0, 1), (2, 1), (1, u64::MAX)] {
        let mut plan = plan(3, raft_settings(), &[]);
        plan.heal = Some(Heal { election_timeout_ns: wrong, ..heal(&[]) });
        let error = run_plan::<RaftCore>(&plan, 1).expect_err("must be refused");
        assert_eq!(error.field, "heal.election_timeout_ns");
    }
}
