//! What must hold of a server's indexes after every step: the one place that says so.

use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, FatalError};
use crate::raft::Raft;

impl<P: Command, R: Rng> Raft<P, R> {
    /// The chains that all indexes obey. Broken, the node stops before it acts on nonsense.
    pub(crate) fn check_invariants(&mut self, effects: &mut Vec<Effect<P>>) {
        let (compacted, applied) = (self.log.base().index, self.last_applied);
        let (committed, last) = (self.commit_index, self.log.last_index());
        // While an installed snapshot is being written, the state machine is behind what is compacted.
        let is_ordered = compacted.max(applied) <= committed
            && committed <= last
            && (compacted <= applied || self.installing.is_some());
        if !is_ordered && !self.is_stopped {
            self.stop(FatalError::IndexOrder { compacted, applied, committed, last }, effects);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use rand_chacha::ChaCha8Rng;
    use rand_chacha::rand_core::SeedableRng;

    use super::*;
    use crate::config::{Config, Restored};
    use crate::entry::{Entry, Payload};
    use crate::ids::{LogIndex, LogPosition, NodeId, Term, TermAndVote};
    use crate::input::Input;
    use crate::snapshot::Snapshot;
    use crate::time::Time;

    /// Applied and committed up to 5, compacted up to 3, and with entries up to 8.
    fn server() -> Raft<u64> {
        let voters = vec![NodeId(1), NodeId(2), NodeId(3)];
        let membership = crate::Membership::new(voters.clone(), []).expect("each once").into();
        let last = LogPosition { index: LogIndex(5), term: Term(1) };
        let restored = Restored {
            term_and_vote: TermAndVote { term: Term(1), voted_for: None },
            snapshot: Some(Snapshot { last, membership, size: 0, checksum: 0 }.into()),
            base: LogPosition { index: LogIndex(3), term: Term(1) },
            entries: vec![Entry { term: Term(1), payload: Payload::Noop }; 5],
            staged: None,
        };
        let rng = ChaCha8Rng::seed_from_u64(1);
        Raft::new(&Config::new(NodeId(1), voters), restored, Time(0), rng).expect("it makes sense")
    }

    /// What a step that changes nothing says of a server that has been meddled with.
    fn fatal(meddle: impl FnOnce(&mut Raft<u64>)) -> Vec<Effect<u64>> {
        let mut raft = server();
        meddle(&mut raft);
        let mut effects = Vec::new();
        raft.step(Time(0), Input::PeerUnreachable { peer: NodeId(2) }, &mut effects).expect("a hint");
        assert_eq!(raft.is_stopped, !effects.is_empty());
        effects
    }

    #[test]
    fn a_server_whose_indexes_are_in_order_goes_on() {
        assert_eq!(fatal(|_| {}), []);
        assert_eq!(fatal(|raft| raft.commit_index = LogIndex(8)), []);
        assert_eq!(fatal(|raft| raft.last_applied = LogIndex(3)), []);
        let installs =
            |raft: &mut Raft<u64>| (raft.installing, raft.last_applied) = (raft.snapshot.clone(), LogIndex(2));
        assert_eq!(fatal(installs), [], "while a snapshot is being installed, the state machine is behind");
    }

    #[test]
    fn a_server_whose_indexes_are_out_of_order_stops_and_says_how() {
        let stops = |applied, committed| {
            let (compacted, last) = (LogIndex(3), LogIndex(8));
            let (applied, committed) = (LogIndex(applied), LogIndex(committed));
            let meddle = |raft: &mut Raft<u64>| (raft.last_applied, raft.commit_index) = (applied, committed);
            let error = FatalError::IndexOrder { compacted, applied, committed, last };
            assert_eq!(fatal(meddle), [Effect::Fatal(error)]);
        };
        stops(6, 5);
        stops(5, 9);
        stops(2, 5);
        stops(2, 2);
    }

    #[test]
    fn a_server_that_has_stopped_does_not_stop_again() {
        let mut raft = server();
        raft.commit_index = LogIndex(9);
        let mut effects = Vec::new();
        raft.check_invariants(&mut effects);
        raft.check_invariants(&mut effects);
        assert_eq!(effects.len(), 1);
    }
}
