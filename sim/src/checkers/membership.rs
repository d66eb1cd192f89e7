//! Configurations change as Raft allows (§6; dissertation §4.1 to §4.3), and a server goes by the last one in its log,
//! committed or not.
//!
//! Two majorities must never decide apart from each other. So one configuration follows another only where any
//! majority of the one meets any of the other, and the next change waits until this one is committed.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use crate::failure::Violation;
use crate::membership::Membership;
use crate::node::{NodeId, PerNode};

const NAME: &str = "membership";

/// Remembers the configurations in every log.
#[derive(Clone, Debug, Default)]
pub struct Memberships {
    /// The index and term of an entry -> the configuration that it holds.
    known: BTreeMap<(u64, u64), Membership>,
    /// The last index at which any log has held one: nearly all entries lie behind it.
    last_known: u64,
    /// By node.
    nodes: Vec<Configurations>,
    /// The committed ones and their indexes, the first of them what the cluster started with.
    committed: Vec<(u64, Membership)>,
    /// Counts whatever changes in any of this.
    changes: u64,
    /// How many changes there had been when a node's configuration was last found to be that of its log.
    checked: PerNode<u64>,
}

/// The configurations of one log.
#[derive(Clone, Hash, Debug, Default)]
struct Configurations {
    /// What the node started with for the first time.
    first: Option<Membership>,
    /// What it went by before those of its log: the first, or what a snapshot told.
    base: Option<Membership>,
    /// Those of its log and their indexes.
    logged: Vec<(u64, Membership)>,
}

impl Configurations {
    fn in_force(&self) -> Option<Membership> {
        self.logged.last().map(|(_, membership)| *membership).or(self.base)
    }

    /// The index of a change of voters that is not within the first `committed` entries.
    fn pending_change(&self, committed: u64) -> Option<u64> {
        let mut before = self.base;
        for (index, now) in &self.logged {
            if *index > committed && before.is_some_and(|before| is_change(before, *now)) {
                return Some(*index);
            }
            before = Some(*now);
        }
        None
    }
}

/// How often it has changed makes no difference.
impl Hash for Memberships {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        let Self { known, last_known: _, nodes, committed, changes: _, checked: _ } = self;
        (known, nodes, committed).hash(hasher);
    }
}

