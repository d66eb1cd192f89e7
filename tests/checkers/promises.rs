//! A server answers only on the strength of what its disk knows.

use sim::checkers::promises::made;
use sim::{NodeId, Promise};

use crate::disks::{PaperDisk, disk};
use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "promises";

fn vote(term: u64, candidate: NodeId) -> Promise {
    Promise::Vote { term, candidate }
}

fn matches(term: u64, index: u64) -> Promise {
    Promise::Log { term, index }
}

#[test]
fn a_vote_that_the_disk_does_not_know_is_rejected() {
    assert_rejected(made(N2, vote(5, N1), &disk(5)), NAME, &["n2 gives n1 its vote", "term 5"]);
}

#[test]
fn a_vote_in_a_term_that_the_disk_does_not_know_is_rejected() {
    let old = disk(4).voted_for(N1);
    assert_rejected(made(N2, vote(5, N1), &old), NAME, &["n2 gives n1 its vote", "term 5"]);
}

#[test]
fn a_vote_for_another_than_the_disk_says_is_rejected() {
    let other = disk(5).voted_for(N3);
    assert_rejected(made(N2, vote(5, N1), &other), NAME, &["n2 gives n1 its vote", "term 5"]);
}

#[test]
fn a_candidate_that_asks_before_its_own_vote_is_durable_is_rejected() {
    assert_rejected(made(N1, vote(5, N1), &disk(4)), NAME, &["n1 gives n1 its vote", "term 5"]);
}

#[test]
fn an_acknowledgement_beyond_the_end_of_the_disk_is_rejected() {
    let short = disk(3).log(&[1, 3]);
    assert_rejected(made(N2, matches(3, 3), &short), NAME, &["n2", "entry 3 in term 3", "ends at 2 in term 3"]);
}

#[test]
fn an_acknowledgement_in_a_term_that_the_disk_does_not_know_is_rejected() {
    let old = disk(2).log(&[1, 2]);
    assert_rejected(made(N2, matches(3, 2), &old), NAME, &["n2", "entry 2 in term 3", "ends at 2 in term 2"]);
}

#[test]
fn an_acknowledgement_of_nothing_promises_its_term() {
    assert_rejected(made(N2, matches(3, 0), &disk(2)), NAME, &["n2", "entry 0 in term 3", "ends at 0 in term 2"]);
}

#[test]
fn a_vote_that_the_disk_knows_may_leave() {
    assert!(made(N2, vote(5, N1), &disk(5).voted_for(N1)).is_ok());
}

#[test]
fn a_vote_may_leave_late_when_the_disk_is_in_a_later_term() {
    // Nothing can make the server vote again in a term that it has durably left.
    assert!(made(N2, vote(5, N1), &disk(6).voted_for(N3)).is_ok());
}

#[test]
fn an_acknowledgement_may_leave_once_the_disk_has_the_entry() {
    assert!(made(N2, matches(3, 2), &disk(3).log(&[1, 3])).is_ok());
}

#[test]
fn an_acknowledgement_may_claim_less_than_the_disk_has() {
    assert!(made(N2, matches(3, 1), &disk(3).log(&[1, 3, 3])).is_ok());
}

#[test]
fn an_old_acknowledgement_may_leave_when_the_disk_is_in_a_later_term() {
    assert!(made(N2, matches(3, 2), &disk(7).log(&[1, 3])).is_ok());
}

#[test]
fn a_heartbeat_may_be_answered_with_an_empty_log() {
    assert!(made(N2, matches(3, 0), &disk(3)).is_ok());
}

#[test]
fn a_disk_that_shows_no_term_is_not_judged() {
    assert!(made(N2, matches(3, 9), &PaperDisk::default()).is_ok());
}
