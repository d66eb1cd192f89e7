//! The properties that must hold, one a file, each remembering the whole run.
//!
//! Each checker is fed facts and refuses those that cannot be; `Checkers`, below, turns what the world sees into facts, at
//! a cost of what changed.

mod about;
pub mod acknowledged;
pub mod applied;
pub mod commit_rule;
pub mod decided;
pub mod durability;
pub mod election_quorum;
pub mod election_safety;
mod in_force;
pub mod leader_append_only;
pub mod leader_completeness;
pub mod leases;
pub mod linearizable_reads;
pub mod log_matching;
mod marking;
pub mod membership;
pub mod monotonic;
pub mod one_vote;
pub mod progress_order;
pub mod promises;
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
use progress_order::{Acknowledgements, ProgressOrder};
use state_machine_safety::StateMachineSafety;

use crate::failure::Violation;
use crate::marks::{Mark, MarkCounts};
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet, PerNode};
use crate::subject::{Disk, LogEntry, Observation, Promise, RequestId, Role, Subject, TermAndVote};

/// Turns what the world sees into facts for the checkers.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Checkers {
    nodes: u8,
    views: PerNode<NodeView>,
    /// The configuration of those who say nothing of one.
    everyone: Membership,
    election_safety: ElectionSafety,
    one_vote: OneVote,
    log_matching: LogMatching,
    memberships: Memberships,
    leader_completeness: LeaderCompleteness,
    state_machine_safety: StateMachineSafety,
    durability: Durability,
    acknowledged: Acknowledged,
    linearizable_reads: LinearizableReads,
    applied: Applied,
    decided: Decided,
    /// The latest term that has had a leader.
    latest_led: u64,
    /// What was reached on the way.
    marks: MarkCounts,
    /// Whether the subject says what its messages promise.
    makes_promises: bool,
}

/// A node as it was last seen.
#[derive(Clone, Hash, Debug, Default)]
struct NodeView {
    seen: Observation,
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
            log_matching: LogMatching::default(),
            memberships: Memberships::new(nodes.into()),
            leader_completeness: LeaderCompleteness::default(),
            state_machine_safety: StateMachineSafety::default(),
            durability: Durability::new(nodes),
            acknowledged: Acknowledged::default(),
            linearizable_reads: LinearizableReads::default(),
            applied: Applied::default(),
            decided: Decided::default(),
            latest_led: 0,
            marks: MarkCounts::default(),
            makes_promises: false,
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

    /// The log of `node` as it was last seen: what a snapshot has taken the place of is filled in.
    pub(crate) fn log(&self, node: NodeId) -> &[LogEntry] {
        &self.views[node].log
    }

    /// A message leaves `node`, whose log has `entry` at the last index that it promises.
    #[inline(never)]
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
        promises::made(node, promise, entry, disk)?;
        match promise {
            Promise::Vote { term, candidate } => self.one_vote.given(node, term, candidate),
            Promise::Log { term, index } => {
                self.views[node].acknowledgements.made(term, index);
                Ok(())
            }
        }
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
            let acknowledged = view.acknowledgements.in_term(durable.term);
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

    /// Nothing is left of `node`'s disk, and it never starts again.
    pub(crate) fn disk_gone(&mut self, node: NodeId, disk: &impl Disk) -> Result<(), Box<Violation>> {
        self.durability.disk_changed(node, 1, disk, &self.state_machine_safety)
    }

