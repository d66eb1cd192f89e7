//! The harness itself: what it must notice about the protocols put into it, and what it must not depend on.

// A test out of a failing run's folder names its subject as other crates do.
extern crate self as harness;

mod core_changes;
mod cores;
mod coverage;
mod faults;
mod flawed;
mod hasty_reader;
mod leases;
mod liveness;
mod operations;
#[expect(unused_qualifications, reason = "what is pasted names everything by its whole path")]
mod pasted;
mod repeats;
mod shelves;
mod streams;
mod tapes;
mod toy;
mod traces;

use hasty_reader::HastyReader;
use scenarios::catalogue;
use scenarios::raft_core_subject::{RaftCore, Settings};
use sim::{
    Campaign, Clients, DiskPlan, FailureKind, Fault, Network, NodeSet, Plan, Scenario, Subject, TimedFault, run_plan,
    run_seed,
};
use toy::{Habit, Toy};

const MS: u64 = 1_000_000;

fn plan(habit: Habit) -> Plan<u8> {
    Plan {
        nodes: 3,
        members: NodeSet::all(3),
        duration_ns: 500 * MS,
        settings: habit.settings(),
        network: Network {
            latency_ns: (MS, 5 * MS),
            loss_ppm: 10_000,
            duplication_ppm: 0,
            reordering_ppm: 0,
            reordering_ns: 0,
            ..Network::default()
        },
        links: Vec::new(),
        disk: DiskPlan { write_ns: (0, 0), loses: false, tears: false, ..DiskPlan::default() },
        clock_drift_ppm: vec![0; 3],
        // They ask whomever they like: the toy has no leader to be asked.
        clients: Clients::Closed { count: 2, think_ns: (10 * MS, 20 * MS), timeout_ns: 50 * MS },
        faults: Vec::new(),
        operations: Vec::new(),
        heal: None,
        engine: sim::Engine::Time,
    }
}

fn slow_disk(at_ns: u64, extra_ns: u64) -> TimedFault {
    TimedFault::at(at_ns, Fault::SlowDisk { nodes: NodeSet(1), extra_ns, for_ns: 1 })
}

fn scenario(habit: Habit) -> Scenario<Toy> {
    Scenario::new("toy", "a protocol with a habit", &[], move |_| plan(habit))
}

fn failure(habit: Habit) -> sim::Failure {
    run_seed(&scenario(habit), 1).expect("a plan").failure.expect("a failure")
}

#[test]
fn a_protocol_that_does_no_harm_passes() {
    assert_eq!(run_plan::<Toy>(&plan(Habit::Chats), 1).expect("a plan").failure, None);
}

#[test]
fn a_panic_is_a_crash_with_its_message_and_place() {
    let failure = failure(Habit::Panics);
    assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Crash, "crash"));
    assert!(failure.detail.contains("the toy is broken") && failure.detail.contains("toy.rs"), "{}", failure.detail);
    assert!(failure.event > 0);
}

#[test]
fn a_node_that_stops_itself_is_a_crash() {
    let failure = failure(Habit::Stops);
    assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Crash, "crash"));
}

#[test]
fn a_node_that_cannot_start_is_a_crash() {
    assert_eq!(failure(Habit::CannotStart).kind, FailureKind::Crash);
}

#[test]
fn a_panic_at_the_first_start_is_a_crash_too() {
    let failure = failure(Habit::PanicsAtStart);
    assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Crash, "crash"));
    assert!(failure.detail.contains("broken from the start"), "{}", failure.detail);
}

#[test]
fn a_recorded_run_has_the_hash_of_the_run() {
    let scenario = scenario(Habit::Chats);
    let (_, recorded) = sim::record_seed(&scenario, 1).expect("a plan");
    assert_eq!(recorded, run_seed(&scenario, 1).expect("a plan"));
}

#[test]
fn a_node_that_refuses_an_honest_message_is_a_safety_failure() {
    let failure = failure(Habit::Refuses);
    assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Safety, "honest_peers"));
}

#[test]
fn a_node_that_names_another_which_the_cluster_does_not_have_is_a_crash() {
    for habit in [Habit::WritesToStrangers, Habit::NamesStrangers] {
        let failure = failure(habit);
        assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Crash, "crash"));
        assert!(failure.detail.contains("names n9, of a cluster of "), "{}", failure.detail);
    }
}

