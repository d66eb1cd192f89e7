//! Histories of 10 to 100,000 operations of 5 to 50 clients.

use sim::linearizability::{KeyValue, Verdict, WORK, check};

use super::histories::{Shape, Verbs, bad, good};

fn shapes() -> impl Iterator<Item = Shape> {
    let sizes = [(10, 5), (100, 5), (1_000, 20), (10_000, 20), (10_000, 50), (100_000, 50)];
    let all = [Verbs::Register, Verbs::Exact, Verbs::All].into_iter().flat_map(move |verbs| {
        let shape = move |(ops, clients), keys| Shape { ops, clients, keys, verbs, lost_ppm: 1_000 };
        sizes.into_iter().flat_map(move |size| [1, 10].map(|keys| shape(size, keys)))
    });
    // What dozens of clients append to one key at once has more orders than anyone can look at.
    all.filter(|shape| shape.verbs != Verbs::All || u64::from(shape.clients) <= 5 * shape.keys)
}

#[test]
fn good_histories_are_passed() {
    for shape in shapes() {
        for seed in 0..if shape.ops > 10_000 { 1 } else { 3 } {
            assert_eq!(check(&KeyValue, &good(shape, seed), WORK), Verdict::Linearizable, "seed {seed} of {shape:?}");
        }
    }
}

#[test]
fn bad_histories_are_refused() {
    for shape in shapes().filter(|shape| shape.ops >= 1_000) {
        for seed in 0..if shape.ops > 10_000 { 1 } else { 3 } {
            let verdict = check(&KeyValue, &bad(shape, seed), WORK);
            assert!(matches!(verdict, Verdict::Violated(_)), "seed {seed} of {shape:?}: {verdict:?}");
        }
    }
}

#[test]
fn without_work_nobody_knows() {
    let shape = Shape { ops: 1_000, clients: 20, keys: 2, verbs: Verbs::All, lost_ppm: 0 };
    assert_eq!(check(&KeyValue, &good(shape, 0), 10), Verdict::Unknown { keys: vec![0, 1] });
}
