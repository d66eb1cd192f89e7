//! Changes of membership, as the leader carries them out (dissertation, chapter 4).

use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, ProposalOutcome, RejectReason};
use crate::entry::{Entry, Payload};
use crate::ids::{LogIndex, NodeId, ProposalId};
use crate::leadership::{CatchUp, FollowerOfMine};
use crate::membership::{Half, MemberChange, MemberRole, Membership};
use crate::message::{Message, TimeoutNow};
use crate::progress::Progress;
use crate::raft::{Raft, Role};

impl<P: Command, R: Rng> Raft<P, R> {
    #[cold]
    pub(crate) fn change_membership(&mut self, id: ProposalId, changes: &[MemberChange], effects: &mut Vec<Effect<P>>) {
        match self.next_membership(changes) {
            Ok(next) => {
                let index = self.append_membership(next, effects);
                self.await_outcome(id, index);
            }
            Err(reason) => {
                effects.push(Effect::ProposalOutcome { id, outcome: ProposalOutcome::Rejected(reason) });
            }
        }
    }

    /// The membership after `changes`, if this leader may make them now.
    fn next_membership(&self, changes: &[MemberChange]) -> Result<Arc<Membership>, RejectReason> {
        let Role::Leader(leader) = &self.role else {
            return Err(RejectReason::NotLeader { leader: self.leader() });
        };
        // A leader that has committed nothing in its term may have an older change in its log that another leader's
        // log lacks; the two could have quorums without a server in common (the flaw found in 2015, and its remedy).
        if self.commit_index < leader.term_start {
            return Err(RejectReason::NothingCommittedYet);
        }
        let (index, membership) = self.memberships.latest();
        if membership.is_joint() || index > self.commit_index {
            return Err(RejectReason::ChangeInProgress);
        }
        let next = Arc::new(membership.changed(changes).map_err(RejectReason::Membership)?);
        let entry = Entry { term: self.term, payload: Payload::Membership(next.clone()) };
        self.refusal(&entry).map_or(Ok(next), Err)
    }

    /// A configuration is in force from the moment that it is in the log (dissertation §4.1).
    #[cold]
    fn append_membership(&mut self, membership: Arc<Membership>, effects: &mut Vec<Effect<P>>) -> LogIndex {
        let index = self.append_own(Payload::Membership(membership.clone()));
        self.memberships.push(index, membership);
        self.announce_membership(effects);
        self.align_followers();
        self.replicate(effects);
        // With fewer voters, what was waiting for one of them waits no more.
        self.advance_leader_commit(effects);
        self.vouch_for_reads(effects);
        index
    }

    /// Takes note of the memberships in the log from `first` on.
    #[cold]
    pub(crate) fn find_memberships(&mut self, first: LogIndex) {
        let entries = self.log.slice(first..=self.log.last_index());
        for (index, entry) in (first.0..).map(LogIndex).zip(entries) {
            if let Payload::Membership(membership) = &entry.payload {
                self.memberships.push(index, membership.clone());
            }
        }
    }

    #[cold]
    pub(crate) fn announce_membership(&self, effects: &mut Vec<Effect<P>>) {
        let (index, membership) = self.memberships.latest();
        effects.push(Effect::MembershipChanged { index, membership: membership.clone() });
    }

    /// Makes the leader's list of followers that of the membership in force.
    #[cold]
    pub(crate) fn align_followers(&mut self) {
        let last_index = self.log.last_index();
        let Role::Leader(leader) = &mut self.role else { return };
        let (index, membership) = self.memberships.latest();
        leader.own_role = membership.role_of(self.config.id);
        leader.is_joint = membership.is_joint();
        for follower in &mut leader.followers {
            follower.role = membership.role_of(follower.id);
            // A server that is removed goes on getting the log until it knows: then it disturbs nobody.
            follower.removed = match follower.role {
                None => follower.removed.or(Some((index, self.now))),
                Some(_) => None,
            };
        }
        for member in membership.members().iter().filter(|member| member.id != self.config.id) {
            if leader.place_of(member.id).is_none() {
                let progress = Progress::at_start_of_term(last_index, self.now);
                let role = Some(member.role);
                leader.followers.push(FollowerOfMine { id: member.id, role, progress, catch_up: None, removed: None });
            }
        }
    }

