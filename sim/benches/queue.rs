//! The event queue, and the binary heap that it replaces.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use divan::{Bencher, black_box};
use sim::queue::Queue;

fn main() {
    divan::main();
}

/// Times ahead as a network makes them: 1 to 10 ms.
fn ahead_ns(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    1_000_000 + *state % 9_000_000
}

/// One event in, one out, with this many waiting.
#[divan::bench(args = [10, 50, 500, 5_000])]
fn calendar(bencher: Bencher, waiting: u64) {
    let (mut state, mut queue) = (7, Queue::new());
    for number in 0..waiting {
        queue.push(ahead_ns(&mut state), number);
    }
    bencher.bench_local(|| {
        let (now, number) = queue.pop().expect("as many come as go");
        queue.push(now + ahead_ns(&mut state), black_box(number));
    });
}

#[divan::bench(args = [10, 50, 500, 5_000])]
fn binary_heap(bencher: Bencher, waiting: u64) {
    let (mut state, mut order, mut queue) = (7, 0, BinaryHeap::new());
    for number in 0..waiting {
        order += 1;
        queue.push(Reverse((ahead_ns(&mut state), order, number)));
    }
    bencher.bench_local(|| {
        let Reverse((now, _, number)) = queue.pop().expect("as many come as go");
        order += 1;
        queue.push(Reverse((now + ahead_ns(&mut state), order, black_box(number))));
    });
}
