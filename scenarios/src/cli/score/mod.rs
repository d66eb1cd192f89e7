//! `raft-sim score`: known bugs are put into the code, one by one, and what it takes to find them is counted.

mod report;
mod trial;
mod workshop;
mod zoo;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use report::{Document, Fallen};
use trial::{Outcome, Trial};
use workshop::{NoProgram, Workshop};
use zoo::Bug;

use super::args::ScoreArgs;
use super::numbers::grouped;
use super::{exit, print, print_json};

/// A bug was not found, or the code without any failed.
const MISSED: u8 = 1;

/// What became of one bug.
#[derive(Debug)]
struct Scored {
    bug: Bug,
    verdict: Verdict,
    took: Duration,
}

#[derive(Debug)]
enum Verdict {
    Tried(Outcome),
    NoAnswer(String),
    NoProgram(NoProgram),
}

impl Scored {
    /// For whoever watches.
    fn in_a_line(&self) -> String {
        let name = &self.bug.name;
        match &self.verdict {
            Verdict::Tried(outcome) if outcome.is_detected() => {
                let (found, runs) = (grouped(outcome.detections.len() as u64), grouped(outcome.runs));
                let median = outcome.events_to_detection(50).map_or_else(|| "?".to_owned(), grouped);
                format!("{name}: found in {found} of {runs} runs, half the time within {median} events")
            }
            Verdict::Tried(outcome) => {
                format!("{name}: NOT FOUND in {} runs, {} events", grouped(outcome.runs), grouped(outcome.events))
            }
            Verdict::NoAnswer(why) => format!("{name}: {why}"),
            Verdict::NoProgram(why) => format!("{name}: NO PROGRAM: {}", why.in_a_line()),
        }
    }
}

pub(super) fn run(args: &ScoreArgs) -> Result<ExitCode, String> {
    let source = match &args.source {
        Some(folder) => folder.clone(),
        None => workshop::find_source()?,
    };
    let mut bugs = zoo::read(&args.bugs_dir.clone().unwrap_or_else(|| source.join("tests/bugs")), &args.bugs)?;
    let before = args.against.as_deref().map(report::read).transpose()?;
    // What a few hundred seeds do not show is only built, one by turns: a patch that is no program any more would not be missed.
    let mut to_build = Vec::new();
    if let (Some(some), Some(before)) = (args.some, &before) {
        let (often, seldom) = bugs.into_iter().partition(|bug| before.finds_often(bug));
        bugs = zoo::handful(often, some, args.turn);
        to_build = zoo::handful(seldom, 1, args.turn);
        if bugs.is_empty() {
            return Err("--some: none of these bugs was found in one seed of twenty before".to_owned());
        }
    }
    args.engine.engine()?;
    let options = args.engine.options().split_whitespace().map(str::to_owned).collect();
    let (scenario, subject) = (args.scenario.clone(), args.subject.name().to_owned());
    let (seeds, budget_events, enough) = (args.seeds.clone(), args.budget_events, args.enough);
    let trial = Trial { seeds, budget_events, enough, subject, scenario, options };
    let jobs = args.jobs.map_or_else(super::processors, usize::from);
    tell("building the code without any bug");
    let workshop = Workshop::new(&source)?;
    let sound = workshop.sound()?;
    let control = std::thread::scope(|threads| {
        let controls = controls(&trial, &bugs);
        let control = threads.spawn(move || {
            let mut all = Outcome::default();
            controls.iter().try_for_each(|trial| trial.of(&sound).map(|outcome| all.add(outcome)))?;
            Ok::<_, String>(all)
        });
        let scored = score_all(&workshop, bugs, &trial, jobs);
        let control = control.join().map_err(|_| "the control run panicked".to_owned())??;
        Ok::<_, String>((control, scored?))
    });
    let (control, scored) = control?;

    let document = Document::new(&trial, &control, &scored);
    let fallen = before.map_or_else(Vec::new, |before| report::fallen(&before, &document));
    if let Some(file) = &args.markdown {
        fs::write(file, report::markdown(&document)).map_err(|error| format!("{}: {error}", file.display()))?;
    }
    if args.json {
        print_json(&document)?;
    } else {
        print(&report::text(&document))?;
    }
    for Fallen { bug, how } in &fallen {
        tell(&format!("fell: {bug}: {how}"));
    }
    // Each of them is built, whatever became of the one before.
    let not_built = to_build.iter().filter(|bug| !builds(&workshop, bug)).count();
    let is_well = document.is_all_found() && fallen.is_empty() && not_built == 0;
    Ok(ExitCode::from(if is_well { exit::CLEAN } else { MISSED }))
}

