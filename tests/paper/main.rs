//! What the Raft paper claims (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", extended
//! version), §5.1 to §5.4.2, one fact a test, said to the core directly.

mod commit;
mod durability;
mod elections;
mod figures;
mod flow;
mod proposals;
mod refusals;
mod replication;
mod terms;
mod timing;
mod votes;
