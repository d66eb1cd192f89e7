//! Each class of faults does what it says, and is counted where it does.

use scenarios::catalogue;
use scenarios::raft_core_subject::{RaftCore, Settings};
use sim::{
    Aim, Clients, DiskPlan, Fault, FaultClass, LatencyShape, LinkLatency, Moment, Network, NodeId, NodeSet, Plan,
    Shape, Subject, TimedFault, Trigger, World, WriteError, run_plan,
};

const MS: u64 = 1_000_000;
const ALL: NodeSet = NodeSet(0b11111);
const ONE: NodeSet = NodeSet(0b00001);

/// Five servers, three seconds, one client, and this goes wrong after one.
fn plan(fault: Fault) -> Plan<Settings> {
    Plan {
        nodes: 5,
        members: ALL,
        duration_ns: 3_000 * MS,
        settings: Settings { lease_clock_drift_ppm: None, ..Settings::default() },
        network: Network { latency_ns: (MS, 5 * MS), ..Network::default() },
        links: Vec::new(),
        disk: DiskPlan { write_ns: (MS, 2 * MS), loses: true, tears: true, ..DiskPlan::default() },
        clock_drift_ppm: vec![0; 5],
        clients: Clients::Closed { count: 3, think_ns: (5 * MS, 10 * MS), timeout_ns: 300 * MS },
        faults: vec![TimedFault::at(1_000 * MS, fault)],
        operations: Vec::new(),
        heal: None,
        engine: sim::Engine::Time,
    }
}

fn run(plan: &Plan<Settings>) -> World<RaftCore> {
    let mut world = World::recording(plan.clone(), 1).expect("a plan that makes sense");
    world.run();
    assert_eq!(world.failure(), None);
    world
}

fn count(plan: &Plan<Settings>, class: FaultClass) -> u64 {
    run(plan).totals().faults[class]
}

/// The world as it is `after_ms`.
fn at(plan: &Plan<Settings>, after_ms: u64) -> World<RaftCore> {
    let mut world = World::new(plan.clone(), 1).expect("a plan that makes sense");
    while world.now_ns() < after_ms * MS && world.step() {}
    assert_eq!(world.failure(), None);
    world
}

fn down(world: &World<RaftCore>) -> NodeSet {
    NodeId::all(5).filter(|node| world.node(*node).is_none()).fold(NodeSet::default(), NodeSet::with)
}

#[test]
fn a_ring_or_a_bridge_is_counted_as_such_and_not_as_a_split() {
    for (shape, class) in [
        (Shape::Isolated, FaultClass::Isolation),
        (Shape::Bridge, FaultClass::Bridge),
        (Shape::Ring, FaultClass::Ring),
        (Shape::Link, FaultClass::LinkCut),
        (Shape::Scattered, FaultClass::ScatteredCuts),
    ] {
        let world = run(&plan(Fault::Cut { shape, deaf: [NodeSet(0b00010); 7], for_ns: MS }));
        let counts = world.totals().faults;
        assert_eq!((counts[class], counts[FaultClass::Partition]), (1, 0), "{shape:?}");
    }
}

#[test]
fn a_clog_that_is_over_lets_go_of_no_more_than_it_has_room_for() {
    let clog = |room| Fault::Clog { from: ALL, to: ALL, room, is_swizzled: false, for_ns: 200 * MS };
    let (little, much) = (count(&plan(clog(1)), FaultClass::Clog), count(&plan(clog(60)), FaultClass::Clog));
    assert!((5..=20).contains(&little), "{little} held on twenty links with room for one");
    assert!(much > 2 * little, "{much}");
}

#[test]
fn clients_that_are_cut_off_are_answered_nothing_while_servers_go_on() {
    let cut_off = Fault::ClientPartition { nodes: ALL, for_ns: u64::MAX };
    let (cut, free) = (run(&plan(cut_off)), run(&plan(Fault::ClientPartition { nodes: ALL, for_ns: 0 })));
    assert!(2 * cut.totals().commits < free.totals().commits);
    assert_eq!(cut.totals().elections, 1);
}

#[test]
fn links_have_latencies_of_their_own_and_messages_come_back() {
    let mut plan = plan(Fault::Pause { nodes: NodeSet::default(), for_ns: 0 });
    let link = LinkLatency { shape: LatencyShape::HeavyTail, latency_ns: (MS, 5 * MS), tail_ns: 50 * MS };
    plan.links = vec![link; 25];
    (plan.network.stale_ppm, plan.network.stale_ns) = (100_000, 800 * MS);
    let counts = run(&plan).totals().faults;
    assert!(counts[FaultClass::UnevenLatency] > 50 && counts[FaultClass::StaleReplay] > 50, "{counts:?}");
    plan.links.pop();
    assert_eq!(run_plan::<RaftCore>(&plan, 1).expect_err("a link is missing").field, "links");
}

