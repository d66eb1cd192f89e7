//! Every checker can fail: histories that it must reject and, as close to them as can be, lawful ones that it must not.
//!
//! The figures and sections are those of the extended Raft paper (Ongaro and Ousterhout, "In Search of an
//! Understandable Consensus Algorithm").

mod acknowledged;
mod applied;
mod check_quorum;
mod commit_rule;
mod configurations;
mod decided;
mod disks;
mod durability;
mod election_quorum;
mod election_restriction;
mod election_safety;
mod entries;
mod handovers;
mod leader_append_only;
mod leader_completeness;
mod leases;
mod linearizable_reads;
mod log_matching;
mod marks;
mod membership;
mod monotonic;
mod one_vote;
mod pre_vote;
mod progress_order;
mod promises;
mod puppets;
mod read_confirmation;
mod same_state;
mod silence;
mod snapshots;
mod state_machine_safety;
mod twins;
mod twins_of_changes;
mod verdicts;
mod whole_runs;
mod whole_runs_of_changes;
