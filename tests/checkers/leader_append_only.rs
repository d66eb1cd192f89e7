//! Leader Append-Only: a leader changes nothing that stands in its log.

use sim::checkers::leader_append_only::log_changed;

use crate::verdicts::{N1, N2, assert_rejected};

const NAME: &str = "leader_append_only";

#[test]
fn a_leader_that_overwrites_its_last_entry_is_rejected() {
    assert_rejected(log_changed(N1, 3, 5, 5), NAME, &["n1 leads term 3", "from 5 on", "ended at 5"]);
}

#[test]
fn a_leader_that_overwrites_its_first_entry_is_rejected() {
    assert_rejected(log_changed(N2, 4, 9, 1), NAME, &["n2 leads term 4", "from 1 on", "ended at 9"]);
}

#[test]
fn a_leader_may_append_right_after_its_last_entry() {
    assert!(log_changed(N1, 3, 5, 6).is_ok());
}

#[test]
fn a_leader_may_append_to_an_empty_log() {
    assert!(log_changed(N1, 1, 0, 1).is_ok());
}
