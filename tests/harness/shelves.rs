//! One server with independent records on its disk: writes that overtake each other, and cores that write inside the step.

use std::collections::{BTreeMap, VecDeque};

use sim::linearizability::{Access, Outcome, Value, Verb};
use sim::tape::{CLEAN, Decisions};
use sim::{
    Choice, Clients, Disk, DiskPlan, Engine, Failure, Fault, FaultClass, Input, Network, NodeSet, Outputs, Plan,
    RequestId, Response, RunReport, Setup, Shrinking, Subject, Synchronous, Tape, TimedFault, World, WriteError,
    run_plan, shrink_tape,
};

use crate::toy::Toy;

const MS: u64 = 1_000_000;

/// How it comes to its answers.
const SOUND: u8 = 0;
/// Whatever is durable, it takes for the oldest write.
const COUNTS: u8 = 1;
/// It answers as soon as it has asked for the write.
const GOES_ON: u8 = 2;

/// A server that puts values on shelves, each in a record of its own.
#[derive(Clone, Debug)]
struct Shelves {
    habit: u8,
    values: Shelf,
    /// For each write under way, what was asked for.
    writing: VecDeque<(RequestId, Record)>,
}

type Record = (u64, RequestId);

#[derive(Clone, Debug, Default)]
struct Shelf(BTreeMap<u64, RequestId>);

impl Disk for Shelf {
    type Write = Record;

    fn write(&mut self, (key, value): &Record) {
        self.0.insert(*key, *value);
    }
}

#[derive(Clone, Copy, Debug)]
struct Wish {
    id: RequestId,
    key: u64,
    is_read: bool,
}

fn value(id: RequestId) -> Value {
    Value::of(format!("{id:?}").as_bytes())
}

impl Shelves {
    fn done(&mut self, place: usize, out: &mut impl Outputs<Self>) {
        if let Some((id, record)) = self.writing.remove(place) {
            self.values.write(&record);
            out.respond(id, Response::Done { answer: Outcome::Done, index: None });
        }
    }
}

impl Subject for Shelves {
    type Settings = u8;
    type Message = ();
    type Command = Wish;
    type Answer = Outcome;
    type Disk = Shelf;

    const NAME: &'static str = "shelves";
    const MESSAGE_KINDS: &'static [&'static str] = &["nothing"];
    const WRITES_MAY_OVERTAKE: bool = true;

    fn start(setup: Setup<'_, u8>, disk: &Shelf) -> Result<Self, String> {
        Ok(Self { habit: *setup.settings, values: disk.clone(), writing: VecDeque::new() })
    }

    fn step(&mut self, _: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        match input {
            Input::Request { id, command: Wish { key, is_read: true, .. } } => {
                let answer = Outcome::Found(self.values.0.get(&key).map(|id| value(*id)));
                out.respond(id, Response::Done { answer, index: None });
            }
            Input::Request { id, command: Wish { key, .. } } => {
                out.write((key, id));
                self.writing.push_back((id, (key, id)));
                if self.habit == GOES_ON {
                    self.done(0, out);
                }
            }
            Input::Written => self.done(0, out),
            _ => {}
        }
    }

    fn overtaken(&mut self, _: u64, place: usize, out: &mut impl Outputs<Self>) {
        self.done(if self.habit == COUNTS { 0 } else { place }, out);
    }

    fn deadline_ns(&self) -> Option<u64> {
        None
    }

    fn message_kind((): &()) -> u8 {
        0
    }

    fn draw_command(_: &u8, client: u16, number: u32, choice: &mut Choice) -> Wish {
        Wish { id: RequestId { client, number }, key: choice.below(3), is_read: choice.chance_ppm(500_000) }
    }

    fn command_digest(Wish { id, .. }: &Wish) -> u64 {
        u64::from(id.client) << 32 | u64::from(id.number) | 1 << 63
    }

    fn access(Wish { id, key, is_read }: &Wish) -> Option<Access> {
        Some(Access { key: *key, verb: if *is_read { Verb::Get } else { Verb::Put(value(*id)) } })
    }

    fn outcome(answer: &Outcome) -> Option<Outcome> {
        Some(*answer)
    }
}

/// A busy server that crashes four times, on a disk that loses what is not done.
fn plan(habit: u8, overtakes: bool) -> Plan<u8> {
    let crash = |at_ms| TimedFault::at(at_ms * MS, Fault::Crash { nodes: NodeSet::all(1), down_ns: 10 * MS });
    Plan {
        nodes: 1,
        members: NodeSet::all(1),
        duration_ns: 2_000 * MS,
        settings: habit,
        network: Network { latency_ns: (MS, 2 * MS), ..Network::default() },
        links: Vec::new(),
        disk: DiskPlan { write_ns: (MS, 20 * MS), loses: true, tears: false, overtakes },
        clock_drift_ppm: vec![0],
        clients: Clients::Closed { count: 6, think_ns: (MS, 10 * MS), timeout_ns: 100 * MS },
        faults: (1..=4).map(|number| crash(number * 400)).collect(),
        operations: Vec::new(),
        heal: None,
        engine: Engine::Time,
    }
}

