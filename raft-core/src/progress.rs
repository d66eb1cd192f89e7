//! What a leader knows of one follower (Figure 2: `nextIndex`, `matchIndex`), and how it sends to it.

use alloc::collections::VecDeque;
use alloc::sync::Arc;

use crate::ids::{LogIndex, Round};
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::time::Time;

/// One follower, as its leader sees it.
///
/// `match_index < next_index` always: what is known to match is never sent again.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Progress {
    match_index: LogIndex,
    next_index: LogIndex,
    flow: Flow,
    /// How many appends may be under way, if the settings allow so many: halved when one of them does not fit the
    /// follower's log, and one more for each acknowledgement (the congestion window of RFC 5681, counted in appends).
    ///
    /// Where a network holds some messages back longer than others, what overtakes them is refused and sent again. A
    /// whole window for each that is late would be more than any network carries.
    window: usize,
    /// How often in this term the logs turned out to meet earlier than was thought.
    attempt: u64,
    /// The leader's latest round when `match_index` last rose: whatever carries a later one left after that.
    matched_in: Round,
    /// When the follower was last sent anything, and last heard of.
    pub(crate) sent_at: Time,
    pub(crate) heard_at: Time,
    /// The latest round that the follower has answered.
    pub(crate) answered: Round,
}

/// How a follower is brought up to date.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Flow {
    /// Looking for where the logs meet, one append at a time.
    Probe {
        /// Whether an append is under way.
        is_outstanding: bool,
    },
    /// The logs meet: appends are sent ahead of their acknowledgements, as far as the window allows.
    Replicate(InFlight),
    /// What the follower lacks has been compacted: it gets a snapshot, and nothing else meanwhile.
    Snapshot(SnapshotTransfer),
    /// The follower lost what it had acknowledged: it gets nothing more.
    Lost,
}

/// The appends on their way to a follower.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct InFlight {
    /// The last entry of each, and its bytes.
    appends: VecDeque<(LogIndex, u64)>,
    bytes: u64,
}

/// A snapshot on its way to a follower.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct SnapshotTransfer {
    pub(crate) snapshot: Arc<Snapshot>,
    /// How many bytes are durable on the follower, and how many have been sent.
    acknowledged: u64,
    sent: u64,
    /// What may be sent before a heartbeat interval is over, and when it began.
    budget: u64,
    refilled_at: Time,
    /// Whether the part that follows `acknowledged` is to be sent again, and whether it has been.
    repeat: Repeat,
    /// Heartbeats since the follower last acknowledged anything new.
    silent_heartbeats: u32,
}

/// Whether one part of a snapshot is to be sent again ahead of its turn.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Repeat {
    NotNeeded,
    Due,
    Done,
}

/// No conflict makes the window smaller than this: a lost append is noticed by what is sent after it, and where that is too
/// little, only by the next heartbeat.
const SMALLEST_WINDOW: usize = 4;

/// What a leader makes of a follower's refusal of an append.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Refusal {
    /// It says nothing new: it is late.
    Late,
    /// The logs meet earlier than was thought.
    Retry,
    /// The follower does not hold what it had acknowledged before the append was sent.
    LostLog,
}

