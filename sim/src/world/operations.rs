//! Operations: whom an operator asks, and when there is nobody to ask.

use super::World;
use crate::failure::Violation;
use crate::subject::{Input, Subject};
use crate::trace::{Source, What};

impl<S: Subject> World<S> {
    pub(super) fn operate(&mut self, number: usize) -> Result<(), Box<Violation>> {
        if self.is_healed() {
            return Ok(());
        }
        let operation = self.plan.operations[number].operation;
        let leader = self.current_leader();
        let asks = || {
            let says = leader.map_or(String::new(), |leader| format!("──▶ {leader}  "));
            What::Operation { number, says: format!("{says}{operation:?}"), is_dropped: leader.is_none() }
        };
        self.trace.note(self.now_ns, leader, Source::Plan, asks);
        let Some(leader) = leader else { return Ok(()) };
        if let Some(taping) = &mut self.taping {
            taping.operation(self.now_ns, leader, operation);
        }
        self.step_node(leader, Input::Operate { operation })
    }
}
