//! The world of one run: nodes, their clocks and disks, the network between them, clients and faults.

use std::collections::VecDeque;

use crate::checkers::Checkers;
use crate::choices::{Choice, Choices, Kind};
use crate::clients::Client;
use crate::clock::Clock;
use crate::failure::{Failure, FailureKind, Violation};
use crate::faults::{FaultClass, FaultCounts};
use crate::network::Links;
use crate::node::{MAX_NODES, NodeId, NodeSet};
use crate::plan::{Clients, Fault, Plan, PlanError};
use crate::queue::Queue;
use crate::subject::{Disk, Input, Output, Outputs, Promise, RequestId, Response, Role, Setup, Subject};
use crate::trace::{self, Trace, TraceLine};

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
    /// `None` for a node that is down.
    subjects: Vec<Option<S>>,
    disks: Vec<S::Disk>,
    hosts: Vec<Host<S>>,
    clocks: Vec<Clock>,
    /// Who stands still.
    paused: NodeSet,
    alarms: Alarms,
    links: Links,
    clients: Vec<Client>,
    checkers: Checkers,
    trace: Trace,
    counts: FaultCounts,
    deliveries: u64,
    event_limit: u64,
    failure: Option<Failure>,
    outputs: Outputs<S>,
    responses: Vec<(RequestId, Response<S::Answer>)>,
}

/// What happens, apart from deadlines.
#[derive(Clone, Debug)]
enum Event<S: Subject> {
    Deliver { from: NodeId, to: NodeId, kind: u8, message: S::Message },
    Written { node: NodeId, incarnation: u32 },
    Request { to: NodeId, id: RequestId, command: S::Command },
    Response { id: RequestId, response: Response<S::Answer> },
    ClientWakes { client: u16 },
    ClientGivesUp { id: RequestId },
    FaultStarts { fault: usize },
    FaultEnds { fault: usize },
}

/// The machine that a node runs on.
#[derive(Clone, Debug)]
struct Host<S: Subject> {
    incarnation: u32,
    /// The fault that took the node down, and that will bring it back.
    downed_by: Option<usize>,
    paused_by: Option<usize>,
    /// What arrived while the node stood still.
    backlog: Vec<Event<S>>,
    /// The requests that this incarnation was given and has not answered.
    asked: Vec<RequestId>,
    writes: VecDeque<<S::Disk as Disk>::Write>,
    /// When the last write completes: writes complete in order.
    writes_end_ns: u64,
    disk_delay: Choice,
    crash: Choice,
    /// How much slower the disk is, and until when.
    slow: Option<(u64, u64)>,
}

/// When each node wants to be woken, in the world's time.
#[derive(Clone, Debug)]
struct Alarms {
    at_ns: [u64; MAX_NODES],
    next: usize,
}

const NEVER: u64 = u64::MAX;

/// A run may have this many events at one instant, and on average this many a millisecond: ten times what the busiest
/// honest runs have.
const MOST_EVENTS_AT_ONCE: u64 = 20_000;
const MOST_EVENTS_PER_MS: u64 = 200;

impl<S: Subject> Host<S> {
    /// A request is answered at most once.
    fn answered(&mut self, node: NodeId, id: RequestId) -> Result<(), Box<Violation>> {
        let RequestId { client, number } = id;
        let Some(place) = self.asked.iter().position(|asked| *asked == id) else {
            let detail = format!("{node} answers request {number} of client {client} twice, or without being asked");
            return Err(Violation::new("acknowledged", detail));
        };
        self.asked.swap_remove(place);
        Ok(())
    }
}

impl Alarms {
    fn new() -> Self {
        Self { at_ns: [NEVER; MAX_NODES], next: 0 }
    }

    fn set(&mut self, node: NodeId, at_ns: u64) {
        let place = node.index();
        if self.at_ns[place] == at_ns {
            return;
        }
        self.at_ns[place] = at_ns;
        if at_ns < self.at_ns[self.next] {
            self.next = place;
        } else if place == self.next {
            // The first of the earliest, so that ties are broken by node.
            self.next = (0..MAX_NODES).min_by_key(|place| self.at_ns[*place]).unwrap_or(0);
        }
    }