#[test]
fn those_that_crash_together_start_one_by_one_in_the_order_of_the_plan() {
    let order = [4, 3, 2, 1, 0, 0, 0];
    let plan = plan(Fault::CrashTogether { nodes: ALL, down_ns: 100 * MS, apart_ns: 100 * MS, order });
    let seen: Vec<u8> = [1_050, 1_150, 1_250, 1_350, 1_450, 1_550].map(|ms| down(&at(&plan, ms)).0).to_vec();
    assert_eq!(seen, [0b11111, 0b01111, 0b00111, 0b00011, 0b00001, 0]);
    assert_eq!(count(&plan, FaultClass::ShuffledRestart), 1);
}

#[test]
fn a_disk_that_stalls_completes_nothing_until_it_is_over() {
    let plan = plan(Fault::StallDisk { nodes: ALL, for_ns: 500 * MS });
    let (before, within) = (at(&plan, 1_010).totals().commits, at(&plan, 1_490).totals().commits);
    assert_eq!(before, within);
    assert!(run(&plan).totals().commits > within);
    assert!(count(&plan, FaultClass::DiskStall) > 0);
}

#[test]
fn a_server_whose_writes_fail_stops_and_is_back_when_the_disk_is_well() {
    for (error, class) in [(WriteError::Io, FaultClass::IoError), (WriteError::Full, FaultClass::DiskFull)] {
        let plan = plan(Fault::FailWrites { nodes: ONE, error, for_ns: 300 * MS, down_ns: 100 * MS });
        assert_eq!(down(&at(&plan, 1_350)), ONE);
        assert_eq!(down(&at(&plan, 1_450)), NodeSet::default());
        assert_eq!(count(&plan, class), 1);
    }
}

#[test]
fn a_disk_that_lied_costs_its_server_and_no_other_may_go_that_way_where_they_are_needed() {
    let lie = |node| TimedFault::at(1_000 * MS, Fault::LyingSync { node: NodeId(node), for_ns: 50 * MS });
    let mut plan = plan(Fault::LyingSync { node: NodeId(0), for_ns: 300 * MS });
    // While there is much to be lost.
    plan.faults = (0..5)
        .flat_map(|node| (0..8).map(move |k| (node, k)))
        .map(|(node, k)| TimedFault { at_ns: (1_000 + 60 * (5 * k + u64::from(node))) * MS, ..lie(node) })
        .collect();
    let world = run(&plan);
    let lost = world.totals().faults[FaultClass::LyingSync];
    assert!((1..=2).contains(&lost) && down(&world).len() as u64 == lost, "{lost} lost, {:?} down", down(&world));
}

#[test]
fn a_server_that_finds_a_rotten_record_does_not_start_and_a_minority_may_rot() {
    let mut plan = plan(Fault::BitRot { node: NodeId(0), down_ns: MS });
    // As often as it takes for nothing to be under way.
    plan.faults = (0..400)
        .map(|k| TimedFault::at((1_000 + 4 * k) * MS, Fault::BitRot { node: NodeId((k % 5) as u8), down_ns: MS }))
        .collect();
    let world = run(&plan);
    let lost = world.totals().faults[FaultClass::BitRot];
    assert!((1..=2).contains(&lost) && down(&world).len() as u64 == lost, "{lost} lost, {:?} down", down(&world));
}

#[test]
fn a_server_whose_disk_is_destroyed_is_replaced_under_another_id() {
    let mut plan = plan(Fault::Wipe { node: NodeId(0), ask_every_ns: 50 * MS });
    plan.members = NodeSet(0b01111);
    plan.faults = (0..100)
        .map(|k| TimedFault::at((1_000 + 10 * k) * MS, Fault::Wipe { node: NodeId(0), ask_every_ns: 50 * MS }))
        .collect();
    let mut world = run(&plan);
    assert_eq!((world.totals().faults[FaultClass::Wipe], down(&world)), (1, ONE));
    for node in NodeId::all(5).filter_map(|node| world.node(node)) {
        let seen = node.clone().observe().and_then(|seen| seen.membership).expect("a configuration");
        assert_eq!(seen.voters, NodeSet(0b11110));
    }
    plan.members = ALL;
    world = run(&plan);
    assert_eq!(world.totals().faults[FaultClass::Wipe], 0, "nobody is there to take its place");
}

#[test]
fn clocks_are_set_and_stopped_only_where_nobody_trusts_them() {
    for (fault, class) in [
        (Fault::StepClock { nodes: ONE, by_ns: 500 * MS as i64 }, FaultClass::ClockForward),
        (Fault::StepClock { nodes: ONE, by_ns: -500 * MS as i64 }, FaultClass::ClockBackward),
        (Fault::FreezeClock { nodes: ONE, for_ns: 500 * MS }, FaultClass::ClockFreeze),
    ] {
        let mut plan = plan(fault);
        assert_eq!(count(&plan, class), 1);
        plan.settings.lease_clock_drift_ppm = Some(0);
        assert_eq!(run_plan::<RaftCore>(&plan, 1).expect_err("leases").field, "faults");
    }
}

