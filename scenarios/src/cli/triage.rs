//! What a campaign's failures come to: one entry a signature, each with its shortest run, shrunk; and against an earlier
//! campaign, what is new.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use scenarios::subjects::CatalogueSubject;
use serde::{Deserialize, Serialize};
use sim::environment::Environment;
use sim::{CampaignReport, Failure, Scenario, Shrinking, how_far, replay_tape, shrink_seed, write_folder};

use super::args::FuzzArgs;
use super::{VERSION, replay_command};

/// The file of a campaign's folder that the next campaign is held against.
const FILE: &str = "campaign.json";

/// What is known of the ways in which a subject fails in a scenario.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Triage {
    version: String,
    subject: String,
    scenario: String,
    runs: u64,
    pub(super) ways: Vec<Way>,
}

/// One way to fail.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Way {
    signature: String,
    state: State,
    checker: String,
    detail: String,
    /// How many runs failed so in the last campaign that met it, and the one of the fewest events.
    runs: u64,
    seed: u64,
    event: u64,
    replay: String,
    /// Deliveries, timeouts, faults and client calls, once shrunk.
    shrunk_steps: Option<usize>,
    /// How far shrinking got, in words.
    shrunk: Option<String>,
    folder: Option<PathBuf>,
}

/// How a way to fail stands against the campaign before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum State {
    /// It was not known.
    New,
    /// It was known, and is still there: a run fails so, or its tape does.
    Ongoing,
    /// It was known, no run fails so any more, and its tape does not either.
    Fixed,
    /// It was fixed, and is there again.
    Regressed,
}

impl State {
    fn after(before: Option<Self>, is_found: bool) -> Self {
        match (before, is_found) {
            (None, _) => Self::New,
            (Some(Self::Fixed), true) => Self::Regressed,
            (Some(_), true) => Self::Ongoing,
            (Some(_), false) => Self::Fixed,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Ongoing => "ongoing",
            Self::Fixed => "fixed",
            Self::Regressed => "regressed",
        }
    }
}

impl Triage {
    /// Groups the failures of `report`, shrinks the shortest of each way, and writes its folder.
    ///
    /// # Errors
    /// In one line: the file that cannot be written, or the earlier campaign that makes no sense.
    pub(super) fn of<S: CatalogueSubject>(
        args: &FuzzArgs,
        environment: &Environment,
        scenario: &Scenario<S>,
        report: &CampaignReport,
        options: &str,
        before: Option<Self>,
    ) -> Result<Self, String> {
        let known = |signature: &str| {
            before.as_ref().and_then(|before| before.ways.iter().find(|way| way.signature == signature))
        };
        let mut groups: BTreeMap<&str, Vec<&(u64, Failure)>> = BTreeMap::new();
        for failing in &report.failures {
            groups.entry(&failing.1.signature).or_default().push(failing);
        }
        let mut groups: Vec<_> = groups.into_iter().collect();
        groups.sort_by_key(|(_, group)| std::cmp::Reverse(group.len()));
        let mut ways = Vec::new();
        for (signature, group) in &groups {
            // The one that fails after the fewest events is the easiest to read.
            let Some((seed, failure)) = group.iter().min_by_key(|(_, failure)| failure.event) else { continue };
            ways.push(Way {
                signature: (*signature).to_owned(),
                state: State::after(known(signature).map(|way| way.state), true),
                checker: failure.checker.clone(),
                detail: failure.detail.clone(),
                runs: group.len() as u64,
                seed: *seed,
                event: failure.event,
                replay: replay_command(*seed, options),
                shrunk_steps: None,
                shrunk: None,
                folder: None,
            });
        }
        shrink_all(args, environment, scenario, &mut ways)?;
        for way in before.into_iter().flat_map(|before| before.ways) {
            if !groups.iter().any(|(signature, _)| *signature == way.signature) {
                let state = State::after(Some(way.state), still_fails::<S>(&way));
                ways.push(Way { state, ..way });
            }
        }
        let (subject, scenario) = (S::NAME.to_owned(), scenario.name.to_owned());
        let triage = Self { version: VERSION.to_owned(), subject, scenario, runs: report.runs, ways };
        if let Some(folder) = &args.out {
            triage.write(folder)?;
        }
        Ok(triage)
    }

    /// The campaign that this one is to be held against.
    ///
    /// # Errors
    /// In one line: the folder that holds no campaign of this subject and scenario, or the one that cannot be made.
    pub(super) fn before<S: CatalogueSubject>(args: &FuzzArgs, scenario: &str) -> Result<Option<Self>, String> {
        if let Some(folder) = &args.out {
            fs::create_dir_all(folder).map_err(|error| format!("--out: {}: {error}", folder.display()))?;
        }
        args.against.as_deref().map(|folder| Self::read::<S>(folder, scenario)).transpose()
    }

