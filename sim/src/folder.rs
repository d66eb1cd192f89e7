//! The folder of a failing run: all that is known of it, for people and for programs.

use std::fs;
use std::io;
use std::path::Path;

use serde::Serialize;

use crate::failure::Failure;
use crate::run::RunReport;
use crate::shrink::Shrunk;
use crate::subject::Subject;
use crate::tape::{Otherwise, Tape};
use crate::trace::{Length, Slice, timeline};
use crate::world::World;
use crate::{PlanError, record_tape};

/// The files of a failing run's folder, and what is in each.
pub const FILES: &[(&str, &str)] = &[
    ("report.txt", "what went wrong, and how to have it again"),
    ("report.json", "the same, for programs"),
    ("tape.json", "the shrunk run: raft-sim replay --tape plays it"),
    ("timeline.txt", "every event of the shrunk run, in words"),
    ("trace.jsonl", "every event of the shrunk run, one a line"),
    (
        "history.jsonl",
        "what its clients asked for on which key, when it came to a node, when it was answered and how, one a line",
    ),
    ("test.rs", "a test that plays the tape, ready to be pasted"),
];

/// What `report.json` holds.
#[derive(Serialize)]
struct Report<'a> {
    subject: &'a str,
    scenario: &'a str,
    seed: String,
    failure: &'a Failure,
    nodes: u8,
    steps_before: usize,
    steps: usize,
    tries: u64,
    is_minimal: bool,
    trace_hash: String,
    replay: &'a str,
    version: &'a str,
}

/// Writes what is known of a failing run into `folder`, which is made where it is missing. `replay` is the command that
/// has the run again as it was before it was shrunk.
///
/// # Errors
/// Where a file cannot be written. The message names it.
pub fn write_folder<S: Subject>(folder: &Path, shrunk: &Shrunk<S::Settings>, replay: &str) -> Result<(), String> {
    let problem = |error: PlanError| error.to_string();
    let (world, report) = record_tape::<S>(&shrunk.tape).map_err(problem)?;
    let contents = [
        text::<S>(shrunk, &world, replay),
        json::<S>(shrunk, &report, replay),
        shrunk.tape.write::<S>(),
        shown(&world, &shrunk.failure, Length::Full),
        lines(world.records()),
        lines(world.history().ops().iter()),
        test::<S>(&shrunk.tape),
    ];
    let at = |path: &Path, error: &io::Error| format!("{}: {error}", path.display());
    fs::create_dir_all(folder).map_err(|error| at(folder, &error))?;
    for ((name, _), content) in FILES.iter().zip(contents) {
        let path = folder.join(name);
        fs::write(&path, content).map_err(|error| at(&path, &error))?;
    }
    Ok(())
}

/// How far shrinking got, in a sentence.
#[must_use]
pub fn how_far<Settings>(shrunk: &Shrunk<Settings>) -> String {
    let (before, after) = shrunk.steps;
    let end = match (shrunk.tape.decisions.otherwise, shrunk.is_done) {
        (Otherwise::Seed | Otherwise::Benign, _) => {
            "it fails only as its seed has it, so that steps cannot be left out"
        }
        (Otherwise::Nothing, true) => "no step of them can be left out",
        (Otherwise::Nothing, false) => "there was no time for more",
    };
    format!("shrunk from {before} steps to {after} in {} tries, and {end}", shrunk.tries)
}

fn text<S: Subject>(shrunk: &Shrunk<S::Settings>, world: &World<S>, replay: &str) -> String {
    let Failure { kind, checker, detail, event, virtual_ms, signature } = &shrunk.failure;
    let Tape { scenario, seed, plan, .. } = &shrunk.tape;
    let mut text = format!(
        "{} in the scenario {scenario}, seed {seed:#x}, fails in {checker} ({kind})\n\n  {detail}\n  after event {event}, at \
         {virtual_ms} ms\n\nsignature  {signature}\nrun        {} nodes, {}\nas it was  {replay}\nas it is   raft-sim replay \
         --tape tape.json\n\n",
        S::NAME,
        plan.nodes,
        how_far(shrunk)
    );
    text += &shown(world, &shrunk.failure, Length::Page);
    text
}

fn json<S: Subject>(shrunk: &Shrunk<S::Settings>, report: &RunReport, replay: &str) -> String {
    let document = Report {
        subject: S::NAME,
        scenario: &shrunk.tape.scenario,
        seed: format!("{:#x}", shrunk.tape.seed),
        failure: &shrunk.failure,
        nodes: shrunk.tape.plan.nodes,
        steps_before: shrunk.steps.0,
        steps: shrunk.steps.1,
        tries: shrunk.tries,
        is_minimal: shrunk.is_done,
        trace_hash: format!("{:016x}", report.trace_hash),
        replay,
        version: env!("CARGO_PKG_VERSION"),
    };
    // Plain data.
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// The run, in lanes.
fn shown<S: Subject>(world: &World<S>, failure: &Failure, length: Length) -> String {
    let records = world.records();
    timeline(world.plan().nodes, records, &Slice::of(records, failure), length)
}

/// Each a line.
fn lines<'a, T: Serialize + 'a>(all: impl IntoIterator<Item = &'a T>) -> String {
    let mut text = String::new();
    for one in all {
        // Plain data.
        text += &(serde_json::to_string(one).unwrap_or_default() + "\n");
    }
    text
}

/// A test that fails as long as the run does.
fn test<S: Subject>(tape: &Tape<S::Settings>) -> String {
    let subject = std::any::type_name::<S>();
    let name: String =
        tape.scenario.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    format!(
        "/// {} {}\n#[test]\nfn {name}_{:x}_stays_mended() {{\n    let report = sim::replay_tape::<{subject}>(include_str!(\"tape.json\"))\
         .expect(\"a tape\");\n    assert_eq!(report.failure, None);\n}}\n",
        "It failed so:",
        tape.expects.replace('\n', " "),
        tape.seed
    )
}