    /// `node` starts with what `disk` holds.
    pub(crate) fn started<S: Subject>(
        &mut self,
        node: NodeId,
        subject: &mut S,
        disk: &S::Disk,
    ) -> Result<(), Box<Violation>> {
        let view = &mut self.views[node];
        view.seen = Observation::default();
        view.log.clear();
        view.progress_order = ProgressOrder::default();
        self.decided.started(node);
        let Some(found) = subject.observe() else { return Ok(()) };
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
        let is_newly_elected =
            now.role == Role::Leader && (before.role != Role::Leader || before.term_and_vote.term != term);
        if is_newly_elected {
            self.mark_election(&before, &now);
            self.latest_led = self.latest_led.max(term);
            self.check_votes::<S>(node, &now, disks[node.index()].term_and_vote().is_some())?;
        }
        self.check_log(node, &before, &now, subject)?;
        if let Some(membership) = now.membership {
            let stands = is_newly_elected || now.role == Role::Candidate;
            let is_other = before.membership != now.membership;
            if is_other {
                self.views[node].progress_order.configured(membership);
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
        Ok(shown != before)
    }

    /// `node` is about to go down, or the run is over: looks once more at all that it has decided.
    pub(crate) fn audit_decided<S: Subject>(&mut self, node: NodeId, subject: &S) -> Result<(), Box<Violation>> {
        if S::SHOWS_DECIDED { self.decided.shows(node, 1, subject.decided(1)).map(|_| ()) } else { Ok(()) }
    }

    #[cold]
    fn check_votes<S: Subject>(
        &mut self,
        node: NodeId,
        now: &Observation,
        are_durable: bool,
    ) -> Result<(), Box<Violation>> {
        let membership = now.membership.unwrap_or(self.everyone);
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
    fn check_membership<S: Subject>(
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

    /// The log that `node` shows is the one that its changes have added up to.
    pub(crate) fn audit<S: Subject>(&mut self, node: NodeId, subject: &S) -> Result<(), Box<Violation>> {
        self.audit_decided(node, subject)?;
        let NodeView { log, seen, .. } = &self.views[node];
        self.memberships.audit(node, seen.snapshot_index, |index| subject.log_membership(index))?;
        let differs = |(index, entry): &(u64, &LogEntry)| subject.log_entry(*index) != Some(**entry);
        match (1..).zip(log).skip(seen.snapshot_index as usize).find(differs) {
            None => Ok(()),
            Some((index, _)) => {
                Err(Violation::new("log_matching", format!("{node}'s entry {index} has changed without a word")))
            }
        }
    }

    #[inline(never)]
    fn check_log<S: Subject>(
        &mut self,
        node: NodeId,
        before: &Observation,
        now: &Observation,
        subject: &S,
    ) -> Result<(), Box<Violation>> {
        let replaced_to = match now.snapshot_index == before.snapshot_index {
            true => None,
            false => self.check_snapshot(node, before, now, subject)?,
        };
        // A log that is longer or shorter has changed, whatever the subject says of it.
        let resized_from = before.last_index.min(now.last_index) + 1;
        let from = match (now.log_changed_from, replaced_to) {
            (None, None) if before.last_index == now.last_index => return Ok(()),
            (None, None) => resized_from,
            (changed_from, replaced_to) => {
                let replaced_from = replaced_to.map_or(u64::MAX, |index| index + 1);
                changed_from.unwrap_or(u64::MAX).min(replaced_from).min(resized_from)
            }
        };
        let term = now.term_and_vote.term;
        let was_leading = before.role == Role::Leader && before.term_and_vote.term == term;
        if was_leading && now.role == Role::Leader {
            leader_append_only::log_changed(node, term, before.last_index, from)?;
        }
        if now.role == Role::Leader && term < self.latest_led && now.last_index > before.last_index {
            self.marks[Mark::SupersededAppends] += 1;
        }
        let view = &mut self.views[node];
        let from = from.max(now.snapshot_index + 1).clamp(1, view.log.len() as u64 + 1);
        if (from as usize) <= view.log.len() {
            if replaced_to.is_none() {
                self.marks[Mark::TailTruncated] += 1;
            }
            view.log.truncate((from - 1) as usize);
        }
        self.memberships.truncated(node, from);
        for index in from..=now.last_index {
            let Some(entry) = subject.log_entry(index) else {
                let detail = format!("{node} has a log that ends at {} and no entry at {index}", now.last_index);
                return Err(Violation::new("log_matching", detail));
            };
            let previous_term = view.log.last().map_or(0, |previous| previous.term);
            let is_new = self.log_matching.appended(node, index, entry, previous_term)?;
            self.election_safety.entry_received(node, entry.term)?;
            let place = (index, entry.term);
            if is_new {
                if let Some(membership) = subject.log_membership(index) {
                    if now.role == Role::Leader && term == entry.term {
                        let entered_joint =
                            self.memberships.joint_at(node).and_then(|index| view.log.get(index as usize - 1));
                        if !membership.is_joint() && entered_joint.is_some_and(|entry| entry.term != term) {
                            self.marks[Mark::JointTakenOver] += 1;
                        }
                        self.memberships.proposed(
                            node,
                            place,
                            membership,
                            committed_position(now, &view.log, place),
                        )?;
                    }
                    self.memberships.created(node, place, membership)?;
                }
            } else if !self.memberships.is_empty() {
                self.memberships.copied(node, place, || subject.log_membership(index))?;
            }
            view.log.push(entry);
        }
        // What the node held for committed must still be there, and still the same.
        if now.last_index < before.commit_index {
            let detail = format!("{node} drops entries that it held for committed, from {} on", now.last_index + 1);
            return Err(Violation::new("state_machine_safety", detail));
        }
        for index in from..=before.commit_index.min(view.log.len() as u64) {
            self.state_machine_safety.committed(node, index, view.log[(index - 1) as usize])?;
        }
        Ok(())
    }

    /// More of `node`'s log has given way to a snapshot. Returns how much of it was not what the snapshot has, or missing.
    #[cold]
    fn check_snapshot<S: Subject>(
        &mut self,
        node: NodeId,
        before: &Observation,
        now: &Observation,
        subject: &S,
    ) -> Result<Option<u64>, Box<Violation>> {
        let index = now.snapshot_index;
        snapshots::replaced(node, before.snapshot_index, index)?;
        let view = &mut self.views[node];
        let committed = self.state_machine_safety.log();
        // A leader may compact in the very step what it commits in it: that is judged right after this.
        let is_leading = before.role == Role::Leader || now.role == Role::Leader;
        let is_own = is_leading && (committed.len() as u64) < index && index <= view.log.len() as u64;
        snapshots::installed(node, index, subject.snapshot_term(), if is_own { &view.log } else { committed })?;
        let place = (index - 1) as usize;
        if is_own || view.log.get(place) == committed.get(place) {
            snapshots::followed(node, index, before.last_index, now.last_index)?;
            return Ok(None);
        }
        view.log.truncate(before.commit_index as usize);
        view.log.extend_from_slice(&committed[view.log.len()..=place]);
        view.is_installing = true;
        if index > view.found_snapshot {
            self.mark_installation(before, now);
        }
        self.memberships.installed(node, index);
        Ok(Some(index))
    }

    #[inline(never)]
    fn check_commit(
        &mut self,
        node: NodeId,
        before: &Observation,
        now: &Observation,
        disks: &[impl Disk],
    ) -> Result<(), Box<Violation>> {
        monotonic::commit(node, before.commit_index, now.commit_index)?;
        StateMachineSafety::indexes(node, now.applied_index, now.commit_index, now.last_index)?;
        let view = &self.views[node];
        let term = now.term_and_vote.term;
        if now.role == Role::Leader {
            let entry = view.log[(now.commit_index - 1) as usize];
            commit_rule::leader_committed(node, term, now.commit_index, entry.term)?;
            self.election_safety.entry_committed(term)?;
        }
        let mut is_news = false;
        let mut has_older = false;
        let committed = &view.log[before.commit_index as usize..now.commit_index as usize];
        let known = self.state_machine_safety.known(before.commit_index, committed) as u64;
        for index in before.commit_index + known + 1..=now.commit_index {
            let entry = view.log[(index - 1) as usize];
            if self.state_machine_safety.committed(node, index, entry)? {
                is_news = true;
                has_older |= entry.term < term;
                self.applied.committed(entry);
                self.acknowledged.committed(entry)?;
                self.leader_completeness.committed(term, index, entry, &self.log_matching)?;
                if !self.memberships.is_empty() {
                    self.memberships.committed(index, entry.term)?;
                }
            }
        }
        if is_news {
            self.mark_commit(node, before, now, has_older);
        }
        if is_news || now.role == Role::Leader {
            self.check_disks(before, now, disks)?;
        }
        Ok(())
    }

    fn check_disks(
        &mut self,
        before: &Observation,
        now: &Observation,
        disks: &[impl Disk],
    ) -> Result<(), Box<Violation>> {
        if disks.iter().all(|disk| disk.term_and_vote().is_none()) {
            return Ok(());
        }
        let latest = now.membership.unwrap_or(self.everyone);
        let under = [latest, before.membership.unwrap_or(latest)];
        self.durability.committed(now.commit_index, &under, disks, &self.state_machine_safety)
    }

    #[inline(never)]
    fn check_progress<S: Subject>(
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
            order.observed(node, term, follower, match_index, next_index)?;
            if self.makes_promises {
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

    /// A client asks for something that changes a key or does not.
    pub(crate) fn invoked<S: Subject>(&mut self, id: RequestId, digest: u64, is_write: bool) {
        if S::SHOWS_DECIDED {
            self.decided.asked(digest);
        }
        self.acknowledged.invoked(id, digest, is_write);
    }

    /// A client asks for the same again.
    pub(crate) fn asked_again(&mut self, id: RequestId, digest: u64) {
        self.acknowledged.asked_again(id, digest);
    }

    /// A client is told that its command has no effect.
    pub(crate) fn refused(&mut self, id: RequestId) -> Result<(), Box<Violation>> {
        self.acknowledged.refused(id, self.state_machine_safety.log())
    }

    /// A client's read has its answer.
    pub(crate) fn read_ended(&mut self, id: RequestId) {
        self.linearizable_reads.ended(id);
    }

    /// A client's read comes to a node.
    pub(crate) fn read_arrived(&mut self, id: RequestId) {
        let committed = self.state_machine_safety.log().len() as u64;
        self.linearizable_reads.arrived(id, committed, self.latest_led);
    }

    /// `node` tells a client that its command took effect.
    pub(crate) fn done(&mut self, node: NodeId, id: RequestId, index: Option<u64>) -> Result<(), Box<Violation>> {
        if index.is_none() {
            let seen = &self.views[node].seen;
            let leads = (seen.role == Role::Leader).then_some(seen.term_and_vote.term);
            self.linearizable_reads.served(node, id, seen.applied_index, leads)?;
        }
        let committed = self.state_machine_safety.log();
        match index {
            Some(index) => self.acknowledged.done(id, index, committed),
            None => self.acknowledged.done_somewhere(id, committed).map(|_| ()),
        }?;
        Ok(())
    }
}

/// The last entry that a leader knew to be committed when it appended to `log` at `index` in `term`.
fn committed_position(leader: &Observation, log: &[LogEntry], (index, term): (u64, u64)) -> (u64, u64) {
    let committed = leader.commit_index;
    // Where it is alone, all of it may be one step.
    if committed >= index {
        return (index - 1, term);
    }
    let entry = committed.checked_sub(1).and_then(|place| log.get(place as usize));
    (committed, entry.map_or(0, |entry| entry.term))
}
