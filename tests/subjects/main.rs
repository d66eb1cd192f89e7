//! Protocols of other people under the simulator: what the checkers find in them.

mod kvstore_go;
mod tikv_raft;
