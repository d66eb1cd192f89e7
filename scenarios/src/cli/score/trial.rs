//! What a program with a bug in it is put through, and what that showed.

use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use serde::Deserialize;

use super::zoo::Header;

/// A bug may make the code turn in circles: who does not answer by then never will.
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// A shrunk run of more steps than this is no pleasure to read: then other failing runs are shrunk too.
pub(super) const READABLE_STEPS: u64 = 20;
/// So many failing runs are shrunk at most, the shortest ones.
pub(super) const MOST_SHRUNK: usize = 4;

/// What each program is put through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Trial {
    pub(super) seeds: Range<u64>,
    /// No further seed is begun after this many events.
    pub(super) budget_events: u64,
    /// Nor after this many failing ones: they tell enough.
    pub(super) enough: u64,
    pub(super) subject: String,
    pub(super) scenario: String,
    /// What else `fuzz` is told.
    pub(super) options: Vec<String>,
}

/// What a program did in its trial.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Outcome {
    /// The first of the seeds.
    pub(super) seeds_from: u64,
    /// How many of them were run, one after the other.
    pub(super) runs: u64,
    pub(super) events: u64,
    pub(super) detections: Vec<Detection>,
    /// What became of the shortest of the failing runs when they were shrunk, the one that became shortest.
    pub(super) shrunk: Option<Shrunk>,
}

/// A shrunk run, and how long the longest took of all that were shrunk.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
pub(super) struct Shrunk {
    /// Its deliveries, timeouts, faults and client calls.
    pub(super) steps: u64,
    pub(super) seconds: u64,
}

/// A seed that shows the bug.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub(super) struct Detection {
    pub(super) seed: u64,
    /// The first checker to fire.
    pub(super) checker: String,
    /// The event of its run after which it did.
    pub(super) event: u64,
    /// The events of all runs up to the failure, in the order of seeds.
    pub(super) events_until: u64,
}

/// What is read of `fuzz --json`.
#[derive(Deserialize)]
struct Fuzzed {
    runs: u64,
    events: u64,
    failures: Vec<Detection>,
}

impl Trial {
    /// The trial of a bug that says which subject has it, or which scenario brings it out.
    pub(super) fn for_bug(&self, header: &Header) -> Self {
        let mut trial = self.clone();
        trial.subject = header.subject.clone().unwrap_or(trial.subject);
        trial.scenario = header.scenario.clone().unwrap_or(trial.scenario);
        trial
    }

    /// Puts `program` through it.
    pub(super) fn of(&self, program: &Path) -> Result<Outcome, String> {
        let mut fuzz = self.command(program, "fuzz");
        fuzz.arg("--no-shrink");
        fuzz.arg("--seeds").arg(format!("{}..{}", self.seeds.start, self.seeds.end));
        fuzz.arg("--budget-events").arg(self.budget_events.to_string());
        fuzz.arg("--enough").arg(self.enough.to_string());
        let answer = answer(&mut fuzz, LONGEST)?;
        let Fuzzed { runs, events, failures } =
            serde_json::from_slice(&answer).map_err(|error| format!("the program does not answer: {error}"))?;
        let shrunk = self.shrink_shortest(program, &failures)?;
        Ok(Outcome { seeds_from: self.seeds.start, runs, events, detections: failures, shrunk })
    }

    /// Shrinks the shortest of the failing runs, and some of the next where that stays long: one failure may be the long way
    /// round to what another shows at once.
    fn shrink_shortest(&self, program: &Path, failures: &[Detection]) -> Result<Option<Shrunk>, String> {
        let mut by_length: Vec<&Detection> = failures.iter().collect();
        by_length.sort_by_key(|detection| detection.event);
        let mut best: Option<Shrunk> = None;
        for (number, detection) in by_length.into_iter().take(MOST_SHRUNK).enumerate() {
            if best.is_some_and(|best| best.steps <= READABLE_STEPS) {
                break;
            }
            let folder = program.with_extension(if number == 0 { "run".to_owned() } else { format!("run{number}") });
            let shrunk = self.shrink(program, detection.seed, &folder)?;
            let before = best.unwrap_or(shrunk);
            best = Some(Shrunk { steps: shrunk.steps.min(before.steps), seconds: shrunk.seconds.max(before.seconds) });
        }
        Ok(best)
    }

    fn shrink(&self, program: &Path, seed: u64, folder: &Path) -> Result<Shrunk, String> {
        let mut shrink = self.command(program, "shrink");
        shrink.arg(seed.to_string()).arg("--out").arg(folder);
        let answer = answer(&mut shrink, LONGEST)?;
        serde_json::from_slice(&answer).map_err(|error| format!("the program does not shrink seed {seed}: {error}"))
    }

    /// One thread: where a trial stops must not depend on how many there are.
    fn command(&self, program: &Path, verb: &str) -> Command {
        let mut command = Command::new(program);
        command.args([verb, "--json", "--jobs", "1", "--scenario", &self.scenario, "--subject", &self.subject]);
        command.args(&self.options);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RAFT_SIM_")) {
            command.env_remove(name);
        }
        command
    }
}

