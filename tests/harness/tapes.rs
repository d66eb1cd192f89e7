//! Tapes and shrinking: what a tape must survive, what is no tape, and the tapes that are kept for ever.

use std::fs;
use std::path::Path;

use scenarios::catalogue;
use scenarios::kvstore_subject::Kvstore;
use scenarios::raft_core_subject::{RaftCore, Settings};
use scenarios::subjects::{CatalogueSubject, SubjectName};
use scenarios::with_subject;
use sim::tape::{CLEAN, Decisions, Key, Otherwise, label};
use sim::{
    Engine, NodeId, Observation, Pct, Scenario, Shrinking, Shrunk, Subject, Tape, Totals, record_tape, replay_tape,
    run_plan, run_tape, shrink_tape, spell_out,
};

use crate::hasty_reader::{A_CHECKER_MORE, A_DRAW_MORE, A_KIND_MORE, HastyReader};

type Hasty = HastyReader<true>;

fn swarm() -> Scenario<RaftCore> {
    catalogue::find("swarm", None).expect("the catalogue has it")
}

fn tape_of_seed(seed: u64, engine: Engine) -> Tape<Settings> {
    let plan = swarm().under(engine).plan(seed);
    Tape { scenario: "swarm".into(), seed, expects: CLEAN.into(), plan, decisions: Decisions::default() }
}

/// A failing run of a reader that asks nobody, made short.
fn shrunk(engine: Engine, jobs: usize) -> Shrunk<Settings> {
    let how = Shrinking { jobs, ..Shrinking::usual() };
    let mut tapes = (0..100).map(|seed| tape_of_seed(seed, engine));
    tapes.find_map(|tape| shrink_tape::<Hasty>(tape, &how).expect("a plan")).expect("a follower that is asked")
}

fn written(tape: &Tape<Settings>) -> String {
    tape.write::<Hasty>()
}

#[test]
fn a_tape_that_decides_nothing_is_the_run_of_its_seed() {
    for seed in 0..20 {
        for engine in [Engine::Time, Engine::Pct(Pct::USUAL)] {
            let tape = tape_of_seed(seed, engine);
            let of_seed = run_plan::<RaftCore>(&tape.plan, seed).expect("a plan");
            assert_eq!(run_tape::<RaftCore>(&tape).expect("a plan").trace_hash, of_seed.trace_hash, "seed {seed}");
        }
    }
}

#[test]
fn every_run_that_is_spelled_out_does_the_same_without_its_seed() {
    let is_told = |seed: &u64| {
        let tape = tape_of_seed(*seed, Engine::Time);
        let spelled_out = spell_out::<RaftCore>(&tape).expect("a plan");
        assert_eq!(spelled_out.decisions.otherwise, Otherwise::Nothing);
        ends_of::<RaftCore>(&spelled_out) == ends_of::<RaftCore>(&tape)
    };
    let not_told: Vec<u64> = (0..300).filter(|seed| !is_told(seed)).collect();
    assert!(not_told.is_empty(), "{not_told:x?}");
}

/// Of other scenarios, and of the server: as many elections, commits and recoveries, and the same failure.
#[test]
fn runs_of_other_scenarios_and_subjects_are_told_as_well() {
    for scenario in ["replication", "membership", "sessions", "snapshots", "slow_disks", "bit_rot"] {
        assert_told::<RaftCore>(scenario);
    }
    for scenario in ["swarm", "bit_rot", "lying_sync"] {
        assert_told::<Kvstore>(scenario);
    }
}

fn assert_told<S: CatalogueSubject>(name: &str) {
    let scenario: Scenario<S> = catalogue::find(name, None).expect("the catalogue has it");
    for seed in 0..15 {
        let (plan, scenario, expects) = (scenario.plan(seed), name.to_owned(), CLEAN.to_owned());
        let tape = Tape { scenario, seed, expects, plan, decisions: Decisions::default() };
        let ends = |tape: &Tape<S::Settings>| {
            let report = run_tape::<S>(tape).expect("a plan");
            let Totals { elections, commits, recoveries, .. } = report.totals;
            ([elections, commits, recoveries], report.failure.map(|failure| failure.signature))
        };
        assert_eq!(ends(&spell_out::<S>(&tape).expect("a plan")), ends(&tape), "{name}, seed {seed:#x}");
    }
}

