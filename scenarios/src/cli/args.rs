//! What a user may type.

use std::ops::Range;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use scenarios::subjects::SubjectName;
use sim::environment::parse_seed;

use super::engine::EngineArgs;
use super::explore::ExploreArgs;

/// Deterministic simulation of Raft clusters: one seed is one whole run.
#[derive(Parser, Debug)]
#[command(name = "raft-sim", version, disable_help_subcommand = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) verb: Option<Verb>,
}

#[derive(Subcommand, Debug)]
pub(super) enum Verb {
    /// Run many seeds and say whether anything went wrong (what happens without a verb)
    Fuzz(FuzzArgs),
    /// Run one seed again and show it
    Replay(ReplayArgs),
    /// Make a failing run as short as it can be, and write it down as a tape
    Shrink(ShrinkArgs),
    /// Search every run of a small cluster, up to a number of events
    Explore(ExploreArgs),
    /// Say in a page why a seed fails: what it takes, when it took its turn, and what led to it
    Explain(ExplainArgs),
    /// Show the scenarios, subjects, fault classes and checkers
    List(ListArgs),
    /// Measure the speed on a fixed workload, and of the default swarm by class of faults
    Bench(BenchArgs),
    /// Put known bugs into the code, one by one, and count what it takes to find them
    Score(ScoreArgs),
}

impl Default for Verb {
    fn default() -> Self {
        Self::Fuzz(FuzzArgs::default())
    }
}

/// What is run.
#[derive(ClapArgs, Debug)]
pub(super) struct Target {
    /// The scenario, one of those that `list` shows
    #[arg(long, value_name = "NAME", default_value = scenarios::catalogue::DEFAULT)]
    pub(super) scenario: String,
    /// The protocol under test, one of those that `list` shows
    #[arg(long, value_name = "NAME", default_value = SubjectName::default().name())]
    pub(super) subject: SubjectName,
    /// Take the timeouts from this file (raft_conf.json: EToutStart, EToutEnd, HTout in ms)
    #[arg(long, value_name = "FILE")]
    pub(super) conf: Option<PathBuf>,
    /// Take the servers from this file (peers.json: Peers, each with P_id and Host)
    #[arg(long, value_name = "FILE")]
    pub(super) peers: Option<PathBuf>,
}

impl Default for Target {
    fn default() -> Self {
        Self {
            scenario: scenarios::catalogue::DEFAULT.to_owned(),
            subject: SubjectName::default(),
            conf: None,
            peers: None,
        }
    }
}

