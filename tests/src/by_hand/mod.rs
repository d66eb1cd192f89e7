//! Servers turned by hand: nothing happens to them that a test does not ask for.
//!
//! [`lone_node::node`] builds one server, to which the test plays all the others; [`cluster::Cluster`] holds several,
//! with the wires between them, their disks and their state machines. Both start out with the Raft of Figure 2, without
//! pre-votes and without a quorum that is checked; `configured` changes that, and everything else in a `Config`.

pub mod cluster;
pub mod disk;
pub mod effects;
pub mod lone_node;
pub mod messages;
