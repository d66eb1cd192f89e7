//! Traces with causes, what is cut out of them, and what they are written as; and explanations.
//!
//! The planted failure: a node that was down writes to its neighbour, who takes offence and stops.

use std::collections::BTreeMap;

use scenarios::catalogue;
use scenarios::raft_core_subject::RaftCore;
use sim::explain::{Part, explain};
use sim::tape::Decisions;
use sim::trace::{
    Change, Difference, Length, MOST_ON_A_PAGE, Message, Record, SHIVIZ_PARSER, Slice, What, mermaid, shiviz, timeline,
};
use sim::{
    Choice, Disk, Failure, FailureKind, Fault, Input, NodeId, NodeSet, Outputs, Plan, Role, Scenario, Setup, Subject,
    TimedFault, World, record_seed, run_plan, run_seed,
};

use crate::toy::{Habit, Toy};
use crate::{MS, plan};

/// Remembers that it ran before, and bears its neighbour a grudge for it.
#[derive(Clone, Debug)]
struct Grudge {
    node: NodeId,
    was_down: bool,
    has_written: bool,
    deadline_ns: u64,
}

#[derive(Clone, Debug, Default)]
struct Memory(bool);

impl Disk for Memory {
    type Write = ();

    fn write(&mut self, (): &()) {
        self.0 = true;
    }
}

impl Subject for Grudge {
    type Settings = u8;
    type Message = &'static str;
    type Command = u64;
    type Answer = ();
    type Disk = Memory;

    const NAME: &'static str = "grudge";
    const MESSAGE_KINDS: &'static [&'static str] = &["letter"];

    fn start(setup: Setup<'_, u8>, disk: &Memory) -> Result<Self, String> {
        let deadline_ns = setup.now_ns + 10 * MS;
        Ok(Self { node: setup.node, was_down: disk.0, has_written: false, deadline_ns })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        match input {
            Input::DeadlineReached => {
                self.deadline_ns = now_ns + 10 * MS;
                if !self.has_written {
                    self.has_written = true;
                    out.write(());
                }
                let says = if self.was_down { "you let me lie there" } else { "hello" };
                out.send(NodeId((self.node.0 + 1) % 3), says);
            }
            Input::Receive { message: "you let me lie there", .. } => out.stop("offended".to_owned()),
            _ => {}
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        Some(self.deadline_ns)
    }

    fn message_kind(_: &Self::Message) -> u8 {
        0
    }

    fn draw_command(_: &u8, _: u16, number: u32, _: &mut Choice) -> u64 {
        number.into()
    }

    fn command_digest(command: &u64) -> u64 {
        command + 1
    }
}

const CRASH: Fault = Fault::Crash { nodes: NodeSet(1), down_ns: 20 * MS };

/// Much goes wrong, and one thing of it matters.
fn troubled() -> Plan<u8> {
    let split = Fault::Partition { side: NodeSet(0b100), for_ns: 10 * MS };
    let pause = Fault::Pause { nodes: NodeSet(0b010), for_ns: 5 * MS };
    let mut plan = plan(Habit::Chats);
    plan.clock_drift_ppm = vec![100, 0, -100];
    plan.faults = vec![
        TimedFault::at(30 * MS, split),
        TimedFault::at(60 * MS, pause),
        TimedFault::at(100 * MS, CRASH),
        TimedFault::at(200 * MS, split),
    ];
    plan
}

fn failing() -> (World<Grudge>, Failure) {
    let mut world = World::<Grudge>::recording(troubled(), 1).expect("a plan");
    sim::finish(&mut world);
    let failure = world.failure().expect("it takes offence").clone();
    (world, failure)
}

#[test]
fn every_event_has_a_record_and_its_cause_comes_before_it() {
    let (world, _) = failing();
    assert_eq!(world.records().len() as u64, world.events() + 1);
    for (event, record) in (0..).zip(world.records()) {
        assert_eq!(record.event, event);
        assert!(record.cause.is_none_or(|cause| cause < event), "{record}");
        if let What::Delivery(message) = &record.what {
            let cause = &world.records()[record.cause.expect("it was sent") as usize];
            let sent = |sent: &sim::trace::Sent| sent.to == message.to && sent.says == message.says;
            assert!(cause.concerns(message.from) && cause.sent.iter().any(sent), "{record} of {cause}");
        }
    }
}