#[derive(ClapArgs, Debug, Default)]
pub(super) struct FuzzArgs {
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    /// How many seeds, from 0 [default: 20000]
    #[arg(long, value_name = "N", conflicts_with = "seeds")]
    pub(super) count: Option<u64>,
    /// Which seeds, the last not included
    #[arg(long, value_name = "A..B", value_parser = parse_seeds)]
    pub(super) seeds: Option<Range<u64>>,
    /// How many threads [default: one for each processor]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) jobs: Option<u16>,
    /// Start no new seed after this long, as in 90s, 5m or 1h
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub(super) time: Option<Duration>,
    /// Stop at the first seed that fails
    #[arg(long)]
    pub(super) fail_fast: bool,
    /// Shrink for so long in all, the shortest run of each way to fail [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_time, conflicts_with = "no_shrink")]
    pub(super) shrink_time: Option<Duration>,
    /// Do not shrink what fails
    #[arg(long)]
    pub(super) no_shrink: bool,
    /// Write what was found into this folder [default: each way to fail to target/raft-sim/SCENARIO-SEED]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Say what is new, ongoing, fixed or regressed against an earlier campaign's --out
    #[arg(long, value_name = "DIR")]
    pub(super) against: Option<PathBuf>,
    /// Stop when so many seeds have failed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) enough: Option<u64>,
    /// Start no new seed after so many events
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) budget_events: Option<u64>,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(super) struct ReplayArgs {
    /// The seed, in decimal or hexadecimal (0x2a)
    #[arg(value_parser = parse_seed, required_unless_present = "tape")]
    pub(super) seed: Option<u64>,
    /// Play the run that this file holds, and which names its subject, instead of a seed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["seed", "scenario", "subject", "conf", "peers"])]
    pub(super) tape: Option<PathBuf>,
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    /// How to show the run
    #[arg(long, value_name = "FORMAT", default_value = "short")]
    pub(super) trace: TraceFormat,
    /// Show the causal slice of the failure only: the few events that led to it
    #[arg(long)]
    pub(super) slice: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(super) struct ExplainArgs {
    /// The seed, in decimal or hexadecimal (0x2a), or the file of a tape
    #[arg(value_name = "SEED|TAPE")]
    pub(super) what: String,
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(super) struct ShrinkArgs {
    /// The seed, in decimal or hexadecimal (0x2a), or the file of a tape
    #[arg(value_name = "SEED|TAPE")]
    pub(super) what: String,
    #[command(flatten)]
    pub(super) target: Target,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    /// How many threads [default: one for each processor]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) jobs: Option<u16>,
    /// Write the folder of the run here [default: target/raft-sim/SCENARIO-SEED]
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    /// Stop after this long with what there is then
    #[arg(long, value_name = "TIME", value_parser = parse_time, default_value = "30s")]
    pub(super) shrink_time: Duration,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TraceFormat {
    /// A timeline of faults, changes of leader, and what led to a failure
    Short,
    /// A timeline of every event
    Full,
    /// JSON Lines, one event a line with its cause
    Json,
    /// A log with vector clocks for ShiViz
    Shiviz,
    /// A sequence diagram for Mermaid of what led to a failure
    Mermaid,
}

#[derive(ClapArgs, Debug)]
pub(super) struct ListArgs {
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(super) struct BenchArgs {
    /// The protocol under test, one of those that `list` shows
    #[arg(long, value_name = "NAME", default_value = SubjectName::default().name())]
    pub(super) subject: SubjectName,
    /// How many seeds
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) count: u64,
    /// Virtual seconds a seed
    #[arg(long, value_name = "S", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    pub(super) virtual_seconds: u64,
    /// How many seeds of the default swarm behind them, 0 for none
    #[arg(long, value_name = "N", default_value_t = 400, value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    pub(super) swarm_count: u64,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(ClapArgs, Debug)]
pub(super) struct ScoreArgs {
    /// The folder of the bugs, one patch each [default: tests/bugs of the project]
    #[arg(long, value_name = "DIR")]
    pub(super) bugs_dir: Option<PathBuf>,
    /// Which of them, by name, id, or what variants have in common: E7a-last-term-alone, E7a, E7 [default: all]
    #[arg(long, value_name = "ID,..", value_delimiter = ',')]
    pub(super) bugs: Vec<String>,
    /// Try only so many, other ones for each --turn, of those that the score of --against found in one seed of twenty or more
    #[arg(long, value_name = "N", requires = "against", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) some: Option<u64>,
    /// Whose turn it is: some number that goes up, as that of commits does
    #[arg(long, value_name = "T", requires = "some", default_value_t = 0)]
    pub(super) turn: u64,
    /// The project's folder [default: the one around the working folder]
    #[arg(long, value_name = "DIR")]
    pub(super) source: Option<PathBuf>,
    /// Which seeds each bug may be found in, the last not included
    #[arg(long, value_name = "A..B", value_parser = parse_seeds, default_value = "0..20000")]
    pub(super) seeds: Range<u64>,
    /// Start no new seed for a bug after so many events
    #[arg(long, value_name = "N", default_value_t = 20_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) budget_events: u64,
    /// Go on to the next bug after so many failing seeds
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) enough: u64,
    /// The scenario, one of those that `list` shows
    #[arg(long, value_name = "NAME", default_value = scenarios::catalogue::DEFAULT)]
    pub(super) scenario: String,
    /// The protocol that has the bugs which do not say, one of those that `list` shows
    #[arg(long, value_name = "NAME", default_value = SubjectName::default().name())]
    pub(super) subject: SubjectName,
    /// How many bugs are tried at a time [default: one for each processor]
    #[arg(long, value_name = "J", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(super) jobs: Option<u16>,
    /// Write the table into this file, as Markdown
    #[arg(long, value_name = "FILE")]
    pub(super) markdown: Option<PathBuf>,
    #[command(flatten)]
    pub(super) engine: EngineArgs,
    /// Compare with this file, what an earlier score printed with --json: what fell is a failure
    #[arg(long, value_name = "FILE")]
    pub(super) against: Option<PathBuf>,
    /// Print one JSON document instead of text
    #[arg(long)]
    pub(super) json: bool,
}

fn parse_seeds(text: &str) -> Result<Range<u64>, String> {
    let (start, end) = text.split_once("..").ok_or_else(|| format!("'{text}' is not a range like 0..1000"))?;
    let range = parse_seed(start)?..parse_seed(end)?;
    if range.is_empty() { Err(format!("'{text}' holds no seed")) } else { Ok(range) }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("'{text}' is not a time like 90s, 5m or 1h");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    let seconds = match &text[digits.len()..] {
        "ms" => return Ok(Duration::from_millis(number)),
        "s" => Some(number),
        "m" => number.checked_mul(60),
        "h" => number.checked_mul(3600),
        _ => None,
    };
    seconds.map(Duration::from_secs).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_half_open_and_never_empty() {
        assert_eq!(parse_seeds("3..0x10"), Ok(3..16));
        for wrong in ["3", "3..3", "5..3", "..", "a..b", "1..2..3", "1.."] {
            assert!(parse_seeds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_have_a_unit() {
        assert_eq!(parse_time("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_time("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(parse_time("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["", "s", "5", "5x", "-5s", "1.5s", "99999999999999999999h", "18446744073709551615h"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