#[test]
fn frozen_clocks_hold_back_every_timeout_until_they_go_on() {
    let mut plan = plan(Fault::FreezeClock { nodes: ALL, for_ns: 1_000 * MS });
    plan.faults[0].at_ns = 0;
    assert_eq!(at(&plan, 990).totals().elections, 0);
    assert!(run(&plan).totals().elections > 0);
}

#[test]
fn a_server_that_starts_again_may_have_other_settings() {
    let plan = plan(Fault::Upgrade { nodes: ONE, down_ns: 10 * MS });
    assert_eq!(count(&plan, FaultClass::RollingUpgrade), 1);
    assert_eq!(down(&at(&plan, 1_005)), ONE);
}

#[test]
fn a_fault_that_waits_strikes_who_does_what_it_waits_for() {
    let kind = RaftCore::MESSAGE_KINDS.iter().position(|name| *name == "RequestVoteReply").expect("there are") as u8;
    for moment in [Moment::LeaderElected, Moment::LeaderCommits, Moment::WriteStarts, Moment::Sent { kind }] {
        let mut plan = plan(Fault::Crash { nodes: NodeSet::default(), down_ns: 100 * MS });
        let trigger = Trigger { moment, nth: 1, after_ns: 0, aim: Aim::There };
        plan.faults[0] = TimedFault { at_ns: 0, trigger: Some(trigger), ..plan.faults[0].clone() };
        let counts = run(&plan).totals().faults;
        assert_eq!((counts[FaultClass::Ambush], counts[FaultClass::Crash]), (1, 1), "{moment:?}");
        // What is started is not over: a crash while it writes is that.
        let in_write = u64::from(matches!(moment, Moment::WriteStarts));
        assert!(counts[FaultClass::CrashInWrite] >= in_write, "{moment:?}");
    }
}

#[test]
fn a_fault_aimed_at_the_leader_takes_it_down_whoever_it_is() {
    for seed in 0..10 {
        let mut plan = plan(Fault::Crash { nodes: NodeSet::default(), down_ns: u64::MAX });
        let trigger = Trigger { moment: Moment::LeaderElected, nth: 1, after_ns: 0, aim: Aim::Leader };
        plan.faults[0] = TimedFault { at_ns: 0, trigger: Some(trigger), ..plan.faults[0].clone() };
        let report = run_plan::<RaftCore>(&plan, seed).expect("a plan");
        assert_eq!((report.failure, report.totals.faults[FaultClass::Crash]), (None, 1));
        assert!(report.totals.elections > 1, "another had to be elected");
    }
}

#[test]
fn a_fault_that_makes_no_sense_is_refused() {
    let refused = |fault, trigger| {
        let mut plan = plan(fault);
        plan.faults[0].trigger = trigger;
        run_plan::<RaftCore>(&plan, 1).expect_err("must be refused").field
    };
    let nobody = NodeId(5);
    let trigger = Trigger { moment: Moment::WriteStarts, nth: 1, after_ns: 0, aim: Aim::There };
    for fault in [
        Fault::Wipe { node: nobody, ask_every_ns: 1 },
        Fault::Wipe { node: NodeId(0), ask_every_ns: 0 },
        Fault::LyingSync { node: nobody, for_ns: 1 },
        Fault::BitRot { node: nobody, down_ns: 1 },
        Fault::Clog { from: ONE, to: ALL, room: 0, is_swizzled: false, for_ns: 1 },
        Fault::StepClock { nodes: ONE, by_ns: i64::MIN },
    ] {
        assert_eq!(refused(fault, None), "faults", "{fault:?}");
    }
    let pause = Fault::Pause { nodes: ONE, for_ns: 1 };
    assert_eq!(refused(pause, Some(Trigger { nth: 0, ..trigger })), "faults");
    assert_eq!(refused(pause, Some(Trigger { after_ns: u64::MAX, ..trigger })), "faults");
    assert_eq!(refused(pause, Some(Trigger { moment: Moment::Sent { kind: 24 }, ..trigger })), "faults");
}

#[test]
fn no_plan_that_is_drawn_sets_clocks_where_leases_trust_them() {
    let swarm = catalogue::find::<RaftCore>("swarm", None).expect("the catalogue has it");
    let (mut leases, mut steps) = (0, 0);
    for seed in 0..500 {
        let plan = swarm.plan(seed);
        let breaks =
            plan.faults.iter().any(|timed| matches!(timed.fault, Fault::StepClock { .. } | Fault::FreezeClock { .. }));
        assert!(!(breaks && RaftCore::trusts_clocks(&plan.settings)), "seed {seed}");
        leases += u32::from(RaftCore::trusts_clocks(&plan.settings));
        steps += u32::from(breaks);
    }
    assert!(leases > 100 && steps > 50, "{leases} with leases, {steps} with clocks set");
}
