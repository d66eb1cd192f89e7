//! The properties that must hold, one a file, each remembering the whole run.
//!
//! Each checker is fed facts and refuses those that cannot be; `Checkers`, below, turns what the world sees into facts, at
//! a cost of what changed.

pub mod acknowledged;
pub mod applied;
pub mod commit_rule;
pub mod durability;
pub mod election_safety;
pub mod leader_append_only;
pub mod leader_completeness;
pub mod log_matching;
pub mod monotonic;
pub mod one_vote;
pub mod progress_order;
pub mod promises;
pub mod state_machine_safety;

use acknowledged::Acknowledged;
use applied::Applied;
use durability::Durability;
use election_safety::ElectionSafety;
use leader_completeness::LeaderCompleteness;
use log_matching::LogMatching;
use one_vote::OneVote;
use progress_order::{Acknowledgements, ProgressOrder};
use state_machine_safety::StateMachineSafety;

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{Disk, LogEntry, Observation, Promise, RequestId, Role, Subject, TermAndVote};

/// A checker's name and the property it holds a run to.
#[derive(Clone, Copy, Debug)]
pub struct About {
    /// The name in reports.
    pub name: &'static str,
    /// The property, in a sentence.
    pub property: &'static str,
}

/// All checkers, for those who want to know.
pub const ALL: &[About] = &[
    About { name: "election_safety", property: "a term has at most one leader, with durable votes of a majority" },
    About { name: "one_vote", property: "a server votes for one candidate a term, and remembers it" },
    About { name: "leader_append_only", property: "a leader only appends to its log" },
    About { name: "log_matching", property: "logs that share an entry are identical up to it" },
    About { name: "leader_completeness", property: "a leader has everything committed in earlier terms" },
    About {
        name: "state_machine_safety",
        property: "no two servers hold different entries for committed at one index",
    },
    About { name: "commit_rule", property: "a leader counts replicas only for entries of its own term" },
    About {
        name: "progress_order",
        property: "a follower's match index is what it acknowledged, never falls, and lies below its next index",
    },
    About { name: "applied", property: "a state machine is given the committed log, each entry once, in order" },
    About { name: "monotonic_term", property: "a term never falls, not even across a crash" },
    About { name: "monotonic_commit", property: "a commit index never falls within an incarnation" },
    About { name: "promises", property: "votes and acknowledgements leave only once they are durable" },
    About { name: "durability", property: "what is committed stays on the disks of a majority" },
    About { name: "acknowledged", property: "what a client was told is so: committed in real-time order, or never" },
    About { name: "runaway", property: "timers move on, and messages do not multiply without end" },
    About { name: "liveness", property: "a healed core leads, commits and answers, and then stays as it is" },
    About { name: "honest_peers", property: "no server refuses what another sends" },
];

/// Turns what the world sees into facts for the checkers.
#[derive(Clone, Debug)]
pub(crate) struct Checkers {
    nodes: Vec<NodeView>,
    quorum: usize,
    election_safety: ElectionSafety,
    one_vote: OneVote,
    log_matching: LogMatching,
    leader_completeness: LeaderCompleteness,
    state_machine_safety: StateMachineSafety,
    durability: Durability,
    acknowledged: Acknowledged,
    applied: Applied,
    /// Whether the subject says what its messages promise.
    makes_promises: bool,
}

/// A node as it was last seen.
#[derive(Clone, Debug, Default)]
struct NodeView {
    seen: Observation,
    log: Vec<LogEntry>,
    progress_order: ProgressOrder,
    durable: TermAndVote,
    acknowledgements: Acknowledgements,
}

impl Checkers {
    pub(crate) fn new(nodes: u8) -> Self {
        let nodes = usize::from(nodes);
        Self {
            nodes: vec![NodeView::default(); nodes],
            quorum: nodes / 2 + 1,
            election_safety: ElectionSafety::default(),
            one_vote: OneVote::default(),
            log_matching: LogMatching::default(),
            leader_completeness: LeaderCompleteness::default(),
            state_machine_safety: StateMachineSafety::default(),
            durability: Durability::new(nodes),
            acknowledged: Acknowledged::default(),
            applied: Applied::default(),
            makes_promises: false,
        }
    }

