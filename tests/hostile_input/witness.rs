//! A server, its disk, and what must hold of both after every step.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;

use raft_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Config, Effect, Entry, FatalError, Flow, Input, InputError,
    InstallSnapshot, InstallSnapshotReply, Log, LogIndex, LogLost, LogPosition, MemberRole, Membership, Message,
    NodeId, Payload, Persist, PreVote, PreVoteReply, Progress, ProposalId, ProposalOutcome, Raft, ReadId, ReadIndex,
    ReadIndexReply, ReadOutcome, RequestVote, RequestVoteReply, Restored, RoleName, Round, Snapshot, SnapshotId,
    SnapshotWrite, Term, TermAndVote, Time, TimeoutNow,
};
use rand_chacha::rand_core::TryRng;
use tests::by_hand::disk::Disk;

use crate::inputs::Stimulus;
use crate::start::{ME, Start};

const NS_PER_MS: u64 = 1_000_000;

/// Draws timeouts, and shows in its `Debug` how many it has drawn: a refused input draws none.
#[derive(Clone, Debug)]
struct Jitter(u64);

impl TryRng for Jitter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 += 1;
        Ok(self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        bytes.fill(self.try_next_u64()? as u8);
        Ok(())
    }
}

pub(crate) struct Witness {
    config: Config,
    raft: Raft<u64, Jitter>,
    now: Time,
    /// The latest time that the server has been told.
    latest: Time,
    disk: Disk<u64>,
    unwritten: VecDeque<Persist<u64>>,
    last_sequence: u64,
    /// The last id given to a proposal, a change of membership or a read.
    last_id: u64,
    open_proposals: BTreeSet<ProposalId>,
    open_reads: BTreeSet<ReadId>,
    open_transfers: usize,
    /// What has been handed out to be applied, or was in a snapshot.
    applied: LogIndex,
    /// The terms of the entries that were acknowledged in the present term.
    acknowledged: (Term, BTreeMap<u64, Term>),
    /// Who has got this server's vote.
    votes: BTreeMap<Term, NodeId>,
    announced: (Term, RoleName, Option<NodeId>),
    announced_membership: Arc<Membership>,
    /// A snapshot that some leader sends, and how much of it has been sent.
    offered: Option<(Arc<Snapshot>, u64)>,
    /// The parts of snapshots to be loaded.
    loads: VecDeque<(NodeId, SnapshotId, u64, u64)>,
    /// The numbers of the reads that were sent on.
    questions: Vec<u64>,
    is_stopped: bool,
    /// The kinds of effects and messages that were seen, and how inputs were refused.
    pub(crate) reached: BTreeSet<&'static str>,
}

/// What may only grow, or must stay, from one step to the next.
struct Before {
    raft: Raft<u64, Jitter>,
    next_indexes: Vec<(NodeId, LogIndex)>,
}

impl Witness {
    pub(crate) fn of(start: Start) -> Self {
        let Start { config, restored } = start;
        let disk = Disk::holding(&restored);
        let votes = restored.term_and_vote.voted_for.map(|candidate| (restored.term_and_vote.term, candidate));
        let raft = begin(&config, restored, Time(0), 0);
        let mut witness = Self {
            announced: (raft.term(), RoleName::Follower, None),
            announced_membership: raft.membership().clone(),
            applied: raft.last_applied(),
            config,
            raft,
            now: Time(0),
            latest: Time(0),
            disk,
            unwritten: VecDeque::new(),
            last_sequence: 0,
            last_id: 0,
            open_proposals: BTreeSet::new(),
            open_reads: BTreeSet::new(),
            open_transfers: 0,
            acknowledged: (Term(0), BTreeMap::new()),
            votes: votes.into_iter().collect(),
            offered: None,
            loads: VecDeque::new(),
            questions: Vec::new(),
            is_stopped: false,
            reached: BTreeSet::new(),
        };
        // From now on what is on the disk comes from the server's own writes.
        witness.restart();
        witness
    }

    /// Loses what is not on the disk.
    fn restart(&mut self) {
        let draws = self.last_id + self.last_sequence;
        self.raft = begin(&self.config, self.disk.restored(), self.now, draws);
        self.latest = self.now;
        self.unwritten.clear();
        self.last_sequence = 0;
        self.open_proposals.clear();
        self.open_reads.clear();
        self.open_transfers = 0;
        self.applied = self.raft.last_applied();
        self.announced = (self.raft.term(), RoleName::Follower, None);
        self.announced_membership = self.raft.membership().clone();
        self.loads.clear();
        self.questions.clear();
        self.is_stopped = false;
        self.check_acknowledged();
        // What its leader has told it, it does not know any more.
        self.acknowledged = (Term(0), BTreeMap::new());
    }

