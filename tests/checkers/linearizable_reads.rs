//! Who answers a read without the log is fit to.

use sim::RequestId;
use sim::checkers::linearizable_reads::LinearizableReads;

use crate::verdicts::{N2, assert_rejected};

const NAME: &str = "linearizable_reads";

fn read(number: u32) -> RequestId {
    RequestId { client: 4, number }
}

/// A read that came when three entries were committed, and term 4 had had a leader.
fn arrived() -> LinearizableReads {
    let mut checker = LinearizableReads::default();
    checker.arrived(read(0), 3, 4);
    checker
}

#[test]
fn an_answer_from_before_what_was_committed_when_the_read_came_is_rejected() {
    let words = &["n2 answers a read with 2 entries applied", "3 were committed"];
    assert_rejected(arrived().served(N2, read(0), 2, None), NAME, words);
}

#[test]
fn an_answer_of_a_leader_that_had_a_successor_when_the_read_came_is_rejected() {
    let words = &["n2 answers a read as leader of term 3", "term 4 had one"];
    assert_rejected(arrived().served(N2, read(0), 3, Some(3)), NAME, words);
}

#[test]
fn answers_of_those_who_know_enough_are_accepted() {
    for (applied, leads) in [(3, None), (9, None), (3, Some(4)), (5, Some(6))] {
        arrived().served(N2, read(0), applied, leads).expect("fit to answer");
    }
    arrived().served(N2, read(1), 0, Some(1)).expect("nobody asked for it");
}

#[test]
fn a_read_that_has_its_answer_is_not_judged_any_more() {
    let mut checker = arrived();
    checker.ended(read(0));
    checker.served(N2, read(0), 0, Some(1)).expect("nobody waits for it");
}