    pub(crate) fn elections(&self) -> u64 {
        self.election_safety.elections()
    }

    pub(crate) fn commands(&self) -> u64 {
        self.state_machine_safety.commands()
    }

    /// The node as it was last seen.
    pub(crate) fn seen(&self, node: NodeId) -> &Observation {
        &self.nodes[node.index()].seen
    }

    /// A message leaves `node`, whose log has `entry` at the last index that it promises.
    pub(crate) fn promised(
        &mut self,
        node: NodeId,
        promise: Promise,
        entry: Option<LogEntry>,
        disk: &impl Disk,
    ) -> Result<(), Box<Violation>> {
        self.makes_promises = true;
        promises::made(node, promise, entry, disk)?;
        match promise {
            Promise::Vote { term, candidate } => self.one_vote.given(node, term, candidate),
            Promise::Log { term, index } => {
                self.nodes[node.index()].acknowledgements.made(term, index);
                Ok(())
            }
        }
    }

    /// `node`'s disk has changed, its log from `log_from` on.
    pub(crate) fn disk_changed(
        &mut self,
        node: NodeId,
        disk: &impl Disk,
        log_from: Option<u64>,
    ) -> Result<(), Box<Violation>> {
        let Some(durable) = disk.term_and_vote() else { return Ok(()) };
        let known = &mut self.nodes[node.index()].durable;
        if *known != durable {
            monotonic::term_on_disk(node, known.term, durable.term)?;
            self.one_vote.remembered(node, *known, durable)?;
            *known = durable;
            if let Some(candidate) = durable.voted_for {
                self.election_safety.vote_durable(node, durable.term, candidate);
            }
        }
        match log_from {
            Some(first) => self.durability.disk_changed(node, first, disk, &self.state_machine_safety),
            None => Ok(()),
        }
    }

    /// `node` starts with what `disk` holds.
    pub(crate) fn started<S: Subject>(
        &mut self,
        node: NodeId,
        subject: &mut S,
        disk: &S::Disk,
    ) -> Result<(), Box<Violation>> {
        let view = &mut self.nodes[node.index()];
        view.seen = Observation::default();
        view.log.clear();
        view.progress_order = ProgressOrder::default();
        let Some(found) = subject.observe() else { return Ok(()) };
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
        let Some(now) = subject.observe() else { return Ok(false) };
        if now.role == Role::Leader {
            self.check_progress(node, now.term_and_vote.term, &*subject)?;
        }
        let view = &mut self.nodes[node.index()];
        let before = view.seen;
        if now == before {
            return Ok(false);
        }
        view.seen = Observation { log_changed_from: None, ..now };
        if now.term_and_vote != before.term_and_vote {
            monotonic::term(node, before.term_and_vote.term, now.term_and_vote.term)?;
            self.one_vote.remembered(node, before.term_and_vote, now.term_and_vote)?;
        }
        let term = now.term_and_vote.term;
        let is_newly_elected =
            now.role == Role::Leader && (before.role != Role::Leader || before.term_and_vote.term != term);
        if is_newly_elected {
            self.election_safety.leader(node, term, self.quorum)?;
        }
        self.check_log(node, &before, &now, subject)?;
        if is_newly_elected {
            let log = &self.nodes[node.index()].log;
            self.leader_completeness.elected(node, term, log, self.state_machine_safety.log())?;
        }
        if now.commit_index != before.commit_index {
            self.check_commit(node, &before, &now, disks)?;
        }
        StateMachineSafety::indexes(node, now.applied_index, now.commit_index, now.last_index)?;
        if S::APPLIES_ONLY_DURABLE {
            applied::durable(node, now.applied_index, disks[node.index()].last_index())?;
        }
        if let Some(digest) = now.applied
            && (now.applied, now.applied_index) != (before.applied, before.applied_index)
        {
            self.applied.given(node, now.applied_index, digest)?;
        }
        Ok(true)
    }

