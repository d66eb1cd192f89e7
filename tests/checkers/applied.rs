//! Every state machine is given the committed log: each entry once, in order.

use sim::checkers::applied::{self, Applied};
use sim::{AppliedDigest, LogEntry};

use crate::entries::{entry, forged, given, log};
use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "applied";

/// The log of these terms is committed.
fn committed(terms: &[u64]) -> Applied {
    let mut checker = Applied::default();
    for entry in log(terms) {
        checker.committed(entry);
    }
    checker
}

#[test]
fn an_entry_that_is_applied_twice_is_rejected() {
    let twice = given(&[entry(1, 1), entry(1, 1)]);
    assert_rejected(committed(&[1, 1]).given(N2, 1, twice), NAME, &["n2 has applied up to 1"]);
}

#[test]
fn an_entry_that_is_applied_in_place_of_the_next_is_rejected() {
    let twice = given(&[entry(1, 1), entry(1, 1)]);
    assert_rejected(committed(&[1, 1]).given(N2, 2, twice), NAME, &["n2 has applied up to 2"]);
}

#[test]
fn a_first_entry_that_is_skipped_is_rejected() {
    assert_rejected(committed(&[1, 1]).given(N1, 2, given(&[entry(2, 1)])), NAME, &["n1 has applied up to 2"]);
}

#[test]
fn an_entry_in_the_middle_that_is_skipped_is_rejected() {
    let skipped = given(&[entry(1, 1), entry(3, 2)]);
    assert_rejected(committed(&[1, 1, 2]).given(N3, 3, skipped), NAME, &["n3 has applied up to 3"]);
}

#[test]
fn a_last_entry_that_is_skipped_is_rejected() {
    assert_rejected(committed(&[1, 1]).given(N1, 2, given(&log(&[1]))), NAME, &["n1 has applied up to 2"]);
}

#[test]
fn entries_that_are_applied_out_of_order_are_rejected() {
    let swapped = given(&[entry(2, 1), entry(1, 1)]);
    assert_rejected(committed(&[1, 1]).given(N2, 2, swapped), NAME, &["n2 has applied up to 2"]);
}

#[test]
fn an_entry_that_is_applied_before_it_is_counted_is_rejected() {
    // The state machine has both, and the index speaks of one.
    assert_rejected(committed(&[1, 1]).given(N2, 1, given(&log(&[1, 1]))), NAME, &["n2 has applied up to 1"]);
}

#[test]
fn another_command_than_the_committed_one_is_rejected() {
    let other = given(&[entry(1, 1), forged(2, 1)]);
    assert_rejected(committed(&[1, 1]).given(N1, 2, other), NAME, &["n1 has applied up to 2"]);
}

#[test]
fn an_entry_of_a_deposed_leader_is_rejected() {
    // Two logs that differ in entry 2 alone: that of term 3 was committed.
    assert_rejected(committed(&[1, 3]).given(N1, 2, given(&log(&[1, 2]))), NAME, &["n1 has applied up to 2"]);
}

#[test]
fn a_difference_deep_below_the_end_is_rejected() {
    let other = given(&[forged(1, 1), entry(2, 1), entry(3, 1), entry(4, 2)]);
    assert_rejected(committed(&[1, 1, 1, 2]).given(N1, 4, other), NAME, &["n1 has applied up to 4"]);
}

#[test]
fn a_state_machine_that_was_given_something_before_the_first_entry_is_rejected() {
    assert_rejected(committed(&[1]).given(N1, 0, given(&log(&[1]))), NAME, &["n1 has applied up to 0"]);
}

#[test]
fn what_is_not_committed_is_rejected() {
    assert_rejected(committed(&[1]).given(N1, 2, given(&log(&[1, 1]))), NAME, &["n1 has applied up to 2"]);
}

#[test]
fn an_entry_without_a_command_that_is_skipped_is_rejected() {
    let mut checker = committed(&[1]);
    checker.committed(LogEntry { term: 2, digest: LogEntry::NO_COMMAND });
    assert_rejected(checker.given(N1, 2, given(&log(&[1]))), NAME, &["n1 has applied up to 2"]);
}

#[test]
fn a_state_machine_may_have_been_given_nothing() {
    assert!(committed(&[1, 1]).given(N1, 0, AppliedDigest::default()).is_ok());
}

#[test]
fn a_state_machine_may_be_given_the_committed_log() {
    assert!(committed(&[1, 1, 4]).given(N1, 3, given(&log(&[1, 1, 4]))).is_ok());
}

#[test]
fn a_state_machine_may_lag() {
    assert!(committed(&[1, 1, 4]).given(N1, 1, given(&log(&[1]))).is_ok());
}

#[test]
fn a_state_machine_may_start_anew_after_another_has_gone_on() {
    let checker = committed(&[1, 1]);
    assert!(checker.given(N1, 2, given(&log(&[1, 1]))).is_ok());
    assert!(checker.given(N1, 0, AppliedDigest::default()).is_ok());
    assert!(checker.given(N1, 1, given(&log(&[1]))).is_ok());
}

#[test]
fn an_entry_without_a_command_is_given_like_any_other() {
    let no_command = LogEntry { term: 1, digest: LogEntry::NO_COMMAND };
    let mut checker = Applied::default();
    checker.committed(no_command);
    assert!(checker.given(N1, 1, given(&[no_command])).is_ok());
}

#[test]
fn a_state_machine_ahead_of_its_own_disk_is_rejected() {
    assert_rejected(applied::durable(N2, 4, 3), NAME, &["n2 has applied up to 4", "its disk ends at 3"]);
}

#[test]
fn a_state_machine_may_be_behind_its_own_disk_or_level_with_it() {
    assert!(applied::durable(N1, 3, 3).is_ok());
    assert!(applied::durable(N1, 0, 3).is_ok());
}