    /// More is committed: a joint configuration that is, is left; a leader that has removed itself goes.
    pub(crate) fn pursue_committed_membership(&mut self, effects: &mut Vec<Effect<P>>) {
        let (index, membership) = self.memberships.latest();
        if index > self.commit_index || self.unsaved.log.is_some() {
            return;
        }
        if membership.is_joint() {
            // Whoever leads does this, so that a joint configuration outlives no leader for long (§4.3).
            let next = Arc::new(membership.left_joint());
            self.append_membership(next, effects);
        } else if !membership.is_voter(self.config.id) {
            self.leave_office(effects);
        }
    }

    /// This leader is a voter no more, and the entry that says so is committed: its work is done (§4.2.2).
    #[cold]
    fn leave_office(&mut self, effects: &mut Vec<Effect<P>>) {
        // The others learn that it is committed, and one of them need not wait for a timeout.
        self.heartbeat(true, effects);
        let Role::Leader(leader) = &self.role else { return };
        let votes = |follower: &&FollowerOfMine| follower.role.is_some_and(|role| role.votes_in(Half::New));
        if let Some(successor) =
            leader.followers.iter().filter(votes).max_by_key(|follower| follower.progress.match_index())
        {
            let message = Message::TimeoutNow(TimeoutNow { term: self.term });
            effects.push(Effect::Send { to: successor.id, message });
        }
        self.become_follower(None, effects);
        if self.membership().role_of(self.config.id).is_none() {
            // Nobody will tell this node what becomes of the rest.
            self.proposals.give_up(effects);
        }
    }

    /// The follower at `place` has spoken of its log: perhaps it is far enough to be promoted, or to be let go.
    pub(crate) fn pursue_membership(&mut self, place: usize, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let follower = &mut leader.followers[place];
        let id = follower.id;
        let matched = follower.progress.match_index();
        if let Some((index, _)) = follower.removed {
            if matched >= index && self.commit_index >= index {
                self.dismiss_removed(effects);
            }
            return;
        }
        if follower.role != Some(MemberRole::Learner { is_promoted: true }) {
            return;
        }
        // Rounds (§4.2.1): each brings over what the leader had when it began. Once one is shorter than an election
        // timeout, the learner as a voter would not keep the cluster waiting for longer than an election does.
        let now = self.now;
        let last_index = self.log.last_index();
        let round = follower.catch_up.get_or_insert(CatchUp { target: last_index, began: now });
        if matched < round.target {
            return;
        }
        let is_caught_up = matched == last_index || now < round.began.after(self.config.shortest_election_timeout);
        *round = CatchUp { target: last_index, began: now };
        if is_caught_up
            && self.unsaved.log.is_none()
            && let Ok(next) = self.next_membership(&[MemberChange::AddVoter(id)])
        {
            self.append_membership(next, effects);
        }
    }

    /// Lets servers go that have been removed: those that know, and those that have had time enough to learn of it.
    #[cold]
    pub(crate) fn dismiss_removed(&mut self, effects: &mut Vec<Effect<P>>) {
        let commit_index = self.commit_index;
        let patience = self.config.longest_election_timeout;
        let now = self.now;
        let has_had_its_time = |follower: &FollowerOfMine| {
            follower.removed.is_some_and(|(index, since)| {
                let knows = follower.progress.match_index() >= index;
                commit_index >= index && (knows || since.after(patience).after(patience) <= now)
            })
        };
        let Role::Leader(leader) = &self.role else { return };
        let leaving: Vec<NodeId> = leader.followers.iter().filter(|f| has_had_its_time(f)).map(|f| f.id).collect();
        for id in leaving {
            // One last word: the entry that removed it is committed.
            let Role::Leader(leader) = &self.role else { return };
            if let Some(place) = leader.place_of(id) {
                self.send_heartbeat(place, effects);
            }
            let Role::Leader(leader) = &mut self.role else { return };
            leader.followers.retain(|follower| follower.id != id);
        }
    }
}
