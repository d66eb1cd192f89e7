//! `raft-sim explore`: every run of a small cluster, up to a number of events.

use std::fmt::Write;
use std::process::ExitCode;
use std::time::Instant;

use scenarios::explored::{ExploredSubject, plan};
use scenarios::kvstore_go::KvstoreGo;
use scenarios::raft_core_subject::RaftCore;
use scenarios::subjects::SubjectName;
use serde::Serialize;
use sim::engine::{Bounds, Exploration, Verdict};
use sim::trace::Record;
use sim::{Failure, MAX_NODES, Subject, explore};

use super::numbers::{grouped, spoken};
use super::{VERSION, exit, print, print_json};

/// A fault that the search may put in, and how often.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Broken {
    /// Any message may be lost already, arrive late, or in another order.
    Nothing,
    Crash(u32),
    LostWrite(u32),
    Duplication(u32),
}

#[derive(clap::Args, Debug)]
pub(super) struct ExploreArgs {
    /// The protocol under test
    #[arg(long, value_name = "NAME", default_value = SubjectName::default().name())]
    subject: SubjectName,
    /// How many nodes the cluster has
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=MAX_NODES as i64))]
    nodes: u8,
    /// The most events of a run
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=1000))]
    depth: u32,
    /// What else may go wrong, and at most how often in a run: crash, lost_write (a crash loses writes, which then take
    /// time), duplication; as in crash=2,duplication. Loss, reordering, delays, partitions and pauses are always in: a
    /// message may arrive at any time or never
    #[arg(long, value_name = "FAULTS", value_delimiter = ',', value_parser = parse_broken)]
    faults: Vec<Broken>,
    /// The most commands that clients ask for
    #[arg(long, value_name = "K", default_value_t = 0)]
    commands: u32,
    /// No election timeout passes on a node in this term
    #[arg(long, value_name = "T")]
    terms: Option<u64>,
    /// Let servers ask before they campaign, and leaders count who answers
    #[arg(long)]
    pre_vote: bool,
    /// The most states to keep in mind; with more there is no verdict
    #[arg(long, value_name = "S", default_value_t = 50_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    states: u64,
    /// Try both orders of events that commute, to see that it makes no difference
    #[arg(long)]
    all_orders: bool,
    /// Print one JSON document instead of text
    #[arg(long)]
    json: bool,
}

fn parse_broken(text: &str) -> Result<Broken, String> {
    let (name, times) = match text.split_once('=') {
        None => (text, 1),
        Some((name, times)) => {
            (name, times.parse().map_err(|_| format!("'{times}' is not how often {name} may happen"))?)
        }
    };
    match name {
        "crash" => Ok(Broken::Crash(times)),
        "lost_write" => Ok(Broken::LostWrite(times)),
        "duplication" => Ok(Broken::Duplication(times)),
        "loss" | "reordering" | "partition" | "one_way_partition" | "pause" => Ok(Broken::Nothing),
        _ => Err(format!("'{name}' is not a fault that a search puts in; there are crash, lost_write and duplication")),
    }
}

pub(super) fn run(args: &ExploreArgs) -> Result<ExitCode, String> {
    match args.subject {
        SubjectName::RaftCore => run_on::<RaftCore>(args),
        SubjectName::KvstoreGo => run_on::<KvstoreGo>(args),
        other => Err(format!(
            "--subject: {} has no states that a search could tell apart; {} and {} have",
            other.name(),
            RaftCore::NAME,
            KvstoreGo::NAME
        )),
    }
}

fn run_on<S: ExploredSubject>(args: &ExploreArgs) -> Result<ExitCode, String> {
    let mut bounds = Bounds {
        commands: args.commands,
        terms: args.terms,
        states: args.states,
        reduction: !args.all_orders,
        ..Bounds::to_depth(args.depth)
    };
    let mut loses = false;
    for broken in &args.faults {
        match *broken {
            Broken::Nothing => {}
            Broken::Crash(times) => bounds.crashes = bounds.crashes.max(times),
            Broken::LostWrite(times) => (bounds.crashes, loses) = (bounds.crashes.max(times), true),
            Broken::Duplication(times) => bounds.duplications = times,
        }
    }
    let plan = plan::<S>(args.nodes, loses, args.pre_vote);
    let started = Instant::now();
    let found = explore::<S>(&plan, &bounds).map_err(|problem| problem.to_string())?;
    let wall = started.elapsed();
    if args.json {
        print_json(&Document::new(S::NAME, args.nodes, &bounds, &found, wall.as_millis() as u64))?;
    } else {
        let mut text = format!("raft-sim {VERSION}: {} on {} nodes, every run of up to ", S::NAME, args.nodes);
        let _ = write!(text, "{} events\n\n{}", args.depth, words(&found));
        let _ = write!(text, "\n{} moves tried in {}", grouped(found.moves), spoken(wall));
        print(&text)?;
    }
    Ok(ExitCode::from(match &found.verdict {
        Verdict::Violated(failure, _) => exit::code([failure].into_iter()),
        Verdict::Clean { .. } => exit::CLEAN,
        Verdict::Unknown => exit::UNMET,
    }))
}

