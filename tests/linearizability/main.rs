//! The linearizability checker: against a twin that tries everything, and on histories from small to large.

#[path = "../../sim/benches/linearizability/histories.rs"]
mod histories;

mod agreement;
mod large;
mod other_models;
mod small;
mod twin;
