//! A dumb twin of configurations, for which all quorums are tried.

use proptest::prelude::*;
use sim::checkers::membership::Memberships;
use sim::{Membership, NodeId, NodeSet};
use tests::property;

use crate::twins::assert_both_verdicts_are_drawn;

const CASES: u32 = 2000;

// ---- Membership ----

const NODES: u8 = 5;

fn node_sets() -> impl Strategy<Value = NodeSet> {
    (1..1u8 << NODES).prop_map(NodeSet)
}

/// A configuration and one that is close to it.
fn changes_of_membership() -> impl Strategy<Value = (Membership, Membership)> {
    let membership = (node_sets(), prop::option::weighted(0.3, node_sets())).prop_map(|(voters, outgoing)| {
        Membership { voters, outgoing: outgoing.unwrap_or_default(), ..Membership::default() }
    });
    (membership, node_sets(), 0..NODES, 0..5u8).prop_map(|(before, others, node, kind)| {
        let node = NodeSet::default().with(NodeId(node));
        let voters = match kind {
            0 | 1 => NodeSet(before.voters.0 ^ node.0),
            2 => before.voters,
            _ => others,
        };
        let outgoing = if kind == 3 { before.voters } else { NodeSet::default() };
        (before, Membership { voters, outgoing, ..before })
    })
}

fn may_follow((before, after): (Membership, Membership)) -> bool {
    let mut logs = Memberships::new(1);
    logs.started(NodeId(0), Some(before));
    logs.created(NodeId(0), (1, 1), after).is_ok()
}

fn quorums(membership: Membership) -> impl Iterator<Item = NodeSet> {
    (0..1u8 << NODES).map(NodeSet).filter(move |nodes| membership.is_quorum(*nodes))
}

#[test]
fn membership_sees_lawful_and_unlawful_changes() {
    assert_both_verdicts_are_drawn(&changes_of_membership(), |change| may_follow(*change));
}

proptest! {
    #![proptest_config(property(CASES))]

    #[test]
    fn every_quorum_of_a_configuration_meets_every_quorum_of_one_that_may_follow(change in changes_of_membership()) {
        let meet = |one: NodeSet| quorums(change.1).all(|other| !one.intersection(other).is_empty());
        prop_assert!(!may_follow(change) || quorums(change.0).all(meet));
    }
}
