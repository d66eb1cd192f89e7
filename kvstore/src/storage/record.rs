//! The records in a batch: what each of the core's writes changes, and what a log adds up to.

use std::collections::VecDeque;
use std::sync::Arc;

use raft_core::{Entries, Entry, LogIndex, LogPosition, Restored, Snapshot, TermAndVote};
use xxhash_rust::xxh3::Xxh3Default;

use crate::bytes::Bytes;
use crate::codec::{Malformed, Reader, Write};
use crate::raft_codec::Coded;

/// One change of what is stored.
#[derive(Clone, PartialEq, Debug)]
pub enum Record {
    /// Everything but the entries, as it is before this: what a segment begins with, so that those before it may go.
    Checkpoint {
        /// The term and vote.
        term_and_vote: TermAndVote,
        /// The place right before the first entry that is needed.
        base: LogPosition,
        /// The latest snapshot.
        snapshot: Option<Arc<Snapshot>>,
        /// The snapshot that is on its way from the leader.
        staged: Option<StagedRecord>,
    },
    /// The term and vote.
    TermAndVote(TermAndVote),
    /// The log from `first` on.
    Entries {
        /// The index of the first.
        first: LogIndex,
        /// What the log holds from there on.
        entries: Entries<Bytes>,
    },
    /// A snapshot that was taken here, and the place right before the first entry that is needed from now on.
    SnapshotTaken {
        /// Which.
        snapshot: Arc<Snapshot>,
        /// The place.
        base: LogPosition,
    },
    /// A part of a snapshot from the leader came, and is in its file.
    SnapshotPart(StagedRecord),
    /// All of it is, and it takes the place of the log.
    SnapshotInstalled(Arc<Snapshot>),
}

/// How far a snapshot from the leader has come.
#[derive(Clone, PartialEq, Debug)]
pub struct StagedRecord {
    /// Which.
    pub snapshot: Arc<Snapshot>,
    /// How many bytes of it are in its file, from its start.
    pub received: u64,
    /// The checksum over them.
    pub checksum: u64,
}

impl Coded for StagedRecord {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.snapshot.encode(bytes);
        bytes.integer(self.received);
        bytes.integer(self.checksum);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(Self { snapshot: Coded::decode(reader)?, received: reader.integer()?, checksum: reader.integer()? })
    }
}

impl Record {
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Checkpoint { term_and_vote, base, snapshot, staged } => {
                bytes.integer(1);
                term_and_vote.encode(bytes);
                base.encode(bytes);
                snapshot.encode(bytes);
                staged.encode(bytes);
            }
            Self::TermAndVote(term_and_vote) => {
                bytes.integer(2);
                term_and_vote.encode(bytes);
            }
            Self::Entries { first, entries } => {
                bytes.integer(3);
                first.encode(bytes);
                entries.encode(bytes);
            }
            Self::SnapshotTaken { snapshot, base } => {
                bytes.integer(4);
                snapshot.encode(bytes);
                base.encode(bytes);
            }
            Self::SnapshotPart(staged) => {
                bytes.integer(5);
                staged.encode(bytes);
            }
            Self::SnapshotInstalled(snapshot) => {
                bytes.integer(6);
                snapshot.encode(bytes);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.integer()? {
            1 => Self::Checkpoint {
                term_and_vote: Coded::decode(reader)?,
                base: Coded::decode(reader)?,
                snapshot: Coded::decode(reader)?,
                staged: Coded::decode(reader)?,
            },
            2 => Self::TermAndVote(Coded::decode(reader)?),
            3 => Self::Entries { first: Coded::decode(reader)?, entries: Coded::decode(reader)? },
            4 => Self::SnapshotTaken { snapshot: Coded::decode(reader)?, base: Coded::decode(reader)? },
            5 => Self::SnapshotPart(Coded::decode(reader)?),
            6 => Self::SnapshotInstalled(Coded::decode(reader)?),
            number => return Err(Malformed::Unknown { what: "record", number }),
        })
    }

    /// All records in the body of a batch.
    ///
    /// # Errors
    /// Where one is none.
    pub fn all_in(body: &[u8]) -> Result<Vec<Self>, Malformed> {
        let mut reader = Reader::new(body);
        let mut records = Vec::new();
        for _ in 0..reader.count()? {
            records.push(Self::decode(&mut reader)?);
        }
        reader.end()?;
        Ok(records)
    }
}

