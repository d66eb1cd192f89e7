//! A leader was sent the votes of a quorum of its configuration.

use sim::checkers::election_quorum::elected;

use crate::configurations::{joint, voters, with_learners};
use crate::verdicts::{N1, N2, N3, N4, N5, assert_rejected};

const NAME: &str = "election_quorum";

#[test]
fn votes_of_learners_elect_nobody() {
    let membership = with_learners(voters(&[N1, N2, N3]), &[N4, N5]);
    let words = ["n1 leads term 7", "only {n1 n4 n5}", "no quorum of {n1 n2 n3}, learners {n4 n5}"];
    assert_rejected(elected(N1, 7, membership, voters(&[N1, N4, N5]).voters), NAME, &words);
}

#[test]
fn a_majority_of_the_new_voters_alone_elects_nobody() {
    let membership = joint(&[N1, N2, N3], &[N3, N4, N5]);
    assert_rejected(elected(N3, 7, membership, voters(&[N3, N4, N5]).voters), NAME, &["n3 leads", "{n3 n4 n5}"]);
}

#[test]
fn a_majority_of_the_old_voters_alone_elects_nobody() {
    let membership = joint(&[N1, N2, N3], &[N3, N4, N5]);
    assert_rejected(elected(N1, 7, membership, voters(&[N1, N2, N3]).voters), NAME, &["n1 leads", "{n1 n2 n3}"]);
}

#[test]
fn the_vote_of_a_node_that_is_no_voter_of_its_own_configuration_does_not_count() {
    assert_rejected(elected(N5, 7, voters(&[N1, N2, N3]), voters(&[N1, N5]).voters), NAME, &["n5 leads", "{n1 n5}"]);
}

#[test]
fn both_majorities_elect_a_leader() {
    let membership = joint(&[N1, N2, N3], &[N3, N4, N5]);
    assert!(elected(N1, 7, membership, voters(&[N1, N3, N5]).voters).is_ok());
}

#[test]
fn votes_of_learners_may_come_beside_those_that_count() {
    let membership = with_learners(voters(&[N1, N2, N3]), &[N4, N5]);
    assert!(elected(N1, 7, membership, voters(&[N1, N2, N4]).voters).is_ok());
}

#[test]
fn a_majority_of_others_may_elect_one_that_is_on_its_way_out() {
    assert!(elected(N5, 7, voters(&[N1, N2, N3]), voters(&[N1, N2, N5]).voters).is_ok());
}
