//! Which of the node's writes are durable, and so what it may promise.
//!
//! A server must not answer on the strength of something that a crash can take back (Figure 2:
//! "updated on stable storage before responding to RPCs"). Everything here is about this node's
//! own disk; `Raft::persisted` judges what was withheld again when a write completes.

use alloc::collections::VecDeque;
use core::hash::{Hash, Hasher};

use crate::ids::{LogIndex, Sequence, TermAndVote};
use crate::time::Time;

/// The writes that are under way, and what is durable without them.
#[derive(Clone, Debug)]
pub(crate) struct Durability {
    last_submitted: Sequence,
    last_completed: Sequence,
    in_flight: VecDeque<Write>,
    term_and_vote: TermAndVote,
    index: LogIndex,
}

/// What will be durable once a write completes.
#[derive(Clone, Copy, Hash, Debug)]
struct Write {
    term_and_vote: TermAndVote,
    index: LogIndex,
    submitted_at: Time,
}

/// How many writes there have been makes no difference: their numbers are left out.
impl Hash for Durability {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { last_submitted: _, last_completed: _, in_flight, term_and_vote, index } = self;
        (in_flight, term_and_vote, index).hash(hasher);
    }
}

impl Durability {
    pub(crate) fn restored(term_and_vote: TermAndVote, index: LogIndex) -> Self {
        Self {
            last_submitted: Sequence(0),
            last_completed: Sequence(0),
            in_flight: VecDeque::new(),
            term_and_vote,
            index,
        }
    }

    /// The term and vote that a crash cannot take back.
    pub(crate) fn term_and_vote(&self) -> TermAndVote {
        self.term_and_vote
    }

    /// The last entry that is on this node's disk, with all before it.
    pub(crate) fn index(&self) -> LogIndex {
        self.index
    }

    /// The sequence of the write that is asked for next.
    pub(crate) fn next_sequence(&self) -> Sequence {
        Sequence(self.last_submitted.0 + 1)
    }

    pub(crate) fn last_completed(&self) -> Sequence {
        self.last_completed
    }

    /// Since when the disk has been busy with the oldest write under way.
    pub(crate) fn oldest_submitted_at(&self) -> Option<Time> {
        self.in_flight.front().map(|write| write.submitted_at)
    }

    /// A write is asked for at `now`, after which the disk holds `term_and_vote` and the log up to `last`.
    pub(crate) fn submit(&mut self, term_and_vote: TermAndVote, last: LogIndex, now: Time) -> Sequence {
        self.in_flight.push_back(Write { term_and_vote, index: last, submitted_at: now });
        self.last_submitted = self.next_sequence();
        self.last_submitted
    }

    /// Everything from `first` on was dropped: neither what is durable there nor what is under way counts.
    pub(crate) fn truncated_from(&mut self, first: LogIndex) {
        let kept = first.previous();
        self.index = self.index.min(kept);
        for write in &mut self.in_flight {
            write.index = write.index.min(kept);
        }
    }

    /// All writes up to `sequence` are durable. Returns whether that is news.
    pub(crate) fn completed(&mut self, sequence: Sequence) -> bool {
        let is_news = sequence > self.last_completed;
        while self.last_completed < sequence {
            let Some(write) = self.in_flight.pop_front() else { break };
            self.last_completed.0 += 1;
            self.term_and_vote = write.term_and_vote;
            self.index = self.index.max(write.index);
        }
        is_news
    }
}
