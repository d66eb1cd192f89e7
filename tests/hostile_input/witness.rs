//! A server, its disk, and what must hold of both after every step.

use std::collections::{BTreeSet, VecDeque};

use raft_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Config, Effect, Entry, Input, LogIndex, LogPosition, Message,
    NodeId, Payload, Persist, Progress, ProposalId, Raft, RequestVoteReply, Restored, RoleName, Term, TermAndVote,
    Time,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::disk::Disk;
use crate::inputs::Stimulus;

const ME: NodeId = NodeId(1);

pub(crate) struct Witness {
    raft: Raft<u64>,
    now: Time,
    disk: Disk<u64>,
    unwritten: VecDeque<Persist<u64>>,
    last_sequence: u64,
    proposed: u64,
    ended: BTreeSet<ProposalId>,
    /// What has been handed out to be applied, from index 1.
    applied: Vec<Entry<u64>>,
    /// The most that was acknowledged in the present term.
    acknowledged: (Term, Vec<Entry<u64>>),
    announced: (Term, RoleName, Option<NodeId>),
    is_stopped: bool,
}

/// What may only grow, or must stay, from one step to the next.
struct Before {
    term: Term,
    voted_for: Option<NodeId>,
    commit: LogIndex,
    applied: LogIndex,
    committed: Vec<Entry<u64>>,
    next_indexes: Vec<(NodeId, LogIndex)>,
}

impl Witness {
    pub(crate) fn of(voters: u64, log: &[u64]) -> Self {
        let entry = |&term| Entry { term: Term(term), payload: Payload::Noop };
        let term = Term(log.last().copied().unwrap_or(0));
        let restored =
            Restored { term_and_vote: TermAndVote { term, voted_for: None }, entries: log.iter().map(entry).collect() };
        let mut config = Config::new(ME, (1..=voters).map(NodeId).collect());
        config.max_entries_per_append = 2;
        config.max_entries_in_flight = 3;
        let disk = Disk::holding(&restored);
        let raft = Raft::new(config, restored, Time(0), ChaCha8Rng::seed_from_u64(7)).expect("a valid configuration");
        Self {
            announced: (term, RoleName::Follower, None),
            raft,
            now: Time(0),
            disk,
            unwritten: VecDeque::new(),
            last_sequence: 0,
            proposed: 0,
            ended: BTreeSet::new(),
            applied: Vec::new(),
            acknowledged: (Term(0), Vec::new()),
            is_stopped: false,
        }
    }

    pub(crate) fn step(&mut self, stimulus: Stimulus) {
        let Some(input) = self.input(stimulus) else { return };
        let before = Before {
            term: self.raft.term(),
            voted_for: self.raft.voted_for(),
            commit: self.raft.commit_index(),
            applied: self.raft.last_applied(),
            committed: self.raft.log().slice(LogIndex(1)..=self.raft.commit_index()).to_vec(),
            next_indexes: self.raft.progress().map(|(id, progress)| (id, progress.next_index())).collect(),
        };
        let impossible = impossible(&input);
        let refused_by = refusal(&input);
        let portrait = format!("{:?}", self.raft);
        if let Input::Persisted { sequence } = &input {
            self.complete_writes_up_to(sequence.0);
        }
        let mut effects = Vec::new();
        match self.raft.step(self.now, input, &mut effects) {
            Ok(()) => {
                assert!(!self.is_stopped, "a stopped server takes no input");
                assert_eq!(impossible, None, "no server can have sent this");
                self.check_order(&before);
                self.check_acknowledged();
                if let Some(follower) = refused_by {
                    self.check_answer_to_refusal(follower, &before, &effects);
                }
                for effect in effects {
                    self.execute(effect);
                }
                self.check_announced_role();
            }
            Err(error) => {
                assert_eq!(effects, [], "{error}: a refused input has no effects");
                assert_eq!(format!("{:?}", self.raft), portrait, "{error}: a refused input changes nothing");
            }
        }
    }

