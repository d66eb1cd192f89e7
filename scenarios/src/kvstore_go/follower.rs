//! The follower's loop.

use sim::Outputs;

use super::{Entry, KvstoreGo, Message};

/// An append as it arrives.
struct Append {
    term: u64,
    from: sim::NodeId,
    prev_key: i64,
    prev_term: u64,
    entries: Vec<Entry>,
    leader_commit: u64,
    heartbeat: bool,
}

impl KvstoreGo {
    pub(super) fn follower_hears(&mut self, message: Message, out: &mut impl Outputs<Self>) {
        match message {
            Message::RequestVote { term, from, last_term, last_key } => {
                let (own_key, own_term) = self.log.last().map_or((0, 0), |last| (last.key, last.term));
                let fresh = own_term <= last_term || (own_term == last_term && own_key <= last_key);
                if term > self.term {
                    if fresh {
                        self.term = term;
                        self.voted_for = Some(from);
                        out.send(from, Message::VoteReply { term, voted_for: self.voted_for });
                    }
                } else if term == self.term && self.voted_for.is_some() {
                    out.send(from, Message::VoteReply { term, voted_for: self.voted_for });
                }
            }
            Message::Append { term, from, prev_key, prev_term, entries, leader_commit, heartbeat } => {
                self.take_append(Append { term, from, prev_key, prev_term, entries, leader_commit, heartbeat }, out);
            }
            Message::VoteReply { .. } | Message::AppendReply { .. } => {}
        }
    }

    fn take_append(&mut self, append: Append, out: &mut impl Outputs<Self>) {
        let Append { term, from, prev_key, prev_term, entries, leader_commit, heartbeat } = append;
        // First of all, and whoever says so. What it applies before it finds that there is no more, it has applied.
        for position in self.applied + 1..=leader_commit {
            if self.apply(position, out).is_none() {
                return;
            }
            self.commit = position;
            self.applied = position;
        }
        if heartbeat && term >= self.term {
            self.adopt(term, from, leader_commit);
        } else if term < self.term {
            return;
        } else if self.contradicts(prev_key, prev_term) {
            out.send(from, Message::AppendReply { term: self.term, from: self.me, success: false, last: -1 });
        } else {
            self.log.extend(entries);
            let last = self.last() as i64;
            out.send(from, Message::AppendReply { term: self.term, from: self.me, success: true, last });
            self.adopt(term, from, leader_commit);
        }
        if leader_commit > self.commit {
            self.commit = leader_commit.min(u64::try_from(prev_key).unwrap_or(0));
        }
    }

    fn adopt(&mut self, term: u64, leader: sim::NodeId, leader_commit: u64) {
        self.term = term;
        self.leader = Some(leader);
        self.commit = leader_commit;
    }

    /// Whether the key, taken for a position, is one of the log, and holds an entry of another term.
    fn contradicts(&self, prev_key: i64, prev_term: u64) -> bool {
        let entry = usize::try_from(prev_key).ok().and_then(|position| self.log.get(position));
        entry.is_some_and(|entry| entry.term != prev_term)
    }
}
