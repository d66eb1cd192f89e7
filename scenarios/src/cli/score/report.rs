//! The score, as text, as a table for the project's pages, and as a document.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::VERSION;
use super::super::numbers::grouped;
use super::trial::{MOST_SHRUNK, Outcome, READABLE_STEPS, Trial};
use super::zoo::{Bug, Cost};
use super::{Scored, Verdict};

const OFTEN_PER_100_000: u64 = 5_000;

/// What `score --json` prints.
#[derive(Serialize, Deserialize, Debug)]
pub(super) struct Document {
    seeds: [u64; 2],
    budget_events: u64,
    bugs: Vec<Row>,
    control: Control,
    version: String,
}

#[derive(Serialize, Deserialize, Debug)]
struct Control {
    runs: u64,
    events: u64,
    failures: u64,
}

/// One bug. Where there was no program to try, `problem` says why.
#[derive(Serialize, Deserialize, Debug, Default)]
#[serde(default)]
struct Row {
    id: String,
    name: String,
    what: String,
    cost: Option<String>,
    target_events: Option<u64>,
    depth: Option<u64>,
    detected: bool,
    runs: u64,
    detections: u64,
    /// Of all runs, how many in a hundred thousand.
    share_per_100_000: u64,
    median_events: Option<u64>,
    p95_events: Option<u64>,
    /// The checker that fired first most often.
    checker: Option<String>,
    /// All that fired first, and how often.
    checkers: Vec<(String, u64)>,
    first_seed: Option<u64>,
    /// How long the shortest of the failing runs were when they were shrunk, the shortest of them, and how long one took at most.
    shrunk_steps: Option<u64>,
    shrink_seconds: Option<u64>,
    seconds: u64,
    problem: Option<String>,
    /// The patch does not apply, or what comes of it does not build: nothing was tried.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_no_program: bool,
}

impl Row {
    fn new(scored: &Scored) -> Self {
        let Scored { bug, verdict, took } = scored;
        let header = &bug.header;
        let row = Self {
            id: bug.id.clone(),
            name: bug.name.clone(),
            what: header.what.clone(),
            cost: header.cost.map(|cost| cost.name().to_owned()),
            target_events: header.cost.map(Cost::target_events),
            depth: header.depth,
            seconds: took.as_secs(),
            ..Self::default()
        };
        let outcome = match verdict {
            Verdict::Tried(outcome) => outcome,
            Verdict::NoAnswer(why) => return Self { problem: Some(why.clone()), ..row },
            Verdict::NoProgram(why) => return Self { is_no_program: true, problem: Some(why.in_a_line()), ..row },
        };
        let checkers = outcome.checkers().into_iter().map(|(checker, count)| (checker.to_owned(), count));
        let checkers: Vec<_> = checkers.collect();
        Self {
            detected: outcome.is_detected(),
            runs: outcome.runs,
            detections: outcome.detections.len() as u64,
            share_per_100_000: outcome.share_per_100_000(),
            median_events: outcome.events_to_detection(50),
            p95_events: outcome.events_to_detection(95),
            checker: checkers.first().map(|(checker, _)| checker.clone()),
            checkers,
            first_seed: outcome.detections.first().map(|detection| detection.seed),
            shrunk_steps: outcome.shrunk.map(|shrunk| shrunk.steps),
            shrink_seconds: outcome.shrunk.map(|shrunk| shrunk.seconds),
            ..row
        }
    }

    /// The length of the shrunk run, against the shortest there is where that is known.
    fn steps(&self) -> String {
        match (self.shrunk_steps, self.depth) {
            (Some(steps), Some(depth)) => format!("{steps} (d {depth})"),
            (Some(steps), None) => steps.to_string(),
            (None, _) => "-".to_owned(),
        }
    }

    fn is_on_target(&self) -> bool {
        self.target_events.is_none_or(|target| self.median_events.is_some_and(|median| median <= target))
    }
}

impl Document {
    pub(super) fn new(trial: &Trial, control: &Outcome, scored: &[Scored]) -> Self {
        Self {
            seeds: [trial.seeds.start, trial.seeds.end],
            budget_events: trial.budget_events,
            bugs: scored.iter().map(Row::new).collect(),
            control: Control { runs: control.runs, events: control.events, failures: control.detections.len() as u64 },
            version: VERSION.to_owned(),
        }
    }

    /// Whether every bug was found, and nothing in the code without any.
    pub(super) fn is_all_found(&self) -> bool {
        self.control.failures == 0 && self.bugs.iter().all(|row| row.detected)
    }

    /// Whether one seed of twenty or more showed the bug: then a few hundred tell whether they still do.
    pub(super) fn finds_often(&self, bug: &Bug) -> bool {
        self.bugs.iter().any(|row| row.name == bug.name && row.detected && row.share_per_100_000 >= OFTEN_PER_100_000)
    }

    fn found(&self) -> usize {
        self.bugs.iter().filter(|row| row.detected).count()
    }

