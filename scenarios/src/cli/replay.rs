//! `raft-sim replay`: one seed again, to look at.

use std::fmt::Write;
use std::process::ExitCode;

use scenarios::subjects::CatalogueSubject;
use scenarios::with_subject;
use serde::Serialize;
use sim::trace::{Divergence, Length, Record, Slice, mermaid, shiviz, timeline};
use sim::{Failure, PlanError, RunReport, Subject, World, record_seed, record_tape, run_seed, run_tape};

use super::args::{ReplayArgs, TraceFormat};
use super::numbers::grouped;
use super::tape_file::TapeFile;
use super::{VERSION, exit, hex, open, print, print_json};

pub(super) fn run(args: &ReplayArgs) -> Result<ExitCode, String> {
    if let Some(path) = &args.tape {
        let file = TapeFile::read(path)?;
        return with_subject!(file.subject, S => of_tape::<S>(args, &file));
    }
    with_subject!(args.target.subject, S => of_seed::<S>(args, args.seed.unwrap_or_default()))
}

fn of_seed<S: CatalogueSubject>(args: &ReplayArgs, seed: u64) -> Result<ExitCode, String> {
    let (scenario, files) = open::<S>(&args.target)?;
    let scenario = scenario.under(args.engine.engine()?);
    // As the campaign ran it: a failing run is run twice, and must repeat itself.
    let report = run_seed(&scenario, seed).map_err(|problem| problem.to_string())?;
    let cluster = files.map(|files| format!("{}\n", files.describe())).unwrap_or_default();
    show(args, scenario.name, &cluster, &report, || record_seed(&scenario, seed))
}

fn of_tape<S: CatalogueSubject>(args: &ReplayArgs, file: &TapeFile<'_>) -> Result<ExitCode, String> {
    let tape = file.tape::<S>()?;
    let report = run_tape::<S>(&tape).map_err(|problem| problem.to_string())?;
    let expects = format!("by a tape that expects: {}\n", tape.expects);
    show(args, &tape.scenario, &expects, &report, || record_tape::<S>(&tape))
}

fn show<S: Subject>(
    args: &ReplayArgs,
    scenario: &str,
    about: &str,
    report: &RunReport,
    record: impl FnOnce() -> Result<(World<S>, RunReport), PlanError>,
) -> Result<ExitCode, String> {
    if args.json {
        print_json(&Document::new(scenario, report))?;
        return Ok(ExitCode::from(exit::code(report.failure.iter())));
    }
    let (world, _) = record().map_err(|problem| problem.to_string())?;
    let slice = report.failure.as_ref().map_or(Slice::default(), |failure| Slice::of(world.records(), failure));
    let (nodes, records) = (world.plan().nodes, world.records());
    let length = match args.trace {
        _ if args.slice => Length::Slice,
        TraceFormat::Full => Length::Full,
        _ => Length::Short,
    };
    let text = match args.trace {
        TraceFormat::Short | TraceFormat::Full => {
            let head = head(scenario, about, &world, report);
            format!("{head}\n{}\n{}", timeline(nodes, records, &slice, length), verdict(&world, report, &slice))
        }
        TraceFormat::Json => json_lines(records, &slice, args.slice)?,
        TraceFormat::Shiviz => shiviz(records, args.slice.then_some(&slice)),
        TraceFormat::Mermaid => mermaid(nodes, records, &slice),
    };
    print(text.trim_end())?;
    Ok(ExitCode::from(exit::code(report.failure.iter())))
}

/// What was run.
fn head<S: Subject>(scenario: &str, cluster: &str, world: &World<S>, report: &RunReport) -> String {
    let plan = world.plan();
    let heal = if plan.heal.is_some() { ", then a healed core" } else { "" };
    format!(
        "raft-sim {VERSION}: {} in the scenario {scenario}, seed {:#x}\n{cluster}\
         {} nodes for {} ms, {} faults planned{heal}\n  settings  {:?}\n  network   {:?}\n  disk      {:?}\n  clocks    {:?} \
         ppm\n  clients   {:?}\n",
        S::NAME,
        report.seed,
        plan.nodes,
        plan.duration_ns / 1_000_000,
        plan.faults.len(),
        plan.settings,
        plan.network,
        plan.disk,
        plan.clock_drift_ppm,
        plan.clients
    )
}

/// What came of it.
fn verdict<S: Subject>(world: &World<S>, report: &RunReport, slice: &Slice) -> String {
    let mut text = format!(
        "{} events, {} elections, {} commits, trace hash {}\n",
        grouped(report.totals.events),
        report.totals.elections,
        report.totals.commits,
        hex(report.trace_hash)
    );
    let Some(Failure { kind, checker, detail, event, virtual_ms, .. }) = &report.failure else {
        return text + "Nothing was violated.";
    };
    let _ = write!(text, "FAILED: {checker} ({kind}): {detail}\n        after event {event}, at {virtual_ms} ms");
    if let Some(divergence) = report.divergence.as_deref() {
        text += &sides(divergence);
    } else if !slice.is_empty() {
        let _ = write!(text, "; * marks the {} events that led to it (--slice: these alone)", slice.len());
    }
    if report.failure.as_ref().is_some_and(|failure| failure.checker == "linearizability")
        && let Some(words) = world.history().explanation()
    {
        let _ = write!(
            text,
            "\n\nWhat fits one after the other, and what does not ([event of the call, of the answer]):\n{words}"
        );
    }
    text
}

/// The event at which two runs part, on both sides.
fn sides(divergence: &Divergence) -> String {
    let mut text = format!("\n        {} at event {}", divergence.difference.name(), divergence.event);
    for (run, record) in [("first ", &divergence.first), ("second", &divergence.second)] {
        match record {
            None => {
                let _ = write!(text, "\n  {run}  the end of the run");
            }
            Some(record) => {
                let _ = write!(text, "\n  {run}  {record}");
                for sent in &record.sent {
                    let _ = write!(text, "\n            sends {} to {}", sent.says, sent.to);
                }
            }
        }
    }
    text
}

/// An event, and whether it is one of those that led to the failure.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(flatten)]
    record: &'a Record,
    is_in_slice: bool,
}

fn json_lines(records: &[Record], slice: &Slice, only_slice: bool) -> Result<String, String> {
    let mut text = String::new();
    for record in records {
        let is_in_slice = slice.contains(record.event);
        if only_slice && !is_in_slice {
            continue;
        }
        text += &serde_json::to_string(&Line { record, is_in_slice }).map_err(|error| error.to_string())?;
        text.push('\n');
    }
    Ok(text)
}

/// What `replay --json` prints.
#[derive(Serialize)]
struct Document<'a> {
    scenario: &'a str,
    seed: u64,
    trace_hash: String,
    events: u64,
    failure: Option<&'a Failure>,
    #[serde(skip_serializing_if = "Option::is_none")]
    divergence: Option<&'a Divergence>,
    version: &'a str,
}

impl<'a> Document<'a> {
    fn new(scenario: &'a str, report: &'a RunReport) -> Self {
        Self {
            scenario,
            seed: report.seed,
            trace_hash: hex(report.trace_hash),
            events: report.totals.events,
            failure: report.failure.as_ref(),
            divergence: report.divergence.as_deref(),
            version: VERSION,
        }
    }
}