    pub(crate) fn step(&mut self, stimulus: Stimulus) {
        match stimulus {
            Stimulus::Clock { now } => self.now = Time(now),
            Stimulus::Wait { ms } => self.now = Time(self.now.0.saturating_add(ms * NS_PER_MS)),
            Stimulus::Restart => self.restart(),
            Stimulus::Elect => self.elect(),
            Stimulus::AcknowledgeAll => self.acknowledge_all(),
            Stimulus::OfferSnapshot { ahead, terms_back, size, membership } => {
                let term = Term(self.raft.term().0.saturating_sub(terms_back));
                self.offered = Some((self.snapshot(ahead, term, size, membership), 0));
            }
            Stimulus::WholeSnapshot { from, ahead, size, membership } => {
                let term = Term(self.raft.term().0 + 1);
                let snapshot = self.snapshot(ahead, term, size, membership);
                let data = (0..size).map(|byte| byte as u8).collect();
                let part = InstallSnapshot { term, round: Round(1), snapshot, offset: 0, data };
                self.receive(NodeId(from), Message::InstallSnapshot(part));
            }
            _ => {
                if let Some(input) = self.input(stimulus) {
                    self.give(input);
                }
            }
        }
    }

    /// A snapshot that ends so far behind this server's log.
    fn snapshot(&self, ahead: i64, term: Term, size: u64, membership: Arc<Membership>) -> Arc<Snapshot> {
        let last = LogPosition { index: LogIndex(self.last().index.0.saturating_add_signed(ahead)), term };
        Arc::new(Snapshot { last, membership, size, checksum: size })
    }

    /// Wins an election, where it may campaign at all.
    fn elect(&mut self) {
        let Some(deadline) = self.raft.next_deadline() else { return };
        self.now = deadline;
        self.give(Input::DeadlineReached);
        for _exchange in 0..2 {
            self.persist_all();
            for from in self.others() {
                let (term, role) = (self.raft.term(), self.raft.role());
                if role == RoleName::PreCandidate && term < Term::LIMIT {
                    let reply = PreVoteReply { term: Term(term.0 + 1), granted: true };
                    self.receive(from, Message::PreVoteReply(reply));
                } else if role == RoleName::Candidate {
                    let reply = RequestVoteReply { term, granted: true };
                    self.receive(from, Message::RequestVoteReply(reply));
                }
            }
        }
    }

    fn acknowledge_all(&mut self) {
        self.persist_all();
        for from in self.others() {
            if self.raft.role() == RoleName::Leader {
                let outcome = AppendOutcome::Accepted { match_index: self.last().index };
                let reply = AppendEntriesReply { term: self.raft.term(), round: self.round_back(0), outcome };
                self.receive(from, Message::AppendEntriesReply(reply));
            }
        }
        self.persist_all();
    }

    fn others(&self) -> Vec<NodeId> {
        self.raft.membership().members().iter().map(|member| member.id).filter(|id| *id != ME).collect()
    }

    fn last(&self) -> LogPosition {
        self.raft.log().last_position()
    }

    fn receive(&mut self, from: NodeId, message: Message<u64>) {
        self.give(Input::Receive { from, message });
    }

    fn persist_all(&mut self) {
        if let Some(write) = self.unwritten.back() {
            let sequence = write.sequence;
            self.give(Input::Persisted { sequence });
        }
    }

    fn give(&mut self, input: Input<u64>) {
        let before = Before {
            raft: self.raft.clone(),
            next_indexes: self.raft.progress().map(|(id, progress)| (id, progress.next_index())).collect(),
        };
        let impossible = impossible(&input);
        let refused_by = refusal(&input);
        let is_deadline = input == Input::DeadlineReached;
        self.expect_outcome(&input);
        if let Input::Persisted { sequence } = &input {
            self.complete_writes_up_to(sequence.0);
        }
        if let Input::SnapshotTaken { last_index, .. } = &input {
            self.disk.put_down_snapshot(*last_index, Arc::from([]));
        }
        let mut effects = Vec::new();
        let described = format!("{input:?}");
        match self.raft.step(self.now, input, &mut effects) {
            Ok(()) => {
                assert!(!self.is_stopped, "a stopped server takes no input");
                assert_eq!(impossible, None, "no server can have sent this");
                self.latest = self.latest.max(self.now);
                self.check_order(&before.raft);
                self.check_acknowledged();
                if let Some(follower) = refused_by {
                    self.check_answer_to_refusal(follower, &before, &effects);
                }
                if is_deadline && let Some(next) = self.raft.next_deadline() {
                    assert!(next > self.latest, "a deadline that was reported comes again at once");
                }
                for effect in effects {
                    self.execute(effect);
                }
                self.check_announced();
            }
            Err(error) => {
                assert_eq!(effects, [], "{error}: a refused input has no effects");
                let (now, before) = (format!("{:?}", self.raft), format!("{:?}", before.raft));
                assert_eq!(now, before, "{error}: a refused input changes nothing: {described}");
            }
        }
    }

