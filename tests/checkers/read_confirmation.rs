//! A leader answers a read once a quorum has answered what it sent since the read came.

use sim::checkers::read_confirmation::Confirmations;
use sim::{Membership, NodeId, RequestId};

use crate::configurations::joint;
use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "read_confirmation";
const READ: RequestId = RequestId { client: 4, number: 1 };

fn three() -> Membership {
    Membership::of_all(3)
}

/// n1 leads term 5; a read comes to it at 10.
fn asked() -> Confirmations {
    let mut messages = Confirmations::default();
    messages.read_came(READ, N1, 5, 10, three());
    messages
}

/// n1 sends something to `to` at one moment, which arrives; at the next, n1 is sent an answer, which arrives.
fn round_trip(messages: &mut Confirmations, to: NodeId, sent: u64, answered: u64) {
    messages.sent(0, N1, to, sent);
    messages.arrived(0, N1, to);
    messages.sent(1, to, N1, answered);
    messages.arrived(1, to, N1);
}

#[test]
fn an_answer_at_once_is_rejected() {
    let words = &["n1 answers a read as leader of term 5", "no more than {n1}"];
    assert_rejected(asked().answered(READ, N1, 5, three()), NAME, words);
}

#[test]
fn an_answer_to_what_was_sent_before_the_read_came_confirms_nothing() {
    let mut messages = asked();
    round_trip(&mut messages, N2, 9, 12);
    assert_rejected(messages.answered(READ, N1, 5, three()), NAME, &["{n1}"]);
}

#[test]
fn what_a_follower_says_before_it_has_heard_of_it_confirms_nothing() {
    let mut messages = asked();
    messages.sent(0, N1, N2, 11);
    messages.sent(1, N2, N1, 12);
    messages.arrived(0, N1, N2);
    messages.arrived(1, N2, N1);
    assert_rejected(messages.answered(READ, N1, 5, three()), NAME, &["{n1}"]);
}

#[test]
fn what_is_still_on_its_way_confirms_nothing() {
    let mut messages = asked();
    messages.sent(0, N1, N2, 11);
    messages.arrived(0, N1, N2);
    messages.sent(1, N2, N1, 12);
    assert_rejected(messages.answered(READ, N1, 5, three()), NAME, &["{n1}"]);
}

#[test]
fn an_answer_of_a_quorum_since_is_accepted_even_where_the_read_came_twice() {
    let mut messages = asked();
    round_trip(&mut messages, N3, 10, 12);
    messages.read_came(READ, N1, 5, 13, three());
    messages.answered(READ, N1, 5, three()).expect("n1 and n3");
}

#[test]
fn in_a_joint_configuration_both_halves_must_have_answered() {
    let both = joint(&[N1], &[N1, N2, N3]);
    let mut messages = Confirmations::default();
    messages.read_came(READ, N1, 5, 10, both);
    assert_rejected(messages.answered(READ, N1, 5, both), NAME, &["{n1}"]);
    round_trip(&mut messages, N2, 11, 12);
    messages.answered(READ, N1, 5, both).expect("n1 alone, and n1 with n2");
}

#[test]
fn what_came_to_another_or_in_another_term_or_configuration_is_not_judged() {
    asked().answered(READ, N2, 5, three()).expect("n1 was asked");
    asked().answered(READ, N1, 6, three()).expect("who led term 5 may have made sure");
    asked().answered(READ, N1, 5, Membership::of_all(5)).expect("three were asked");
    let mut messages = asked();
    messages.ended(READ);
    messages.answered(READ, N1, 5, three()).expect("it has its answer");
}
