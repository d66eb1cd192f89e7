//! Whoever vouched for a leader's lease votes for nobody while it holds.

use sim::NodeSet;
use sim::checkers::leases::{outlasts, voted};

use crate::verdicts::{N1, N2, N3, N4, assert_rejected};

const NAME: &str = "leases";

#[test]
fn a_vote_of_one_who_vouched_is_rejected() {
    let vouchers = NodeSet::default().with(N2).with(N3);
    let words = &["n3 gives n4 its vote in term 7", "n1 still holds a lease"];
    assert_rejected(voted(N3, N4, 7, N1, vouchers), NAME, words);
}

#[test]
fn a_vote_for_itself_of_one_who_vouched_is_rejected() {
    assert_rejected(voted(N2, N2, 2, N1, NodeSet::default().with(N2)), NAME, &["n2 gives n2 its vote in term 2"]);
}

#[test]
fn a_vote_of_one_who_did_not_vouch_is_accepted() {
    let vouchers = NodeSet::default().with(N2).with(N3);
    voted(N4, N4, 7, N1, vouchers).expect("nobody relies on n4");
    voted(N2, N4, 7, N1, NodeSet::default()).expect("there is no lease");
}

#[test]
fn a_lease_that_outlasts_the_silence_that_it_rests_on_is_rejected() {
    let vouchers = NodeSet::default().with(N2).with(N3);
    let words = &["n1's lease lasts longer than the silence of n3"];
    assert_rejected(outlasts(N1, N3, vouchers), NAME, words);
    outlasts(N1, N4, vouchers).expect("it does not rest on n4");
    outlasts(N1, N3, NodeSet::default()).expect("it is over by then");
}
