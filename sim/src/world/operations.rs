//! Operations: whom an operator asks, and when there is nobody to ask.

use super::World;
use crate::failure::Violation;
use crate::node::NodeSet;
use crate::operation::Operation;
use crate::subject::{Input, Subject};
use crate::trace::{Source, What};

impl<S: Subject> World<S> {
    #[inline(never)]
    pub(super) fn operate(&mut self, number: usize) -> Result<(), Box<Violation>> {
        if self.is_healed() {
            return Ok(());
        }
        let operation = self.plan.operations[number].operation;
        let kept = without(operation, self.atlas.gone());
        let leader = self.current_leader();
        let asks = || {
            let says = leader.map_or(String::new(), |leader| format!("──▶ {leader}  "));
            What::Operation {
                number,
                says: format!("{says}{operation:?}"),
                is_dropped: leader.is_none() || kept.is_none(),
            }
        };
        self.trace.note(self.now_ns, leader, Source::Plan, asks);
        // Nobody is asked to give a vote to those who are gone.
        let (Some(leader), Some(operation)) = (leader, kept) else { return Ok(()) };
        if let Some(taping) = &mut self.taping {
            taping.operation(self.now_ns, leader, operation);
        }
        self.step_node(leader, Input::Operate { operation })
    }
}

/// The same without the nodes that are gone for good, whom no operator gives a vote; nothing where only they are left.
fn without(operation: Operation, gone: NodeSet) -> Option<Operation> {
    match operation {
        Operation::TransferLeadership { to } if gone.contains(to) => None,
        Operation::ChangeMembership { voters, learners } => {
            let (voters, learners) = (voters.difference(gone), learners.difference(gone));
            (!voters.is_empty()).then_some(Operation::ChangeMembership { voters, learners })
        }
        _ => Some(operation),
    }
}