/// In a run of a whole Raft, with all that can go wrong on the way.
#[test]
fn a_message_comes_from_the_event_that_sent_it_whatever_happened_to_it() {
    let scenario = catalogue::find::<RaftCore>("swarm", None).expect("the catalogue has it");
    for seed in 0..20 {
        let (world, report) = record_seed(&scenario, seed).expect("a plan");
        assert_eq!(report.trace_hash, run_plan::<RaftCore>(&scenario.plan(seed), seed).expect("a plan").trace_hash);
        for record in world.records() {
            let (What::Delivery(message) | What::Drop { message, .. }) = &record.what else { continue };
            let cause = &world.records()[record.cause.expect("it was sent") as usize];
            let sent = |sent: &sim::trace::Sent| sent.to == message.to && sent.says == message.says && sent.copies > 0;
            assert!(cause.sent.iter().any(sent), "seed {seed}: {record} of {cause}");
        }
    }
}

#[test]
fn the_slice_of_a_planted_failure_is_its_chain_of_causes_and_little_else() {
    let (world, failure) = failing();
    let slice = Slice::of(world.records(), &failure);
    let events: Vec<&Record> = slice.events().map(|event| &world.records()[event as usize]).collect();
    let has = |is: &dyn Fn(&What) -> bool| events.iter().any(|record| is(&record.what));
    assert!(has(&|what| matches!(what, What::Fault { says, .. } if says.contains("Crash"))));
    assert!(has(&|what| matches!(what, What::FaultEnds { says, .. } if says.contains("Crash"))));
    assert!(has(&|what| *what == What::Timer));
    assert_eq!(slice.events().last(), Some(failure.event));
    assert!(slice.len() <= 6 && world.events() > 30, "{} of {}", slice.len(), world.events());
}

/// A failure of a run that did not fail, as if `checker` had noticed it in `event`.
fn as_if(checker: &str, detail: String, event: u64) -> Failure {
    let (checker, signature) = (checker.to_owned(), String::new());
    Failure { kind: FailureKind::Safety, checker, signature, detail, event, virtual_ms: 0 }
}

/// Quorums are counted over configurations: whoever reads of one must see how it came to be that.
#[test]
fn a_slice_shows_how_its_nodes_came_to_the_configuration_that_they_go_by() {
    let scenario = catalogue::find::<RaftCore>("membership", None).expect("the catalogue has it");
    let mut seen = 0;
    for seed in 0..10 {
        let (world, _) = record_seed(&scenario, seed).expect("a plan");
        let records = world.records();
        let configured = |record: &&Record| {
            let goes_by = |change: &Change| matches!(change, Change::State(state) if state.membership.is_some());
            record.event > 0 && record.changes.len() == 1 && record.changes.iter().any(goes_by)
        };
        let Some(last) = records.iter().rfind(configured) else { continue };
        let node = last.node.expect("a configuration is somebody's");
        let failure = as_if("election_quorum", format!("{node} leads without a quorum"), records.len() as u64 - 1);
        let slice = Slice::of(records, &failure);
        assert!(slice.contains(last.event), "seed {seed}: {last}");
        let asked = |event: u64| matches!(records[event as usize].what, What::Operation { .. });
        seen += usize::from(slice.events().any(asked));
    }
    assert!(seen >= 5, "in {seen} of 10 an operator is seen to ask for it");
}

/// Who listens to a candidate and should not has heard a leader: whoever reads of it must see when, and that it leads.
#[test]
fn a_slice_shows_what_its_node_heard_from_the_leader_that_it_betrays() {
    let scenario = catalogue::find::<RaftCore>("elections", None).expect("the catalogue has it");
    let mut seen = 0;
    for seed in 0..20 {
        let (world, _) = record_seed(&scenario, seed).expect("a plan");
        let records = world.records();
        let elected = |record: &Record| {
            record.changes.iter().find_map(|change| match change {
                Change::State(state) if state.role == Some(Role::Leader) => {
                    Some((state.node, state.term?, record.event))
                }
                _ => None,
            })
        };
        let (leader, term, since) = records.iter().find_map(elected).expect("somebody leads");
        // Its own requests for votes may still be on their way.
        let leads = |message: &Message| message.from == leader && message.message == "AppendEntries";
        let is_word = |record: &&Record| matches!(&record.what, What::Delivery(message) if leads(message) && record.event > since);
        let word = records.iter().find(is_word).expect("it says so");
        let node = word.node.expect("a message comes to somebody");
        let next = records[word.event as usize + 1..].iter().find(|record| record.node == Some(node));
        let Some(next) = next.filter(|next| !is_word(next)) else { continue };
        let detail = format!("{node} votes in term {}, and has heard from the leader of term {term}", term + 1);
        let slice = Slice::of(records, &as_if("silence", detail, next.event));
        assert!(slice.contains(word.event) && slice.contains(since), "seed {seed}: {word}");
        seen += 1;
    }
    assert!(seen >= 3, "{seen} of 20 runs have such a word, and something else after it");
}

