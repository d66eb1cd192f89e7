//! The world of one run: nodes, their clocks and disks, the network between them, clients and faults.

mod ambush;
mod asking;
mod bound;
mod by_priority;
mod clogs;
mod confirming;
mod contacts;
mod damage;
mod disks;
mod event;
mod exploring;
mod healed_core;
mod healing;
mod host;
mod injection;
mod mail;
mod making;
mod nodes;
mod operations;
mod pleas;
mod quorums;
mod requests;
mod seen;
mod settling;
mod silence;
mod taping;
mod watching;

use std::collections::VecDeque;

use ambush::Ambushes;
use by_priority::ByPriority;
use clogs::Held;
use event::Event;
pub(crate) use exploring::Position;
use healed_core::Healing;
use host::{Alarms, Host};
use mail::{Letter, Mail};
use pleas::Plea;
use taping::Taping;

use crate::atlas::Atlas;
use crate::checkers::Checkers;
use crate::checkers::check_quorum::Contacts;
use crate::checkers::read_confirmation::Confirmations;
use crate::checkers::silence::Silences;
use crate::choices::{Choices, Turn};
use crate::clients::Client;
use crate::clock::Clock;
use crate::failure::{Failure, FailureKind, Violation};
use crate::fault::Fault;
use crate::faults::{FaultClass, FaultCounts};
use crate::history::{History, Judgement, Stamp};
use crate::network::{Links, Passage};
use crate::node::{NodeId, NodeSet, PerNode};
use crate::plan::Plan;
use crate::queue::Queue;
use crate::subject::{Claim, Disk, Input, RequestId, Response, Subject};
use crate::totals::FeatureCounts;
use crate::trace::{Message, Source, Trace, What};

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
    /// Where times are times: nothing is chosen out of their order, and no clock is set.
    silences: Option<Silences>,
    /// The same, where some leaders give up who hear from too few.
    contacts: Option<Box<Contacts>>,
    /// Once a read has come that a leader must make sure for.
    confirmations: Option<Box<Confirmations>>,
    /// What the node under way is asked by a candidate.
    plea: Option<Box<Plea>>,
    trace: Trace,
    counts: FaultCounts,
    features: FeatureCounts,
    deliveries: u64,
    /// How many copies of messages wait to arrive once more, long after: the network's doing, and nobody's growth.
    stale_to_come: usize,
    event_limit: u64,
    /// How many deadlines have been noticed at this very instant, after the first.
    alarms_at_once: u64,
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
    /// Where futures are tried out: what turns all that nodes draw for themselves.
    turn: Option<Turn>,
    /// The faults of the plan, each as it strikes.
    faults: Vec<Fault>,
    ambushes: Ambushes,
    /// The longest time that a disk which was made slow has taken more.
    slowed_by_ns: u64,
    atlas: Atlas,
    /// What a node has promised in the step under way.
    claims: Vec<Claim>,
    /// What a node has written in the step under way that is durable at once.
    durable_at_once: VecDeque<<S::Disk as Disk>::Write>,
    responses: Vec<(RequestId, Response<S::Answer>)>,
}

/// A run may have this many events at one instant, and on average this many a millisecond: ten times what the busiest
/// honest runs have.
const MOST_EVENTS_AT_ONCE: u64 = 20_000;
const MOST_EVENTS_PER_MS: u64 = 200;
/// So many deadlines may be noticed at one instant.
const MOST_ALARMS_AT_ONCE: u64 = 2_000;
/// So many events may wait.
const MOST_WAITING: usize = 10_000;

impl<S: Subject> World<S> {
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
                let goes_on = self.healed_phase_ends();
                if !goes_on {
                    self.end();
                }
                goes_on && self.failure.is_none()
            }
        }
    }

    /// A run that has more events than any sane protocol is ended: its timers stand still, or its messages multiply.
    #[cold]
    fn check_growth(&mut self) {
        self.event_limit = MOST_EVENTS_AT_ONCE + MOST_EVENTS_PER_MS * (self.now_ns / 1_000_000);
        let waiting = self.queue.len().saturating_sub(self.stale_to_come);
        if self.trace.events > self.event_limit || waiting > MOST_WAITING {
            let ms = self.now_ns / 1_000_000;
            let detail = format!("{} events in {ms} ms, with {waiting} more to come", self.trace.events);
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

    /// Whatever else a run may still have room for: time does not go on.
    #[cold]
    fn fail_with_standing_timer(&mut self, node: NodeId) {
        let ms = self.now_ns / 1_000_000;
        let detail =
            format!("{node} is woken {MOST_ALARMS_AT_ONCE} times at {ms} ms, by a deadline that it leaves as it is");
        self.fail(FailureKind::Liveness, &Violation::new("runaway", detail));
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
        self.alarms_at_once = if at_ns == self.now_ns { self.alarms_at_once + 1 } else { 0 };
        if self.alarms_at_once > MOST_ALARMS_AT_ONCE {
            self.fail_with_standing_timer(sleeper);
            return Ok(());
        }
        self.now_ns = at_ns;
        self.trace.fold(at_ns);
        self.trace.fold(u64::from(sleeper.0));
        self.trace.note(at_ns, Some(sleeper), Source::Alarm(sleeper), || What::Timer);
        if let Some(taping) = &mut self.taping {
            taping.noticed(at_ns, sleeper);
            self.taped_wake_up(sleeper)?;
            return self.judge_patience(sleeper);
        }
        self.step_node(sleeper, Input::DeadlineReached)?;
        self.judge_patience(sleeper)
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
        if letter.generation() != self.hosts[from].generation && self.is_healed() {
            self.drop_message(from, to, letter, "from before the end of the faults");
            return Ok(());
        }
        // Looked at where it lies, and then moved once.
        self.note_word_of_leader(from, to, &letter);
        if let Some(contacts) = &mut self.contacts {
            contacts.heard(to, from, self.now_ns);
        }
        if let Some(confirmations) = &mut self.confirmations {
            confirmations.arrived(letter.place(), from, to);
        }
        self.deliveries += 1;
        if let Some(taping) = &mut self.taping {
            taping.delivered(self.now_ns, to, letter.place());
        }
        if self.trace.is_recording() {
            self.note_delivery(from, to, source, &letter);
        }
        if let Some(message) = self.mail.take(letter) {
            self.step_node(to, Input::Receive { from, message })?;
        }
        if self.plea.is_some() { self.judge_plea() } else { Ok(()) }
    }

    #[cold]
    fn note_delivery(&mut self, from: NodeId, to: NodeId, source: Source, letter: &Letter) {
        if let Some(message) = self.mail.read(letter) {
            self.trace.note(self.now_ns, Some(to), source, || What::Delivery(in_words::<S>(from, to, message)));
        }
    }

    /// A message that has long arrived arrives once more.
    #[cold]
    fn replay(&mut self, from: NodeId, to: NodeId, kind: u8, letter: Letter) -> Result<(), Box<Violation>> {
        self.stale_to_come -= 1;
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
}

fn in_words<S: Subject>(from: NodeId, to: NodeId, message: &S::Message) -> Message {
    let kind = usize::from(S::message_kind(message));
    let name = S::MESSAGE_KINDS.get(kind).copied().unwrap_or("message");
    Message { from, to, message: name, says: S::describe(message) }
}
