//! `raft-sim replay`: one seed again, to look at.

use std::fmt::Write;
use std::process::ExitCode;

use scenarios::subjects::CatalogueSubject;
use serde::Serialize;
use sim::{Failure, RunReport, Subject, TraceLine, World, record_seed, run_seed};

use super::args::{ReplayArgs, TraceLength};
use super::numbers::grouped;
use super::{VERSION, exit, hex, open, print, print_json};

/// How many events before a failure are shown in full.
const SHOWN_EVENTS: usize = 40;

pub(super) fn run<S: CatalogueSubject>(args: &ReplayArgs) -> Result<ExitCode, String> {
    let (scenario, files) = open::<S>(&args.target)?;
    let scenario = scenario.under(args.engine.engine()?);
    // As the campaign ran it: a failing run is run twice, and must repeat itself.
    let report = run_seed(&scenario, args.seed).map_err(|problem| problem.to_string())?;
    if args.json {
        print_json(&Document::new(scenario.name, &report))?;
    } else {
        let (world, _) = record_seed(&scenario, args.seed).map_err(|problem| problem.to_string())?;
        let cluster = files.map(|files| format!("{}\n", files.describe())).unwrap_or_default();
        print(&text(scenario.name, &cluster, &world, &report, args.trace))?;
    }
    Ok(ExitCode::from(exit::code(report.failure.iter())))
}

fn text<S: Subject>(
    scenario: &str,
    cluster: &str,
    world: &World<S>,
    report: &RunReport,
    length: TraceLength,
) -> String {
    let plan = world.plan();
    let heal = if plan.heal.is_some() { ", then a healed core" } else { "" };
    let mut text = format!(
        "raft-sim {VERSION}: {} in the scenario {scenario}, seed {:#x}\n{cluster}\
         {} nodes for {} ms, {} faults planned{heal}\n  settings  {:?}\n  network   {:?}\n  disk      {:?}\n  clocks    {:?} \
         ppm\n  clients   {:?}\n\n",
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
    );
    let lines = world.timeline();
    let tail = if report.failure.is_some() { SHOWN_EVENTS } else { 0 };
    let shown_from = lines.len().saturating_sub(tail);
    let mut skipped = 0;
    for (place, line) in lines.iter().enumerate() {
        if length == TraceLength::Full || place >= shown_from || is_turning_point(line) {
            if skipped > 0 {
                let _ = writeln!(text, "{:>18}  ... {} events", "", grouped(skipped));
            }
            skipped = 0;
            let _ = writeln!(text, "{line}");
        } else {
            skipped += 1;
        }
    }
    if skipped > 0 {
        let _ = writeln!(text, "{:>18}  ... {} events", "", grouped(skipped));
    }
    let _ = write!(
        text,
        "\n{} events, {} elections, {} commits, trace hash {}\n",
        grouped(report.totals.events),
        report.totals.elections,
        report.totals.commits,
        hex(report.trace_hash)
    );
    match &report.failure {
        Some(Failure { kind, checker, detail, event, virtual_ms, .. }) => {
            let _ =
                write!(text, "FAILED: {checker} ({kind}): {detail}\n        after event {event}, at {virtual_ms} ms");
        }
        None => text += "Nothing was violated.",
    }
    text
}

/// What a reader needs to follow the run: what went wrong, and who led.
fn is_turning_point(line: &TraceLine) -> bool {
    ["FAULT", "OPERATION", "HEALED", "SETTLED", "UNSETTLED"].iter().any(|word| line.what.starts_with(word))
        || line.change.contains("LEADER")
}

/// What `replay --json` prints.
#[derive(Serialize)]
struct Document<'a> {
    scenario: &'a str,
    seed: u64,
    trace_hash: String,
    events: u64,
    failure: Option<&'a Failure>,
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
            version: VERSION,
        }
    }
}
