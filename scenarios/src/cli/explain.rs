//! `raft-sim explain`: why a seed fails, in a page.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;

use scenarios::subjects::CatalogueSubject;
use scenarios::with_subject;
use serde::Serialize;
use sim::environment::parse_seed;
use sim::explain::{Explanation, Share, TurningPoint, Turns, explain};
use sim::tape::{Decisions, Key, Otherwise};
use sim::trace::{Length, Record, Slice, timeline};
use sim::{
    Failure, FailureKind, Plan, PlanError, RunReport, Shrinking, Tape, World, checkers, record_seed, record_tape,
    run_seed, run_tape, shrink_tape,
};

use super::args::ExplainArgs;
use super::tape_file::TapeFile;
use super::{VERSION, exit, open, print, print_json, replay_command, target_options};

pub(super) fn run(args: &ExplainArgs) -> Result<ExitCode, String> {
    let path = Path::new(&args.what);
    match parse_seed(&args.what) {
        Ok(seed) => with_subject!(args.target.subject, S => of_seed::<S>(args, seed)),
        Err(problem) if !path.exists() => Err(format!("{problem}, nor the file of a tape")),
        Err(_) => {
            let file = TapeFile::read(path)?;
            with_subject!(file.subject, S => of_tape::<S>(args, &file))
        }
    }
}

fn of_seed<S: CatalogueSubject>(args: &ExplainArgs, seed: u64) -> Result<ExitCode, String> {
    let (scenario, _) = open::<S>(&args.target)?;
    let scenario = scenario.under(args.engine.engine()?);
    let report = run_seed(&scenario, seed).map_err(|problem| problem.to_string())?;
    let replay = replay_command(seed, &(target_options(&args.target) + &args.engine.options()));
    let run = Run { scenario: scenario.name, seed, plan: scenario.plan(seed), decisions: Decisions::default(), replay };
    show(args, &run, &report, || record_seed(&scenario, seed))
}

fn of_tape<S: CatalogueSubject>(args: &ExplainArgs, file: &TapeFile<'_>) -> Result<ExitCode, String> {
    let tape = file.tape::<S>()?;
    let report = run_tape::<S>(&tape).map_err(|problem| problem.to_string())?;
    let replay = format!("raft-sim replay --tape {}", args.what);
    let (plan, decisions) = (tape.plan.clone(), tape.decisions.clone());
    let run = Run { scenario: &tape.scenario, seed: tape.seed, plan, decisions, replay };
    show(args, &run, &report, || record_tape::<S>(&tape))
}

/// What is explained.
struct Run<'a, Settings> {
    scenario: &'a str,
    seed: u64,
    plan: Plan<Settings>,
    decisions: Decisions,
    replay: String,
}

fn show<S: CatalogueSubject>(
    args: &ExplainArgs,
    run: &Run<'_, S::Settings>,
    report: &RunReport,
    record: impl FnOnce() -> Result<(World<S>, RunReport), PlanError>,
) -> Result<ExitCode, String> {
    let Some(failure) = &report.failure else {
        return nothing(args);
    };
    if failure.kind == FailureKind::Divergence {
        return Err(format!("{} does not repeat itself, so no part of it can be left out: see replay", args.what));
    }
    let explained = explain::<S>(&run.plan, run.seed, &run.decisions, failure);
    let explanation = explained.map_err(|problem| problem.to_string())?;
    let (world, _) = record().map_err(|problem| problem.to_string())?;
    let slice = Slice::of(world.records(), failure);
    if args.json {
        print_json(&Document::new(run.seed, failure, &explanation, &slice, world.records()))?;
    } else {
        let head = format!("raft-sim {VERSION}: {} in the scenario {}, seed {:#x}", S::NAME, run.scenario, run.seed);
        let is_told = run.decisions.otherwise == Otherwise::Nothing;
        let text = match is_told {
            true => told(failure, &explanation.decisions, S::MESSAGE_KINDS),
            false => text(failure, &explanation, world.records()),
        };
        let whole = || timeline(run.plan.nodes, world.records(), &slice, Length::Slice);
        let story = match story::<S>(run).filter(|_| !is_told) {
            Some(story) => format!(
                "{story}\nIn this seed's own run {} events led to it: {}",
                slice.len(),
                run.replay.clone() + " --slice"
            ),
            None => {
                format!("The {} events that led to it\n{LEGEND}{}\nThe whole run: {}", slice.len(), whole(), run.replay)
            }
        };
        print(&format!("{head}\n\n{text}\n\n{story}"))?;
    }
    Ok(ExitCode::from(exit::code([failure].into_iter())))
}

