//! What a leader knows of one follower (Figure 2: `nextIndex`, `matchIndex`).

use crate::ids::LogIndex;
use crate::time::Time;

/// One follower, as its leader sees it.
///
/// `match_index < next_index` always: what is known to match is never sent again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Progress {
    match_index: LogIndex,
    next_index: LogIndex,
    flow: Flow,
    /// How often in this term the logs turned out to meet earlier than was thought.
    attempt: u64,
    /// When the last append left, with entries or without.
    pub(crate) sent_at: Time,
}

/// How appends are sent to a follower.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Flow {
    /// Looking for where the logs meet, one append at a time.
    Probe { outstanding: bool },
    /// The logs meet: appends are sent ahead of their acknowledgements.
    Replicate,
}

impl Progress {
    /// A follower at the start of a term: nothing is known to match, and the guess is that all does (Figure 2).
    pub(crate) fn at_start_of_term(last_index: LogIndex, now: Time) -> Self {
        Self {
            match_index: LogIndex(0),
            next_index: last_index.next(),
            flow: Flow::Probe { outstanding: false },
            attempt: 0,
            sent_at: now,
        }
    }

    /// The last entry known to be durable on the follower and equal to the leader's.
    #[must_use]
    pub fn match_index(&self) -> LogIndex {
        self.match_index
    }

    /// The next entry to send.
    #[must_use]
    pub fn next_index(&self) -> LogIndex {
        self.next_index
    }

    /// How often in this term the logs turned out to meet earlier than was thought.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.attempt
    }

    /// How many entries may be sent now, given what one append and the window ahead of the
    /// acknowledgements allow. 0: wait for a reply.
    pub(crate) fn allowance(&self, per_append: usize, in_flight: u64) -> usize {
        match self.flow {
            Flow::Probe { outstanding: true } => 0,
            Flow::Probe { outstanding: false } => per_append.min(usize::try_from(in_flight).unwrap_or(per_append)),
            Flow::Replicate => {
                let ahead = self.next_index.0 - self.match_index.0 - 1;
                per_append.min(usize::try_from(in_flight.saturating_sub(ahead)).unwrap_or(per_append))
            }
        }
    }

    /// `count` entries from `next_index` on have been sent.
    pub(crate) fn sent(&mut self, count: usize, now: Time) {
        self.sent_at = now;
        match &mut self.flow {
            Flow::Probe { outstanding } => *outstanding = true,
            Flow::Replicate => self.next_index.0 += count as u64,
        }
    }

    /// The follower holds everything up to `match_index`. Returns whether that is news.
    ///
    /// Acknowledgements overtake each other, so an old one must not take anything back.
    pub(crate) fn accepted(&mut self, match_index: LogIndex) -> bool {
        let is_news = match_index > self.match_index;
        self.match_index = self.match_index.max(match_index);
        self.next_index = self.next_index.max(self.match_index.next());
        // Only what reaches up to the probe answers it. An older acknowledgement that arrives late must not
        // set off the whole window again while it is not known where the logs meet.
        if match_index >= self.next_index.previous() {
            self.flow = Flow::Replicate;
        }
        is_news
    }

    /// The follower refused an append of `attempt` whose `prev` was `prev_index`; the logs can meet at `meet` at the
    /// latest. Returns whether that is news: a late refusal of something settled since is not.
    ///
    /// One append out of order is refused, and so are all that overtook it. Each would set off the whole window again
    /// if only the first did not end the attempt.
    pub(crate) fn conflicted(&mut self, attempt: u64, prev_index: LogIndex, meet: LogIndex) -> bool {
        let next_index = meet.next().min(prev_index).max(self.match_index.next());
        // A follower that refuses even what it has acknowledged cannot be brought in line by asking again at once.
        if attempt != self.attempt || prev_index <= self.match_index || next_index >= self.next_index {
            return false;
        }
        self.attempt += 1;
        self.next_index = next_index;
        self.flow = Flow::Probe { outstanding: false };
        true
    }
}
