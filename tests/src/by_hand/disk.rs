//! What a node's disk holds once its writes are done.

use std::sync::Arc;

use raft_core::{Entry, LogIndex, LogPosition, Persist, Restored, Snapshot, SnapshotWrite, TermAndVote};

/// A disk that checks what is written to it: no write leaves a gap.
#[derive(Clone, Debug)]
pub struct Disk<P> {
    /// The last term and vote written.
    pub term_and_vote: TermAndVote,
    /// The place right before the first of `entries`.
    pub base: LogPosition,
    /// The log after `base`.
    pub entries: Vec<Entry<P>>,
    /// The latest snapshot that the core knows, with its bytes.
    pub snapshot: Option<(Arc<Snapshot>, Arc<[u8]>)>,
    /// A snapshot on its way from a leader, and the bytes that are there.
    pub staged: Option<(Arc<Snapshot>, Vec<u8>)>,
    /// What the application took and the core has not recorded yet.
    taken: Option<(LogIndex, Arc<[u8]>)>,
}

impl<P: Clone> Disk<P> {
    /// A disk from which a server starts with `restored`. The bytes of its snapshots are zeros.
    pub fn holding(restored: &Restored<P>) -> Self {
        let zeros = |count: u64| vec![0; usize::try_from(count).expect("a test's snapshot is short")];
        let staged = restored.staged.as_ref();
        Self {
            term_and_vote: restored.term_and_vote,
            base: restored.base,
            entries: restored.entries.clone(),
            snapshot: restored.snapshot.as_ref().map(|snapshot| (snapshot.clone(), Arc::from([]))),
            staged: staged.map(|(snapshot, received)| (snapshot.clone(), zeros(*received))),
            taken: None,
        }
    }

    /// What a server starts with that finds this disk.
    pub fn restored(&self) -> Restored<P> {
        Restored {
            term_and_vote: self.term_and_vote,
            snapshot: self.snapshot.as_ref().map(|(snapshot, _)| snapshot.clone()),
            base: self.base,
            entries: self.entries.clone(),
            staged: self.staged.as_ref().map(|(snapshot, bytes)| (snapshot.clone(), bytes.len() as u64)),
        }
    }

    /// The application puts down the bytes of a snapshot that ends at `last_index`, before it tells the core.
    pub fn put_down_snapshot(&mut self, last_index: LogIndex, bytes: Arc<[u8]>) {
        self.taken = Some((last_index, bytes));
    }

    /// The entries at `first..=last`, as far as they are here.
    pub fn slice(&self, first: LogIndex, last: LogIndex) -> &[Entry<P>] {
        let place = |index: u64| (index.saturating_sub(self.base.index.0) as usize).min(self.entries.len());
        &self.entries[place(first.0.saturating_sub(1))..place(last.0)]
    }

    /// The index of the last entry; that of the base where there is none.
    pub fn last_index(&self) -> LogIndex {
        LogIndex(self.base.index.0 + self.entries.len() as u64)
    }

    /// Carries out one write, whole.
    pub fn write(&mut self, persist: &Persist<P>) {
        if let Some(term_and_vote) = persist.term_and_vote {
            self.term_and_vote = term_and_vote;
        }
        if let Some(snapshot) = &persist.snapshot {
            self.write_snapshot(snapshot);
        }
        if let Some(log) = &persist.log {
            let kept = log.first.0.checked_sub(self.base.index.0 + 1).expect("what is compacted is not written again");
            let kept = usize::try_from(kept).expect("a test's log is short");
            assert!(kept <= self.entries.len(), "a write may not leave a gap in the log");
            self.entries.truncate(kept);
            self.entries.extend_from_slice(&log.entries);
        }
    }

    fn write_snapshot(&mut self, write: &SnapshotWrite) {
        match write {
            SnapshotWrite::Taken { snapshot, base } => {
                let taken = self.taken.take().filter(|(last_index, _)| *last_index == snapshot.last.index);
                self.snapshot = Some((snapshot.clone(), taken.map_or(Arc::from([]), |(_, bytes)| bytes)));
                let dropped = base.index.0.checked_sub(self.base.index.0).expect("the base of a log never falls");
                let dropped = usize::try_from(dropped).expect("a test's log is short");
                assert!(dropped <= self.entries.len(), "what is compacted was in the log");
                self.entries.drain(..dropped);
                self.base = *base;
            }
            SnapshotWrite::Chunk { snapshot, offset, data, is_complete } => {
                let is_same = |staged: &mut (Arc<Snapshot>, Vec<u8>)| staged.0.id() == snapshot.id();
                let mut bytes = self.staged.take_if(is_same).map_or(Vec::new(), |(_, bytes)| bytes);
                assert_eq!(*offset, bytes.len() as u64, "everything before a part of a snapshot is staged");
                bytes.extend_from_slice(data);
                assert_eq!(*is_complete, bytes.len() as u64 == snapshot.size, "a snapshot ends with its last byte");
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
