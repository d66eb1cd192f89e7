//! Every decision of a run, each under a key.
//!
//! A key is a kind of decision and where it is taken: a node, or a link and a type of message. One key is
//! one ChaCha8 stream under the run's seed, and its k-th decision is the k-th `u64` of that stream. So one
//! decision more or less leaves those of other kinds and places as they were.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rand::{Rng, SeedableRng, TryRng};
use rand_chacha::ChaCha8Rng;

use crate::node::NodeId;

/// What is decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// The plan of the run: cluster, settings, faults.
    Plan = 1,
    /// A protocol's own randomness, such as election timeouts. Per node and incarnation.
    Jitter,
    /// How long a message travels. Per link and type of message, like the next three.
    Latency,
    /// Whether a message is lost.
    Loss,
    /// Whether a message arrives twice.
    Duplication,
    /// Whether a message is held back so that later ones overtake it, and for how long.
    Reordering,
    /// How long a write takes. Per node.
    DiskDelay,
    /// What a crash leaves of the writes under way. Per node.
    Crash,
    /// What a client does next, and when. Per client.
    Client,
    /// How long a client's request or its answer travels. Per client.
    ClientLatency,
    /// Whether a node is in the core of the healed phase. Per node.
    Heal,
    /// What becomes of a node outside it. Per node.
    HealOutside,
    /// Whose turn it is, where priorities decide.
    Schedule,
    /// Whether a message arrives once more long after, and when. Per link and type of message.
    StaleReplay,
    /// Whom a client asks that knows of no leader. Per client.
    ClientTarget,
    /// With what other settings a node starts again. Per node and incarnation.
    Upgrade,
    /// Whether a client asks again where it does not know, and whom. Per client.
    Retry,
    /// Which node it is about what an operator asks of the settled core.
    HealOperation,
    /// Whether a request that may be repeated arrives long after, and when. Per client.
    LateRequest,
}

/// The decisions under one key, one after the other.
#[derive(Clone, Debug)]
pub struct Choice {
    stream: ChaCha8Rng,
    /// How many of its upper bits a protocol's own randomness is without.
    small_by: u32,
    /// Where what a protocol draws may be turned into something else from some event on: for those who ask what would have
    /// come otherwise.
    turn: Option<Turn>,
}

/// Turns all that protocols draw for themselves from now on, in one world.
#[derive(Clone, Debug, Default)]
pub(crate) struct Turn(Arc<AtomicU64>);

impl Turn {
    /// From now on it is something else, the same for the same `salt`, which is not 0.
    pub(crate) fn take(&self, salt: u64) {
        self.0.store(salt, Ordering::Relaxed);
    }

    /// What becomes of `drawn` (the finalizer of SplitMix64).
    fn apply(&self, drawn: u64) -> u64 {
        let salt = self.0.load(Ordering::Relaxed);
        if salt == 0 {
            return drawn;
        }
        let mixed = (drawn ^ salt.wrapping_mul(0x9E37_79B9_7F4A_7C15)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }
}

/// A protocol that draws small numbers only sets its timers as short as it may, and each to another time all the same.
const SMALL_BY: u32 = 24;

impl Choice {
    fn new(seed: u64, kind: Kind, place: [u16; 3]) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(b"raft-sim");
        let mut stream = ChaCha8Rng::from_seed(key);
        let place = place.iter().fold(kind as u64, |id, part| id << 16 | u64::from(*part));
        stream.set_stream(place);
        Self { stream, small_by: 0, turn: None }
    }

    /// How far it has come: what [`at_place`](Self::at_place) goes back to.
    pub(crate) fn place(&self) -> u64 {
        self.stream.get_word_pos() as u64
    }

    /// How many numbers have been taken.
    pub(crate) fn drawn(&self) -> u64 {
        self.place() / 2
    }

    /// The same choice, to go on from `place`.
    pub(crate) fn at_place(&self, place: u64) -> Self {
        let mut choice = self.clone();
        choice.stream.set_word_pos(place.into());
        choice
    }

    /// Uniform below `bound`; 0 where `bound` is 0. Takes exactly one number.
    ///
    /// A widening multiplication of our own, since sampling in a library may change between its releases.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.stream.next_u64()) * u128::from(bound)) >> 64) as u64
    }

    /// Uniform in `range`, both ends included. Takes exactly one number.
    pub fn within(&mut self, range: (u64, u64)) -> u64 {
        range.0 + self.below((range.1 - range.0).saturating_add(1))
    }

    /// True for `ppm` in a million. Takes exactly one number.
    pub fn chance_ppm(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    /// One of `items`, which must not be empty. Takes exactly one number.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len() as u64) as usize]
    }
}