    fn input(&mut self, stimulus: Stimulus) -> Option<Input<u64>> {
        let term = self.raft.term();
        let receive = |from, message| Some(Input::Receive { from: NodeId(from), message });
        match stimulus {
            Stimulus::Receive { from, message } => receive(from, message),
            Stimulus::FittingAppend { from, back, later, terms, commit } => {
                let index = LogIndex(self.raft.log().last_index().0.saturating_sub(back));
                let prev = LogPosition { index, term: self.raft.log().term_at(index)? };
                let term = Term(term.0 + later);
                // Terms that do not fall, from the predecessor's to the leader's.
                let mut last = prev.term;
                let entries = terms.into_iter().map(|step| {
                    last = term.min(Term(last.0 + step));
                    Entry { term: last, payload: Payload::Command(last.0) }
                });
                let entries = entries.collect();
                let append = AppendEntries { term, attempt: 0, prev, entries, leader_commit: LogIndex(commit) };
                receive(from, Message::AppendEntries(append))
            }
            Stimulus::FittingVote { from, granted } => {
                receive(from, Message::RequestVoteReply(RequestVoteReply { term, granted }))
            }
            Stimulus::FittingAcknowledgement { from, match_index } => {
                let outcome = AppendOutcome::Accepted { match_index: LogIndex(match_index) };
                receive(from, Message::AppendEntriesReply(AppendEntriesReply { term, outcome }))
            }
            Stimulus::FittingRefusal { from, back, hint } => {
                let log = self.raft.log();
                let prev_index = LogIndex(log.last_index().0.saturating_sub(back));
                let hint = LogPosition { index: LogIndex(hint), term: log.term_at(LogIndex(hint)).unwrap_or(term) };
                let sent =
                    self.raft.progress().find(|(id, _)| *id == NodeId(from)).map(|(_, progress)| progress.attempt());
                let outcome = AppendOutcome::Conflict { attempt: sent.unwrap_or(0), prev_index, hint };
                receive(from, Message::AppendEntriesReply(AppendEntriesReply { term, outcome }))
            }
            Stimulus::Propose => {
                self.proposed += 1;
                Some(Input::Propose { id: ProposalId(self.proposed), command: self.proposed })
            }
            Stimulus::PersistOldest => {
                let sequence = self.unwritten.front()?.sequence;
                Some(Input::Persisted { sequence })
            }
            Stimulus::PersistAll => {
                let sequence = self.unwritten.back()?.sequence;
                Some(Input::Persisted { sequence })
            }
            Stimulus::Persisted { sequence } => Some(Input::Persisted { sequence: raft_core::Sequence(sequence) }),
            Stimulus::Deadline => {
                self.now = self.raft.next_deadline()?;
                Some(Input::DeadlineReached)
            }
            Stimulus::DeadlineReached => Some(Input::DeadlineReached),
            Stimulus::Clock { now } => {
                self.now = Time(now);
                None
            }
        }
    }

    fn complete_writes_up_to(&mut self, sequence: u64) {
        if sequence > self.last_sequence {
            return;
        }
        while self.unwritten.front().is_some_and(|write| write.sequence.0 <= sequence) {
            let write = self.unwritten.pop_front().expect("there is a first one");
            self.disk.write(&write);
        }
    }

    /// The order of the indexes, and what never goes backwards.
    fn check_order(&self, before: &Before) {
        let raft = &self.raft;
        assert!(raft.last_applied() <= raft.commit_index());
        assert!(raft.last_applied() <= raft.durable_index());
        assert!(raft.commit_index() <= raft.log().last_index());
        assert!(raft.durable_index() <= raft.log().last_index());
        assert!(before.term <= raft.term(), "the term fell");
        assert!(before.commit <= raft.commit_index(), "the commit index fell");
        assert!(before.applied <= raft.last_applied(), "the applied index fell");
        if before.term == raft.term() && before.voted_for.is_some() {
            assert_eq!(before.voted_for, raft.voted_for(), "a second vote in one term");
        }
        assert_eq!(raft.log().slice(LogIndex(1)..=before.commit), before.committed, "a committed entry changed");
        let terms = raft.log().slice(LogIndex(1)..=raft.log().last_index());
        assert!(terms.is_sorted_by_key(|entry| entry.term), "terms fall along the log");
        for (_, progress) in raft.progress() {
            assert!(progress.match_index() < progress.next_index());
            assert!(progress.next_index() <= raft.log().last_index().next());
        }
    }

    /// What was acknowledged in a term stays for the rest of it, whatever its leader says (Figure 3, Leader Append-Only).
    fn check_acknowledged(&self) {
        let (term, entries) = &self.acknowledged;
        if *term == self.raft.term() {
            let kept = self.raft.log().slice(LogIndex(1)..=LogIndex(entries.len() as u64));
            assert_eq!(kept, *entries, "an entry acknowledged in this term changed");
        }
    }

