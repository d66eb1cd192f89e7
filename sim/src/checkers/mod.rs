//! The properties that must hold, one a file, each remembering the whole run.
//!
//! Each checker is fed facts and refuses those that cannot be; `Checkers`, below, turns what the world sees into facts, at
//! a cost of what changed.

mod about;
pub mod acknowledged;
pub mod applied;
pub mod check_quorum;
pub mod commit_rule;
mod commits;
pub mod decided;
pub mod durability;
pub mod election_quorum;
pub mod election_restriction;
pub mod election_safety;
pub mod handovers;
mod in_force;
pub mod leader_append_only;
pub mod leader_completeness;
mod leaders;
pub mod leases;
pub mod linearizable_reads;
pub mod log_matching;
mod logs;
mod marking;
pub mod membership;
pub mod monotonic;
pub mod one_vote;
pub mod pre_vote;
pub mod progress_order;
pub mod promises;
pub mod read_confirmation;
mod requests;
pub mod same_state;
pub mod silence;
pub mod snapshots;
pub mod state_machine_safety;

pub use about::{ALL, About};
use acknowledged::Acknowledged;
use applied::Applied;
use decided::Decided;
use durability::Durability;
use election_safety::ElectionSafety;
use leader_completeness::LeaderCompleteness;
use linearizable_reads::LinearizableReads;
use log_matching::LogMatching;
use membership::Memberships;
use one_vote::OneVote;
use pre_vote::PreVotes;
use progress_order::{Acknowledgements, ProgressOrder};
use same_state::SameState;
use state_machine_safety::StateMachineSafety;

use crate::failure::Violation;
use crate::marks::{Mark, MarkCounts};
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet, PerNode};
use crate::subject::{Disk, LogEntry, Observation, Promise, Role, Subject, TermAndVote};

/// Turns what the world sees into facts for the checkers.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Checkers {
    nodes: u8,
    views: PerNode<NodeView>,
    /// The configuration of those who say nothing of one.
    everyone: Membership,
    election_safety: ElectionSafety,
    one_vote: OneVote,
    pre_votes: PreVotes,
    log_matching: LogMatching,
    memberships: Memberships,
    leader_completeness: LeaderCompleteness,
    state_machine_safety: StateMachineSafety,
    durability: Durability,
    acknowledged: Acknowledged,
    linearizable_reads: LinearizableReads,
    applied: Applied,
    same_state: SameState,
    decided: Decided,
    /// The latest term that has had a leader.
    latest_led: u64,
    /// What was reached on the way.
    marks: MarkCounts,
    /// Whether the subject says what its messages promise.
    makes_promises: bool,
    /// Whether it shows what it has committed. Where it does not, the history of its clients alone says what is so.
    shows_log: bool,
}

/// A node as it was last seen.
#[derive(Clone, Hash, Debug, Default)]
struct NodeView {
    seen: Observation,
    /// How often it has gone by another configuration than before.
    configurations: u64,
    log: Vec<LogEntry>,
    progress_order: ProgressOrder,
    /// Whom it follows up, as a leader.
    followers: NodeSet,
    durable: TermAndVote,
    /// How much of the log the snapshot on its disk has.
    durable_snapshot: u64,
    /// How much of the log was a snapshot when it started.
    found_snapshot: u64,
    /// A snapshot that was sent is in its log, and not on its disk yet.
    is_installing: bool,
    acknowledgements: Acknowledgements,
    /// Its disk has lost, through no fault of its own, what it acknowledged in this term.
    lost_log_in: Option<u64>,
}

impl Checkers {
    pub(crate) fn new(nodes: u8) -> Self {
        let everyone = Membership::of_all(nodes);
        Self {
            nodes,
            views: PerNode::default(),
            everyone,
            election_safety: ElectionSafety::default(),
            one_vote: OneVote::default(),
            pre_votes: PreVotes::default(),
            log_matching: LogMatching::default(),
            memberships: Memberships::new(nodes.into()),
            leader_completeness: LeaderCompleteness::default(),
            state_machine_safety: StateMachineSafety::default(),
            durability: Durability::new(nodes),
            acknowledged: Acknowledged::default(),
            linearizable_reads: LinearizableReads::default(),
            applied: Applied::default(),
            same_state: SameState::default(),
            decided: Decided::default(),
            latest_led: 0,
            marks: MarkCounts::default(),
            makes_promises: false,
            shows_log: false,
        }
    }

