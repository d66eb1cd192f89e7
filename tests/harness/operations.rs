//! Operations: whom they reach, and which of them are drawn.

use sim::choices::Choices;
use sim::trace::What;
use sim::{
    Choice, Clients, Disk, DiskPlan, Fault, Input, LogEntry, Nemesis, Network, NodeId, NodeSet, Observation, Operation,
    OperationClass, Outputs, Plan, Role, Setup, Subject, TermAndVote, TimedFault, TimedOperation, World,
};

const MS: u64 = 1_000_000;
const N1: NodeId = NodeId(0);
const N2: NodeId = NodeId(1);
const N3: NodeId = NodeId(2);

/// A node that leads the term of its number where the settings say so, and writes down what it is asked for.
#[derive(Clone, Debug)]
struct Clerk {
    node: NodeId,
    members: NodeSet,
    leaders: NodeSet,
    wakes_ns: Option<u64>,
    role: Role,
    asked: Vec<Operation>,
}

/// The last vote.
#[derive(Clone, Debug, Default)]
struct Ballot(TermAndVote);

impl Disk for Ballot {
    type Write = TermAndVote;

    fn write(&mut self, vote: &TermAndVote) {
        self.0 = *vote;
    }

    fn term_and_vote(&self) -> Option<TermAndVote> {
        Some(self.0)
    }
}

fn term_of(leader: NodeId) -> u64 {
    u64::from(leader.0) + 1
}

impl Subject for Clerk {
    type Settings = NodeSet;
    type Message = ();
    type Command = ();
    type Answer = ();
    type Disk = Ballot;

    const NAME: &'static str = "clerk";
    const MESSAGE_KINDS: &'static [&'static str] = &["nothing"];

    fn start(setup: Setup<'_, NodeSet>, _: &Ballot) -> Result<Self, String> {
        let Setup { node, members, settings, now_ns, .. } = setup;
        let (leaders, wakes_ns) = (*settings, Some(now_ns + 1));
        Ok(Self { node, members, leaders, wakes_ns, role: Role::Follower, asked: Vec::new() })
    }

    /// First all vote, for one leader after the other; then these lead.
    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        match input {
            Input::Operate { operation } => self.asked.push(operation),
            Input::DeadlineReached if now_ns < 10 => {
                for leader in NodeId::all(3).filter(|node| self.leaders.contains(*node)) {
                    out.write(TermAndVote { term: term_of(leader), voted_for: Some(leader) });
                }
                self.wakes_ns = Some(10);
            }
            Input::DeadlineReached => {
                self.wakes_ns = None;
                self.role = if self.leaders.contains(self.node) { Role::Leader } else { Role::Follower };
            }
            _ => {}
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.wakes_ns
    }

    fn message_kind((): &()) -> u8 {
        0
    }

    fn draw_command(_: &NodeSet, _: u16, _: u32, _: &mut Choice) {}

    fn command_digest((): &()) -> u64 {
        1
    }

    fn observe(&mut self) -> Option<Observation> {
        let term_and_vote = match self.role {
            Role::Leader => TermAndVote { term: term_of(self.node), voted_for: Some(self.node) },
            _ => TermAndVote::default(),
        };
        Some(Observation { term_and_vote, role: self.role, ..Observation::default() })
    }

    fn log_entry(&self, _: u64) -> Option<LogEntry> {
        None
    }
}

const TRANSFER: Operation = Operation::TransferLeadership { to: N1 };
const SHRINK: Operation = Operation::ChangeMembership { voters: NodeSet(0b011), learners: NodeSet(0b100) };

/// Three clerks, of whom `leaders` lead, and these operations at 1 ms, 2 ms and so on.
fn plan(leaders: NodeSet, operations: &[Operation]) -> Plan<NodeSet> {
    let timed = |(operation, at_ms)| TimedOperation { at_ns: at_ms * MS, operation };
    Plan {
        nodes: 3,
        members: NodeSet(0b011),
        duration_ns: 100 * MS,
        settings: leaders,
        network: Network {
            latency_ns: (1, 1),
            loss_ppm: 0,
            duplication_ppm: 0,
            reordering_ppm: 0,
            reordering_ns: 0,
            ..Network::default()
        },
        links: Vec::new(),
        disk: DiskPlan { write_ns: (0, 0), loses: false, tears: false, ..DiskPlan::default() },
        clock_drift_ppm: vec![0; 3],
        clients: Clients::Closed { count: 0, think_ns: (0, 0), timeout_ns: 0 },
        faults: Vec::new(),
        operations: operations.iter().copied().zip(1..).map(timed).collect(),
        heal: None,
        engine: sim::Engine::Time,
    }
}

/// What each of the three was asked for.
fn asked(plan: &Plan<NodeSet>) -> [Vec<Operation>; 3] {
    let mut world = World::<Clerk>::new(plan.clone(), 1).expect("the plan makes sense");
    sim::finish(&mut world);
    assert_eq!(world.failure(), None);
    [N1, N2, N3].map(|node| world.node(node).map_or_else(Vec::new, |clerk| clerk.asked.clone()))
}

#[test]
fn an_operation_reaches_the_leader_of_the_latest_term_and_nobody_else() {
    let plan = plan(NodeSet(0b110), &[TRANSFER, SHRINK]);
    assert_eq!(asked(&plan), [vec![], vec![], vec![TRANSFER, SHRINK]]);
}

#[test]
fn an_operation_does_not_reach_a_leader_that_is_down_or_stands_still() {
    for fault in [
        Fault::Crash { nodes: NodeSet(0b100), down_ns: 500 * MS },
        Fault::Pause { nodes: NodeSet(0b100), for_ns: 500 * MS },
    ] {
        let mut plan = plan(NodeSet(0b110), &[TRANSFER]);
        plan.faults.push(TimedFault::at(MS / 2, fault));
        assert_eq!(asked(&plan), [vec![], vec![TRANSFER], vec![]]);
    }
}

