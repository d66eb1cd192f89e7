//! The world of one run: nodes, their clocks and disks, the network between them, clients and faults.

mod ambush;
mod asking;
mod by_priority;
mod clogs;
mod damage;
mod disks;
mod event;
mod exploring;
mod healing;
mod host;
mod injection;
mod mail;
mod operations;
mod requests;
mod taping;
mod watching;

use std::collections::VecDeque;

use ambush::Ambushes;
use asking::Asking;
use by_priority::ByPriority;
use clogs::Held;
use event::Event;
pub(crate) use exploring::Position;
use healing::Healing;
use host::{Alarms, Host, NEVER};
use mail::{Letter, Mail};
use taping::Taping;

use crate::atlas::Atlas;
use crate::checkers::Checkers;
use crate::choices::{Choices, Kind};
use crate::clients::Client;
use crate::clock::Clock;
use crate::failure::{Failure, FailureKind, Violation};
use crate::fault::Fault;
use crate::faults::{FaultClass, FaultCounts};
use crate::history::{History, Judgement, Stamp};
use crate::marks::Mark;
use crate::network::{Links, Passage};
use crate::node::{MAX_NODES, NodeId, NodeSet, PerNode};
use crate::plan::{Clients, Plan, PlanError};
use crate::queue::Queue;
use crate::subject::{Disk, Input, Promise, RequestId, Response, Setup, Subject};
use crate::totals::{FeatureCounts, Totals};
use crate::trace::{Message, Record, Source, Trace, What};

/// A run that is under way.
///
/// Executes one event after the other, in order of virtual time, and lets every checker look after each. It is
/// `Clone` where its subject is: the future can be tried from any event on.
#[derive(Clone, Debug)]
pub struct World<S: Subject> {
    plan: Plan<S::Settings>,
    choices: Choices,
    now_ns: u64,
    queue: Queue<Event<S>>,
    mail: Mail<S::Message>,
    /// `None` for a node that is down.
    subjects: PerNode<Option<Box<S>>>,
    disks: PerNode<S::Disk>,
    hosts: PerNode<Host<S>>,
    clocks: PerNode<Clock>,
    /// Who stands still.
    paused: NodeSet,
    alarms: Alarms,
    links: Links,
    /// What clogged links hold.
    held: Vec<Held>,
    clients: Vec<Client<S::Command>>,
    history: History,
    keys_left_open: u64,
    checkers: Checkers,
    trace: Trace,
    counts: FaultCounts,
    features: FeatureCounts,
    deliveries: u64,
    event_limit: u64,
    is_started: bool,
    /// When the phase ends that the run is in.
    ends_ns: u64,
    /// What there is to know of the phase after the faults, once it has begun.
    healing: Option<Healing>,
    failure: Option<Failure>,
    /// What is decided otherwise than the seed has it.
    taping: Option<Box<Taping>>,
    /// What waits, where priorities decide.
    by_priority: Option<Box<ByPriority<S>>>,
    /// What is sent waits to be chosen, and does not travel.
    is_explored: bool,
    /// The faults of the plan, each as it strikes.
    faults: Vec<Fault>,
    ambushes: Ambushes,
    /// The longest time that a disk which was made slow has taken more.
    slowed_by_ns: u64,
    atlas: Atlas,
    /// What a node has promised in the step under way.
    promises: Vec<Promise>,
    /// What a node has written in the step under way that is durable at once.
    durable_at_once: VecDeque<<S::Disk as Disk>::Write>,
    responses: Vec<(RequestId, Response<S::Answer>)>,
}

/// A run may have this many events at one instant, and on average this many a millisecond: ten times what the busiest
/// honest runs have.
const MOST_EVENTS_AT_ONCE: u64 = 20_000;
const MOST_EVENTS_PER_MS: u64 = 200;
/// So many events may wait.
const MOST_WAITING: usize = 10_000;

impl<S: Subject> World<S> {
    /// The world of `seed` with `plan`, at time 0. Its nodes start with the first [`step`](Self::step).
    ///
    /// # Errors
    /// Where the plan makes no sense.
    pub fn new(plan: Plan<S::Settings>, seed: u64) -> Result<Self, PlanError> {
        Self::with_choices(plan, Choices::new(seed), None)
    }

