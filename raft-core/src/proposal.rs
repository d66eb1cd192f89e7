//! Every proposal ends in exactly one outcome.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::effect::{Effect, ProposalOutcome, RejectReason};
use crate::entry::{Entry, Payload};
use crate::ids::{LogIndex, ProposalId, Term};
use crate::raft::{Raft, Role};

/// A proposal that this node put into its log and whose end is open.
///
/// It stays here when the node is deposed, and even when its entry is truncated: another server may
/// still bring the entry back (Figure 8). What is committed at its index decides.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenProposal {
    index: LogIndex,
    term: Term,
    id: ProposalId,
}

/// The open proposals, by index.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenProposals(VecDeque<OpenProposal>);

impl OpenProposals {
    fn insert(&mut self, proposal: OpenProposal) {
        // Behind those of the same index: a node that led twice may have one from each term there.
        let place = self.0.partition_point(|open| open.index <= proposal.index);
        self.0.insert(place, proposal);
    }

    fn pop_up_to(&mut self, index: LogIndex) -> Option<OpenProposal> {
        if self.0.front()?.index <= index { self.0.pop_front() } else { None }
    }
}

impl<P: Clone, R: Rng> Raft<P, R> {
    pub(crate) fn propose(&mut self, id: ProposalId, command: P, effects: &mut Vec<Effect<P>>) {
        let Role::Leader(_) = self.role else {
            let reason = RejectReason::NotLeader { leader: self.leader() };
            effects.push(Effect::ProposalOutcome { id, outcome: ProposalOutcome::Rejected(reason) });
            return;
        };
        let index = self.append_own(Payload::Command(command));
        self.proposals.insert(OpenProposal { index, term: self.term, id });
        self.replicate(effects);
    }

    /// Appends an entry of this leader's own and notes it for the write at the end of the step.
    pub(crate) fn append_own(&mut self, payload: Payload<P>) -> LogIndex {
        let entry = Entry { term: self.term, payload };
        let index = self.log.push(entry);
        self.note_log_write(index, self.log.slice(index..=index).into());
        index
    }

    /// Ends the proposals whose place in the log is settled: everything up to `index` has been applied.
    pub(crate) fn settle_proposals(&mut self, index: LogIndex, effects: &mut Vec<Effect<P>>) {
        while let Some(open) = self.proposals.pop_up_to(index) {
            let outcome = if self.log.term_at(open.index) == Some(open.term) {
                ProposalOutcome::Committed { index: open.index, term: open.term }
            } else {
                ProposalOutcome::Superseded
            };
            effects.push(Effect::ProposalOutcome { id: open.id, outcome });
        }
    }
}
