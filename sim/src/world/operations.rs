//! Operations: whom an operator asks, and when there is nobody to ask.

use super::World;
use crate::failure::Violation;
use crate::subject::{Input, Subject};

impl<S: Subject> World<S> {
    pub(super) fn operate(&mut self, number: usize) -> Result<(), Box<Violation>> {
        if self.is_healed() {
            return Ok(());
        }
        let operation = self.plan.operations[number].operation;
        let Some(leader) = self.current_leader() else {
            self.trace.note(self.now_ns, || format!("OPERATION {operation:?}  (dropped, nobody leads)"));
            return Ok(());
        };
        self.trace.note(self.now_ns, || format!("OPERATION ──▶ {leader}  {operation:?}"));
        self.step_node(leader, Input::Operate { operation })
    }
}