/// How the nodes stand when the run ends, what was elected and committed until then, and how it fails.
fn ends_of<S: Subject<Settings = Settings> + Clone>(
    tape: &Tape<Settings>,
) -> (Vec<Option<Observation>>, [u64; 3], Option<String>) {
    let (world, report) = record_tape::<S>(tape).expect("a plan");
    let nodes = NodeId::all(tape.plan.nodes).map(|node| world.node(node).cloned().and_then(|mut node| node.observe()));
    let totals = report.totals;
    (
        nodes.collect(),
        [totals.elections, totals.commits, totals.recoveries],
        report.failure.map(|failure| failure.signature),
    )
}

#[test]
fn a_shrunk_run_is_short_fails_in_the_same_way_and_needs_every_step() {
    for engine in [Engine::Time, Engine::Pct(Pct::USUAL)] {
        let Shrunk { tape, failure, steps, is_done, .. } = shrunk(engine, 1);
        assert!(is_done && steps.1 < steps.0 && steps.1 <= 20, "{steps:?}");
        assert_eq!(tape.decisions.otherwise, Otherwise::Nothing);
        let again = run_tape::<Hasty>(&tape).expect("a plan").failure.expect("a failure");
        assert_eq!((&again.signature, &again.signature), (&failure.signature, &tape.expects));
        let deliveries = tape.decisions.values.keys().filter(|key| matches!(key, Key::Latency(_) | Key::Timer { .. }));
        for key in deliveries {
            let mut without = tape.clone();
            without.decisions.values.remove(key);
            let report = run_tape::<Hasty>(&without).expect("a plan");
            assert_ne!(report.failure.map(|failure| failure.signature), Some(tape.expects.clone()), "{key:?}");
        }
    }
}

#[test]
fn a_shrunk_run_does_not_depend_on_how_many_threads_look_for_it() {
    assert_eq!(shrunk(Engine::Time, 1), shrunk(Engine::Time, 3));
}

#[test]
fn a_tape_is_read_as_it_was_written() {
    let tape = shrunk(Engine::Time, 1).tape;
    assert_eq!(Tape::read::<Hasty>(&written(&tape)), Ok(tape));
}

#[test]
fn a_tape_outlives_changes_that_have_nothing_to_do_with_it() {
    for engine in [Engine::Time, Engine::Pct(Pct::USUAL)] {
        let tape = shrunk(engine, 1).tape;
        let json = written(&tape);
        assert_eq!(signature_of::<HastyReader<true, A_KIND_MORE>>(&json), tape.expects);
        assert_eq!(signature_of::<HastyReader<true, A_CHECKER_MORE>>(&json), tape.expects);
        assert_eq!(signature_of::<HastyReader<true, A_DRAW_MORE>>(&json), tape.expects);
        // What a trace keeps of a run does not reach the run.
        let (_, recorded) = record_tape::<Hasty>(&tape).expect("a plan");
        assert_eq!(recorded, run_tape::<Hasty>(&tape).expect("a plan"));
    }
}

#[test]
fn a_tape_is_the_same_whatever_the_order_of_its_fields_and_where_it_lacks_new_ones() {
    let tape = shrunk(Engine::Time, 1).tape;
    let mut json: serde_json::Value = serde_json::from_str(&written(&tape)).expect("json");
    assert_eq!(Tape::read::<Hasty>(&backwards(&json)).as_ref(), Ok(&tape));
    let fields = json.as_object_mut().expect("an object");
    assert!(fields.remove("jitter").is_some());
    let network = fields["plan"]["network"].as_object_mut().expect("an object");
    assert!(network.remove("stale_ppm").is_some() && network.remove("stale_ns").is_some());
    assert_eq!(signature_of::<Hasty>(&json.to_string()), tape.expects);
}

fn signature_of<S: Subject>(json: &str) -> String {
    replay_tape::<S>(&json.replace(Hasty::NAME, S::NAME)).expect("a tape").failure.expect("a failure").signature
}

