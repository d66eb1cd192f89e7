//! The follower's side of snapshots (§7).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, SnapshotWrite};
use crate::ids::{LogIndex, NodeId, Round, Sequence, Term};
use crate::membership::Memberships;
use crate::message::{InstallSnapshot, InstallSnapshotReply, Message};
use crate::raft::{Raft, Role};
use crate::snapshot::{Snapshot, SnapshotId};

/// A snapshot on its way here: how much of it has come, and how much of that is durable.
#[derive(Clone, Hash, Debug)]
pub(crate) struct Staged {
    snapshot: Arc<Snapshot>,
    /// The term of the leader that sends it.
    term: Term,
    received: u64,
    durable: u64,
    /// Parts that overtook others, by offset. They are staged when it is their turn.
    early: BTreeMap<u64, Arc<[u8]>>,
    /// The writes under way, and how much is there after each.
    writes: VecDeque<(Sequence, u64)>,
}

impl Staged {
    /// What a restart left.
    pub(crate) fn restored(snapshot: Arc<Snapshot>, received: u64) -> Self {
        // All of it, and yet not installed: whatever came in between, it is to be sent again.
        let received = if received < snapshot.size { received } else { 0 };
        Self { snapshot, term: Term(0), received, durable: received, early: BTreeMap::new(), writes: VecDeque::new() }
    }

    fn new(snapshot: Arc<Snapshot>) -> Self {
        Self::restored(snapshot, 0)
    }

    /// All that comes next, now that `data` has come at its turn.
    fn with_early(&mut self, data: Arc<[u8]>) -> Arc<[u8]> {
        let mut end = self.received + data.len() as u64;
        let mut joined = Vec::new();
        while let Some(entry) = self.early.first_entry().filter(|entry| *entry.key() <= end) {
            let (offset, early) = entry.remove_entry();
            // Parts may be cut differently when they are sent again.
            let is_new = usize::try_from(end - offset).ok().and_then(|known| early.get(known..));
            if let Some(new) = is_new.filter(|new| !new.is_empty()) {
                if joined.is_empty() {
                    joined.extend_from_slice(&data);
                }
                joined.extend_from_slice(new);
                end += new.len() as u64;
            }
        }
        if joined.is_empty() { data } else { joined.into() }
    }

    fn written(&mut self, sequence: Sequence) -> bool {
        let before = self.durable;
        while let Some((_, received)) = self.writes.pop_front_if(|(write, _)| *write <= sequence) {
            self.durable = received;
        }
        self.durable > before
    }
}

impl<P: Command, R: Rng> Raft<P, R> {
    #[cold]
    pub(crate) fn receive_install_snapshot(
        &mut self,
        from: NodeId,
        part: InstallSnapshot,
        effects: &mut Vec<Effect<P>>,
    ) {
        if part.term < self.term {
            // Its term tells the sender that it leads no more.
            let (term, snapshot) = (self.term, part.snapshot.id());
            let reply = InstallSnapshotReply { term, round: Round(0), snapshot, received: 0 };
            effects.push(Effect::Send { to: from, message: Message::InstallSnapshotReply(reply) });
            return;
        }
        self.follow(from, part.round, effects);
        let last = part.snapshot.last;
        if last.index <= self.commit_index || self.log.contains(last) {
            // The log has what the snapshot has, and perhaps more, which stays (§7). All that is new is that it is
            // committed.
            self.matches_leader_up_to(last.index);
            self.commit_up_to(last.index, effects);
            self.staged.take_if(|staged| staged.snapshot.last.index <= last.index);
            self.send_owed_append_reply(effects);
            return;
        }
        self.stage(from, part, effects);
    }

    /// Takes the part that comes next, and says how far the snapshot is here.
    fn stage(&mut self, from: NodeId, part: InstallSnapshot, effects: &mut Vec<Effect<P>>) {
        let InstallSnapshot { term, snapshot, offset, data, .. } = part;
        let is_same = |staged: &Staged| staged.snapshot.id() == snapshot.id();
        let is_late = |staged: &Staged| staged.term == term && staged.snapshot.last.index >= snapshot.last.index;
        match &self.staged {
            Some(staged) if is_same(staged) => {}
            // The same leader has gone on to a later one meanwhile.
            Some(staged) if is_late(staged) => return,
            _ => self.staged = Some(Staged::new(snapshot.clone())),
        }
        let Some(staged) = &mut self.staged else { return };
        staged.term = term;
        // It may have become durable while this node followed nobody.
        staged.written(self.durability.last_completed());
        // A part again, or one too early: the answer tells the leader where to go on.
        if offset != staged.received {
            let (id, durable) = (snapshot.id(), staged.durable);
            let ahead = offset.checked_sub(staged.received);
            if ahead.is_some_and(|bytes| bytes < self.config.snapshot_bytes_in_flight) {
                staged.early.insert(offset, data);
            }
            self.acknowledge_snapshot(from, id, durable, effects);
            return;
        }
        let data = staged.with_early(data);
        staged.received += data.len() as u64;
        let is_complete = staged.received == snapshot.size;
        staged.writes.push_back((self.durability.next_sequence(), staged.received));
        let write = SnapshotWrite::Chunk { snapshot: snapshot.clone(), offset, data, is_complete };
        self.unsaved.snapshot = Some(Box::new(write));
        if is_complete {
            self.install(snapshot, effects);
        }
    }

    /// The snapshot is complete and takes the place of the log, which contradicts it or ends before it (§7).
    fn install(&mut self, snapshot: Arc<Snapshot>, effects: &mut Vec<Effect<P>>) {
        let last = snapshot.last;
        self.staged = None;
        self.log.reset(last);
        self.durability.truncated_from(LogIndex(1));
        self.memberships = Memberships::new(last.index, snapshot.membership.clone());
        self.announce_membership(effects);
        self.commit_index = last.index;
        self.matches_leader_up_to(last.index);
        self.snapshot = Some(snapshot.clone());
        // The state machine gets it once a crash cannot take it back.
        self.installing = Some(snapshot);
    }

    #[cold]
    pub(crate) fn restore_installed_snapshot(&mut self, effects: &mut Vec<Effect<P>>) {
        let is_durable = |snapshot: &mut Arc<Snapshot>| self.durability.index() >= snapshot.last.index;
        if let Some(snapshot) = self.installing.take_if(is_durable) {
            let last_index = snapshot.last.index;
            self.last_applied = last_index;
            effects.push(Effect::RestoreSnapshot(snapshot));
            self.settle_proposals(last_index, effects);
            self.serve_reads(effects);
        }
    }

    /// A part of the staged snapshot may have become durable: the leader learns how far it is.
    #[cold]
    pub(crate) fn acknowledge_staged_snapshot(&mut self, effects: &mut Vec<Effect<P>>) {
        let completed = self.durability.last_completed();
        let Some(staged) = &mut self.staged else { return };
        if staged.written(completed)
            && let Role::Follower(follower) = &self.role
            && let Some(leader) = follower.leader
        {
            let (id, durable) = (staged.snapshot.id(), staged.durable);
            self.acknowledge_snapshot(leader, id, durable, effects);
        }
    }

    #[cold]
    fn acknowledge_snapshot(&self, to: NodeId, snapshot: SnapshotId, received: u64, effects: &mut Vec<Effect<P>>) {
        let Role::Follower(follower) = &self.role else { return };
        let round = self.round_to_say(follower.round);
        let reply = InstallSnapshotReply { term: self.term, round, snapshot, received };
        effects.push(Effect::Send { to, message: Message::InstallSnapshotReply(reply) });
    }
}
