//! The causal slice of a failure: the few events of a run that led to it.
//!
//! From the failing event backwards. The sender of a message matters, and who asked; of what happened on a node before,
//! only what put it into its role and term, what configuration it went by last, and what made the entries what they are that
//! the violation speaks of.
//! A timer's arming does not matter, or every heartbeat would.

use std::collections::BTreeSet;

use super::{Change, Record, StateChange, What};
use crate::failure::{Failure, FailureKind};
use crate::node::{MAX_NODES, NodeId};
use crate::subject::Role;

/// The events that led to a failure, by number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Slice {
    events: BTreeSet<u64>,
}

/// What a violation speaks of.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Named {
    nodes: BTreeSet<NodeId>,
    terms: BTreeSet<u64>,
    indexes: BTreeSet<u64>,
    /// Somebody heard of a leader, and what follows from that.
    is_about_hearing: bool,
}

impl Slice {
    /// The slice of `failure`, which ended the run of these `records`.
    #[must_use]
    pub fn of(records: &[Record], failure: &Failure) -> Self {
        let Some(last) = records.get(failure.event as usize).or(records.last()) else { return Self::default() };
        let mut named = Named::in_words(&failure.detail);
        let nodes = || NodeId::all(MAX_NODES as u8);
        let is_standstill = failure.kind == FailureKind::Liveness;
        if is_standstill {
            // Nobody did it: how all came to stand where they stand.
            named.nodes.extend(nodes());
        }
        if named.terms.is_empty() {
            let terms = last.node.into_iter().chain(named.nodes.iter().copied());
            named.terms = terms.filter_map(|node| term_at(records, node, last.event)).collect();
        }
        let mut search = Search { records, named, is_standstill, found: BTreeSet::new(), open: Vec::new() };
        search.add(last.event);
        for node in search.named.nodes.clone() {
            search.history_of(node, last.event + 1);
        }
        for index in search.named.indexes.clone() {
            // What is committed elsewhere is what the failing node is held against.
            let is_first = |record: &&Record| record.changes.iter().any(|change| commits(change, index));
            search.add_found(records.iter().find(is_first));
        }
        if search.named.is_about_hearing {
            search.add_words_of_leaders(last);
        }
        if is_standstill {
            search.add_found(records.iter().rev().find(|record| record.what == What::Heals));
        }
        search.run();
        search.add_partitions();
        Self { events: search.found }
    }

    /// Whether `event` is one of them.
    #[must_use]
    pub fn contains(&self, event: u64) -> bool {
        self.events.contains(&event)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none: the run did not fail.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events, in order.
    pub fn events(&self) -> impl Iterator<Item = u64> {
        self.events.iter().copied()
    }
}

struct Search<'a> {
    records: &'a [Record],
    named: Named,
    /// Messages go to and fro, and nothing comes of it: what changes nothing is not asked where it comes from.
    is_standstill: bool,
    found: BTreeSet<u64>,
    /// Found, and not followed yet.
    open: Vec<u64>,
}

impl<'a> Search<'a> {
    fn add(&mut self, event: u64) {
        // The start of the nodes leads to everything.
        if event > 0 && self.found.insert(event) {
            self.open.push(event);
        }
    }

    fn add_found(&mut self, record: Option<&Record>) {
        if let Some(record) = record {
            self.add(record.event);
        }
    }

    fn run(&mut self) {
        while let Some(event) = self.open.pop() {
            let records = self.records;
            let Some(record) = records.get(event as usize) else { continue };
            if self.is_standstill && record.changes.is_empty() {
                continue;
            }
            let has_sender = matches!(
                record.what,
                What::Delivery(_)
                    | What::Written
                    | What::WriteFails { .. }
                    | What::Request(_)
                    | What::Answer { .. }
                    | What::FaultEnds { .. }
            );
            if let Some(cause) = record.cause.filter(|_| has_sender) {
                self.add(self.not_the_disk(cause));
            }
            let changed = record.changes.iter().filter_map(Change::node);
            let concerned: BTreeSet<NodeId> = record.node.into_iter().chain(changed).collect();
            for node in concerned {
                self.history_of(node, event);
                self.tally_of(node, record);
            }
        }
    }

