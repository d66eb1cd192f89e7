//! What a server finds on its disk when it starts.

use std::sync::Arc;

use raft_core::{LogIndex, Restored, Snapshot};

use super::StorageError;
use super::files::{FileName, Files, read_up_to};
use super::log::Log;
use super::record::{Record, Running, Staging, Stored};
use super::segment::{self, Found, Header, SECTOR};
use crate::bytes::Bytes;
use crate::codec::Malformed;
use crate::machine::StateMachine;

/// All that a server starts from.
#[derive(Debug)]
pub struct Recovered {
    /// For the core.
    pub restored: Restored<Bytes>,
    /// The state machine, as its latest snapshot has it.
    pub machine: StateMachine,
    /// To go on writing.
    pub log: Log,
    /// What was found, in numbers.
    pub report: Report,
}

/// What was found, in numbers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Report {
    /// How many segments the log has.
    pub segments: usize,
    /// How many batches were read.
    pub batches: u64,
    /// How many entries the log has after its base.
    pub entries: usize,
    /// How many bytes the snapshot has.
    pub snapshot_bytes: u64,
    /// A batch that a crash had cut was left out: in this file, at this byte.
    pub torn: Option<(FileName, u64)>,
    /// A part of a snapshot from the leader was damaged, and is fetched again.
    pub dropped_staged: bool,
}

/// Reads what `server` left in `files`; nothing of a server that starts for the first time. New segments get
/// `segment_bytes`.
///
/// # Errors
/// Where the files cannot be read, are another server's, or anything that was durable is gone or damaged.
pub fn recover(files: &impl Files, server: u64, segment_bytes: u64) -> Result<Recovered, StorageError> {
    let names = files.list().map_err(|error| io_error("the directory", error))?;
    let mut report = Report::default();
    let (chain, highest) = chain(files, &names, server, &mut report)?;
    let mut log = Log {
        server,
        segment_bytes,
        segments: chain.iter().map(|header| (header.segment, LogIndex(0))).collect(),
        offset: 0,
        capacity: 0,
        next_segment: highest.map_or(1, |highest| highest + 1),
        next_batch: 1,
        term_and_vote: Default::default(),
        base: Default::default(),
        snapshot: None,
        staging: None,
        snapshots: Vec::new(),
        leftovers: Vec::new(),
    };
    let mut stored = Stored::default();
    for (place, header) in chain.iter().enumerate() {
        let successor = chain.get(place + 1).copied();
        let end = replay(files, *header, successor, &mut stored, &mut report)?;
        (log.offset, log.next_batch, log.segments[place].1) = (end.offset, end.next_batch, end.highest);
    }
    let machine = restore_snapshot(files, stored.snapshot.as_deref())?;
    log.staging = restore_staged(files, &mut stored, &mut report)?;
    (log.term_and_vote, log.base, log.snapshot) = (stored.term_and_vote, stored.base, stored.snapshot.clone());
    for name in names {
        let is_needed = match name {
            FileName::Segment(number) => log.segments.iter().any(|(kept, _)| *kept == number),
            FileName::Snapshot { .. } => {
                let id = name.snapshot();
                let of = |snapshot: &Arc<Snapshot>| Some(snapshot.id()) == id;
                stored.snapshot.as_ref().is_some_and(of) || log.staging.as_ref().is_some_and(|s| of(&s.snapshot))
            }
        };
        match name.snapshot() {
            _ if !is_needed => log.leftovers.push(name),
            Some(id) => log.note_snapshot(id),
            None => {}
        }
    }
    let last = log.segments.back().map_or(1, |(last, _)| *last);
    let restored = stored.into_restored().map_err(|what| damaged(FileName::Segment(last), 0, what))?;
    report.segments = chain.len();
    report.entries = restored.entries.len();
    report.snapshot_bytes = restored.snapshot.as_ref().map_or(0, |snapshot| snapshot.size);
    Ok(Recovered { restored, machine, log, report })
}

/// What the log of `server` in `files` adds up to.
///
/// # Errors
/// As [`recover`].
pub fn stored(files: &impl Files, server: u64) -> Result<Stored, StorageError> {
    let names = files.list().map_err(|error| io_error("the directory", error))?;
    let (chain, _) = chain(files, &names, server, &mut Report::default())?;
    let mut stored = Stored::default();
    for (place, header) in chain.iter().enumerate() {
        let successor = chain.get(place + 1).copied();
        replay(files, *header, successor, &mut stored, &mut Report::default())?;
    }
    Ok(stored)
}

/// What reading a segment leads up to.
struct End {
    /// Where its last batch ends.
    offset: u64,
    next_batch: u64,
    /// The highest index that it ever held.
    highest: LogIndex,
}