    fn with_choices(plan: Plan<S::Settings>, choices: Choices, taping: Option<Box<Taping>>) -> Result<Self, PlanError> {
        plan.validate()?;
        if S::trusts_clocks(&plan.settings) && plan.faults.iter().any(|timed| timed.fault.breaks_clocks()) {
            let problem = "clocks that are set or stopped, under settings that trust clocks".to_owned();
            return Err(PlanError { field: "faults", problem });
        }
        let nodes = plan.nodes;
        let host = |node: NodeId| Host {
            incarnation: 0,
            downed_by: None,
            paused_by: None,
            backlog: Vec::new(),
            asked: Vec::new(),
            writes: VecDeque::new(),
            writes_end_ns: 0,
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
            trace: Trace::default(),
            counts: FaultCounts::default(),
            features: FeatureCounts::default(),
            deliveries: 0,
            event_limit: MOST_EVENTS_AT_ONCE,
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
            atlas: Atlas::default(),
            promises: Vec::new(),
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

    fn schedule_plan(&mut self) {
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
                Clients::Open { every_ns } => every_ns,
            };
            if !has_tape {
                self.queue.push(first_ns, Event::ClientWakes { client });
            }
        }
        if has_tape {
            self.schedule_taped_requests();
        }
    }

    /// Draws anew whatever is still to be drawn: what is under way stays, and what a node drew for itself, until it starts
    /// again.
    pub(crate) fn reroll(&mut self, salt: u64) {
        self.choices = self.choices.rerolled(salt);
        let choices = self.choices;
        self.links.reroll(choices);
        self.clients.iter_mut().for_each(|client| client.reroll(choices));
        for (node, host) in NodeId::all(self.plan.nodes).zip(self.hosts.first_mut(self.plan.nodes)) {
            host.disk_delay = choices.of_node(Kind::DiskDelay, node);
            host.crash = choices.of_node(Kind::Crash, node);
        }
    }

    /// Executes events until the plan's end or the first failure.
    pub fn run(&mut self) {
        while self.step() {}
    }

    /// Starts the nodes, as part of the run: what goes wrong with them then is noticed like anything later.
    #[cold]
    fn start_all(&mut self) {
        self.is_started = true;
        self.trace.note(0, None, Source::Plan, || What::Begins);
        for node in NodeId::all(self.plan.nodes) {
            if let Err(violation) = self.start(node) {
                self.fail(FailureKind::Safety, &violation);
            }
        }
        self.trace.end_event(0);
    }

    /// Executes the next event. Returns whether there was one, and the run may go on after it.
    pub fn step(&mut self) -> bool {
        if !self.is_started {
            self.start_all();
        }
        if self.failure.is_some() {
            return false;
        }
        if self.by_priority.is_some() {
            return self.step_by_priority();
        }
        let (alarm_ns, sleeper) = self.alarms.next();
        // Where both are due at one instant, what was sent comes before who waited for it.
        let result = if let Some((at_ns, event)) = self.queue.pop_until(alarm_ns.min(self.ends_ns - 1)) {
            self.trace.events += 1;
            self.now_ns = at_ns;
            self.trace.fold(at_ns);
            self.execute(event)
        } else if alarm_ns >= self.ends_ns {
            return self.phase_ends();
        } else {
            self.trace.events += 1;
            self.wake_up(alarm_ns, sleeper)
        };
        self.trace.end_event(self.now_ns);
        if let Some(taping) = &mut self.taping {
            taping.end_event();
        }
        if let Err(violation) = result {
            self.fail(FailureKind::Safety, &violation);
        }
        if self.trace.events > self.event_limit || self.queue.len() > MOST_WAITING {
            self.check_growth();
        }
        if self.is_healed()
            && self.failure.is_none()
            && let Err(violation) = self.watch_core()
        {
            self.fail(FailureKind::Safety, &violation);
        }
        self.failure.is_none()
    }

