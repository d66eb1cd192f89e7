//! Benchmarks of the event queue.
fn main() {}