#[test]
fn a_run_that_does_not_fail_has_no_slice_and_a_timeline_all_the_same() {
    let mut world = World::<Grudge>::recording(plan(Habit::Chats), 1).expect("a plan");
    sim::finish(&mut world);
    let text = timeline(3, world.records(), &Slice::default(), Length::Full);
    assert!(text.lines().count() > 100 && !text.contains('*'));
}

#[test]
fn the_columns_of_a_timeline_are_fixed_and_the_slice_is_marked() {
    let (world, failure) = failing();
    let slice = Slice::of(world.records(), &failure);
    let full = timeline(3, world.records(), &slice, Length::Full);
    let marked = full.lines().filter(|line| line.starts_with('*')).count();
    assert_eq!(marked, slice.len());
    let start = full.lines().next().and_then(|head| head.find("what happened")).expect("a head");
    for line in full.lines().skip(1).filter(|line| line.contains("──▶")) {
        let words: String = line.chars().skip(start).take(1).collect();
        assert!(words == "n" || words == "c", "{line}");
    }
    let only = timeline(3, world.records(), &slice, Length::Slice);
    assert_eq!(
        only.lines().count(),
        slice.len() + 1 + only.lines().filter(|line| line.starts_with("     ")).count() - 1
    );
    // A node that is down is shown as such until it starts again.
    assert!(full.contains("[down]") && full.lines().last().is_some_and(|line| !line.contains("down")));
}

#[test]
fn a_page_has_every_event_of_a_short_run_and_the_slice_of_a_long_one() {
    let (world, failure) = failing();
    let slice = Slice::of(world.records(), &failure);
    let shows = |records: &[Record], length| timeline(3, records, &slice, length);
    let short = &world.records()[..MOST_ON_A_PAGE.min(world.records().len())];
    assert_eq!(shows(short, Length::Page), shows(short, Length::Full));
    let mut long = world.records().to_vec();
    let idle =
        long.iter().find(|record| !slice.contains(record.event) && record.event > 0).expect("there is one").clone();
    long.resize(10 * MOST_ON_A_PAGE, idle);
    let page = shows(&long, Length::Page);
    assert_eq!(page.lines().filter(|line| line.starts_with('*')).count(), slice.len());
    assert!(page.lines().count() < 4 * slice.len() && page.contains("... "), "{page}");
}

/// Where nobody gets anywhere, messages go to and fro for ever: they are no story.
#[test]
fn the_slice_of_a_standstill_is_what_changed_and_not_what_went_to_and_fro() {
    let scenario = catalogue::find::<RaftCore>("replication", None).expect("the catalogue has it");
    let (world, _) = record_seed(&scenario, 1).expect("a plan");
    let records = world.records();
    let detail = "n1 has committed up to 1, and its leader n2 up to 3".to_owned();
    let failure = Failure { kind: FailureKind::Liveness, ..as_if("liveness", detail, records.len() as u64 - 1) };
    let slice = Slice::of(records, &failure);
    assert!(slice.len() > 3 && slice.len() * 20 < records.len(), "{} of {}", slice.len(), records.len());
}

/// As ShiViz reads it: pairs of lines, each host counting its own events from 1.
fn parse_shiviz(text: &str) -> Vec<(String, String, BTreeMap<String, u64>)> {
    let mut lines = text.lines();
    assert_eq!((lines.next(), lines.next()), (Some(SHIVIZ_PARSER), Some("")));
    let mut events = Vec::new();
    while let Some(event) = lines.next() {
        let (host, clock) = lines.next().expect("two lines an event").split_once(' ').expect("host and clock");
        let inner = clock.strip_prefix('{').and_then(|clock| clock.strip_suffix('}')).expect("braces");
        let counts = inner.split(", ").map(|part| {
            let (name, count) = part.split_once(':').expect("a count");
            (name.trim_matches('"').to_owned(), count.parse().expect("a number"))
        });
        events.push((event.to_owned(), host.to_owned(), counts.collect()));
    }
    events
}