    /// Nothing more happens in this phase. Returns whether there is another.
    #[cold]
    fn phase_ends(&mut self) -> bool {
        self.now_ns = self.ends_ns;
        match self.plan.heal.clone() {
            Some(heal) if !self.is_healed() => {
                self.trace.events += 1;
                self.trace.fold(self.now_ns);
                if let Err(violation) = self.heal(&heal) {
                    self.fail(FailureKind::Safety, &violation);
                }
                self.trace.end_event(self.now_ns);
                self.failure.is_none()
            }
            _ => {
                self.healed_phase_ends();
                self.end();
                false
            }
        }
    }

    /// A run that has more events than any sane protocol is ended: its timers stand still, or its messages multiply.
    #[cold]
    fn check_growth(&mut self) {
        self.event_limit = MOST_EVENTS_AT_ONCE + MOST_EVENTS_PER_MS * (self.now_ns / 1_000_000);
        if self.trace.events > self.event_limit || self.queue.len() > MOST_WAITING {
            let detail = format!(
                "{} events in {} ms, with {} more to come",
                self.trace.events,
                self.now_ns / 1_000_000,
                self.queue.len()
            );
            self.fail(FailureKind::Liveness, &Violation::new("runaway", detail));
        }
    }

    /// The run is over: whatever was taken on trust on the way is looked at now.
    fn end(&mut self) {
        for (node, subject) in NodeId::all(self.plan.nodes).zip(self.subjects.first(self.plan.nodes)) {
            let audit = subject.as_deref().map_or(Ok(()), |subject| self.checkers.audit(node, subject));
            if let Err(violation) = audit {
                return self.fail(FailureKind::Safety, &violation);
            }
        }
        if self.failure.is_none() {
            self.judge_history();
        }
    }

    fn judge_history(&mut self) {
        match self.history.judge() {
            Judgement::Linearizable => {}
            Judgement::LeftOpen(keys) => self.keys_left_open = keys,
            Judgement::Violated(violation, Stamp { event, at_ns }) => {
                let Violation { checker, detail } = *violation;
                self.failure = Some(Failure::new(FailureKind::Safety, checker, detail, event, at_ns));
            }
        }
    }

    fn stamp(&self) -> Stamp {
        Stamp { event: self.trace.events, at_ns: self.now_ns }
    }

    #[cold]
    fn fail(&mut self, kind: FailureKind, violation: &Violation) {
        if self.failure.is_none() {
            let Violation { checker, detail } = violation;
            self.failure = Some(Failure::new(kind, checker, detail.clone(), self.trace.events, self.now_ns));
        }
    }

    /// The run ends with a panic that happened in a node.
    pub(crate) fn fail_with_panic(&mut self, message: String) {
        self.failure = Some(Failure::new(FailureKind::Crash, "crash", message, self.trace.events, self.now_ns));
    }

    fn wake_up(&mut self, at_ns: u64, sleeper: NodeId) -> Result<(), Box<Violation>> {
        self.now_ns = at_ns;
        self.trace.fold(at_ns);
        self.trace.fold(u64::from(sleeper.0));
        self.trace.note(at_ns, Some(sleeper), Source::Alarm(sleeper), || What::Timer);
        if let Some(taping) = &mut self.taping {
            taping.noticed(at_ns, sleeper);
            return self.taped_wake_up(sleeper);
        }
        self.step_node(sleeper, Input::DeadlineReached)
    }

    // What is popped need not be put down again.
    #[inline(always)]
    fn execute(&mut self, event: Event<S>) -> Result<(), Box<Violation>> {
        self.trace.fold(event.tag());
        if !self.paused.is_empty()
            && let Some(node) = event.addressee()
            && self.paused.contains(node)
        {
            self.trace.note(self.now_ns, Some(node), Source::Plan, || What::Waits { says: event.name() });
            self.hosts[node].backlog.push(event);
            return Ok(());
        }
        match event {
            Event::Deliver { from, to, kind, letter } => self.deliver(from, to, kind, letter),
            Event::Replay { from, to, kind, letter } => self.replay(from, to, kind, letter),
            Event::Written { node, incarnation } => self.written(node, incarnation),
            Event::Request { to, attempt, id, command } => self.request(to, id, attempt, *command),
            Event::Response { id, response } => {
                self.respond(id, &response);
                Ok(())
            }
            Event::ClientWakes { client } => self.client_wakes(client),
            Event::ClientGivesUp { id, attempt } => {
                self.client_gives_up(id, attempt);
                Ok(())
            }
            Event::FaultStarts { fault } => self.fault_starts(fault),
            Event::FaultStrikes { fault } => self.fault_strikes(fault),
            Event::FaultEnds { fault } => self.fault_ends(fault),
            Event::NodeRestarts { fault, node } => self.node_restarts(node, fault),
            Event::OperatorAsks { operation } => self.operate(operation),
        }
    }

