//! What the Raft paper claims (Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm", extended
//! version), §5.1 to §5.4.2, one fact a test, said to the core directly.

mod cluster;
mod commit;
mod disk;
mod durability;
mod effects;
mod elections;
mod figures;
mod flow;
mod lone_node;
mod messages;
mod proposals;
mod refusals;
mod replication;
mod terms;
mod timing;
mod votes;
