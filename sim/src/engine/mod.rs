//! Engines: in which order the events of a world are executed.
//!
//! By virtual time, which is what a real cluster does and what liveness can be judged under; by random priorities
//! ([`Pct`]), which promises a probability for bugs that need a few events in an unlikely order; and in every order up to
//! a depth, for small clusters.

pub(crate) mod explore;
pub(crate) mod fingerprint;
pub(crate) mod priorities;

pub use explore::{Bounds, Explorable, Exploration, Verdict, explore};
pub use fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};

/// All engines and what each is for, for those who want to know.
pub const ALL: &[(&str, &str)] = &[
    ("time", "the earliest event is next, as in a real cluster; the only one under which liveness is judged"),
    ("pct", "random priorities, which find a bug of depth d with a probability of at least 1 in chains * events^(d-1)"),
    ("explore", "a verb of its own: every order in which the events of a small cluster may happen, up to a depth"),
];

/// How the next event of a run is chosen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Engine {
    /// The earliest.
    #[default]
    Time,
    /// By priorities. Time follows the events: it is never behind what has happened, and decides nothing. The healed
    /// phase is left out, since nothing bounds how long anything waits.
    Pct(Pct),
}

/// Probabilistic concurrency testing for message passing (Burckhardt et al., ASPLOS 2010; Ozkan et al., OOPSLA 2018).
///
/// Events form chains: what an event causes first continues its chain, and what it causes besides begins new ones. Every
/// chain has a random priority, and the highest goes on until at one of `depth - 1` random moments it falls behind all
/// others.
///
/// A bug has depth `d` where `d` events in the right order bring it about, whatever happens besides.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Pct {
    /// The depth of the bugs to be found. At least 1.
    pub depth: u32,
    /// So many events a run has. At least 1.
    pub events: u64,
}

impl Pct {
    /// The greatest depth that makes sense: published bugs have single digits.
    pub const DEEPEST: u32 = 100;

    /// The depth and the length of a run where nothing else is asked for.
    pub const USUAL: Self = Self { depth: 3, events: 1_000 };

    /// In one of how many runs, at least on average, a bug of this depth shows up, where a run has `chains` chains: their
    /// number times that of the events to the power of `depth - 1`. It saturates.
    ///
    /// That is a promise for a fixed set of events that may happen in any order. In a protocol, which events there are
    /// depends on those before; and an order counts only where nothing waits for longer than all else and three firings of
    /// every timer take.
    #[must_use]
    pub fn one_in(&self, chains: u64) -> u128 {
        let orders = (1..self.depth).fold(1u128, |orders, _| orders.saturating_mul(self.events.into()));
        orders.saturating_mul(chains.max(1).into())
    }
}
