//! What is refused, before anything changes.

use rand_chacha::rand_core::Rng;

use crate::ids::{LogIndex, LogPosition, NodeId, Term};
use crate::input::{Input, InputError};
use crate::message::{AppendEntries, AppendOutcome, Message, RequestVote};
use crate::raft::{Raft, Role};

impl<P, R: Rng> Raft<P, R> {
    pub(crate) fn validate(&self, input: &Input<P>) -> Result<(), InputError> {
        if self.is_stopped {
            return Err(InputError::Stopped);
        }
        match input {
            Input::Receive { from, message } => self.validate_message(*from, message),
            Input::Persisted { sequence } if *sequence > self.durability.last_submitted() => {
                Err(InputError::UnknownSequence(*sequence))
            }
            Input::Persisted { .. } | Input::Propose { .. } | Input::DeadlineReached => Ok(()),
        }
    }

    fn validate_message(&self, from: NodeId, message: &Message<P>) -> Result<(), InputError> {
        if from == self.config.id {
            return Err(InputError::SentByItself);
        }
        if !self.config.peers().contains(&from) {
            return Err(InputError::UnknownSender(from));
        }
        if message.term() == Term(0) || message.term() > Term::LIMIT {
            return Err(InputError::TermOutOfRange(message.term()));
        }
        match message {
            Message::AppendEntries(append) => {
                validate_entry_terms(append)?;
                self.validate_single_leader(from, append.term)?;
                self.validate_append_only(append)
            }
            Message::AppendEntriesReply(reply) => match (reply.outcome, &self.role) {
                (AppendOutcome::Accepted { match_index }, Role::Leader(_))
                    if reply.term == self.term && match_index > self.log.last_index() =>
                {
                    Err(InputError::MatchBeyondLog { match_index, last_index: self.log.last_index() })
                }
                _ => Ok(()),
            },
            Message::RequestVote(RequestVote { term, last }) if last.term >= *term => {
                Err(InputError::CandidateAheadOfItself { last: last.term, term: *term })
            }
            Message::RequestVote(_) | Message::RequestVoteReply(_) => Ok(()),
        }
    }

    /// At most one server leads in a term (§5.2); whoever is second is not to be believed.
    fn validate_single_leader(&self, from: NodeId, term: Term) -> Result<(), InputError> {
        match self.leader() {
            Some(leader) if term == self.term && leader != from => Err(InputError::SecondLeader { term, from }),
            _ => Ok(()),
        }
    }

    /// What matched once in a term still does: leaders only append (Figure 3).
    fn validate_append_only(&self, append: &AppendEntries<P>) -> Result<(), InputError> {
        let Role::Follower(follower) = &self.role else { return Ok(()) };
        if append.term != self.term || append.prev.index >= follower.matched {
            return Ok(());
        }
        let indexes = append.prev.index.0 + 1..=follower.matched.0;
        let differs =
            |(index, term): &(u64, Term)| !self.log.contains(LogPosition { index: LogIndex(*index), term: *term });
        match indexes.zip(append.entries.iter().map(|entry| entry.term)).find(differs) {
            None => Ok(()),
            Some((index, _)) => Err(InputError::LeaderContradictsItself { index: LogIndex(index) }),
        }
    }
}

/// Terms never fall along a log, and a leader's log holds none above its own.
fn validate_entry_terms<P>(append: &AppendEntries<P>) -> Result<(), InputError> {
    if append.prev.term > append.term {
        return Err(InputError::EntryTermsOutOfOrder { index: append.prev.index });
    }
    let mut bound = append.prev.term.max(Term(1));
    for (offset, entry) in append.entries.iter().enumerate() {
        if entry.term < bound || entry.term > append.term {
            let index = LogIndex(append.prev.index.0.saturating_add(1 + offset as u64));
            return Err(InputError::EntryTermsOutOfOrder { index });
        }
        bound = entry.term;
    }
    Ok(())
}
