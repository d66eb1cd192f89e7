//! A client that goes on asking whatever becomes of what it asked: whom, and when.

use sim::trace::What;
use sim::{
    Choice, Clients, DiskPlan, Fault, Input, Network, NodeId, NodeSet, Outputs, Plan, Response, Setup, Subject,
    TimedFault, World,
};

use crate::toy::NoDisk;

const MS: u64 = 1_000_000;
const EVERY_NS: u64 = 10 * MS;
const TIMEOUT_NS: u64 = 100 * MS;
const STOPS_NS: u64 = 2_000 * MS;

/// The first leads until it stops, and the second from then on.
const LEADERS: [NodeId; 2] = [NodeId(1), NodeId(2)];

/// A server that knows who leads.
#[derive(Clone, Debug)]
struct Guide(NodeId);

impl Subject for Guide {
    type Settings = ();
    type Message = ();
    type Command = u64;
    type Answer = ();
    type Disk = NoDisk;

    const NAME: &'static str = "guide";
    const MESSAGE_KINDS: &'static [&'static str] = &["nothing"];

    fn start(setup: Setup<'_, ()>, _: &NoDisk) -> Result<Self, String> {
        Ok(Self(setup.node))
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        let Input::Request { id, .. } = input else { return };
        let leader = LEADERS[usize::from(now_ns >= STOPS_NS)];
        let answer = if self.0 == leader {
            Response::Done { answer: (), index: None }
        } else {
            Response::NotLeader { leader: Some(leader) }
        };
        out.respond(id, answer);
    }

    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    fn message_kind((): &()) -> u8 {
        0
    }

    fn draw_command((): &(), client: u16, number: u32, _: &mut Choice) -> u64 {
        u64::from(client) << 32 | u64::from(number)
    }

    fn command_digest(command: &u64) -> u64 {
        command + 1
    }
}

/// When the client asked whom.
fn asked(loss_ppm: u32, seed: u64) -> Vec<(u64, NodeId)> {
    let stops = Fault::Pause { nodes: NodeSet::default().with(LEADERS[0]), for_ns: u64::MAX };
    let plan = Plan {
        nodes: 5,
        members: NodeSet::all(5),
        duration_ns: 2 * STOPS_NS,
        settings: (),
        network: Network { latency_ns: (MS, 2 * MS), loss_ppm, ..Network::default() },
        links: Vec::new(),
        disk: DiskPlan::default(),
        clock_drift_ppm: vec![0; 5],
        clients: Clients::Stream { every_ns: EVERY_NS, timeout_ns: TIMEOUT_NS },
        faults: vec![TimedFault::at(STOPS_NS, stops)],
        operations: Vec::new(),
        heal: None,
        engine: sim::Engine::Time,
    };
    let mut world = World::<Guide>::recording(plan, seed).expect("a plan that makes sense");
    sim::finish(&mut world);
    assert_eq!(world.failure(), None);
    let ask = |record: &sim::trace::Record| match &record.what {
        What::Ask(request) => Some((record.at_ns, request.to)),
        _ => None,
    };
    world.records().iter().filter_map(ask).collect()
}

#[test]
fn it_asks_at_a_fixed_rate_whether_it_is_answered_or_not() {
    for (loss_ppm, seed) in [(0, 0), (200_000, 1), (1_000_000, 2)] {
        let asked = asked(loss_ppm, seed);
        assert_eq!(asked.len() as u64, 2 * STOPS_NS / EVERY_NS - 1);
        assert!(asked.iter().zip(1..).all(|((at_ns, _), number)| *at_ns == number * EVERY_NS), "{asked:?}");
    }
}

#[test]
fn it_asks_who_leads_once_it_was_told_and_anyone_once_nobody_answers() {
    for seed in 0..10 {
        let asked = asked(0, seed);
        let is_within = |from_ns: u64, to_ns: u64| move |(at_ns, _): &&(u64, NodeId)| (from_ns..to_ns).contains(at_ns);
        let whom = |from_ns, to_ns| asked.iter().filter(is_within(from_ns, to_ns)).map(|(_, to)| *to);
        // An answer is there within 4 ms, and four of five nodes tell it.
        assert!(whom(20 * EVERY_NS, STOPS_NS + TIMEOUT_NS).all(|to| to == LEADERS[0]), "seed {seed}");
        let gives_up_ns = STOPS_NS + TIMEOUT_NS + 2 * EVERY_NS;
        assert!(whom(gives_up_ns + 20 * EVERY_NS, u64::MAX).all(|to| to == LEADERS[1]), "seed {seed}");
    }
}

#[test]
fn it_asks_anyone_where_it_was_told_of_nobody() {
    for seed in 0..5 {
        let asked = asked(1_000_000, seed);
        assert!(NodeId::all(5).all(|node| asked.iter().any(|(_, to)| *to == node)), "seed {seed}");
    }
}
