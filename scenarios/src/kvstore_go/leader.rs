//! The leader's loop.

use sim::{NodeId, Outputs, Response};

use super::{Entry, KvstoreGo, Message};
use crate::kv::Command;

impl KvstoreGo {
    pub(super) fn heartbeat(&self, out: &mut impl Outputs<Self>) {
        self.broadcast(&self.append((0, 0), Vec::new(), true), out);
    }

    pub(super) fn propose(&mut self, command: Command, out: &mut impl Outputs<Self>) {
        let before = self.log.last().map_or((0, 0), |last| (last.key, last.term));
        let entry = Entry { key: command.key, term: self.term, command: Some(command), acks: 0 };
        self.log.push(entry);
        self.waiting.push(command.request);
        self.broadcast(&self.append(before, vec![entry], false), out);
    }

    pub(super) fn leader_hears(&mut self, message: Message, out: &mut impl Outputs<Self>) {
        match message {
            // Whatever its term.
            Message::AppendReply { from, success, last, .. } => self.take_reply(from, success, last, out),
            other if other.term() > self.term => self.follow(other.term()),
            _ => {}
        }
    }

    fn take_reply(&mut self, from: NodeId, success: bool, last: i64, out: &mut impl Outputs<Self>) {
        let position = usize::try_from(last).ok().filter(|position| *position < self.log.len());
        let Some(position) = position else {
            out.stop(format!("index out of range: {last} in a log that ends at {}", self.last()));
            return;
        };
        if self.log[position].acks >= self.majority {
            self.commit = position as u64;
            self.answer(position, out);
            if self.is_blocked {
                return;
            }
            self.heartbeat(out);
        }
        let next = &mut self.next[usize::from(from.0)];
        *next = (*next).max(position as u64 + 1);
        if success {
            self.log[position].acks += 1;
        } else {
            let all_but_last = self.log[..self.log.len() - 1].to_vec();
            out.send(from, self.append((0, 0), all_but_last, false));
        }
    }

    /// Applies this one entry, and answers through a channel that blocks until the client takes it: one who has been
    /// answered does not listen any more, and of one who asked another server nobody listens here.
    fn answer(&mut self, position: usize, out: &mut impl Outputs<Self>) {
        let command = self.log[position].command;
        let (Some(command), Some(answer)) = (command, self.apply(position as u64, out)) else { return };
        match self.waiting.iter().position(|waiting| *waiting == command.request) {
            Some(place) => {
                self.waiting.swap_remove(place);
                out.respond(command.request, Response::Done { answer, index: Some(position as u64) });
            }
            None => self.is_blocked = true,
        }
    }

    fn append(&self, (prev_key, prev_term): (i64, u64), entries: Vec<Entry>, heartbeat: bool) -> Message {
        let (term, from, leader_commit) = (self.term, self.me, self.commit);
        Message::Append { term, from, prev_key, prev_term, entries, leader_commit, heartbeat }
    }
}