/// How a timeline is read.
const LEGEND: &str =
    "  (F follower, P pre-candidate, C candidate, L leader, each with its term; in brackets to whom it happened)\n";

/// The shortest run that fails in the same way, where one is found.
fn story<S: CatalogueSubject>(run: &Run<'_, S::Settings>) -> Option<String> {
    let (scenario, expects) = (run.scenario.to_owned(), String::new());
    let (plan, decisions) = (run.plan.clone(), run.decisions.clone());
    let tape = Tape { scenario, seed: run.seed, expects, plan, decisions };
    let shrunk = shrink_tape::<S>(tape, &Shrinking::usual()).ok()??;
    if shrunk.tape.decisions.otherwise != Otherwise::Nothing {
        return None;
    }
    let (world, _) = record_tape::<S>(&shrunk.tape).ok()?;
    let slice = Slice::of(world.records(), &shrunk.failure);
    let lines = timeline(shrunk.tape.plan.nodes, world.records(), &slice, Length::Page);
    let end = if shrunk.is_done { ", and without any one of them it would not" } else { "" };
    let (before, steps) = shrunk.steps;
    Some(format!("The shortest run found: it takes {steps} steps of {before} to fail so{end}\n{LEGEND}{lines}"))
}

fn nothing(args: &ExplainArgs) -> Result<ExitCode, String> {
    if args.json {
        print_json(&serde_json::json!({ "run": args.what, "failure": null, "version": VERSION }))?;
    } else {
        print(&format!("{}: this run does not fail: there is nothing to explain", args.what))?;
    }
    Ok(ExitCode::from(exit::CLEAN))
}

/// What went wrong, and which rule it breaks.
fn violation(failure: &Failure) -> String {
    let Failure { kind, checker, detail, event, virtual_ms, .. } = failure;
    let rule = checkers::ALL.iter().find(|about| about.name == checker);
    let rule = rule.map_or(String::new(), |about| format!("  The rule: {}.\n", about.property));
    format!("{checker} ({kind}), after event {event}, at {virtual_ms} ms:\n  {detail}\n{rule}")
}

/// Of a tape that leaves nothing to chance.
fn told(failure: &Failure, decisions: &[(Key, bool)], kinds: &[&str]) -> String {
    let mut text = format!("{}\nWhat it takes of the tape, which leaves nothing to chance\n", violation(failure));
    let needless: Vec<&Key> = decisions.iter().filter(|(_, is_needed)| !is_needed).map(|(key, _)| key).collect();
    let _ = match (decisions.len(), needless.len()) {
        (0, _) => writeln!(text, "  It has more decisions than can be left out one by one: shrink it first."),
        (all, 0) => writeln!(text, "  Each of its {all} decisions: without any one of them nothing fails."),
        (all, some) => writeln!(text, "  {} of its {all} decisions. Any one of these can be left out:", all - some),
    };
    for key in needless {
        let _ = writeln!(text, "    {}", key.in_words(kinds));
    }
    text.truncate(text.trim_end().len());
    text
}

fn text(failure: &Failure, explanation: &Explanation, records: &[Record]) -> String {
    let Explanation { necessary, needless, with_all, turns, reruns, .. } = explanation;
    let mut text = format!("{}\nWhat it takes of the plan\n", violation(failure));
    if necessary.is_empty() {
        let _ = writeln!(
            text,
            "  Nothing: no fault, no operation, not even a bad network. {needless} were left out, and it"
        );
        let _ = writeln!(text, "  fails all the same.");
    }
    for necessity in necessary {
        let _ = writeln!(text, "  {}", necessity.words);
        let _ = writeln!(text, "      {}", without(necessity.without, *with_all));
    }
    if !necessary.is_empty() {
        let others = match needless {
            0 => "Nothing else was planned".to_owned(),
            1 => "One more thing was planned, and is not needed".to_owned(),
            count => format!("{count} other things were planned, and are not needed"),
        };
        let _ = writeln!(text, "  {others}.");
    }
    let _ = writeln!(
        text,
        "  With these alone and everything small left to chance, {with_all} runs fail the same way.\n\nWhere it took its turn \
         (its run again up to an event, and everything small behind it drawn anew)"
    );
    text += &self::turns(turns, failure, records);
    let _ = write!(text, "\n\n({reruns} runs were made to find this out.)");
    text
}