    /// The log that `node` shows is the one that its changes have added up to.
    pub(crate) fn audit<S: Subject>(&self, node: NodeId, subject: &S) -> Result<(), Box<Violation>> {
        let log = &self.nodes[node.index()].log;
        let differs = |(index, entry): &(u64, &LogEntry)| subject.log_entry(*index) != Some(**entry);
        match (1..).zip(log).find(differs) {
            None => Ok(()),
            Some((index, _)) => {
                Err(Violation::new("log_matching", format!("{node}'s entry {index} has changed without a word")))
            }
        }
    }

    fn check_log<S: Subject>(
        &mut self,
        node: NodeId,
        before: &Observation,
        now: &Observation,
        subject: &S,
    ) -> Result<(), Box<Violation>> {
        // A log that is longer or shorter has changed, whatever the subject says of it.
        let resized_from = before.last_index.min(now.last_index) + 1;
        let from = match now.log_changed_from {
            Some(from) => from.min(resized_from),
            None if before.last_index == now.last_index => return Ok(()),
            None => resized_from,
        };
        let was_leading = before.role == Role::Leader && before.term_and_vote.term == now.term_and_vote.term;
        if was_leading && now.role == Role::Leader {
            leader_append_only::log_changed(node, now.term_and_vote.term, before.last_index, from)?;
        }
        let view = &mut self.nodes[node.index()];
        let from = from.clamp(1, view.log.len() as u64 + 1);
        view.log.truncate((from - 1) as usize);
        for index in from..=now.last_index {
            let Some(entry) = subject.log_entry(index) else {
                let detail = format!("{node} has a log that ends at {} and no entry at {index}", now.last_index);
                return Err(Violation::new("log_matching", detail));
            };
            let previous_term = view.log.last().map_or(0, |previous| previous.term);
            self.log_matching.appended(node, index, entry, previous_term)?;
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

    fn check_commit(
        &mut self,
        node: NodeId,
        before: &Observation,
        now: &Observation,
        disks: &[impl Disk],
    ) -> Result<(), Box<Violation>> {
        monotonic::commit(node, before.commit_index, now.commit_index)?;
        StateMachineSafety::indexes(node, now.applied_index, now.commit_index, now.last_index)?;
        let view = &self.nodes[node.index()];
        let term = now.term_and_vote.term;
        if now.role == Role::Leader {
            let entry = view.log[(now.commit_index - 1) as usize];
            commit_rule::leader_committed(node, term, now.commit_index, entry.term)?;
        }
        let mut is_news = false;
        for index in before.commit_index + 1..=now.commit_index {
            let entry = view.log[(index - 1) as usize];
            if self.state_machine_safety.committed(node, index, entry)? {
                is_news = true;
                self.applied.committed(entry);
                self.acknowledged.committed(entry)?;
                self.leader_completeness.committed(term, index, entry, &self.log_matching)?;
            }
        }
        if is_news {
            self.durability.committed(disks, &self.state_machine_safety)?;
        }
        Ok(())
    }

    fn check_progress<S: Subject>(&mut self, node: NodeId, term: u64, subject: &S) -> Result<(), Box<Violation>> {
        for (follower, match_index, next_index) in subject.observe_progress() {
            let order = &mut self.nodes[node.index()].progress_order;
            // Most events move what the leader knows of one follower, or of none.
            if !order.is_news(term, follower, match_index, next_index) {
                continue;
            }
            order.observed(node, term, follower, match_index, next_index)?;
            if self.makes_promises {
                self.nodes[follower.index()].acknowledgements.back(node, term, follower, match_index)?;
            }
        }
        Ok(())
    }

    pub(crate) fn invoked(&mut self, id: RequestId, digest: u64) {
        self.acknowledged.invoked(id, digest);
    }

    /// A client is told that its command has no effect.
    pub(crate) fn refused(&mut self, id: RequestId) -> Result<(), Box<Violation>> {
        self.acknowledged.refused(id, self.state_machine_safety.log())
    }

    /// A client is told that its command took effect.
    pub(crate) fn done(&mut self, id: RequestId, index: Option<u64>) -> Result<(), Box<Violation>> {
        match index {
            Some(index) => self.acknowledged.done(id, index, self.state_machine_safety.log()),
            None => {
                self.acknowledged.done_somewhere(id);
                Ok(())
            }
        }
    }
}