/// How the first of so many seeds of the swarm ends in which something is wrong with this subject.
fn first_failure<S: Subject<Settings = Settings>>(seeds: u64) -> Option<sim::Failure> {
    let scenario = catalogue::find::<RaftCore>("swarm", None).expect("the catalogue has it");
    (0..seeds).find_map(|seed| run_plan::<S>(&scenario.plan(seed), seed).expect("a plan").failure)
}

#[test]
fn a_leader_that_does_not_ask_whether_it_still_leads_reads_what_is_stale() {
    let failure = first_failure::<HastyReader<false>>(400).expect("a deposed leader that is asked");
    assert_eq!(failure.checker, "linearizable_reads", "{}", failure.detail);
}

#[test]
fn a_follower_that_answers_from_what_it_has_applied_reads_what_is_stale() {
    let failure = first_failure::<HastyReader<true>>(20).expect("a follower that is asked");
    assert_eq!(failure.checker, "linearizable_reads", "{}", failure.detail);
}

#[test]
fn a_usurper_breaks_election_safety() {
    let failure = failure(Habit::Usurps);
    assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Safety, "election_safety"));
}

/// A subject with a source of randomness of its own, as an unordered map would be one.
#[test]
fn a_failing_run_that_does_not_repeat_itself_is_a_divergence() {
    let failure = failure(Habit::Wavers);
    assert_eq!(failure.kind, FailureKind::Divergence, "{}", failure.detail);
    assert!(failure.event > 0);
}

/// One run in 64 is looked at twice although nothing is wrong with it.
#[test]
fn a_clean_run_that_does_not_repeat_itself_is_a_divergence_where_its_seed_is_sampled() {
    for seed in [0, 64] {
        let report = run_seed(&scenario(Habit::Meanders), seed).expect("a plan");
        let failure = report.failure.expect("a failure");
        assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Divergence, "replay"), "{}", failure.detail);
        assert!(failure.event > 0);
    }
}

/// The price of looking at one in 64: what the sampled seeds are for.
#[test]
fn a_clean_run_that_does_not_repeat_itself_passes_where_its_seed_is_not_sampled() {
    for seed in [1, 63, 65] {
        assert_eq!(run_seed(&scenario(Habit::Meanders), seed).expect("a plan").failure, None);
    }
}

#[test]
fn a_clean_run_that_repeats_itself_passes_where_its_seed_is_sampled() {
    for seed in [0, 64] {
        assert_eq!(run_seed(&scenario(Habit::Chats), seed).expect("a plan").failure, None);
    }
}

#[test]
fn a_campaign_meets_a_sampled_seed() {
    let campaign = Campaign { seeds: 1..100, jobs: 2, fail_fast: false };
    let report = campaign.run(&scenario(Habit::Meanders), |_| true).expect("plans");
    let seeds: Vec<u64> = report.failures.iter().map(|(seed, _)| *seed).collect();
    assert_eq!(seeds, [64]);
}

#[test]
fn a_signature_is_the_same_for_other_seeds() {
    let signature =
        |seed| run_seed(&scenario(Habit::Usurps), seed).expect("a plan").failure.expect("a failure").signature;
    assert_eq!(signature(1), signature(2));
}

#[test]
fn another_seed_is_another_run_and_the_same_seed_the_same() {
    let hash = |seed| run_plan::<Toy>(&plan(Habit::Chats), seed).expect("a plan").trace_hash;
    assert_eq!(hash(1), hash(1));
    assert_ne!(hash(1), hash(2));
}

#[test]
fn a_campaign_does_not_depend_on_the_number_of_threads() {
    let campaign = |jobs| {
        let report = Campaign { seeds: 10..60, jobs, fail_fast: false }.run(&scenario(Habit::Chats), |_| true);
        let report = report.expect("plans");
        (report.trace_hash, report.runs, report.totals.events)
    };
    assert_eq!(campaign(1), campaign(4));
}

#[test]
fn fail_fast_ends_with_the_first_failing_seed_however_many_threads() {
    for jobs in [1, 4] {
        let campaign = Campaign { seeds: 5..500, jobs, fail_fast: true };
        let report = campaign.run(&scenario(Habit::Usurps), |_| true).expect("plans");
        assert_eq!((report.runs, report.failures.len(), report.failures[0].0), (1, 1, 5));
    }
}