/// The headers of the segments of the log, oldest first, and the highest number that any has.
fn chain(
    files: &impl Files,
    names: &[FileName],
    server: u64,
    report: &mut Report,
) -> Result<(Vec<Header>, Option<u64>), StorageError> {
    let mut numbers: Vec<u64> = names
        .iter()
        .filter_map(|name| match name {
            FileName::Segment(number) => Some(*number),
            FileName::Snapshot { .. } => None,
        })
        .collect();
    numbers.sort_unstable();
    let highest = numbers.last().copied();
    let mut chain: Vec<Header> = Vec::new();
    while let Some(number) = numbers.pop() {
        // Each says which was before it; those that are older still are no longer needed.
        if chain.last().is_some_and(|next| next.previous != number) {
            continue;
        }
        let file = FileName::Segment(number);
        let mut bytes = read_up_to(files, file, 0, SECTOR).map_err(|error| io_error(file, error))?;
        if bytes.iter().all(|byte| *byte == 0) {
            // Why the header is not there, the rest of the segment says.
            bytes = read_all(files, file)?;
        }
        match Header::decode(&bytes).map_err(|what| damaged(file, 0, what))? {
            Some(header) if header.server != server => {
                return Err(StorageError::OtherServer { found: header.server, expected: server });
            }
            Some(header) if header.segment != number => {
                return Err(damaged(file, 0, Malformed::Nonsense("the header is that of another segment")));
            }
            Some(header) => chain.push(header),
            // A crash came while it was begun.
            None if chain.is_empty() => report.torn = Some((file, 0)),
            None => return Err(damaged(file, 0, Malformed::Nonsense("the header that was durable is empty"))),
        }
    }
    chain.reverse();
    Ok((chain, highest))
}

/// Reads a segment, which no other is read beside, and adds what is in it. It must be whole up to where its successor says, where it has one.
fn replay(
    files: &impl Files,
    header: Header,
    successor: Option<Header>,
    stored: &mut Stored,
    report: &mut Report,
) -> Result<End, StorageError> {
    let file = FileName::Segment(header.segment);
    let bytes = &read_all(files, file)?;
    let mut batch = header.first_batch;
    let mut offset = SECTOR;
    let mut highest = LogIndex(0);
    let end = successor.map(|successor| successor.previous_end as usize);
    while end.is_none_or(|end| offset < end) {
        let bad = |what| damaged(file, offset as u64, what);
        match segment::look(header.segment, bytes, offset, batch).map_err(bad)? {
            Found::Batch { body, end } => {
                for record in Record::all_in(&body).map_err(bad)? {
                    if let Record::Entries { first, entries } = &record {
                        let last = LogIndex(first.0.saturating_add(entries.len() as u64)).previous();
                        highest = highest.max(last);
                    }
                    stored.add(record).map_err(bad)?;
                }
                offset = end;
                batch += 1;
                report.batches += 1;
            }
            _ if successor.is_some() => return Err(bad(Malformed::Nonsense("a batch that was durable is missing"))),
            Found::Torn => {
                report.torn = Some((file, offset as u64));
                break;
            }
            Found::End => break,
        }
    }
    if let Some(successor) = successor
        && (Some(offset) != end || successor.first_batch != batch)
    {
        return Err(damaged(file, offset as u64, Malformed::Nonsense("the next segment goes on from somewhere else")));
    }
    Ok(End { offset: offset as u64, next_batch: batch, highest })
}

fn restore_snapshot(files: &impl Files, snapshot: Option<&Snapshot>) -> Result<StateMachine, StorageError> {
    let Some(snapshot) = snapshot else { return Ok(StateMachine::default()) };
    let file = FileName::of_snapshot(snapshot.id());
    let bytes = match read_up_to(files, file, 0, snapshot.size as usize) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(damaged(file, 0, Malformed::Nonsense("the snapshot is not there")));
        }
        Err(error) => return Err(io_error(file, error)),
    };
    if bytes.len() as u64 != snapshot.size {
        return Err(damaged(file, bytes.len() as u64, Malformed::CutShort));
    }
    if crate::checksum(&bytes) != snapshot.checksum {
        return Err(damaged(file, 0, Malformed::Checksum));
    }
    StateMachine::restore(&bytes).map_err(|what| damaged(file, 0, what))
}

/// What has come of a snapshot from the leader; damaged, it is dropped: it was never part of the state.
fn restore_staged(
    files: &impl Files,
    stored: &mut Stored,
    report: &mut Report,
) -> Result<Option<Staging>, StorageError> {
    let Some(staged) = stored.staged.clone() else { return Ok(None) };
    let file = FileName::of_snapshot(staged.snapshot.id());
    let bytes = match read_up_to(files, file, 0, staged.received as usize) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(io_error(file, error)),
    };
    let mut sum = Running::new();
    sum.add(&bytes);
    if bytes.len() as u64 != staged.received || sum.digest() != staged.checksum {
        stored.staged = None;
        report.dropped_staged = true;
        return Ok(None);
    }
    Ok(Some(Staging { snapshot: staged.snapshot, received: staged.received, sum }))
}

fn read_all(files: &impl Files, file: FileName) -> Result<Vec<u8>, StorageError> {
    let size = files.size(file).map_err(|error| io_error(file, error))?;
    read_up_to(files, file, 0, size as usize).map_err(|error| io_error(file, error))
}

fn io_error(what: impl std::fmt::Display, error: std::io::Error) -> StorageError {
    StorageError::Io { what: format!("reading {what}"), error }
}

fn damaged(file: FileName, offset: u64, what: Malformed) -> StorageError {
    StorageError::Damaged { file, offset, what }
}
