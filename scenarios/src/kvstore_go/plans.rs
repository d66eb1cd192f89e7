//! What the catalogue draws for `kvstore-go`.

use sim::{Choice, Clients, Fault, FaultClass, Network, NodeId, NodeSet, OperationClass, Plan, TimedFault};

use super::{KvstoreGo, Settings};
use crate::cluster_files::Timeouts;
use crate::subjects::{CatalogueSubject, Focus};

const MS: u64 = 1_000_000;

impl CatalogueSubject for KvstoreGo {
    const ABOUT: &'static str = "the Raft of a Go program, rebuilt with its faults as they stand";
    const FOCUSES: &'static [Focus] = &[Focus::Elections, Focus::Replication];

    /// It has no disk that could fail.
    fn meets(class: FaultClass) -> bool {
        use FaultClass::{
            BitRot, CrashInWrite, DiskFull, DiskStall, IoError, LostLog, LostWrite, LyingSync, SlowDisk, TornWrite,
            Wipe,
        };
        !matches!(
            class,
            LostWrite
                | TornWrite
                | SlowDisk
                | LostLog
                | CrashInWrite
                | DiskStall
                | IoError
                | DiskFull
                | LyingSync
                | BitRot
                | Wipe
        )
    }

    fn performs(_: OperationClass) -> bool {
        false
    }

    fn draw_settings(choice: &mut Choice) -> Settings {
        let shortest_ms = choice.within((100, 300));
        Settings {
            election_timeout_ms: (shortest_ms, shortest_ms + choice.within((50, 2 * shortest_ms))),
            // Followers have patience: from what the original is given to what they can just bear.
            heartbeat_ms: *choice.pick(&[50, 150, 500, 1_500]),
            // What its operators get wrong: clusters grow, and the number stays.
            majority: match choice.below(8) {
                0 => Some(choice.within((1, sim::MAX_NODES as u64)) as u8),
                1..=3 => Some(2),
                4 => Some(3),
                _ => None,
            },
            keys: *choice.pick(&[1, 3, 10, 1_000]),
        }
    }

    fn bring_out(_: Focus, _: &mut Settings, _: &mut Choice) {}

    /// As its followers have them, whatever they were given: they decide when somebody campaigns.
    fn timeouts(settings: &Settings) -> Timeouts {
        let patient = |timeout_ms| timeout_ms + Settings::FOLLOWER_WAITS_LONGER_MS;
        let (shortest_ms, longest_ms) = settings.election_timeout_ms;
        Timeouts { election_ms: (patient(shortest_ms), patient(longest_ms)), heartbeat_ms: settings.heartbeat_ms }
    }

    /// As soon as an entry is replicated nobody who has it votes again, and the first message that is lost or overtaken
    /// is a violation. So half of the runs are of one slow client on an orderly network, where leaders can follow each
    /// other; and where there are partitions, they cut off one server after the other, for long enough.
    fn adjust(plan: &mut Plan<Settings>, choice: &mut Choice) {
        let longest_ns = Self::timeouts(&plan.settings).election_ms.1 * MS;
        if choice.chance_ppm(500_000) {
            return;
        }
        plan.clients = Clients::Closed { count: 2, think_ns: (longest_ns / 4, longest_ns), timeout_ns: longest_ns / 2 };
        plan.links.clear();
        plan.network = Network { loss_ppm: 0, duplication_ppm: 0, reordering_ppm: 0, stale_ppm: 0, ..plan.network };
        if plan.nodes <= 3 || !plan.faults.iter().any(|timed| matches!(timed.fault, Fault::Partition { .. })) {
            return;
        }
        // An acknowledgement more than a majority is needed to commit, which most clusters do not get with one away.
        plan.settings.majority = Some(plan.nodes - 3);
        let isolation = |at_ns| {
            let side = NodeSet::default().with(NodeId(choice.below(plan.nodes.into()) as u8));
            TimedFault::at(at_ns, Fault::Partition { side, for_ns: 5 * longest_ns })
        };
        let starts = (0..).map(|number| (1 + 6 * number) * longest_ns).take_while(|at_ns| *at_ns < plan.duration_ns);
        plan.faults = starts.map(isolation).collect();
    }

    fn set_timeouts(settings: &mut Settings, timeouts: Timeouts) {
        settings.election_timeout_ms = timeouts.election_ms;
        settings.heartbeat_ms = timeouts.heartbeat_ms;
    }

    fn bench_settings(timeouts: Timeouts) -> Settings {
        Settings {
            election_timeout_ms: timeouts.election_ms,
            heartbeat_ms: timeouts.heartbeat_ms,
            majority: None,
            keys: 1_000,
        }
    }
}
