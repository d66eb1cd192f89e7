//! `raft-sim shrink`: a failing run, as short as it can be, and its folder.

use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use scenarios::subjects::CatalogueSubject;
use scenarios::with_subject;
use serde::Serialize;
use sim::environment::{Environment, parse_seed};
use sim::trace::{Length, Slice, timeline};
use sim::{Failure, Shrinking, Shrunk, how_far, record_tape, shrink_seed, shrink_tape, write_folder};

use super::args::ShrinkArgs;
use super::tape_file::TapeFile;
use super::{VERSION, exit, open, print, print_json, replay_command, target_options};

/// What `shrink --json` prints.
#[derive(Serialize)]
struct Document<'a> {
    scenario: &'a str,
    subject: &'a str,
    seed: u64,
    steps_before: usize,
    steps: usize,
    nodes: u8,
    tries: u64,
    is_minimal: bool,
    seconds: u64,
    failure: &'a Failure,
    folder: String,
    version: &'static str,
}

pub(super) fn run(args: &ShrinkArgs, environment: &Environment) -> Result<ExitCode, String> {
    let path = Path::new(&args.what);
    match parse_seed(&args.what) {
        Ok(seed) => with_subject!(args.target.subject, S => of_seed::<S>(args, environment, seed)),
        Err(problem) if !path.exists() => Err(format!("{problem}, nor the file of a tape")),
        Err(_) => {
            let file = TapeFile::read(path)?;
            with_subject!(file.subject, S => of_tape::<S>(args, environment, &file))
        }
    }
}

fn of_seed<S: CatalogueSubject>(args: &ShrinkArgs, environment: &Environment, seed: u64) -> Result<ExitCode, String> {
    let (scenario, _) = open::<S>(&args.target)?;
    let scenario = scenario.under(args.engine.engine()?);
    let options = format!("{}{}", target_options(&args.target), args.engine.options());
    let replay = replay_command(seed, &options);
    finish::<S>(args, environment, &replay, |how| shrink_seed(&scenario, seed, how).map_err(|error| error.to_string()))
}

fn of_tape<S: CatalogueSubject>(
    args: &ShrinkArgs,
    environment: &Environment,
    file: &TapeFile<'_>,
) -> Result<ExitCode, String> {
    let tape = file.tape::<S>()?;
    let replay = format!("raft-sim replay --tape {}", args.what);
    finish::<S>(args, environment, &replay, |how| shrink_tape::<S>(tape, how).map_err(|error| error.to_string()))
}

fn finish<S: CatalogueSubject>(
    args: &ShrinkArgs,
    environment: &Environment,
    replay: &str,
    shrink: impl FnOnce(&Shrinking<'_>) -> Result<Option<Shrunk<S::Settings>>, String>,
) -> Result<ExitCode, String> {
    let started = Instant::now();
    let may_go_on = || started.elapsed() < args.shrink_time;
    let jobs = args.jobs.map_or_else(super::processors, usize::from);
    let shrunk = shrink(&Shrinking { jobs, most_events: u64::MAX, may_go_on: &may_go_on })?;
    let Some(shrunk) = shrunk else {
        return Err(format!("{}: this run does not fail: there is nothing to shrink", args.what));
    };
    let seconds = started.elapsed().as_secs();
    let tape = &shrunk.tape;
    let folder = args.out.clone().unwrap_or_else(|| environment.folder(&tape.scenario, tape.seed));
    write_folder::<S>(&folder, &shrunk, replay)?;
    if args.json {
        print_json(&Document {
            scenario: &tape.scenario,
            subject: S::NAME,
            seed: tape.seed,
            steps_before: shrunk.steps.0,
            steps: shrunk.steps.1,
            nodes: tape.plan.nodes,
            tries: shrunk.tries,
            is_minimal: shrunk.is_done,
            seconds,
            failure: &shrunk.failure,
            folder: folder.display().to_string(),
            version: VERSION,
        })?;
    } else {
        let (world, _) = record_tape::<S>(tape).map_err(|problem| problem.to_string())?;
        let records = world.records();
        let slice = Slice::of(records, &shrunk.failure);
        let lines = timeline(tape.plan.nodes, records, &slice, Length::Page);
        let Failure { kind, checker, detail, .. } = &shrunk.failure;
        print(&format!(
            "{lines}\nFAILED: {checker} ({kind}): {detail}\n{}\n\n{}/ has it all. Again: raft-sim replay --tape {}",
            how_far(&shrunk),
            folder.display(),
            folder.join("tape.json").display()
        ))?;
    }
    Ok(ExitCode::from(exit::code(std::iter::once(&shrunk.failure))))
}
