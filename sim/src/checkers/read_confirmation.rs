//! A leader answers a read that is not in the log only once a quorum has answered something that it sent after the read came
//! (dissertation §6.4): only that tells it that nobody else led before.
//!
//! Judged from outside, whatever the protocol calls its rounds: of each message it is known when it was sent, and which message
//! of its receiver its sender had taken in last. A leader that answers too early is noticed though nobody else leads, and no
//! value is stale.

use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::{MAX_NODES, NodeId, NodeSet};
use crate::subject::RequestId;

const NAME: &str = "read_confirmation";

/// Remembers who has heard what of whom. Moments are numbers that grow, such as those of events; 0 is before all of them.
#[derive(Clone, Debug, Default)]
pub struct Confirmations {
    /// By receiver and sender: the latest moment of a message that has arrived.
    taken: [[u64; MAX_NODES]; MAX_NODES],
    /// By receiver and sender: of all that has arrived, the latest moment of the receiver's own that the sender knew of then.
    echoed: [[u64; MAX_NODES]; MAX_NODES],
    /// By the place of a message on its way: when it was sent, and what its sender knew of its receiver.
    letters: Vec<(u64, u64)>,
    reads: Vec<OpenRead>,
}

/// A read that has come to a leader.
#[derive(Clone, Copy, Debug)]
struct OpenRead {
    id: RequestId,
    leader: NodeId,
    term: u64,
    came: u64,
    membership: Membership,
}

impl Confirmations {
    /// At the moment `now` a message leaves `from` for `to`, and lies at `place` until it arrives.
    #[inline]
    pub fn sent(&mut self, place: u32, from: NodeId, to: NodeId, now: u64) {
        let place = place as usize;
        if place >= self.letters.len() {
            self.letters.resize(place + 1, (0, 0));
        }
        self.letters[place] = (now, self.taken[from.index()][to.index()]);
    }

    /// The message at `place` arrives.
    #[inline]
    pub fn arrived(&mut self, place: u32, from: NodeId, to: NodeId) {
        let Some(&(sent, knew)) = self.letters.get(place as usize) else { return };
        let (taken, echoed) = (&mut self.taken[to.index()][from.index()], &mut self.echoed[to.index()][from.index()]);
        (*taken, *echoed) = (sent.max(*taken), knew.max(*echoed));
    }

    /// At the moment `now` a read comes to `leader`, which leads `term` and goes by `membership`.
    pub fn read_came(&mut self, id: RequestId, leader: NodeId, term: u64, now: u64, membership: Membership) {
        // Terms only grow: what an earlier one left without an answer has none to come, and would only be searched.
        self.reads.retain(|read| read.leader != leader || read.term >= term);
        // The first of them, where it comes again: any of them may be what is answered.
        if !self.reads.iter().any(|read| (read.id, read.leader, read.term) == (id, leader, term)) {
            self.reads.push(OpenRead { id, leader, term, came: now, membership });
        }
    }

    /// `leader`, which leads `term` and goes by `membership`, answers a read.
    ///
    /// # Errors
    /// Where it came to this leader in this term, and no quorum has answered anything sent since. Where the configuration has
    /// changed meanwhile, nobody can tell which one was asked.
    pub fn answered(
        &self,
        id: RequestId,
        leader: NodeId,
        term: u64,
        membership: Membership,
    ) -> Result<(), Box<Violation>> {
        let is_this = |read: &&OpenRead| (read.id, read.leader, read.term) == (id, leader, term);
        let Some(read) = self.reads.iter().find(is_this).filter(|read| read.membership == membership) else {
            return Ok(());
        };
        let echoed = &self.echoed[leader.index()];
        let confirmed = (0..)
            .map(NodeId)
            .take(MAX_NODES)
            .filter(|node| *node == leader || echoed[node.index()] >= read.came)
            .fold(NodeSet::default(), NodeSet::with);
        if membership.is_quorum(confirmed) {
            return Ok(());
        }
        Err(Violation::new(
            NAME,
            format!(
                "{leader} answers a read as leader of term {term} by {membership}, and since the read came it can have made sure of \
                 no more than {{{confirmed}}}"
            ),
        ))
    }

    /// A read has its answer.
    pub fn ended(&mut self, id: RequestId) {
        self.reads.retain(|read| read.id != id);
    }
}
