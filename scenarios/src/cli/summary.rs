//! The end of a campaign, in words.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use scenarios::cluster_files::ClusterFiles;
use sim::{Campaign, CampaignReport, Failure, Mark, Scenario, Subject, Totals, never_met};

use super::engine;
use super::numbers::{grouped, per_second, ratio, spoken};
use super::{VERSION, hex, replay_command};

/// How many signatures are shown.
const SHOWN_SIGNATURES: usize = 10;

pub(super) fn text<S: Subject>(
    scenario: &Scenario<S>,
    files: Option<&ClusterFiles>,
    campaign: &Campaign,
    report: &CampaignReport,
    wall: Duration,
    is_interrupted: bool,
    options: &str,
) -> String {
    let mut text = format!("raft-sim {VERSION}: {} in the scenario {} ({})\n", S::NAME, scenario.name, scenario.about);
    if let Some(files) = files {
        let _ = writeln!(text, "{}", files.describe());
    }
    let (least, most) = report.nodes.unwrap_or_default();
    let nodes = if least == most { format!("{least} nodes") } else { format!("{least} to {most} nodes") };
    let first = campaign.seeds.start;
    let totals = &report.totals;
    let mut row = |label: &str, value: String| {
        let _ = writeln!(text, "  {label:<11} {value}");
    };
    let interrupted = if is_interrupted { ", then interrupted" } else { "" };
    row("seeds", format!("{} from {first:#x} on, clusters of {nodes}{interrupted}", grouped(report.runs)));
    let virtual_time = Duration::from_nanos(totals.virtual_ns);
    let factor = totals.virtual_ns / u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX).max(1);
    row("time", format!("{} simulated in {}, {} times as fast", spoken(virtual_time), spoken(wall), grouped(factor)));
    row(
        "events",
        format!(
            "{}, of them {} messages delivered; {} a second",
            grouped(totals.events),
            grouped(totals.deliveries),
            grouped(per_second(totals.events, wall))
        ),
    );
    row("elections", format!("{}, {} a run", grouped(totals.elections), ratio(totals.elections, report.runs)));
    row("commits", format!("{}, {} a run", grouped(totals.commits), ratio(totals.commits, report.runs)));
    row(
        "recoveries",
        format!(
            "{}, {} a run: a healed core led, committed and stayed as it was",
            grouped(totals.recoveries),
            ratio(totals.recoveries, report.runs)
        ),
    );
    row(
        "histories",
        format!(
            "{} operations, {} of them asked for again; {} keys left open",
            grouped(totals.operations),
            grouped(totals.repeats),
            grouped(totals.keys_left_open)
        ),
    );
    if let Some(promise) = engine::promise(scenario.engine(), report) {
        row("engine", promise);
    }
    let counted = |name: &str, count| format!("{:<23} {:>12}", name.replace('_', " "), grouped(count));
    let faults = scenario.faults.iter().map(|class| counted(class.name(), totals.faults[*class]));
    let features = S::FEATURES
        .iter()
        .enumerate()
        .filter(|(_, name)| !S::MARKS.contains(name))
        .filter(|(feature, name)| scenario.features.contains(name) || totals.features.of(*feature) > 0)
        .map(|(feature, name)| counted(name, totals.features.of(feature)));
    let marks = marks::<S>(totals)
        .filter(|(name, count)| scenario.marks.contains(name) || *count > 0)
        .map(|(name, count)| counted(name, count));
    for (label, counts) in
        [("faults", faults.collect::<Vec<_>>()), ("features", features.collect()), ("marks", marks.collect())]
    {
        for (place, pair) in counts.chunks(2).enumerate() {
            row(if place == 0 { label } else { "" }, pair.join("    ").trim_end().to_owned());
        }
    }
    row("trace hash", hex(report.trace_hash));
    text.push('\n');
    let unmet = never_met(scenario, report);
    if !unmet.is_empty() {
        let _ = writeln!(
            text,
            "FAILED: {} runs never met {}: nothing is known of it.\n",
            grouped(report.runs),
            unmet.join(", ")
        );
    }
    if report.failures.is_empty() {
        text += "Nothing was violated: every checker looked after every event (raft-sim list names them).\n\n";
        let next = first.saturating_add(report.runs);
        let _ = write!(
            text,
            "Next: other seeds  cargo run --release -- fuzz --seeds {next}..{}{options}\n      \
             one run      cargo run --release -- replay {first:#x}{options}",
            next.saturating_add(report.runs.max(1))
        );
    } else {
        failures(&mut text, report, options);
    }
    text
}

/// How often each state worth reaching was reached: those of any Raft, and the subject's own.
pub(super) fn marks<S: Subject>(totals: &Totals) -> impl Iterator<Item = (&'static str, u64)> {
    let generic = Mark::ALL.iter().map(|mark| (mark.name(), totals.marks[*mark]));
    let own = S::FEATURES.iter().copied().enumerate().filter(|(_, name)| S::MARKS.contains(name));
    generic.chain(own.map(|(feature, name)| (name, totals.features.of(feature))))
}

/// The failures, by signature, the most frequent first.
fn failures(text: &mut String, report: &CampaignReport, options: &str) {
    let mut groups: BTreeMap<&str, Vec<&(u64, Failure)>> = BTreeMap::new();
    for failing in &report.failures {
        groups.entry(&failing.1.signature).or_default().push(failing);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by_key(|group| std::cmp::Reverse(group.len()));
    let count = report.failures.len() as u64;
    let _ = writeln!(text, "{} of {} runs FAILED, in {} ways:\n", grouped(count), grouped(report.runs), groups.len());
    for group in groups.iter().take(SHOWN_SIGNATURES) {
        // The one that fails after the fewest events is the easiest to read.
        let Some((seed, failure)) = group.iter().min_by_key(|(_, failure)| failure.event) else { continue };
        let _ = writeln!(
            text,
            "  {} ({}), {} runs\n    {}\n    after event {}, at {} ms: cargo run --release -- {}\n",
            failure.checker,
            failure.kind,
            grouped(group.len() as u64),
            failure.detail,
            failure.event,
            failure.virtual_ms,
            replay_command(*seed, options).trim_start_matches("raft-sim ")
        );
    }
    if groups.len() > SHOWN_SIGNATURES {
        let _ = writeln!(text, "  and {} ways more", groups.len() - SHOWN_SIGNATURES);
    }
    text.truncate(text.trim_end().len());
}