    fn verdict(&self) -> String {
        let late: Vec<&str> =
            self.bugs.iter().filter(|row| row.detected && !row.is_on_target()).map(|row| row.name.as_str()).collect();
        let named = |is_meant: fn(&&Row) -> bool| {
            self.bugs.iter().filter(is_meant).map(|row| row.name.as_str()).collect::<Vec<&str>>()
        };
        let missed = named(|row| !row.detected && !row.is_no_program);
        let no_programs = named(|row| row.is_no_program);
        let mut text = format!("{} of {} bugs found", self.found(), self.bugs.len());
        if !no_programs.is_empty() {
            let _ = write!(text, "; NO PROGRAM, the patch does not apply or build: {}", no_programs.join(", "));
        }
        if !missed.is_empty() {
            let _ = write!(text, "; missed: {}", missed.join(", "));
        }
        if !late.is_empty() {
            let _ = write!(text, "; later than they should be: {}", late.join(", "));
        }
        let Control { runs, events, failures } = self.control;
        let _ = write!(
            text,
            ". Without any bug: {} of {} runs failed ({} events)",
            grouped(failures),
            grouped(runs),
            grouped(events)
        );
        text
    }

    /// How many were found of those that are equally hard, and how many soon enough.
    fn by_cost(&self) -> Vec<String> {
        let line = |cost: Cost| {
            let rows = || self.bugs.iter().filter(|row| row.cost.as_deref() == Some(cost.name()));
            let (found, soon) = (rows().filter(|row| row.detected), rows().filter(|row| row.is_on_target()));
            let target = grouped(cost.target_events());
            let (found, soon, all) = (found.count(), soon.count(), rows().count());
            (all > 0).then(|| format!("{}: {found} of {all} found, {soon} of them within {target} events", cost.name()))
        };
        Cost::ALL.into_iter().filter_map(line).collect()
    }

    /// The table, row by row, the titles first.
    fn table(&self) -> Vec<[String; 10]> {
        let titles = [
            "bug",
            "cost",
            "found in",
            "median events",
            "95 % within",
            "checker",
            "steps",
            "shrinking",
            "seconds",
            "what the code does",
        ];
        let rows = self.bugs.iter().map(|row| {
            let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), grouped);
            let median = number(row.median_events);
            [
                row.name.split_once('-').map_or(row.name.as_str(), |(id, _)| id).to_owned(),
                row.cost.clone().unwrap_or_else(|| "-".to_owned()),
                match (row.detected, row.is_no_program) {
                    (true, _) => percent(row.share_per_100_000),
                    (false, true) => "NO PROGRAM".to_owned(),
                    (false, false) => "NOT FOUND".to_owned(),
                },
                if row.detected && !row.is_on_target() { format!("{median} (late)") } else { median },
                number(row.p95_events),
                row.checker.clone().unwrap_or_else(|| "-".to_owned()),
                row.steps(),
                row.shrink_seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds} s")),
                row.seconds.to_string(),
                row.problem.as_deref().map_or_else(|| row.what.clone(), first_line),
            ]
        });
        std::iter::once(titles.map(str::to_owned)).chain(rows).collect()
    }
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// `12345` of 100,000 as `12.3 %`.
fn percent(per_100_000: u64) -> String {
    match per_100_000 {
        0..1_000 => format!("{}.{:03} %", per_100_000 / 1_000, per_100_000 % 1_000),
        _ => format!("{}.{} %", per_100_000 / 1_000, per_100_000 % 1_000 / 100),
    }
}

pub(super) fn text(document: &Document) -> String {
    let table = document.table();
    let width = |column: usize| table.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; 10] = std::array::from_fn(width);
    let mut text = String::new();
    for row in &table {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Numbers stand to the right.
            let _ = if matches!(column, 2..=4 | 6..=8) {
                write!(line, "{cell:>width$}  ")
            } else {
                write!(line, "{cell:<width$}  ")
            };
        }
        text += line.trim_end();
        text += "\n";
    }
    for line in document.by_cost() {
        text += &format!("\n{line}");
    }
    text + "\n" + &document.verdict()
}

pub(super) fn markdown(document: &Document) -> String {
    let mut text = format!(
        "# What the harness finds, and how soon\n\n\
         Made by `raft-sim score`: each patch of this folder is put into the code, and the default swarm is run on seeds {} to {} until\n\
         enough of them failed or {} events have passed. *Found in*: the share of seeds that fail. *Events*: whoever begins at any of these\n\
         seeds and goes on from seed to seed has a failing one after so many events of all runs together, half the time and nineteen times\n\
         in twenty. Targets for half of the time: easy 20,000, medium 300,000, hard 5,000,000. *Checker*: the one that most often fired first. *Steps*: the deliveries, timeouts, faults and client calls of the shortest failing run when it is shrunk, or, where\n\
         those are more than {READABLE_STEPS}, of that of the {MOST_SHRUNK} shortest which becomes shortest; *d*: of the shortest that a breadth-first model checker found.\n\
         *Shrinking*: how long that took, for one run. *Seconds*: building, finding and shrinking.\n\n{}.\n\n{}\n",
        document.seeds[0],
        document.seeds[1],
        grouped(document.budget_events),
        document.verdict(),
        document.by_cost().iter().fold(String::new(), |text, line| text + "- " + line + "\n")
    );
    let mut rows = document.table().into_iter();
    let mut line =
        |cells: [String; 10]| text += &format!("| {} |\n", cells.map(|cell| cell.replace('|', "\\|")).join(" | "));
    rows.next().into_iter().for_each(&mut line);
    line(["---", "---", "---:", "---:", "---:", "---", "---:", "---:", "---:", "---"].map(str::to_owned));
    rows.for_each(line);
    text
}

