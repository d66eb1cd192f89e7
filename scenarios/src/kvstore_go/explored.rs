//! `kvstore-go` under exhaustive search.

use std::hash::Hash;

use sim::Explorable;
use sim::engine::Fingerprint;

use super::{KvstoreGo, Settings};
use crate::explored::ExploredSubject;

impl Explorable for KvstoreGo {
    fn fingerprint(&self, into: &mut Fingerprint) {
        let Self {
            me: _,
            nodes: _,
            majority: _,
            settings: _,
            jitter: _,
            term,
            voted_for,
            role,
            votes,
            log,
            commit,
            applied,
            next,
            // What it was given says what is in it.
            map: _,
            leader,
            // Any timer may fire.
            timeout_ms: _,
            deadline_ns: _,
            waiting,
            is_blocked,
            given,
            last_given,
        } = self;
        (term, voted_for, role, votes, commit, applied, next, leader).hash(into);
        (waiting, is_blocked, given, last_given).hash(into);
        into.words(log);
    }
}

impl ExploredSubject for KvstoreGo {
    /// It knows of nothing that could be asked first.
    fn explored_settings(_: bool) -> Settings {
        Settings { election_timeout_ms: (100, 200), heartbeat_ms: 50, majority: None, keys: 1 }
    }
}
