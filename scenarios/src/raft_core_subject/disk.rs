//! What a server's disk holds.

use std::sync::Arc;

use raft_core::{Entry, LogPosition, Payload, Persist, Restored, Snapshot, SnapshotWrite, Term};
use sim::{Blocks, Choice, Disk, LogEntry, TermAndVote};

use super::ids::sim_id;
use super::snapshot::TakenSnapshot;
use crate::kv::Command;

/// A write of a server.
#[derive(Clone, Debug)]
pub enum Write {
    /// What the core wants durable.
    Persist(Persist<Command>),
    /// A snapshot that the application took.
    Snapshot(Arc<TakenSnapshot>),
}

/// What a server's disk holds.
#[derive(Clone, Debug, Default)]
pub struct RaftDisk {
    term_and_vote: raft_core::TermAndVote,
    base: LogPosition,
    entries: Blocks<Entry<Command>>,
    /// The latest snapshot that the core knows, with its bytes.
    snapshot: Option<(Arc<Snapshot>, Arc<[u8]>)>,
    /// One that the application took and the core has not recorded yet.
    taken: Option<Arc<TakenSnapshot>>,
    /// One on its way from a leader.
    staged: Option<(Arc<Snapshot>, Vec<u8>)>,
    /// It has lost entries that it had said were durable.
    has_lied: bool,
    /// The record whose checksum does not match any more.
    rotten: Option<Record>,
}

/// What a disk keeps with a checksum of its own.
#[derive(Clone, Copy, Debug)]
enum Record {
    TermAndVote,
    Snapshot,
    Entry(u64),
}

impl RaftDisk {
    /// Checks every record, as a server does that starts.
    pub(super) fn check(&self) -> Result<(), String> {
        let record = match self.rotten {
            None => return Ok(()),
            Some(Record::TermAndVote) => "the term and vote".to_owned(),
            Some(Record::Snapshot) => "the snapshot".to_owned(),
            Some(Record::Entry(index)) => format!("entry {index}"),
        };
        Err(format!("the checksum of {record} does not match"))
    }

    pub(super) fn restored(&self) -> Restored<Command> {
        Restored {
            term_and_vote: self.term_and_vote,
            snapshot: self.snapshot.as_ref().map(|(snapshot, _)| snapshot.clone()),
            base: self.base,
            entries: self.entries.iter().cloned().collect(),
            staged: self.staged.as_ref().map(|(snapshot, bytes)| (snapshot.clone(), bytes.len() as u64)),
        }
    }

    /// Whether it has lost entries that it had said were durable.
    pub(super) fn has_lied(&self) -> bool {
        self.has_lied
    }

    pub(super) fn snapshot(&self) -> Option<&(Arc<Snapshot>, Arc<[u8]>)> {
        self.snapshot.as_ref()
    }

    pub(super) fn staged_bytes(&self) -> &[u8] {
        self.staged.as_ref().map_or(&[], |(_, bytes)| bytes)
    }

    #[cold]
    fn write_snapshot(&mut self, write: &SnapshotWrite) {
        match write {
            SnapshotWrite::Taken { snapshot, base } => {
                let taken = self.taken.take().filter(|taken| taken.last_index == snapshot.last.index);
                let Some(taken) = taken else { return };
                self.snapshot = Some((snapshot.clone(), taken.bytes.clone()));
                let dropped = base.index.0 - self.base.index.0;
                self.entries.drop_first(dropped as usize);
                self.base = *base;
            }
            SnapshotWrite::Chunk { snapshot, offset, data, is_complete } => {
                let is_same = |staged: &mut (Arc<Snapshot>, Vec<u8>)| staged.0 == *snapshot;
                let (_, mut bytes) = self.staged.take_if(is_same).unwrap_or_else(|| (snapshot.clone(), Vec::new()));
                bytes.truncate(*offset as usize);
                bytes.extend_from_slice(data);
                if *is_complete {
                    self.snapshot = Some((snapshot.clone(), bytes.into()));
                    self.staged = None;
                    self.entries.clear();
                    self.base = snapshot.last;
                } else {
                    self.staged = Some((snapshot.clone(), bytes));
                }
            }
        }
    }
}