    /// What the input will end with.
    fn expect_outcome(&mut self, input: &Input<u64>) {
        if self.is_stopped {
            return;
        }
        match input {
            Input::Propose { id, .. } | Input::ChangeMembership { id, .. } => drop(self.open_proposals.insert(*id)),
            Input::ProposeAll { proposals } => self.open_proposals.extend(proposals.iter().map(|(id, _)| *id)),
            Input::Read { id, .. } => drop(self.open_reads.insert(*id)),
            Input::TransferLeadership { .. } => self.open_transfers += 1,
            _ => {}
        }
    }

    fn input(&mut self, stimulus: Stimulus) -> Option<Input<u64>> {
        let term = self.raft.term();
        let receive = |from, message| Some(Input::Receive { from: NodeId(from), message });
        match stimulus {
            Stimulus::Receive { from, message } => receive(from, message),
            Stimulus::FittingAppend { from, back, later, entries, commit_back, round } => {
                let index = LogIndex(self.last().index.0.saturating_sub(back));
                let prev = LogPosition { index, term: self.raft.log().term_at(index)? };
                let term = Term(term.0 + later);
                // Terms that do not fall, from the predecessor's to the leader's.
                let mut last = prev.term;
                let entries = entries.into_iter().map(|(rise, payload)| {
                    last = term.min(Term((last.0 + rise).max(1)));
                    Entry { term: last, payload }
                });
                let entries = entries.collect();
                let leader_commit = LogIndex(self.last().index.0.saturating_add_signed(-commit_back));
                let round = Round(round);
                let append = AppendEntries { term, attempt: 0, round, prev, entries, leader_commit };
                receive(from, Message::AppendEntries(append))
            }
            Stimulus::FittingVote { from, granted } => {
                receive(from, Message::RequestVoteReply(RequestVoteReply { term, granted }))
            }
            Stimulus::FittingPreVote { from, granted } => {
                let term = Term(term.0 + u64::from(granted));
                receive(from, Message::PreVoteReply(PreVoteReply { term, granted }))
            }
            Stimulus::FittingRequest { from, later, ahead, priority, is_transfer, is_pre_vote } => {
                let (last, term) = (self.last(), Term(term.0 + later));
                let last = LogPosition { index: LogIndex(last.index.0 + ahead), ..last };
                let message = match is_pre_vote {
                    true => Message::PreVote(PreVote { term, last, priority }),
                    false => Message::RequestVote(RequestVote { term, last, priority, is_transfer }),
                };
                receive(from, message)
            }
            Stimulus::FittingAcknowledgement { from, back, rounds_back } => {
                let match_index = LogIndex(self.last().index.0.saturating_sub(back));
                Some(self.append_reply(from, rounds_back, AppendOutcome::Accepted { match_index }))
            }
            Stimulus::FittingRefusal { from, back, hint_back, rounds_back } => {
                let log = self.raft.log();
                let prev_index = LogIndex(log.last_index().0.saturating_sub(back));
                let hint_index = LogIndex(log.last_index().0.saturating_sub(hint_back));
                let hint = LogPosition { index: hint_index, term: log.term_at(hint_index).unwrap_or(term) };
                let attempt = self.progress_of(from).map_or(0, Progress::attempt);
                Some(self.append_reply(from, rounds_back, AppendOutcome::Conflict { attempt, prev_index, hint }))
            }
            Stimulus::FittingHeard { from, rounds_back } => {
                Some(self.append_reply(from, rounds_back, AppendOutcome::Heard))
            }
            Stimulus::SnapshotPart { from, later, skip, length, round } => {
                let (snapshot, sent) = self.offered.as_mut()?;
                let offset = sent.saturating_add_signed(skip);
                // The longest ones are not cut where the snapshot ends.
                let left = if length < 11 { snapshot.size.saturating_sub(offset) } else { length };
                let length = length.min(left);
                *sent = offset + length;
                let data = (offset..offset + length).map(|byte| byte as u8).collect();
                let (term, round, snapshot) = (Term(term.0 + later), Round(round), snapshot.clone());
                let part = InstallSnapshot { term, round, snapshot, offset, data };
                // One leader at a time, most often.
                let from = self.raft.leader().filter(|leader| *leader != ME && later == 0).map_or(from, |id| id.0);
                receive(from, Message::InstallSnapshot(part))
            }
            Stimulus::FittingSnapshotReply { from, received, rounds_back } => {
                let Flow::Snapshot(transfer) = self.progress_of(from)?.flow() else { return None };
                let (snapshot, round) = (transfer.snapshot().id(), self.round_back(rounds_back));
                let reply = InstallSnapshotReply { term, round, snapshot, received };
                receive(from, Message::InstallSnapshotReply(reply))
            }
            Stimulus::Loaded { place, is_gone, shift, length } => {
                let (to, snapshot, offset, asked) = self.loads.remove(place.min(self.loads.len().checked_sub(1)?))?;
                let length = length.unwrap_or(asked.min(64)) as usize;
                let data = (!is_gone).then(|| Arc::from(vec![7; length]));
                Some(Input::SnapshotChunkLoaded { to, snapshot, offset: offset + shift, data })
            }
            Stimulus::Taken { back, size } => {
                let last_index = LogIndex(self.raft.last_applied().0.saturating_add_signed(-back));
                Some(Input::SnapshotTaken { last_index, size, checksum: size })
            }
            Stimulus::TimeoutNow { from } => {
                let from = self.raft.leader().filter(|leader| *leader != ME).map_or(from, |leader| leader.0);
                receive(from, Message::TimeoutNow(TimeoutNow { term }))
            }
            Stimulus::FittingReadIndex { from, number, may_use_lease } => {
                receive(from, Message::ReadIndex(ReadIndex { term, number, may_use_lease }))
            }
            Stimulus::FittingReadIndexReply { from, back, ahead } => {
                let place = self.questions.len().checked_sub(back + 1)?;
                let index = LogIndex(self.raft.commit_index().0.saturating_add_signed(ahead));
                let number = self.questions[place];
                receive(from, Message::ReadIndexReply(ReadIndexReply { term, number, index }))
            }
            Stimulus::LogLost { from, ahead } => {
                let acknowledged = LogIndex(self.raft.durable_index().0.saturating_add_signed(ahead));
                let from = self.raft.leader().filter(|leader| *leader != ME).map_or(from, |leader| leader.0);
                receive(from, Message::LogLost(LogLost { term, acknowledged }))
            }
            Stimulus::Propose => {
                let id = self.next_id();
                Some(Input::Propose { id: ProposalId(id), command: id })
            }
            Stimulus::ProposeAll { count } => {
                let proposals = (0..count).map(|_| self.next_id()).map(|id| (ProposalId(id), id)).collect();
                Some(Input::ProposeAll { proposals })
            }
            Stimulus::Read { mode } => Some(Input::Read { id: ReadId(self.next_id()), mode }),
            Stimulus::ChangeMembership { changes } => {
                Some(Input::ChangeMembership { id: ProposalId(self.next_id()), changes })
            }
            Stimulus::TransferLeadership { to } => Some(Input::TransferLeadership { to: NodeId(to) }),
            Stimulus::PeerUnreachable { peer } => Some(Input::PeerUnreachable { peer: NodeId(peer) }),
            Stimulus::PersistOldest => Some(Input::Persisted { sequence: self.unwritten.front()?.sequence }),
            Stimulus::PersistAll => Some(Input::Persisted { sequence: self.unwritten.back()?.sequence }),
            Stimulus::Persisted { sequence } => Some(Input::Persisted { sequence: raft_core::Sequence(sequence) }),
            Stimulus::Deadline => {
                self.now = self.raft.next_deadline()?;
                Some(Input::DeadlineReached)
            }
            Stimulus::DeadlineReached => Some(Input::DeadlineReached),
            Stimulus::Wait { .. }
            | Stimulus::Clock { .. }
            | Stimulus::Restart
            | Stimulus::Elect
            | Stimulus::AcknowledgeAll
            | Stimulus::OfferSnapshot { .. }
            | Stimulus::WholeSnapshot { .. } => None,
        }
    }