/// Lets a protocol draw from its choice like from any generator.
impl TryRng for Choice {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let drawn = self.stream.next_u32();
        let drawn = self.turn.as_ref().map_or(drawn, |turn| turn.apply(drawn.into()) as u32);
        Ok(drawn >> self.small_by)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let drawn = self.stream.next_u64();
        Ok(self.turn.as_ref().map_or(drawn, |turn| turn.apply(drawn)) >> self.small_by)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.stream.fill_bytes(bytes);
        Ok(())
    }
}

/// The source of all choices of one run.
#[derive(Clone, Copy, Debug)]
pub struct Choices {
    seed: u64,
    has_small_jitter: bool,
}

impl Choices {
    /// The choices of the run that `seed` names.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, has_small_jitter: false }
    }

    /// The same, but that protocols draw small numbers only: for runs whose tape says when each timer is noticed.
    pub(crate) fn with_small_jitter(self) -> Self {
        Self { has_small_jitter: true, ..self }
    }

    /// Other choices, the same for the same `salt`.
    pub(crate) fn rerolled(self, salt: u64) -> Self {
        let mixed = (self.seed ^ salt.rotate_left(32)).wrapping_add(salt).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        Self { seed: mixed ^ mixed >> 31, ..self }
    }

    pub(crate) fn seed(self) -> u64 {
        self.seed
    }

    /// The stream from which the plan is drawn.
    #[must_use]
    pub fn plan(self) -> Choice {
        Choice::new(self.seed, Kind::Plan, [0; 3])
    }

    /// A protocol's own randomness, in this incarnation of `node`; `turn`: what may be made of it.
    pub(crate) fn jitter(self, node: NodeId, incarnation: u32, turn: Option<Turn>) -> Choice {
        let place = [node.into(), incarnation as u16, (incarnation >> 16) as u16];
        let small_by = if self.has_small_jitter { SMALL_BY } else { 0 };
        Choice { small_by, turn, ..Choice::new(self.seed, Kind::Jitter, place) }
    }

    /// With what settings this incarnation of `node` starts.
    pub(crate) fn upgrade(self, node: NodeId, incarnation: u32) -> Choice {
        Choice::new(self.seed, Kind::Upgrade, [node.into(), incarnation as u16, (incarnation >> 16) as u16])
    }

    pub(crate) fn of_node(self, kind: Kind, node: NodeId) -> Choice {
        Choice::new(self.seed, kind, [node.into(), 0, 0])
    }

    pub(crate) fn of_client(self, kind: Kind, client: u16) -> Choice {
        Choice::new(self.seed, kind, [client, 0, 0])
    }

    pub(crate) fn of_link(self, kind: Kind, from: NodeId, to: NodeId, message_kind: u8) -> Choice {
        Choice::new(self.seed, kind, [from.into(), to.into(), message_kind.into()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_more_under_one_key_leaves_the_others_as_they_were() {
        let choices = Choices::new(42);
        let link = |to| choices.of_link(Kind::Latency, NodeId(0), NodeId(to), 2);
        let (mut first, mut second) = (link(1), link(2));
        let undisturbed: Vec<u64> = (0..100).map(|_| second.below(1000)).collect();
        let mut second = link(2);
        let disturbed: Vec<u64> = (0..100).map(|_| (first.below(9), second.below(1000)).1).collect();
        assert_eq!(undisturbed, disturbed);
    }

    #[test]
    fn keys_differ_in_every_part() {
        let choices = Choices::new(42);
        let mut draws: Vec<u64> = vec![
            choices.of_link(Kind::Latency, NodeId(0), NodeId(1), 2).below(u64::MAX),
            choices.of_link(Kind::Loss, NodeId(0), NodeId(1), 2).below(u64::MAX),
            choices.of_link(Kind::Latency, NodeId(1), NodeId(0), 2).below(u64::MAX),
            choices.of_link(Kind::Latency, NodeId(0), NodeId(1), 3).below(u64::MAX),
            choices.jitter(NodeId(0), 0, None).below(u64::MAX),
            choices.jitter(NodeId(0), 1, None).below(u64::MAX),
            Choices::new(43).jitter(NodeId(0), 0, None).below(u64::MAX),
        ];
        let drawn = draws.len();
        draws.sort_unstable();
        draws.dedup();
        assert_eq!(draws.len(), drawn);
    }

    #[test]
    fn ranges_hold_and_their_ends_are_reached() {
        let mut choice = Choices::new(1).plan();
        let drawn: Vec<u64> = (0..1000).map(|_| choice.within((3, 6))).collect();
        assert_eq!((drawn.iter().min(), drawn.iter().max()), (Some(&3), Some(&6)));
        assert!(!choice.chance_ppm(0));
        assert!(choice.chance_ppm(1_000_000));
    }
}
