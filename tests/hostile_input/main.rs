//! Whatever is put into a server, in whatever order: it does not panic, its indexes keep their order, nothing goes
//! backwards, and it promises nothing that a crash could take back.

mod inputs;
mod witness;

use proptest::prelude::*;
use tests::property;

use crate::inputs::{Stimulus, stimuli};
use crate::witness::Witness;

fn hold_against(voters: u64, log: &[u64], stimuli: Vec<Stimulus>) {
    let mut witness = Witness::of(voters, log);
    for stimulus in stimuli {
        witness.step(stimulus);
    }
}

proptest! {
    #![proptest_config(property(4000))]

    /// Mostly sensible numbers, so that the server gets somewhere: it leads, follows, truncates and commits.
    #[test]
    fn plausible_input_breaks_nothing(voters in 1u64..=5, log in prop::collection::vec(1u64..3, 0..4), stimuli in stimuli(8)) {
        let mut log = log;
        log.sort_unstable();
        hold_against(voters, &log, stimuli);
    }

    /// Numbers from the whole range, the ends of it among them.
    #[test]
    fn absurd_input_breaks_nothing(voters in 1u64..=5, stimuli in stimuli(1)) {
        hold_against(voters, &[], stimuli);
    }
}