/// What `command` prints. One that does not end is killed.
fn answer(command: &mut Command, longest: Duration) -> Result<Vec<u8>, String> {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| format!("the program does not start: {error}"))?;
    let stdout = child.stdout.take();
    let (ended, end) = mpsc::channel::<()>();
    let mut answer = Vec::new();
    let is_late = std::thread::scope(|threads| {
        let child = &mut child;
        let watch = threads.spawn(move || {
            let is_late = end.recv_timeout(longest) == Err(mpsc::RecvTimeoutError::Timeout);
            if is_late {
                // One that has ended by itself in this moment needs no killing.
                let _ = child.kill();
            }
            is_late
        });
        let read = stdout.map_or(Ok(0), |mut stdout| stdout.read_to_end(&mut answer));
        drop(ended);
        let is_late = watch.join().unwrap_or(true);
        read.map(|_| is_late)
    });
    let ended = child.wait();
    match is_late.and_then(|is_late| ended.map(|_| is_late)) {
        Ok(false) => Ok(answer),
        Ok(true) => Err(format!("the program did not end within {} s", longest.as_secs())),
        Err(error) => Err(format!("the program: {error}")),
    }
}

impl Outcome {
    /// Takes in what another trial of the same code showed.
    pub(super) fn add(&mut self, other: Self) {
        self.runs += other.runs;
        self.events += other.events;
        self.detections.extend(other.detections);
    }

    pub(super) fn is_detected(&self) -> bool {
        !self.detections.is_empty()
    }

    /// How many seeds in a hundred thousand show the bug.
    pub(super) fn share_per_100_000(&self) -> u64 {
        self.detections.len() as u64 * 100_000 / self.runs.max(1)
    }

    /// How many events `percent` of all searches take at most. `None` where nothing was found.
    ///
    /// A search begins at one of the seeds that were run and goes on from seed to seed until one fails: its events are those of
    /// all its runs, of the failing one those up to the failure. Each seed is the beginning of one search; after the last
    /// seed comes the first, so that none is cut short, and what the budget ended unfound counts for what it took.
    pub(super) fn events_to_detection(&self, percent: u64) -> Option<u64> {
        let mut searches = self.searches();
        searches.sort_unstable();
        let rank = (searches.len() as u64 * percent).div_ceil(100).max(1);
        searches.get(rank as usize - 1).copied()
    }

    /// The events of each search. Clean runs between two failing ones are taken to be equally long.
    fn searches(&self) -> Vec<u64> {
        let Some(last) = self.detections.last() else { return Vec::new() };
        let end = self.seeds_from + self.runs;
        // Where the search before the first detection begins: behind the last, around the end.
        let mut runs_before = end.saturating_sub(last.seed + 1);
        let mut events_before = self.events.saturating_sub(last.events_until);
        let (mut next, mut events_until) = (self.seeds_from, 0);
        let mut searches = Vec::with_capacity(self.runs as usize);
        for detection in &self.detections {
            let clean_runs = runs_before + detection.seed - next;
            let clean_events = events_before + (detection.events_until - events_until).saturating_sub(detection.event);
            searches.push(detection.event);
            searches.extend((1..=clean_runs).map(|run| detection.event + clean_events * run / clean_runs));
            (next, events_until) = (detection.seed + 1, detection.events_until);
            (runs_before, events_before) = (0, 0);
        }
        searches
    }

    /// The checkers that fired first, the most frequent one first.
    pub(super) fn checkers(&self) -> Vec<(&str, u64)> {
        let mut counts = BTreeMap::new();
        for detection in &self.detections {
            *counts.entry(detection.checker.as_str()).or_insert(0) += 1;
        }
        let mut counts: Vec<_> = counts.into_iter().collect();
        counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight runs, from seed 50 on.
    fn outcome(events: u64, found: &[(u64, u64, u64, &str)]) -> Outcome {
        let detection = |(seed, event, events_until, checker): &(u64, u64, u64, &str)| Detection {
            seed: *seed,
            checker: (*checker).to_owned(),
            event: *event,
            events_until: *events_until,
        };
        let detections = found.iter().map(detection).collect();
        Outcome { seeds_from: 50, runs: 8, events, detections, shrunk: None }
    }

    #[test]
    fn every_seed_begins_a_search() {
        // 100 events in each clean run; 50, 51 and 54 to 56 are clean.
        let outcome = outcome(535, &[(52, 10, 210, "a"), (53, 5, 215, "b"), (57, 20, 535, "a")]);
        let mut searches = outcome.searches();
        searches.sort_unstable();
        assert_eq!(searches, [5, 10, 20, 110, 120, 210, 220, 320]);
        assert_eq!(outcome.events_to_detection(50), Some(110));
        assert_eq!(outcome.events_to_detection(95), Some(320));
        assert_eq!(outcome.share_per_100_000(), 37_500);
        assert_eq!(outcome.checkers(), [("a", 2), ("b", 1)]);
    }

    #[test]
    fn what_the_budget_ended_unfound_counts_for_what_it_took() {
        // Found at the first seed, and never again: whoever began at any other seed would not have found it there.
        let outcome = outcome(710, &[(50, 10, 10, "a")]);
        assert_eq!(outcome.events_to_detection(1), Some(10));
        assert_eq!(outcome.events_to_detection(50), Some(310));
        assert_eq!(outcome.events_to_detection(95), Some(710));
    }

    #[test]
    fn a_program_that_does_not_end_is_killed() {
        let mut sleep = Command::new("sleep");
        let killed = answer(sleep.arg("600"), Duration::from_millis(50));
        assert_eq!(killed, Err("the program did not end within 0 s".to_owned()));
        assert_eq!(answer(Command::new("echo").arg("x"), LONGEST), Ok(b"x\n".to_vec()));
    }

    #[test]
    fn what_is_never_found_takes_no_number_of_events() {
        assert_eq!(outcome(800, &[]).events_to_detection(50), None);
        assert!(!outcome(800, &[]).is_detected());
    }
}
