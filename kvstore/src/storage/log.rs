//! The writer's side: makes batches of what the core wants durable.

use std::collections::VecDeque;
use std::sync::Arc;

use raft_core::{LogIndex, LogPosition, Persist, Snapshot, SnapshotId, SnapshotWrite, TermAndVote};

use super::files::{Batch, FileName, FileOperation};
use super::record::{Record, Running, Staging};
use super::segment::{self, Header, SECTOR};
use crate::bytes::Bytes;
use crate::codec::{Malformed, Write};

/// The log of a server, as far as its writer must know it. One batch is under way at a time: the next may be made when the
/// one before is durable.
#[derive(Clone, Debug)]
pub struct Log {
    pub(super) server: u64,
    /// A segment has this many bytes, unless one batch alone has more.
    pub(super) segment_bytes: u64,
    /// The segments on disk, oldest first, each with the highest index that it ever held.
    pub(super) segments: VecDeque<(u64, LogIndex)>,
    /// Where the next batch goes, in the last of them.
    pub(super) offset: u64,
    /// The size of the last of them; 0 where a new one must be begun.
    pub(super) capacity: u64,
    pub(super) next_segment: u64,
    pub(super) next_batch: u64,
    pub(super) term_and_vote: TermAndVote,
    pub(super) base: LogPosition,
    pub(super) snapshot: Option<Arc<Snapshot>>,
    pub(super) staging: Option<Staging>,
    /// The snapshot files on disk.
    pub(super) snapshots: Vec<SnapshotId>,
    /// What a crash left without use.
    pub(super) leftovers: Vec<FileName>,
}

impl Log {
    /// One batch of all these writes, in their order. Snapshots that `is_in_use` names stay.
    ///
    /// # Errors
    /// Where a snapshot is complete and its bytes are not those that its checksum says.
    pub fn batch(
        &mut self,
        writes: &[Persist<Bytes>],
        is_in_use: impl Fn(SnapshotId) -> bool,
    ) -> Result<Batch, Malformed> {
        let mut batch = Batch::default();
        let mut records = Vec::new();
        let mut highest = LogIndex(0);
        let before = self.checkpoint();
        for write in writes {
            if let Some(term_and_vote) = write.term_and_vote {
                self.term_and_vote = term_and_vote;
                records.push(Record::TermAndVote(term_and_vote));
            }
            if let Some(snapshot) = write.snapshot.as_deref() {
                records.push(self.snapshot_record(snapshot, &mut batch)?);
            }
            if let Some(log) = &write.log {
                highest = highest.max(LogIndex(log.first.0 + log.entries.len() as u64).previous());
                records.push(Record::Entries { first: log.first, entries: log.entries.clone() });
            }
        }
        self.write(&before, &records, highest, &mut batch);
        self.clean_up(is_in_use, &mut batch);
        Ok(batch)
    }

    fn checkpoint(&self) -> Record {
        Record::Checkpoint {
            term_and_vote: self.term_and_vote,
            base: self.base,
            snapshot: self.snapshot.clone(),
            staged: self.staging.as_ref().map(Staging::record),
        }
    }

    fn snapshot_record(&mut self, write: &SnapshotWrite, batch: &mut Batch) -> Result<Record, Malformed> {
        let (snapshot, offset, data, is_complete) = match write {
            SnapshotWrite::Taken { snapshot, base } => {
                self.base = *base;
                self.snapshot = Some(snapshot.clone());
                self.note_snapshot(snapshot.id());
                return Ok(Record::SnapshotTaken { snapshot: snapshot.clone(), base: *base });
            }
            SnapshotWrite::Chunk { snapshot, offset, data, is_complete } => (snapshot, *offset, data, *is_complete),
        };
        let goes_on = |staging: &mut Staging| staging.snapshot.id() == snapshot.id() && staging.received == offset;
        let mut staging = self.staging.take_if(goes_on);
        let file = FileName::of_snapshot(snapshot.id());
        if staging.is_none() {
            if offset > 0 {
                return Err(Malformed::Nonsense("a part of a snapshot does not follow the one before"));
            }
            batch.files.push(FileOperation::Create { file, size: 0 });
            self.note_snapshot(snapshot.id());
        }
        let mut staging =
            staging.take().unwrap_or_else(|| Staging { snapshot: snapshot.clone(), received: 0, sum: Running::new() });
        batch.files.push(FileOperation::Write { file, offset, data: data.clone() });
        staging.sum.add(data);
        staging.received = offset + data.len() as u64;
        if !is_complete {
            self.staging = Some(staging);
            return Ok(Record::SnapshotPart(self.staging.as_ref().map(Staging::record).ok_or(Malformed::CutShort)?));
        }
        if staging.sum.digest() != snapshot.checksum {
            return Err(Malformed::Checksum);
        }
        self.staging = None;
        self.base = snapshot.last;
        self.snapshot = Some(snapshot.clone());
        Ok(Record::SnapshotInstalled(snapshot.clone()))
    }