    fn append_reply(&self, from: u64, rounds_back: u64, outcome: AppendOutcome) -> Input<u64> {
        let reply = AppendEntriesReply { term: self.raft.term(), round: self.round_back(rounds_back), outcome };
        Input::Receive { from: NodeId(from), message: Message::AppendEntriesReply(reply) }
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }

    fn progress_of(&self, id: u64) -> Option<&Progress> {
        self.raft.progress().find(|(follower, _)| follower.0 == id).map(|(_, progress)| progress)
    }

    /// The round that the server began so many rounds ago: the latest that it takes an answer to, and those before.
    fn round_back(&self, back: u64) -> Round {
        let answer = |round| {
            let outcome = AppendOutcome::Heard;
            let reply = AppendEntriesReply { term: self.raft.term(), round: Round(round), outcome };
            Input::Receive { from: NodeId(u64::MAX), message: Message::AppendEntriesReply(reply) }
        };
        let is_begun = |round| {
            let result = self.raft.clone().step(self.now, answer(round), &mut Vec::new());
            result != Err(InputError::RoundNotBegun)
        };
        let latest = (1..64).take_while(|round| is_begun(*round)).last().unwrap_or(0);
        Round(latest.saturating_sub(back))
    }

    fn complete_writes_up_to(&mut self, sequence: u64) {
        if sequence > self.last_sequence || self.is_stopped {
            return;
        }
        while self.unwritten.front().is_some_and(|write| write.sequence.0 <= sequence) {
            let write = self.unwritten.pop_front().expect("there is a first one");
            self.disk.write(&write);
        }
    }