    /// A state worth reaching was reached once more.
    pub(crate) fn mark(&mut self, mark: Mark) {
        self.marks[mark] += 1;
    }

    pub(crate) fn marks(&self) -> &MarkCounts {
        &self.marks
    }

    pub(crate) fn elections(&self) -> u64 {
        self.election_safety.elections()
    }

    pub(crate) fn commands(&self) -> u64 {
        self.state_machine_safety.commands()
    }

    /// The node as it was last seen.
    pub(crate) fn seen(&self, node: NodeId) -> &Observation {
        &self.views[node].seen
    }

    /// The number of the configuration that it goes by, of all that it has gone by.
    pub(crate) fn configuration_of(&self, node: NodeId) -> u64 {
        self.views[node].configurations
    }

    /// The log of `node` as it was last seen: what a snapshot has taken the place of is filled in.
    pub(crate) fn log(&self, node: NodeId) -> &[LogEntry] {
        &self.views[node].log
    }

    /// A message leaves `node`, whose log has `entry` at the last index that it promises.
    // Where the kind of promise is known, most of it is not there.
    #[inline(always)]
    pub(crate) fn promised(
        &mut self,
        node: NodeId,
        promise: Promise,
        entry: Option<LogEntry>,
        disk: &impl Disk,
    ) -> Result<(), Box<Violation>> {
        self.makes_promises = true;
        // What memory has compacted the disk may still hold as an entry.
        let compacted = || match promise {
            Promise::Log { index: index @ 1.., .. } => {
                self.state_machine_safety.log().get((index - 1) as usize).copied()
            }
            _ => None,
        };
        let entry = entry.or_else(compacted);
        promises::made(node, promise, entry, self.views[node].seen.term_and_vote.term, disk)?;
        match promise {
            Promise::Vote { term, candidate } => {
                // A disk that is in a later term already, by a write that took in both, lets it vote for nobody else in this one.
                if disk.term_and_vote().is_some_and(|durable| durable.term > term) {
                    self.election_safety.vote_durable(node, term, candidate);
                }
                self.one_vote.given(node, term, candidate)
            }
            Promise::Log { term, index } => {
                self.views[node].acknowledgements.made(term, index);
                Ok(())
            }
        }
    }

    /// `voter` tells `candidate` that it would vote for it in `term`.
    pub(crate) fn would_vote(&mut self, voter: NodeId, candidate: NodeId, term: u64) {
        self.pre_votes.would_vote(voter, candidate, term);
    }

    /// `node`, which leads `term`, asks `to` to campaign at once.
    #[cold]
    pub(crate) fn hands_over(&mut self, node: NodeId, term: u64, to: NodeId) -> Result<(), Box<Violation>> {
        self.pre_votes.handed_over(to, term);
        let Observation { membership, last_index, .. } = self.views[node].seen;
        // One that was removed goes, and can wait for nobody.
        let membership = membership.unwrap_or(self.everyone);
        if !membership.is_voter(node) {
            return Ok(());
        }
        handovers::to_voter(node, to, membership)?;
        handovers::asked(node, to, last_index, self.views[to].acknowledgements.in_term(term))
    }

    /// `node`'s disk has changed, its log from `log_from` on.
    #[inline(never)]
    pub(crate) fn disk_changed(
        &mut self,
        node: NodeId,
        disk: &impl Disk,
        log_from: Option<u64>,
    ) -> Result<(), Box<Violation>> {
        let Some(durable) = disk.term_and_vote() else { return Ok(()) };
        let view = &mut self.views[node];
        if view.durable != durable {
            monotonic::term_on_disk(node, view.durable.term, durable.term)?;
            self.one_vote.remembered(node, view.durable, durable)?;
            view.durable = durable;
            if let Some(candidate) = durable.voted_for {
                self.election_safety.vote_durable(node, durable.term, candidate);
            }
        }
        let snapshot = disk.snapshot_index();
        let log_from = if snapshot == view.durable_snapshot {
            log_from
        } else {
            let is_excused = view.lost_log_in == Some(durable.term);
            let acknowledged = if is_excused { 0 } else { view.acknowledgements.in_term(durable.term) };
            snapshots::on_disk(node, view.durable_snapshot, snapshot, disk.last_index(), acknowledged)?;
            view.durable_snapshot = snapshot;
            // A snapshot that was sent may have taken all that followed with it.
            Some(log_from.unwrap_or(u64::MAX).min(snapshot + 1))
        };
        match log_from {
            Some(first) => self.durability.disk_changed(node, first, disk, &self.state_machine_safety),
            None => Ok(()),
        }
    }