/// Whether there is a program with `bug`; says so where there is none.
fn builds(workshop: &Workshop, bug: &Bug) -> bool {
    tell(&format!("building, and no more: {}", bug.name));
    let built = workshop.with(bug);
    if let Err(why) = &built {
        tell(&format!("{}: NO PROGRAM: {}", bug.name, why.in_a_line()));
    }
    built.is_ok_and(|program| fs::remove_file(program).is_ok())
}

/// The trials that the bugs are put through, each once: what is found without any bug is no detection.
fn controls(trial: &Trial, bugs: &[Bug]) -> Vec<Trial> {
    let mut controls = Vec::new();
    for control in bugs.iter().map(|bug| trial.for_bug(&bug.header)) {
        if !controls.contains(&control) {
            controls.push(control);
        }
    }
    controls
}

/// One bug is built after the other, and meanwhile those that are built are tried.
fn score_all(workshop: &Workshop, bugs: Vec<Bug>, trial: &Trial, jobs: usize) -> Result<Vec<Scored>, String> {
    let count = bugs.len();
    let (to_try, built) = mpsc::channel::<(Bug, PathBuf, Duration)>();
    let built = Mutex::new(built);
    let (tell_all, told) = mpsc::channel();
    std::thread::scope(|threads| {
        for _ in 0..jobs.max(1) {
            let (built, tell_all) = (&built, tell_all.clone());
            threads.spawn(move || {
                loop {
                    let next = built.lock().map_or(None, |built| built.recv().ok());
                    let Some((bug, program, building)) = next else { return };
                    let started = Instant::now();
                    let outcome = trial.for_bug(&bug.header).of(&program);
                    let verdict = outcome.map_or_else(Verdict::NoAnswer, Verdict::Tried);
                    let scored = Scored { bug, verdict, took: building + started.elapsed() };
                    tell(&scored.in_a_line());
                    // What is left is the folder of its shrunk run. A program that stays takes room and does no harm.
                    let _ = fs::remove_file(&program);
                    if tell_all.send(scored).is_err() {
                        return;
                    }
                }
            });
        }
        for (number, bug) in (1..).zip(bugs) {
            tell(&format!("building {number} of {count}: {}", bug.name));
            let started = Instant::now();
            match workshop.with(&bug) {
                Ok(program) => to_try.send((bug, program, started.elapsed())).map_err(|error| error.to_string())?,
                Err(why) => {
                    let scored = Scored { bug, verdict: Verdict::NoProgram(why), took: started.elapsed() };
                    tell(&scored.in_a_line());
                    tell_all.send(scored).map_err(|error| error.to_string())?;
                }
            }
        }
        drop((to_try, tell_all));
        let mut scored: Vec<_> = told.into_iter().collect();
        scored.sort_by(|one, other| one.bug.name.cmp(&other.bug.name));
        Ok(scored)
    })
}

/// Progress, for whoever watches.
fn tell(what: &str) {
    let mut stderr = io::stderr();
    // What cannot be shown is not worth an error.
    let _ = if stderr.is_terminal() { writeln!(stderr, "raft-sim: {what}") } else { writeln!(stderr, "{what}") };
}
