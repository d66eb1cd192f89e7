//! A world before its first event, and the choices that it is given.

use std::collections::VecDeque;

use super::ambush::Ambushes;
use super::by_priority::ByPriority;
use super::contacts::contacts;
use super::event::Event;
use super::host::{Alarms, Host};
use super::mail::Mail;
use super::taping::Taping;
use super::{MOST_EVENTS_AT_ONCE, World};
use crate::atlas::Atlas;
use crate::checkers::Checkers;
use crate::checkers::silence::Silences;
use crate::choices::{Choices, Kind, Turn};
use crate::clients::Client;
use crate::clock::Clock;
use crate::faults::{FaultClass, FaultCounts};
use crate::history::History;
use crate::network::Links;
use crate::node::{NodeId, NodeSet, PerNode};
use crate::plan::{Clients, Plan};
use crate::plan_error::PlanError;
use crate::queue::Queue;
use crate::subject::Subject;
use crate::totals::FeatureCounts;
use crate::trace::Trace;

impl<S: Subject> World<S> {
    /// The world of `seed` with `plan`, at time 0. Its nodes start with the first [`step`](Self::step).
    ///
    /// # Errors
    /// Where the plan makes no sense.
    pub fn new(plan: Plan<S::Settings>, seed: u64) -> Result<Self, PlanError> {
        Self::with_choices(plan, Choices::new(seed), None)
    }

    pub(super) fn with_choices(
        plan: Plan<S::Settings>,
        choices: Choices,
        taping: Option<Box<Taping>>,
    ) -> Result<Self, PlanError> {
        plan.validate()?;
        if S::trusts_clocks(&plan.settings) && plan.faults.iter().any(|timed| timed.fault.breaks_clocks()) {
            let problem = "clocks that are set or stopped, under settings that trust clocks".to_owned();
            return Err(PlanError { field: "faults", problem });
        }
        if plan.disk.overtakes && !S::WRITES_MAY_OVERTAKE {
            let problem = format!("writes that overtake each other, which {} does not allow", S::NAME);
            return Err(PlanError { field: "disk.overtakes", problem });
        }
        let nodes = plan.nodes;
        let tells_time = !plan.faults.iter().any(|timed| timed.fault.breaks_clocks());
        let host = |node: NodeId| Host {
            incarnation: 0,
            generation: 0,
            downed_by: None,
            paused_by: None,
            backlog: Vec::new(),
            asked: Vec::new(),
            writes: VecDeque::new(),
            writes_end_ns: 0,
            writes_due_ns: VecDeque::new(),
            disk_delay: choices.of_node(Kind::DiskDelay, node),
            crash: choices.of_node(Kind::Crash, node),
            slow: None,
            stalled_until_ns: 0,
            failing: None,
            truth: None,
            is_rotten: false,
            has_torn_write: false,
            settings: None,
        };
        let mut world = Self {
            choices,
            now_ns: 0,
            queue: Queue::new(),
            mail: Mail::new(),
            subjects: PerNode::default(),
            disks: PerNode::default(),
            hosts: PerNode::from_fn(host),
            clocks: PerNode::from_fn(|node| {
                Clock::new(plan.clock_drift_ppm.get(node.index()).copied().unwrap_or_default())
            }),
            paused: NodeSet::default(),
            alarms: Alarms::new(),
            links: Links::new(plan.network, &plan.links, choices, nodes, S::MESSAGE_KINDS.len()),
            held: Vec::new(),
            clients: Client::all(choices, plan.clients),
            history: History::default(),
            keys_left_open: 0,
            checkers: Checkers::new(nodes),
            silences: tells_time.then(Silences::default),
            contacts: tells_time.then(|| contacts::<S>(&plan)).flatten(),
            confirmations: None,
            plea: None,
            trace: Trace::default(),
            counts: FaultCounts::default(),
            features: FeatureCounts::default(),
            deliveries: 0,
            stale_to_come: 0,
            event_limit: MOST_EVENTS_AT_ONCE,
            alarms_at_once: 0,
            is_started: false,
            ends_ns: plan.duration_ns,
            healing: None,
            failure: None,
            taping,
            by_priority: ByPriority::new(plan.engine, nodes, choices),
            faults: plan.faults.iter().map(|timed| timed.fault).collect(),
            ambushes: Ambushes::default(),
            slowed_by_ns: 0,
            is_explored: false,
            turn: None,
            atlas: Atlas::default(),
            claims: Vec::new(),
            durable_at_once: VecDeque::new(),
            responses: Vec::new(),
            plan,
        };
        world.counts[FaultClass::ClockDrift] =
            world.plan.clock_drift_ppm.iter().filter(|drift| **drift != 0).count() as u64;
        world.schedule_plan();
        Ok(world)
    }

    /// The same, with a record kept of every event.
    ///
    /// # Errors
    /// Where the plan makes no sense.
    pub fn recording(plan: Plan<S::Settings>, seed: u64) -> Result<Self, PlanError> {
        let mut world = Self::new(plan, seed)?;
        world.record();
        Ok(world)
    }

    /// Keeps a record of every event from here on.
    pub(crate) fn record(&mut self) {
        self.trace = Trace::recording();
    }

    pub(super) fn schedule_plan(&mut self) {
        for (fault, timed) in self.plan.faults.iter().enumerate() {
            self.queue.push(timed.at_ns, Event::FaultStarts { fault });
        }
        for (operation, timed) in self.plan.operations.iter().enumerate() {
            self.queue.push(timed.at_ns, Event::OperatorAsks { operation });
        }
        let has_tape = self.taping.as_ref().is_some_and(|taping| taping.has_all_requests());
        for (client, state) in (0..).zip(&mut self.clients) {
            let first_ns = match self.plan.clients {
                Clients::Closed { think_ns, .. } => state.choice.within(think_ns),
                Clients::Stream { every_ns, .. } | Clients::Open { every_ns } => every_ns,
            };
            if !has_tape {
                self.queue.push(first_ns, Event::ClientWakes { client });
            }
        }
        if has_tape {
            self.schedule_taped_requests();
        }
    }

    /// What nodes draw for themselves can be drawn anew too, from the event on at which that [is asked for](Self::reroll).
    pub(crate) fn may_turn(&mut self) {
        self.turn = Some(Turn::default());
    }

    /// Draws anew whatever is still to be drawn: what is under way stays, and the timers that nodes have set.
    pub(crate) fn reroll(&mut self, salt: u64) {
        if let Some(turn) = &self.turn {
            turn.take(salt);
        }
        self.choices = self.choices.rerolled(salt);
        let choices = self.choices;
        self.links.reroll(choices);
        self.clients.iter_mut().for_each(|client| client.reroll(choices));
        for (node, host) in NodeId::all(self.plan.nodes).zip(self.hosts.first_mut(self.plan.nodes)) {
            host.disk_delay = choices.of_node(Kind::DiskDelay, node);
            host.crash = choices.of_node(Kind::Crash, node);
        }
    }
}
