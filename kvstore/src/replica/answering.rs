//! What is committed is applied, and whoever asked is answered.

use raft_core::{LogIndex, Payload, ProposalOutcome, ReadOutcome, RejectReason};
use rand_chacha::rand_core::Rng;

use super::{Outcome, Output, Replica};
use crate::storage::Files;

impl<F: Files, R: Rng> Replica<F, R> {
    pub(super) fn apply(&mut self, first: LogIndex, last: LogIndex) {
        self.answers.clear();
        self.answers_from = first;
        for (index, entry) in (first.0..).zip(self.raft.log().slice(first..=last)) {
            let command = match &entry.payload {
                Payload::Command(command) => Some(&**command),
                Payload::Noop | Payload::Membership(_) => None,
            };
            self.applied_bytes += 16 + command.map_or(0, |command| command.len() as u64);
            self.answers.push(self.machine.apply(index, command));
        }
        self.applied = last;
    }

    pub(super) fn proposal_outcome(&mut self, is_change: bool, outcome: ProposalOutcome) -> Outcome {
        match outcome {
            ProposalOutcome::Committed { .. } if is_change => Outcome::Changed,
            ProposalOutcome::Committed { index, .. } => {
                // Its `Apply` came right before: the answer is among the last.
                let place = index.0.checked_sub(self.answers_from.0).and_then(|place| usize::try_from(place).ok());
                match place.and_then(|place| self.answers.get(place)) {
                    Some(answer) => Outcome::Done { answer: answer.clone(), index },
                    None => Outcome::Unknown,
                }
            }
            ProposalOutcome::Rejected(RejectReason::NotLeader { leader }) => Outcome::NotLeader { leader },
            ProposalOutcome::Rejected(RejectReason::TransferInProgress { to }) => {
                Outcome::NotLeader { leader: Some(to) }
            }
            ProposalOutcome::Rejected(RejectReason::TooMuchUncommitted { uncommitted_bytes }) => {
                Outcome::Again(format!("{uncommitted_bytes} bytes wait to be committed already"))
            }
            ProposalOutcome::Rejected(RejectReason::Membership(error)) => Outcome::Refused(error.to_string()),
            ProposalOutcome::Rejected(RejectReason::ChangeInProgress) => {
                Outcome::Again("the change of membership before this one is not complete".to_owned())
            }
            ProposalOutcome::Rejected(_) => {
                Outcome::Again("the leader is new, and has committed nothing yet".to_owned())
            }
            ProposalOutcome::Superseded => Outcome::Again("another leader's entry took its place".to_owned()),
            _ => Outcome::Unknown,
        }
    }

    pub(super) fn end_read(&mut self, id: u64, outcome: ReadOutcome, outputs: &mut Vec<Output>) {
        let Some(query) = self.reads.remove(&id) else { return };
        let outcome = match outcome {
            ReadOutcome::Ready { .. } => Outcome::Found(query.ask(&self.machine)),
            ReadOutcome::NotLeader { leader } => Outcome::NotLeader { leader },
            _ => Outcome::Again("leadership changed".to_owned()),
        };
        outputs.push(Output::Answer { id, outcome });
    }
}
