//! What the catalogue draws for `raft-core`.

use sim::{Choice, Clients, Fault, FaultClass, Mark, NodeSet, Operation, OperationClass, Outside, Plan};

use super::{RaftCore, Settings};
use crate::cluster_files::Timeouts;
use crate::subjects::{CatalogueSubject, Focus};

const MS: u64 = 1_000_000;

impl CatalogueSubject for RaftCore {
    const ABOUT: &'static str = "the Raft of this project, with the key-value map on top";
    const FOCUSES: &'static [Focus] = Focus::ALL;
    const REACHES: &'static [Mark] = Mark::ALL;

    fn performs(_: OperationClass) -> bool {
        true
    }

    fn draw_settings(choice: &mut Choice) -> Settings {
        Settings::draw(choice)
    }

    fn bring_out(focus: Focus, settings: &mut Settings, choice: &mut Choice) {
        let some_nodes = |choice: &mut Choice| NodeSet(choice.below(1 << sim::MAX_NODES) as u8);
        match focus {
            Focus::Elections => settings.preferred = some_nodes(choice),
            Focus::PreVote => {
                if choice.chance_ppm(500_000) {
                    settings.pre_vote = some_nodes(choice);
                }
            }
            Focus::CheckQuorum => settings.check_quorum = everyone(),
            Focus::Priorities => settings.preferred = NodeSet(choice.within((1, 126)) as u8),
            Focus::Reads => {
                settings.reads = true;
                settings.keys = choice.within((1, 4));
                settings.check_quorum = everyone();
                settings.lease_clock_drift_ppm = Some(0);
            }
            Focus::Sessions => {
                settings.sessions = true;
                settings.keys = choice.within((1, 16));
            }
            Focus::Snapshots => {
                settings.snapshots = Some((*choice.pick(&[1, 2, 5, 20]), *choice.pick(&[0, 0, 1, 5])));
                if choice.chance_ppm(250_000) {
                    settings.snapshot_bytes = (1, choice.within((1, 64)), choice.within((16, 64)));
                }
            }
            Focus::Everything => settings.sessions = choice.chance_ppm(600_000),
            Focus::Replication | Focus::Transfers | Focus::Membership | Focus::LostLogs | Focus::SlowDisks => {}
        }
    }

    fn timeouts(settings: &Settings) -> Timeouts {
        Timeouts { election_ms: settings.election_timeout_ms, heartbeat_ms: settings.heartbeat_ms }
    }

    fn set_timeouts(settings: &mut Settings, timeouts: Timeouts) {
        settings.election_timeout_ms = timeouts.election_ms;
        settings.heartbeat_ms = timeouts.heartbeat_ms;
    }

    fn bench_settings(timeouts: Timeouts) -> Settings {
        Settings {
            election_timeout_ms: timeouts.election_ms,
            heartbeat_ms: timeouts.heartbeat_ms,
            // As the others that it is compared with have them.
            pre_vote: NodeSet::default(),
            check_quorum: NodeSet::default(),
            ..Settings::default()
        }
    }

    fn lives_with(settings: &Settings) -> Vec<Outside> {
        let checks_quorum = settings.check_quorum == everyone();
        let asks_first = settings.pre_vote == everyone();
        let connected = checks_quorum.then_some(Outside::Connected);
        let deaf = (checks_quorum && asks_first).then_some(Outside::Deaf);
        connected.into_iter().chain(deaf).collect()
    }

    fn meets(_: FaultClass) -> bool {
        true
    }

    fn catch_up_ns(plan: &Plan<Settings>) -> u64 {
        let clients = match plan.clients {
            Clients::Closed { count, .. } => u64::from(count),
            Clients::Stream { .. } | Clients::Open { .. } => 1,
        };
        // The healed phase has one client more.
        snapshot_catch_up_ns(plan, Settings::largest_snapshot(plan.settings.keys, clients + 1))
    }

    fn adjust(plan: &mut Plan<Settings>, choice: &mut Choice) {
        let is_impatient = choice.chance_ppm(666_667);
        let longest_ns = plan.network.latency_ns.1;
        let patience_ns = choice.within((2 * longest_ns, 8 * longest_ns + plan.disk.write_ns.1));
        // Who does not wait for long asks again while the first request is still under way.
        if let Clients::Closed { timeout_ns, .. } = &mut plan.clients
            && plan.settings.sessions
            && is_impatient
        {
            *timeout_ns = patience_ns;
        }
    }

    fn trust_clocks(settings: &mut Settings, drift_ppm: u32) {
        if let Some(trusted) = &mut settings.lease_clock_drift_ppm {
            *trusted = drift_ppm;
        }
    }
}

/// How long it takes at most to bring a snapshot of `size` over: part by part, each after the one before was acknowledged, and
/// no more between two heartbeats than allowed. Twice, since the log may be compacted further meanwhile.
pub(crate) fn snapshot_catch_up_ns(plan: &Plan<Settings>, size: u64) -> u64 {
    let elections_ns = rival_elections_ns(plan);
    let Settings { snapshots: Some(_), heartbeat_ms, snapshot_bytes: (part, _, rate), .. } = plan.settings else {
        return elections_ns;
    };
    let round_trip_ns = 2 * plan.network.latency_ns.1 + plan.disk.write_ns.1;
    elections_ns + 2 * (size.div_ceil(part) * round_trip_ns + size.div_ceil(rate) * heartbeat_ms * MS)
}

fn everyone() -> NodeSet {
    NodeSet::all(sim::MAX_NODES as u8)
}

/// How long elections may take beside the usual where some servers do not ask before they campaign.
///
/// A server that does not ask, and cannot win, raises the term at every timeout. Where it goes by a configuration that does not
/// name the one that can win, that one hears of a new term only by being refused: for as long as its question, or its own
/// campaign, always comes after the other's, which is until their timeouts, drawn anew each time, have carried one past the other.
/// That is a random walk over one timeout T in steps of the spread d between timeouts: it takes (T/d)^2 timeouts times
/// some number, and lasts on for 64 times (T/d)^2 once in a million.
fn rival_elections_ns(plan: &Plan<Settings>) -> u64 {
    let changes_members = plan.members != NodeSet::all(plan.nodes)
        || plan.operations.iter().any(|timed| matches!(timed.operation, Operation::ChangeMembership { .. }));
    let asking = plan.settings.pre_vote.intersection(NodeSet::all(plan.nodes)).len();
    let is_upgraded = plan.faults.iter().any(|timed| matches!(timed.fault, Fault::Upgrade { .. }));
    let all_ask = asking == usize::from(plan.nodes) && !is_upgraded;
    if !changes_members || all_ask {
        return 0;
    }
    let (shortest_ms, longest_ms) = plan.settings.election_timeout_ms;
    let spread_ms = (longest_ms - shortest_ms).max(1);
    64 * longest_ms.pow(3) * MS / spread_ms.pow(2)
}
