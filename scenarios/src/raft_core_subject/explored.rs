//! `raft-core` under exhaustive search.

use std::hash::Hash;

use sim::Explorable;
use sim::engine::Fingerprint;

use super::RaftCore;

impl Explorable for RaftCore {
    fn fingerprint(&self, into: &mut Fingerprint) {
        let Self {
            raft,
            // What it has applied says what is in it.
            map: _,
            applied,
            // Given away in the step that has them.
            answers: _,
            answers_from: _,
            reads,
            shelf,
            staged,
            snapshot_every: _,
            taking,
            snapshot_follows,
            last_asked,
            last_durable,
            promotes: _,
            has_lied,
            is_retired,
            log_changed_from: _,
            // Says what the core says.
            membership: _,
            // Only counted.
            features: _,
            effects: _,
            inputs: _,
        } = self;
        raft.fingerprint(into);
        (applied, reads, staged, has_lied, is_retired).hash(into);
        // Writes are numbered, and how many there were makes no difference.
        (last_asked.0 - last_durable.0, snapshot_follows.map(|before| before.0 - last_durable.0)).hash(into);
        into.words(&(shelf, taking));
    }
}
