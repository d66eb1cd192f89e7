//! The driver: requests in, what the crate has ready out.

use std::sync::Arc;

use protobuf::Message as _;
use raft::eraftpb::{ConfChangeSingle, ConfChangeType, ConfChangeV2, Entry, EntryType, Message, MessageType, Snapshot};
use raft::{Ready, SnapshotStatus, StateRole};
use sim::{NodeId, NodeSet, Outputs, RequestId, Response};

use super::store::{Image, Write};
use super::{Durable, TikvRaft, command, decode_image, id, membership, node};
use crate::kv::{Command, Verb};

impl TikvRaft {
    pub(super) fn request(&mut self, id: RequestId, command: &Command, out: &mut impl Outputs<Self>) {
        if let Verb::Read(_) = command.verb {
            self.reads.push((id, command.key));
            self.ask_for_read(id);
            return;
        }
        if self.node.raft.state != StateRole::Leader {
            let leader = Some(self.node.raft.leader_id).filter(|leader| *leader != raft::INVALID_ID).map(node);
            out.respond(id, Response::NotLeader { leader });
            return;
        }
        match self.node.propose(Vec::new(), command::encode(command)) {
            Ok(()) => self.proposals.push(id),
            Err(_) => out.respond(id, Response::NoEffect),
        }
    }

    /// The crate forgets a read without a word where it knows of no leader, or of one that has committed nothing in its term, and a
    /// forwarded one may be lost: whoever uses it asks again.
    pub(super) fn ask_again_for_reads(&mut self) {
        self.reads_waited += 1;
        if self.reads_waited < self.settings.election_ticks.0 {
            return;
        }
        self.reads_waited = 0;
        for place in 0..self.reads.len() {
            self.ask_for_read(self.reads[place].0);
        }
    }

    fn ask_for_read(&mut self, id: RequestId) {
        self.reads_asked += 1;
        self.node.read_index(command::read_context(id, self.reads_asked));
    }

    pub(super) fn change_membership(&mut self, voters: NodeSet, learners: NodeSet) {
        let now = membership(&self.node.raft.prs().conf().to_conf_state());
        if now.is_joint() {
            return;
        }
        let change = |node: NodeId| {
            let kind = if voters.contains(node) && !now.voters.contains(node) {
                ConfChangeType::AddNode
            } else if learners.contains(node) && !now.learners.contains(node) {
                ConfChangeType::AddLearnerNode
            } else if now.members().contains(node) && !voters.union(learners).contains(node) {
                ConfChangeType::RemoveNode
            } else {
                return None;
            };
            let mut change = ConfChangeSingle::default();
            change.set_change_type(kind);
            change.node_id = id(node);
            Some(change)
        };
        let changes: Vec<_> = NodeId::all(sim::MAX_NODES as u8).filter_map(change).collect();
        if !changes.is_empty() {
            let mut all = ConfChangeV2::default();
            all.set_changes(changes.into());
            all.context = vec![voters.0, learners.0].into();
            // Where one is under way, or nobody leads here any more, it is dropped.
            let _ = self.node.propose_conf_change(Vec::new(), all);
        }
    }

    /// The crate has drawn from the thread's generator wherever the term or the role has changed, and perhaps elsewhere.
    pub(super) fn redraw_timeout(&mut self) {
        let now = (self.node.raft.term, self.node.raft.state);
        if now != self.drawn_for {
            self.drawn_for = now;
            self.draw_timeout();
        } else {
            self.node.raft.set_randomized_election_timeout(self.election_ticks);
        }
    }

    pub(super) fn draw_timeout(&mut self) {
        let (shortest, longest) = self.settings.election_ticks;
        self.election_ticks = self.jitter.within((shortest as u64, longest as u64 - 1)) as usize;
        self.node.raft.set_randomized_election_timeout(self.election_ticks);
    }

    /// What the log has not had before, from its first entry that differs.
    pub(super) fn note_changes(&mut self) {
        for entry in self.node.raft.raft_log.unstable_entries() {
            let place = entry.index as usize - 1;
            if self.terms.get(place) == Some(&entry.term) {
                continue;
            }
            self.terms.resize(place, 0);
            self.terms.push(entry.term);
            self.log_changed_from = Some(self.log_changed_from.map_or(entry.index, |from| from.min(entry.index)));
        }
    }

