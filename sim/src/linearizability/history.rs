//! What clients saw.

use serde::{Deserialize, Serialize};

/// One operation of a client, from its call to its return.
///
/// Moments are numbers in any unit that counts on: one operation is over before another begins where its return is less
/// than the other's call. A history is a slice of these, in any order; in the order of their calls is fastest.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Op<Input, Output> {
    /// Whose it is. To be read by people only: a client may have any number of operations at once.
    pub client: u16,
    /// The moment at which it was asked for.
    pub called: u64,
    /// What was asked for.
    pub input: Input,
    /// The moment at which it was answered, and the answer; `None`: what became of it is not known.
    pub returned: Option<(u64, Output)>,
}

impl<Input, Output> Op<Input, Output> {
    /// The answer, where known.
    pub fn output(&self) -> Option<&Output> {
        self.returned.as_ref().map(|(_, output)| output)
    }

    /// The moment by which it was over; the end of time where it may still happen.
    pub fn ended(&self) -> u64 {
        self.returned.as_ref().map_or(u64::MAX, |(at, _)| *at)
    }
}
