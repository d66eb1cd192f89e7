//! How long a healed core may take.

use super::World;
use crate::heal::Heal;
use crate::node::NodeSet;
use crate::subject::Subject;

/// The core must have settled within so many longest election timeouts, beside what is under way when the faults end and
/// what must be sent again.
///
/// Without these two, the slowest of 100,000 healed runs of swarm, elections and replication took 6, one in 1,000 more
/// than 3 and one in 10,000 more than 4.4: a run is ten times rarer for every 1.5 more. An honest Raft fails this bound
/// less than once in 10^12 runs, and one that stands still always does.
const SETTLES_WITHIN: u64 = 20;

/// So long, in longest election timeouts, neither leader nor term may change once all is well.
pub(super) const STABLE_FOR: u64 = 10;

/// Entries that a node lacks are found and sent one a round trip at least: one back where logs differ, and one forth.
const ROUND_TRIPS_PER_ENTRY: u64 = 2;

impl<S: Subject> World<S> {
    /// How long after the faults a core must have settled, `nodes` being those of it and the learners that must keep up with it.
    pub(super) fn settles_within_ns(&self, heal: &Heal, nodes: NodeSet) -> u64 {
        let plan = &self.plan;
        let (latency_ns, write_ns) = (plan.network.latency_ns.1, plan.disk.write_ns.1);
        // A clock that loses time makes its node's timeouts longer. No plan has one that loses half of it.
        let slowest_ppm = plan.clock_drift_ppm.iter().map(|drift_ppm| 1_000_000 + i64::from(*drift_ppm)).min();
        let slowest_ppm = slowest_ppm.unwrap_or(1_000_000).clamp(500_000, 1_000_000) as u64;
        let longest_ns = heal.election_timeout_ns.1 * 1_000 / (slowest_ppm / 1_000);
        let tail_ns = plan.links.iter().map(|link| link.tail_ns.max(link.latency_ns.1)).max().unwrap_or(0);
        let under_way_ns = latency_ns.max(tail_ns) + plan.network.reordering_ns + write_ns + self.slowed_by_ns;
        let missing = self.missing_entries(nodes);
        let resent_ns = (2 * latency_ns + write_ns).saturating_mul(ROUND_TRIPS_PER_ENTRY * missing);
        // A node that never lets time run back stands still until its clock has caught up.
        let lag_ns = self.members(nodes).map(|node| self.clocks[node].lag_ns(self.now_ns)).max().unwrap_or(0);
        (SETTLES_WITHIN * longest_ns)
            .saturating_add(under_way_ns)
            .saturating_add(resent_ns)
            .saturating_add(heal.catch_up_ns)
            .saturating_add(2 * lag_ns)
    }

    /// How many entries one of `nodes` may have to be sent.
    fn missing_entries(&self, nodes: NodeSet) -> u64 {
        let seen = |node| self.checkers.seen(node);
        let last = self.members(nodes).map(|node| seen(node).last_index).max().unwrap_or(0);
        let least = self.members(nodes).map(|node| seen(node).commit_index).min().unwrap_or(0);
        last.saturating_sub(least)
    }
}
