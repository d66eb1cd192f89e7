//! The world under exhaustive search: what may happen next, whenever it may, and one of it chosen.
//!
//! Time does not order anything here. Each node's clock stands still until a deadline of its own is chosen, and then shows
//! that; so what happens on two nodes commutes. What is lost, cut off or asleep is what is never chosen.

use std::hash::Hash;

use super::World;
use super::event::Event;
use super::host::NEVER;
use crate::engine::explore::{Bounds, Explorable, Move};
use crate::engine::fingerprint::{Fingerprint, unordered};
use crate::failure::{Failure, FailureKind, Violation};
use crate::faults::FaultClass;
use crate::node::{MAX_NODES, NodeId};
use crate::plan::Plan;
use crate::plan_error::PlanError;
use crate::run::catch_panic;
use crate::subject::{Role, Subject};
use crate::trace::{Record, Source, What};

/// The number of the search's own faults, which no plan has.
const CRASH: usize = usize::MAX - 1;

/// A state of the cluster, with all that may happen next.
#[derive(Clone, Debug)]
pub(crate) struct Position<S: Subject> {
    world: World<S>,
    /// In the order in which it was sent or written.
    pending: Vec<Pending<S>>,
    /// What the last move has sent or written comes from here on.
    fresh_from: usize,
    /// What each node's clock shows.
    times_ns: [u64; MAX_NODES],
    /// How much of what is bounded has happened.
    spent: Spent,
    shows_roles: bool,
}

#[derive(Clone, Copy, Hash, Debug, Default)]
struct Spent {
    commands: u32,
    operations: usize,
    crashes: u32,
    duplications: u32,
}

/// A message on its way, or a write.
#[derive(Clone, Debug)]
struct Pending<S: Subject> {
    node: NodeId,
    digest: u64,
    event: Event<S>,
}

impl<S: Explorable> Position<S> {
    /// The start of `plan`, of which `is_recorded` says whether its events are kept in words.
    pub(crate) fn start(plan: &Plan<S::Settings>, is_recorded: bool) -> Result<Self, PlanError> {
        let make = if is_recorded { World::recording } else { World::new };
        let mut world = make(plan.clone(), 0)?;
        world.is_explored = true;
        (world.silences, world.contacts) = (None, None);
        // The search asks, and breaks things, by itself.
        world.queue.drain(|_, _| {});
        let mut position = Self {
            world,
            pending: Vec::new(),
            fresh_from: 0,
            times_ns: [0; MAX_NODES],
            spent: Spent::default(),
            shows_roles: false,
        };
        let world = &mut position.world;
        if let Err(message) = catch_panic(|| world.start_all()) {
            world.fail_with_panic(message);
        }
        let first = world.subjects[NodeId(0)].clone();
        position.shows_roles = first.is_some_and(|mut first| first.observe().is_some());
        position.collect();
        Ok(position)
    }

    pub(crate) fn failure(&self) -> Option<&Failure> {
        self.world.failure()
    }

    /// Every event, where it is recorded.
    pub(crate) fn records(&self) -> &[Record] {
        self.world.records()
    }

    /// How many terms have had a leader.
    pub(crate) fn elections(&self) -> u64 {
        self.world.checkers.elections()
    }

