//! How a follower that is behind is brought up to date (§5.3, §7; dissertation, chapter 5), how much that may cost, and what
//! becomes of one that has lost what it had: one fact a test, said to the core directly.

mod backpressure;
mod compaction;
mod hints;
mod lost_log;
mod receiving;
mod sending;
mod together;
mod transfers;
mod windows;
