//! State machines that were given the same entries are in the same state.

use sim::checkers::same_state::SameState;

use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "same_state";

#[test]
fn another_state_after_the_same_entries_is_rejected() {
    let mut checker = SameState::default();
    checker.shown(N1, 7, 10).unwrap();
    assert_rejected(checker.shown(N2, 7, 11), NAME, &["after entry 7 the state of n2 is not that of n1"]);
}

#[test]
fn another_state_than_in_an_earlier_life_is_rejected() {
    // What came out of the snapshot is not what went in.
    let mut checker = SameState::default();
    checker.shown(N1, 7, 10).unwrap();
    assert_rejected(checker.shown(N1, 7, 11), NAME, &["after entry 7 the state of n1 is not the one it had before"]);
}

#[test]
fn another_empty_state_is_rejected() {
    let mut checker = SameState::default();
    checker.shown(N1, 0, 10).unwrap();
    assert_rejected(checker.shown(N2, 0, 0), NAME, &["after entry 0"]);
}

#[test]
fn who_lags_is_held_to_what_was_shown_long_ago() {
    let mut checker = SameState::default();
    for index in 1..=100 {
        checker.shown(N1, index, index * 3).unwrap();
    }
    checker.shown(N2, 4, 12).unwrap();
    assert_rejected(checker.shown(N3, 5, 12), NAME, &["after entry 5 the state of n3 is not that of n1"]);
}

#[test]
fn the_same_state_everywhere_is_fine_and_it_may_come_back_to_an_earlier_one() {
    let mut checker = SameState::default();
    for node in [N1, N2, N3, N1] {
        for (index, digest) in [(3, 10), (4, 11), (6, 10)] {
            checker.shown(node, index, digest).unwrap();
        }
    }
}
