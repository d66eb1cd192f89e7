//! More dumb twins: of reads, for which all moments are tried, and of configurations, for which all quorums are.

use proptest::prelude::*;
use proptest::{collection::vec, sample::select};
use sim::checkers::linearizable_reads::LinearizableReads;
use sim::checkers::membership::Memberships;
use sim::{Access, LogEntry, Membership, NodeId, NodeSet, RequestId};
use tests::property;

use crate::twins::assert_both_verdicts_are_drawn;

const CASES: u32 = 2000;

// ---- Reads ----

#[derive(Clone, Copy, Debug)]
enum ReadChange {
    /// A write is committed.
    Commits { key: u64, value: Option<u64> },
    /// The client of the latest write is told.
    IsTold,
    /// A client asks for a key.
    Asks { key: u64 },
    /// A client that waits, one of so many, is told this.
    Finds { which: usize, value: Option<u64> },
}

fn read_changes() -> impl Strategy<Value = Vec<ReadChange>> {
    let key = || 0..2u64;
    let value = || select(vec![None, Some(1), Some(2), Some(3)]);
    let change = prop_oneof![
        3 => (key(), value()).prop_map(|(key, value)| ReadChange::Commits { key, value }),
        1 => Just(ReadChange::IsTold),
        3 => key().prop_map(|key| ReadChange::Asks { key }),
        2 => (0..8usize, value()).prop_map(|(which, value)| ReadChange::Finds { which, value }),
    ];
    vec(change, 0..16)
}

/// What is over: when it was asked for and answered, and the moments of the log at which it may have been.
#[derive(Debug)]
struct Over {
    asked: usize,
    answered: usize,
    moments: Vec<usize>,
}

/// Whether each can be given a moment so that nothing goes back behind what was over before it was asked for.
fn has_an_order(over: &[Over], chosen: &mut Vec<usize>) -> bool {
    let Some(next) = over.get(chosen.len()) else { return true };
    next.moments.iter().any(|moment| {
        let fits = chosen.iter().zip(over).all(|(known, other)| {
            (other.answered >= next.asked || known <= moment) && (next.answered >= other.asked || moment <= known)
        });
        chosen.push(*moment);
        let is_ordered = fits && has_an_order(over, chosen);
        chosen.pop();
        is_ordered
    })
}

/// The first answer with which no order of all that is over remains.
fn twin_of_linearizable_reads(changes: &[ReadChange]) -> Option<usize> {
    let mut log: Vec<(u64, Option<u64>)> = Vec::new();
    let mut waiting: Vec<(usize, u64)> = Vec::new();
    let mut over = Vec::new();
    let held =
        |log: &[(u64, Option<u64>)], key| log.iter().rfind(|(known, _)| *known == key).and_then(|(_, value)| *value);
    changes.iter().enumerate().position(|(now, change)| {
        match *change {
            ReadChange::Commits { key, value } => log.push((key, value)),
            ReadChange::Asks { key } => waiting.push((now, key)),
            ReadChange::IsTold => over.push(Over { asked: now, answered: now, moments: vec![log.len()] }),
            ReadChange::Finds { which, value } if !waiting.is_empty() => {
                let (asked, key) = waiting.remove(which % waiting.len());
                let moments = (0..=log.len()).filter(|moment| held(&log[..*moment], key) == value).collect();
                over.push(Over { asked, answered: now, moments });
            }
            ReadChange::Finds { .. } => {}
        }
        !has_an_order(&over, &mut Vec::new())
    })
}

fn verdict_of_linearizable_reads(changes: &[ReadChange]) -> Option<usize> {
    let mut checker = LinearizableReads::default();
    let mut waiting = Vec::new();
    let mut committed = 0;
    let id = |number: usize| RequestId { client: 0, number: number as u32 };
    changes.iter().enumerate().position(|(now, change)| match *change {
        ReadChange::Commits { key, value } => {
            let digest = now as u64 + 1;
            checker.invoked(id(now), digest, Access::Write { key, value });
            checker.committed(LogEntry { term: 1, digest });
            committed += 1;
            false
        }
        ReadChange::Asks { key } => {
            checker.invoked(id(now), 0, Access::Read { key });
            waiting.push(now);
            false
        }
        // Of nothing or of the same again: the floor stays.
        ReadChange::IsTold => checker.done(id(now), Some(committed), || None).is_err(),
        ReadChange::Finds { which, value } if !waiting.is_empty() => {
            let asked = waiting.remove(which % waiting.len());
            checker.done(id(asked), None, || value).is_err()
        }
        ReadChange::Finds { .. } => false,
    })
}

#[test]
fn linearizable_reads_sees_lawful_and_unlawful_histories() {
    assert_both_verdicts_are_drawn(&read_changes(), |changes| twin_of_linearizable_reads(changes).is_none());
}

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
    fn linearizable_reads_agrees_with_a_search_of_all_moments(changes in read_changes()) {
        prop_assert_eq!(verdict_of_linearizable_reads(&changes), twin_of_linearizable_reads(&changes));
    }

    #[test]
    fn every_quorum_of_a_configuration_meets_every_quorum_of_one_that_may_follow(change in changes_of_membership()) {
        let meet = |one: NodeSet| quorums(change.1).all(|other| !one.intersection(other).is_empty());
        prop_assert!(!may_follow(change) || quorums(change.0).all(meet));
    }
}