fn run<S: Subject<Settings = u8>>(plan: &Plan<u8>, seed: u64) -> RunReport {
    run_plan::<S>(plan, seed).expect("a plan that makes sense")
}

/// The failures of the seeds that fail, of twenty.
fn failures<S: Subject<Settings = u8>>(habit: u8, overtakes: bool) -> Vec<Failure> {
    (0..20).filter_map(|seed| run::<S>(&plan(habit, overtakes), seed).failure).collect()
}

#[test]
fn writes_overtake_each_other_and_a_server_that_is_told_which_loses_nothing() {
    for seed in 0..20 {
        let report = run::<Shelves>(&plan(SOUND, true), seed);
        assert_eq!(report.failure, None);
        assert!(report.totals.faults[FaultClass::ReorderedWrites] > 20, "seed {seed}");
    }
}

#[test]
fn writes_of_a_plan_without_that_complete_in_order() {
    let report = run::<Shelves>(&plan(COUNTS, false), 1);
    assert_eq!((report.failure, report.totals.faults[FaultClass::ReorderedWrites]), (None, 0));
}

#[test]
fn a_server_that_takes_whatever_is_durable_for_the_oldest_write_loses_what_it_acknowledged() {
    assert_eq!(failures::<Shelves>(COUNTS, false), []);
    let failures = failures::<Shelves>(COUNTS, true);
    assert!(failures.len() > 3, "{} of 20", failures.len());
    assert!(failures.iter().all(|failure| failure.checker == "linearizability"), "{failures:?}");
}

#[test]
fn a_stalled_disk_goes_on_with_the_write_that_was_due_first() {
    let mut plan = plan(SOUND, true);
    let nodes = NodeSet::all(1);
    plan.faults.push(TimedFault::at(100 * MS, Fault::StallDisk { nodes, for_ns: 100 * MS }));
    plan.faults.push(TimedFault::at(
        900 * MS,
        Fault::FailWrites { nodes, error: WriteError::Io, for_ns: 50 * MS, down_ns: 10 * MS },
    ));
    for seed in 0..20 {
        let report = run::<Shelves>(&plan, seed);
        assert_eq!(report.failure, None, "seed {seed}");
        assert!(report.totals.faults[FaultClass::DiskStall] > 0);
    }
}

#[test]
fn a_plan_in_which_writes_overtake_is_refused_where_the_subject_does_not_allow_it() {
    let error = World::<Toy>::new(plan(0, true), 1).expect_err("it does not");
    assert_eq!(error.to_string(), "plan: disk.overtakes: writes that overtake each other, which toy does not allow");
}

#[test]
fn a_failure_that_takes_an_overtaken_write_shrinks_with_it() {
    let plan = plan(COUNTS, true);
    let seed = (0..20).find(|seed| run::<Shelves>(&plan, *seed).failure.is_some()).expect("one that fails");
    let tape = Tape { scenario: "shelves".into(), seed, expects: CLEAN.into(), plan, decisions: Decisions::default() };
    let shrunk = shrink_tape::<Shelves>(tape, &Shrinking::usual()).expect("a plan").expect("a failure");
    assert_eq!(shrunk.failure.checker, "linearizability");
    // What overtakes, what is overtaken and acknowledged, the crash, and who looks for it.
    assert!(shrunk.steps.1 <= 4, "{:?}", shrunk.steps);
    let written = shrunk.tape.write::<Shelves>();
    assert_eq!(Tape::read::<Shelves>(&written), Ok(shrunk.tape), "{written}");
}

#[test]
fn a_core_that_writes_inside_the_step_stands_in_its_write() {
    let naked = failures::<Shelves>(GOES_ON, false);
    assert!(naked.len() > 10, "{} of 20", naked.len());
    assert!(naked.iter().all(|failure| failure.checker == "linearizability"), "{naked:?}");
    assert_eq!(failures::<Synchronous<Shelves>>(GOES_ON, false), []);
}

/// One write at a time, of up to 20 ms, and everybody waits for it.
#[test]
fn a_core_that_stands_in_its_write_does_nothing_else() {
    let done = |report: RunReport| {
        assert_eq!(report.failure, None);
        report.totals.operations
    };
    let mut calm = plan(GOES_ON, false);
    calm.faults.clear();
    let (naked, waiting) = (done(run::<Shelves>(&calm, 1)), done(run::<Synchronous<Shelves>>(&calm, 1)));
    assert!(2 * waiting < naked, "{waiting} and {naked}");
}