    /// A snapshot is complete, and still being written.
    fn is_installing(&self) -> bool {
        let completes = |write: &Persist<u64>| {
            matches!(write.snapshot.as_deref(), Some(SnapshotWrite::Chunk { is_complete: true, .. }))
        };
        self.unwritten.iter().any(completes) || self.raft.last_applied() < self.raft.log().base().index
    }

    /// The order of the indexes, and what never goes backwards.
    fn check_order(&self, before: &Raft<u64, Jitter>) {
        let (raft, log) = (&self.raft, self.raft.log());
        assert!(raft.last_applied() <= raft.commit_index());
        assert!(raft.last_applied() <= raft.durable_index() || self.is_installing());
        assert!(log.base().index <= raft.last_applied() || self.is_installing());
        assert!(log.base().index <= raft.commit_index());
        assert!(raft.commit_index() <= log.last_index());
        assert!(raft.durable_index() <= log.last_index());
        assert!(before.term() <= raft.term(), "the term fell");
        assert!(before.commit_index() <= raft.commit_index(), "the commit index fell");
        assert!(before.last_applied() <= raft.last_applied(), "the applied index fell");
        assert!(before.log().base().index <= log.base().index, "the base of the log fell");
        if before.term() == raft.term() && before.voted_for().is_some() {
            assert_eq!(before.voted_for(), raft.voted_for(), "a second vote in one term");
        }
        let committed = entries(before.log()).filter(|(index, _)| *index <= before.commit_index());
        for (index, entry) in committed.filter(|(index, _)| *index > log.base().index) {
            assert_eq!(log.entry(index), Some(entry), "a committed entry changed");
        }
        if log.base().index <= before.commit_index() {
            let term = before.log().term_at(log.base().index);
            assert_eq!(Some(log.base().term), term, "what is compacted is another entry than was committed");
        }
        let terms = std::iter::once(log.base().term).chain(entries(log).map(|(_, entry)| entry.term));
        assert!(terms.is_sorted(), "terms fall along the log");
        assert!(log.last_position().term <= raft.term());
        self.check_membership();
        self.check_progress();
    }

    /// A server goes by the latest membership in its log.
    fn check_membership(&self) {
        let members = |(index, entry): (LogIndex, &Entry<u64>)| match &entry.payload {
            Payload::Membership(membership) => Some((index, membership.clone())),
            Payload::Noop | Payload::Command(_) => None,
        };
        let of_snapshot = self.raft.snapshot().map_or(LogIndex(0), |snapshot| snapshot.last.index);
        if let Some((index, membership)) = entries(self.raft.log()).filter_map(members).last()
            && index > of_snapshot
        {
            assert_eq!((self.raft.membership_index(), self.raft.membership()), (index, &membership));
        }
    }

    fn check_progress(&self) {
        let raft = &self.raft;
        for (id, progress) in raft.progress() {
            assert_ne!(id, ME);
            assert!(progress.match_index() < progress.next_index());
            assert!(progress.next_index() <= raft.log().last_index().next());
            if let Flow::Replicate(in_flight) = progress.flow() {
                assert!(in_flight.appends() <= self.config.max_appends_in_flight, "more is under way than may be");
                assert_eq!(in_flight.appends() == 0, in_flight.bytes() == 0, "no append is free, and none is for ever");
            }
        }
        if raft.role() == RoleName::Leader {
            let followers: BTreeSet<NodeId> = raft.progress().map(|(id, _)| id).collect();
            assert!(self.others().iter().all(|id| followers.contains(id)), "a member gets nothing");
            let votes = |role| !matches!(role, MemberRole::Learner { .. });
            let was_voter = raft.membership().role_of(ME).is_some_and(votes);
            let is_leaving = raft.commit_index() < raft.membership_index();
            assert!(was_voter || is_leaving, "a server leads that is no voter");
        }
    }

