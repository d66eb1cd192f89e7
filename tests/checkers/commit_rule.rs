//! The rule of §5.4.2: replicas are counted for entries of the leader's own term only.

use sim::checkers::commit_rule::leader_committed;

use crate::verdicts::{N1, N5, assert_rejected};

const NAME: &str = "commit_rule";

#[test]
fn an_entry_of_an_earlier_term_committed_by_counting_is_rejected() {
    // Figure 8 (c): S1 leads term 4, and its entry of term 2 is on a majority.
    assert_rejected(leader_committed(N1, 4, 2, 2), NAME, &["n1 leads term 4", "entry 2 of term 2"]);
}

#[test]
fn an_entry_of_the_term_just_before_is_rejected() {
    assert_rejected(leader_committed(N5, 3, 7, 2), NAME, &["n5 leads term 3", "entry 7 of term 2"]);
}

#[test]
fn an_entry_of_a_later_term_is_rejected() {
    assert_rejected(leader_committed(N1, 3, 7, 4), NAME, &["n1 leads term 3", "entry 7 of term 4"]);
}

#[test]
fn earlier_entries_may_commit_with_the_first_of_the_leaders_own_term() {
    // Figure 8 (e): the commit index goes from 1 to 3 at once, past the entry of term 2.
    assert!(leader_committed(N1, 4, 3, 4).is_ok());
}
