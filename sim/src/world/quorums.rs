//! Who is the core: nodes that are a quorum of whatever one of them goes by, and one of whom the others would elect.

use super::World;
use crate::choices::Kind;
use crate::failure::Violation;
use crate::heal::Heal;
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet};
use crate::subject::Subject;

impl<S: Subject> World<S> {
    /// Draws the core and makes it well: nodes in a drawn order, until they can get on with their work, and perhaps some
    /// more.
    pub(super) fn wake_core(&mut self, heal: &Heal) -> Result<NodeSet, Box<Violation>> {
        // Who was removed may not know it, and is then no part of any core: plain Raft is at its mercy.
        let current = self.memberships_to_come(NodeSet::all(self.plan.nodes));
        let mut drawn: Vec<(bool, u64, bool, NodeId)> = self
            .members(NodeSet::all(self.plan.nodes).difference(self.atlas.gone()))
            .map(|node| {
                let mut choice = self.choices.of_node(Kind::Heal, node);
                (
                    !current.iter().any(|membership| membership.is_voter(node)),
                    choice.below(u64::MAX),
                    choice.chance_ppm(300_000),
                    node,
                )
            })
            .collect();
        drawn.sort_unstable();
        let mut core = NodeSet::default();
        for (is_no_voter, _, joins_anyway, node) in &drawn {
            let is_spare = *joins_anyway || heal.outside.is_empty();
            if !self.is_fit(core) || !is_no_voter && is_spare {
                core = core.with(*node);
                self.make_well(*node)?;
            }
        }
        // The last ones to join may go by configurations for which those before them are not enough.
        for (_, _, _, node) in drawn {
            if !core.contains(node) && !self.is_fit(core) {
                core = core.with(node);
                self.make_well(node)?;
            }
        }
        Ok(core)
    }

    fn make_well(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        // What it goes by may be other than before it went down.
        self.wake(node)?;
        self.repair(node);
        Ok(())
    }

    /// Whether `core` can get on with its work in any Raft.
    fn is_fit(&self, core: NodeSet) -> bool {
        self.is_quorum(core) && self.elects(core)
    }

    /// Whether `core` is a quorum of whatever its nodes may decide by.
    fn is_quorum(&self, core: NodeSet) -> bool {
        let current = self.memberships_that_count(core);
        !core.is_empty() && current.iter().all(|membership| membership.is_quorum(core))
    }

    /// Whether one of `core` would be elected by the others, by the rules of the paper: it has a vote, and those whose logs
    /// are no later than its own (§5.4.1) are a quorum of what it goes by.
    ///
    /// Votes of rivals are not counted on: of voters by a configuration that does not name the candidate. They do not ask it, so that it
    /// hears of their terms only when they refuse it, and where they campaign without asking first, and their clocks run faster, it
    /// may stay one term behind them for ever.
    ///
    /// A quorum of whatever they go by is not enough for that. Who has the latest log may have no vote by it, as a learner that
    /// was sent an entry which its leader then lost, since that is sent before it is durable; it refuses all who have one, and the
    /// one that could do without it may be outside the core.
    pub(super) fn elects(&self, core: NodeSet) -> bool {
        self.members(core).any(|candidate| {
            let membership = self.membership_of(candidate);
            let last = self.last_position(candidate);
            let is_rival = |voter: NodeId| {
                let own = self.membership_of(voter);
                own.is_voter(voter) && !own.is_voter(candidate)
            };
            let would_vote = self.members(core).filter(|voter| self.last_position(*voter) <= last && !is_rival(*voter));
            membership.is_voter(candidate) && membership.is_quorum(would_vote.fold(NodeSet::default(), NodeSet::with))
        })
    }

    /// The term and the index of the last entry: whose is later has the later log.
    pub(super) fn last_position(&self, node: NodeId) -> (u64, u64) {
        let log = self.checkers.log(node);
        (log.last().map_or(0, |entry| entry.term), log.len() as u64)
    }

    /// Whether `core` is a quorum of whatever its own nodes decide by, now and once they have applied what they have.
    pub(super) fn decides_alone(&self, core: NodeSet) -> bool {
        self.own_memberships(core).iter().all(|membership| membership.is_quorum(core))
    }

    /// What `nodes` decide by, now and once they have applied what they have.
    pub(super) fn own_memberships(&self, nodes: NodeSet) -> Vec<Membership> {
        let mut memberships = self.checkers.current_memberships(nodes);
        memberships.extend(self.coming_memberships(nodes));
        memberships
    }

    /// What `nodes` will go by once they have applied what is in their logs.
    fn coming_memberships(&self, nodes: NodeSet) -> impl Iterator<Item = Membership> {
        self.members(nodes).filter_map(|node| self.subjects[node].as_deref()).flat_map(S::coming_memberships)
    }

    /// The configurations by which `nodes` decide, and whatever anybody is about to go by.
    pub(super) fn memberships_that_count(&self, nodes: NodeSet) -> Vec<Membership> {
        let mut memberships = self.checkers.current_memberships(nodes);
        memberships.extend(self.coming_memberships(NodeSet::all(self.plan.nodes)));
        memberships
    }

    /// The configurations by which somebody has a vote, or is about to, as far as `nodes` have to do with it.
    pub(super) fn memberships_to_come(&self, nodes: NodeSet) -> Vec<Membership> {
        let mut memberships = self.checkers.latest_memberships(nodes);
        memberships.extend(self.coming_memberships(nodes));
        memberships
    }

    pub(super) fn membership_of(&self, node: NodeId) -> Membership {
        self.checkers.seen(node).membership.unwrap_or(Membership::of_all(self.plan.nodes))
    }
}