    /// What was acknowledged in a term stays for the rest of it, whatever its leader says (Figure 3, Leader Append-Only).
    fn check_acknowledged(&self) {
        let (term, acknowledged) = &self.acknowledged;
        if *term == self.raft.term() && !self.is_stopped {
            let base = self.raft.log().base().index;
            for (index, term) in acknowledged.range(base.next().0..) {
                let kept = self.raft.log().term_at(LogIndex(*index));
                assert_eq!(kept, Some(*term), "entry {index} was acknowledged in this term, and changed");
            }
        }
    }

    /// A refusal is answered only where that leads somewhere, or two servers would go on for ever.
    fn check_answer_to_refusal(&self, follower: NodeId, before: &Before, effects: &[Effect<u64>]) {
        let is_append = |effect: &Effect<u64>| match effect {
            Effect::Send { to, message: Message::AppendEntries(append) } => {
                *to == follower && !append.entries.is_empty()
            }
            _ => false,
        };
        let next = |(id, progress): (NodeId, &Progress)| (id == follower).then_some(progress.next_index());
        if effects.iter().any(is_append) {
            let known = before.next_indexes.iter().find(|(id, _)| *id == follower).map(|(_, index)| *index);
            assert!(self.raft.progress().find_map(next) < known, "a refusal is answered without progress");
        }
    }

    fn execute(&mut self, effect: Effect<u64>) {
        assert!(!self.is_stopped, "nothing comes behind a fatal effect");
        self.reached.insert(kind(&effect));
        match effect {
            Effect::Persist(write) => {
                self.last_sequence += 1;
                assert_eq!(write.sequence.0, self.last_sequence);
                self.unwritten.push_back(write);
            }
            Effect::Send { to, message } => {
                assert_ne!(to, ME);
                self.check_term(&message);
                self.check_promise(to, &message);
                check_decency(to, &message);
                if let Message::ReadIndex(question) = message {
                    self.questions.push(question.number);
                }
            }
            Effect::Apply { first, last } => {
                assert_eq!(first, self.applied.next(), "entries are applied in order, and once");
                assert!(first <= last);
                let entries = self.raft.log().slice(first..=last);
                assert_eq!(entries.len() as u64, last.0 - first.0 + 1, "what is applied is in the log");
                assert_eq!(entries, self.disk.slice(first, last), "an entry is applied that a crash can take back");
                self.applied = last;
            }
            Effect::RestoreSnapshot(snapshot) => {
                assert!(snapshot.last.index > self.applied, "a state machine goes back");
                let (on_disk, bytes) = self.disk.snapshot.as_ref().expect("a snapshot is restored from the disk");
                assert_eq!((on_disk, bytes.len() as u64), (&snapshot, snapshot.size));
                self.applied = snapshot.last.index;
            }
            Effect::LoadSnapshotChunk { to, snapshot, offset, length } => {
                assert_ne!(to, ME);
                let end = offset.checked_add(length).expect("a part has an end");
                assert!(end <= snapshot.size && (length > 0 || snapshot.size == 0));
                self.loads.push_back((to, snapshot, offset, length));
            }
            Effect::ProposalOutcome { id, outcome } => {
                assert!(self.open_proposals.remove(&id), "{id:?} has a second outcome, or was never asked for");
                if let ProposalOutcome::Committed { index, term } = outcome {
                    assert!(index <= self.applied && term <= self.raft.term());
                }
            }
            Effect::ReadOutcome { id, outcome } => {
                assert!(self.open_reads.remove(&id), "{id:?} has a second outcome, or was never asked for");
                if let ReadOutcome::Ready { index } = outcome {
                    assert!(index <= self.applied, "a read is served too early");
                }
            }
            Effect::TransferOutcome { .. } => {
                self.open_transfers = self.open_transfers.checked_sub(1).expect("a transfer ends once");
            }
            Effect::RoleChanged { term, role, leader } => self.announced = (term, role, leader),
            Effect::MembershipChanged { membership, .. } => self.announced_membership = membership,
            Effect::FollowerLostLog { follower, .. } => assert_ne!(follower, ME),
            Effect::Fatal(error) => {
                assert!(!matches!(error, FatalError::IndexOrder { .. }), "{error}");
                self.is_stopped = true;
            }
        }
    }