impl Memberships {
    /// For a cluster of `nodes`.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self { nodes: vec![Configurations::default(); nodes], ..Self::default() }
    }

    /// Whether no log was seen to hold a configuration.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// How often anything of this has changed: the same number, the same configurations.
    #[must_use]
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// A node goes by another configuration than before. That is news where no log holds any.
    pub(crate) fn shows_another(&mut self) {
        self.changes += u64::from(self.is_empty());
    }

    /// `node` starts, or starts again, and goes by `shown`. Its log is still to be read.
    pub fn started(&mut self, node: NodeId, shown: Option<Membership>) {
        let place = &mut self.nodes[node.index()];
        self.changes += 1;
        place.logged.clear();
        place.first = place.first.or(shown);
        place.base = place.first;
        // A node that joins later may know of nobody yet: the cluster starts with those who know somebody.
        if self.committed.is_empty() {
            self.committed.extend(place.first.filter(|first| !first.voters.is_empty()).map(|first| (0, first)));
        }
    }

    /// `node`'s log ends before `from` now.
    pub fn truncated(&mut self, node: NodeId, from: u64) {
        let logged = &mut self.nodes[node.index()].logged;
        while logged.pop_if(|(index, _)| *index >= from).is_some() {
            self.changes += 1;
        }
    }

    /// What `node`'s log had up to `index` is a snapshot now that it was sent, or found on its disk.
    pub fn installed(&mut self, node: NodeId, index: u64) {
        let committed = self.committed.iter().rfind(|(known, _)| *known <= index);
        let place = &mut self.nodes[node.index()];
        self.changes += 1;
        place.base = committed.map(|(_, membership)| *membership).or(place.base);
        place.logged.clear();
    }

    /// `node` appends an entry of `term` at `index` that no log had before, and that holds `membership`.
    ///
    /// # Errors
    /// Where that may not follow the configuration before it.
    pub fn created(
        &mut self,
        node: NodeId,
        (index, term): (u64, u64),
        membership: Membership,
    ) -> Result<(), Box<Violation>> {
        let place = &mut self.nodes[node.index()];
        if let Some(before) = place.in_force()
            && !may_follow(before, membership)
        {
            let detail = format!("{node} appends at {index} the configuration {membership} after {before}");
            return Err(Violation::new(NAME, detail));
        }
        self.changes += 1;
        self.known.insert((index, term), membership);
        self.last_known = self.last_known.max(index);
        place.logged.push((index, membership));
        Ok(())
    }

    /// `node`, which leads `term` and has committed up to `committed`, an entry of `committed_term`, is about to append
    /// `membership` at `index`.
    ///
    /// # Errors
    /// Where the change before is not over, or what is committed is not settled yet.
    pub fn proposed(
        &self,
        node: NodeId,
        (index, term): (u64, u64),
        membership: Membership,
        (committed, committed_term): (u64, u64),
    ) -> Result<(), Box<Violation>> {
        let place = &self.nodes[node.index()];
        let Some(before) = place.in_force().filter(|before| is_change(*before, membership)) else { return Ok(()) };
        if let Some(pending) = place.pending_change(committed) {
            let detail = format!(
                "{node} appends the configuration {membership} at {index}, and that at {pending} is not committed"
            );
            return Err(Violation::new(NAME, detail));
        }
        // Two leaders that each change one voter of the same configuration would make two majorities that do not meet.
        // What a leader commits in its own term tells it that no other change is under way (raft-dev, July 2015). Joint
        // configurations need no such care: both have a majority of the old voters.
        let is_simple = !before.is_joint() && !membership.is_joint();
        if is_simple && committed_term != term {
            let detail = format!(
                "{node} appends the configuration {membership} at {index} before it has committed in term {term}"
            );
            return Err(Violation::new(NAME, detail));
        }
        Ok(())
    }

    /// `node` leads, and holds everything up to `committed` for committed.
    ///
    /// # Errors
    /// Where that has the last configuration of its log, and no place for it in that: then it leads no more (dissertation §4.2.2).
    pub fn leads(&self, node: NodeId, committed: u64) -> Result<(), Box<Violation>> {
        match self.nodes[node.index()].logged.last() {
            Some((index, latest)) if *index <= committed && !latest.is_voter(node) => {
                let detail = format!(
                    "{node} leads on though the configuration {latest}, at {index}, is committed and has no vote for it"
                );
                Err(Violation::new(NAME, detail))
            }
            _ => Ok(()),
        }
    }

    /// `node` appends an entry of `term` at `index` that some log has had before, and says that it holds `told()`.
    ///
    /// # Errors
    /// Where the entry held another configuration there.
    pub fn copied(
        &mut self,
        node: NodeId,
        (index, term): (u64, u64),
        told: impl FnOnce() -> Option<Membership>,
    ) -> Result<(), Box<Violation>> {
        let Some(membership) = self.known_at(index, term) else { return Ok(()) };
        is_same(node, index, membership, told())?;
        self.changes += 1;
        self.nodes[node.index()].logged.push((index, membership));
        Ok(())
    }

    fn known_at(&self, index: u64, term: u64) -> Option<Membership> {
        if index > self.last_known { None } else { self.known.get(&(index, term)).copied() }
    }

    /// What the entries of `node`'s log hold, from behind `snapshot_index` on, is `told` of each.
    ///
    /// # Errors
    /// Where one has changed.
    pub fn audit(
        &self,
        node: NodeId,
        snapshot_index: u64,
        told: impl Fn(u64) -> Option<Membership>,
    ) -> Result<(), Box<Violation>> {
        let logged = self.nodes[node.index()].logged.iter();
        logged
            .filter(|(index, _)| *index > snapshot_index)
            .try_for_each(|(index, membership)| is_same(node, *index, *membership, told(*index)))
    }

    /// The entry of `term` at `index` is the next of the committed log.
    ///
    /// # Errors
    /// Where it holds a configuration that may not follow the one committed before.
    pub fn committed(&mut self, index: u64, term: u64) -> Result<(), Box<Violation>> {
        let Some(membership) = self.known_at(index, term) else { return Ok(()) };
        if let Some((before_index, before)) = self.committed.last()
            && !may_follow(*before, membership)
        {
            let detail = format!(
                "the configuration {membership} is committed at {index}, after {before}, which is at {before_index}"
            );
            return Err(Violation::new(NAME, detail));
        }
        self.changes += 1;
        self.committed.push((index, membership));
        Ok(())
    }

    /// The last committed one, where any log was seen to hold one.
    #[must_use]
    pub fn latest_committed(&self) -> Option<Membership> {
        self.committed.last().map(|(_, membership)| *membership)
    }

    /// What `node` goes by, if that may still be decided by: its entry may yet be committed, beyond the first `committed`
    /// ones that are. What is committed in its place, or after it, will teach the node better.
    #[must_use]
    pub fn open(&self, node: NodeId, committed: u64) -> Option<Membership> {
        let (index, membership) = self.nodes[node.index()].logged.last()?;
        (*index > committed).then_some(*membership)
    }

    /// Whether `node` votes in a configuration of its log that may yet turn out to be the last one, as far as it knows
    /// with `committed` entries committed. Then it may have to be elected, to commit the very configuration that leaves
    /// it out (dissertation §4.2.2).
    #[must_use]
    pub fn may_be_needed(&self, node: NodeId, committed: u64) -> bool {
        let place = &self.nodes[node.index()];
        let after = place.logged.partition_point(|(index, _)| *index <= committed);
        let settled = after.checked_sub(1).map(|last| place.logged[last].1).or(place.base);
        let open = place.logged[after..].iter().map(|(_, membership)| *membership);
        settled.into_iter().chain(open).any(|membership| membership.is_voter(node))
    }

    /// Whether any configuration has changed since `node` was last found to go by the last of its log.
    #[inline]
    pub(super) fn is_unchecked(&self, node: NodeId) -> bool {
        self.checked[node] != self.changes
    }

    /// The index of the joint configuration that `node`'s log ends with, if it ends with one.
    #[must_use]
    pub fn joint_at(&self, node: NodeId) -> Option<u64> {
        let (index, membership) = self.nodes[node.index()].logged.last()?;
        membership.is_joint().then_some(*index)
    }

    /// `node` goes by `shown`.
    ///
    /// # Errors
    /// Where its log ends with another configuration.
    pub fn shown(&mut self, node: NodeId, shown: Membership) -> Result<(), Box<Violation>> {
        match self.nodes[node.index()].in_force() {
            Some(last) if last != shown => Err(Violation::new(
                NAME,
                format!("{node} goes by the configuration {shown}, and the last of its log is {last}"),
            )),
            _ => {
                self.checked[node] = self.changes;
                Ok(())
            }
        }
    }
}

