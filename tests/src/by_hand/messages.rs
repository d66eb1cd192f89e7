//! Messages in one line each. Those of a leader are of round 0, and so are the answers to them, where nothing is said of
//! rounds: a test that needs them asks for them.

use std::sync::Arc;

use raft_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entry, InstallSnapshot, InstallSnapshotReply, LogIndex,
    LogPosition, Member, MemberChange, MemberRole, Membership, Message, NodeId, Payload, PreVote, PreVoteReply,
    RequestVote, RequestVoteReply, Round, Snapshot, SnapshotId, Term, TimeoutNow,
};

/// What clients replicate in these tests.
pub type Command = u64;

/// The place `index` in a log, and the term of the entry there.
pub fn at(index: u64, term: u64) -> LogPosition {
    LogPosition { index: LogIndex(index), term: Term(term) }
}

/// An entry of `term`. Which command it carries follows from the term: same place and term, same entry.
pub fn entry(term: u64) -> Entry<Command> {
    Entry { term: Term(term), payload: Payload::Command(term) }
}

/// The membership with these voters and no learners.
pub fn membership_of(voters: impl IntoIterator<Item = u64>) -> Arc<Membership> {
    Arc::new(Membership::new(voters.into_iter().map(NodeId), []).expect("each voter is named once"))
}

/// The membership of these servers, each of which is what stands beside it.
pub fn membership_with(members: impl IntoIterator<Item = (u64, MemberRole)>) -> Arc<Membership> {
    let members: Vec<Member> = members.into_iter().map(|(id, role)| Member { id: NodeId(id), role }).collect();
    Arc::new(members.try_into().expect("each member is named once"))
}

/// The server votes from now on.
pub fn add_voter(id: u64) -> MemberChange {
    MemberChange::AddVoter(NodeId(id))
}

/// The server becomes a learner, and a voter once it has caught up.
pub fn promote(id: u64) -> MemberChange {
    MemberChange::AddVoterOnceCaughtUp(NodeId(id))
}

/// The server is a learner from now on.
pub fn add_learner(id: u64) -> MemberChange {
    MemberChange::AddLearner(NodeId(id))
}

/// The server is a member no more.
pub fn remove(id: u64) -> MemberChange {
    MemberChange::Remove(NodeId(id))
}

/// An entry of `term` that says who the members are.
pub fn membership_entry(term: u64, membership: &Arc<Membership>) -> Entry<Command> {
    Entry { term: Term(term), payload: Payload::Membership(membership.clone()) }
}

/// A snapshot up to `last` with these voters in it. Its checksum is its size.
pub fn snapshot(last: LogPosition, voters: impl IntoIterator<Item = u64>, size: u64) -> Arc<Snapshot> {
    Arc::new(Snapshot { last, membership: membership_of(voters), size, checksum: size })
}

/// A pre-vote is asked for in the term to come.
pub fn pre_vote(term: u64, last: LogPosition) -> Message<Command> {
    Message::PreVote(PreVote { term: Term(term), last, priority: 0 })
}

/// A pre-vote for the term to come is granted.
pub fn pre_vote_granted(term: u64) -> Message<Command> {
    Message::PreVoteReply(PreVoteReply { term: Term(term), granted: true })
}

/// A pre-vote is refused by a server in `term`.
pub fn pre_vote_refused(term: u64) -> Message<Command> {
    Message::PreVoteReply(PreVoteReply { term: Term(term), granted: false })
}

/// A candidate without priority asks for a vote.
pub fn request_vote(term: u64, last: LogPosition) -> Message<Command> {
    Message::RequestVote(RequestVote { term: Term(term), last, priority: 0, is_transfer: false })
}

/// The vote is granted.
pub fn vote(term: u64) -> Message<Command> {
    Message::RequestVoteReply(RequestVoteReply { term: Term(term), granted: true })
}

/// The vote is refused.
pub fn refusal(term: u64) -> Message<Command> {
    Message::RequestVoteReply(RequestVoteReply { term: Term(term), granted: false })
}

/// Entries of `terms` right after `prev`.
pub fn append<const N: usize>(term: u64, prev: LogPosition, terms: [u64; N], commit: u64) -> Message<Command> {
    append_in(0, term, prev, &terms, commit)
}

/// Entries of `terms` right after `prev`, in a round.
pub fn append_in(round: u64, term: u64, prev: LogPosition, terms: &[u64], commit: u64) -> Message<Command> {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        attempt: 0,
        round: Round(round),
        prev,
        entries: terms.iter().copied().map(entry).collect(),
        leader_commit: LogIndex(commit),
    })
}

/// These entries right after `prev`.
pub fn append_entries(
    term: u64,
    prev: LogPosition,
    entries: impl IntoIterator<Item = Entry<Command>>,
    commit: u64,
) -> Message<Command> {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        attempt: 0,
        round: Round(0),
        prev,
        entries: entries.into_iter().collect(),
        leader_commit: LogIndex(commit),
    })
}

/// An append without entries.
pub fn heartbeat(term: u64, prev: LogPosition, commit: u64) -> Message<Command> {
    append(term, prev, [], commit)
}

/// The follower holds the leader's log up to `match_index`.
pub fn accepted(term: u64, match_index: u64) -> Message<Command> {
    accepted_in(0, term, match_index)
}

/// The same, by a follower that has heard of `round`.
pub fn accepted_in(round: u64, term: u64, match_index: u64) -> Message<Command> {
    append_reply(round, term, AppendOutcome::Accepted { match_index: LogIndex(match_index) })
}

/// The follower recognises the leader, and has nothing durable to say.
pub fn heard(term: u64) -> Message<Command> {
    append_reply(0, term, AppendOutcome::Heard)
}

/// The refusal of an append of the leader's first attempt.
pub fn conflict(term: u64, prev_index: u64, hint: LogPosition) -> Message<Command> {
    conflict_in(0, 0, term, prev_index, hint)
}

/// The refusal of an append of that attempt and round.
pub fn conflict_in(attempt: u64, round: u64, term: u64, prev_index: u64, hint: LogPosition) -> Message<Command> {
    append_reply(round, term, AppendOutcome::Conflict { attempt, prev_index: LogIndex(prev_index), hint })
}

/// The append's term is over.
pub fn stale(term: u64) -> Message<Command> {
    append_reply(0, term, AppendOutcome::StaleTerm)
}

fn append_reply(round: u64, term: u64, outcome: AppendOutcome) -> Message<Command> {
    Message::AppendEntriesReply(AppendEntriesReply { term: Term(term), round: Round(round), outcome })
}

/// A part of a snapshot, from `offset` on.
pub fn install_snapshot(term: u64, snapshot: &Arc<Snapshot>, offset: u64, data: &[u8]) -> Message<Command> {
    Message::InstallSnapshot(InstallSnapshot {
        term: Term(term),
        round: Round(0),
        snapshot: snapshot.clone(),
        offset,
        data: Arc::from(data),
    })
}

/// So much of a snapshot is durable on the follower.
pub fn snapshot_received(term: u64, snapshot: SnapshotId, received: u64) -> Message<Command> {
    Message::InstallSnapshotReply(InstallSnapshotReply { term: Term(term), round: Round(0), snapshot, received })
}

/// The leader asks the receiver to take over.
pub fn timeout_now(term: u64) -> Message<Command> {
    Message::TimeoutNow(TimeoutNow { term: Term(term) })
}
