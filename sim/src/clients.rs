//! Those who ask for things.

use crate::choices::{Choice, Choices, Kind};
use crate::node::NodeId;
use crate::plan::{Clients, Network};
use crate::subject::RequestId;

/// One client, with one request at a time unless it is a [`Stream`](Clients::Stream).
#[derive(Clone, Debug)]
pub(crate) struct Client<Command> {
    number: u16,
    requests: u32,
    waiting_for: Option<RequestId>,
    /// The request waited for, where it may be repeated.
    repeatable: Option<Command>,
    /// How often it was asked for.
    pub(crate) attempts: u32,
    /// How often in a row it was told that nobody leads.
    refusals: u32,
    leader: Option<NodeId>,
    /// The first request behind all that have been answered.
    unanswered_from: u32,
    pub(crate) choice: Choice,
    target: Choice,
    latency: Choice,
    late: Choice,
    pub(crate) retry: Choice,
}

/// In so many of a million times a client reads from whoever it likes, not from the leader.
const READS_ANYWHERE_PPM: u32 = 250_000;
/// In so many of a million times a client asks again instead of giving up.
const RETRIES_PPM: u32 = 750_000;

/// Doubled so often, and no more, is the time that a client waits.
const MOST_CAUTION: u32 = 3;

impl<Command: Clone> Client<Command> {
    pub(crate) fn new(choices: Choices, number: u16) -> Self {
        Self {
            number,
            requests: 0,
            waiting_for: None,
            repeatable: None,
            attempts: 0,
            refusals: 0,
            leader: None,
            unanswered_from: 0,
            choice: choices.of_client(Kind::Client, number),
            target: choices.of_client(Kind::ClientTarget, number),
            latency: choices.of_client(Kind::ClientLatency, number),
            late: choices.of_client(Kind::LateRequest, number),
            retry: choices.of_client(Kind::Retry, number),
        }
    }

    /// Whatever the client does from now on, it does by these choices.
    pub(crate) fn reroll(&mut self, choices: Choices) {
        self.choice = choices.of_client(Kind::Client, self.number);
        self.latency = choices.of_client(Kind::ClientLatency, self.number);
        self.late = choices.of_client(Kind::LateRequest, self.number);
    }

    /// All clients of a plan.
    pub(crate) fn all(choices: Choices, plan: Clients) -> Vec<Self> {
        let count = match plan {
            Clients::Closed { count, .. } => count,
            Clients::Stream { .. } | Clients::Open { .. } => 1,
        };
        (0..count).map(|number| Self::new(choices, number)).collect()
    }

    /// How many requests it has made.
    pub(crate) fn requests(&self) -> u32 {
        self.requests
    }

    /// A new request.
    pub(crate) fn begin(&mut self) -> RequestId {
        let id = RequestId { client: self.number, number: self.requests };
        self.requests += 1;
        self.waiting_for = Some(id);
        self.attempts = 1;
        id
    }

    /// The request under way may be repeated.
    pub(crate) fn keep(&mut self, command: &Command) {
        self.repeatable = Some(command.clone());
    }

    /// The request under way once more, if it is `id`, may be repeated, and this is what the client does now.
    pub(crate) fn again(&mut self, id: RequestId) -> Option<Command> {
        if self.waiting_for != Some(id) {
            return None;
        }
        let command = self.repeatable.as_ref()?;
        if !self.retry.chance_ppm(RETRIES_PPM) {
            return None;
        }
        self.attempts += 1;
        Some(command.clone())
    }

    /// The same as [`again`](Self::again), where the client has no choice: this is its attempt of this number.
    pub(crate) fn once_more(&mut self, id: RequestId, attempt: u32) -> Option<Command> {
        let command = self.repeatable.clone().filter(|_| self.waiting_for == Some(id))?;
        self.attempts = attempt;
        Some(command)
    }

