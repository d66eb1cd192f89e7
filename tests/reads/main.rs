//! Reads that write nothing (dissertation §6.4), one fact a test, said to the core directly.

mod as_follower;
mod by_lease;
mod by_round;
mod outcomes;
