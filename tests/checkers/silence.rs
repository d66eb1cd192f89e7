//! Who has just heard from a leader votes for nobody else.

use sim::checkers::silence::Listens::{TakesUpTerm, Votes, WouldVote};
use sim::checkers::silence::{Silences, breach};

use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "silence";
const SILENT_NS: u64 = 100;

/// n2 has heard from the leader of term 5 at 1,000 on its own clock.
fn in_touch() -> Silences {
    let mut silences = Silences::default();
    silences.heard(N2, 5, 1_000);
    silences
}

#[test]
fn a_vote_of_one_who_has_just_heard_from_a_leader_is_rejected() {
    let words = &["n2 gives n3 its vote in term 6", "heard from the leader of term 5"];
    assert_rejected(in_touch().listens(N2, N3, 6, Votes, 1_000, SILENT_NS), NAME, words);
    assert_rejected(in_touch().listens(N2, N3, 9, Votes, 1_099, SILENT_NS), NAME, &["in term 9"]);
}

#[test]
fn a_vote_after_the_silence_or_of_another_is_accepted() {
    in_touch().listens(N2, N3, 6, Votes, 1_100, SILENT_NS).expect("it has been silent for as long as it must");
    in_touch().listens(N1, N3, 6, Votes, 1_000, SILENT_NS).expect("n1 has heard nobody");
}

#[test]
fn a_vote_is_no_breach_where_its_own_candidate_has_won_meanwhile() {
    let mut silences = in_touch();
    silences.heard(N2, 6, 1_150);
    silences.listens(N2, N3, 6, Votes, 1_160, SILENT_NS).expect("the same vote, said again");
    assert_rejected(silences.listens(N2, N3, 7, Votes, 1_160, SILENT_NS), NAME, &["term 7"]);
}

#[test]
fn a_leader_that_hands_over_releases_voters_in_that_term_alone() {
    let mut silences = in_touch();
    silences.asked_on_behalf(N2, 6);
    silences.listens(N2, N3, 6, Votes, 1_010, SILENT_NS).expect("the leader wants it so");
    assert_rejected(silences.listens(N2, N3, 7, Votes, 1_010, SILENT_NS), NAME, &["term 7"]);
}

#[test]
fn who_campaigns_itself_breaks_no_silence() {
    in_touch()
        .listens(N2, N2, 6, Votes, 1_010, SILENT_NS)
        .expect("told to campaign, or its own timeout is for it to judge");
}

#[test]
fn a_restart_ends_the_silence_unless_leases_rest_on_it() {
    let mut silences = in_touch();
    silences.restarted(N2, Some(5));
    assert_rejected(silences.listens(N2, N3, 6, Votes, 1_010, SILENT_NS), NAME, &["term 6"]);
    silences.restarted(N2, None);
    silences.listens(N2, N3, 6, Votes, 1_010, SILENT_NS).expect("nobody relies on it");
}

#[test]
fn a_leader_whose_term_was_never_durable_has_no_word_to_rely_on() {
    let mut silences = in_touch();
    silences.restarted(N2, Some(4));
    silences.listens(N2, N3, 6, Votes, 1_010, SILENT_NS).expect("no round of term 5 was answered");
}

#[test]
fn who_says_that_it_would_vote_breaks_its_silence_as_by_a_vote() {
    let words = &["n2 tells n3 that it would vote for it in term 6", "heard from the leader of term 5"];
    assert_rejected(in_touch().listens(N2, N3, 6, WouldVote, 1_099, SILENT_NS), NAME, words);
    in_touch().listens(N2, N3, 6, WouldVote, 1_100, SILENT_NS).expect("it has been silent for as long as it must");
    in_touch().listens(N1, N3, 6, WouldVote, 1_000, SILENT_NS).expect("n1 has heard nobody");
}

#[test]
fn who_takes_up_the_term_of_a_candidate_that_it_should_not_listen_to_is_rejected() {
    assert_eq!(in_touch().broken_by(N2, 6, 1_099, SILENT_NS), Some(5));
    assert_eq!(in_touch().broken_by(N2, 6, 1_100, SILENT_NS), None);
    assert_eq!(in_touch().broken_by(N2, 5, 1_000, SILENT_NS), None);
    assert_rejected(
        Err::<(), _>(breach(N2, N3, 6, TakesUpTerm, 5)),
        NAME,
        &["n2 takes up term 6 at n3's word", "term 5"],
    );
}

#[test]
fn silence_lasts_from_the_last_word_of_a_leader() {
    assert_eq!(in_touch().lasts_until(N2, SILENT_NS), Some(1_100));
    assert_eq!(in_touch().lasts_until(N1, SILENT_NS), None);
}
