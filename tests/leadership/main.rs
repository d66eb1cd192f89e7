//! Who leads, and for how long: what Ongaro's dissertation adds to the elections of the paper, and what this core adds to
//! both, one fact a test.

mod check_quorum;
mod elections;
mod mixed_settings;
mod pre_vote;
mod priority;
mod slow_disk;
mod transfer;
