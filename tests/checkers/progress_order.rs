//! What a leader knows of its followers: what matches was said so, never falls, and is not sent again.

use sim::NodeId;
use sim::checkers::progress_order::{Acknowledgements, ProgressOrder};

use crate::configurations::voters;
use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "progress_order";

/// What n1 has shown as a leader: term, follower, match index, next index.
fn observed(history: &[(u64, NodeId, u64, u64)]) -> ProgressOrder {
    let mut checker = ProgressOrder::default();
    for &(term, follower, match_index, next_index) in history {
        checker.observed(N1, term, follower, match_index, next_index).expect("a lawful observation");
    }
    checker
}

#[test]
fn a_match_index_that_falls_within_a_term_is_rejected() {
    let fallen = observed(&[(3, N2, 7, 8)]).observed(N1, 3, N2, 6, 8);
    assert_rejected(fallen, NAME, &["n1 takes n2's match index back", "from 7 to 6", "term 3"]);
}

#[test]
fn a_match_index_that_falls_to_nothing_is_rejected() {
    let fallen = observed(&[(3, N2, 0, 1), (3, N2, 7, 8)]).observed(N1, 3, N2, 0, 8);
    assert_rejected(fallen, NAME, &["n2", "from 7 to 0", "term 3"]);
}

#[test]
fn a_fall_is_measured_from_the_highest_match_and_not_from_the_first() {
    let fallen = observed(&[(3, N2, 2, 8), (3, N2, 7, 8)]).observed(N1, 3, N2, 3, 8);
    assert_rejected(fallen, NAME, &["from 7 to 3"]);
}

#[test]
fn a_fall_is_noticed_after_other_followers_were_seen() {
    let fallen = observed(&[(3, N2, 7, 8), (3, N3, 9, 10)]).observed(N1, 3, N2, 6, 8);
    assert_rejected(fallen, NAME, &["n2", "from 7 to 6"]);
}

#[test]
fn a_next_index_that_matches_already_is_rejected() {
    assert_rejected(observed(&[]).observed(N1, 3, N2, 4, 4), NAME, &["n1 would send n2 entry 4", "matches up to 4"]);
}

#[test]
fn a_next_index_far_below_the_match_is_rejected() {
    assert_rejected(observed(&[]).observed(N1, 3, N3, 9, 2), NAME, &["n1 would send n3 entry 2", "matches up to 9"]);
}

#[test]
fn a_next_index_of_nothing_is_rejected() {
    assert_rejected(observed(&[]).observed(N1, 3, N2, 0, 0), NAME, &["entry 0", "matches up to 0"]);
}

#[test]
fn a_new_leader_may_know_of_no_match() {
    assert!(observed(&[]).observed(N1, 3, N2, 0, 12).is_ok());
}

#[test]
fn a_match_index_may_start_anew_in_a_later_term() {
    assert!(observed(&[(3, N2, 7, 8)]).observed(N1, 5, N2, 0, 8).is_ok());
}

#[test]
fn a_next_index_may_fall_down_to_the_match() {
    // §5.3: after a refusal the leader decrements nextIndex and retries.
    assert!(observed(&[(3, N2, 2, 9), (3, N2, 2, 8)]).observed(N1, 3, N2, 2, 3).is_ok());
}

#[test]
fn a_next_index_may_run_ahead_of_the_match() {
    assert!(observed(&[(3, N2, 2, 3)]).observed(N1, 3, N2, 2, 50).is_ok());
}

#[test]
fn a_match_index_may_stand_still_and_grow() {
    assert!(observed(&[(3, N2, 2, 3), (3, N2, 2, 3)]).observed(N1, 3, N2, 5, 6).is_ok());
}

#[test]
fn one_follower_may_lie_behind_another() {
    assert!(observed(&[(3, N2, 7, 8)]).observed(N1, 3, N3, 1, 2).is_ok());
}

// ---- What the follower has said ----

