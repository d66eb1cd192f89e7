//! A leader that hears from no quorum gives up.

use sim::checkers::check_quorum::Contacts;
use sim::{Membership, NodeSet};

use crate::verdicts::{N1, N2, N3, N4, assert_rejected};

const NAME: &str = "check_quorum";
const PATIENCE_NS: u64 = 100;

fn of_three() -> Membership {
    Membership::of_all(3)
}

/// n1 was first seen to lead term 5, of three, at 1,000.
fn leading() -> Contacts {
    let mut contacts = Contacts::default();
    contacts.goes_on(N1, 5, (1, of_three()), 1_000 - PATIENCE_NS, 1_000).expect("it has only begun");
    contacts
}

#[test]
fn a_leader_that_goes_on_without_a_word_from_anybody_is_rejected() {
    let words = &["n1 goes on leading term 5", "from nobody"];
    assert_rejected(leading().goes_on(N1, 5, (1, of_three()), 1_001, 1_101), NAME, words);
}

#[test]
fn a_leader_has_as_long_as_it_waits_for_a_quorum_from_when_it_began() {
    leading().goes_on(N1, 5, (1, of_three()), 1_000, 1_100).expect("it has not waited for longer");
}

#[test]
fn a_word_of_so_many_that_they_are_a_quorum_with_the_leader_is_enough() {
    let mut contacts = leading();
    contacts.heard(N1, N3, 1_050);
    contacts.goes_on(N1, 5, (1, of_three()), 1_050, 1_150).expect("n1 and n3 are two of three");
    assert_rejected(contacts.goes_on(N1, 5, (1, of_three()), 1_051, 1_151), NAME, &["from nobody"]);
}

#[test]
fn what_others_heard_is_no_word_to_the_leader() {
    let mut contacts = leading();
    contacts.heard(N2, N3, 1_090);
    contacts.heard(N2, N1, 1_090);
    assert_rejected(contacts.goes_on(N1, 5, (1, of_three()), 1_051, 1_151), NAME, &["from nobody"]);
}

#[test]
fn too_few_and_those_without_a_vote_are_no_quorum() {
    let with_learner = Membership { learners: NodeSet::default().with(N4), ..of_three() };
    let mut contacts = Contacts::default();
    contacts.goes_on(N1, 5, (1, with_learner), 900, 1_000).expect("it has only begun");
    contacts.heard(N1, N4, 1_090);
    assert_rejected(contacts.goes_on(N1, 5, (1, with_learner), 1_051, 1_151), NAME, &["only {n4}", "no quorum"]);
    let of_four = Membership::of_all(4);
    let mut contacts = Contacts::default();
    contacts.goes_on(N1, 5, (1, of_four), 900, 1_000).expect("it has only begun");
    contacts.heard(N1, N4, 1_090);
    assert_rejected(contacts.goes_on(N1, 5, (1, of_four), 1_051, 1_151), NAME, &["only {n4}", "no quorum"]);
}

#[test]
fn in_the_middle_of_a_change_both_halves_must_be_heard_from() {
    let [new, old] = [[N1, N2], [N1, N3]].map(|nodes| nodes.into_iter().fold(NodeSet::default(), NodeSet::with));
    let joint = Membership { voters: new, outgoing: old, learners: NodeSet::default() };
    let mut contacts = Contacts::default();
    contacts.goes_on(N1, 5, (1, joint), 900, 1_000).expect("it has only begun");
    contacts.heard(N1, N2, 1_090);
    assert_rejected(contacts.goes_on(N1, 5, (1, joint), 1_051, 1_151), NAME, &["only {n2}"]);
    contacts.heard(N1, N3, 1_090);
    contacts.goes_on(N1, 5, (1, joint), 1_051, 1_151).expect("both halves were heard from");
}

#[test]
fn a_new_term_and_a_new_configuration_begin_anew() {
    leading().goes_on(N1, 6, (1, of_three()), 1_051, 1_151).expect("it leads term 6 only now");
    let mut contacts = leading();
    contacts.goes_on(N1, 5, (2, Membership::of_all(4)), 1_051, 1_151).expect("n4 has only joined");
    assert_rejected(contacts.goes_on(N1, 5, (2, Membership::of_all(4)), 1_152, 1_252), NAME, &["term 5"]);
}

#[test]
fn a_configuration_that_comes_back_begins_anew() {
    // In between the leader was alone, and had no reason to wake up.
    leading().goes_on(N1, 5, (3, of_three()), 1_901, 2_001).expect("n2 and n3 have only come back");
}

#[test]
fn the_only_voter_needs_nobody() {
    let mut contacts = Contacts::default();
    for now_ns in [1_000, 2_000] {
        contacts.goes_on(N1, 5, (1, Membership::of_all(1)), now_ns - 100, now_ns).expect("it is a quorum by itself");
    }
}
