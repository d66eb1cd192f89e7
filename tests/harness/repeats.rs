//! Clients that repeat, on tapes.

use std::collections::BTreeSet;

use sim::linearizability::{Access, Outcome, Value, Verb};
use sim::tape::{CLEAN, Decisions, Key, Otherwise};
use sim::{
    Choice, Clients, DiskPlan, Engine, Input, Network, NodeSet, Outputs, Plan, RequestId, Response, Setup, Shrinking,
    Subject, Tape, run_tape, shrink_tape,
};

use crate::toy::NoDisk;

const MS: u64 = 1_000_000;

/// A server on its own that answers a request otherwise when it is asked once more.
#[derive(Clone, Debug)]
struct Moody(BTreeSet<RequestId>);

impl Subject for Moody {
    type Settings = ();
    type Message = ();
    type Command = RequestId;
    type Answer = Outcome;
    type Disk = NoDisk;

    const NAME: &'static str = "moody";
    const MESSAGE_KINDS: &'static [&'static str] = &["nothing"];

    fn start(_: Setup<'_, ()>, _: &NoDisk) -> Result<Self, String> {
        Ok(Self(BTreeSet::new()))
    }

    fn step(&mut self, _: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        if let Input::Request { id, .. } = input {
            let answer = if self.0.insert(id) { Outcome::Done } else { Outcome::Mismatch };
            out.respond(id, Response::Done { answer, index: None });
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    fn message_kind((): &()) -> u8 {
        0
    }

    fn draw_command((): &(), client: u16, number: u32, _: &mut Choice) -> RequestId {
        RequestId { client, number }
    }

    fn command_digest(command: &RequestId) -> u64 {
        u64::from(command.client) << 32 | u64::from(command.number) | 1 << 63
    }

    fn access(command: &RequestId) -> Option<Access> {
        let value = Value::of(format!("{command:?}").as_bytes());
        Some(Access { key: 1, verb: Verb::Put(value) })
    }

    fn outcome(answer: &Outcome) -> Option<Outcome> {
        Some(*answer)
    }

    fn takes_effect_once(_: &RequestId) -> bool {
        true
    }
}

fn tape(seed: u64) -> Tape<()> {
    let plan = Plan {
        nodes: 1,
        members: NodeSet::all(1),
        duration_ns: 10_000 * MS,
        settings: (),
        network: Network { latency_ns: (MS, 5 * MS), loss_ppm: 300_000, ..Network::default() },
        links: Vec::new(),
        disk: DiskPlan::default(),
        clock_drift_ppm: vec![0],
        clients: Clients::Closed { count: 2, think_ns: (20 * MS, 40 * MS), timeout_ns: 100 * MS },
        faults: Vec::new(),
        operations: Vec::new(),
        heal: None,
        engine: Engine::Time,
    };
    Tape { scenario: "repeats".into(), seed, expects: CLEAN.into(), plan, decisions: Decisions::default() }
}

#[test]
fn a_failure_that_takes_a_repeated_request_shrinks_to_that_request() {
    for seed in 0..10 {
        let shrunk = shrink_tape::<Moody>(tape(seed), &Shrinking::usual()).expect("a plan").expect("a failure");
        assert_eq!(shrunk.failure.checker, "exactly_once");
        assert_eq!((shrunk.tape.decisions.otherwise, shrunk.steps.1), (Otherwise::Nothing, 2), "seed {seed}");
        let asked: Vec<Key> =
            shrunk.tape.decisions.values.keys().copied().filter(|key| matches!(key, Key::Asks(_))).collect();
        let [Key::Asks(first), Key::Asks(again)] = asked[..] else { panic!("{asked:?}") };
        assert_eq!((first.client, first.number), (again.client, again.number));
        assert!(first.attempt < again.attempt, "{asked:?}");
        for key in asked {
            let mut without = shrunk.tape.clone();
            without.decisions.values.remove(&key);
            assert_eq!(run_tape::<Moody>(&without).expect("a plan").failure, None, "seed {seed}, {key:?}");
        }
        let written = shrunk.tape.write::<Moody>();
        assert_eq!(Tape::read::<Moody>(&written), Ok(shrunk.tape), "{written}");
    }
}