/// What n2 has acknowledged: term, index.
fn acknowledged(history: &[(u64, u64)]) -> Acknowledgements {
    let mut said = Acknowledgements::default();
    for &(term, index) in history {
        said.made(term, index);
    }
    said
}

#[test]
fn a_match_that_was_never_acknowledged_is_rejected() {
    let words = ["n1 holds n2 to match up to 3", "term 2", "has said 0"];
    assert_rejected(acknowledged(&[]).back(N1, 2, N2, 3), NAME, &words);
}

#[test]
fn a_match_beyond_what_was_acknowledged_is_rejected() {
    let words = ["n1 holds n2 to match up to 5", "term 2", "has said 4"];
    assert_rejected(acknowledged(&[(2, 4)]).back(N1, 2, N2, 5), NAME, &words);
}

#[test]
fn a_match_acknowledged_in_an_earlier_term_only_is_rejected() {
    // The leader between the two may have had the follower drop it.
    let words = ["n1 holds n2 to match up to 4", "term 3", "has said 0"];
    assert_rejected(acknowledged(&[(2, 4)]).back(N1, 3, N2, 4), NAME, &words);
}

#[test]
fn a_match_acknowledged_in_a_later_term_only_is_rejected() {
    let words = ["n1 holds n2 to match up to 4", "term 2", "has said 1"];
    assert_rejected(acknowledged(&[(2, 1), (3, 4)]).back(N1, 2, N2, 4), NAME, &words);
}

#[test]
fn a_match_in_a_term_between_two_that_were_acknowledged_is_rejected() {
    let words = ["n1 holds n2 to match up to 1", "term 3", "has said 0"];
    assert_rejected(acknowledged(&[(2, 4), (5, 9)]).back(N1, 3, N2, 1), NAME, &words);
}

#[test]
fn an_acknowledgement_that_is_said_late_counts_in_its_own_term_only() {
    let said = acknowledged(&[(2, 1), (5, 2), (3, 9)]);
    assert_rejected(said.back(N1, 5, N2, 9), NAME, &["up to 9", "term 5", "has said 2"]);
    assert_rejected(said.back(N1, 2, N2, 9), NAME, &["up to 9", "term 2", "has said 1"]);
    assert!(said.back(N1, 3, N2, 9).is_ok());
}

#[test]
fn a_match_that_was_acknowledged_in_the_term_may_be_held() {
    assert!(acknowledged(&[(2, 4)]).back(N1, 2, N2, 4).is_ok());
}

#[test]
fn a_match_may_lie_below_what_was_acknowledged() {
    assert!(acknowledged(&[(2, 4)]).back(N1, 2, N2, 3).is_ok());
}

#[test]
fn no_match_needs_no_acknowledgement() {
    assert!(acknowledged(&[]).back(N1, 2, N2, 0).is_ok());
}

#[test]
fn a_deposed_leader_may_hear_of_an_acknowledgement_late() {
    assert!(acknowledged(&[(2, 4), (3, 1), (7, 2)]).back(N1, 2, N2, 4).is_ok());
}

#[test]
fn the_highest_acknowledgement_counts_and_not_the_latest() {
    // They overtake each other in the follower too: a late append is acknowledged no further than it goes.
    assert!(acknowledged(&[(2, 4), (2, 3)]).back(N1, 2, N2, 4).is_ok());
}

#[test]
fn the_highest_acknowledgement_of_an_earlier_term_counts_and_not_the_latest() {
    assert!(acknowledged(&[(2, 4), (3, 1), (2, 3)]).back(N1, 2, N2, 4).is_ok());
}

#[test]
fn one_that_leaves_the_configuration_is_forgotten_and_the_others_are_not() {
    let mut order = ProgressOrder::default();
    order.observed(N1, 2, N2, 4, 5).expect("a match");
    order.observed(N1, 2, N3, 4, 5).expect("a match");
    order.configured(voters(&[N1, N2]));
    assert!(order.observed(N1, 2, N3, 0, 1).is_ok());
    assert_rejected(order.observed(N1, 2, N2, 3, 4), NAME, &["n2's match index back from 4 to 3"]);
}
