//! What a node's disk holds once its writes are done.

use raft_core::{Entry, Persist, Restored, TermAndVote};

#[derive(Clone, Debug)]
pub(crate) struct Disk<P> {
    pub(crate) term_and_vote: TermAndVote,
    pub(crate) entries: Vec<Entry<P>>,
}

impl<P: Clone> Disk<P> {
    pub(crate) fn holding(restored: &Restored<P>) -> Self {
        Self { term_and_vote: restored.term_and_vote, entries: restored.entries.clone() }
    }

    pub(crate) fn write(&mut self, persist: &Persist<P>) {
        if let Some(term_and_vote) = persist.term_and_vote {
            self.term_and_vote = term_and_vote;
        }
        if let Some(log) = &persist.log {
            let kept = usize::try_from(log.first.0 - 1).expect("a test's log is short");
            assert!(kept <= self.entries.len(), "a write may not leave a gap in the log");
            self.entries.truncate(kept);
            self.entries.extend_from_slice(&log.entries);
        }
    }
}
