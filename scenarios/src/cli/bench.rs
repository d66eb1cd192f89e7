//! `raft-sim bench`: how fast the whole is.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use scenarios::catalogue::bench_plan;
use scenarios::subjects::CatalogueSubject;
use serde::Serialize;
use sim::choices::Choices;
use sim::{CampaignReport, run_plan};

use super::args::BenchArgs;
use super::bench_swarm::{self, Swarm};
use super::numbers::{grouped, per_second};
use super::{VERSION, exit, hex, print, print_json};

/// What `bench --json` prints. Rates are by wall time, on one thread.
#[derive(Serialize)]
struct Document {
    subject: &'static str,
    seeds: u64,
    virtual_seconds_per_seed: u64,
    wall_ms: u64,
    events: u64,
    deliveries: u64,
    elections: u64,
    commits: u64,
    events_per_second: u64,
    deliveries_per_second: u64,
    virtual_seconds_per_second: u64,
    ns_per_event: u64,
    ns_per_delivery: u64,
    peak_memory_kib: Option<u64>,
    trace_hash: String,
    failures: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    swarm: Option<Swarm>,
    version: &'static str,
}

pub(super) fn run<S: CatalogueSubject>(args: &BenchArgs) -> Result<ExitCode, String> {
    let mut report = CampaignReport::default();
    let mut wall = Duration::ZERO;
    for seed in 0..args.count {
        let plan = bench_plan::<S>(&mut Choices::new(seed).plan(), args.virtual_seconds * 1_000);
        let started = Instant::now();
        let run = run_plan::<S>(&plan, seed).map_err(|problem| problem.to_string())?;
        wall += started.elapsed();
        report.add(run);
    }
    let nanos = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
    let document = Document {
        subject: S::NAME,
        seeds: args.count,
        virtual_seconds_per_seed: args.virtual_seconds,
        wall_ms: nanos / 1_000_000,
        events: report.totals.events,
        deliveries: report.totals.deliveries,
        elections: report.totals.elections,
        commits: report.totals.commits,
        events_per_second: per_second(report.totals.events, wall),
        deliveries_per_second: per_second(report.totals.deliveries, wall),
        virtual_seconds_per_second: report.totals.virtual_ns / nanos.max(1),
        ns_per_event: nanos / report.totals.events.max(1),
        ns_per_delivery: nanos / report.totals.deliveries.max(1),
        peak_memory_kib: peak_memory_kib(),
        trace_hash: hex(report.trace_hash),
        failures: report.failures.len(),
        swarm: (args.swarm_count > 0).then(|| bench_swarm::measure::<S>(args.swarm_count)).transpose()?,
        version: VERSION,
    };
    if args.json {
        print_json(&document)?;
    } else {
        print(&text(&document))?;
    }
    Ok(ExitCode::from(exit::code(report.failures.iter().map(|(_, failure)| failure))))
}

fn text(document: &Document) -> String {
    let Document { subject, seeds, virtual_seconds_per_seed, wall_ms, .. } = document;
    let memory =
        document.peak_memory_kib.map_or_else(|| "unknown here".to_owned(), |kib| format!("{} KiB", grouped(kib)));
    let of_workload = format!(
        "{subject}: {seeds} seeds of {virtual_seconds_per_seed} virtual seconds in {} ms, one thread, all checkers on\n  \
         virtual seconds a second  {}\n  events a second           {}  ({} ns each)\n  deliveries a second       {}  \
         ({} ns each)\n  per seed                  {} events, {} deliveries, {} commits, {} elections\n  peak memory               {memory}\n  \
         trace hash                {}",
        grouped(*wall_ms),
        grouped(document.virtual_seconds_per_second),
        grouped(document.events_per_second),
        document.ns_per_event,
        grouped(document.deliveries_per_second),
        document.ns_per_delivery,
        grouped(document.events / seeds),
        grouped(document.deliveries / seeds),
        grouped(document.commits / seeds),
        grouped(document.elections / seeds),
        document.trace_hash
    );
    of_workload + &document.swarm.as_ref().map_or(String::new(), Swarm::text)
}

/// The most memory this process ever had, where the system tells.
fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
