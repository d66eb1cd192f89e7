//! What clients ask for and are told.

use super::Checkers;
use super::acknowledged::Acknowledged;
use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{RequestId, Role, Subject};

impl Checkers {
    /// A client asks for something that changes a key or does not.
    pub(crate) fn invoked<S: Subject>(&mut self, id: RequestId, digest: u64, is_write: bool) {
        if S::SHOWS_DECIDED {
            self.decided.asked(digest);
        }
        self.acknowledged.invoked(id, digest, is_write);
    }

    /// A client asks for the same again.
    pub(crate) fn asked_again(&mut self, id: RequestId, digest: u64) {
        self.acknowledged.asked_again(id, digest);
    }

    /// A client is told that its command has no effect, while these nodes are up.
    pub(crate) fn refused(&mut self, id: RequestId, is_up: impl Fn(NodeId) -> bool) -> Result<(), Box<Violation>> {
        let committed = self.state_machine_safety.log();
        let Some(digest) = self.acknowledged.refused(id, committed)? else { return Ok(()) };
        for node in NodeId::all(self.nodes) {
            let log = &self.views[node].log;
            // Nearly always nothing is beyond what is committed.
            if log.len() > committed.len() && is_up(node) {
                Acknowledged::buried(id, digest, node, log, committed)?;
            }
        }
        Ok(())
    }

    /// A client's read has its answer.
    pub(crate) fn read_ended(&mut self, id: RequestId) {
        self.linearizable_reads.ended(id);
    }

    /// A client's read comes to a node.
    pub(crate) fn read_arrived(&mut self, id: RequestId) {
        let committed = self.state_machine_safety.log().len() as u64;
        self.linearizable_reads.arrived(id, committed, self.latest_led);
    }

    /// `node` tells a client that its command took effect.
    pub(crate) fn done(&mut self, node: NodeId, id: RequestId, index: Option<u64>) -> Result<(), Box<Violation>> {
        if !self.shows_log {
            return Ok(());
        }
        if index.is_none() {
            let seen = &self.views[node].seen;
            let leads = (seen.role == Role::Leader).then_some(seen.term_and_vote.term);
            self.linearizable_reads.served(node, id, seen.applied_index, leads)?;
        }
        let committed = self.state_machine_safety.log();
        match index {
            Some(index) => self.acknowledged.done(id, index, committed),
            None => self.acknowledged.done_somewhere(id, committed).map(|_| ()),
        }?;
        Ok(())
    }
}
