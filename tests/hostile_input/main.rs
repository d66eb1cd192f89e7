//! Whatever is put into a server, in whatever order: it does not panic, its indexes keep their order, nothing goes
//! backwards, it promises nothing that a crash could take back, and what it refuses leaves it as it was.

mod inputs;
mod regressions;
mod start;
mod witness;

use std::cell::RefCell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tests::property;

use crate::inputs::{Stimulus, stimuli};
use crate::start::{Start, any_start};
use crate::witness::Witness;

fn hold_against(start: Start, stimuli: Vec<Stimulus>) -> Witness {
    let mut witness = Witness::of(start);
    for stimulus in stimuli {
        witness.step(stimulus);
    }
    witness
}

/// All that a server can ask for, refuse or say.
const KINDS: [&str; 40] = [
    "a write",
    "a snapshot taken",
    "a part of a snapshot",
    "the last part of a snapshot",
    "PreVote",
    "a pre-vote granted",
    "a pre-vote refused",
    "RequestVote on request",
    "RequestVote",
    "a vote granted",
    "a vote refused",
    "a heartbeat",
    "AppendEntries",
    "Accepted",
    "Heard",
    "Conflict",
    "StaleTerm",
    "InstallSnapshot",
    "InstallSnapshotReply",
    "TimeoutNow",
    "ReadIndex",
    "ReadIndexReply",
    "LogLost",
    "Apply",
    "RestoreSnapshot",
    "LoadSnapshotChunk",
    "a proposal committed",
    "a proposal rejected",
    "a proposal superseded",
    "a proposal of unknown outcome",
    "a read served",
    "a read refused",
    "a read lost",
    "TransferOutcome",
    "RoleChanged",
    "a joint membership",
    "MembershipChanged",
    "FollowerLostLog",
    "a log lost",
    "Fatal",
];

// What is never reached is not tested.
#[test]
fn plausible_input_reaches_all_that_a_server_can_ask_for() {
    let counts = RefCell::new(BTreeMap::from(KINDS.map(|kind| (kind, 0))));
    let same_every_time = Config { cases: 2000, rng_seed: RngSeed::Fixed(0), ..property(2000) };
    let result = TestRunner::new(same_every_time).run(&(any_start(), stimuli(12)), |(start, stimuli)| {
        for kind in hold_against(start, stimuli).reached {
            *counts.borrow_mut().get_mut(kind).expect("a kind that is listed") += 1;
        }
        Ok(())
    });
    assert!(result.is_ok(), "{result:?}");
    let counts = counts.into_inner();
    assert!(counts.values().all(|count| *count >= 3), "{counts:#?}");
}

proptest! {
    #![proptest_config(property(4000))]

    /// Mostly sensible numbers, so that the server gets somewhere: it leads, follows, truncates, commits and compacts.
    #[test]
    fn plausible_input_breaks_nothing(start in any_start(), stimuli in stimuli(12)) {
        drop(hold_against(start, stimuli));
    }

    /// Numbers from the whole range, the ends of it among them.
    #[test]
    fn absurd_input_breaks_nothing(start in any_start(), stimuli in stimuli(1)) {
        drop(hold_against(start, stimuli));
    }
}
