//! What a node shows that stands for election, or leads.

use super::{Checkers, election_quorum, membership};
use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet};
use crate::subject::{Observation, Subject, TermAndVote};

impl Checkers {
    #[cold]
    pub(super) fn check_votes<S: Subject>(
        &mut self,
        node: NodeId,
        before: &Observation,
        now: &Observation,
        are_durable: bool,
    ) -> Result<(), Box<Violation>> {
        // Where a change is in force once it is applied, a lone voter may win, commit and apply one in the step that began
        // with the configuration that it won by.
        let won_by = if self.memberships.is_empty() { before.membership.or(now.membership) } else { now.membership };
        let membership = won_by.unwrap_or(self.everyone);
        let TermAndVote { term, voted_for } = now.term_and_vote;
        let is_alone = membership.is_quorum(NodeSet::default().with(node));
        if are_durable && is_alone && !S::LEADS_ONLY_BY_DURABLE_VOTES {
            self.election_safety.lone_leader(node, term)?;
        } else if are_durable {
            self.election_safety.leader(node, term, membership)?;
        } else {
            self.election_safety.sole_leader(node, term)?;
        }
        if !self.one_vote.is_told() {
            return Ok(());
        }
        let mut voters = self.one_vote.voters(self.nodes, term, node);
        // It does not send itself its own.
        if voted_for == Some(node) {
            voters = voters.with(node);
        }
        election_quorum::elected(node, term, membership, voters)
    }

    #[cold]
    pub(super) fn check_membership<S: Subject>(
        &mut self,
        node: NodeId,
        membership: Membership,
        stands: bool,
    ) -> Result<(), Box<Violation>> {
        let committed = self.views[node].seen.commit_index;
        if stands && !self.memberships.may_be_needed(node, committed) {
            membership::stands(node, membership, S::ONLY_MEMBERS_CAMPAIGN)?;
        }
        // Where no log holds a configuration, the subject keeps it elsewhere.
        if self.memberships.is_empty() { Ok(()) } else { self.memberships.shown(node, membership) }
    }

    #[inline(never)]
    pub(super) fn check_progress<S: Subject>(
        &mut self,
        node: NodeId,
        term: u64,
        membership: Option<Membership>,
        subject: &S,
    ) -> Result<(), Box<Violation>> {
        let mut followers = NodeSet::default();
        for (follower, match_index, next_index) in subject.observe_progress() {
            followers = followers.with(follower);
            let order = &mut self.views[node].progress_order;
            // Most events move what the leader knows of one follower, or of none.
            if !order.is_news(term, follower, match_index, next_index) {
                continue;
            }
            // What is left of one that has left the configuration may be anything.
            if membership.is_some_and(|membership| !membership.members().contains(follower)) {
                continue;
            }
            let (known, _) = order.last_observed(term, follower);
            order.observed(node, term, follower, match_index, next_index)?;
            // What was acknowledged stays so: only a match that has risen needs somebody's word.
            if self.makes_promises && match_index != known {
                self.views[follower].acknowledgements.back(node, term, follower, match_index)?;
            }
        }
        let view = &mut self.views[node];
        if view.followers != followers {
            view.followers = followers;
            view.progress_order.dismissed_all_but(followers);
        }
        Ok(())
    }
}