    /// All that may happen next, within `bounds`.
    pub(crate) fn moves(&self, bounds: &Bounds, moves: &mut Vec<Move>) {
        moves.clear();
        let world = &self.world;
        let is_up = |node: NodeId| world.subjects[node].is_some();
        for (place, one) in self.pending.iter().enumerate().filter(|(_, one)| is_up(one.node)) {
            let is_write = matches!(one.event, Event::Written { .. });
            // Writes complete in order, and of equal messages one is as good as the other.
            let is_like = |other: &Pending<S>| {
                other.node == one.node
                    && matches!(other.event, Event::Written { .. }) == is_write
                    && (is_write || other.digest == one.digest)
            };
            if self.pending[..place].iter().any(is_like) {
                continue;
            }
            moves.push(Move::Happen(place as u16));
            if !is_write && self.spent.duplications < bounds.duplications {
                moves.push(Move::HappenTwice(place as u16));
            }
        }
        for node in NodeId::all(world.plan.nodes) {
            let seen = world.checkers.seen(node);
            let writes = world.hosts[node].writes.len() as u8;
            let is_last_term = bounds.terms.is_some_and(|terms| seen.term_and_vote.term >= terms);
            if world.alarms.at_ns[node.index()] != NEVER && (seen.role == Role::Leader || !is_last_term) {
                moves.push(Move::Timer(node));
            }
            if !is_up(node) {
                moves.push(Move::Restart(node));
                continue;
            }
            if self.spent.crashes < bounds.crashes {
                let least = if world.plan.disk.loses { 0 } else { writes };
                moves.extend((least..=writes).map(|kept| Move::Crash(node, kept)));
            }
            if self.spent.commands < bounds.commands && (seen.role == Role::Leader || !self.shows_roles) {
                moves.push(Move::Ask(node));
            }
        }
        if self.spent.operations < world.plan.operations.len() && world.current_leader().is_some() {
            moves.push(Move::Operate);
        }
    }

    /// Where `chosen` happens, where that is one node alone and commutes with what happens on others; and whether it could
    /// have happened before the last move.
    pub(crate) fn place_of(&self, chosen: Move) -> Option<(NodeId, bool)> {
        match chosen {
            Move::Happen(place) | Move::HappenTwice(place) => {
                let place = usize::from(place);
                Some((self.pending[place].node, place < self.fresh_from))
            }
            Move::Timer(node) | Move::Crash(node, _) | Move::Restart(node) => Some((node, true)),
            // What clients see has an order over all nodes.
            Move::Ask(_) | Move::Operate => None,
        }
    }

    /// Makes a move. Returns whether all was well.
    pub(crate) fn make(&mut self, chosen: Move) -> bool {
        self.world.trace.events += 1;
        self.fresh_from = self.pending.len();
        let mut result = Ok(());
        if let Err(message) = catch_panic(|| result = self.execute(chosen)) {
            self.world.fail_with_panic(message);
            return false;
        }
        self.world.trace.end_event(self.world.now_ns);
        if let Err(violation) = result {
            self.world.fail(FailureKind::Safety, &violation);
        }
        self.collect();
        self.world.failure.is_none()
    }

    fn execute(&mut self, chosen: Move) -> Result<(), Box<Violation>> {
        match chosen {
            Move::Happen(place) => {
                let Pending { node, event, .. } = self.pending.remove(usize::from(place));
                self.fresh_from -= 1;
                self.turn_to(node);
                self.world.execute(event)
            }
            Move::HappenTwice(place) => {
                self.spent.duplications += 1;
                self.world.counts[FaultClass::Duplication] += 1;
                let node = self.pending[usize::from(place)].node;
                self.turn_to(node);
                let Event::Deliver { from, to, kind, letter } = &self.pending[usize::from(place)].event else {
                    return Ok(());
                };
                let Some(message) = self.world.mail.read(letter).cloned() else { return Ok(()) };
                let (from, to, kind) = (*from, *to, *kind);
                let letter = self.world.mail.post(message, letter.generation());
                self.world.execute(Event::Deliver { from, to, kind, letter })
            }
            Move::Timer(node) => {
                let time_ns = &mut self.times_ns[node.index()];
                *time_ns = self.world.alarms.at_ns[node.index()].max(*time_ns);
                self.world.wake_up(*time_ns, node)
            }
            Move::Crash(node, kept) => self.crash(node, kept),
            Move::Restart(node) => {
                self.turn_to(node);
                let (number, now_ns) = (self.spent.crashes as usize, self.world.now_ns);
                let ends = || What::FaultEnds { number, says: format!("{node} starts again") };
                self.world.trace.note(now_ns, None, Source::Fault(CRASH), ends);
                self.world.restart(node, CRASH)
            }
            Move::Ask(node) => {
                self.spent.commands += 1;
                self.turn_to(node);
                let (id, command) = self.world.begin_request(0);
                self.world.note_ask(node, id, &command, false);
                self.world.arrived(node, id, 0);
                self.world.request_of(node, id, command)
            }
            Move::Operate => {
                let number = self.spent.operations;
                self.spent.operations += 1;
                if let Some(leader) = self.world.current_leader() {
                    self.turn_to(leader);
                }
                self.world.operate(number)
            }
        }
    }

