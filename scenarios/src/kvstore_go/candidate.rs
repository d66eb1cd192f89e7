//! The candidate's loop.

use sim::{Outputs, Role};

use super::{KvstoreGo, Message};

impl KvstoreGo {
    /// Enters the loop, and so the next term.
    pub(super) fn campaign(&mut self, out: &mut impl Outputs<Self>) {
        self.role = Role::Candidate;
        self.term += 1;
        self.voted_for = Some(self.me);
        self.votes = 1;
        self.broadcast(&Message::RequestVote { term: self.term, from: self.me, last_term: 0, last_key: 0 }, out);
        self.lead_if_elected();
    }

    pub(super) fn candidate_hears(&mut self, message: &Message, out: &mut impl Outputs<Self>) {
        match *message {
            Message::RequestVote { term, from, .. } if term == self.term => {
                out.send(from, Message::VoteReply { term, voted_for: self.voted_for });
            }
            Message::RequestVote { term, .. } if term > self.term => self.follow(term),
            // Whoever says so, and however often.
            Message::VoteReply { term, voted_for } if term == self.term && voted_for == Some(self.me) => {
                self.votes += 1;
                self.lead_if_elected();
            }
            Message::Append { term, .. } if term >= self.term => self.follow(term),
            _ => self.campaign(out),
        }
    }

    fn lead_if_elected(&mut self) {
        if self.votes >= self.majority {
            self.role = Role::Leader;
            self.leader = Some(self.me);
        }
    }
}
