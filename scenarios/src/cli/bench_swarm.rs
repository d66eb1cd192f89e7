//! The second half of `raft-sim bench`: how fast the default swarm runs with everything on, and what each class of faults
//! makes of that.

use std::time::{Duration, Instant};

use scenarios::catalogue;
use scenarios::subjects::CatalogueSubject;
use serde::Serialize;
use sim::{CampaignReport, FaultClass, run_plan};

use super::hex;
use super::numbers::{grouped, per_second};

/// What `bench --json` prints of the swarm. Rates are by wall time, on one thread.
#[derive(Serialize)]
pub(super) struct Swarm {
    scenario: &'static str,
    seeds: u64,
    wall_ms: u64,
    events: u64,
    deliveries: u64,
    events_per_second: u64,
    ns_per_event: u64,
    virtual_seconds_per_second: u64,
    trace_hash: String,
    failures: usize,
    classes: Vec<Class>,
}

/// The runs in which a class of faults took effect. Each run has many classes, so that the shares add up to more than all.
#[derive(Serialize)]
struct Class {
    name: &'static str,
    runs: u64,
    /// How often it took effect.
    strikes: u64,
    events: u64,
    events_percent: u64,
    events_per_second: u64,
}

#[derive(Clone, Default)]
struct Share {
    runs: u64,
    events: u64,
    wall: Duration,
}

/// Runs the first `seeds` seeds of the default scenario, each once.
pub(super) fn measure<S: CatalogueSubject>(seeds: u64) -> Result<Swarm, String> {
    let scenario = catalogue::find::<S>(catalogue::DEFAULT, None)?;
    let mut report = CampaignReport::default();
    let mut wall = Duration::ZERO;
    let mut shares = vec![Share::default(); FaultClass::ALL.len()];
    for seed in 0..seeds {
        let plan = scenario.plan(seed);
        let started = Instant::now();
        let run = run_plan::<S>(&plan, seed).map_err(|problem| problem.to_string())?;
        let took = started.elapsed();
        wall += took;
        for (class, share) in FaultClass::ALL.iter().zip(&mut shares) {
            if run.totals.faults[*class] > 0 {
                share.runs += 1;
                share.events += run.totals.events;
                share.wall += took;
            }
        }
        report.add(run);
    }
    let events = report.totals.events;
    let classes = FaultClass::ALL.iter().zip(shares).filter(|(_, share)| share.runs > 0);
    let nanos = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
    Ok(Swarm {
        scenario: scenario.name,
        seeds,
        wall_ms: nanos / 1_000_000,
        events,
        deliveries: report.totals.deliveries,
        events_per_second: per_second(events, wall),
        ns_per_event: nanos / events.max(1),
        virtual_seconds_per_second: report.totals.virtual_ns / nanos.max(1),
        trace_hash: hex(report.trace_hash),
        failures: report.failures.len(),
        classes: classes
            .map(|(class, Share { runs, events: of_class, wall })| Class {
                name: class.name(),
                runs,
                strikes: report.totals.faults[*class],
                events: of_class,
                events_percent: 100 * of_class / events.max(1),
                events_per_second: per_second(of_class, wall),
            })
            .collect(),
    })
}

impl Swarm {
    pub(super) fn text(&self) -> String {
        let Self { scenario, seeds, failures, .. } = self;
        let mut text = format!(
            "\n\n{scenario}, everything on: {seeds} seeds in {} ms\n  virtual seconds a second  {}\n  events a second           {}  ({} ns \
             each)\n  trace hash                {}",
            grouped(self.wall_ms),
            grouped(self.virtual_seconds_per_second),
            grouped(self.events_per_second),
            self.ns_per_event,
            self.trace_hash,
        );
        if *failures > 0 {
            text += &format!("\n  runs that failed          {failures}");
        }
        text += "\n  runs with a class of faults     runs    times  of all events  events a second";
        for Class { name, runs, strikes, events_percent, events_per_second, .. } in &self.classes {
            text += &format!(
                "\n    {name:<24} {:>9} {:>9} {events_percent:>12} % {:>15}",
                grouped(*runs),
                grouped(*strikes),
                grouped(*events_per_second)
            );
        }
        text
    }
}