fn words(found: &Exploration) -> String {
    let mut text = match &found.verdict {
        Verdict::Clean { is_whole: false } => {
            format!("All runs of up to {} events: clean, {} states.\n", found.depth, grouped(found.states))
        }
        Verdict::Clean { is_whole: true } => format!(
            "All runs, however long: clean, {} states, the farthest {} events from the start.\n",
            grouped(found.states),
            found.depth.saturating_sub(1)
        ),
        Verdict::Unknown => format!(
            "UNKNOWN: more than {} states. All runs of up to {} events: clean; of longer ones nothing is known.\n",
            grouped(found.states),
            found.depth
        ),
        Verdict::Violated(failure, steps) => violated(failure, steps),
    };
    for (elections, states) in found.by_elections.iter().enumerate() {
        let _ = writeln!(text, "  {:>14} states in which {elections} terms have had a leader", grouped(*states));
    }
    // Birthdays: each pair of states is taken for one with a probability of one in 2^64.
    let pairs = u128::from(found.states) * u128::from(found.states.saturating_sub(1)) / 2;
    let one_in = (1u128 << 64) / pairs.max(1);
    let one_in = u64::try_from(one_in).map_or_else(|_| "2^64".to_owned(), grouped);
    let _ =
        writeln!(text, "  states are known by 64 bits: that any two were taken for one has a chance of 1 in {one_in}");
    text
}

fn violated(failure: &Failure, steps: &[Record]) -> String {
    let mut text = format!("A shortest run that ends in a violation has {} events:\n\n", steps.len());
    for record in steps {
        let (what, change) = (record.happening(), record.changes_in_words());
        let pad = if change.is_empty() { 0 } else { 56usize.saturating_sub(what.chars().count()) };
        let arrow = if change.is_empty() { "" } else { "  => " };
        let _ = writeln!(text, "  {:>3}  {what}{:pad$}{arrow}{change}", record.event, "");
    }
    let _ = writeln!(text, "\nFAILED: {} ({}): {}\n", failure.checker, failure.kind, failure.detail);
    text
}

/// What `explore --json` prints.
#[derive(Serialize)]
struct Document<'a> {
    subject: &'a str,
    nodes: u8,
    depth: u32,
    commands: u32,
    terms: Option<u64>,
    crashes: u32,
    duplications: u32,
    verdict: &'static str,
    covered_depth: u32,
    is_whole: bool,
    states: u64,
    moves: u64,
    states_by_elections: &'a [u64],
    failure: Option<&'a Failure>,
    run: &'a [Record],
    wall_ms: u64,
    version: &'a str,
}

impl<'a> Document<'a> {
    fn new(subject: &'a str, nodes: u8, bounds: &Bounds, found: &'a Exploration, wall_ms: u64) -> Self {
        let (verdict, failure, steps) = match &found.verdict {
            Verdict::Clean { .. } => ("clean", None, &[][..]),
            Verdict::Unknown => ("unknown", None, &[][..]),
            Verdict::Violated(failure, steps) => ("violated", Some(failure), &steps[..]),
        };
        Self {
            subject,
            nodes,
            depth: bounds.depth,
            commands: bounds.commands,
            terms: bounds.terms,
            crashes: bounds.crashes,
            duplications: bounds.duplications,
            verdict,
            covered_depth: found.depth,
            is_whole: found.verdict == Verdict::Clean { is_whole: true },
            states: found.states,
            moves: found.moves,
            states_by_elections: &found.by_elections,
            failure,
            run: steps,
            wall_ms,
            version: VERSION,
        }
    }
}
