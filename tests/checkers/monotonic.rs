//! Terms and commit indexes only grow.

use sim::checkers::monotonic::{applied, commit, term, term_after_restart, term_on_disk};

use crate::verdicts::{N1, N2, N3, assert_rejected};

#[test]
fn a_term_that_falls_is_rejected() {
    assert_rejected(term(N2, 5, 4), "monotonic_term", &["n2's term", "from 5 to 4"]);
}

#[test]
fn a_term_that_falls_to_zero_is_rejected() {
    assert_rejected(term(N1, 1, 0), "monotonic_term", &["n1's term", "from 1 to 0"]);
}

#[test]
fn a_term_that_falls_on_the_disk_is_rejected() {
    assert_rejected(term_on_disk(N1, 5, 3), "monotonic_term", &["the term on n1's disk", "from 5 to 3"]);
}

#[test]
fn a_term_that_is_wiped_from_the_disk_is_rejected() {
    assert_rejected(term_on_disk(N3, 1, 0), "monotonic_term", &["the term on n3's disk", "from 1 to 0"]);
}

#[test]
fn a_restart_in_an_earlier_term_than_the_disk_knows_is_rejected() {
    let words = ["n3 restarts in term 6", "its disk says 7"];
    assert_rejected(term_after_restart(N3, 7, 6), "monotonic_term", &words);
}

#[test]
fn a_restart_that_begins_anew_is_rejected() {
    let words = ["n3 restarts in term 0", "its disk says 7"];
    assert_rejected(term_after_restart(N3, 7, 0), "monotonic_term", &words);
}

#[test]
fn a_commit_index_that_falls_is_rejected() {
    assert_rejected(commit(N1, 9, 8), "monotonic_commit", &["n1's commit index", "from 9 to 8"]);
}

#[test]
fn a_commit_index_that_falls_to_zero_is_rejected() {
    assert_rejected(commit(N2, 1, 0), "monotonic_commit", &["n2's commit index", "from 1 to 0"]);
}

#[test]
fn a_term_may_stay() {
    assert!(term(N1, 5, 5).is_ok());
}

#[test]
fn a_term_may_skip_others() {
    assert!(term(N1, 5, 50).is_ok());
}

#[test]
fn a_term_may_be_written_to_the_disk_again() {
    // With the vote that was still free.
    assert!(term_on_disk(N1, 5, 5).is_ok());
}

#[test]
fn a_disk_may_skip_terms() {
    // Those that came and went while a write was under way.
    assert!(term_on_disk(N1, 0, 7).is_ok());
}

#[test]
fn a_restart_may_find_the_term_of_its_disk() {
    assert!(term_after_restart(N1, 7, 7).is_ok());
}

#[test]
fn a_restart_may_open_a_new_term_at_once() {
    assert!(term_after_restart(N1, 7, 8).is_ok());
}

#[test]
fn a_commit_index_may_stay() {
    assert!(commit(N1, 9, 9).is_ok());
}

#[test]
fn a_commit_index_may_jump() {
    assert!(commit(N1, 0, 900).is_ok());
}

#[test]
fn what_is_applied_and_taken_back_is_rejected() {
    assert_rejected(applied(N3, 9, 4), "monotonic_applied", &["n3 has applied", "from 9 to 4"]);
}

#[test]
fn what_is_applied_may_jump_and_may_stay() {
    assert!(applied(N3, 0, 900).is_ok());
    assert!(applied(N3, 900, 900).is_ok());
}
