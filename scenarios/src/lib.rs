//! Protocols put under the simulator, the scenarios they are run in, and the `raft-sim` command over them.

#![forbid(unsafe_code)]

pub mod catalogue;
pub mod cluster_files;
pub mod explored;
pub mod kv;
pub mod kvstore_go;
pub mod kvstore_subject;
pub mod raft_core_subject;
pub mod subjects;
#[cfg(feature = "tikv-raft")]
pub mod tikv_raft;