    /// What a node said because a write became durable it said because of what made it write.
    fn not_the_disk(&self, event: u64) -> u64 {
        match self.records.get(event as usize) {
            Some(Record { what: What::Written, cause: Some(cause), changes, .. }) if changes.is_empty() => *cause,
            _ => event,
        }
    }

    /// What made `node` what it was before `event`, as far as it matters.
    fn history_of(&mut self, node: NodeId, event: u64) {
        let before = &self.records[..(event as usize).min(self.records.len())];
        let terms = &self.named.terms;
        let became = before.iter().rev().find(|record| {
            record.state_change(node).and_then(|state| state.term).is_some_and(|term| terms.contains(&term))
        });
        // Quorums are counted over the configuration that it goes by: where that was ever changed, it matters.
        let configured = before.iter().rev().find(|record| {
            !starts(record, node) && record.state_change(node).is_some_and(|state| state.membership.is_some())
        });
        let mut matters: Vec<&Record> = became.into_iter().chain(configured).collect();
        for index in &self.named.indexes {
            let of_entry = before
                .iter()
                .rev()
                .find(|record| record.state_change(node).is_some_and(|state| state.changes_entry(*index)));
            matters.extend(of_entry);
            for counted in [|state: &StateChange| state.commit_index, |state: &StateChange| state.snapshot_index] {
                matters.extend(before.iter().rev().find(|record| reaches(before, record, node, counted, *index)));
            }
        }
        // A crash since then has taken what was not durable.
        let since = became.map_or(0, |record| record.event);
        let is_restart = |record: &&Record| {
            record.changes.iter().any(
                |change| matches!(change, Change::Crashes { node: who } | Change::Starts { node: who } if *who == node),
            )
        };
        let recent = before.iter().rev().take_while(|record| record.event > since);
        matters.extend(recent.filter(is_restart).take(2));
        let events: Vec<u64> = matters.iter().map(|record| record.event).collect();
        events.into_iter().for_each(|event| self.add(event));
    }

    /// What counted together with the message that made `node` lead or commit: the last of its type from each other
    /// sender since the node was what it was.
    fn tally_of(&mut self, node: NodeId, record: &Record) {
        let What::Delivery(last) = &record.what else { return };
        let Some(state) = record.state_change(node) else { return };
        let leads = state.role == Some(Role::Leader);
        let commits = state.commit_index.is_some_and(|commit| self.named.indexes.iter().any(|index| *index <= commit));
        if !leads && !commits || record.node != Some(node) {
            return;
        }
        let mut senders = BTreeSet::from([last.from]);
        let mut counted = Vec::new();
        for earlier in self.records[..record.event as usize].iter().rev() {
            if let What::Delivery(message) = &earlier.what
                && message.to == node
                && message.message == last.message
                && senders.insert(message.from)
            {
                counted.push(earlier.event);
            }
            if earlier.state_change(node).is_some_and(|state| state.role.is_some()) {
                break;
            }
        }
        counted.into_iter().for_each(|event| self.add(event));
    }

    /// What the node that fails in `last` heard last from the leader of each term that the violation names.
    fn add_words_of_leaders(&mut self, last: &Record) {
        let before = &self.records[..last.event as usize];
        for term in self.named.terms.clone() {
            let leads = |record: &Record, node| {
                record
                    .state_change(node)
                    .is_some_and(|state| state.role == Some(Role::Leader) && state.term == Some(term))
            };
            let elected = before.iter().find_map(|record| {
                let node = record.changes.iter().filter_map(Change::node).find(|node| leads(record, *node))?;
                Some((node, record.event))
            });
            let Some((leader, since)) = elected else { continue };
            let is_word = |record: &&Record| {
                let What::Delivery(message) = &record.what else { return false };
                record.node == last.node && message.from == leader && record.event > since
            };
            self.add_found(before.iter().rfind(is_word));
        }
    }