    fn read<S: CatalogueSubject>(folder: &Path, scenario: &str) -> Result<Self, String> {
        let path = folder.join(FILE);
        let at = |problem: String| format!("--against: {}: {problem}", path.display());
        let text = fs::read_to_string(&path).map_err(|error| at(error.to_string()))?;
        let before: Self = serde_json::from_str(&text).map_err(|error| at(error.to_string()))?;
        if (before.subject.as_str(), before.scenario.as_str()) != (S::NAME, scenario) {
            return Err(at(format!("it is of {} in the scenario {}", before.subject, before.scenario)));
        }
        Ok(before)
    }

    fn write(&self, folder: &Path) -> Result<(), String> {
        let path = folder.join(FILE);
        let at = |path: &Path, problem: String| format!("--out: {}: {problem}", path.display());
        fs::create_dir_all(folder).map_err(|error| at(folder, error.to_string()))?;
        let text = serde_json::to_string_pretty(self).map_err(|error| at(&path, error.to_string()))?;
        fs::write(&path, text + "\n").map_err(|error| at(&path, error.to_string()))
    }

    /// What came of it, in words; nothing where there is nothing to say.
    pub(super) fn text(&self, is_against: bool) -> String {
        let mut text = String::new();
        for Way { signature, state, shrunk, folder, .. } in &self.ways {
            let state = if is_against { format!("{:<9}  ", state.name()) } else { String::new() };
            let _ = writeln!(text, "  {state}{signature}");
            if let Some(shrunk) = shrunk {
                let _ = writeln!(text, "    {shrunk}");
            }
            if let Some(folder) = folder {
                let _ = writeln!(text, "    {}/", folder.display());
            }
        }
        text
    }
}

/// Shrinks what there is time for, the most frequent first, and writes the folders.
fn shrink_all<S: CatalogueSubject>(
    args: &FuzzArgs,
    environment: &Environment,
    scenario: &Scenario<S>,
    ways: &mut [Way],
) -> Result<(), String> {
    if args.no_shrink {
        return Ok(());
    }
    let started = Instant::now();
    let all = args.shrink_time.unwrap_or(USUAL_TIME);
    let jobs = args.jobs.map_or_else(super::processors, usize::from);
    let count = ways.len() as u32;
    for (way, rest) in ways.iter_mut().zip((1..=count).rev()) {
        let Some(left) = all.checked_sub(started.elapsed()) else { break };
        // Whoever needs less than a fair share leaves it to those that come after.
        let (begun, share) = (Instant::now(), left / rest);
        let may_go_on = || begun.elapsed() < share;
        let how = Shrinking { jobs, most_events: u64::MAX, may_go_on: &may_go_on };
        let Some(shrunk) = shrink_seed(scenario, way.seed, &how).map_err(|problem| problem.to_string())? else {
            continue;
        };
        let folder = match &args.out {
            Some(out) => out.join(format!("{}-{:#x}", scenario.name, way.seed)),
            None => environment.folder(scenario.name, way.seed),
        };
        write_folder::<S>(&folder, &shrunk, &way.replay)?;
        way.shrunk_steps = Some(shrunk.steps.1);
        way.shrunk = Some(how_far(&shrunk));
        way.folder = Some(folder);
    }
    Ok(())
}

/// So long, for all the ways together, unless asked otherwise.
const USUAL_TIME: Duration = Duration::from_secs(10);

/// Whether the tape of a known way to fail still fails so, though no run of the campaign does. Without a tape nothing is
/// known, and what is no longer found counts as fixed.
fn still_fails<S: CatalogueSubject>(way: &Way) -> bool {
    let tape = way.folder.as_ref().and_then(|folder| fs::read_to_string(folder.join("tape.json")).ok());
    let report = tape.and_then(|tape| replay_tape::<S>(&tape).ok());
    report.and_then(|report| report.failure).is_some_and(|failure| failure.signature == way.signature)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_to_fail_is_new_ongoing_fixed_or_regressed() {
        assert_eq!(State::after(None, true), State::New);
        for open in [State::New, State::Ongoing, State::Regressed] {
            assert_eq!(State::after(Some(open), true), State::Ongoing);
            assert_eq!(State::after(Some(open), false), State::Fixed);
        }
        assert_eq!(State::after(Some(State::Fixed), true), State::Regressed);
        assert_eq!(State::after(Some(State::Fixed), false), State::Fixed);
    }
}
