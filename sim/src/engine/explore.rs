//! Exhaustive search: every order in which the events of a small cluster may happen, up to a depth.
//!
//! Breadth first, so that the first violation found is one of the shortest. A state that was reached before is not
//! searched again: it is known by 64 bits of everything that decides what can happen after it, what the checkers
//! remember included. Kept in memory are those bits and the tree of moves, and no states: each level walks the tree anew,
//! which costs as much again as the last level and saves a thousandfold in memory.
//!
//! What happens on two nodes commutes, since nodes share nothing and have clocks of their own; so of two such moves, one
//! right after the other and neither a consequence of the other, only one order is tried: the lower node second never.
//! Nothing is lost by that. Where the move `t` of a lower node is left out after `u`, the state after `u t` is that after
//! `t u`; the state before that `u` is as near to the start, and is searched too. There `u` may be left out in turn, for a
//! move of a node that is higher still; and so on, which ends with the highest.

use super::fingerprint::{Fingerprint, Seen};
use crate::failure::Failure;
use crate::node::{MAX_NODES, NodeId};
use crate::plan::{Clients, Plan};
use crate::plan_error::PlanError;
use crate::subject::Subject;
use crate::trace::Record;
use crate::world::Position;

/// A subject whose states can be told from each other.
pub trait Explorable: Subject + Clone {
    /// Takes in all that decides what the node does from now on, beside what is on its disk.
    ///
    /// Leave out what only tells how it came there, above all times: any timer that is set may fire, and a node's clock moves
    /// when it does. What is left out and does decide something makes the search miss states; what is taken in and
    /// decides nothing makes it search states twice.
    fn fingerprint(&self, into: &mut Fingerprint);
}

/// How far a search goes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The most events of a run.
    pub depth: u32,
    /// The most commands that clients ask for. A leader is asked, where the subject shows one.
    pub commands: u32,
    /// No timer fires on a node in this term or a later one, unless it leads; `None`: always.
    pub terms: Option<u64>,
    /// The most crashes. With [writes that take time](crate::DiskPlan::write_ns) and [may be lost](crate::DiskPlan::loses),
    /// each loses any number of them.
    pub crashes: u32,
    /// The most messages that arrive twice, with anything between.
    pub duplications: u32,
    /// The most states that are kept in mind; a search that meets more ends without a verdict.
    pub states: u64,
    /// Whether of two moves that commute only one order is tried. Makes a search faster and changes nothing else.
    pub reduction: bool,
}

impl Bounds {
    /// Elections alone: no commands, and no faults beside what is always there (messages may arrive in any order, late or
    /// never, and nodes may stand still).
    #[must_use]
    pub fn to_depth(depth: u32) -> Self {
        Self { depth, commands: 0, terms: None, crashes: 0, duplications: 0, states: 50_000_000, reduction: true }
    }
}

/// What a search found.
#[derive(Clone, PartialEq, Debug)]
pub struct Exploration {
    /// All runs of up to so many events were searched.
    pub depth: u32,
    /// How many states there are in them.
    pub states: u64,
    /// How many moves were tried to find them.
    pub moves: u64,
    /// In how many of the states this many terms have had a leader, by that number.
    pub by_elections: Vec<u64>,
    /// What is to be said of them.
    pub verdict: Verdict,
}

/// What is to be said of all runs within the bounds.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Nothing is violated.
    Clean {
        /// Whether there are no longer runs either, within the other bounds.
        is_whole: bool,
    },
    /// A shortest run that ends in a violation, event by event. Times say little: each node has a clock of its own.
    Violated(Failure, Vec<Record>),
    /// There are more states than were to be kept in mind: nothing is known of runs longer than
    /// [`depth`](Exploration::depth).
    Unknown,
}

/// What may happen next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Move {
    /// A message arrives, or a write is durable: that at this place among all that is under way.
    Happen(u16),
    /// The message arrives, and will again.
    HappenTwice(u16),
    Timer(NodeId),
    /// With so many of its writes done.
    Crash(NodeId, u8),
    Restart(NodeId),
    Ask(NodeId),
    Operate,
}

/// A state, as the last move to it and the place of those that follow it.
#[derive(Clone, Copy, Debug)]
struct Branch {
    chosen: Move,
    first: u32,
    count: u16,
    /// Whether there is a state of the last level in it.
    is_alive: bool,
}

