//! The disk of a server: its log in segments, and its snapshots.
//!
//! # What lies there
//!
//! ```text
//! log-0000000007         a segment: sectors of 512 bytes, of which the first is a header
//! log-0000000008         the next one, which says where the one before ends
//! snapshot-…             the bytes of a snapshot, whole or on its way from the leader
//! ```
//!
//! A **batch** is all that waited for the disk at one moment, made durable by one fsync. It begins with a new sector, has a
//! number, one more than the batch before, and a checksum. Every sector of it carries a tag made of that number, as databases
//! that look for torn pages do it, and no sector is ever written twice. The next batch is begun when the one before is durable.
//!
//! # What a damaged log says
//!
//! So there is no doubt about what lies behind the last good batch:
//!
//! | There is | It is |
//! |---|---|
//! | nothing but zeros | the end |
//! | sectors of the next batch, and zeros where others of it belong | a **torn** batch: nobody was told that it was durable. It is left out |
//! | anything else: a whole batch whose checksum is wrong, a sector with the tag of no batch, or one of a later batch | **rot**: something that was durable is gone. The server does not start |
//!
//! A log that is cut where the first bad record stands would lose what was acknowledged (the bug of NuRaft#185 and nats#7587).
//!
//! A sector that a disk has accepted and turned back to zeros as a whole, at the very end, looks torn. That is a disk that lies:
//! the leader finds out, since the server acknowledged more than it has.

mod directory;
mod files;
mod log;
mod record;
mod recovery;
mod segment;

use std::fmt;
use std::io;

use raft_core::ConfigError;

use crate::codec::Malformed;

pub use directory::{Directory, DirectoryReader};
pub(crate) use files::read_up_to;
pub use files::{Batch, FileName, FileOperation, Files, MemoryFiles};
pub use log::Log;
pub use record::{Record, Stored};
pub use recovery::{Recovered, Report, recover, stored};
pub use segment::{SECTOR, batch_in};

/// Why a server cannot start from its disk, or go on with it.
#[derive(Debug)]
pub enum StorageError {
    /// The disk failed.
    Io {
        /// Doing what.
        what: String,
        /// How.
        error: io::Error,
    },
    /// Something that was durable is gone, or is not what was written.
    Damaged {
        /// In this file.
        file: FileName,
        /// At this byte.
        offset: u64,
        /// What is wrong there.
        what: Malformed,
    },
    /// The files are those of another server.
    OtherServer {
        /// Whose they are.
        found: u64,
        /// Who this is.
        expected: u64,
    },
    /// What the log says does not fit together.
    Contradiction(ConfigError),
}

impl fmt::Display for StorageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { what, error } => write!(f, "{what}: {error}"),
            Self::Damaged { file, offset, what } => write!(
                f,
                "{file}, byte {offset}: {what}; what was durable here is lost, so this server must not go on: \
                 remove it from the cluster, empty its directory, and let it join under a new id"
            ),
            Self::OtherServer { found, expected } => {
                write!(f, "these are the files of server {found}, and this is server {expected}")
            }
            Self::Contradiction(error) => write!(f, "the log contradicts itself: {error}"),
        }
    }
}

impl std::error::Error for StorageError {}

#[cfg(test)]
mod tests;
