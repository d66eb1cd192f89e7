//! Nobody votes for a candidate whose log is older than its own.

use sim::Candidacy;
use sim::checkers::election_restriction::{votes, would_vote};

use crate::verdicts::{N1, N2, assert_rejected};

const NAME: &str = "election_restriction";

/// A candidate of term 6 whose log ends at `index`, an entry of `term`.
fn candidate(term: u64, index: u64) -> Candidacy {
    Candidacy { term: 6, last: (term, index) }
}

#[test]
fn a_vote_for_a_shorter_log_of_the_same_last_term_is_rejected() {
    let words =
        &["n2, which campaigns in term 6, ends at 7 of term 3", "n1, whose own ends at 8 of term 3, gives it its vote"];
    assert_rejected(votes(N1, N2, candidate(3, 7), (3, 8)), NAME, words);
}

#[test]
fn a_vote_for_a_longer_log_of_an_earlier_last_term_is_rejected() {
    assert_rejected(votes(N1, N2, candidate(3, 90), (4, 8)), NAME, &["ends at 90 of term 3", "ends at 8 of term 4"]);
}

#[test]
fn to_say_that_one_would_vote_for_an_older_log_is_rejected() {
    let words = &["n2", "n1, whose own ends at 1 of term 1, says that it would vote for it"];
    assert_rejected(would_vote(N1, N2, candidate(0, 0), (1, 1)), NAME, words);
}

#[test]
fn an_equal_log_and_a_later_one_may_be_voted_for() {
    for last in [(3, 8), (3, 9), (4, 1)] {
        votes(N1, N2, candidate(last.0, last.1), (3, 8)).expect("no older than its own");
        would_vote(N1, N2, candidate(last.0, last.1), (3, 8)).expect("no older than its own");
    }
}
