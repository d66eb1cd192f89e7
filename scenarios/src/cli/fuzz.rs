//! `raft-sim fuzz`: many seeds.

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use scenarios::subjects::CatalogueSubject;
use serde::Serialize;
use serde_json::{Map, Value};
use sim::environment::Environment;
use sim::{Campaign, CampaignReport, Failure, Scenario, Subject, never_met};

use super::args::FuzzArgs;
use super::triage::{Triage, Way};
use super::{VERSION, exit, hex, numbers, open, print, print_json, replay_command, summary, target_options};

const USUAL_COUNT: u64 = 20_000;

pub(super) fn run<S: CatalogueSubject>(args: &FuzzArgs, environment: &Environment) -> Result<ExitCode, String> {
    let (scenario, files) = open::<S>(&args.target)?;
    let scenario = scenario.under(args.engine.engine()?);
    let seeds = match (&args.seeds, args.count) {
        (Some(seeds), _) => seeds.clone(),
        (None, Some(count)) => 0..count,
        (None, None) => environment.seeds_or(0..USUAL_COUNT),
    };
    // What makes no sense is said before the campaign, and not after it.
    let before = Triage::before::<S>(args, scenario.name)?;
    let jobs = args.jobs.map_or_else(super::processors, usize::from);
    let campaign = Campaign { seeds, jobs, fail_fast: args.fail_fast };
    let is_interrupted = interruptible()?;
    let started = Instant::now();
    let mut progress = Progress::new(&campaign, started);
    let mut events_until = Vec::new();
    let report = campaign
        .run(&scenario, |report| {
            progress.show(report);
            if report.failures.len() > events_until.len() {
                events_until.push(report.totals.events);
            }
            let is_time_over = args.time.is_some_and(|time| started.elapsed() >= time);
            let is_enough = args.enough.is_some_and(|enough| report.failures.len() as u64 >= enough)
                || args.budget_events.is_some_and(|budget| report.totals.events >= budget);
            !is_time_over && !is_enough && !is_interrupted.load(Ordering::Relaxed)
        })
        .map_err(|problem| problem.to_string())?;
    progress.clear();
    let wall = started.elapsed();
    let options = target_options(&args.target) + &args.engine.options();
    let triage = Triage::of(args, environment, &scenario, &report, &options, before)?;
    if args.json {
        print_json(&Document::new(&scenario, &campaign, &report, &events_until, &triage, wall, &options))?;
    } else {
        let was_interrupted = is_interrupted.load(Ordering::Relaxed);
        let text = summary::text(&scenario, files.as_ref(), &campaign, &report, wall, was_interrupted, &options);
        let ways = triage.text(args.against.is_some());
        let separator = if ways.is_empty() { "" } else { "\n\n" };
        print(&format!("{text}{separator}{}", ways.trim_end()))?;
    }
    let code = match exit::code(report.failures.iter().map(|(_, failure)| failure)) {
        exit::CLEAN if !never_met(&scenario, &report).is_empty() => exit::UNMET,
        code => code,
    };
    Ok(ExitCode::from(code))
}

/// A flag that Ctrl-C raises. A second Ctrl-C ends the process at once.
fn interruptible() -> Result<&'static AtomicBool, String> {
    static IS_INTERRUPTED: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        if IS_INTERRUPTED.swap(true, Ordering::Relaxed) {
            std::process::exit(130);
        }
    })
    .map_err(|error| format!("Ctrl-C: {error}"))?;
    Ok(&IS_INTERRUPTED)
}

/// How far the campaign is, on a terminal.
struct Progress {
    total: u64,
    started: Instant,
    shown: Option<Instant>,
    is_on: bool,
}

impl Progress {
    const EVERY: Duration = Duration::from_millis(100);

    fn new(campaign: &Campaign, started: Instant) -> Self {
        let total = campaign.seeds.end.saturating_sub(campaign.seeds.start);
        Self { total, started, shown: None, is_on: io::stderr().is_terminal() }
    }

    fn show(&mut self, report: &CampaignReport) {
        if !self.is_on || self.shown.is_some_and(|shown| shown.elapsed() < Self::EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let failures = match report.failures.len() {
            0 => "clean so far".to_owned(),
            count => format!("{count} failing"),
        };
        let elapsed = self.started.elapsed();
        // What cannot be shown is not worth an error.
        let _ = write!(
            io::stderr(),
            "\r\x1b[K{} of {} seeds, {} a second, {failures}",
            numbers::grouped(report.runs),
            numbers::grouped(self.total),
            numbers::grouped(numbers::per_second(report.runs, elapsed))
        );
    }

    fn clear(&self) {
        if self.shown.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

/// What `fuzz --json` prints.
#[derive(Serialize)]
struct Document<'a> {
    scenario: &'a str,
    subject: &'a str,
    first_seed: u64,
    runs: u64,
    events: u64,
    deliveries: u64,
    virtual_ms: u64,
    wall_ms: u64,
    nodes: [u8; 2],
    trace_hash: String,
    elections: u64,
    commits: u64,
    recoveries: u64,
    operations: u64,
    repeats: u64,
    keys_left_open: u64,
    unknown: u64,
    faults: Map<String, Value>,
    features: Map<String, Value>,
    /// How often each state worth reaching was reached.
    marks: Map<String, Value>,
    never_met: Vec<&'a str>,
    failures: Vec<FailureRow<'a>>,
    /// The failures by signature, each with its shortest run.
    ways: &'a [Way],
    version: &'a str,
}

#[derive(Serialize)]
struct FailureRow<'a> {
    seed: u64,
    #[serde(flatten)]
    failure: &'a Failure,
    /// The events of all runs up to this failure, in the order of seeds.
    events_until: u64,
    replay: String,
}

impl<'a> Document<'a> {
    fn new<S: Subject>(
        scenario: &'a Scenario<S>,
        campaign: &Campaign,
        report: &'a CampaignReport,
        events_until: &[u64],
        triage: &'a Triage,
        wall: Duration,
        options: &str,
    ) -> Self {
        let (least, most) = report.nodes.unwrap_or_default();
        let failures = report.failures.iter();
        Self {
            scenario: scenario.name,
            subject: S::NAME,
            first_seed: campaign.seeds.start,
            runs: report.runs,
            events: report.totals.events,
            deliveries: report.totals.deliveries,
            virtual_ms: report.totals.virtual_ns / 1_000_000,
            wall_ms: wall.as_millis() as u64,
            nodes: [least, most],
            trace_hash: hex(report.trace_hash),
            elections: report.totals.elections,
            commits: report.totals.commits,
            recoveries: report.totals.recoveries,
            operations: report.totals.operations,
            repeats: report.totals.repeats,
            keys_left_open: report.totals.keys_left_open,
            unknown: report.unknown,
            faults: scenario
                .faults
                .iter()
                .map(|class| (class.name().to_owned(), report.totals.faults[*class].into()))
                .collect(),
            features: (0..)
                .zip(S::FEATURES)
                .filter(|(_, name)| !S::MARKS.contains(name))
                .map(|(feature, name)| ((*name).to_owned(), report.totals.features.of(feature).into()))
                .collect(),
            marks: summary::marks::<S>(&report.totals).map(|(name, count)| (name.to_owned(), count.into())).collect(),
            never_met: never_met(scenario, report),
            failures: failures
                .zip(events_until)
                .map(|((seed, failure), events_until)| FailureRow {
                    seed: *seed,
                    failure,
                    events_until: *events_until,
                    replay: replay_command(*seed, options),
                })
                .collect(),
            ways: &triage.ways,
            version: VERSION,
        }
    }
}