    /// `node`'s disk has lost its log after `kept`, which it had said to be durable.
    pub(crate) fn log_lost(&mut self, node: NodeId, disk: &impl Disk, kept: u64) -> Result<(), Box<Violation>> {
        let view = &mut self.views[node];
        view.lost_log_in = Some(view.durable.term);
        self.disk_changed(node, disk, Some(kept + 1))
    }

    /// Nothing is left of `node`'s disk, and it never starts again.
    pub(crate) fn disk_gone(&mut self, node: NodeId, disk: &impl Disk) -> Result<(), Box<Violation>> {
        let in_force = self.current_memberships(NodeSet::all(self.nodes));
        self.durability.disk_gone(node, disk, &in_force, &self.state_machine_safety)
    }

    /// `node` starts with what `disk` holds.
    pub(crate) fn started<S: Subject>(
        &mut self,
        node: NodeId,
        subject: &mut S,
        disk: &S::Disk,
        asks_first: bool,
    ) -> Result<(), Box<Violation>> {
        self.pre_votes.started(node, asks_first);
        let view = &mut self.views[node];
        let led_in_memory = self.election_safety.started(node);
        if !led_in_memory.is_empty() {
            let log = view.log.iter().enumerate().rev();
            for (place, entry) in log.take_while(|(_, entry)| led_in_memory.contains(&entry.term)) {
                self.log_matching.forget(place as u64 + 1, entry.term);
            }
        }
        view.seen = Observation::default();
        view.log.clear();
        view.progress_order = ProgressOrder::default();
        self.decided.started(node);
        self.shows_log |= S::SHOWS_DECIDED;
        let Some(found) = subject.observe() else { return Ok(()) };
        self.shows_log = true;
        view.found_snapshot = found.snapshot_index;
        self.memberships.started(node, found.membership);
        snapshots::restarted(node, disk.snapshot_index(), found.snapshot_index)?;
        if let Some(durable) = disk.term_and_vote() {
            monotonic::term_after_restart(node, durable.term, found.term_and_vote.term)?;
            self.one_vote.restarted(node, durable, found.term_and_vote)?;
        }
        Ok(())
    }

    /// `node` has been stepped. Returns whether it changed visibly.
    #[inline(always)]
    pub(crate) fn stepped<S: Subject>(
        &mut self,
        node: NodeId,
        subject: &mut S,
        disks: &[S::Disk],
    ) -> Result<bool, Box<Violation>> {
        if S::SHOWS_DECIDED {
            return self.check_decided(node, subject);
        }
        let Some(now) = subject.observe() else { return Ok(false) };
        if now.role == Role::Leader {
            self.check_progress(node, now.term_and_vote.term, now.membership, &*subject)?;
        }
        if now == self.views[node].seen {
            return Ok(false);
        }
        self.changed(node, now, subject, disks).map(|()| true)
    }

