//! Benchmarks of single steps.
fn main() {}
