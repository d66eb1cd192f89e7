//! Benchmarks of single steps: what one server costs, without its disk and its network.
//!
//! Each iteration gets a copy of a prepared server, made outside the measured time. The preparation ends with a step of
//! the measured kind, so that buffers have room to grow into, as they do in a server that runs. What a step allocates is
//! counted too.

use divan::{AllocProfiler, Bencher, black_box};
use raft_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Config, Effect, Entries, Entry, Input, LogIndex, LogPosition,
    Message, NodeId, Payload, PreVote, ProposalId, Raft, ReadId, ReadMode, RequestVote, RequestVoteReply, Restored,
    RoleName, Round, Sequence, Term, Time,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

fn main() {
    divan::main();
}

/// One of five servers, with the sequence of its last write.
#[derive(Clone)]
struct Server {
    raft: Raft<u64>,
    now: Time,
    last_write: Sequence,
    effects: Vec<Effect<u64>>,
}

impl Server {
    fn new() -> Self {
        // Elections as in Figure 2, so that one step makes a candidate.
        let voters = (1..=5).map(NodeId).collect();
        let config = Config { pre_vote: false, check_quorum: false, ..Config::new(NodeId(1), voters) };
        let raft = Raft::new(&config, Restored::default(), Time(0), ChaCha8Rng::seed_from_u64(1));
        let raft = raft.expect("a valid configuration");
        Self { raft, now: Time(0), last_write: Sequence(0), effects: Vec::new() }
    }

    /// A follower of server 2 in term 1, which holds and has written the leader's first entry.
    fn follower() -> Self {
        let mut server = Self::new();
        server.prepare(receive(2, append(0)));
        server.persist();
        server
    }

    /// The leader of term 1, whose first entry is on all servers.
    fn leader() -> Self {
        let mut server = Self::new();
        server.now = server.raft.next_deadline().expect("a follower has one");
        server.prepare(Input::DeadlineReached);
        server.persist();
        for voter in [2, 3] {
            let vote = RequestVoteReply { term: Term(1), granted: true };
            server.prepare(receive(voter, Message::RequestVoteReply(vote)));
        }
        assert_eq!(server.raft.role(), RoleName::Leader);
        server.persist();
        for follower in 2..=5 {
            server.prepare(receive(follower, accepted(1)));
        }
        assert_eq!(server.raft.commit_index(), LogIndex(1));
        server
    }

    fn step(&mut self, input: Input<u64>) {
        self.raft.step(self.now, input, &mut self.effects).expect("a proper input");
    }

    /// A step outside the measured time. Its effects go, the room for them stays.
    fn prepare(&mut self, input: Input<u64>) {
        self.step(input);
        for effect in self.effects.drain(..) {
            if let Effect::Persist(write) = effect {
                self.last_write = write.sequence;
            }
        }
    }

    fn persist(&mut self) {
        self.prepare(Input::Persisted { sequence: self.last_write });
    }

    /// A copy with room in its buffers, as a server has that has been running for a while.
    fn warmed_by(&self, warm_up: impl FnOnce(&mut Self)) -> Self {
        let mut server = self.clone();
        server.effects.reserve(16);
        warm_up(&mut server);
        server
    }
}

fn receive(from: u64, message: Message<u64>) -> Input<u64> {
    Input::Receive { from: NodeId(from), message }
}

fn propose(id: u64) -> Input<u64> {
    Input::Propose { id: ProposalId(id), command: id }
}

/// What the leader of term 1 sends after `prev`: one entry.
fn append(prev: u64) -> Message<u64> {
    append_of(prev, Entries::from([Entry { term: Term(1), payload: Payload::Command(7) }].as_slice()))
}

fn append_of(prev: u64, entries: Entries<u64>) -> Message<u64> {
    let prev = LogPosition { index: LogIndex(prev), term: Term(prev.min(1)) };
    let (term, round) = (Term(1), Round(0));
    Message::AppendEntries(AppendEntries { term, attempt: 0, round, prev, entries, leader_commit: prev.index })
}

fn accepted(index: u64) -> Message<u64> {
    let outcome = AppendOutcome::Accepted { match_index: LogIndex(index) };
    Message::AppendEntriesReply(AppendEntriesReply { term: Term(1), round: Round(0), outcome })
}

/// A leader appends a command and sends it to four followers.
#[divan::bench]
fn leader_proposes_to_4_followers(bencher: Bencher) {
    let leader = Server::leader();
    bencher
        .with_inputs(|| (leader.warmed_by(|server| server.prepare(propose(1))), propose(2)))
        .bench_local_refs(|(server, input)| server.step(black_box(input.clone())));
}