    /// All messages speak of the sender's term, but those about the next.
    fn check_term(&self, message: &Message<u64>) {
        match message {
            Message::PreVote(request) => assert_eq!(request.term.0, self.raft.term().0 + 1),
            Message::PreVoteReply(reply) if reply.granted => assert!(reply.term > self.raft.term()),
            _ => assert_eq!(message.term(), self.raft.term()),
        }
    }

    /// What a message promises is on the disk (Figure 2).
    fn check_promise(&mut self, to: NodeId, message: &Message<u64>) {
        let stored = self.disk.term_and_vote;
        match message {
            Message::RequestVote(request) => {
                assert_eq!(stored, TermAndVote { term: request.term, voted_for: Some(ME) });
                assert_eq!(self.disk.last_index(), request.last.index);
                self.check_vote(request.term, ME);
            }
            Message::RequestVoteReply(reply) if reply.granted => {
                assert_eq!(stored, TermAndVote { term: reply.term, voted_for: Some(to) });
                self.check_vote(reply.term, to);
            }
            Message::AppendEntriesReply(AppendEntriesReply {
                term,
                outcome: AppendOutcome::Accepted { match_index },
                ..
            }) => {
                assert_eq!(stored.term, *term);
                let base = self.disk.base.index.max(self.raft.log().base().index);
                assert!(*match_index <= self.disk.last_index());
                let promised = self.raft.log().slice(base.next()..=*match_index);
                assert_eq!(promised, self.disk.slice(base.next(), *match_index));
                let terms = (base.next().0..).zip(promised.iter().map(|entry| entry.term));
                if self.acknowledged.0 != *term {
                    self.acknowledged = (*term, BTreeMap::new());
                }
                self.acknowledged.1.extend(terms);
            }
            Message::InstallSnapshotReply(reply) if reply.received > 0 => {
                let (staged, bytes) = self.disk.staged.as_ref().expect("a part that was acknowledged is staged");
                assert_eq!(staged.id(), reply.snapshot);
                assert!(reply.received <= bytes.len() as u64, "a part is acknowledged that a crash can take back");
            }
            _ => {}
        }
    }

    fn check_vote(&mut self, term: Term, candidate: NodeId) {
        let earlier = *self.votes.entry(term).or_insert(candidate);
        assert_eq!(earlier, candidate, "two votes in {term:?}");
    }

    fn check_announced(&self) {
        let now = (self.raft.term(), self.raft.role(), self.raft.leader());
        assert_eq!(self.announced, now, "every change of role is announced");
        if !self.is_stopped {
            assert_eq!(&self.announced_membership, self.raft.membership(), "every change of members is announced");
        }
    }
}

fn begin(config: &Config, restored: Restored<u64>, now: Time, draws: u64) -> Raft<u64, Jitter> {
    Raft::new(config, restored, now, Jitter(draws)).expect("a valid configuration, and a disk that a Raft has written")
}

fn entries(log: &Log<u64>) -> impl Iterator<Item = (LogIndex, &Entry<u64>)> {
    let first = log.base().index.next();
    (first.0..).map(LogIndex).zip(log.slice(first..=log.last_index()))
}

/// What a server says is refused by nobody who knows nothing yet.
fn check_decency(to: NodeId, message: &Message<u64>) {
    let mut stranger = begin(&Config::joining(to), Restored::default(), Time(0), 0);
    let input = Input::Receive { from: ME, message: message.clone() };
    let result = stranger.step(Time(0), input, &mut Vec::new());
    // A hostile world can bring a log up to where indexes end, or put an entry into it after which nobody votes.
    let is_fault_of_the_world =
        matches!(result, Err(InputError::IndexOutOfRange(_) | InputError::SnapshotWithoutVoters));
    assert!(result.is_ok() || is_fault_of_the_world, "{result:?}: {message:?}");
}

