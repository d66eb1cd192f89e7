//! Benchmarks of whole runs.
fn main() {}
