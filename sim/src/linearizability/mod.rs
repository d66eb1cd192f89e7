//! Linearizability of a history: whether every operation can be given one moment between its call and its return, so that
//! one after the other, in the order of these moments, they are what a service without any concurrency would do.
//!
//! ```text
//!   history ──▶ one history a key ──┬─▶ zones.rs   every value written once: polynomial, however many clients
//!                                   └─▶ search.rs  anything else: a search that remembers where it has been
//! ```
//!
//! Keys do not know of each other, so a history is linearizable where that of each key is (Herlihy and Wing 1990,
//! locality). What decides between the two ways is seen from the operations alone.
//!
//! An operation without a return has an unknown outcome: it takes effect at any moment after its call, or never.

mod history;
mod key_value;
mod model;
mod ops;
mod search;
mod seen;
mod stuck;
mod zones;

use std::collections::BTreeMap;

pub use history::Op;
pub use key_value::{Access, KeyValue, Outcome, Value, Verb};
pub use model::{Footprint, Model};
pub use stuck::Stuck;

use ops::Ops;
use search::Found;

/// So many steps a key are enough for any history that few dozen clients leave, and take less than a second.
pub const WORK: u64 = 2_000_000;

/// What became of the question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// There is such an order.
    Linearizable,
    /// There is none, for one key at least.
    Violated(Box<Stuck>),
    /// The work that was allowed is used up, and no key was found violated.
    Unknown {
        /// The keys that are left open.
        keys: Vec<u64>,
    },
}

impl Verdict {
    /// Whether there is such an order for sure.
    #[must_use]
    pub fn is_linearizable(&self) -> bool {
        *self == Self::Linearizable
    }
}

/// Whether `history` is linearizable by `model`. `work` bounds the steps of each key's search.
///
/// Of several keys that are not, the one that shows it first is named.
pub fn check<M: Model>(model: &M, history: &[Op<M::Input, M::Output>], work: u64) -> Verdict {
    let mut by_key: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
    for (place, op) in (0..).zip(history) {
        by_key.entry(model.key(&op.input)).or_default().push(place);
    }
    let mut first: Option<Box<Stuck>> = None;
    let mut open = Vec::new();
    for (key, places) in by_key {
        match check_key(model, history, key, places, work) {
            Verdict::Linearizable => {}
            Verdict::Unknown { .. } => open.push(key),
            Verdict::Violated(stuck) => {
                let is_earlier = |first: &Stuck| stuck.shown_at(history) < first.shown_at(history);
                if first.as_deref().is_none_or(is_earlier) {
                    first = Some(stuck);
                }
            }
        }
    }
    match first {
        Some(stuck) => Verdict::Violated(stuck),
        None if open.is_empty() => Verdict::Linearizable,
        None => Verdict::Unknown { keys: open },
    }
}

fn check_key<M: Model>(
    model: &M,
    history: &[Op<M::Input, M::Output>],
    key: u64,
    mut places: Vec<u32>,
    work: u64,
) -> Verdict {
    let called = |place: &u32| history[*place as usize].called;
    if !places.is_sorted_by_key(called) {
        places.sort_by_key(called);
    }
    match solve(model, history, &places, (u64::MAX, u32::MAX), work) {
        Found::Order(_) => Verdict::Linearizable,
        Found::TooMuchWork => Verdict::Unknown { keys: vec![key] },
        Found::None => Verdict::Violated(Box::new(stuck(model, history, key, &places, work))),
    }
}

/// An order of what stands at `places`, as far as is known when the operation of `until` has returned.
fn solve<M: Model>(
    model: &M,
    history: &[Op<M::Input, M::Output>],
    places: &[u32],
    until: (u64, u32),
    work: u64,
) -> Found {
    let ops = Ops::of(model, history, places, until);
    if !ops.is_register() {
        return search::search(model, history, ops, work);
    }
    // The order is for those who look at the moment before things go wrong.
    let order = if until.0 == u64::MAX { zones::have_order(&ops).then(Vec::new) } else { zones::order(&ops) };
    order.map_or(Found::None, Found::Order)
}

/// Looks for the return that shows it: what is linearizable is so at every moment before.
fn stuck<M: Model>(model: &M, history: &[Op<M::Input, M::Output>], key: u64, places: &[u32], work: u64) -> Stuck {
    let has_returned = |place: &u32| history[*place as usize].returned.is_some();
    let mut ends: Vec<(u64, u32)> =
        places.iter().copied().filter(has_returned).map(|place| (history[place as usize].ended(), place)).collect();
    ends.sort_unstable();
    let (mut linearized, mut good, mut bad) = (Vec::new(), 0, ends.len());
    while bad - good > 1 {
        let middle = (good + bad) / 2;
        match solve(model, history, places, ends[middle - 1], work) {
            Found::Order(order) => (linearized, good) = (order, middle),
            Found::None | Found::TooMuchWork => bad = middle,
        }
    }
    let unplaced = ends[good].1 as usize;
    Stuck { key, linearized: linearized.into_iter().map(|place| place as usize).collect(), unplaced }
}
