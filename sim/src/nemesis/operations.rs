//! What an operator asks for on the way.

use crate::choices::Choice;
use crate::node::{NodeId, NodeSet};
use crate::operation::{Operation, OperationClass, TimedOperation};

/// Most clusters that change their members start without some of the nodes.
pub(super) fn draw_members(choice: &mut Choice, asked: &[OperationClass], nodes: u8) -> NodeSet {
    let all = NodeSet::all(nodes);
    if !asked.contains(&OperationClass::ChangeMembership) || choice.chance_ppm(250_000) {
        return all;
    }
    most_of(choice, nodes)
}

pub(super) fn draw_operations(
    choice: &mut Choice,
    asked: &[OperationClass],
    nodes: u8,
    members: NodeSet,
    duration_ns: u64,
    tempo_ns: u64,
) -> Vec<TimedOperation> {
    let mut operations = Vec::new();
    if asked.is_empty() {
        return operations;
    }
    let longest_gap_ns = choice.within((tempo_ns / 2, 4 * tempo_ns));
    let mut voters = members;
    let mut at_ns = choice.within((0, longest_gap_ns));
    while at_ns < duration_ns {
        match choice.pick(asked) {
            OperationClass::TransferLeadership => {
                let to = NodeId(choice.below(u64::from(nodes)) as u8);
                operations.push(TimedOperation { at_ns, operation: Operation::TransferLeadership { to } });
            }
            OperationClass::ChangeMembership => {
                voters = next_voters(choice, voters, nodes);
                // Most of those who do not vote are there already, and hear of everything.
                let some = choice.below(1 << nodes) | choice.below(1 << nodes);
                let learners = NodeSet(!voters.0 & some as u8);
                let operation = Operation::ChangeMembership { voters, learners };
                // Most often nobody leads at some time, or the change before is still under way: asked for up to
                // three times.
                for _ in 0..choice.within((1, 3)) {
                    operations.push(TimedOperation { at_ns, operation });
                    at_ns += choice.within((tempo_ns / 2, 2 * tempo_ns));
                }
            }
        }
        at_ns += choice.within((tempo_ns / 20, longest_gap_ns));
    }
    operations.retain(|timed| timed.at_ns < duration_ns);
    operations
}

/// Most often a node or two more or fewer than now; sometimes a cluster that has little to do with the one of now.
fn next_voters(choice: &mut Choice, now: NodeSet, nodes: u8) -> NodeSet {
    match choice.below(10) {
        0 | 1 => most_of(choice, nodes),
        2 => NodeSet(choice.within((1, u64::from(NodeSet::all(nodes).0))) as u8),
        3..=5 => {
            let one = one_changed(choice, now, nodes);
            one_changed(choice, one, nodes)
        }
        _ => one_changed(choice, now, nodes),
    }
}

/// A node more or fewer, but never nobody.
fn one_changed(choice: &mut Choice, voters: NodeSet, nodes: u8) -> NodeSet {
    let changed = NodeSet(voters.0 ^ 1 << choice.below(u64::from(nodes)));
    if changed.is_empty() { voters } else { changed }
}

/// Each node with three chances in four, and never nobody.
fn most_of(choice: &mut Choice, nodes: u8) -> NodeSet {
    let missing = choice.below(1 << nodes) & choice.below(1 << nodes);
    let most = NodeSet(NodeSet::all(nodes).0 & !(missing as u8));
    if most.is_empty() { NodeSet::all(nodes) } else { most }
}
