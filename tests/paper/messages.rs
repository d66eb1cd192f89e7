//! Messages in one line each.

use raft_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entry, LogIndex, LogPosition, Message, Payload, RequestVote,
    RequestVoteReply, Term,
};

/// What clients replicate in these tests.
pub(crate) type Command = u64;

/// The place `index` in a log, and the term of the entry there.
pub(crate) fn at(index: u64, term: u64) -> LogPosition {
    LogPosition { index: LogIndex(index), term: Term(term) }
}

/// An entry of `term`. Which command it carries follows from the term: same place and term, same entry.
pub(crate) fn entry(term: u64) -> Entry<Command> {
    Entry { term: Term(term), payload: Payload::Command(term) }
}

pub(crate) fn request_vote(term: u64, last: LogPosition) -> Message<Command> {
    Message::RequestVote(RequestVote { term: Term(term), last })
}

pub(crate) fn vote(term: u64) -> Message<Command> {
    Message::RequestVoteReply(RequestVoteReply { term: Term(term), granted: true })
}

pub(crate) fn refusal(term: u64) -> Message<Command> {
    Message::RequestVoteReply(RequestVoteReply { term: Term(term), granted: false })
}

/// Entries of `terms` right after `prev`.
pub(crate) fn append<const N: usize>(term: u64, prev: LogPosition, terms: [u64; N], commit: u64) -> Message<Command> {
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        attempt: 0,
        prev,
        entries: terms.into_iter().map(entry).collect(),
        leader_commit: LogIndex(commit),
    })
}

pub(crate) fn heartbeat(term: u64, prev: LogPosition, commit: u64) -> Message<Command> {
    append(term, prev, [], commit)
}

pub(crate) fn accepted(term: u64, match_index: u64) -> Message<Command> {
    append_reply(term, AppendOutcome::Accepted { match_index: LogIndex(match_index) })
}

/// The refusal of an append of the leader's first attempt.
pub(crate) fn conflict(term: u64, prev_index: u64, hint: LogPosition) -> Message<Command> {
    conflict_in(0, term, prev_index, hint)
}

pub(crate) fn conflict_in(attempt: u64, term: u64, prev_index: u64, hint: LogPosition) -> Message<Command> {
    append_reply(term, AppendOutcome::Conflict { attempt, prev_index: LogIndex(prev_index), hint })
}

pub(crate) fn stale(term: u64) -> Message<Command> {
    append_reply(term, AppendOutcome::StaleTerm)
}

fn append_reply(term: u64, outcome: AppendOutcome) -> Message<Command> {
    Message::AppendEntriesReply(AppendEntriesReply { term: Term(term), outcome })
}
