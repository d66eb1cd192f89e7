//! The command line: what a user types, and what it prints.

mod args;
mod bench;
mod bench_swarm;
mod engine;
pub(crate) mod exit;
mod explain;
mod explore;
mod fuzz;
mod list;
mod numbers;
mod replay;
mod score;
mod shrink;
mod summary;
mod tape_file;
mod triage;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use scenarios::catalogue;
use scenarios::cluster_files::{self, ClusterFiles};
use scenarios::subjects::{CatalogueSubject, SubjectName};
use scenarios::with_subject;
use serde::Serialize;
use sim::Scenario;
use sim::environment::Environment;

use args::{Args, Target, Verb};

/// The version in reports.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Does what the command line asks for.
///
/// # Errors
/// In one line, what is wrong with the command line, the environment or a file.
pub(crate) fn run(arguments: impl Iterator<Item = OsString>) -> Result<ExitCode, String> {
    let args = match Args::try_parse_from(arguments) {
        Ok(args) => args,
        Err(asked) if matches!(asked.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return asked.print().map(|()| ExitCode::SUCCESS).map_err(|error| error.to_string());
        }
        Err(wrong) => return Err(one_line(&wrong)),
    };
    let environment = Environment::read()?;
    match args.verb.unwrap_or_default() {
        Verb::Fuzz(args) => with_subject!(args.target.subject, S => fuzz::run::<S>(&args, &environment)),
        Verb::Replay(args) => replay::run(&args),
        Verb::Shrink(args) => shrink::run(&args, &environment),
        Verb::Explore(args) => explore::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::List(args) => list::run(&args),
        Verb::Bench(args) => with_subject!(args.subject, S => bench::run::<S>(&args)),
        Verb::Score(args) => score::run(&args),
    }
}

/// The first line of clap's explanation, which says what is wrong; what it adds is in `--help`.
fn one_line(wrong: &clap::Error) -> String {
    let text = wrong.to_string();
    let words: Vec<&str> = text.lines().take_while(|line| !line.is_empty()).map(str::trim).collect();
    format!("{} (see --help)", words.join(" ").trim_start_matches("error: "))
}

/// The scenario that `target` names, for its subject, on the cluster that its files describe.
fn open<S: CatalogueSubject>(target: &Target) -> Result<(Scenario<S>, Option<ClusterFiles>), String> {
    let files = match (&target.conf, &target.peers) {
        (None, None) => None,
        (conf, peers) => Some(cluster_files::read(conf.as_deref(), peers.as_deref())?),
    };
    let scenario =
        catalogue::find(&target.scenario, files.as_ref()).map_err(|problem| format!("--scenario: {problem}"))?;
    Ok((scenario, files))
}

/// The options that choose `target` again, for a command that repeats a run.
fn target_options(target: &Target) -> String {
    let mut options = String::new();
    if target.subject != SubjectName::default() {
        options += &format!(" --subject {}", target.subject.name());
    }
    if target.scenario != catalogue::DEFAULT {
        options += &format!(" --scenario {}", target.scenario);
    }
    for (option, path) in [("--conf", &target.conf), ("--peers", &target.peers)] {
        if let Some(path) = path {
            options += &format!(" {option} {}", path.display());
        }
    }
    options
}

/// How many threads share the work unless said otherwise.
fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// The command that shows a failing run.
fn replay_command(seed: u64, options: &str) -> String {
    format!("raft-sim replay {seed:#x}{options}")
}

/// Prints the answer. A reader that has gone away is none of our business.
fn print(text: &str) -> Result<(), String> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("standard output: {error}")),
        _ => Ok(()),
    }
}

fn print_json(document: &impl Serialize) -> Result<(), String> {
    let text = serde_json::to_string_pretty(document).map_err(|error| error.to_string())?;
    print(&text)
}

/// A trace hash as it is shown everywhere.
fn hex(hash: u64) -> String {
    format!("{hash:016x}")
}