/// Searches all runs of `plan` within `bounds`. Of the plan, the cluster, the settings, the disks and the operations
/// count, these one after the other at any time; faults, clients and the network are the search's own.
///
/// # Errors
/// Where the plan makes no sense, or its clocks drift.
pub fn explore<S: Explorable>(plan: &Plan<S::Settings>, bounds: &Bounds) -> Result<Exploration, PlanError> {
    if let Some(drift) = plan.clock_drift_ppm.iter().find(|drift| **drift != 0) {
        let problem = format!("{drift}: a search has clocks of its own, which do not drift");
        return Err(PlanError { field: "clock_drift_ppm", problem });
    }
    let plan = Plan { faults: Vec::new(), clients: Clients::Open { every_ns: 1 }, heal: None, ..plan.clone() };
    let start = Position::<S>::start(&plan, false)?;
    let mut search = Search {
        bounds,
        branches: Vec::new(),
        seen: Seen::new(),
        by_elections: Vec::new(),
        moves: 0,
        depth: 0,
        path: Vec::new(),
        end: None,
    };
    let verdict = search.run(&start);
    let verdict = match verdict {
        Verdict::Violated(failure, _) => {
            let steps = retrace::<S>(&plan, &search.path)?;
            Verdict::Violated(failure, steps)
        }
        verdict => verdict,
    };
    Ok(Exploration {
        depth: search.depth,
        states: search.branches.len() as u64,
        moves: search.moves,
        by_elections: search.by_elections,
        verdict,
    })
}

/// The run of these moves, in words.
fn retrace<S: Explorable>(plan: &Plan<S::Settings>, path: &[Move]) -> Result<Vec<Record>, PlanError> {
    let mut position = Position::<S>::start(plan, true)?;
    for chosen in path {
        position.make(*chosen);
    }
    Ok(position.records().iter().filter(|record| record.event > 0).cloned().collect())
}

struct Search<'a> {
    bounds: &'a Bounds,
    /// All states; those that follow one stand together.
    branches: Vec<Branch>,
    seen: Seen,
    by_elections: Vec<u64>,
    moves: u64,
    /// All runs of up to so many events were searched.
    depth: u32,
    /// From the start to where the search is.
    path: Vec<Move>,
    end: Option<End>,
}

enum End {
    Violated(Failure),
    Full,
}

impl Search<'_> {
    fn run<S: Explorable>(&mut self, start: &Position<S>) -> Verdict {
        if let Some(failure) = start.failure() {
            return Verdict::Violated(failure.clone(), Vec::new());
        }
        self.meet(start.fingerprint(&[0; MAX_NODES], None), Move::Operate, start);
        while self.depth < self.bounds.depth {
            self.descend(0, start, None, self.depth);
            match self.end.take() {
                Some(End::Violated(failure)) => return Verdict::Violated(failure, Vec::new()),
                Some(End::Full) => return Verdict::Unknown,
                None => self.depth += 1,
            }
            if !self.branches[0].is_alive {
                return Verdict::Clean { is_whole: true };
            }
        }
        Verdict::Clean { is_whole: false }
    }

    /// From `position`, which is at `place` in the tree, to the states that lie `left` levels on. The last move happened on
    /// the node `on` alone, if anywhere.
    fn descend<S: Explorable>(&mut self, place: usize, position: &Position<S>, on: Option<NodeId>, left: u32) {
        if left == 0 {
            return self.expand(place, position, on);
        }
        let Branch { first, count, .. } = self.branches[place];
        let followers = first as usize..first as usize + usize::from(count);
        self.branches[place].is_alive = false;
        for follower in followers {
            let Branch { chosen, is_alive: true, .. } = self.branches[follower] else { continue };
            let on = position.place_of(chosen).map(|(node, _)| node);
            let mut next = position.clone();
            next.make(chosen);
            self.path.push(chosen);
            self.descend(follower, &next, on, left - 1);
            if self.end.is_some() {
                return;
            }
            self.path.pop();
            self.branches[place].is_alive |= self.branches[follower].is_alive;
        }
    }

    /// Tries all that may follow a state of the last level.
    fn expand<S: Explorable>(&mut self, place: usize, position: &Position<S>, on: Option<NodeId>) {
        let nodes = position.nodes();
        let mut moves = Vec::new();
        position.moves(self.bounds, &mut moves);
        let first = self.branches.len();
        for chosen in moves {
            let at = position.place_of(chosen);
            if self.bounds.reduction
                && let (Some(last), Some((node, true))) = (on, at)
                && node < last
            {
                continue;
            }
            self.moves += 1;
            let mut next = position.clone();
            next.make(chosen);
            if let Some(failure) = next.failure() {
                self.path.push(chosen);
                self.end = Some(End::Violated(failure.clone()));
                return;
            }
            self.meet(next.fingerprint(&nodes, at.map(|(node, _)| node)), chosen, &next);
            if self.end.is_some() {
                return;
            }
        }
        let count = self.branches.len() - first;
        self.branches[place] =
            Branch { first: first as u32, count: count as u16, is_alive: count > 0, ..self.branches[place] };
    }

    /// Keeps the state in mind if it is new.
    fn meet<S: Explorable>(&mut self, fingerprint: u64, chosen: Move, position: &Position<S>) {
        if !self.seen.insert(fingerprint) {
            return;
        }
        if self.branches.len() as u64 >= self.bounds.states.min(u32::MAX.into()) {
            self.end = Some(End::Full);
            return;
        }
        self.branches.push(Branch { chosen, first: 0, count: 0, is_alive: true });
        let elections = position.elections() as usize;
        if self.by_elections.len() <= elections {
            self.by_elections.resize(elections + 1, 0);
        }
        self.by_elections[elections] += 1;
    }
}