    /// The crate does not hear of what is applied before it is persisted, as a snapshot is.
    fn tell_applied(&mut self) {
        let log = &self.node.raft.raft_log;
        let applied = self.applied_index.min(log.persisted);
        if applied > log.applied() {
            self.node.advance_apply_to(applied);
        }
    }

    /// Nobody says whether a snapshot has arrived: one that is not answered within the longest election timeout is lost.
    pub(super) fn give_up_snapshots(&mut self) {
        for (_, ticks) in &mut self.sending {
            *ticks += 1;
        }
        let patience = self.settings.election_ticks.1;
        while let Some(place) = self.sending.iter().position(|(_, ticks)| *ticks >= patience) {
            let (to, _) = self.sending.swap_remove(place);
            self.node.report_snapshot(to, SnapshotStatus::Failure);
        }
    }

    /// The oldest write is durable.
    pub(super) fn written(&mut self, out: &mut impl Outputs<Self>) {
        let Some(durable) = self.writes.pop_front() else { return };
        for message in durable.messages {
            self.send(message, out);
        }
        if durable.number > 0 {
            self.node.on_persist_ready(durable.number);
            self.tell_applied();
        }
        if let Some(image) = durable.image {
            self.is_image_under_way = false;
            // Until now the log must not be without what the disk's snapshot lacks.
            sim::Disk::write(self.node.mut_store(), &Write { image: Some(image), ..Write::default() });
        }
    }

    /// Carries out all that the crate has ready.
    pub(super) fn drain(&mut self, out: &mut impl Outputs<Self>) {
        while self.node.has_ready() {
            let mut ready = self.node.ready();
            for message in in_order(ready.take_messages()) {
                self.send(message, out);
            }
            for state in ready.take_read_states() {
                let request = command::decode_request(&state.request_ctx);
                let place = self.reads.iter().position(|(waiting, _)| Some(*waiting) == request);
                if let Some((id, key)) = place.map(|place| self.reads.swap_remove(place)) {
                    self.ready_reads.push((id, key, state.index));
                }
            }
            let committed = ready.take_committed_entries();
            self.persist(ready, out);
            for entry in committed {
                self.apply(&entry, out);
            }
            self.tell_applied();
            self.answer_reads(out);
            self.redraw_timeout();
            self.note_changes();
        }
    }

    fn persist(&mut self, mut ready: Ready, out: &mut impl Outputs<Self>) {
        let messages = in_order(ready.take_persisted_messages());
        let number = ready.number();
        let mut write = Write { entries: ready.take_entries(), ..Write::default() };
        if !ready.snapshot().is_empty() {
            write.image = Some(self.restore(ready.snapshot(), out));
        }
        if let Some(hard_state) = ready.hs() {
            write.hard_state = Some(hard_state.clone());
        }
        // A new commit index alone need not be durable: it goes with the next record.
        let must_write = ready.must_sync();
        // What the crate reads is there at once, and durable later.
        sim::Disk::write(self.node.mut_store(), &write);
        self.node.advance_append_async(ready);
        if must_write {
            write.hard_state = Some(self.node.store().hard_state.clone());
            self.writes.push_back(Durable { number, messages, image: None });
            out.write(write);
        } else if let Some(last) = self.writes.back_mut().filter(|last| last.number > 0) {
            last.number = number;
            last.messages.extend(messages);
        } else if !self.writes.is_empty() {
            // Behind the application's own snapshot, with a record of nothing but itself.
            self.writes.push_back(Durable { number, messages, image: None });
            out.write(Write { hard_state: Some(self.node.store().hard_state.clone()), ..Write::default() });
        } else {
            self.node.on_persist_ready(number);
            for message in messages {
                self.send(message, out);
            }
        }
    }

    fn send(&mut self, message: Message, out: &mut impl Outputs<Self>) {
        match message.get_msg_type() {
            MessageType::MsgRequestPreVote => out.exercised(0),
            MessageType::MsgTimeoutNow => out.exercised(1),
            MessageType::MsgSnapshot => {
                out.exercised(5);
                self.sending.retain(|(to, _)| *to != message.to);
                self.sending.push((message.to, 0));
            }
            _ => {}
        }
        out.send(node(message.to), message);
    }

    fn restore(&mut self, snapshot: &Snapshot, out: &mut impl Outputs<Self>) -> Arc<Image> {
        out.exercised(6);
        match decode_image(&snapshot.data) {
            Ok((map, applied)) => (self.map, self.applied) = (map, applied),
            Err(problem) => out.stop(problem),
        }
        let metadata = snapshot.get_metadata();
        self.applied_index = metadata.index;
        self.node.mut_store().conf_state = metadata.get_conf_state().clone();
        Arc::new(Image { base: (metadata.index, metadata.term), snapshot: snapshot.clone() })
    }

