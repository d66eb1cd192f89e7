//! Checking histories. The figures of porcupine for the first of these are in CHANGELOG.md.

mod histories;

use divan::{Bencher, black_box};
use histories::{MapOp, Shape, Verbs, bad, good};
use sim::linearizability::{KeyValue, WORK, check};

fn main() {
    divan::main();
}

/// Operations, clients, keys.
const SIZES: [(usize, u16, u64); 7] = [
    (1_000, 5, 10),
    (10_000, 20, 10),
    (10_000, 50, 10),
    (100_000, 20, 10),
    (100_000, 50, 10),
    (1_000, 20, 1),
    (100_000, 50, 1),
];

fn measure(
    bencher: Bencher,
    (ops, clients, keys): (usize, u16, u64),
    verbs: Verbs,
    draw: fn(Shape, u64) -> Vec<MapOp>,
) {
    let history = draw(Shape { ops, clients, keys, verbs, lost_ppm: 10_000 }, 1);
    bencher.bench_local(|| check(&KeyValue, black_box(&history), WORK));
}

#[divan::bench(args = SIZES)]
fn register_good(bencher: Bencher, size: (usize, u16, u64)) {
    measure(bencher, size, Verbs::Register, good);
}

#[divan::bench(args = SIZES)]
fn register_bad(bencher: Bencher, size: (usize, u16, u64)) {
    measure(bencher, size, Verbs::Register, bad);
}

#[divan::bench(args = SIZES)]
fn exact_good(bencher: Bencher, size: (usize, u16, u64)) {
    measure(bencher, size, Verbs::Exact, good);
}

#[divan::bench(args = SIZES)]
fn exact_bad(bencher: Bencher, size: (usize, u16, u64)) {
    measure(bencher, size, Verbs::Exact, bad);
}

#[divan::bench(args = SIZES)]
fn all_verbs_good(bencher: Bencher, size: (usize, u16, u64)) {
    measure(bencher, size, Verbs::All, good);
}

#[divan::bench(args = SIZES)]
fn all_verbs_bad(bencher: Bencher, size: (usize, u16, u64)) {
    measure(bencher, size, Verbs::All, bad);
}