/// `node` campaigns, or has won, by the configuration `membership` of its own log, in a protocol where `only_members` do.
///
/// # Errors
/// Where it has no business to.
pub fn stands(node: NodeId, membership: Membership, only_members: bool) -> Result<(), Box<Violation>> {
    if membership.is_learner(node) {
        return Err(Violation::new(NAME, format!("{node} stands for election and is a learner of {membership}")));
    }
    if only_members && !membership.is_voter(node) {
        return Err(Violation::new(NAME, format!("{node} stands for election and is no voter of {membership}")));
    }
    Ok(())
}

fn is_same(node: NodeId, index: u64, known: Membership, told: Option<Membership>) -> Result<(), Box<Violation>> {
    if told == Some(known) {
        return Ok(());
    }
    let told = told.map_or_else(|| "none".to_owned(), |told| told.to_string());
    Err(Violation::new(NAME, format!("{node}'s entry {index} holds the configuration {known}, and now {told}")))
}

/// Whether it makes a difference for any quorum. Learners come and go as they like.
fn is_change(before: Membership, after: Membership) -> bool {
    (before.voters, before.outgoing) != (after.voters, after.outgoing)
}

/// Whether any quorum of `before` meets any of `after`, in one of the two ways that Raft knows.
fn may_follow(before: Membership, after: Membership) -> bool {
    if after.voters.is_empty() {
        return false;
    }
    match (before.is_joint(), after.is_joint()) {
        _ if before.voters.is_empty() || !is_change(before, after) => true,
        (false, false) => {
            before.voters.difference(after.voters).len() + after.voters.difference(before.voters).len() <= 1
        }
        (false, true) => after.outgoing == before.voters,
        (true, false) => after.voters == before.voters,
        (true, true) => false,
    }
}