    fn apply(&mut self, entry: &Entry, out: &mut impl Outputs<Self>) {
        self.applied_index = entry.index;
        self.applied.give(command::identify(entry).digest);
        match entry.get_entry_type() {
            EntryType::EntryNormal => {
                let Some(command) = command::decode(&entry.data) else { return };
                let answer = self.map.apply(&command);
                if let Some(place) = self.proposals.iter().position(|waiting| *waiting == command.request) {
                    self.proposals.swap_remove(place);
                    out.respond(command.request, Response::Done { answer, index: Some(entry.index) });
                }
            }
            EntryType::EntryConfChange => out.stop("a change of the old kind, which nobody makes".to_owned()),
            EntryType::EntryConfChangeV2 => self.apply_change(&entry.data, out),
        }
    }

    fn apply_change(&mut self, bytes: &[u8], out: &mut impl Outputs<Self>) {
        let change = ConfChangeV2::parse_from_bytes(bytes).map_err(|error| error.to_string());
        match change.and_then(|change| self.node.apply_conf_change(&change).map_err(|error| error.to_string())) {
            Ok(state) => {
                if self.node.raft.state == StateRole::Leader {
                    out.exercised(if state.voters_outgoing.is_empty() { 2 } else { 3 });
                }
                self.node.mut_store().conf_state = state;
                // The crate leaves it to its user that a leader which has no vote any more leads no more: it would go on as a
                // learner, and answer reads alone where one voter is left.
                let raft = &mut self.node.raft;
                if raft.state == StateRole::Leader && !raft.prs().conf().voters().contains(raft.id) {
                    raft.become_follower(raft.term, raft::INVALID_ID);
                }
            }
            Err(problem) => out.stop(problem),
        }
    }

    fn answer_reads(&mut self, out: &mut impl Outputs<Self>) {
        let applied = self.applied_index;
        while let Some(place) = self.ready_reads.iter().position(|(_, _, index)| *index <= applied) {
            let (id, key, _) = self.ready_reads.swap_remove(place);
            out.exercised(7);
            out.respond(id, Response::Done { answer: self.map.look_up(key), index: None });
        }
    }

    pub(super) fn take_snapshot_if_due(&mut self, out: &mut impl Outputs<Self>) {
        let Some((every, trailing)) = self.settings.snapshots else { return };
        let store = self.node.store();
        let taken = store.image.as_ref().map_or(0, |image| image.snapshot.get_metadata().index);
        // Who has joined since the last one cannot restore it, and the entries that would bring it there may be gone.
        let is_outdated = |image: &Image| *image.snapshot.get_metadata().get_conf_state() != store.conf_state;
        let is_due = self.applied_index >= taken + every || store.image.as_deref().is_some_and(is_outdated);
        if self.is_image_under_way || self.applied_index == taken || !is_due {
            return;
        }
        let term_at = |index: u64| store.get(index).map_or(store.base().1, |entry| entry.term);
        // The crate looks into what it was not told is applied before it campaigns.
        let known = self.node.raft.raft_log.applied();
        let base = self.applied_index.saturating_sub(trailing).min(known).max(store.base().0);
        let mut snapshot = Snapshot::default();
        snapshot.mut_metadata().index = self.applied_index;
        snapshot.mut_metadata().term = term_at(self.applied_index);
        snapshot.mut_metadata().set_conf_state(store.conf_state.clone());
        let mut bytes = self.applied.to_bits().to_le_bytes().to_vec();
        self.map.encode(&mut bytes);
        snapshot.data = bytes.into();
        let image = Arc::new(Image { snapshot, base: (base, term_at(base)) });
        out.exercised(4);
        self.is_image_under_way = true;
        self.writes.push_back(Durable { image: Some(image.clone()), ..Durable::default() });
        out.write(Write { image: Some(image), ..Write::default() });
    }
}

/// The crate goes through its peers by a hash map, so that the order of what it sends to several of them is that of their
/// hashes: here it is that of the nodes, and each gets its own in the order of the crate.
fn in_order(mut messages: Vec<Message>) -> Vec<Message> {
    messages.sort_by_key(|message| message.to);
    messages
}
