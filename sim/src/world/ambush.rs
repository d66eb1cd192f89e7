//! Faults that wait for a moment of the run: who waits, and whom they strike when it comes.

use super::World;
use super::event::Event;
use crate::fault::{Aim, Moment, Trigger};
use crate::node::{NodeId, NodeSet};
use crate::subject::{Role, Subject};
use crate::trace::Source;

/// The faults that wait.
#[derive(Clone, Debug, Default)]
pub(super) struct Ambushes {
    /// By number, and how often their moment must still come.
    armed: Vec<(usize, u32, Trigger)>,
    /// The [bits](Moment::bit) of all their moments: most of the time none, and then nothing is looked for.
    wanted: u32,
}

impl Ambushes {
    pub(super) fn arm(&mut self, fault: usize, trigger: Trigger) {
        self.armed.push((fault, trigger.nth, trigger));
        self.wanted |= trigger.moment.bit();
    }

    /// Nobody waits any more.
    pub(super) fn disarm(&mut self) {
        *self = Self::default();
    }

    /// Whether any of them waits for what shows in a node's role or commit index.
    pub(super) fn watch_leaders(&self) -> bool {
        self.wanted & (Moment::LeaderElected.bit() | Moment::LeaderCommits.bit()) != 0
    }

    /// Whether any of them waits for a candidate that asks in vain, or should.
    pub(super) fn watch_candidates(&self) -> bool {
        self.wanted & Moment::Disturbed.bit() != 0
    }

    /// The moment has come once more. Returns whose turn it is.
    fn count(&mut self, moment: Moment) -> Vec<(usize, Trigger)> {
        let mut due = Vec::new();
        self.armed.retain_mut(|(fault, left, trigger)| {
            if trigger.moment != moment {
                return true;
            }
            *left -= 1;
            if *left == 0 {
                due.push((*fault, *trigger));
            }
            *left > 0
        });
        self.wanted = self.armed.iter().fold(0, |wanted, (_, _, trigger)| wanted | trigger.moment.bit());
        due
    }
}

impl<S: Subject> World<S> {
    /// Something happened at `there` that a fault may wait for; `peer` is the other node that it is about.
    #[inline]
    pub(super) fn notice(&mut self, moment: Moment, there: NodeId, peer: NodeId) {
        if self.ambushes.wanted & moment.bit() != 0 {
            self.spring(moment, there, peer);
        }
    }

    #[cold]
    fn spring(&mut self, moment: Moment, there: NodeId, peer: NodeId) {
        let all = NodeSet::all(self.plan.nodes);
        for (number, Trigger { after_ns, aim, .. }) in self.ambushes.count(moment) {
            let only = |node| NodeSet::default().with(node);
            let leader = self.believed_leader().unwrap_or(there);
            let nodes = match aim {
                Aim::Named => None,
                Aim::There => Some(only(there)),
                Aim::Peer => Some(only(peer)),
                Aim::Leader => Some(only(leader)),
                Aim::Followers => Some(all.without(leader)),
            };
            if let Some(nodes) = nodes.filter(|nodes| !nodes.is_empty()) {
                self.faults[number] = self.faults[number].aimed_at(nodes, all);
            }
            self.trace.leads_to(Source::Fault(number));
            self.queue.push(self.now_ns.saturating_add(after_ns), Event::FaultStrikes { fault: number });
        }
    }

    /// Who leads the latest term. Unlike whom operators would ask, it may be the node that is being stepped, or stand still.
    fn believed_leader(&self) -> Option<NodeId> {
        NodeId::all(self.plan.nodes)
            .filter(|node| self.hosts[*node].downed_by.is_none())
            .filter(|node| self.checkers.seen(*node).role == Role::Leader)
            .max_by_key(|node| self.checkers.seen(*node).term_and_vote.term)
    }
}
