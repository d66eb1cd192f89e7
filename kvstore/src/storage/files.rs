//! What the log asks of a disk: plain data, so that a disk of the simulator can carry it out as well as a directory can.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::sync::Arc;

use raft_core::{LogIndex, LogPosition, SnapshotId, Term};

/// A file of a server.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum FileName {
    /// A part of the log, by its number.
    Segment(u64),
    /// The bytes of a snapshot, whole or on their way.
    Snapshot {
        /// The index of its last entry.
        index: u64,
        /// The term of that.
        term: u64,
        /// How many bytes it has when it is whole.
        size: u64,
        /// The checksum over them.
        checksum: u64,
    },
}

impl FileName {
    /// The file that holds the bytes of a snapshot.
    #[must_use]
    pub fn of_snapshot(id: SnapshotId) -> Self {
        Self::Snapshot { index: id.last.index.0, term: id.last.term.0, size: id.size, checksum: id.checksum }
    }

    pub(crate) fn snapshot(self) -> Option<SnapshotId> {
        let Self::Snapshot { index, term, size, checksum } = self else { return None };
        Some(SnapshotId { last: LogPosition { index: LogIndex(index), term: Term(term) }, size, checksum })
    }

    /// The file of this name; `None` for one that is none of ours.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        if let Some(number) = name.strip_prefix("log-") {
            return number.parse().ok().map(Self::Segment).filter(|file| file.to_string() == name);
        }
        let mut parts = name.strip_prefix("snapshot-")?.split('-');
        let (index, term) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (size, checksum) = (parts.next()?.parse().ok()?, u64::from_str_radix(parts.next()?, 16).ok()?);
        Some(Self::Snapshot { index, term, size, checksum }).filter(|file| file.to_string() == name)
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Segment(number) => write!(f, "log-{number:010}"),
            Self::Snapshot { index, term, size, checksum } => {
                write!(f, "snapshot-{index:020}-{term}-{size}-{checksum:016x}")
            }
        }
    }
}

/// One change of the files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FileOperation {
    /// A new file of this many zeros, in the place of any that is there.
    Create {
        /// Which.
        file: FileName,
        /// How many bytes.
        size: u64,
    },
    /// Bytes into a file, which grows where they end behind its end.
    Write {
        /// Which.
        file: FileName,
        /// Where they begin.
        offset: u64,
        /// The bytes.
        data: Arc<[u8]>,
    },
    /// The file goes.
    Remove {
        /// Which.
        file: FileName,
    },
}

/// What is to become durable together. A crash before it is complete may leave any of it and any part of that, down to single
/// sectors, with two exceptions: nothing of a later step is begun before the step before it is durable, and a sector is
/// there as a whole or as it was.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Batch {
    /// First: what the log is about to speak of.
    pub files: Vec<FileOperation>,
    /// Then: the log.
    pub log: Vec<FileOperation>,
    /// Last, whenever: what is needed no more.
    pub cleanup: Vec<FileOperation>,
}

/// Reads the files of a server.
pub trait Files {
    /// The files that are there, in any order.
    ///
    /// # Errors
    /// Where the disk fails.
    fn list(&self) -> io::Result<Vec<FileName>>;

    /// Reads from `offset` on into `buffer` and says how many bytes: fewer than asked for where it likes, none at the end
    /// of the file only.
    ///
    /// # Errors
    /// Where the disk fails, or the file is not there.
    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;

    /// How many bytes a file has.
    ///
    /// # Errors
    /// Where the disk fails, or the file is not there.
    fn size(&self, file: FileName) -> io::Result<u64>;
}

/// The `length` bytes of a file from `offset` on, or as many as there are.
pub(crate) fn read_up_to(files: &impl Files, file: FileName, offset: u64, length: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; length];
    let mut filled = 0;
    while filled < length {
        match files.read(file, offset + filled as u64, &mut bytes[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// Files in memory: what a page cache shows, and what tests and the simulator keep.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MemoryFiles(BTreeMap<FileName, Vec<u8>>);

impl MemoryFiles {
    /// Carries out an operation.
    pub fn carry_out(&mut self, operation: &FileOperation) {
        match operation {
            FileOperation::Create { file, size } => {
                self.0.insert(*file, vec![0; *size as usize]);
            }
            FileOperation::Write { file, offset, data } => {
                let bytes = self.0.entry(*file).or_default();
                let (offset, end) = (*offset as usize, *offset as usize + data.len());
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[offset..end].copy_from_slice(data);
            }
            FileOperation::Remove { file } => {
                self.0.remove(file);
            }
        }
    }

    /// Carries out all of a batch.
    pub fn carry_out_all(&mut self, batch: &Batch) {
        for operation in batch.files.iter().chain(&batch.log).chain(&batch.cleanup) {
            self.carry_out(operation);
        }
    }

    /// The files and their bytes.
    pub fn iter(&self) -> impl Iterator<Item = (FileName, &[u8])> {
        self.0.iter().map(|(file, bytes)| (*file, bytes.as_slice()))
    }

    /// The bytes of a file, to be damaged.
    pub fn bytes_mut(&mut self, file: FileName) -> Option<&mut Vec<u8>> {
        self.0.get_mut(&file)
    }
}

impl Files for MemoryFiles {
    fn list(&self) -> io::Result<Vec<FileName>> {
        Ok(self.0.keys().copied().collect())
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.get(&file).ok_or(io::ErrorKind::NotFound)?;
        let rest = bytes.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn size(&self, file: FileName) -> io::Result<u64> {
        Ok(self.0.get(&file).ok_or(io::ErrorKind::NotFound)?.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_and_others_are_none_of_ours() {
        let names = [
            FileName::Segment(0),
            FileName::Segment(u64::MAX),
            FileName::Snapshot { index: 7, term: 3, size: 0, checksum: u64::MAX },
        ];
        for name in names {
            assert_eq!(FileName::parse(&name.to_string()), Some(name));
        }
        for other in ["log-7", "log-", "snapshot-1-2-3", "lock", "", "snapshot-1-2-3-4-5"] {
            assert_eq!(FileName::parse(other), None, "{other}");
        }
    }
}
