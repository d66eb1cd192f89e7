//! The leader's side of snapshots, and compaction (§7; dissertation, chapter 5).

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, SnapshotWrite};
use crate::ids::{LogIndex, LogPosition, NodeId};
use crate::message::{InstallSnapshot, InstallSnapshotReply, Message};
use crate::progress::{Flow, SnapshotTransfer};
use crate::raft::{Raft, Role};
use crate::snapshot::{Snapshot, SnapshotId};

impl<P: Command, R: Rng> Raft<P, R> {
    /// The application took a snapshot: what it contains is needed in the log no more, but for a margin.
    #[cold]
    pub(crate) fn snapshot_taken(&mut self, last_index: LogIndex, size: u64, checksum: u64) {
        // Validated: the log reaches from its base to beyond `last_index`.
        let Some(term) = self.log.term_at(last_index) else { return };
        let last = LogPosition { index: last_index, term };
        let membership = self.memberships.at(last_index).clone();
        let snapshot = Arc::new(Snapshot { last, membership, size, checksum });
        let base = last_index.0.saturating_sub(self.config.trailing_entries).max(self.log.base().index.0);
        self.log.compact_to(LogIndex(base));
        self.memberships.forget_before(last_index);
        self.snapshot = Some(snapshot.clone());
        self.unsaved.snapshot = Some(Box::new(SnapshotWrite::Taken { snapshot, base: self.log.base() }));
    }

    /// The follower at `place` lacks what has been compacted.
    #[cold]
    pub(crate) fn send_snapshot_to(&mut self, place: usize, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(snapshot) = &self.snapshot else { return };
        let budget = self.config.snapshot_bytes_per_heartbeat;
        leader.followers[place].progress.begin_snapshot(snapshot.clone(), budget, self.now);
        self.load_chunks_for(place, effects);
    }

    /// Asks for as many parts of the snapshot as may be sent now.
    fn load_chunks_for(&mut self, place: usize, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        let follower = &mut leader.followers[place];
        let Some(transfer) = follower.progress.snapshot_transfer() else { return };
        while let Some((offset, length)) = transfer.next_chunk(&self.config) {
            let snapshot = transfer.snapshot.id();
            effects.push(Effect::LoadSnapshotChunk { to: follower.id, snapshot, offset, length });
        }
    }

    pub(crate) fn pursue_snapshot(&mut self, place: usize, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(leader) = &mut self.role else { return };
        if let Some(transfer) = leader.followers[place].progress.snapshot_transfer() {
            transfer.time_passed(&self.config, self.now);
            self.load_chunks_for(place, effects);
        }
    }

    #[cold]
    pub(crate) fn snapshot_chunk_loaded(
        &mut self,
        to: NodeId,
        id: SnapshotId,
        offset: u64,
        data: Option<Arc<[u8]>>,
        effects: &mut Vec<Effect<P>>,
    ) {
        let Role::Leader(leader) = &mut self.role else { return };
        let Some(place) = leader.place_of(to) else { return };
        let round = leader.rounds.last();
        let progress = &mut leader.followers[place].progress;
        // What is not sent any more is not needed any more.
        let Some(transfer) = progress.snapshot_transfer().filter(|transfer| transfer.snapshot.id() == id) else {
            return;
        };
        let snapshot = transfer.snapshot.clone();
        match data {
            Some(data) => {
                progress.sent_at = self.now;
                let part = InstallSnapshot { term: self.term, round, snapshot, offset, data };
                effects.push(Effect::Send { to, message: Message::InstallSnapshot(part) });
            }
            // The snapshot is gone, most likely because there is a later one.
            None if self.snapshot.as_ref().is_some_and(|latest| latest.id() != id) => {
                self.send_snapshot_to(place, effects);
            }
            None => {}
        }
    }

    #[cold]
    pub(crate) fn receive_install_snapshot_reply(
        &mut self,
        from: NodeId,
        reply: InstallSnapshotReply,
        effects: &mut Vec<Effect<P>>,
    ) {
        if reply.term < self.term {
            return;
        }
        let Some(place) = self.heard_from(from, reply.round, effects) else { return };
        let Role::Leader(leader) = &mut self.role else { return };
        let is_current = |transfer: &&mut SnapshotTransfer| transfer.snapshot.id() == reply.snapshot;
        if let Some(transfer) = leader.followers[place].progress.snapshot_transfer().filter(is_current) {
            transfer.acknowledged(reply.received);
            self.load_chunks_for(place, effects);
        }
    }
}

impl<P, R> Raft<P, R> {
    /// The snapshots that followers are being brought up to date with, besides [`Raft::snapshot`]: keep them until
    /// they are named no more, or a transfer must begin anew.
    pub fn snapshots_in_use(&self) -> impl Iterator<Item = SnapshotId> {
        self.progress().filter_map(|(_, progress)| match progress.flow() {
            Flow::Snapshot(transfer) => Some(transfer.snapshot.id()),
            _ => None,
        })
    }
}
