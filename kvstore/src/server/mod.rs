//! The server: a [`Replica`](crate::replica::Replica) on real clocks, sockets and files.
//!
//! ```text
//!  clients ─▶ clients.rs ─┐                       ┌─▶ disk.rs      one thread: a batch, an fsync, and back
//!  operators ▶ admin.rs ──┼─▶ node.rs: Replica ───┼─▶ link.rs      one connection to each peer, out
//!  peers ──▶ peers.rs ────┘   one thread          └─▶ whoever asked
//! ```
//!
//! Every queue on the way is bounded: who sends faster than this server works, waits.

mod admin;
mod book;
mod clients;
mod commands;
mod disk;
mod forward;
pub mod frame;
mod handle;
pub mod handshake;
mod link;
mod metrics;
mod node;
mod options;
mod peers;
pub mod resp;
mod status;

pub use handle::Server;
pub use options::{Options, Settings};
pub use status::{FollowerStatus, MemberStatus, Status};
