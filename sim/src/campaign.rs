//! Many runs, on one thread or several, with one report that does not depend on how many.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

use crate::failure::Failure;
use crate::plan_error::PlanError;
use crate::run::{RunReport, run_seed};
use crate::scenario::Scenario;
use crate::subject::Subject;
use crate::totals::Totals;

/// Which runs to make, and how.
#[derive(Clone, Debug)]
pub struct Campaign {
    /// The seeds.
    pub seeds: Range<u64>,
    /// How many threads share the work; at least 1.
    pub jobs: usize,
    /// Whether the first failure, by seed, is the last run.
    pub fail_fast: bool,
}

/// What many runs did.
#[derive(Clone, Debug, Default)]
pub struct CampaignReport {
    /// How many runs were made.
    pub runs: u64,
    /// The smallest and the largest cluster.
    pub nodes: Option<(u8, u8)>,
    /// The hash over all runs in the order of their seeds; of one run, that run's.
    pub trace_hash: u64,
    /// What happened in all runs together.
    pub totals: Totals,
    /// Verdicts that could not be reached: keys of which nobody knows whether their histories are linearizable.
    pub unknown: u64,
    /// The failing seeds, in order, and what went wrong.
    pub failures: Vec<(u64, Failure)>,
}

impl CampaignReport {
    /// Adds the run of the next seed.
    pub fn add(&mut self, run: RunReport) {
        self.trace_hash = match self.runs {
            0 => run.trace_hash,
            _ => (self.trace_hash.rotate_left(7) ^ run.trace_hash).wrapping_mul(0x9E37_79B9_7F4A_7C15),
        };
        self.runs += 1;
        let (least, most) = self.nodes.unwrap_or((run.nodes, run.nodes));
        self.nodes = Some((least.min(run.nodes), most.max(run.nodes)));
        self.totals.add(&run.totals);
        self.unknown += run.totals.keys_left_open;
        if let Some(failure) = run.failure {
            self.failures.push((run.seed, failure));
        }
    }
}

/// Seeds are handed out in so many parts, none of which is larger than this: a thread is begun for each, and its memory with it.
const PARTS: u64 = 32;
const MOST_AT_A_TIME: u64 = 512;

/// Does `make` on a thread named after the seeds that it is about. A stack that overflows ends the process, and all that is said of it
/// is the name of the thread: the same command with those seeds names fewer, and at last one.
fn named(seeds: &Range<u64>, make: impl Fn() + Sync) {
    let name = match seeds.end - seeds.start {
        1 => format!("seed {:#x}", seeds.start),
        _ => format!("seeds {:#x}..{:#x}", seeds.start, seeds.end),
    };
    std::thread::scope(|threads| {
        // Where no thread is to be had, this one does.
        if std::thread::Builder::new().name(name).spawn_scoped(threads, &make).is_err() {
            make();
        }
    });
}

impl Campaign {
    /// Makes the runs. `watch` is shown the report after each run, in the order of seeds; when it says `false`, that run
    /// is the last, whatever other threads have done by then.
    ///
    /// The report covers an unbroken range of seeds from the first on.
    ///
    /// # Errors
    /// Where the scenario draws a plan that makes no sense.
    pub fn run<S: Subject>(
        &self,
        scenario: &Scenario<S>,
        mut watch: impl FnMut(&CampaignReport) -> bool,
    ) -> Result<CampaignReport, PlanError> {
        let next_seed = AtomicU64::new(self.seeds.start);
        let at_a_time = ((self.seeds.end - self.seeds.start.min(self.seeds.end)) / PARTS).clamp(1, MOST_AT_A_TIME);
        let is_over = AtomicBool::new(false);
        let (sender, receiver) = mpsc::sync_channel(64);
        // Threads share nothing but the counter of seeds: a run never knows which thread it is on.
        std::thread::scope(|threads| {
            for _ in 0..self.jobs.max(1) {
                let sender = sender.clone();
                let (next_seed, is_over, seeds) = (&next_seed, &is_over, &self.seeds);
                threads.spawn(move || {
                    while !is_over.load(Ordering::Relaxed) {
                        let first = next_seed.fetch_add(at_a_time, Ordering::Relaxed);
                        if first >= seeds.end {
                            return;
                        }
                        let some = first..seeds.end.min(first.saturating_add(at_a_time));
                        let make = || {
                            some.clone().take_while(|_| !is_over.load(Ordering::Relaxed)).for_each(|seed| {
                                // Nobody listens once there were enough.
                                let _ = sender.send((seed, run_seed(scenario, seed)));
                            });
                        };
                        named(&some, make);
                    }
                });
            }
            drop(sender);
            let mut report = CampaignReport::default();
            let mut early = BTreeMap::new();
            let mut expected = self.seeds.start;
            let mut is_enough = false;
            for (seed, run) in receiver {
                early.insert(seed, run);
                while let Some(run) = early.remove(&expected) {
                    if is_enough {
                        break;
                    }
                    let run = run.inspect_err(|_| is_over.store(true, Ordering::Relaxed))?;
                    report.add(run);
                    expected += 1;
                    is_enough = !watch(&report) || self.fail_fast && !report.failures.is_empty();
                    if is_enough {
                        is_over.store(true, Ordering::Relaxed);
                    }
                }
            }
            Ok(report)
        })
    }
}