impl Disk for RaftDisk {
    type Write = Write;

    fn write(&mut self, write: &Write) {
        let write = match write {
            Write::Persist(write) => write,
            Write::Snapshot(taken) => {
                self.taken = Some(taken.clone());
                return;
            }
        };
        if let Some(term_and_vote) = write.term_and_vote {
            self.term_and_vote = term_and_vote;
        }
        if let Some(snapshot) = &write.snapshot {
            self.write_snapshot(snapshot);
        }
        if let Some(log) = &write.log {
            let kept = (log.first.0 - self.base.index.0) as usize - 1;
            if kept < self.entries.len() {
                self.entries.truncate(kept);
            }
            self.entries.extend(log.entries.iter().cloned());
        }
    }

    /// A record is written front to back: the term and vote, what changed about snapshots, then the entries. The
    /// checksum of each part tells how far it got.
    fn torn(write: &Write, choice: &mut Choice) -> Option<Write> {
        let Write::Persist(write) = write else { return None };
        let mut torn = write.clone();
        let entries = torn.log.as_ref().map_or(0, |log| log.entries.len());
        let parts = entries + usize::from(torn.snapshot.is_some());
        let kept = choice.below(parts as u64 + 1) as usize;
        let kept_entries = (kept + entries).saturating_sub(parts);
        match &mut torn.log {
            Some(log) if kept_entries > 0 => log.entries = log.entries.slice(0..kept_entries),
            _ => torn.log = None,
        }
        if kept == 0 {
            torn.snapshot = None;
        }
        let is_any = torn.term_and_vote.is_some() || torn.snapshot.is_some() || torn.log.is_some();
        is_any.then_some(Write::Persist(torn))
    }

    /// Any record alike: the term and vote, the snapshot, and each entry.
    fn rot(&mut self, choice: &mut Choice) -> bool {
        let entries = self.entries.iter().count() as u64;
        let snapshots = u64::from(self.snapshot.is_some());
        let drawn = choice.below(1 + snapshots + entries);
        self.rotten = Some(match drawn {
            0 => Record::TermAndVote,
            1 if snapshots > 0 => Record::Snapshot,
            _ => Record::Entry(self.base.index.0 + drawn - snapshots),
        });
        true
    }

    fn lose_log_after(&mut self, kept: u64) -> bool {
        let snapshot = self.snapshot.as_ref().map_or(0, |(snapshot, _)| snapshot.last.index.0);
        let count = (kept.max(snapshot) - self.base.index.0) as usize;
        let is_any = count < self.entries.len();
        self.entries.truncate(count);
        self.has_lied |= is_any;
        is_any
    }

    fn term_and_vote(&self) -> Option<TermAndVote> {
        Some(term_and_vote(self.term_and_vote.term, self.term_and_vote.voted_for))
    }

    fn last_index(&self) -> u64 {
        self.base.index.0 + self.entries.len() as u64
    }

    fn snapshot_index(&self) -> u64 {
        self.base.index.0
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.entries.get(index.checked_sub(self.base.index.0 + 1)? as usize).map(identify)
    }

    fn changes_log_from(write: &Write) -> Option<u64> {
        match write {
            Write::Persist(write) => write.log.as_ref().map(|log| log.first.0),
            Write::Snapshot(_) => None,
        }
    }
}

pub(super) fn identify(entry: &Entry<Command>) -> LogEntry {
    let digest = match &entry.payload {
        Payload::Command(command) => command.digest(),
        Payload::Noop | Payload::Membership(_) => LogEntry::NO_COMMAND,
    };
    LogEntry { term: entry.term.0, digest }
}

pub(crate) fn term_and_vote(term: Term, voted_for: Option<raft_core::NodeId>) -> TermAndVote {
    TermAndVote { term: term.0, voted_for: voted_for.map(sim_id) }
}
