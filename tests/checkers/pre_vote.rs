//! Who asks around before it campaigns begins a term only when it would be elected.

use sim::Membership;
use sim::checkers::pre_vote::PreVotes;

use crate::verdicts::{N1, N2, N3, N4, N5, assert_rejected};

const NAME: &str = "pre_vote";

/// n1 asks around first, in a cluster of five.
fn asking() -> PreVotes {
    let mut pre_votes = PreVotes::default();
    pre_votes.started(N1, true);
    pre_votes
}

#[test]
fn whoever_begins_a_term_without_asking_is_rejected() {
    let words = &["n1 campaigns in term 4", "nobody has said"];
    assert_rejected(asking().campaigns(N1, 4, Membership::of_all(5)), NAME, words);
}

#[test]
fn a_quorum_with_the_candidate_itself_is_enough_and_one_less_is_not() {
    let mut pre_votes = asking();
    pre_votes.would_vote(N2, N1, 4);
    pre_votes.would_vote(N2, N1, 4);
    assert_rejected(pre_votes.campaigns(N1, 4, Membership::of_all(5)), NAME, &["only {n2} have"]);
    pre_votes.would_vote(N3, N1, 4);
    pre_votes.campaigns(N1, 4, Membership::of_all(5)).expect("three of five");
}

#[test]
fn what_was_said_to_another_or_of_another_term_does_not_count() {
    let mut pre_votes = asking();
    for voter in [N2, N3, N5] {
        pre_votes.would_vote(voter, N4, 4);
        pre_votes.would_vote(voter, N1, 3);
    }
    assert_rejected(pre_votes.campaigns(N1, 4, Membership::of_all(5)), NAME, &["nobody has said"]);
    pre_votes.would_vote(N2, N1, 4);
    pre_votes.would_vote(N3, N1, 3);
    assert_rejected(pre_votes.campaigns(N1, 4, Membership::of_all(5)), NAME, &["only {n2} have"]);
}

#[test]
fn whoever_is_asked_to_by_the_leader_of_the_term_before_may_campaign() {
    let mut pre_votes = asking();
    pre_votes.handed_over(N1, 3);
    pre_votes.campaigns(N1, 4, Membership::of_all(5)).expect("the leader of term 3 wants it to");
    assert_rejected(pre_votes.campaigns(N1, 5, Membership::of_all(5)), NAME, &["term 5"]);
}

#[test]
fn what_was_said_before_a_restart_may_arrive_after_it() {
    let mut pre_votes = asking();
    pre_votes.would_vote(N2, N1, 4);
    pre_votes.would_vote(N3, N1, 4);
    pre_votes.started(N1, true);
    pre_votes.campaigns(N1, 4, Membership::of_all(5)).expect("three of five");
    pre_votes.handed_over(N1, 7);
    pre_votes.started(N1, true);
    pre_votes.campaigns(N1, 8, Membership::of_all(5)).expect("the leader of term 7 wants it to");
}

#[test]
fn who_has_lost_a_term_may_begin_it_once_more() {
    let mut pre_votes = asking();
    pre_votes.would_vote(N2, N1, 4);
    pre_votes.would_vote(N2, N1, 5);
    pre_votes.started(N1, true);
    pre_votes.would_vote(N3, N1, 4);
    pre_votes.campaigns(N1, 4, Membership::of_all(5)).expect("three of five");
    assert_rejected(pre_votes.campaigns(N1, 5, Membership::of_all(5)), NAME, &["only {n2} have"]);
}

#[test]
fn who_does_not_ask_and_who_is_alone_may_campaign() {
    PreVotes::default().campaigns(N1, 4, Membership::of_all(5)).expect("it asks nobody first");
    asking().campaigns(N1, 4, Membership::of_all(1)).expect("it is a quorum by itself");
}
