//! What is refused, before anything changes.

use rand_chacha::rand_core::Rng;

use crate::ids::{LogIndex, LogPosition, NodeId, Round, Term};
use crate::input::{Input, InputError};
use crate::message::{AppendEntries, AppendOutcome, InstallSnapshot, Message};
use crate::raft::{Raft, Role};

impl<P, R: Rng> Raft<P, R> {
    pub(crate) fn validate(&self, input: &Input<P>) -> Result<(), InputError> {
        if self.is_stopped {
            return Err(InputError::Stopped);
        }
        match input {
            Input::Receive { from, message } => self.validate_message(*from, message),
            Input::Persisted { sequence } if *sequence >= self.durability.next_sequence() => {
                Err(InputError::UnknownSequence(*sequence))
            }
            Input::SnapshotTaken { last_index, .. } => self.validate_snapshot_taken(*last_index),
            Input::SnapshotChunkLoaded { snapshot, offset, data: Some(data), .. } => {
                validate_chunk(*offset, data.len(), snapshot.size)
            }
            _ => Ok(()),
        }
    }

    fn validate_snapshot_taken(&self, last_index: LogIndex) -> Result<(), InputError> {
        let previous = self.snapshot().map_or(LogIndex(0), |snapshot| snapshot.last.index);
        let applied = self.last_applied();
        match previous < last_index && last_index <= applied {
            true => Ok(()),
            false => Err(InputError::SnapshotOutOfRange { last_index, applied }),
        }
    }

    fn validate_message(&self, from: NodeId, message: &Message<P>) -> Result<(), InputError> {
        // Nearly all messages are of these two kinds.
        match message {
            Message::AppendEntries(append) => {
                self.validate_sender(from, append.term)?;
                self.validate_single_leader(from, append.term)?;
                validate_entry_terms(append)?;
                self.validate_append_only(append)
            }
            Message::AppendEntriesReply(reply) => {
                self.validate_sender(from, reply.term)?;
                if reply.term != self.term {
                    return Ok(());
                }
                self.validate_round(reply.round)?;
                self.validate_outcome(reply.outcome)
            }
            _ => self.validate_rare_message(from, message),
        }
    }

    fn validate_sender(&self, from: NodeId, term: Term) -> Result<(), InputError> {
        if from == self.config.id {
            return Err(InputError::SentByItself);
        }
        if term == Term(0) || term > Term::LIMIT {
            return Err(InputError::TermOutOfRange(term));
        }
        Ok(())
    }

    #[cold]
    fn validate_rare_message(&self, from: NodeId, message: &Message<P>) -> Result<(), InputError> {
        self.validate_sender(from, message.term())?;
        if message.is_from_leader() {
            self.validate_single_leader(from, message.term())?;
        }
        match message {
            Message::InstallSnapshot(part) => {
                validate_part(part)?;
                self.validate_matching_snapshot(part)
            }
            Message::InstallSnapshotReply(reply) if reply.term == self.term => self.validate_round(reply.round),
            Message::PreVote(request) => validate_candidate(request.term, request.last),
            Message::RequestVote(request) => validate_candidate(request.term, request.last),
            Message::ReadIndexReply(reply) => validate_index(reply.index),
            _ => Ok(()),
        }
    }

    /// At most one server leads in a term (§5.2); whoever is second is not to be believed.
    fn validate_single_leader(&self, from: NodeId, term: Term) -> Result<(), InputError> {
        match self.leader() {
            Some(leader) if term == self.term && leader != from => Err(InputError::SecondLeader { term, from }),
            _ => Ok(()),
        }
    }

    fn validate_round(&self, round: Round) -> Result<(), InputError> {
        match &self.role {
            Role::Leader(leader) if round > leader.rounds.last() => Err(InputError::RoundNotBegun),
            _ => Ok(()),
        }
    }

    fn validate_outcome(&self, outcome: AppendOutcome) -> Result<(), InputError> {
        let last_index = self.log.last_index();
        match (outcome, &self.role) {
            (AppendOutcome::Accepted { match_index }, Role::Leader(_)) if match_index > last_index => {
                Err(InputError::MatchBeyondLog { match_index, last_index })
            }
            (AppendOutcome::Conflict { prev_index, hint, .. }, _) => validate_index(prev_index.max(hint.index)),
            _ => Ok(()),
        }
    }

    /// What matched once in a term still does: leaders only append (Figure 3).
    fn validate_append_only(&self, append: &AppendEntries<P>) -> Result<(), InputError> {
        let matched = self.role.matched();
        if append.term != self.term || append.prev.index >= matched {
            return Ok(());
        }
        let indexes = append.prev.index.0 + 1..=matched.0;
        let differs =
            |(index, term): &(u64, Term)| !self.log.contains(LogPosition { index: LogIndex(*index), term: *term });
        match indexes.zip(append.entries.iter().map(|entry| entry.term)).find(differs) {
            None => Ok(()),
            Some((index, _)) => Err(InputError::LeaderContradictsItself { index: LogIndex(index) }),
        }
    }

    /// A snapshot is of the leader's log as well, and what of that matched stays.
    fn validate_matching_snapshot(&self, part: &InstallSnapshot) -> Result<(), InputError> {
        let last = part.snapshot.last;
        match part.term == self.term && last.index <= self.role.matched() && !self.log.contains(last) {
            true => Err(InputError::LeaderContradictsItself { index: last.index }),
            false => Ok(()),
        }
    }
}

/// A candidate has only just begun its term, so that its log has nothing of it.
fn validate_candidate(term: Term, last: LogPosition) -> Result<(), InputError> {
    if last.term >= term {
        return Err(InputError::CandidateAheadOfItself { last: last.term, term });
    }
    validate_index(last.index)
}

/// Terms never fall along a log, and a leader's log holds none above its own.
fn validate_entry_terms<P>(append: &AppendEntries<P>) -> Result<(), InputError> {
    validate_index(append.prev.index)?;
    if append.prev.term > append.term {
        return Err(InputError::EntryTermsOutOfOrder { index: append.prev.index });
    }
    let mut bound = append.prev.term.max(Term(1));
    for (offset, entry) in append.entries.iter().enumerate() {
        if entry.term < bound || entry.term > append.term {
            let index = LogIndex(append.prev.index.0 + 1 + offset as u64);
            return Err(InputError::EntryTermsOutOfOrder { index });
        }
        bound = entry.term;
    }
    Ok(())
}

fn validate_part(part: &InstallSnapshot) -> Result<(), InputError> {
    let snapshot = &part.snapshot;
    validate_index(snapshot.last.index)?;
    if snapshot.last.term > part.term || snapshot.last.term == Term(0) {
        return Err(InputError::EntryTermsOutOfOrder { index: snapshot.last.index });
    }
    if snapshot.membership.voters().next().is_none() {
        return Err(InputError::SnapshotWithoutVoters);
    }
    validate_chunk(part.offset, part.data.len(), snapshot.size)
}

fn validate_chunk(offset: u64, length: usize, size: u64) -> Result<(), InputError> {
    let fits = offset.checked_add(length as u64).is_some_and(|end| end <= size);
    match fits && (length > 0 || size == 0) {
        true => Ok(()),
        false => Err(InputError::ChunkOutOfRange { offset, size }),
    }
}

fn validate_index(index: LogIndex) -> Result<(), InputError> {
    if index > LogIndex::LIMIT { Err(InputError::IndexOutOfRange(index)) } else { Ok(()) }
}