    /// A refusal is answered only where that leads somewhere, or two servers would go on for ever.
    fn check_answer_to_refusal(&self, follower: NodeId, before: &Before, effects: &[Effect<u64>]) {
        let is_append =
            |effect: &Effect<u64>| matches!(effect, Effect::Send { message: Message::AppendEntries(_), .. });
        let next = |(id, progress): (NodeId, &Progress)| (id == follower).then_some(progress.next_index());
        if effects.iter().any(is_append) {
            let known = before.next_indexes.iter().find(|(id, _)| *id == follower).map(|(_, index)| *index);
            assert!(self.raft.progress().find_map(next) < known, "a refusal is answered without progress");
        }
    }

    fn execute(&mut self, effect: Effect<u64>) {
        assert!(!self.is_stopped, "nothing comes behind a fatal effect");
        match effect {
            Effect::Persist(write) => {
                self.last_sequence += 1;
                assert_eq!(write.sequence.0, self.last_sequence);
                self.unwritten.push_back(write);
            }
            Effect::Send { to, message } => {
                assert_ne!(to, ME);
                assert_eq!(message.term(), self.raft.term());
                self.check_promise(to, &message);
            }
            Effect::Apply { first, last } => {
                assert_eq!(first.0, self.applied.len() as u64 + 1, "entries are applied in order, and once");
                let entries = self.raft.log().slice(first..=last);
                assert_eq!(entries, self.on_disk(first, last), "an entry is applied that a crash can take back");
                self.applied.extend_from_slice(entries);
            }
            Effect::ProposalOutcome { id, .. } => {
                assert!(id.0 <= self.proposed);
                assert!(self.ended.insert(id), "{id:?} has a second outcome");
            }
            Effect::RoleChanged { term, role, leader } => self.announced = (term, role, leader),
            Effect::Fatal(_) => self.is_stopped = true,
        }
    }

    fn on_disk(&self, first: LogIndex, last: LogIndex) -> &[Entry<u64>] {
        let place = |index: u64| (index as usize).min(self.disk.entries.len());
        &self.disk.entries[place(first.0.saturating_sub(1))..place(last.0)]
    }

    /// What a message promises is on the disk (Figure 2).
    fn check_promise(&mut self, to: NodeId, message: &Message<u64>) {
        let stored = self.disk.term_and_vote;
        match message {
            Message::RequestVote(request) => {
                assert_eq!(stored, TermAndVote { term: request.term, voted_for: Some(ME) });
                assert_eq!(self.disk.entries.len() as u64, request.last.index.0);
            }
            Message::RequestVoteReply(reply) if reply.granted => {
                assert_eq!(stored, TermAndVote { term: reply.term, voted_for: Some(to) });
            }
            Message::AppendEntriesReply(AppendEntriesReply {
                term,
                outcome: AppendOutcome::Accepted { match_index },
            }) => {
                assert_eq!(stored.term, *term);
                let promised = self.raft.log().slice(LogIndex(1)..=*match_index);
                assert_eq!(promised.len() as u64, match_index.0);
                assert_eq!(promised, self.on_disk(LogIndex(1), *match_index));
                if self.acknowledged.0 != *term || self.acknowledged.1.len() < promised.len() {
                    self.acknowledged = (*term, promised.to_vec());
                }
            }
            Message::RequestVoteReply(_) | Message::AppendEntries(_) | Message::AppendEntriesReply(_) => {}
        }
    }

    fn check_announced_role(&self) {
        let now = (self.raft.term(), self.raft.role(), self.raft.leader());
        assert_eq!(self.announced, now, "every change of role is announced");
    }
}

/// Why no server can have sent this.
fn impossible(input: &Input<u64>) -> Option<&'static str> {
    let Input::Receive { message, .. } = input else { return None };
    let term = message.term();
    match message {
        _ if term == Term(0) => Some("nobody is elected in term 0"),
        _ if term > Term::LIMIT => Some("the term is out of range"),
        Message::RequestVote(request) if request.last.term > term => Some("the candidate is ahead of itself"),
        Message::AppendEntries(append) if append.prev.term > term => Some("the leader is ahead of itself"),
        _ => None,
    }
}

/// The follower that refuses an append with this.
fn refusal(input: &Input<u64>) -> Option<NodeId> {
    match input {
        Input::Receive { from, message: Message::AppendEntriesReply(reply) } => {
            matches!(reply.outcome, AppendOutcome::Conflict { .. }).then_some(*from)
        }
        _ => None,
    }
}