/// What the records so far add up to.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// The term and vote.
    pub term_and_vote: TermAndVote,
    /// The place right before the first entry that is needed.
    pub base: LogPosition,
    /// The latest snapshot.
    pub snapshot: Option<Arc<Snapshot>>,
    /// The snapshot that is on its way from the leader.
    pub staged: Option<StagedRecord>,
    /// The log, from the entry at `first` on, which may be before the base.
    entries: VecDeque<Entry<Bytes>>,
    first: LogIndex,
}

impl Stored {
    /// Adds a record.
    ///
    /// # Errors
    /// Where it leaves a gap in the log.
    pub fn add(&mut self, record: Record) -> Result<(), Malformed> {
        match record {
            Record::Checkpoint { term_and_vote, base, snapshot, staged } => {
                self.term_and_vote = term_and_vote;
                self.base = base;
                self.snapshot = snapshot;
                self.staged = staged;
            }
            Record::TermAndVote(term_and_vote) => self.term_and_vote = term_and_vote,
            Record::Entries { first, entries } => return self.add_entries(first, &entries),
            Record::SnapshotTaken { snapshot, base } => {
                self.base = base;
                self.snapshot = Some(snapshot);
                self.drop_up_to(base.index);
            }
            Record::SnapshotPart(staged) => self.staged = Some(staged),
            Record::SnapshotInstalled(snapshot) => {
                self.base = snapshot.last;
                self.entries.clear();
                self.snapshot = Some(snapshot);
                self.staged = None;
            }
        }
        Ok(())
    }

    fn add_entries(&mut self, first: LogIndex, entries: &Entries<Bytes>) -> Result<(), Malformed> {
        if self.entries.is_empty() || first < self.first {
            self.entries.clear();
            self.first = first;
        }
        let kept = usize::try_from(first.0 - self.first.0).unwrap_or(usize::MAX);
        if kept > self.entries.len() {
            return Err(Malformed::Nonsense("entries of the log are missing"));
        }
        self.entries.truncate(kept);
        self.entries.extend(entries.iter().cloned());
        Ok(())
    }

    fn drop_up_to(&mut self, index: LogIndex) {
        let dropped = (index.0 + 1).saturating_sub(self.first.0).min(self.entries.len() as u64);
        self.entries.drain(..dropped as usize);
        self.first.0 += dropped;
    }

    /// The index of the last entry; that of the base where there is none.
    #[must_use]
    pub fn last_index(&self) -> LogIndex {
        match self.entries.len() as u64 {
            0 => self.base.index,
            count => self.base.index.max(LogIndex(self.first.0 + count - 1)),
        }
    }

    /// The entry at `index`, if it is stored and needed.
    #[must_use]
    pub fn entry(&self, index: LogIndex) -> Option<&Entry<Bytes>> {
        let offset = index.0.checked_sub(self.first.0).filter(|_| index > self.base.index)?;
        self.entries.get(usize::try_from(offset).ok()?)
    }

    /// Drops all entries after `last`, as a disk does that lies.
    pub fn lose_after(&mut self, last: LogIndex) {
        let kept = (last.0 + 1).saturating_sub(self.first.0);
        self.entries.truncate(usize::try_from(kept).unwrap_or(usize::MAX));
    }

    /// What the core restarts from.
    ///
    /// # Errors
    /// Where the log does not begin right after the base.
    pub(crate) fn into_restored(mut self) -> Result<Restored<Bytes>, Malformed> {
        self.drop_up_to(self.base.index);
        if !self.entries.is_empty() && self.first != self.base.index.next() {
            return Err(Malformed::Nonsense("entries of the log are missing"));
        }
        Ok(Restored {
            term_and_vote: self.term_and_vote,
            snapshot: self.snapshot,
            base: self.base,
            entries: self.entries.into(),
            staged: self.staged.map(|staged| (staged.snapshot, staged.received)),
        })
    }
}

/// The checksum over what has come of a snapshot.
#[derive(Clone)]
pub(crate) struct Running(Xxh3Default);

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Running({:x})", self.digest())
    }
}

impl Running {
    pub(crate) fn new() -> Self {
        Self(Xxh3Default::new())
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn digest(&self) -> u64 {
        self.0.digest()
    }
}

/// A snapshot from the leader, while it comes.
#[derive(Clone, Debug)]
pub(crate) struct Staging {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) received: u64,
    pub(crate) sum: Running,
}

impl Staging {
    pub(crate) fn record(&self) -> StagedRecord {
        let (received, checksum) = (self.received, self.sum.digest());
        StagedRecord { snapshot: self.snapshot.clone(), received, checksum }
    }
}