    /// A file of a snapshot is being written beside the log.
    pub(crate) fn note_snapshot(&mut self, id: SnapshotId) {
        // What a crash left of it is being written over.
        self.leftovers.retain(|file| *file != FileName::of_snapshot(id));
        if !self.snapshots.contains(&id) {
            self.snapshots.push(id);
        }
    }

    /// A snapshot that ends there is about to be written: what a crash left of it must not be removed meanwhile.
    pub(crate) fn keep_leftovers_of(&mut self, last: LogPosition) {
        self.leftovers.retain(|file| file.snapshot().is_none_or(|id| id.last != last));
    }

    /// Appends `records` in a batch of their own, to a new segment where the last has no room.
    fn write(&mut self, before: &Record, records: &[Record], highest: LogIndex, batch: &mut Batch) {
        let body = body(None, records);
        if self.offset + segment::extent(body.len()) as u64 <= self.capacity {
            let mut sectors = Vec::new();
            let (number, last) = match self.segments.back_mut() {
                Some(last) => (last.0, &mut last.1),
                None => return,
            };
            *last = highest.max(*last);
            segment::write_batch(number, self.next_batch, &body, &mut sectors);
            self.push(number, sectors, batch);
            return;
        }
        let body = self::body(Some(before), records);
        let number = self.next_segment;
        let header = Header {
            segment: number,
            server: self.server,
            first_batch: self.next_batch,
            previous: self.segments.back().map_or(0, |(last, _)| *last),
            previous_end: if self.segments.is_empty() { 0 } else { self.offset },
        };
        let mut sectors = header.encode();
        segment::write_batch(number, self.next_batch, &body, &mut sectors);
        self.capacity = self.segment_bytes.max(sectors.len() as u64).next_multiple_of(SECTOR as u64);
        self.offset = 0;
        self.next_segment += 1;
        self.segments.push_back((number, highest));
        batch.log.push(FileOperation::Create { file: FileName::Segment(number), size: self.capacity });
        self.push(number, sectors, batch);
    }

    fn push(&mut self, segment: u64, sectors: Vec<u8>, batch: &mut Batch) {
        let (file, offset) = (FileName::Segment(segment), self.offset);
        self.offset += sectors.len() as u64;
        self.next_batch += 1;
        batch.log.push(FileOperation::Write { file, offset, data: sectors.into() });
    }

    /// What the batch, once durable, leaves without use: segments whose entries are all compacted, and snapshots.
    fn clean_up(&mut self, is_in_use: impl Fn(SnapshotId) -> bool, batch: &mut Batch) {
        batch.cleanup.extend(self.leftovers.drain(..).map(|file| FileOperation::Remove { file }));
        while self.segments.len() > 1
            && let Some(&(number, highest)) = self.segments.front()
            && highest <= self.base.index
        {
            self.segments.pop_front();
            batch.cleanup.push(FileOperation::Remove { file: FileName::Segment(number) });
        }
        let latest = self.snapshot.as_ref().map(|snapshot| snapshot.id());
        let staged = self.staging.as_ref().map(|staging| staging.snapshot.id());
        let at = latest.map_or(LogIndex(0), |latest| latest.last.index);
        self.snapshots.retain(|id| {
            // One that is later than the latest is being written.
            let stays = Some(*id) == latest || Some(*id) == staged || is_in_use(*id) || id.last.index > at;
            if !stays {
                batch.cleanup.push(FileOperation::Remove { file: FileName::of_snapshot(*id) });
            }
            stays
        });
    }
}

fn body(checkpoint: Option<&Record>, records: &[Record]) -> Vec<u8> {
    let mut body = Vec::new();
    body.integer((records.len() + usize::from(checkpoint.is_some())) as u64);
    checkpoint.into_iter().chain(records).for_each(|record| record.encode(&mut body));
    body
}