/// The acknowledgement that makes a majority: commit, apply, answer the client.
#[divan::bench]
fn leader_commits_on_append_reply(bencher: Bencher) {
    let mut leader = Server::leader();
    leader.prepare(propose(1));
    leader.persist();
    leader.prepare(receive(2, accepted(2)));
    let mut check = leader.clone();
    check.step(receive(3, accepted(2)));
    assert_eq!(check.raft.commit_index(), LogIndex(2), "the measured reply commits");
    bencher
        .with_inputs(|| leader.warmed_by(|_| ()))
        .bench_local_refs(|server| server.step(black_box(receive(3, accepted(2)))));
}

/// An idle leader's heartbeat to four followers.
#[divan::bench]
fn leader_sends_heartbeats(bencher: Bencher) {
    let leader = Server::leader();
    let warm_up = |server: &mut Server| {
        // As many rounds as a leader remembers.
        for _beat in 0..16 {
            server.now = server.raft.next_deadline().expect("a leader with followers has one");
            server.prepare(Input::DeadlineReached);
        }
        server.now = server.raft.next_deadline().expect("a leader with followers has one");
    };
    bencher
        .with_inputs(|| leader.warmed_by(warm_up))
        .bench_local_refs(|server| server.step(black_box(Input::DeadlineReached)));
}

/// A follower stores one entry, and acknowledges it once it is written: two steps.
#[divan::bench]
fn follower_appends_1_entry_and_persists(bencher: Bencher) {
    let follower = Server::follower();
    let warm_up = |server: &mut Server| {
        server.prepare(receive(2, append(1)));
        server.persist();
    };
    let written = Sequence(follower.last_write.0 + 2);
    bencher.with_inputs(|| (follower.warmed_by(warm_up), receive(2, append(2)))).bench_local_refs(|(server, input)| {
        server.step(black_box(input.clone()));
        server.step(black_box(Input::Persisted { sequence: written }));
    });
}

/// A follower answers a heartbeat.
#[divan::bench]
fn follower_answers_heartbeat(bencher: Bencher) {
    let follower = Server::follower();
    bencher
        .with_inputs(|| follower.warmed_by(|_| ()))
        .bench_local_refs(|server| server.step(black_box(receive(2, append_of(1, Entries::empty())))));
}

/// A follower grants a vote in the next term, and sends it once it is written: two steps.
#[divan::bench]
fn follower_grants_vote_and_persists(bencher: Bencher) {
    let follower = Server::follower();
    let last = LogPosition { index: LogIndex(1), term: Term(1) };
    let written = Sequence(follower.last_write.0 + 1);
    bencher.with_inputs(|| follower.warmed_by(|_| ())).bench_local_refs(|server| {
        let request = RequestVote { term: Term(2), last, priority: 0, is_transfer: false };
        server.step(black_box(receive(3, Message::RequestVote(request))));
        server.step(black_box(Input::Persisted { sequence: written }));
    });
}

/// A follower says that it would vote: nothing is written.
#[divan::bench]
fn follower_grants_pre_vote(bencher: Bencher) {
    let follower = Server::follower();
    let last = LogPosition { index: LogIndex(1), term: Term(1) };
    bencher.with_inputs(|| follower.warmed_by(|_| ())).bench_local_refs(|server| {
        let request = PreVote { term: Term(2), last, priority: 0 };
        server.step(black_box(receive(3, Message::PreVote(request))));
    });
}

/// A read begins a round of heartbeats to four followers, and two answers serve it: three steps.
#[divan::bench]
fn leader_serves_read_by_index(bencher: Bencher) {
    let heard = |follower, round| {
        let reply = AppendEntriesReply { term: Term(1), round: Round(round), outcome: AppendOutcome::Heard };
        receive(follower, Message::AppendEntriesReply(reply))
    };
    let leader = Server::leader();
    let read = || Input::Read { id: ReadId(1), mode: ReadMode::ReadIndex };
    let mut check = leader.clone();
    [read(), heard(2, 1), heard(3, 1)].into_iter().for_each(|input| check.step(input));
    assert!(matches!(check.effects.last(), Some(Effect::ReadOutcome { .. })), "two answers serve it");
    let warm_up = |server: &mut Server| {
        for round in 1..=16 {
            [read(), heard(2, round), heard(3, round)].into_iter().for_each(|input| server.prepare(input));
        }
    };
    bencher.with_inputs(|| leader.warmed_by(warm_up)).bench_local_refs(|server| {
        server.step(black_box(read()));
        server.step(black_box(heard(2, 17)));
        server.step(black_box(heard(3, 17)));
    });
}