/// What `effect` is, as far as somebody may ask whether it was ever met.
fn kind(effect: &Effect<u64>) -> &'static str {
    match effect {
        Effect::Persist(write) => match write.snapshot.as_deref() {
            None => "a write",
            Some(SnapshotWrite::Taken { .. }) => "a snapshot taken",
            Some(SnapshotWrite::Chunk { is_complete: false, .. }) => "a part of a snapshot",
            Some(SnapshotWrite::Chunk { is_complete: true, .. }) => "the last part of a snapshot",
        },
        Effect::Send { message, .. } => match message {
            Message::PreVote(_) => "PreVote",
            Message::PreVoteReply(reply) if reply.granted => "a pre-vote granted",
            Message::PreVoteReply(_) => "a pre-vote refused",
            Message::RequestVote(request) if request.is_transfer => "RequestVote on request",
            Message::RequestVote(_) => "RequestVote",
            Message::RequestVoteReply(reply) if reply.granted => "a vote granted",
            Message::RequestVoteReply(_) => "a vote refused",
            Message::AppendEntries(append) if append.entries.is_empty() => "a heartbeat",
            Message::AppendEntries(_) => "AppendEntries",
            Message::AppendEntriesReply(reply) => match reply.outcome {
                AppendOutcome::Accepted { .. } => "Accepted",
                AppendOutcome::Heard => "Heard",
                AppendOutcome::Conflict { .. } => "Conflict",
                AppendOutcome::StaleTerm => "StaleTerm",
            },
            Message::InstallSnapshot(_) => "InstallSnapshot",
            Message::InstallSnapshotReply(_) => "InstallSnapshotReply",
            Message::TimeoutNow(_) => "TimeoutNow",
            Message::ReadIndex(_) => "ReadIndex",
            Message::ReadIndexReply(_) => "ReadIndexReply",
            Message::LogLost(_) => "LogLost",
        },
        Effect::Apply { .. } => "Apply",
        Effect::RestoreSnapshot(_) => "RestoreSnapshot",
        Effect::LoadSnapshotChunk { .. } => "LoadSnapshotChunk",
        Effect::ProposalOutcome { outcome, .. } => match outcome {
            ProposalOutcome::Committed { .. } => "a proposal committed",
            ProposalOutcome::Rejected(_) => "a proposal rejected",
            ProposalOutcome::Superseded => "a proposal superseded",
            _ => "a proposal of unknown outcome",
        },
        Effect::ReadOutcome { outcome, .. } => match outcome {
            ReadOutcome::Ready { .. } => "a read served",
            ReadOutcome::NotLeader { .. } => "a read refused",
            _ => "a read lost",
        },
        Effect::TransferOutcome { .. } => "TransferOutcome",
        Effect::RoleChanged { .. } => "RoleChanged",
        Effect::MembershipChanged { membership, .. } if membership.is_joint() => "a joint membership",
        Effect::MembershipChanged { .. } => "MembershipChanged",
        Effect::FollowerLostLog { .. } => "FollowerLostLog",
        Effect::Fatal(FatalError::LogLost { .. }) => "a log lost",
        Effect::Fatal(_) => "Fatal",
    }
}

/// Why no server can have sent this.
fn impossible(input: &Input<u64>) -> Option<&'static str> {
    let (from, message) = match input {
        Input::Receive { from, message } => (from, message),
        Input::SnapshotChunkLoaded { snapshot, offset, data: Some(data), .. } => {
            return (!is_part(*offset, data, snapshot.size)).then_some("the snapshot has no such part");
        }
        _ => return None,
    };
    let term = message.term();
    match message {
        _ if *from == ME => Some("it is the server itself"),
        _ if term == Term(0) => Some("nobody is elected in term 0"),
        _ if term > Term::LIMIT => Some("the term is out of range"),
        _ if index(message) > Some(LogIndex::LIMIT) => Some("the index is out of range"),
        Message::RequestVote(request) if request.last.term >= term => Some("the candidate is ahead of itself"),
        Message::PreVote(request) if request.last.term >= term => Some("the candidate is ahead of itself"),
        Message::AppendEntries(append) if append.prev.term > term => Some("the leader is ahead of itself"),
        Message::InstallSnapshot(part) if part.snapshot.last.term > term => Some("the leader is ahead of itself"),
        Message::InstallSnapshot(part) if !is_part(part.offset, &part.data, part.snapshot.size) => {
            Some("the snapshot has no such part")
        }
        _ => None,
    }
}

/// The place that a message speaks of, where it is one of the sender's own log.
fn index(message: &Message<u64>) -> Option<LogIndex> {
    match message {
        Message::PreVote(request) => Some(request.last.index),
        Message::RequestVote(request) => Some(request.last.index),
        Message::AppendEntries(append) => Some(append.prev.index),
        Message::InstallSnapshot(part) => Some(part.snapshot.last.index),
        Message::ReadIndexReply(answer) => Some(answer.index),
        _ => None,
    }
}

/// Whether a snapshot of `size` bytes has `data` at `offset`, which only an empty one is sent without any.
fn is_part(offset: u64, data: &[u8], size: u64) -> bool {
    let fits = offset.checked_add(data.len() as u64).is_some_and(|end| end <= size);
    fits && (size == 0 || !data.is_empty())
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
