//! A replicated key-value store on `raft-core`.
//!
//! - [`StateMachine`] is what the log builds: a map from bytes to bytes, and the sessions that make a command which is sent
//!   again take effect once.
//! - [`Command`] is what a client asks for, and [`Answer`] what it is told. Both have bytes, with a version.
//! - [`storage`] makes the log durable, and [`replica`] puts it all together: one server without clock, network or disk.
//! - [`cluster_files`] reads the two files that describe a cluster: who its servers are, and their timeouts.
//!
//! ```
//! use kvstore::{Answer, Command, Operation, StateMachine};
//!
//! let mut machine = StateMachine::default();
//! let insert = Command::new(Operation::Insert { key: "1".into(), value: "hello".into() });
//! assert_eq!(machine.apply(1, Some(&insert.encode())), Answer::Done);
//! assert_eq!(machine.view(b"1").to_string(), "hello");
//!
//! let copy = StateMachine::restore(&machine.snapshot())?;
//! assert!(copy == machine);
//! # Ok::<(), kvstore::Malformed>(())
//! ```

#![forbid(unsafe_code)]

#[cfg(feature = "server")]
pub mod client;
pub mod cluster_files;
pub mod replica;
#[cfg(feature = "server")]
pub mod seed_api;
#[cfg(feature = "server")]
pub mod server;
pub mod storage;

mod answer;
mod bytes;
mod codec;
mod command;
mod machine;
mod raft_codec;

pub use answer::Answer;
pub use bytes::Bytes;
pub use codec::{Malformed, checksum};
pub use command::{Command, Condition, LONGEST_KEY, LONGEST_VALUE, Operation, Stamp};
pub use machine::StateMachine;
pub use raft_codec::{decode_message, encode_message};
