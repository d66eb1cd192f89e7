//! Every proposal ends in exactly one outcome.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use rand_chacha::rand_core::Rng;

use crate::command::Command;
use crate::effect::{Effect, ProposalOutcome, RejectReason};
use crate::entry::{Entry, Payload};
use crate::ids::{LogIndex, ProposalId, Term};
use crate::raft::{Raft, Role};

/// A proposal that this node put into its log and whose end is open.
///
/// It stays here when the node is deposed, and even when its entry is truncated: another server may
/// still bring the entry back (Figure 8). What is committed at its index decides.
#[derive(Clone, Copy, Hash, Debug)]
pub(crate) struct OpenProposal {
    index: LogIndex,
    term: Term,
    id: ProposalId,
}

/// The open proposals.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct OpenProposals {
    by_index: VecDeque<OpenProposal>,
    /// The term of the last entry applied while any was open.
    applied_term: Term,
}

impl OpenProposals {
    /// Entries up to one of `term` have been applied. Terms never fall along a log, so that nothing of an earlier one
    /// can be committed any more.
    fn applied<P>(&mut self, term: Term, effects: &mut Vec<Effect<P>>) {
        if term > self.applied_term {
            self.applied_term = term;
            self.by_index.retain(|open| {
                if open.term < term {
                    let outcome = ProposalOutcome::Superseded;
                    effects.push(Effect::ProposalOutcome { id: open.id, outcome });
                }
                open.term >= term
            });
        }
    }

    /// This node will never learn how they end.
    pub(crate) fn give_up<P>(&mut self, effects: &mut Vec<Effect<P>>) {
        for open in self.by_index.drain(..) {
            effects.push(Effect::ProposalOutcome { id: open.id, outcome: ProposalOutcome::Unknown });
        }
    }

    fn insert(&mut self, proposal: OpenProposal) {
        // Behind those of the same index: a node that led twice may have one from each term there.
        let place = self.by_index.partition_point(|open| open.index <= proposal.index);
        self.by_index.insert(place, proposal);
    }

    fn pop_up_to(&mut self, index: LogIndex) -> Option<OpenProposal> {
        self.by_index.pop_front_if(|open| open.index <= index)
    }
}

impl<P: Command, R: Rng> Raft<P, R> {
    #[inline(never)]
    pub(crate) fn propose(&mut self, id: ProposalId, command: P, effects: &mut Vec<Effect<P>>) {
        let entry = Entry { term: self.term, payload: Payload::Command(command) };
        if let Some(reason) = self.refusal(&entry) {
            effects.push(Effect::ProposalOutcome { id, outcome: ProposalOutcome::Rejected(reason) });
            return;
        }
        let index = self.append_entry(entry);
        self.await_outcome(id, index);
        self.replicate(effects);
    }

    pub(crate) fn propose_all(&mut self, proposals: Vec<(ProposalId, P)>, effects: &mut Vec<Effect<P>>) {
        let first = self.log.last_index().next();
        for (id, command) in proposals {
            let entry = Entry { term: self.term, payload: Payload::Command(command) };
            match self.refusal(&entry) {
                Some(reason) => {
                    effects.push(Effect::ProposalOutcome { id, outcome: ProposalOutcome::Rejected(reason) });
                }
                None => {
                    let index = self.push_entry(entry);
                    self.await_outcome(id, index);
                }
            }
        }
        let last = self.log.last_index();
        if first <= last {
            self.note_log_write(first, self.log.slice(first..=last).into());
            self.replicate(effects);
        }
    }

    /// Why `entry` cannot be taken now.
    pub(crate) fn refusal(&self, entry: &Entry<P>) -> Option<RejectReason> {
        let Role::Leader(leader) = &self.role else {
            return Some(RejectReason::NotLeader { leader: self.leader() });
        };
        if let Some(transfer) = &leader.transfer {
            return Some(RejectReason::TransferInProgress { to: transfer.to });
        }
        let uncommitted_bytes = leader.uncommitted_bytes;
        let fits = uncommitted_bytes.saturating_add(entry.size_bytes()) <= self.config.max_uncommitted_bytes;
        // Whatever its size, one that is alone must be taken, or it would be refused for ever.
        (!fits && uncommitted_bytes > 0).then_some(RejectReason::TooMuchUncommitted { uncommitted_bytes })
    }

    pub(crate) fn await_outcome(&mut self, id: ProposalId, index: LogIndex) {
        self.proposals.insert(OpenProposal { index, term: self.term, id });
    }

    /// Appends an entry of this leader's own term.
    pub(crate) fn append_own(&mut self, payload: Payload<P>) -> LogIndex {
        self.append_entry(Entry { term: self.term, payload })
    }

    /// Appends `entry` and notes it for the write at the end of the step.
    fn append_entry(&mut self, entry: Entry<P>) -> LogIndex {
        let index = self.push_entry(entry);
        self.note_log_write(index, self.log.slice(index..=index).into());
        index
    }

    /// Appends `entry`, whose write is still to be noted.
    fn push_entry(&mut self, entry: Entry<P>) -> LogIndex {
        if let Role::Leader(leader) = &mut self.role {
            leader.uncommitted_bytes = leader.uncommitted_bytes.saturating_add(entry.size_bytes());
        }
        self.log.push(entry)
    }

    /// Ends the proposals whose place in the log is settled: everything up to `index` has been applied.
    pub(crate) fn settle_proposals(&mut self, index: LogIndex, effects: &mut Vec<Effect<P>>) {
        if self.proposals.by_index.is_empty() {
            return;
        }
        while let Some(open) = self.proposals.pop_up_to(index) {
            let outcome = match self.log.entry(open.index) {
                Some(entry) if entry.term == open.term => {
                    ProposalOutcome::Committed { index: open.index, term: open.term }
                }
                Some(_) => ProposalOutcome::Superseded,
                // A snapshot took its place.
                None => ProposalOutcome::Unknown,
            };
            effects.push(Effect::ProposalOutcome { id: open.id, outcome });
        }
        if let Some(term) = self.log.term_at(index) {
            self.proposals.applied(term, effects);
        }
    }
}