    // ---- Messages ----

    #[inline(never)]
    fn deliver(&mut self, from: NodeId, to: NodeId, kind: u8, letter: Letter) -> Result<(), Box<Violation>> {
        let source = letter.source();
        // Decided on arrival: a message in flight outlives the crash of its sender and the end of a partition.
        if self.links.passage(from, to) != Passage::Open {
            self.stop_message(from, to, kind, letter);
            return Ok(());
        }
        if self.subjects[to].is_none() {
            self.drop_message(from, to, letter, "down");
            return Ok(());
        }
        let place = letter.place();
        let Some(message) = self.mail.take(letter) else { return Ok(()) };
        let input = Input::Receive { from, message };
        self.deliveries += 1;
        if let Some(taping) = &mut self.taping {
            taping.delivered(self.now_ns, to, place);
        }
        if self.trace.is_recording() {
            self.note_delivery(to, source, &input);
        }
        self.step_node(to, input)
    }

    #[cold]
    fn note_delivery(&mut self, to: NodeId, source: Source, input: &Input<S>) {
        if let Input::Receive { from, message } = input {
            self.trace.note(self.now_ns, Some(to), source, || What::Delivery(in_words::<S>(*from, to, message)));
        }
    }

    /// A message that has long arrived arrives once more.
    #[cold]
    fn replay(&mut self, from: NodeId, to: NodeId, kind: u8, letter: Letter) -> Result<(), Box<Violation>> {
        // With the other faults, this one is over too.
        if self.is_healed() {
            self.mail.take(letter);
            return Ok(());
        }
        let before = self.deliveries;
        let result = self.deliver(from, to, kind, letter);
        self.counts[FaultClass::StaleReplay] += self.deliveries - before;
        result
    }

    #[cold]
    fn note_drop(&mut self, from: NodeId, to: NodeId, source: Source, message: &S::Message, why: &'static str) {
        let drop = || What::Drop { message: in_words::<S>(from, to, message), why };
        self.trace.note(self.now_ns, Some(to), source, drop);
    }

    // ---- Nodes ----

    /// Gives a node one input, does what it asks for, and lets the checkers look.
    // Where the kind of input is known, so is the way that it takes.
    #[inline(always)]
    fn step_node(&mut self, node: NodeId, input: Input<S>) -> Result<(), Box<Violation>> {
        // Out of the world while it is stepped, so that it may ask the world for all else.
        let Some(mut subject) = self.subjects[node].take() else { return Ok(()) };
        let local_ns = self.clocks[node].local_ns(self.now_ns);
        let mut asking = Asking::new(self, node);
        subject.step(local_ns, input, &mut asking);
        let result = asking.end_step(&mut subject, local_ns);
        self.subjects[node] = Some(subject);
        result
    }

    /// Gives a node a client's request.
    fn request_of(&mut self, node: NodeId, id: RequestId, command: S::Command) -> Result<(), Box<Violation>> {
        if self.subjects[node].is_some() {
            self.hosts[node].asked.push(id);
        }
        self.step_node(node, Input::Request { id, command })
    }

    /// Lets the checkers look at a node that may have changed.
    #[inline(always)]
    fn look(&mut self, node: NodeId, subject: &mut S) -> Result<(), Box<Violation>> {
        let alarm_ns = subject.deadline_ns().map_or(NEVER, |deadline| self.clocks[node].world_ns(deadline));
        // A deadline that is reached already is due now, not in the past.
        let mut alarm_ns = alarm_ns.max(self.now_ns);
        if let Some(taping) = &self.taping {
            alarm_ns = taping.alarm_ns(node, self.now_ns, alarm_ns);
        }
        let is_new_alarm = self.alarms.set(node, alarm_ns);
        let is_watched = self.trace.is_recording() || self.ambushes.watch_leaders();
        let before = is_watched.then(|| self.remember(node, is_new_alarm));
        let result = self.checkers.stepped(node, subject, self.disks.first(self.plan.nodes));
        if let Some(before) = before {
            self.tell_changes(node, &before);
        }
        if result? {
            let seen = self.checkers.seen(node);
            self.trace.fold(seen.term_and_vote.term ^ seen.commit_index << 20);
            self.trace.fold(seen.last_index << 2 ^ seen.role as u64);
        }
        self.check_invariant(Some((node, subject)))
    }

