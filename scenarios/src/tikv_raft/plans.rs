//! What the catalogue draws for `tikv-raft`.

use sim::{Choice, FaultClass, OperationClass, Outside, Plan};

use super::{Settings, TikvRaft};
use crate::cluster_files::Timeouts;
use crate::subjects::{CatalogueSubject, Focus};

impl CatalogueSubject for TikvRaft {
    const ABOUT: &'static str = "the raft crate 0.7, ticked, through an adapter that gates its own durability";
    const FOCUSES: &'static [Focus] = &[
        Focus::Elections,
        Focus::Replication,
        Focus::PreVote,
        Focus::CheckQuorum,
        Focus::Transfers,
        Focus::Membership,
        Focus::Reads,
        Focus::Snapshots,
        Focus::SlowDisks,
    ];

    fn meets(class: FaultClass) -> bool {
        // A record is written whole or not at all, and a follower that has lost what it acknowledged is not noticed.
        !matches!(class, FaultClass::TornWrite | FaultClass::LostLog)
    }

    fn performs(_: OperationClass) -> bool {
        true
    }

    fn draw_settings(choice: &mut Choice) -> Settings {
        let shortest = choice.within((5, 20)) as usize;
        let check_quorum = choice.chance_ppm(700_000);
        Settings {
            tick_ms: choice.within((5, 20)),
            // Timeouts are whole ticks: with two or three of them to draw from, several candidates meet for as long as anybody
            // waits, or the clock of one that cannot win always runs ahead.
            election_ticks: (
                shortest,
                shortest + choice.within((shortest as u64 / 2 + 3, 2 * shortest as u64)) as usize,
            ),
            heartbeat_ticks: choice.within((1, shortest as u64 / 2)) as usize,
            pre_vote: choice.chance_ppm(700_000),
            check_quorum,
            lease_reads: false,
            max_size_per_msg: *choice.pick(&[0, 50, 1 << 20]),
            max_inflight_msgs: *choice.pick(&[1, 2, 8, 256]),
            max_committed_size_per_ready: *choice.pick(&[1, 100, u64::MAX]),
            batch_append: choice.chance_ppm(500_000),
            skip_bcast_commit: choice.chance_ppm(250_000),
            drains_late_ppm: *choice.pick(&[0, 0, 100_000, 500_000]),
            snapshots: match *choice.pick(&[0, 1, 5, 20, 60]) {
                0 => None,
                every => Some((every, *choice.pick(&[0, 1, 10, 50]))),
            },
            keys: choice.within((1, 16)),
            reads: choice.chance_ppm(750_000),
        }
    }

    fn bring_out(focus: Focus, settings: &mut Settings, choice: &mut Choice) {
        match focus {
            Focus::PreVote => settings.pre_vote = true,
            Focus::CheckQuorum => settings.check_quorum = true,
            Focus::Reads => {
                settings.reads = true;
                settings.keys = choice.within((1, 4));
                settings.check_quorum = true;
                settings.lease_reads = choice.chance_ppm(500_000);
            }
            Focus::Snapshots => {
                settings.snapshots = Some((*choice.pick(&[1, 2, 5, 20]), *choice.pick(&[0, 0, 1, 5])));
            }
            _ => {}
        }
    }

    fn timeouts(settings: &Settings) -> Timeouts {
        let (shortest, longest) = settings.election_ticks;
        let ms = |ticks: usize| ticks as u64 * settings.tick_ms;
        // The longest is never drawn.
        Timeouts { election_ms: (ms(shortest), ms(longest - 1)), heartbeat_ms: ms(settings.heartbeat_ticks) }
    }

    /// A heartbeat is a tick, or as many as it takes to tell election timeouts apart.
    fn set_timeouts(settings: &mut Settings, timeouts: Timeouts) {
        let Timeouts { election_ms: (shortest_ms, longest_ms), heartbeat_ms } = timeouts;
        settings.tick_ms = (shortest_ms / 10).clamp(1, heartbeat_ms);
        settings.heartbeat_ticks = (heartbeat_ms / settings.tick_ms) as usize;
        let shortest = (shortest_ms / settings.tick_ms) as usize;
        let longest = (longest_ms / settings.tick_ms) as usize + 1;
        settings.election_ticks =
            (shortest.max(settings.heartbeat_ticks + 1), longest.max(settings.heartbeat_ticks + 2).max(shortest + 1));
    }

    fn bench_settings(timeouts: Timeouts) -> Settings {
        let mut settings = Settings {
            tick_ms: 1,
            election_ticks: (1, 2),
            heartbeat_ticks: 1,
            pre_vote: false,
            check_quorum: false,
            lease_reads: false,
            max_size_per_msg: 1 << 20,
            max_inflight_msgs: 256,
            max_committed_size_per_ready: u64::MAX,
            batch_append: false,
            skip_bcast_commit: false,
            drains_late_ppm: 0,
            snapshots: None,
            keys: 16,
            reads: false,
        };
        Self::set_timeouts(&mut settings, timeouts);
        settings
    }

    fn lives_with(settings: &Settings) -> Vec<Outside> {
        let connected = settings.check_quorum.then_some(Outside::Connected);
        let deaf = (settings.check_quorum && settings.pre_vote).then_some(Outside::Deaf);
        connected.into_iter().chain(deaf).collect()
    }

    /// A snapshot that is lost is sent again when the adapter's patience is over, and the log may move on twice meanwhile.
    fn catch_up_ns(plan: &Plan<Settings>) -> u64 {
        let Settings { tick_ms, election_ticks: (_, longest), .. } = plan.settings;
        4 * longest as u64 * tick_ms * 1_000_000
    }
}