#[test]
fn an_operation_is_dropped_where_nobody_leads_and_the_trace_says_so() {
    let plan = plan(NodeSet(0), &[TRANSFER]);
    assert_eq!(asked(&plan), [vec![], vec![], vec![]]);
    let mut world = World::<Clerk>::recording(plan, 1).expect("the plan makes sense");
    sim::finish(&mut world);
    assert!(world.records().iter().any(|record| matches!(record.what, What::Operation { is_dropped: true, .. })));
}

#[test]
fn nodes_are_told_who_the_members_are() {
    let world = World::<Clerk>::new(plan(NodeSet(0), &[]), 1);
    let mut world = world.expect("the plan makes sense");
    sim::finish(&mut world);
    assert_eq!(world.node(N3).expect("it is up").members, NodeSet(0b011));
}

#[test]
fn members_and_operations_that_make_no_sense_are_refused_with_the_field() {
    let refused = |change: fn(&mut Plan<NodeSet>)| {
        let mut plan = plan(NodeSet(0), &[TRANSFER]);
        change(&mut plan);
        World::<Clerk>::new(plan, 1).expect_err("must be refused").field
    };
    assert_eq!(refused(|plan| plan.members = NodeSet(0)), "members");
    assert_eq!(refused(|plan| plan.members = NodeSet(0b1001)), "members");
    assert_eq!(refused(|plan| plan.operations[0].at_ns = u64::MAX), "operations");
    assert_eq!(
        refused(|plan| plan.operations[0].operation = Operation::TransferLeadership { to: NodeId(3) }),
        "operations"
    );
    let change = |plan: &mut Plan<NodeSet>, voters, learners| {
        let (voters, learners) = (NodeSet(voters), NodeSet(learners));
        plan.operations[0].operation = Operation::ChangeMembership { voters, learners };
    };
    for wrong in [(0, 0), (0b1000, 0), (1, 0b1000), (0b11, 0b10)] {
        let mut plan = plan(NodeSet(0), &[TRANSFER]);
        change(&mut plan, wrong.0, wrong.1);
        assert_eq!(World::<Clerk>::new(plan, 1).expect_err("must be refused").field, "operations");
    }
}

fn drawn(operations: &[OperationClass], seeds: u64) -> Vec<Plan<()>> {
    let nemesis = Nemesis {
        message_kinds: 0,
        nodes: vec![(5, 1)],
        faults: Vec::new(),
        about: Vec::new(),
        operations: operations.to_vec(),
        operations_ppm: 500_000,
        heal_ppm: 0,
        outside: Vec::new(),
        duration: (20, 40),
        clients: (1, 1),
        quiet_ppm: 0,
        open_ppm: 0,
    };
    (0..seeds).map(|seed| nemesis.draw(&mut Choices::new(seed).plan(), 5, (), (100 * MS, 200 * MS))).collect()
}

#[test]
fn operations_that_are_not_allowed_are_never_drawn() {
    for plan in drawn(&[], 100) {
        assert!(plan.operations.is_empty());
        assert_eq!(plan.members, NodeSet::all(5));
    }
    for plan in drawn(&[OperationClass::TransferLeadership], 100) {
        assert!(plan.operations.iter().all(|timed| matches!(timed.operation, Operation::TransferLeadership { .. })));
        assert_eq!(plan.members, NodeSet::all(5));
    }
}

#[test]
fn every_drawn_plan_makes_sense_and_each_class_is_on_in_some_and_off_in_others() {
    let plans = drawn(&[OperationClass::TransferLeadership, OperationClass::ChangeMembership], 400);
    let is_transfer = |timed: &TimedOperation| matches!(timed.operation, Operation::TransferLeadership { .. });
    let (mut transfers, mut changes, mut both, mut small_starts) = (0, 0, 0, 0);
    for plan in &plans {
        assert_eq!(plan.validate(), Ok(()));
        let has_transfer = plan.operations.iter().any(is_transfer);
        let has_change = plan.operations.iter().any(|timed| !is_transfer(timed));
        transfers += u32::from(has_transfer && !has_change);
        changes += u32::from(has_change && !has_transfer);
        both += u32::from(has_change && has_transfer);
        small_starts += u32::from(plan.members != NodeSet::all(5));
    }
    for (name, count) in [("transfers", transfers), ("changes", changes), ("both", both), ("starts", small_starts)] {
        assert!((40..200).contains(&count), "{name}: {count}");
    }
}

#[test]
fn most_changes_are_of_one_node_or_two_and_most_nodes_stay_members() {
    let mut sizes = [0u32; 6];
    let mut changed = [0u32; 6];
    for plan in drawn(&[OperationClass::ChangeMembership], 400) {
        let mut before = plan.members;
        for timed in plan.operations {
            let Operation::ChangeMembership { voters, .. } = timed.operation else { continue };
            sizes[voters.len()] += 1;
            // The same again is one that is asked for more than once.
            changed[NodeSet(voters.0 ^ before.0).len()] += 1;
            before = voters;
        }
    }
    assert!(changed[1] + changed[2] > changed[3] + changed[4] + changed[5], "{changed:?}");
    assert!(changed[1..].iter().all(|count| *count > 0), "{changed:?}");
    assert!(sizes[3] + sizes[4] + sizes[5] > sizes[1] + sizes[2], "{sizes:?}");
    assert!(sizes[1..].iter().all(|count| *count > 0), "{sizes:?}");
}
