//! Whatever is put into a server, in whatever order: it does not panic, its indexes keep their order, nothing goes
//! backwards, it promises nothing that a crash could take back, and what it refuses leaves it as it was.

mod inputs;
mod regressions;
mod start;
mod witness;

use proptest::prelude::*;
use tests::property;

use crate::inputs::{Stimulus, stimuli};
use crate::start::{Start, any_start};
use crate::witness::Witness;

fn hold_against(start: Start, stimuli: Vec<Stimulus>) {
    let mut witness = Witness::of(start);
    for stimulus in stimuli {
        witness.step(stimulus);
    }
}

proptest! {
    #![proptest_config(property(4000))]

    /// Mostly sensible numbers, so that the server gets somewhere: it leads, follows, truncates, commits and compacts.
    #[test]
    fn plausible_input_breaks_nothing(start in any_start(), stimuli in stimuli(12)) {
        hold_against(start, stimuli);
    }

    /// Numbers from the whole range, the ends of it among them.
    #[test]
    fn absurd_input_breaks_nothing(start in any_start(), stimuli in stimuli(1)) {
        hold_against(start, stimuli);
    }
}
