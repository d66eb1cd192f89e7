//! What the catalogue draws for `kvstore`: what it draws for `raft-core`.

use sim::{Choice, FaultClass, OperationClass, Outside, Plan};

use super::{Kvstore, largest_snapshot};
use crate::cluster_files::Timeouts;
use crate::raft_core_subject::{RaftCore, Settings, snapshot_catch_up_ns};
use crate::subjects::{CatalogueSubject, Focus};

impl CatalogueSubject for Kvstore {
    const ABOUT: &'static str =
        "the real server: sessions, snapshots and frames in bytes, and a log on a disk of sectors";
    const FOCUSES: &'static [Focus] = Focus::ALL;

    fn meets(class: FaultClass) -> bool {
        RaftCore::meets(class)
    }

    fn performs(class: OperationClass) -> bool {
        RaftCore::performs(class)
    }

    fn draw_settings(choice: &mut Choice) -> Settings {
        let mut settings = RaftCore::draw_settings(choice);
        // Snapshots are some hundred bytes to some thousand: a byte at a time would take all of the run.
        let (chunk, in_flight, per_heartbeat) = settings.snapshot_bytes;
        settings.snapshot_bytes = (chunk.max(64), in_flight.max(64), per_heartbeat.max(1_024));
        settings
    }

    fn bring_out(focus: Focus, settings: &mut Settings, choice: &mut Choice) {
        RaftCore::bring_out(focus, settings, choice);
    }

    fn timeouts(settings: &Settings) -> Timeouts {
        RaftCore::timeouts(settings)
    }

    fn set_timeouts(settings: &mut Settings, timeouts: Timeouts) {
        RaftCore::set_timeouts(settings, timeouts);
    }

    fn bench_settings(timeouts: Timeouts) -> Settings {
        RaftCore::bench_settings(timeouts)
    }

    fn lives_with(settings: &Settings) -> Vec<Outside> {
        RaftCore::lives_with(settings)
    }

    fn catch_up_ns(plan: &Plan<Settings>) -> u64 {
        snapshot_catch_up_ns(plan, largest_snapshot(&plan.settings))
    }

    fn trust_clocks(settings: &mut Settings, drift_ppm: u32) {
        RaftCore::trust_clocks(settings, drift_ppm);
    }
}
