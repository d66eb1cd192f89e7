//! Chains of events and their priorities: whose turn it is under [`Pct`].
//!
//! Timers fire for ever, and clients ask for ever. With fixed priorities the first of them would starve all that is
//! below it, and the run be worth nothing. So a run falls into rounds: what is a late consequence of what was there when
//! the round began waits until all else has happened, and then gets new priorities. Within a round, order is free.

use std::collections::BTreeMap;

use super::Pct;
use crate::choices::Choice;
use crate::node::{MAX_NODES, NodeId};

/// Consequences of so many steps wait for the next round. An election with pre-votes, durable votes and a first commit
/// is a dozen.
const STEPS_A_ROUND: u32 = 16;
/// To fire once more counts as so many, so that a timer fires three times a round: the second election of a candidate
/// may overtake what belongs to its first.
const STEPS_A_FIRING: u32 = 6;

/// A place in the order. The highest is first; equal ones in the order in which they came.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Priority {
    /// For the next round.
    Late,
    /// Fell behind, at the change point of this number.
    Fallen(u32),
    /// Drawn.
    Drawn(u64),
}

/// Where an event stands: its chain's priority, and how many steps it is from the beginning of the round.
#[derive(Clone, Copy, Debug)]
struct Standing {
    priority: Priority,
    steps: u32,
}

/// What is chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Turn<T> {
    /// An event.
    Event(T),
    /// The timer of a node.
    Timer(NodeId),
}

/// What waits, and in which order it is to happen.
#[derive(Clone, Debug)]
pub(crate) struct Priorities<T> {
    /// By priority and age: every chain has one event that waits.
    waiting: BTreeMap<(Priority, u64), (u32, T)>,
    timers: [Standing; MAX_NODES],
    choice: Choice,
    /// When a chain falls behind, by number. What has been is empty.
    change_points: Vec<Option<u64>>,
    /// What was chosen last, whose consequences come next.
    last: Option<Standing>,
    chosen: u64,
    chains: u64,
}

impl<T> Priorities<T> {
    /// Nothing waits but the timers of `nodes`. `choice` decides all.
    pub(crate) fn new(pct: Pct, nodes: u8, mut choice: Choice) -> Self {
        let change_points = (1..pct.depth).map(|_| Some(choice.below(pct.events))).collect();
        let timers = [Standing { priority: Priority::Late, steps: 0 }; MAX_NODES];
        let mut priorities =
            Self { waiting: BTreeMap::new(), timers, choice, change_points, last: None, chosen: 0, chains: 0 };
        for node in NodeId::all(nodes) {
            priorities.timers[node.index()].priority = priorities.draw();
        }
        priorities
    }

    /// How many events were chosen.
    pub(crate) fn chosen(&self) -> u64 {
        self.chosen
    }

    /// How many chains there were.
    pub(crate) fn chains(&self) -> u64 {
        self.chains
    }

    /// The event chosen last has caused `item`.
    pub(crate) fn caused(&mut self, item: T) {
        let steps = self.last.map_or(0, |last| last.steps + 1);
        // The first continues the chain.
        let continued = self.last.as_mut().map(|last| std::mem::replace(&mut last.priority, Priority::Late));
        let priority = match continued {
            _ if steps > STEPS_A_ROUND => Priority::Late,
            Some(priority) if priority != Priority::Late => priority,
            _ => self.draw(),
        };
        self.insert(priority, steps, item);
    }

    /// Nothing that comes now is a consequence of what was chosen last.
    pub(crate) fn interrupt(&mut self) {
        self.last = None;
    }

    fn draw(&mut self) -> Priority {
        self.chains += 1;
        Priority::Drawn(self.choice.below(u64::MAX))
    }

    fn insert(&mut self, priority: Priority, steps: u32, item: T) {
        // Of equal ones the first is the oldest, and the map is read from its end.
        let age = u64::MAX - self.chosen;
        let mut key = (priority, age);
        while self.waiting.contains_key(&key) {
            key.1 -= 1;
        }
        self.waiting.insert(key, (steps, item));
    }

    /// Takes what is to happen next, of what waits and the timers that are `armed`; nothing where there is neither.
    pub(crate) fn choose(&mut self, armed: impl Fn(NodeId) -> bool) -> Option<Turn<T>> {
        loop {
            let timer = (0..MAX_NODES as u8)
                .map(NodeId)
                .filter(|node| armed(*node))
                .max_by_key(|node| (self.timers[node.index()].priority, std::cmp::Reverse(*node)));
            let of_timer = timer.map(|node| self.timers[node.index()].priority);
            let of_event = self.waiting.last_key_value().map(|(key, _)| key.0);
            let highest = of_timer.max(of_event)?;
            if highest == Priority::Late {
                self.next_round();
                continue;
            }
            let timer = timer.filter(|_| of_timer > of_event);
            if let Some(number) = self.change_points.iter().position(|at| *at == Some(self.chosen)) {
                self.change_points[number] = None;
                self.fall(timer, Priority::Fallen(number as u32));
                continue;
            }
            self.chosen += 1;
            return self.take(timer);
        }
    }

    /// What would be next falls behind all that never fell.
    fn fall(&mut self, timer: Option<NodeId>, to: Priority) {
        match timer {
            Some(node) => self.timers[node.index()].priority = to,
            None => {
                if let Some((_, (steps, item))) = self.waiting.pop_last() {
                    self.insert(to, steps, item);
                }
            }
        }
    }

    fn take(&mut self, timer: Option<NodeId>) -> Option<Turn<T>> {
        if let Some(node) = timer {
            let standing = self.timers[node.index()];
            self.last = Some(standing);
            let steps = standing.steps + STEPS_A_FIRING;
            let priority = if steps > STEPS_A_ROUND { Priority::Late } else { self.draw() };
            self.timers[node.index()] = Standing { priority, steps };
            return Some(Turn::Timer(node));
        }
        let ((priority, _), (steps, item)) = self.waiting.pop_last()?;
        self.last = Some(Standing { priority, steps });
        Some(Turn::Event(item))
    }

    /// All that is left is late: it begins anew, in a new order.
    fn next_round(&mut self) {
        for place in 0..MAX_NODES {
            let is_late = self.timers[place].priority == Priority::Late && self.timers[place].steps > 0;
            self.timers[place].steps = 0;
            if is_late {
                self.timers[place].priority = self.draw();
            }
        }
        for (_, (_, item)) in std::mem::take(&mut self.waiting).into_iter().rev() {
            let priority = self.draw();
            self.insert(priority, 0, item);
        }
    }
}