/// The fields of each object from the last to the first.
fn backwards(json: &serde_json::Value) -> String {
    match json {
        serde_json::Value::Object(fields) => {
            let fields = fields.iter().rev().map(|(name, value)| format!("\"{name}\": {}", backwards(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        serde_json::Value::Array(values) => {
            format!("[{}]", values.iter().map(backwards).collect::<Vec<_>>().join(", "))
        }
        value => value.to_string(),
    }
}

#[test]
fn what_makes_no_sense_is_refused_with_its_field() {
    let is_healed = |tape: &Tape<_>| tape.plan.heal.is_some();
    let tape = (0..).map(|seed| tape_of_seed(seed, Engine::Time)).find(is_healed).expect("some run is healed");
    let json = tape.write::<RaftCore>();
    let refused = |json: &str| {
        let problem = Tape::read::<RaftCore>(json).expect_err("it makes no sense").to_string();
        assert!(!problem.contains('\n'), "{problem}");
        problem
    };
    assert!(refused(&json[..json.len() / 2]).contains("EOF"));
    assert!(refused("").contains("EOF"));
    assert!(refused(&(json.clone() + "{}")).contains("trailing"));
    let with = |from: &str, to: &str| {
        assert!(json.contains(from), "{from}");
        refused(&json.replacen(from, to, 1))
    };
    assert!(with("\"version\": 1", "\"version\": 2").contains("version: it is 2"));
    assert!(with("\"raft-core\"", "\"paxos\"").contains("subject: it is for 'paxos'"));
    assert!(with(&format!("\"seed\": \"{:#x}\"", tape.seed), "\"seed\": \"one\"").contains("seed: 'one'"));
    assert!(with("\"otherwise\": \"seed\"", "\"otherwise\": \"maybe\"").contains("otherwise"));
    assert!(with("\"scenario\"", "\"scenery\"").contains("scenery"));
    assert!(with("\"loss_ppm\": ", "\"loss_ppm\": 9000000").contains("network.loss_ppm"));
    assert!(with("\"heartbeat_ms\": ", "\"heartbeat_ms\": 1000000").contains("plan.settings"));
    assert!(with("\"jitter\": \"seed\"", "\"jitter\": \"least\"").contains("jitter"));
    assert!(with("\"duration_ns\": ", "\"duration_ns\": -").contains("plan.duration_ns"));
    let decided = |decision: &str| with("\"decisions\": {}", &format!("\"decisions\": {{{decision}}}"));
    assert!(decided("\"timer n1 #1\": 18446744073709551615").contains("timer n1 #1"));
    assert!(decided("\"timer n8 #1\": 1").contains("'n8' is not a node"));
    assert!(decided("\"latency n1->n2 Gossip #1\": 1").contains("there are no messages 'Gossip'"));
    assert!(decided("\"loss n1->n2 AppendEntries #1\": 2").contains("2 is not between 0 and 1"));
    assert!(decided("\"timer n1 #1\": 1, \"timer n1 #1\": 2").contains("twice"));
    assert!(decided("\"timer n1 #1\": \"soon\"").contains("decisions"));
    assert!(decided("\"mood n1 #1\": 1").contains("mood n1 #1"));
}

/// The tapes of bugs that were found once: each ends as it says, for ever.
#[test]
fn every_tape_of_the_folder_ends_as_it_expects() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tapes");
    let mut played = 0;
    for entry in fs::read_dir(folder).expect("the folder of tapes") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let json = fs::read_to_string(&path).expect("a file");
        let name: SubjectName = label(&json).expect("a tape").subject.parse().expect("a subject");
        with_subject!(name, S => play::<S>(&path, &json));
        played += 1;
    }
    assert!(played > 0, "no tape was played");
}

fn play<S: Subject>(path: &Path, json: &str) {
    let tape = Tape::read::<S>(json).unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
    let (world, report) = record_tape::<S>(&tape).expect("a tape has a plan that makes sense");
    let ended = report.failure.map_or(CLEAN.to_owned(), |failure| failure.signature);
    assert_eq!(ended, tape.expects, "{} after {} events", path.display(), world.events());
}
