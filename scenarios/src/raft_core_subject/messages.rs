//! What a message holds its sender to, and what it says in a few words.

use raft_core::{AppendOutcome, LogPosition, Message, RequestVote, Term};
use sim::{Candidacy, Claim, NodeId, OfLeader, Promise};

/// What the sender may not take back, even in a crash, or is held to besides.
pub(crate) fn claim_in<P>(from: NodeId, to: NodeId, message: &Message<P>) -> Option<Claim> {
    let promise = match message {
        Message::RequestVote(request) => Promise::Vote { term: request.term.0, candidate: from },
        Message::RequestVoteReply(reply) if reply.granted => Promise::Vote { term: reply.term.0, candidate: to },
        Message::AppendEntriesReply(reply) => match reply.outcome {
            AppendOutcome::Accepted { match_index } => Promise::Log { term: reply.term.0, index: match_index.0 },
            AppendOutcome::Heard | AppendOutcome::Conflict { .. } | AppendOutcome::StaleTerm => return None,
        },
        Message::PreVoteReply(reply) => {
            return reply.granted.then_some(Claim::WouldVote { term: reply.term.0, candidate: to });
        }
        Message::TimeoutNow(request) => return Some(Claim::HandsOver { term: request.term.0, to }),
        _ => return None,
    };
    Some(Claim::Promises(promise))
}

pub(crate) fn describe_message<P>(message: &Message<P>) -> String {
    match message {
        Message::PreVote(request) => format!("PreVote t{} last {}", request.term, position(request.last)),
        Message::PreVoteReply(reply) => {
            format!("pre-vote {} t{}", if reply.granted { "granted" } else { "refused" }, reply.term)
        }
        Message::RequestVote(request) => {
            let transfer = if request.is_transfer { ", as asked by the leader" } else { "" };
            format!("RequestVote t{} last {}{transfer}", request.term, position(request.last))
        }
        Message::RequestVoteReply(reply) => {
            format!("vote {} t{}", if reply.granted { "granted" } else { "refused" }, reply.term)
        }
        Message::AppendEntries(append) if append.entries.is_empty() => {
            format!("heartbeat t{} prev {} commit {}", append.term, position(append.prev), append.leader_commit)
        }
        Message::AppendEntries(append) => format!(
            "AppendEntries t{} prev {} +{} commit {}",
            append.term,
            position(append.prev),
            append.entries.len(),
            append.leader_commit
        ),
        Message::AppendEntriesReply(reply) => match reply.outcome {
            AppendOutcome::Accepted { match_index } => format!("accepted t{} match {match_index}", reply.term),
            AppendOutcome::Heard => format!("heard t{}", reply.term),
            AppendOutcome::Conflict { prev_index, hint, .. } => {
                format!("conflict t{} at {prev_index} hint {}", reply.term, position(hint))
            }
            AppendOutcome::StaleTerm => format!("stale, now t{}", reply.term),
        },
        Message::InstallSnapshot(part) => format!(
            "InstallSnapshot t{} of {}, bytes {}..{} of {}",
            part.term,
            position(part.snapshot.last),
            part.offset,
            part.offset + part.data.len() as u64,
            part.snapshot.size
        ),
        Message::InstallSnapshotReply(reply) => format!(
            "snapshot t{} of {}: {} bytes of {}",
            reply.term,
            position(reply.snapshot.last),
            reply.received,
            reply.snapshot.size
        ),
        Message::TimeoutNow(request) => format!("TimeoutNow t{}", request.term),
        Message::ReadIndex(question) => format!("ReadIndex t{}", question.term),
        Message::ReadIndexReply(answer) => format!("read index t{}: {}", answer.term, answer.index),
        Message::LogLost(notice) => format!("LogLost t{} acknowledged {}", notice.term, notice.acknowledged),
    }
}

fn position(position: LogPosition) -> String {
    format!("{}/t{}", position.index, position.term)
}

/// What a voter hears of who leads.
pub(crate) fn says_of_leader<P>(message: &Message<P>) -> Option<OfLeader> {
    match message {
        Message::AppendEntries(append) => Some(OfLeader::Leads(append.term.0)),
        Message::InstallSnapshot(part) => Some(OfLeader::Leads(part.term.0)),
        Message::RequestVote(RequestVote { term, last, is_transfer: true, .. }) => {
            Some(OfLeader::HandsOver(candidacy(*term, *last)))
        }
        Message::RequestVote(request) => Some(OfLeader::Campaigns(candidacy(request.term, request.last))),
        Message::PreVote(request) => Some(OfLeader::WouldCampaign(candidacy(request.term, request.last))),
        _ => None,
    }
}

fn candidacy(term: Term, last: LogPosition) -> Candidacy {
    Candidacy { term: term.0, last: (last.term.0, last.index.0) }
}