    /// Whether the request `id` is waited for, may be repeated, and was before: nobody knows what became of the first.
    /// `asks_again`: it was or will be, whatever this client remembers.
    pub(crate) fn is_in_doubt(&self, id: RequestId, asks_again: bool) -> bool {
        self.waiting_for == Some(id) && (self.attempts > 1 || asks_again) && self.repeatable.is_some()
    }

    /// Whom to ask for a value: whoever, now and then.
    pub(crate) fn target_of_read(&mut self, nodes: u8) -> NodeId {
        if self.retry.chance_ppm(READS_ANYWHERE_PPM) {
            return NodeId(self.retry.below(u64::from(nodes)) as u8);
        }
        self.target(nodes)
    }

    /// It hears that nobody leads, or anything else.
    pub(crate) fn is_turned_away(&mut self, by_nobody: bool) {
        self.refusals = if by_nobody { self.refusals + 1 } else { 0 };
    }

    /// So many times longer than usual it waits before it asks again: whoever hears again and again that nobody leads asks less
    /// often.
    pub(crate) fn caution(&self) -> u64 {
        1 << (self.refusals / 2).min(MOST_CAUTION)
    }

    /// This is who leads, as far as the client knows.
    pub(crate) fn hears_of(&mut self, leader: Option<NodeId>) {
        self.leader = leader;
    }

    /// An answer to a request of its stream, and who leads as far as it knows now.
    pub(crate) fn hears_in_stream(&mut self, number: u32, leader: Option<NodeId>) {
        self.unanswered_from = self.unanswered_from.max(number.saturating_add(1));
        self.leader = leader;
    }

    /// Whether neither this request of its stream was answered nor a later one; then it knows of no leader any more.
    pub(crate) fn misses_answer(&mut self, number: u32) -> bool {
        let is_missing = number >= self.unanswered_from;
        if is_missing {
            self.leader = None;
        }
        is_missing
    }

    /// Whom to ask: the leader, where known, or anyone.
    pub(crate) fn target(&mut self, nodes: u8) -> NodeId {
        self.leader.unwrap_or_else(|| NodeId(self.target.below(u64::from(nodes)) as u8))
    }

    /// The request has ended, and this is who leads as far as the client knows now. Returns whether it was waited for.
    pub(crate) fn end(&mut self, id: RequestId, leader: Option<NodeId>) -> bool {
        if self.waiting_for != Some(id) {
            return false;
        }
        self.waiting_for = None;
        self.repeatable = None;
        self.leader = leader;
        true
    }

    pub(crate) fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// How much later than others the request that it sends arrives, where that is long after: by then the client has most often
    /// asked again, been answered, and gone on. A request is not doubled on its way, so that this is what a stale one is.
    pub(crate) fn late_by_ns(&mut self, network: &Network) -> Option<u64> {
        let is_late = network.stale_ppm > 0 && self.late.chance_ppm(network.stale_ppm);
        is_late.then(|| self.late.within((network.stale_ns / 8, network.stale_ns)))
    }

    /// How long a message from or to this client travels; nothing where it is lost.
    pub(crate) fn delay_ns(&mut self, network: &Network) -> Option<u64> {
        let is_lost = network.loss_ppm > 0 && self.latency.chance_ppm(network.loss_ppm);
        (!is_lost).then(|| self.latency.within(network.latency_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_late_as_often_and_by_as_much_as_the_network_repeats_what_is_stale() {
        let late = |network: &Network| -> Vec<u64> {
            let mut client = Client::<()>::new(Choices::new(1), 0);
            (0..1_000).filter_map(|_| client.late_by_ns(network)).collect()
        };
        let network = Network { stale_ppm: 500_000, stale_ns: 8_000, ..Network::default() };
        let by_ns = late(&network);
        assert!((400..600).contains(&by_ns.len()) && by_ns.iter().all(|ns| (1_000..=8_000).contains(ns)));
        assert!(late(&Network { stale_ppm: 0, ..network }).is_empty());
    }
}