    /// Lets the subject judge all of its nodes; `stepped` is out of the world just now.
    #[inline]
    fn check_invariant(&self, stepped: Option<(NodeId, &S)>) -> Result<(), Box<Violation>> {
        if !S::HAS_INVARIANT {
            return Ok(());
        }
        let mut nodes = [None; MAX_NODES];
        for (node, subject) in nodes.iter_mut().zip(self.subjects.first(self.plan.nodes)) {
            *node = subject.as_deref();
        }
        if let Some((node, subject)) = stepped {
            nodes[node.index()] = Some(subject);
        }
        S::invariant(&nodes[..usize::from(self.plan.nodes)], self.disks.first(self.plan.nodes))
            .map_err(|detail| Violation::new("invariant", detail))
    }

    fn start(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node];
        if std::mem::take(&mut host.has_torn_write) {
            self.checkers.mark(Mark::TornWriteFound);
        }
        let setup = Setup {
            node,
            nodes: self.plan.nodes,
            members: self.plan.members,
            now_ns: self.clocks[node].local_ns(self.now_ns),
            settings: host.settings.as_deref().unwrap_or(&self.plan.settings),
            jitter: self.choices.jitter(node, host.incarnation),
        };
        match S::start(setup, &self.disks[node]) {
            Ok(subject) => {
                let mut subject = Box::new(subject);
                self.checkers.started(node, &mut *subject, &self.disks[node])?;
                let result = self.look(node, &mut subject);
                self.subjects[node] = Some(subject);
                result
            }
            Err(reason) if self.hosts[node].is_rotten => {
                self.trace.remark(|| format!("{node} does not start: {reason}"));
                self.lose_for_good(node)
            }
            Err(reason) => {
                self.fail(FailureKind::Crash, &Violation::new("crash", format!("{node} cannot start: {reason}")));
                Ok(())
            }
        }
    }

    // ---- What can be seen of a run ----

    /// Why the run failed, if it did.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        self.failure.as_ref()
    }

    /// The hash of everything that has happened.
    #[must_use]
    pub fn trace_hash(&self) -> u64 {
        self.trace.hash()
    }

    /// What clients asked for and were told.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Every event with its cause, that of event k at k, where the run is recorded; 0 is the start of the nodes.
    #[must_use]
    pub fn records(&self) -> &[Record] {
        self.trace.records()
    }

    /// The plan of the run.
    #[must_use]
    pub fn plan(&self) -> &Plan<S::Settings> {
        &self.plan
    }

    /// How many events have happened.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.trace.events
    }

    /// What has happened, in numbers.
    #[must_use]
    pub fn totals(&self) -> Totals {
        Totals {
            events: self.trace.events,
            deliveries: self.deliveries,
            virtual_ns: self.now_ns,
            elections: self.checkers.elections(),
            commits: self.checkers.commands(),
            recoveries: self.has_recovered().into(),
            operations: self.history.ops().len() as u64,
            repeats: self.history.repeats(),
            keys_left_open: self.keys_left_open,
            faults: self.counts,
            most_chains: self.by_priority.as_ref().map_or(0, |order| order.chains()),
            features: self.features.clone(),
            marks: *self.checkers.marks(),
        }
    }

    /// The time, in nanoseconds from the start.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// The node, unless it is down.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&S> {
        self.subjects.first(self.plan.nodes).get(node.index())?.as_deref()
    }
}

fn in_words<S: Subject>(from: NodeId, to: NodeId, message: &S::Message) -> Message {
    let kind = usize::from(S::message_kind(message));
    let name = S::MESSAGE_KINDS.get(kind).copied().unwrap_or("message");
    Message { from, to, message: name, says: S::describe(message) }
}