#[test]
fn shiviz_gets_clocks_that_count_and_that_know_what_they_were_told() {
    let (world, failure) = failing();
    let slice = Slice::of(world.records(), &failure);
    for only in [None, Some(&slice)] {
        let events = parse_shiviz(&shiviz(world.records(), only));
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        for (event, host, clock) in &events {
            let count = counts.entry(host).or_default();
            *count += 1;
            assert_eq!(clock.get(host), Some(&*count), "{event}");
            for (other, known) in clock {
                assert!(other == host || *known <= counts.get(other.as_str()).copied().unwrap_or(0), "{event}");
            }
        }
        // Who is offended knows of the letter, and so of what its sender did before.
        let (_, host, clock) = events.last().expect("events");
        let sender = if host == "n2" { "n1" } else { panic!("{host}") };
        assert!(clock.get(sender).is_some_and(|known| *known >= 1), "{clock:?}");
    }
}

#[test]
fn mermaid_gets_well_formed_lines_and_not_too_many() {
    let (world, failure) = failing();
    for slice in [Slice::of(world.records(), &failure), Slice::default()] {
        let text = mermaid(3, world.records(), &slice);
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("sequenceDiagram"));
        let is_step = |line: &str| {
            let Some((head, words)) = line.split_once(": ") else { return line.starts_with("participant ") };
            let is_arrow = ["-->>", "->>", "-x"].iter().any(|arrow| {
                head.split_once(arrow).is_some_and(|(from, to)| [from, to].iter().all(|name| name.len() == 2))
            });
            !words.contains([';', '#']) && (is_arrow || head.starts_with("Note over "))
        };
        assert!(lines.clone().all(|line| is_step(line.trim())), "{text}");
        assert!(lines.count() <= 70);
    }
}

#[test]
fn an_explanation_names_the_one_fault_that_it_takes() {
    let (_, failure) = failing();
    let explanation = explain::<Grudge>(&troubled(), 1, &Decisions::default(), &failure).expect("a plan");
    let parts: Vec<&Part> = explanation.necessary.iter().map(|necessity| &necessity.part).collect();
    assert_eq!(parts, [&Part::Fault(TimedFault::at(100 * MS, CRASH))]);
    assert_eq!(explanation.necessary[0].without.failing, 0);
    assert_eq!(explanation.needless, 5);
    // A crash on time, and a letter that is sent again until it arrives: nothing of it is chance.
    assert_eq!((explanation.with_all.failing, explanation.turns.likely.event), (explanation.with_all.of, 0));
}

#[test]
fn a_failure_that_takes_nothing_is_explained_by_nothing_and_the_same_each_time() {
    let plan = plan(Habit::Usurps);
    let failure = run_plan::<Toy>(&plan, 1).expect("a plan").failure.expect("a failure");
    let explanation = explain::<Toy>(&plan, 1, &Decisions::default(), &failure).expect("a plan");
    assert!(explanation.necessary.is_empty() && explanation.needless == 1, "{explanation:?}");
    assert_eq!(explain::<Toy>(&plan, 1, &Decisions::default(), &failure), Ok(explanation));
}

#[test]
fn a_divergence_has_both_sides() {
    let scenario = Scenario::<Toy>::new("toy", "a protocol with a habit", &[], |_| plan(Habit::Meanders));
    let report = run_seed(&scenario, 0).expect("a plan");
    let divergence = report.divergence.expect("it meanders");
    assert_eq!(divergence.difference, Difference::Event);
    assert_ne!(divergence.first, divergence.second);
    let failure = report.failure.expect("a failure");
    assert_eq!(failure.signature, "replay: another event");
    assert_eq!(failure.event, divergence.event);
}

/// The messages reach everyone at the same times: nothing else differs.
#[test]
fn an_order_of_sends_that_no_seed_decides_is_noticed_and_its_likely_cause_named() {
    let scenario = Scenario::<Toy>::new("toy", "a protocol with a habit", &[], |_| plan(Habit::Shuffles));
    let report = run_seed(&scenario, 0).expect("a plan");
    let divergence = report.divergence.expect("it shuffles");
    assert_eq!(divergence.difference, Difference::OrderOfSends, "{divergence:?}");
    let failure = report.failure.expect("a failure");
    assert!(failure.detail.contains("\"hello\" to n2, \"hello\" to n3\""), "{}", failure.detail);
    assert!(failure.detail.contains("HashMap"), "{}", failure.detail);
}