    /// `node` shows something else than before.
    // Apart from the look that finds nothing new, which then need not write down what it sees.
    #[inline(never)]
    fn changed<S: Subject>(
        &mut self,
        node: NodeId,
        now: Observation,
        subject: &S,
        disks: &[S::Disk],
    ) -> Result<(), Box<Violation>> {
        let view = &mut self.views[node];
        let before = view.seen;
        view.seen = Observation { log_changed_from: None, ..now };
        if now.term_and_vote != before.term_and_vote {
            monotonic::term(node, before.term_and_vote.term, now.term_and_vote.term)?;
            self.one_vote.remembered(node, before.term_and_vote, now.term_and_vote)?;
        }
        let term = now.term_and_vote.term;
        if before.role == Role::Leader && before.term_and_vote.term != term {
            self.mark_deposition(&before);
        }
        if now.role == Role::Candidate && (before.role != Role::Candidate || before.term_and_vote.term != term) {
            self.pre_votes.campaigns(node, term, now.membership.unwrap_or(self.everyone))?;
        }
        let is_newly_elected =
            now.role == Role::Leader && (before.role != Role::Leader || before.term_and_vote.term != term);
        if is_newly_elected {
            self.mark_election(&before, &now);
            self.latest_led = self.latest_led.max(term);
            self.check_votes::<S>(node, &before, &now, disks[node.index()].term_and_vote().is_some())?;
        }
        self.check_log(node, &before, &now, subject)?;
        if let Some(membership) = now.membership {
            let stands = is_newly_elected || matches!(now.role, Role::PreCandidate | Role::Candidate);
            let is_other = before.membership != now.membership;
            if is_other {
                let view = &mut self.views[node];
                view.configurations += 1;
                view.progress_order.configured(membership);
                self.memberships.shows_another();
            }
            if stands || is_other || self.memberships.is_unchecked(node) {
                self.check_membership::<S>(node, membership, stands)?;
            }
        }
        if is_newly_elected {
            let log = &self.views[node].log;
            self.leader_completeness.elected(node, term, log, self.state_machine_safety.log())?;
        }
        if now.commit_index != before.commit_index {
            self.check_commit(node, &before, &now, disks)?;
        }
        if now.role == Role::Leader && (now.commit_index != before.commit_index || is_newly_elected) {
            self.memberships.leads(node, now.commit_index)?;
        }
        StateMachineSafety::indexes(node, now.applied_index, now.commit_index, now.last_index)?;
        if now.applied_index != before.applied_index
            || now.applied != before.applied
            || now.snapshot_index != before.snapshot_index
        {
            monotonic::applied(node, before.applied_index, now.applied_index)?;
            // A snapshot that was sent goes to the state machine when it is durable, and to the log at once.
            let view = &mut self.views[node];
            view.is_installing &= disks[node.index()].snapshot_index() < now.snapshot_index;
            if !view.is_installing {
                snapshots::applied(node, now.snapshot_index, now.applied_index)?;
            }
            if let Some(digest) = now.applied {
                self.applied.given(node, now.applied_index, digest)?;
            }
            self.check_state(node, now.applied_index, subject)?;
        }
        if S::APPLIES_ONLY_DURABLE {
            applied::durable(node, now.applied_index, disks[node.index()].last_index())?;
        }
        Ok(())
    }

    /// `node` shows what it has decided: from the last that it has shown, so that what is gone is noticed at once.
    #[cold]
    fn check_decided<S: Subject>(&mut self, node: NodeId, subject: &S) -> Result<bool, Box<Violation>> {
        let before = self.decided.shown(node);
        let from = before.max(1);
        for &(digest, _) in self.decided.shows(node, from, subject.decided(from))? {
            let entry = LogEntry { term: 0, digest };
            let index = self.state_machine_safety.log().len() as u64 + 1;
            self.state_machine_safety.committed(node, index, entry)?;
            self.acknowledged.committed(entry)?;
        }
        let shown = self.decided.shown(node);
        let seen = &mut self.views[node].seen;
        (seen.commit_index, seen.applied_index) = (shown, shown);
        if shown != before {
            self.check_state(node, shown, subject)?;
        }
        Ok(shown != before)
    }

    /// `node` has applied up to `index`, and not been asked there before.
    fn check_state<S: Subject>(&mut self, node: NodeId, index: u64, subject: &S) -> Result<(), Box<Violation>> {
        match subject.state_digest() {
            Some(digest) => self.same_state.shown(node, index, digest),
            None => Ok(()),
        }
    }

    /// `node` is about to go down, or the run is over: looks once more at all that it has decided.
    pub(crate) fn audit_decided<S: Subject>(&mut self, node: NodeId, subject: &S) -> Result<(), Box<Violation>> {
        if S::SHOWS_DECIDED { self.decided.shows(node, 1, subject.decided(1)).map(|_| ()) } else { Ok(()) }
    }
}