fn without(without: Share, with: Share) -> String {
    match without.failing {
        0 if with.failing == 0 => {
            "without it this seed does not fail; with other small choices nothing fails either way".to_owned()
        }
        0 => format!("without it none of {} runs fails, whatever is left to chance", without.of),
        _ if without.failing >= with.failing => {
            format!("without it this seed does not fail, but {without} others do: it was only in the way")
        }
        _ => format!("without it {without} runs fail"),
    }
}

fn turns(turns: &Turns, failure: &Failure, records: &[Record]) -> String {
    let Turns { at_the_start, likely, certain } = turns;
    let mut text = format!("  From the start, {at_the_start} futures fail like this, by the time when this one did.\n");
    let place = |point: &TurningPoint| {
        let words = records.get(point.event as usize).map_or(String::new(), ToString::to_string);
        format!("{} after this event, and {} just before it:\n  {}", point.after, point.before, words.trim_start())
    };
    match likely.event {
        0 => text += "  It was likely from the start.\n",
        // Where nodes start, they set their first timers.
        1 => text += &format!("  Likely:  with how the nodes had set their first timers, {}\n", place(likely)),
        _ => text += &format!("  Likely:  {}\n", place(likely)),
    }
    if certain.event == failure.event {
        text += "  Certain: not before the failing event itself; up to then, chance could have gone another way.";
    } else if certain.event == likely.event {
        text += "  Certain: from there on.";
    } else {
        text += &format!("  Certain: {}", place(certain));
    }
    text
}

/// What `explain --json` prints.
#[derive(Serialize)]
struct Document<'a> {
    seed: u64,
    failure: &'a Failure,
    necessary: Vec<Row<'a>>,
    needless: usize,
    /// Of so many runs with other small choices, so many fail.
    rerolls: u64,
    failing_rerolls: u64,
    failing_from_the_start: u64,
    likely: Turn<'a>,
    certain: Turn<'a>,
    slice: Vec<&'a Record>,
    reruns: u64,
    version: &'static str,
}

#[derive(Serialize)]
struct Row<'a> {
    what: &'a str,
    /// Of the same number of runs, so many fail without it.
    failing_rerolls_without: u64,
}

#[derive(Serialize)]
struct Turn<'a> {
    event: u64,
    failing_before: u64,
    failing_after: u64,
    record: Option<&'a Record>,
}

impl<'a> Turn<'a> {
    fn new(point: &TurningPoint, records: &'a [Record]) -> Self {
        let TurningPoint { event, before, after } = *point;
        let record = records.get(event as usize);
        Self { event, failing_before: before.failing, failing_after: after.failing, record }
    }
}

impl<'a> Document<'a> {
    fn new(
        seed: u64,
        failure: &'a Failure,
        explanation: &'a Explanation,
        slice: &Slice,
        records: &'a [Record],
    ) -> Self {
        let Explanation { necessary, needless, with_all, turns, reruns, .. } = explanation;
        let row = |necessity: &'a sim::explain::Necessity| Row {
            what: &necessity.words,
            failing_rerolls_without: necessity.without.failing,
        };
        Self {
            seed,
            failure,
            necessary: necessary.iter().map(row).collect(),
            needless: *needless,
            rerolls: with_all.of,
            failing_rerolls: with_all.failing,
            failing_from_the_start: turns.at_the_start.failing,
            likely: Turn::new(&turns.likely, records),
            certain: Turn::new(&turns.certain, records),
            slice: slice.events().filter_map(|event| records.get(event as usize)).collect(),
            reruns: *reruns,
            version: VERSION,
        }
    }
}
