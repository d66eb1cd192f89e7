//! Who is asked to campaign at once has a vote, and has acknowledged all that the leader's log holds.

use sim::Membership;
use sim::checkers::handovers::{asked, to_voter};

use crate::configurations::{joint, voters, with_learners};
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

#[test]
fn whoever_has_no_vote_may_not_be_asked() {
    let of_one = voters(&[N1]);
    assert_rejected(to_voter(N1, N2, of_one), "handovers", &["n1 asks n2", "no vote in {n1}"]);
    assert_rejected(to_voter(N1, N2, with_learners(of_one, &[N2])), "handovers", &["no vote in {n1}, learners {n2}"]);
    to_voter(N1, N2, Membership::of_all(2)).expect("it votes");
    to_voter(N1, N2, joint(&[N1, N2], &[N1])).expect("it still votes");
}
