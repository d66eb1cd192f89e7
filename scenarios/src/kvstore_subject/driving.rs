//! The driver of one replica: what the simulator tells it, and what it asks for, in the words of the other.

use std::sync::Arc;

use kvstore::replica::{Found, Input as ReplicaInput, Outcome, Output, Query, Request};
use kvstore::storage::{Batch, FileName, FileOperation};
use kvstore::{Answer, Operation as Verb, Stamp, checksum, decode_message, encode_message};
use sim::{Input, Operation, Outputs, RequestId, Response};

use super::command::{self, Asked, Place, Wish};
use super::disk::Write;
use super::{Feature, Kvstore, OPERATION, Writing, is_snapshot};
use crate::raft_core_subject::{changes_between, core_id, membership, read_mode, sim_id};

fn number(id: RequestId) -> u64 {
    u64::from(id.client) << 32 | u64::from(id.number)
}

fn request_id(number: u64) -> RequestId {
    RequestId { client: (number >> 32) as u16, number: number as u32 }
}

impl Kvstore {
    pub(super) fn replica_input(&mut self, input: Input<Self>, out: &mut impl Outputs<Self>) -> Option<ReplicaInput> {
        Some(match input {
            Input::Receive { from, message } => match decode_message(&message) {
                Ok(message) => ReplicaInput::Receive { from: core_id(from), message },
                Err(problem) => {
                    out.refuse(format!("a frame of {from}: {problem}"));
                    return None;
                }
            },
            Input::Request { id, command } => match self.request(command, out) {
                Some(request) => ReplicaInput::Request { id: number(id), request },
                None => {
                    out.respond(id, Response::NoEffect);
                    return None;
                }
            },
            Input::Operate { operation: Operation::TransferLeadership { to } } => {
                ReplicaInput::TransferLeadership { to: core_id(to) }
            }
            Input::Operate { operation: Operation::ChangeMembership { voters, learners } } => {
                let changes = changes_between(self.replica.raft().membership(), voters, learners, self.promotes);
                ReplicaInput::Request { id: OPERATION, request: Request::ChangeMembership(changes) }
            }
            Input::Written => match self.writing.pop_front()? {
                Writing::Batch => ReplicaInput::Written,
                Writing::Snapshot { last, size, checksum } => ReplicaInput::SnapshotStored { last, size, checksum },
            },
            Input::DeadlineReached => ReplicaInput::DeadlineReached,
        })
    }

    /// What the server is asked; `None`: nothing, since the client has no session in which to ask. Who does not lead says so
    /// whatever it is asked.
    fn request(&self, asked: Asked, out: &mut impl Outputs<Self>) -> Option<Request> {
        let trace = asked.digest();
        let (client, sequence) = (asked.request.client, u64::from(asked.request.number) + 1);
        Some(match asked.wish {
            Wish::Read { key, path } => Request::Read { query: Query::Get(command::name(key)), mode: read_mode(path) },
            Wish::Operate { operation, place } => {
                let is_followed = matches!(operation, Verb::Insert { .. });
                let is_lasting = is_followed || place == Place::Inside;
                let name = if is_lasting { command::lasting(client) } else { client.into() };
                let session = (place != Place::Outside).then(|| self.replica.machine().session_of(name)).flatten();
                match session {
                    Some(_) => out.exercised(Feature::SessionUsed as u8),
                    None if place == Place::Inside && self.replica.raft().role() == raft_core::RoleName::Leader => {
                        return None;
                    }
                    None => {}
                }
                // The client asks for one thing at a time, and has its answer or wants it no more. One that comes late would
                // not be carried out then: what the checkers follow must be, unless they are told that it is asked for again.
                let unanswered_from = if is_followed && place == Place::IfOpen { 1 } else { sequence };
                let stamp = session.map(|session| Stamp { session, sequence, unanswered_from });
                Request::Command { stamp, trace, operation }
            }
        })
    }

    pub(super) fn carry_out(&mut self, output: Output, out: &mut impl Outputs<Self>) {
        match output {
            Output::Send { to, message } => out.send(sim_id(to), encode_message(&message).into()),
            Output::Write(batch) => self.write(batch, out),
            Output::StoreSnapshot { last, machine } => self.storing = Some((last, machine)),
            Output::Answer { id: OPERATION, outcome } => {
                if outcome == Outcome::Changed {
                    out.exercised(Feature::MembershipChange as u8);
                }
            }
            Output::Answer { id, outcome } => {
                if matches!(&outcome, Outcome::Done { answer: Answer::SessionExpired, .. }) {
                    out.exercised(Feature::SessionExpired as u8);
                }
                match response(outcome) {
                    Some(response) => out.respond(request_id(id), response),
                    None => out.give_up(request_id(id)),
                }
            }
            Output::MembershipChanged { membership: members, .. } => self.membership = membership(&members),
            Output::Restored { .. } => out.exercised(Feature::SnapshotInstalled as u8),
            Output::Refused { reason, .. } => out.refuse(reason),
            Output::Stop(_) if self.has_lied => {
                out.exercised(Feature::LostLog as u8);
                self.is_retired = true;
            }
            Output::Stop(reason) => out.stop(reason),
            Output::RoleChanged { .. } | Output::TransferEnded { .. } | Output::FollowerLostLog { .. } => {}
        }
    }

    fn write(&mut self, batch: Batch, out: &mut impl Outputs<Self>) {
        // The cache shows at once what the disk has not written yet.
        for operation in batch.files.iter().chain(&batch.cleanup) {
            match operation {
                FileOperation::Create { file, .. }
                | FileOperation::Write { file, .. }
                | FileOperation::Remove { file }
                    if is_snapshot(*file) =>
                {
                    self.replica.files_mut().files_mut().carry_out(operation);
                }
                _ => {}
            }
        }
        self.writing.push_back(Writing::Batch);
        out.write(Write::of_batch(self.replica.raft().id().0, batch));
    }

    pub(super) fn store_snapshot(&mut self, out: &mut impl Outputs<Self>) {
        let Some((last, machine)) = self.storing.take() else { return };
        let bytes: Arc<[u8]> = machine.snapshot().into();
        let (size, checksum) = (bytes.len() as u64, checksum(&bytes));
        let file = FileName::Snapshot { index: last.index.0, term: last.term.0, size, checksum };
        out.exercised(Feature::SnapshotTaken as u8);
        self.replica.files_mut().files_mut().carry_out(&FileOperation::Write { file, offset: 0, data: bytes.clone() });
        self.writing.push_back(Writing::Snapshot { last, size, checksum });
        out.write(Write::Snapshot { file, bytes });
    }
}

/// What a client is told, unless nobody knows.
fn response(outcome: Outcome) -> Option<Response<Answer>> {
    Some(match outcome {
        Outcome::Done { answer, index } => Response::Done { answer, index: Some(index.0) },
        Outcome::Found(Found::Value(value)) => {
            Response::Done { answer: value.map_or(Answer::NotFound, Answer::Value), index: None }
        }
        Outcome::NotLeader { leader } => Response::NotLeader { leader: leader.map(sim_id) },
        Outcome::Found(_) | Outcome::Changed | Outcome::Again(_) | Outcome::Refused(_) => Response::NoEffect,
        Outcome::Unknown => return None,
    })
}