impl Progress {
    /// A follower at the start of a term: nothing is known to match, and the guess is that all does (Figure 2).
    pub(crate) fn at_start_of_term(last_index: LogIndex, now: Time) -> Self {
        Self {
            match_index: LogIndex(0),
            next_index: last_index.next(),
            flow: Flow::Probe { is_outstanding: false },
            window: usize::MAX,
            attempt: 0,
            matched_in: Round(0),
            sent_at: now,
            heard_at: now,
            answered: Round(0),
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

    /// How the follower is brought up to date.
    #[must_use]
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// How often in this term the logs turned out to meet earlier than was thought.
    #[must_use]
    pub fn attempt(&self) -> u64 {
        self.attempt
    }

    /// Whether the follower is brought up to date by entries.
    pub(crate) fn is_sent_entries(&self) -> bool {
        matches!(self.flow, Flow::Probe { .. } | Flow::Replicate(_))
    }

    /// Whether an append with entries may be sent now.
    pub(crate) fn has_room(&self, settings: &Settings) -> bool {
        match &self.flow {
            Flow::Probe { is_outstanding } => !is_outstanding,
            Flow::Replicate(in_flight) => in_flight.appends.len() < self.window && in_flight.has_room(settings),
            Flow::Snapshot(_) | Flow::Lost => false,
        }
    }

    /// Entries from `next_index` to `last` have been sent, `bytes` of them.
    pub(crate) fn sent(&mut self, last: LogIndex, bytes: u64, now: Time) {
        self.sent_at = now;
        match &mut self.flow {
            Flow::Probe { is_outstanding } => *is_outstanding = true,
            Flow::Replicate(in_flight) => {
                self.next_index = last.next();
                in_flight.appends.push_back((last, bytes));
                in_flight.bytes += bytes;
            }
            Flow::Snapshot(_) | Flow::Lost => {}
        }
    }

    /// The follower holds everything up to `match_index`; the leader's latest round is `round`. Returns whether that
    /// is news.
    ///
    /// Acknowledgements overtake each other, so an old one must not take anything back.
    pub(crate) fn accepted(&mut self, match_index: LogIndex, round: Round, base: LogIndex) -> bool {
        let is_news = match_index > self.match_index;
        if is_news {
            self.match_index = match_index;
            self.matched_in = round;
            self.next_index = self.next_index.max(match_index.next());
        }
        match &mut self.flow {
            // Only what reaches up to the probe answers it. An older acknowledgement that arrives late must not
            // set off the whole window again while it is not known where the logs meet.
            Flow::Probe { .. } if match_index >= self.next_index.previous() => {
                self.flow = Flow::Replicate(InFlight::default());
            }
            // An acknowledgement frees whatever it covers, so that the window is always given back.
            Flow::Replicate(in_flight) => {
                in_flight.acknowledged(match_index);
                self.window = self.window.saturating_add(usize::from(is_news));
            }
            // The follower has got so far, by this snapshot or without it, that the log serves it again.
            Flow::Snapshot(transfer) if self.match_index >= transfer.snapshot.last.index.min(base) => {
                self.next_index = self.match_index.next();
                self.flow = Flow::Replicate(InFlight::default());
            }
            Flow::Probe { .. } | Flow::Snapshot(_) | Flow::Lost => {}
        }
        is_news
    }

    /// The follower refused an append of `attempt` and `round` whose `prev` was `prev_index`; the logs can meet at
    /// `meet` at the latest.
    ///
    /// One append out of order is refused, and so are all that overtook it. Each would set off the whole window again
    /// if only the first did not end the attempt.
    pub(crate) fn refused(&mut self, attempt: u64, round: Round, prev_index: LogIndex, meet: LogIndex) -> Refusal {
        if prev_index <= self.match_index {
            // Sent after the acknowledgement had come back, and refuted all the same. To know it once is enough.
            let is_proof = round > self.matched_in && self.flow != Flow::Lost;
            return if is_proof { Refusal::LostLog } else { Refusal::Late };
        }
        let next_index = meet.next().min(prev_index).max(self.match_index.next());
        if attempt != self.attempt || next_index >= self.next_index || !self.is_sent_entries() {
            return Refusal::Late;
        }
        if let Flow::Replicate(in_flight) = &self.flow {
            self.window = (in_flight.appends.len() / 2).max(SMALLEST_WINDOW);
        }
        self.attempt += 1;
        self.next_index = next_index;
        self.flow = Flow::Probe { is_outstanding: false };
        Refusal::Retry
    }

    /// What was sent lately is probably lost: go back to what is known to match, and find out.
    pub(crate) fn unreachable(&mut self) {
        if let Flow::Replicate(_) = self.flow {
            self.attempt += 1;
            self.next_index = self.match_index.next();
            self.flow = Flow::Probe { is_outstanding: false };
        }
    }

    pub(crate) fn begin_snapshot(&mut self, snapshot: Arc<Snapshot>, budget: u64, now: Time) {
        self.flow = Flow::Snapshot(SnapshotTransfer {
            snapshot,
            acknowledged: 0,
            sent: 0,
            budget,
            refilled_at: now,
            repeat: Repeat::NotNeeded,
            silent_heartbeats: 0,
        });
    }

    pub(crate) fn give_up(&mut self) {
        self.flow = Flow::Lost;
    }

    pub(crate) fn snapshot_transfer(&mut self) -> Option<&mut SnapshotTransfer> {
        match &mut self.flow {
            Flow::Snapshot(transfer) => Some(transfer),
            Flow::Probe { .. } | Flow::Replicate(_) | Flow::Lost => None,
        }
    }
}

impl InFlight {
    fn has_room(&self, settings: &Settings) -> bool {
        self.appends.len() < settings.max_appends_in_flight && self.bytes < settings.max_bytes_in_flight
    }

    fn acknowledged(&mut self, match_index: LogIndex) {
        while let Some(&(last, bytes)) = self.appends.front()
            && last <= match_index
        {
            self.bytes -= bytes;
            self.appends.pop_front();
        }
    }

    /// How many appends are under way.
    #[must_use]
    pub fn appends(&self) -> usize {
        self.appends.len()
    }

    /// How many bytes of entries they carry.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }
}

/// After so many heartbeats without an acknowledgement, what was sent is taken for lost; after so many, also what the
/// follower had acknowledged: it may have been restarted without it.
const SILENCE_TO_RESEND: u32 = 2;
const SILENCE_TO_START_OVER: u32 = 8;

impl SnapshotTransfer {
    /// The part to send next, as offset and length, if the window and the rate allow one now.
    pub(crate) fn next_chunk(&mut self, settings: &Settings) -> Option<(u64, u64)> {
        if self.repeat == Repeat::Due && self.budget > 0 && self.acknowledged < self.sent {
            self.repeat = Repeat::Done;
            let left = self.sent - self.acknowledged;
            let length = left.min(settings.snapshot_chunk_bytes).min(self.budget);
            self.budget -= length;
            return Some((self.acknowledged, length));
        }
        let is_first = self.sent == 0 && self.snapshot.size == 0;
        let is_done = self.sent >= self.snapshot.size && !is_first;
        if is_done || self.budget == 0 || self.sent - self.acknowledged >= settings.snapshot_bytes_in_flight {
            return None;
        }
        let (offset, left) = (self.sent, self.snapshot.size - self.sent);
        let window = settings.snapshot_bytes_in_flight - (self.sent - self.acknowledged);
        let length = left.min(settings.snapshot_chunk_bytes).min(window).min(self.budget);
        // An empty snapshot is one empty part: its budget tells that it has gone.
        self.budget = if is_first { 0 } else { self.budget - length };
        self.sent += length;
        Some((offset, length))
    }

    /// `received` bytes are durable on the follower.
    ///
    /// The same said twice means that a part arrived which does not come next: the one that does is late or lost. It is
    /// sent again at once, but only once.
    pub(crate) fn acknowledged(&mut self, received: u64) {
        if received > self.acknowledged {
            self.acknowledged = received;
            self.sent = self.sent.max(received);
            self.repeat = Repeat::NotNeeded;
            self.silent_heartbeats = 0;
        } else if received == self.acknowledged && self.repeat == Repeat::NotNeeded {
            self.repeat = Repeat::Due;
        }
    }

    /// Time has passed: after a heartbeat interval more may be sent, and what went unanswered is sent again.
    pub(crate) fn time_passed(&mut self, settings: &Settings, now: Time) {
        if now < self.refilled_at.after(settings.heartbeat_interval) {
            return;
        }
        self.refilled_at = now;
        self.budget = settings.snapshot_bytes_per_heartbeat;
        if self.silent_heartbeats >= SILENCE_TO_RESEND {
            // One that does not answer is sent one part at a time: it may be dead.
            self.budget = self.budget.min(settings.snapshot_chunk_bytes);
        }
        self.silent_heartbeats += 1;
        if self.silent_heartbeats.is_multiple_of(SILENCE_TO_RESEND) {
            self.sent = self.acknowledged;
            self.repeat = Repeat::NotNeeded;
        }
        if self.silent_heartbeats >= SILENCE_TO_START_OVER {
            (self.acknowledged, self.sent, self.silent_heartbeats) = (0, 0, 0);
        }
    }

    /// How many of the snapshot's bytes the follower has acknowledged.
    #[must_use]
    pub fn acknowledged_bytes(&self) -> u64 {
        self.acknowledged
    }

    /// Which snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }
}