    fn next(&self) -> (u64, NodeId) {
        (self.at_ns[self.next], NodeId(self.next as u8))
    }
}

impl<S: Subject> World<S> {
    /// The world of `seed` with `plan`, at time 0: all nodes up, nothing sent.
    ///
    /// # Errors
    /// Where the plan makes no sense.
    pub fn new(plan: Plan<S::Settings>, seed: u64) -> Result<Self, PlanError> {
        plan.validate()?;
        let choices = Choices::new(seed);
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
        };
        let mut world = Self {
            choices,
            now_ns: 0,
            queue: Queue::new(),
            subjects: NodeId::all(nodes).map(|_| None).collect(),
            disks: vec![S::Disk::default(); usize::from(nodes)],
            hosts: NodeId::all(nodes).map(host).collect(),
            clocks: plan.clock_drift_ppm.iter().map(|drift_ppm| Clock::new(*drift_ppm)).collect(),
            paused: NodeSet::default(),
            alarms: Alarms::new(),
            links: Links::new(plan.network, choices, nodes, S::MESSAGE_KINDS.len()),
            clients: Client::all(choices, plan.clients),
            checkers: Checkers::new(nodes),
            trace: Trace::default(),
            counts: FaultCounts::default(),
            deliveries: 0,
            event_limit: MOST_EVENTS_AT_ONCE,
            failure: None,
            outputs: Outputs::new(),
            responses: Vec::new(),
            plan,
        };
        world.counts[FaultClass::ClockDrift] =
            world.plan.clock_drift_ppm.iter().filter(|drift| **drift != 0).count() as u64;
        for node in NodeId::all(nodes) {
            if let Err(violation) = world.start(node) {
                world.fail(FailureKind::Safety, &violation);
            }
        }
        world.schedule_plan();
        Ok(world)
    }

    /// The same, with every event kept in words.
    ///
    /// # Errors
    /// Where the plan makes no sense.
    pub fn recording(plan: Plan<S::Settings>, seed: u64) -> Result<Self, PlanError> {
        let mut world = Self::new(plan, seed)?;
        world.trace = Trace::recording();
        Ok(world)
    }

    fn schedule_plan(&mut self) {
        for (fault, timed) in self.plan.faults.iter().enumerate() {
            self.queue.push(timed.at_ns, Event::FaultStarts { fault });
        }
        for (client, state) in (0..).zip(&mut self.clients) {
            let first_ns = match self.plan.clients {
                Clients::Closed { think_ns, .. } => state.choice.within(think_ns),
                Clients::Open { every_ns } => every_ns,
            };
            self.queue.push(first_ns, Event::ClientWakes { client });
        }
    }

    /// Executes events until the plan's end or the first failure.
    pub fn run(&mut self) {
        while self.step() {}
    }

    /// Executes the next event. Returns whether there was one, and the run may go on after it.
    pub fn step(&mut self) -> bool {
        if self.failure.is_some() {
            return false;
        }
        let (alarm_ns, sleeper) = self.alarms.next();
        // Where both are due at one instant, what was sent comes before who waited for it.
        let result = if let Some((at_ns, event)) = self.queue.pop_until(alarm_ns.min(self.plan.duration_ns - 1)) {
            self.trace.events += 1;
            self.now_ns = at_ns;
            self.trace.fold(at_ns);
            self.execute(event)
        } else if alarm_ns >= self.plan.duration_ns {
            self.end();
            return false;
        } else {
            self.trace.events += 1;
            self.now_ns = alarm_ns;
            self.trace.fold(alarm_ns);
            self.trace.fold(u64::from(sleeper.0));
            self.trace.note(alarm_ns, || format!("{sleeper} deadline"));
            self.step_node(sleeper, Input::DeadlineReached)
        };
        self.trace.end_event();
        if let Err(violation) = result {
            self.fail(FailureKind::Safety, &violation);
        }
        if self.trace.events > self.event_limit {
            self.extend_event_limit();
        }
        self.failure.is_none()
    }

    /// A run that has more events than any sane protocol is ended: its timers stand still, or its messages multiply.
    fn extend_event_limit(&mut self) {
        self.event_limit = MOST_EVENTS_AT_ONCE + MOST_EVENTS_PER_MS * (self.now_ns / 1_000_000);
        if self.trace.events > self.event_limit {
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
        for (node, subject) in NodeId::all(self.plan.nodes).zip(&self.subjects) {
            let audit = subject.as_ref().map_or(Ok(()), |subject| self.checkers.audit(node, subject));
            if let Err(violation) = audit {
                return self.fail(FailureKind::Safety, &violation);
            }
        }
    }

    fn fail(&mut self, kind: FailureKind, violation: &Violation) {
        self.outputs.clear();
        if self.failure.is_none() {
            let Violation { checker, detail } = violation;
            self.failure = Some(Failure::new(kind, checker, detail.clone(), self.trace.events, self.now_ns));
        }
    }

    /// The run ends with a panic that happened in a node.
    pub(crate) fn fail_with_panic(&mut self, message: String) {
        self.failure = Some(Failure::new(FailureKind::Crash, "crash", message, self.trace.events, self.now_ns));
    }

    fn execute(&mut self, event: Event<S>) -> Result<(), Box<Violation>> {
        self.trace.fold(event.tag());
        if !self.paused.is_empty()
            && let Some(node) = event.addressee()
            && self.paused.contains(node)
        {
            self.trace.note(self.now_ns, || format!("{node} stands still, {} waits", event.name()));
            self.hosts[node.index()].backlog.push(event);
            return Ok(());
        }
        match event {
            Event::Deliver { from, to, message, .. } => self.deliver(from, to, message),
            Event::Written { node, incarnation } => self.written(node, incarnation),
            Event::Request { to, id, command } => self.request(to, id, command),
            Event::Response { id, response } => {
                self.respond(id, &response);
                Ok(())
            }
            Event::ClientWakes { client } => self.client_wakes(client),
            Event::ClientGivesUp { id } => {
                self.client_gives_up(id);
                Ok(())
            }
            Event::FaultStarts { fault } => self.fault_starts(fault),
            Event::FaultEnds { fault } => self.fault_ends(fault),
        }
    }

    // ---- Messages ----

    fn deliver(&mut self, from: NodeId, to: NodeId, message: S::Message) -> Result<(), Box<Violation>> {
        // Decided on arrival: a message in flight outlives the crash of its sender and the end of a partition.
        if !self.links.is_open(from, to) {
            self.trace.note(self.now_ns, || format!("{from} ─✗ {to}  {}  (cut off)", S::describe(&message)));
            return Ok(());
        }
        if self.subjects[to.index()].is_none() {
            self.trace.note(self.now_ns, || format!("{from} ─✗ {to}  {}  ({to} is down)", S::describe(&message)));
            return Ok(());
        }
        self.deliveries += 1;
        self.trace.note(self.now_ns, || format!("{from} ──▶ {to}  {}", S::describe(&message)));
        self.step_node(to, Input::Receive { from, message })
    }

    fn send(&mut self, from: NodeId, to: NodeId, message: S::Message) -> Result<(), Box<Violation>> {
        if let Some(promise) = S::promise(from, to, &message) {
            let entry = match (promise, &self.subjects[from.index()]) {
                (Promise::Log { index, .. }, Some(subject)) => subject.log_entry(index),
                _ => None,
            };
            self.checkers.promised(from, promise, entry, &self.disks[from.index()])?;
        }
        let kind = S::message_kind(&message);
        let arrivals = self.links.route(from, to, kind, &mut self.counts);
        match arrivals {
            [Some(delay_ns), None] => {
                self.queue.push(self.now_ns + delay_ns, Event::Deliver { from, to, kind, message });
            }
            [None, _] => {}
            [Some(first_ns), Some(second_ns)] => {
                for delay_ns in [first_ns, second_ns] {
                    let message = message.clone();
                    self.queue.push(self.now_ns + delay_ns, Event::Deliver { from, to, kind, message });
                }
            }
        }
        Ok(())
    }

    // ---- Nodes ----

    /// Gives a node one input, does what it asks for, and lets the checkers look.
    fn step_node(&mut self, node: NodeId, input: Input<S>) -> Result<(), Box<Violation>> {
        let place = node.index();
        let Some(subject) = &mut self.subjects[place] else { return Ok(()) };
        let local_ns = self.clocks[place].local_ns(self.now_ns);
        if let Input::Request { id, .. } = &input {
            self.hosts[place].asked.push(*id);
        }
        subject.step(local_ns, input, &mut self.outputs);
        let mut refused = None;
        let mut stopped = None;
        while let Some(output) = self.outputs.next() {
            match output {
                Output::Send { to, message } => self.send(node, to, message)?,
                Output::Write(write) => self.write(node, local_ns, write)?,
                Output::Respond { id, response } => {
                    self.hosts[place].answered(node, id)?;
                    self.responses.push((id, response));
                }
                Output::Refused(reason) => refused = Some(reason),
                Output::Stopped(reason) => stopped = Some(reason),
            }
        }
        self.look(node)?;
        if let Some(reason) = refused {
            return Err(Violation::new("honest_peers", format!("{node} refuses an input: {reason}")));
        }
        if let Some(reason) = stopped {
            self.fail(FailureKind::Crash, &Violation::new("crash", format!("{node} stops: {reason}")));
            return Ok(());
        }
        if self.responses.is_empty() { Ok(()) } else { self.send_responses() }
    }

    /// Lets the checkers look at a node that may have changed.
    fn look(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let place = node.index();
        let Some(subject) = &mut self.subjects[place] else { return Ok(()) };
        let alarm_ns = subject.deadline_ns().map_or(NEVER, |deadline| self.clocks[place].world_ns(deadline));
        // A deadline that is reached already is due now, not in the past.
        self.alarms.set(node, alarm_ns.max(self.now_ns));
        let before = self.trace.is_recording().then(|| *self.checkers.seen(node));
        let result = self.checkers.stepped(node, subject, &self.disks);
        let seen = self.checkers.seen(node);
        if let Some(before) = before {
            let change = trace::describe_change(node, &before, seen);
            if !change.is_empty() {
                self.trace.note_change(|| change);
            }
        }
        if result? {
            let seen = self.checkers.seen(node);
            self.trace.fold(seen.term_and_vote.term ^ seen.commit_index << 20);
            self.trace.fold(seen.last_index << 2 ^ seen.role as u64);
        }
        Ok(())
    }

    fn start(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let place = node.index();
        let host = &mut self.hosts[place];
        let setup = Setup {
            node,
            nodes: self.plan.nodes,
            now_ns: self.clocks[place].local_ns(self.now_ns),
            settings: &self.plan.settings,
            jitter: self.choices.jitter(node, host.incarnation),
        };
        match S::start(setup, &self.disks[place]) {
            Ok(mut subject) => {
                self.checkers.started(node, &mut subject, &self.disks[place])?;
                self.subjects[place] = Some(subject);
                self.look(node)
            }
            Err(reason) => {
                self.fail(FailureKind::Crash, &Violation::new("crash", format!("{node} cannot start: {reason}")));
                Ok(())
            }
        }
    }

    // ---- Disks ----

    fn write(&mut self, node: NodeId, local_ns: u64, write: <S::Disk as Disk>::Write) -> Result<(), Box<Violation>> {
        let place = node.index();
        let delay_ns = self.disk_delay_ns(node);
        let host = &mut self.hosts[place];
        if delay_ns == 0 && host.writes.is_empty() {
            self.store(node, &write)?;
            if let Some(subject) = &mut self.subjects[place] {
                subject.step(local_ns, Input::Written(write), &mut self.outputs);
            }
            return Ok(());
        }
        host.writes_end_ns = host.writes_end_ns.max(self.now_ns + delay_ns);
        host.writes.push_back(write);
        self.queue.push(host.writes_end_ns, Event::Written { node, incarnation: host.incarnation });
        Ok(())
    }

    fn disk_delay_ns(&mut self, node: NodeId) -> u64 {
        let host = &mut self.hosts[node.index()];
        let mut delay_ns = match self.plan.disk.write_ns {
            (0, 0) => 0,
            range => host.disk_delay.within(range),
        };
        if let Some((extra_ns, until_ns)) = host.slow
            && self.now_ns < until_ns
        {
            self.counts[FaultClass::SlowDisk] += 1;
            delay_ns += host.disk_delay.within((0, extra_ns));
        }
        delay_ns
    }

    fn store(&mut self, node: NodeId, write: &<S::Disk as Disk>::Write) -> Result<(), Box<Violation>> {
        let disk = &mut self.disks[node.index()];
        disk.write(write);
        self.checkers.disk_changed(node, disk, S::Disk::changes_log_from(write))
    }

    fn written(&mut self, node: NodeId, incarnation: u32) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node.index()];
        if host.incarnation != incarnation {
            self.trace.note(self.now_ns, || format!("{node} a write of before the crash"));
            return Ok(());
        }
        let Some(write) = host.writes.pop_front() else { return Ok(()) };
        self.trace.note(self.now_ns, || format!("{node} write is durable"));
        self.store(node, &write)?;
        self.step_node(node, Input::Written(write))
    }

    /// What a crash leaves of the writes under way: some of the first, and perhaps a part of the next.
    fn settle_writes(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let place = node.index();
        let host = &mut self.hosts[place];
        let mut writes = std::mem::take(&mut host.writes);
        if writes.is_empty() {
            return Ok(());
        }
        let kept = match self.plan.disk.loses {
            true => host.crash.below(writes.len() as u64 + 1) as usize,
            false => writes.len(),
        };
        if kept < writes.len() {
            self.counts[FaultClass::LostWrite] += 1;
        }
        let cut = writes.get(kept).filter(|_| self.plan.disk.tears);
        let torn = cut.and_then(|write| S::Disk::torn(write, &mut host.crash));
        if torn.is_some() {
            self.counts[FaultClass::TornWrite] += 1;
        }
        self.trace.note_change(|| format!("keeps {kept} of {} writes under way", writes.len()));
        writes.truncate(kept);
        for write in writes.iter().chain(&torn) {
            self.store(node, write)?;
        }
        Ok(())
    }

    // ---- Clients ----

    fn client_wakes(&mut self, client: u16) -> Result<(), Box<Violation>> {
        let place = usize::from(client);
        match self.plan.clients {
            Clients::Open { every_ns } => {
                self.queue.push(self.now_ns + every_ns, Event::ClientWakes { client });
                let Some(leader) = self.current_leader() else { return Ok(()) };
                let (id, command) = self.begin_request(place);
                self.trace.note(self.now_ns, || format!("client {client} asks {leader} for {command:?}"));
                self.step_node(leader, Input::Request { id, command })
            }
            Clients::Closed { timeout_ns, .. } => {
                let (id, command) = self.begin_request(place);
                let state = &mut self.clients[place];
                let to = state.target(self.plan.nodes);
                if let Some(delay_ns) = state.delay_ns(&self.plan.network) {
                    self.trace.note(self.now_ns, || format!("client {client} asks {to} for {command:?}"));
                    self.queue.push(self.now_ns + delay_ns, Event::Request { to, id, command });
                } else {
                    self.trace.note(self.now_ns, || format!("client {client} asks {to} for {command:?}  (lost)"));
                }
                self.queue.push(self.now_ns + timeout_ns, Event::ClientGivesUp { id });
                Ok(())
            }
        }
    }

    fn begin_request(&mut self, place: usize) -> (RequestId, S::Command) {
        let client = &mut self.clients[place];
        let id = client.begin();
        let command = S::draw_command(&self.plan.settings, id.client, id.number, &mut client.choice);
        self.checkers.invoked(id, S::command_digest(&command));
        (id, command)
    }

    /// The node that leads the latest term, as far as nodes that are up and running believe.
    fn current_leader(&self) -> Option<NodeId> {
        NodeId::all(self.plan.nodes)
            .filter(|node| self.subjects[node.index()].is_some() && !self.paused.contains(*node))
            .filter(|node| self.checkers.seen(*node).role == Role::Leader)
            .max_by_key(|node| self.checkers.seen(*node).term_and_vote.term)
    }

    fn request(&mut self, to: NodeId, id: RequestId, command: S::Command) -> Result<(), Box<Violation>> {
        if self.subjects[to.index()].is_none() {
            self.trace.note(self.now_ns, || format!("client {} ─✗ {to}  ({to} is down)", id.client));
            return Ok(());
        }
        self.trace.note(self.now_ns, || format!("client {} ──▶ {to}  {command:?}", id.client));
        self.step_node(to, Input::Request { id, command })
    }

    /// Sends what a node has answered on its way, after the checkers have seen the node.
    fn send_responses(&mut self) -> Result<(), Box<Violation>> {
        let mut responses = std::mem::take(&mut self.responses);
        for (id, response) in responses.drain(..) {
            // Judged where it is said: whether and when the client hears of it changes nothing.
            match &response {
                Response::Done { index, .. } => self.checkers.done(id, *index)?,
                Response::NotLeader { .. } | Response::NoEffect => self.checkers.refused(id)?,
            }
            let client = &mut self.clients[usize::from(id.client)];
            let is_remote = matches!(self.plan.clients, Clients::Closed { .. });
            if is_remote && let Some(delay_ns) = client.delay_ns(&self.plan.network) {
                self.queue.push(self.now_ns + delay_ns, Event::Response { id, response });
            }
        }
        self.responses = responses;
        Ok(())
    }

    fn respond(&mut self, id: RequestId, response: &Response<S::Answer>) {
        self.trace.note(self.now_ns, || format!("client {} ◀── {response:?}", id.client));
        let client = &mut self.clients[usize::from(id.client)];
        let leader = match response {
            Response::Done { .. } => client.leader(),
            Response::NotLeader { leader } => *leader,
            Response::NoEffect => None,
        };
        if client.end(id, leader) {
            self.client_thinks(id.client);
        }
    }

    fn client_gives_up(&mut self, id: RequestId) {
        if self.clients[usize::from(id.client)].end(id, None) {
            self.trace.note(self.now_ns, || format!("client {} gives up request {}", id.client, id.number));
            self.checkers.abandoned(id);
            self.client_thinks(id.client);
        }
    }

    fn client_thinks(&mut self, client: u16) {
        if let Clients::Closed { think_ns, .. } = self.plan.clients {
            let think_ns = self.clients[usize::from(client)].choice.within(think_ns);
            self.queue.push(self.now_ns + think_ns, Event::ClientWakes { client });
        }
    }

    // ---- Faults ----

    fn fault_starts(&mut self, number: usize) -> Result<(), Box<Violation>> {
        let fault = self.plan.faults[number].fault;
        self.trace.note(self.now_ns, || format!("FAULT {fault:?}"));
        let lasts_ns = match fault {
            Fault::Partition { for_ns, .. } => {
                self.counts[FaultClass::Partition] += 1;
                self.links.cut(fault);
                for_ns
            }
            Fault::OneWayPartition { for_ns, .. } => {
                self.counts[FaultClass::OneWayPartition] += 1;
                self.links.cut(fault);
                for_ns
            }
            Fault::Crash { nodes, down_ns } => {
                for node in self.members(nodes) {
                    self.crash(node, number)?;
                }
                down_ns
            }
            Fault::Pause { nodes, for_ns } => {
                for node in self.members(nodes) {
                    self.pause(node, number);
                }
                for_ns
            }
            Fault::SlowDisk { nodes, extra_ns, for_ns } => {
                for node in self.members(nodes) {
                    self.hosts[node.index()].slow = Some((extra_ns, self.now_ns.saturating_add(for_ns)));
                }
                return Ok(());
            }
        };
        self.queue.push(self.now_ns.saturating_add(lasts_ns), Event::FaultEnds { fault: number });
        Ok(())
    }

    fn fault_ends(&mut self, number: usize) -> Result<(), Box<Violation>> {
        let fault = self.plan.faults[number].fault;
        self.trace.note(self.now_ns, || format!("FAULT ENDS {fault:?}"));
        match fault {
            Fault::Partition { .. } | Fault::OneWayPartition { .. } => self.links.heal(fault),
            Fault::Crash { nodes, .. } => {
                for node in self.members(nodes) {
                    self.restart(node, number)?;
                }
            }
            Fault::Pause { nodes, .. } => {
                for node in self.members(nodes) {
                    self.resume(node, number);
                }
            }
            Fault::SlowDisk { .. } => {}
        }
        Ok(())
    }

    fn members(&self, nodes: NodeSet) -> impl Iterator<Item = NodeId> + use<S> {
        NodeId::all(self.plan.nodes).filter(move |node| nodes.contains(*node))
    }

    fn crash(&mut self, node: NodeId, fault: usize) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node.index()];
        if host.downed_by.is_some() {
            return Ok(());
        }
        host.downed_by = Some(fault);
        host.paused_by = None;
        self.paused = self.paused.without(node);
        host.backlog.clear();
        host.incarnation += 1;
        host.asked.clear();
        host.writes_end_ns = self.now_ns;
        self.subjects[node.index()] = None;
        self.alarms.set(node, NEVER);
        self.counts[FaultClass::Crash] += 1;
        self.settle_writes(node)
    }

    fn restart(&mut self, node: NodeId, fault: usize) -> Result<(), Box<Violation>> {
        let host = &mut self.hosts[node.index()];
        if host.downed_by != Some(fault) {
            return Ok(());
        }
        host.downed_by = None;
        self.start(node)
    }

    fn pause(&mut self, node: NodeId, fault: usize) {
        let host = &mut self.hosts[node.index()];
        if host.downed_by.is_none() && host.paused_by.is_none() {
            host.paused_by = Some(fault);
            self.paused = self.paused.with(node);
            self.alarms.set(node, NEVER);
            self.counts[FaultClass::Pause] += 1;
        }
    }

    fn resume(&mut self, node: NodeId, fault: usize) {
        let host = &mut self.hosts[node.index()];
        if host.paused_by != Some(fault) {
            return;
        }
        host.paused_by = None;
        self.paused = self.paused.without(node);
        // What waited in its buffers comes first, then its timer, which ran on meanwhile.
        for event in host.backlog.drain(..) {
            self.queue.push(self.now_ns, event);
        }
        if let Some(deadline_ns) = self.subjects[node.index()].as_ref().and_then(S::deadline_ns) {
            self.alarms.set(node, self.clocks[node.index()].world_ns(deadline_ns).max(self.now_ns));
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

    /// The hash after each event, where the run is recorded.
    pub(crate) fn trace_hashes(&self) -> &[u64] {
        self.trace.hashes()
    }

    /// Every event in words, where the run is recorded.
    #[must_use]
    pub fn timeline(&self) -> &[TraceLine] {
        self.trace.lines()
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

    /// How many messages have reached a node.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// How many terms had a leader.
    #[must_use]
    pub fn elections(&self) -> u64 {
        self.checkers.elections()
    }

    /// How many clients' commands are committed.
    #[must_use]
    pub fn commits(&self) -> u64 {
        self.checkers.commands()
    }

    /// How often each class of faults took effect.
    #[must_use]
    pub fn fault_counts(&self) -> FaultCounts {
        self.counts
    }

    /// The time, in nanoseconds from the start.
    #[must_use]
    pub fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// The node, unless it is down.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&S> {
        self.subjects.get(node.index())?.as_ref()
    }
}

impl<S: Subject> Event<S> {
    /// The node that cannot take part while it stands still.
    fn addressee(&self) -> Option<NodeId> {
        match self {
            Self::Deliver { to, .. } | Self::Request { to, .. } => Some(*to),
            Self::Written { node, .. } => Some(*node),
            _ => None,
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Deliver { .. } => "a message",
            Self::Written { .. } => "a write",
            Self::Request { .. } => "a request",
            _ => "an event",
        }
    }

    /// What the trace hash sees of an event, beside its time and what it changes.
    fn tag(&self) -> u64 {
        match self {
            Self::Deliver { from, to, kind, .. } => {
                1 << 32 | u64::from(from.0) << 16 | u64::from(to.0) << 8 | u64::from(*kind)
            }
            Self::Written { node, incarnation } => 2 << 32 | u64::from(node.0) << 24 | u64::from(*incarnation),
            Self::Request { to, id, .. } => 3 << 32 | u64::from(to.0) << 24 | u64::from(id.client),
            Self::Response { id, .. } => 4 << 32 | u64::from(id.client) << 16 | u64::from(id.number),
            Self::ClientWakes { client } => 5 << 32 | u64::from(*client),
            Self::ClientGivesUp { id } => 6 << 32 | u64::from(id.client) << 16 | u64::from(id.number),
            Self::FaultStarts { fault } => 7 << 32 | *fault as u64,
            Self::FaultEnds { fault } => 8 << 32 | *fault as u64,
        }
    }
}