/// A bug that was found more easily before.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Fallen {
    pub(super) bug: String,
    pub(super) how: String,
}

/// What an earlier `score --json` printed.
pub(super) fn read(file: &Path) -> Result<Document, String> {
    let text = fs::read_to_string(file).map_err(|error| format!("--against: {}: {error}", file.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("--against: {}: {error}", file.display()))
}

/// What was found before, and is not now, or in less than a third of the seeds, or no more by the checker that most
/// often noticed it first. A bug that only one of the two scores looked for says nothing.
pub(super) fn fallen(before: &Document, now: &Document) -> Vec<Fallen> {
    let mut fallen = Vec::new();
    for row in &now.bugs {
        let Some(old) = before.bugs.iter().find(|old| old.name == row.name && old.detected) else { continue };
        let is_noticed = |checker: &String| row.checkers.iter().any(|(name, _)| name == checker);
        let how = if row.is_no_program {
            "is no program any more".to_owned()
        } else if !row.detected {
            "is no more found".to_owned()
        } else if row.share_per_100_000 * 3 < old.share_per_100_000 {
            let (now, before) = (percent(row.share_per_100_000), percent(old.share_per_100_000));
            format!("is found in {now} of the seeds, and was in {before}")
        } else if let Some(silent) = old.checker.as_ref().filter(|checker| !is_noticed(checker)) {
            format!("is no more noticed by {silent}")
        } else {
            continue;
        };
        fallen.push(Fallen { bug: row.name.clone(), how });
    }
    fallen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(checkers: &[(&str, u64)], share_per_100_000: u64) -> Document {
        let row = Row {
            name: "E1-x".to_owned(),
            detected: !checkers.is_empty(),
            share_per_100_000,
            checker: checkers.first().map(|(checker, _)| (*checker).to_owned()),
            checkers: checkers.iter().map(|(checker, count)| ((*checker).to_owned(), *count)).collect(),
            ..Row::default()
        };
        let control = Control { runs: 10, events: 100, failures: 0 };
        Document { seeds: [0, 10], budget_events: 100, bugs: vec![row], control, version: String::new() }
    }

    #[test]
    fn a_score_falls_with_the_bug_its_share_and_its_checker() {
        let before = document(&[("one_vote", 5), ("promises", 1)], 6_000);
        let how = |now| fallen(&before, &now).into_iter().map(|fallen| fallen.how).collect::<Vec<_>>();
        assert_eq!(how(document(&[("one_vote", 2)], 2_000)), Vec::<String>::new());
        assert_eq!(how(document(&[], 0)), ["is no more found"]);
        assert_eq!(how(document(&[("one_vote", 1)], 1_999)), ["is found in 1.9 % of the seeds, and was in 6.0 %"]);
        assert_eq!(how(document(&[("promises", 9)], 9_000)), ["is no more noticed by one_vote"]);
    }

    #[test]
    fn a_bug_that_was_not_looked_for_before_cannot_fall() {
        let before = document(&[], 0);
        assert_eq!(fallen(&before, &document(&[], 0)), []);
    }

    #[test]
    fn a_patch_that_does_not_build_is_named_and_no_success() {
        let (before, mut document) = (document(&[("one_vote", 5)], 6_000), document(&[], 0));
        document.bugs[0].is_no_program = true;
        assert!(!document.is_all_found());
        let expected = "0 of 1 bugs found; NO PROGRAM, the patch does not apply or build: E1-x. Without any bug: 0 of 10 runs \
                        failed (100 events)";
        assert_eq!(document.verdict(), expected);
        assert_eq!(document.table()[1][2], "NO PROGRAM");
        assert_eq!(fallen(&before, &document)[0].how, "is no program any more");
    }

    #[test]
    fn a_failing_control_is_no_success() {
        let mut document = document(&[("one_vote", 5)], 6_000);
        assert!(document.is_all_found());
        document.control.failures = 1;
        assert!(!document.is_all_found());
    }

    #[test]
    fn small_shares_keep_their_digits() {
        assert_eq!(percent(7), "0.007 %");
        assert_eq!(percent(12_345), "12.3 %");
        assert_eq!(percent(100_000), "100.0 %");
    }
}
