//! Who is asked to campaign at once has acknowledged all that the leader's log holds.

use sim::checkers::handovers::asked;

use crate::verdicts::{N1, N2, assert_rejected};

#[test]
fn whoever_lacks_the_last_entry_may_not_be_asked() {
    assert_rejected(asked(N1, N2, 7, 6), "handovers", &["n1, whose log ends at 7, asks n2", "no more than 6"]);
}

#[test]
fn whoever_has_said_nothing_in_this_term_may_not_be_asked() {
    assert_rejected(asked(N2, N1, 1, 0), "handovers", &["n2", "n1"]);
}

#[test]
fn whoever_has_all_may_be_asked_and_may_have_said_more_in_the_meantime() {
    assert!(asked(N1, N2, 7, 7).is_ok());
    assert!(asked(N1, N2, 7, 8).is_ok());
}