    /// The node crashes, when the first `kept` of its writes were done.
    fn crash(&mut self, node: NodeId, kept: u8) -> Result<(), Box<Violation>> {
        self.spent.crashes += 1;
        self.turn_to(node);
        let world = &mut self.world;
        let writes = std::mem::take(&mut world.hosts[node].writes);
        let lost = writes.len() - usize::from(kept);
        let number = self.spent.crashes as usize - 1;
        let crashes = || match lost {
            0 => What::Fault { number, says: format!("{node} crashes") },
            _ => What::Fault { number, says: format!("{node} crashes and loses its last {lost} writes") },
        };
        world.trace.note(world.now_ns, None, Source::Fault(CRASH), crashes);
        world.counts[FaultClass::LostWrite] += u64::from(lost > 0);
        for write in writes.iter().take(kept.into()) {
            world.store(node, write)?;
        }
        self.pending.retain(|one| one.node != node || !matches!(one.event, Event::Written { .. }));
        self.fresh_from = self.pending.len();
        self.world.crash(node, CRASH)
    }

    fn turn_to(&mut self, node: NodeId) {
        self.world.now_ns = self.times_ns[node.index()];
    }

    /// What the last move has sent or written waits to be chosen.
    fn collect(&mut self) {
        let Self { world, pending, .. } = self;
        let (queue, mail) = (&mut world.queue, &world.mail);
        queue.drain(|_, event| {
            let (node, digest) = match &event {
                Event::Deliver { from, to, letter, .. } => {
                    let mut digest = Fingerprint::default();
                    (from, to).hash(&mut digest);
                    digest.words(&mail.read(letter));
                    (*to, std::hash::Hasher::finish(&digest))
                }
                Event::Written { node, .. } => (*node, 0),
                _ => return,
            };
            pending.push(Pending { node, digest, event });
        });
    }

    // ---- To know a state again ----

    /// The fingerprints of the nodes and their disks, one each.
    pub(crate) fn nodes(&self) -> [u64; MAX_NODES] {
        let mut nodes = [0; MAX_NODES];
        for node in NodeId::all(self.world.plan.nodes) {
            nodes[node.index()] = self.node(node);
        }
        nodes
    }

    fn node(&self, node: NodeId) -> u64 {
        let mut fingerprint = Fingerprint::default();
        let place = node.index();
        if let Some(subject) = self.world.subjects[node].as_deref() {
            subject.fingerprint(&mut fingerprint);
            (self.world.alarms.at_ns[place] != NEVER).hash(&mut fingerprint);
        }
        fingerprint.words(&self.world.disks[node]);
        let host = &self.world.hosts[node];
        fingerprint.words(&host.writes);
        host.asked.hash(&mut fingerprint);
        std::hash::Hasher::finish(&fingerprint)
    }

    /// The fingerprint of the whole, where those of the nodes were `before` the last move, which happened on one of them
    /// if `on` says so.
    pub(crate) fn fingerprint(&self, before: &[u64; MAX_NODES], on: Option<NodeId>) -> u64 {
        let mut nodes = *before;
        match on {
            Some(node) => nodes[node.index()] = self.node(node),
            None => nodes = self.nodes(),
        }
        let messages = self.pending.iter().filter(|one| matches!(one.event, Event::Deliver { .. }));
        // Without the history of clients: it is judged at the end of a run, which a search has none of, and nobody here asks
        // for the same twice.
        Fingerprint::of((nodes, unordered(messages.map(|one| one.digest)), &self.world.checkers, self.spent))
    }
}