#[test]
fn without_fail_fast_every_failing_seed_is_reported_in_order() {
    let campaign = Campaign { seeds: 5..25, jobs: 3, fail_fast: false };
    let report = campaign.run(&scenario(Habit::Usurps), |_| true).expect("plans");
    let seeds: Vec<u64> = report.failures.iter().map(|(seed, _)| *seed).collect();
    assert_eq!(seeds, (5..25).collect::<Vec<_>>());
}

#[test]
fn a_watcher_that_has_seen_enough_ends_the_campaign_without_a_gap() {
    let campaign = Campaign { seeds: 0..1_000_000, jobs: 3, fail_fast: false };
    let report = campaign.run(&scenario(Habit::Chats), |report| report.runs < 20).expect("plans");
    assert!((20..200).contains(&report.runs), "{}", report.runs);
    let again = Campaign { seeds: 0..report.runs, jobs: 1, fail_fast: false }.run(&scenario(Habit::Chats), |_| true);
    assert_eq!(again.expect("plans").trace_hash, report.trace_hash);
}

#[test]
fn a_failing_test_says_what_broke_and_how_to_have_it_again() {
    let panic = std::panic::catch_unwind(|| sim::check(&scenario(Habit::Usurps), 3)).expect_err("it fails");
    let text = panic.downcast_ref::<String>().expect("a message");
    for words in ["election_safety", "RAFT_SIM_SEED=0x", "cargo test", "LEADER"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn a_run_that_grows_without_end_is_ended() {
    let failure = failure(Habit::Storms);
    assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Liveness, "runaway"));
}

#[test]
fn what_the_network_keeps_for_later_is_nobodys_growth() {
    let scenario = catalogue::find::<RaftCore>("bench", None).expect("it is there");
    let mut plan = scenario.plan(1);
    plan.duration_ns = 15_000 * MS;
    // Every message arrives once more, and none of them before the end.
    (plan.network.stale_ppm, plan.network.stale_ns) = (1_000_000, 1_000_000 * MS);
    let report = run_plan::<RaftCore>(&plan, 1).expect("a plan");
    assert_eq!(report.failure, None);
    assert!(report.totals.deliveries > 15_000, "{} messages are kept, as many as arrive", report.totals.deliveries);
}

#[test]
fn a_timer_that_stands_still_is_ended() {
    let failure = failure(Habit::Fidgets);
    assert_eq!((failure.kind, failure.checker.as_str()), (FailureKind::Liveness, "runaway"));
}

#[test]
fn a_plan_that_makes_no_sense_is_refused_with_the_field() {
    let refused = |change: fn(&mut Plan<u8>)| {
        let mut plan = plan(Habit::Chats);
        change(&mut plan);
        run_plan::<Toy>(&plan, 1).expect_err("must be refused").field
    };
    assert_eq!(refused(|plan| plan.nodes = 0), "nodes");
    assert_eq!(refused(|plan| plan.nodes = 8), "nodes");
    assert_eq!(refused(|plan| plan.duration_ns = 0), "duration_ns");
    assert_eq!(refused(|plan| plan.duration_ns = u64::MAX), "duration_ns");
    assert_eq!(refused(|plan| plan.clock_drift_ppm.clear()), "clock_drift_ppm");
    assert_eq!(refused(|plan| plan.clock_drift_ppm[0] = 900_000), "clock_drift_ppm");
    assert_eq!(refused(|plan| plan.network.latency_ns = (2, 1)), "network.latency_ns");
    assert_eq!(refused(|plan| plan.clients = Clients::Open { every_ns: 0 }), "clients.every_ns");
    // Times are added up: none may reach the end of their range.
    assert_eq!(refused(|plan| plan.clients = Clients::Open { every_ns: u64::MAX }), "clients.every_ns");
    assert_eq!(refused(|plan| plan.network.reordering_ns = u64::MAX), "network.reordering_ns");
    assert_eq!(
        refused(|plan| plan.clients = Clients::Closed { count: 1, think_ns: (0, 1), timeout_ns: u64::MAX }),
        "clients.timeout_ns"
    );
    assert_eq!(refused(|plan| plan.faults = vec![slow_disk(0, u64::MAX)]), "faults");
    assert_eq!(refused(|plan| plan.faults = vec![slow_disk(u64::MAX, 0)]), "faults");
}
