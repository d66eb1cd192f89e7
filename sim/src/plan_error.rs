//! What may be wrong with a plan, and with the faults and operations in it.

use std::fmt;

/// Why a plan cannot be run: the field and what is wrong with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanError {
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "plan: {}: {}", self.field, self.problem)
    }
}

impl std::error::Error for PlanError {}

/// The longest run: clocks stay far from the ends of their range.
pub(crate) const LONGEST_NS: u64 = 1 << 53;
