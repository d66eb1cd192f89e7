//! What several test targets share: servers turned by hand, subjects around subjects, and how properties are checked.

pub mod by_hand;
mod passed_on;

pub use passed_on::{PassedOn, handed_in};

use proptest::test_runner::{Config, RngSeed};
use sim::environment::Environment;

/// Properties are checked on the same cases every time, unless `RAFT_SIM_SEED` asks for others or `RAFT_SIM_SEEDS` for
/// another number of them.
///
/// # Panics
/// Where a variable makes no sense.
#[must_use]
pub fn property(cases: u32) -> Config {
    let environment = Environment::read().unwrap_or_else(|problem| panic!("{problem}"));
    Config {
        cases: environment.seeds.map_or(cases, |seeds| u32::try_from(seeds).unwrap_or(u32::MAX)),
        rng_seed: RngSeed::Fixed(environment.seed.unwrap_or(0)),
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..Config::default()
    }
}