    /// What kept a message of the slice from arriving.
    fn add_partitions(&mut self) {
        let mut active: Vec<(usize, u64)> = Vec::new();
        let mut struck = BTreeSet::new();
        for record in self.records {
            match &record.what {
                What::Fault { number, .. } if record.changes.is_empty() => active.push((*number, record.event)),
                What::FaultEnds { number, .. } => active.retain(|(fault, _)| fault != number),
                What::Drop { why: "cut off", .. } if record.cause.is_some_and(|cause| self.found.contains(&cause)) => {
                    struck.extend(active.iter().map(|(_, event)| *event));
                }
                _ => {}
            }
        }
        self.found.extend(struck);
    }
}

/// The term that `node` showed before or in `event`.
fn term_at(records: &[Record], node: NodeId, event: u64) -> Option<u64> {
    let until = &records[..(event as usize + 1).min(records.len())];
    until.iter().rev().find_map(|record| record.state_change(node)?.term)
}

fn commits(change: &Change, index: u64) -> bool {
    matches!(change, Change::State(state) if state.commit_index.is_some_and(|commit| commit >= index))
}

/// Whether `node` starts again in `record`.
fn starts(record: &Record, node: NodeId) -> bool {
    record.changes.iter().any(|change| matches!(change, Change::Starts { node: who } if *who == node))
}

/// Whether `record` is where what is `counted` of `node` came to `index` or went beyond it.
fn reaches(
    records: &[Record],
    record: &Record,
    node: NodeId,
    counted: fn(&StateChange) -> Option<u64>,
    index: u64,
) -> bool {
    let earlier = records[..record.event as usize].iter().rev();
    let before =
        earlier.map_while(|record| (!starts(record, node)).then(|| record.state_change(node).and_then(counted)));
    record.state_change(node).and_then(counted).is_some_and(|count| count >= index)
        && before.flatten().next().unwrap_or(0) < index
}

impl Named {
    /// The nodes, terms and indexes that `text` names, as the checkers write them.
    fn in_words(text: &str) -> Self {
        let mut named = Self { is_about_hearing: text.contains("heard"), ..Self::default() };
        let words: Vec<&str> =
            text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
        for (place, word) in words.iter().enumerate() {
            let number = |prefix| word.strip_prefix(prefix).and_then(|digits| digits.parse::<u64>().ok());
            if let Some(node @ 1..) = number("n").filter(|node| *node <= MAX_NODES as u64) {
                named.nodes.insert(NodeId(node as u8 - 1));
            } else if let Some(term) = number("t") {
                named.terms.insert(term);
            } else if let Some(number) = number("") {
                match place.checked_sub(1).map(|before| words[before]) {
                    Some("term" | "terms") => named.terms.insert(number),
                    Some("entry" | "entries" | "index" | "to" | "at" | "from" | "match") => {
                        named.indexes.insert(number)
                    }
                    _ => continue,
                };
            }
        }
        named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_terms_and_indexes_are_found_in_the_words_of_a_violation() {
        let named = Named::in_words("n3 holds entry 3 of term 1 for committed, where another of term 4 was");
        assert_eq!(named.nodes, BTreeSet::from([NodeId(2)]));
        assert_eq!(named.terms, BTreeSet::from([1, 4]));
        assert_eq!(named.indexes, BTreeSet::from([3]));
        assert!(!named.is_about_hearing);
        let named = Named::in_words("n1 answers request 5 of client 2 twice; n9 and n0 are nobody");
        assert_eq!(named, Named { nodes: BTreeSet::from([NodeId(0)]), ..Named::default() });
    }
}
