//! One vote a server and term, never moved and never forgotten.

use sim::checkers::one_vote::OneVote;
use sim::{NodeId, TermAndVote};

use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "one_vote";

fn in_term(term: u64) -> TermAndVote {
    TermAndVote { term, voted_for: None }
}

fn voted(term: u64, candidate: NodeId) -> TermAndVote {
    TermAndVote { term, voted_for: Some(candidate) }
}

/// Votes that were given: voter, term, candidate.
fn given(votes: &[(NodeId, u64, NodeId)]) -> OneVote {
    let mut checker = OneVote::default();
    for &(voter, term, candidate) in votes {
        checker.given(voter, term, candidate).expect("a lawful vote");
    }
    checker
}

#[test]
fn a_vote_for_a_second_candidate_of_a_term_is_rejected() {
    let words = ["n2 votes for n3", "term 5", "after voting for n1"];
    assert_rejected(given(&[(N2, 5, N1)]).given(N2, 5, N3), NAME, &words);
}

#[test]
fn a_second_vote_is_rejected_after_votes_of_later_terms() {
    let history = [(N2, 5, N1), (N2, 6, N3), (N2, 9, N2)];
    assert_rejected(given(&history).given(N2, 5, N3), NAME, &["n2 votes for n3", "term 5", "n1"]);
}

#[test]
fn a_candidate_that_voted_for_itself_may_not_vote_for_another() {
    assert_rejected(given(&[(N1, 5, N1)]).given(N1, 5, N2), NAME, &["n1 votes for n2", "term 5", "voting for n1"]);
}

#[test]
fn the_first_vote_binds_after_a_second_was_rejected() {
    let mut checker = given(&[(N2, 5, N1)]);
    assert!(checker.given(N2, 5, N3).is_err());
    assert!(checker.given(N2, 5, N1).is_ok());
}

#[test]
fn a_vote_that_moves_in_memory_is_rejected() {
    let moved = OneVote::default().remembered(N1, voted(3, N2), voted(3, N3));
    assert_rejected(moved, NAME, &["n1 moves its vote", "term 3", "from n2 to n3"]);
}

#[test]
fn a_vote_that_is_forgotten_in_memory_is_rejected() {
    let forgotten = OneVote::default().remembered(N1, voted(3, N2), in_term(3));
    assert_rejected(forgotten, NAME, &["n1 forgets", "voted for n2", "term 3"]);
}

#[test]
fn a_vote_that_a_restart_moves_is_rejected() {
    let moved = OneVote::default().restarted(N3, voted(3, N1), voted(3, N2));
    assert_rejected(moved, NAME, &["n3", "term 3", "from n1 to n2"]);
}

#[test]
fn a_vote_that_a_restart_forgets_is_rejected() {
    let forgotten = OneVote::default().restarted(N3, voted(3, N1), in_term(3));
    assert_rejected(forgotten, NAME, &["n3 forgets", "voted for n1", "term 3"]);
}

#[test]
fn a_vote_that_a_restart_makes_up_is_rejected() {
    let made_up = OneVote::default().restarted(N1, in_term(5), voted(5, N2));
    assert_rejected(made_up, NAME, &["n1 restarts with a vote for n2", "term 5", "knows of none"]);
}

#[test]
fn a_vote_for_itself_that_a_restart_makes_up_is_rejected() {
    let made_up = OneVote::default().restarted(N1, in_term(5), voted(5, N1));
    assert_rejected(made_up, NAME, &["n1 restarts with a vote for n1", "term 5", "knows of none"]);
}

#[test]
fn the_same_vote_may_be_given_twice_to_the_same_candidate() {
    assert!(given(&[(N2, 5, N1)]).given(N2, 5, N1).is_ok());
}

#[test]
fn a_vote_may_be_repeated_after_votes_of_later_terms() {
    // The reply was on its way for long.
    assert!(given(&[(N2, 5, N1), (N2, 6, N3)]).given(N2, 5, N1).is_ok());
}

#[test]
fn a_later_term_frees_the_vote() {
    assert!(given(&[(N2, 5, N1)]).given(N2, 6, N3).is_ok());
}

#[test]
fn an_earlier_term_has_a_vote_of_its_own() {
    assert!(given(&[(N2, 5, N1)]).given(N2, 4, N3).is_ok());
}

#[test]
fn servers_of_one_term_may_vote_for_different_candidates() {
    assert!(given(&[(N1, 5, N1), (N2, 5, N1)]).given(N3, 5, N3).is_ok());
}

#[test]
fn a_vote_that_was_free_may_be_given_in_the_current_term() {
    assert!(OneVote::default().remembered(N1, in_term(3), voted(3, N2)).is_ok());
}

#[test]
fn a_vote_may_be_forgotten_with_its_term() {
    assert!(OneVote::default().remembered(N1, voted(3, N2), in_term(4)).is_ok());
}

#[test]
fn a_candidate_may_vote_for_itself_in_the_term_it_opens() {
    assert!(OneVote::default().remembered(N1, voted(3, N2), voted(4, N1)).is_ok());
}

#[test]
fn a_restart_may_find_the_vote_of_its_disk() {
    assert!(OneVote::default().restarted(N1, voted(3, N2), voted(3, N2)).is_ok());
}

#[test]
fn a_restart_may_begin_in_a_later_term_without_a_vote() {
    assert!(OneVote::default().restarted(N1, voted(3, N2), in_term(4)).is_ok());
}

#[test]
fn a_restart_may_open_a_new_term_with_a_vote_for_itself() {
    assert!(OneVote::default().restarted(N1, in_term(3), voted(4, N1)).is_ok());
}

#[test]
fn a_restart_may_find_its_vote_free() {
    assert!(OneVote::default().restarted(N1, in_term(3), in_term(3)).is_ok());
}
