//! Runs by a tape, and what becomes a tape: which decisions are taken otherwise than the seed has it, and what happened
//! because of what.
//!
//! A run without a tape pays a look at an empty box, here and there.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;
use std::sync::Arc;

use super::World;
use super::asking::Asking;
use super::event::Event;
use super::host::NEVER;
use crate::choices::{Choice, Choices};
use crate::failure::Violation;
use crate::fault::Fault;
use crate::network::Arrivals;
use crate::node::{MAX_NODES, NodeId, NodeSet};
use crate::operation::Operation;
use crate::plan::{Clients, DiskPlan, Plan};
use crate::plan_error::PlanError;
use crate::shrink::script::{Cause, Script, Step};
use crate::subject::{Input, RequestId, Subject};
use crate::tape::{Decisions, Jitter, Key, Message, Otherwise, Request};

/// A clock that drifts rounds, and rounds otherwise where all happens a nanosecond later. A deadline that a tape names is
/// noticed when it says, though it be due so much later.
const ROUNDING_NS: u64 = 4;

/// More deadlines of a node than it has kinds of do not fall into one instant.
const MOST_PUT_OFF: usize = 8;

/// What arrives so soon after the faults have ended arrived in the moment when they did, in that order: a tape has no two
/// events at one instant.
const MOMENT_NS: u64 = 1_000;

/// A run by a tape, and what it has done so far.
#[derive(Clone, Debug)]
pub(super) struct Taping {
    decisions: Arc<Decisions>,
    /// How many decisions of each kind have been taken.
    timers: [u32; MAX_NODES],
    writes: [u32; MAX_NODES],
    crashes: [u32; MAX_NODES],
    damages: [u32; MAX_NODES],
    links: BTreeMap<(NodeId, NodeId, u8), u32>,
    script: Script,
    /// Whether the step under way is one of a node, and so the one that sends.
    is_in_step: bool,
    /// Which step sent a message on its way, and the how-manieth of what that sent it is; by its place in the mail.
    letters: BTreeMap<u32, (usize, usize)>,
    /// The steps that started the writes under way, and the how-manieth of its writes each is.
    writing: [VecDeque<(usize, usize)>; MAX_NODES],
    /// The steps in which faults struck, by the number of the fault.
    struck: BTreeMap<(usize, Option<NodeId>), usize>,
    /// Whether the faults are over, and with them what the tape says.
    is_healed: bool,
    /// What each client has asked for last, where the tape says so.
    asked: BTreeMap<u16, Request>,
    /// When each request was asked, and the steps in which it came to a node that has not answered it.
    asked_ns: BTreeMap<Request, u64>,
    /// From which place on was drawn what each asks for.
    commands: BTreeMap<RequestId, u64>,
    arrived: BTreeMap<(NodeId, RequestId), VecDeque<usize>>,
}

impl Taping {
    fn new(decisions: Arc<Decisions>) -> Self {
        Self {
            script: Script { jitter: decisions.jitter, ..Script::default() },
            decisions,
            timers: [0; MAX_NODES],
            writes: [0; MAX_NODES],
            crashes: [0; MAX_NODES],
            damages: [0; MAX_NODES],
            links: BTreeMap::new(),
            is_in_step: false,
            letters: BTreeMap::new(),
            writing: std::array::from_fn(|_| VecDeque::new()),
            struck: BTreeMap::new(),
            is_healed: false,
            asked: BTreeMap::new(),
            asked_ns: BTreeMap::new(),
            commands: BTreeMap::new(),
            arrived: BTreeMap::new(),
        }
    }

    fn value(&self, key: Key) -> Option<u64> {
        self.decisions.values.get(&key).copied()
    }

    fn is_nothing_else(&self) -> bool {
        self.decisions.otherwise == Otherwise::Nothing
    }

    fn begin(&mut self, at_ns: u64, node: NodeId, cause: Cause) {
        self.script.steps.push(Step::new(at_ns, node, cause));
        self.is_in_step = true;
    }

    fn step(&mut self) -> Option<&mut Step> {
        if self.is_in_step { self.script.steps.last_mut() } else { None }
    }

    /// When the next deadline of `node` is noticed that is due at `due_ns`, now or later.
    #[cold]
    pub(super) fn alarm_ns(&self, node: NodeId, now_ns: u64, due_ns: u64) -> u64 {
        let key = Key::Timer { node, number: self.timers[node.index()] };
        match self.value(key) {
            _ if self.is_healed => due_ns,
            Some(not_before_ns) if due_ns <= not_before_ns.saturating_add(ROUNDING_NS) => not_before_ns.max(now_ns),
            Some(_) => due_ns,
            None if self.is_nothing_else() => NEVER,
            None => due_ns,
        }
    }

    /// Whether the tape says when `node` notices its next deadline, and that is after `soon_ns`, or never.
    fn notices_later(&self, node: NodeId, soon_ns: u64) -> bool {
        let key = Key::Timer { node, number: self.timers[node.index()] };
        !self.is_healed && self.value(key).map_or(self.is_nothing_else(), |not_before_ns| not_before_ns > soon_ns)
    }

    #[cold]
    pub(super) fn noticed(&mut self, at_ns: u64, node: NodeId) {
        self.timers[node.index()] += 1;
        self.begin(at_ns, node, Cause::Timer);
    }

    /// When a message arrives, of which the seed says `drawn`, and `median_ns` is the usual time.
    #[cold]
    pub(super) fn sent(&mut self, (from, to, kind): (NodeId, NodeId, u8), drawn: Arrivals, median_ns: u64) -> Arrivals {
        let count = self.links.entry((from, to, kind)).or_default();
        let number = std::mem::replace(count, *count + 1);
        if let Some(step) = self.step() {
            step.sent.push((to, kind));
        }
        let message = Message { from, to, kind, number };
        let otherwise = match self.decisions.otherwise {
            _ if self.is_healed => drawn,
            Otherwise::Nothing => Arrivals::default(),
            Otherwise::Benign => Arrivals { first_ns: Some(median_ns), ..Arrivals::default() },
            Otherwise::Seed => drawn,
        };
        let (again_ns, stale_ns) = (self.value(Key::Again(message)), self.value(Key::Stale(message)));
        match (self.value(Key::Latency(message)), self.value(Key::Loss(message))) {
            (Some(latency_ns), _) => Arrivals { first_ns: Some(latency_ns), again_ns, stale_ns },
            (None, Some(1)) => Arrivals::default(),
            (None, lost) => Arrivals {
                first_ns: otherwise.first_ns.or(lost.map(|_| median_ns)),
                again_ns: again_ns.or(otherwise.again_ns),
                stale_ns: stale_ns.or(otherwise.stale_ns),
            },
        }
    }

    /// A message that the step under way has sent last lies there in the mail.
    #[cold]
    pub(super) fn posted(&mut self, place: u32) {
        match self.script.steps.last() {
            Some(step) if self.is_in_step => {
                self.letters.insert(place, (self.script.steps.len() - 1, step.sent.len() - 1));
            }
            // The message that lay there before was never delivered.
            _ => drop(self.letters.remove(&place)),
        }
    }

    #[cold]
    pub(super) fn delivered(&mut self, at_ns: u64, node: NodeId, place: u32) {
        if let Some((step, sent)) = self.letters.remove(&place) {
            self.begin(at_ns, node, Cause::Message { step, sent });
        }
    }

    /// How long the next write of `node` takes, of which the seed says `drawn_ns`.
    #[cold]
    pub(super) fn write_ns(&mut self, node: NodeId, drawn_ns: u64, disk: DiskPlan) -> u64 {
        let count = &mut self.writes[node.index()];
        let number = std::mem::replace(count, *count + 1);
        let otherwise = match self.decisions.otherwise {
            _ if self.is_healed => drawn_ns,
            Otherwise::Seed => drawn_ns,
            Otherwise::Benign | Otherwise::Nothing => disk.write_ns.0.midpoint(disk.write_ns.1),
        };
        let write_ns = self.value(Key::Disk { node, number }).unwrap_or(otherwise);
        if let Some(step) = self.step() {
            step.writes_ns.push(write_ns);
        }
        write_ns
    }

    /// The write that was started last is under way, and not done at once.
    #[cold]
    pub(super) fn writes(&mut self, node: NodeId) {
        let place = self.script.steps.len().saturating_sub(1);
        let write = self.step().map_or(0, |step| step.writes_ns.len().saturating_sub(1));
        self.writing[node.index()].push_back((place, write));
    }

    /// The write at `place` among those under way is done, or has failed.
    #[cold]
    pub(super) fn written(&mut self, at_ns: u64, node: NodeId, place: usize) {
        if let Some((step, write)) = self.writing[node.index()].remove(place) {
            self.begin(at_ns, node, Cause::Written { step, write });
        }
    }

    /// What a crash leaves, of which the seed says `drawn`, and `most` would be all.
    #[cold]
    pub(super) fn left(&mut self, node: NodeId, drawn: u64, most: u64) -> u64 {
        let count = &mut self.crashes[node.index()];
        let number = std::mem::replace(count, *count + 1);
        let is_drawn = self.is_healed || self.decisions.otherwise == Otherwise::Seed;
        let otherwise = if is_drawn { drawn } else { most };
        let left = self.value(Key::Crash { node, number }).unwrap_or(otherwise).min(most);
        if let Some(step) = self.step() {
            step.crashes.push((node, left));
        }
        left
    }

    /// What decides of the damage to the disk of `node`, of which the seed says `drawn`.
    pub(super) fn damage(&mut self, node: NodeId, drawn: &Choice) -> Choice {
        let count = &mut self.damages[node.index()];
        let number = std::mem::replace(count, *count + 1);
        let place = self.value(Key::Damage { node, number }).unwrap_or(drawn.place());
        if let Some(step) = self.step() {
            step.damages.push((node, place));
        }
        drawn.at_place(place)
    }

    /// No write of `node` is under way any more.
    #[cold]
    pub(super) fn crashed(&mut self, node: NodeId) {
        self.writing[node.index()].clear();
        self.arrived.retain(|(at, _), _| *at != node);
    }

    /// What the tape has `client` ask for after what it has asked for last, and when.
    fn next_request(&self, client: u16) -> Option<(Request, u64)> {
        let first = Key::Asks(Request { client, number: 0, attempt: 0 });
        let last = Key::Asks(Request { client, number: u32::MAX, attempt: u16::MAX });
        let from = self.asked.get(&client).map_or(Bound::Included(first), |asked| Bound::Excluded(Key::Asks(*asked)));
        let (key, at_ns) = self.decisions.values.range((from, Bound::Included(last))).next()?;
        if let Key::Asks(request) = key { Some((*request, *at_ns)) } else { None }
    }

    /// The client asks for that now.
    fn take_request(&mut self, client: u16) -> Option<Request> {
        let (request, _) = self.next_request(client)?;
        self.asked.insert(client, request);
        Some(request)
    }

    /// Whether the tape has the same request once more: attempts that come to nobody it does not name.
    pub(super) fn asks_again(&self, id: RequestId) -> bool {
        self.next_request(id.client).is_some_and(|(next, _)| next.number == id.number)
    }

    /// Whether clients ask for what the tape has, and for nothing else.
    pub(super) fn has_all_requests(&self) -> bool {
        self.is_nothing_else()
    }

    /// What decides of what a client asks for, of which the seed says `drawn`.
    pub(super) fn command(&mut self, id: RequestId, drawn: &Choice) -> Choice {
        let place = self.value(Key::Command(request(id, 0))).filter(|_| !self.is_healed).unwrap_or(drawn.place());
        self.commands.insert(id, place);
        drawn.at_place(place)
    }

    /// Whom a client asks, of whom the seed says `drawn`.
    #[cold]
    pub(super) fn asks(&mut self, at_ns: u64, id: RequestId, attempt: u16, drawn: NodeId, nodes: u8) -> NodeId {
        let request = request(id, attempt);
        self.asked_ns.insert(request, at_ns);
        let target = self.value(Key::Target(request));
        target.and_then(|number| u8::try_from(number).ok()?.checked_sub(1)).map_or(drawn, NodeId).min(NodeId(nodes - 1))
    }

    /// How long a request travels, of which the seed says `drawn`.
    #[cold]
    pub(super) fn request_ns(&self, id: RequestId, attempt: u16, drawn: Option<u64>, median_ns: u64) -> Option<u64> {
        self.value(Key::Request(request(id, attempt))).or(self.otherwise_ns(drawn, median_ns))
    }

    /// How long the answer of `node` travels, of which the seed says `drawn`.
    #[cold]
    pub(super) fn answer_ns(&mut self, node: NodeId, id: RequestId, drawn: Option<u64>, median_ns: u64) -> Option<u64> {
        let otherwise = self.otherwise_ns(drawn, median_ns);
        let Some(step) = self.arrived.get_mut(&(node, id)).and_then(VecDeque::pop_front) else { return otherwise };
        let Cause::Request { attempt, .. } = self.script.steps[step].cause else { return otherwise };
        let travels_ns = self.value(Key::Answer(request(id, attempt))).or(otherwise);
        if let Cause::Request { answer_ns, .. } = &mut self.script.steps[step].cause {
            *answer_ns = travels_ns;
        }
        travels_ns
    }

    fn otherwise_ns(&self, drawn: Option<u64>, median_ns: u64) -> Option<u64> {
        match self.decisions.otherwise {
            _ if self.is_healed => drawn,
            Otherwise::Nothing => None,
            Otherwise::Benign => Some(median_ns),
            Otherwise::Seed => drawn,
        }
    }

    #[cold]
    pub(super) fn arrived(&mut self, at_ns: u64, node: NodeId, id: RequestId, attempt: u16) {
        let asked_ns = self.asked_ns.get(&request(id, attempt)).copied().unwrap_or(at_ns);
        let place = self.commands.get(&id).copied().unwrap_or(0);
        self.begin(at_ns, node, Cause::Request { id, attempt, place, asked_ns, answer_ns: None });
        self.arrived.entry((node, id)).or_default().push_back(self.script.steps.len() - 1);
    }

    pub(super) fn operation(&mut self, at_ns: u64, node: NodeId, operation: Operation) {
        self.begin(at_ns, node, Cause::Operation(operation));
    }

    pub(super) fn fault(&mut self, at_ns: u64, number: usize, fault: Fault) {
        self.begin(at_ns, NodeId(0), Cause::Fault(fault));
        self.struck.insert((number, None), self.script.steps.len() - 1);
    }

    /// A node crashes together with others, and starts again on its own: a crash like any other.
    pub(super) fn crashes_with_others(&mut self, at_ns: u64, number: usize, node: NodeId, down_ns: u64) {
        self.fault(at_ns, number, Fault::Crash { nodes: NodeSet::default().with(node), down_ns });
        self.struck.insert((number, Some(node)), self.script.steps.len() - 1);
    }

    /// The fault is over, or a node starts again that went down with others.
    #[cold]
    pub(super) fn fault_ends(&mut self, at_ns: u64, number: usize, node: Option<NodeId>) {
        if let Some(step) = self.struck.get(&(number, node)) {
            self.begin(at_ns, NodeId(0), Cause::End { step: *step });
        }
    }

    /// The faults are over: from here on the seed decides, but for what is on its way already.
    pub(super) fn heals(&mut self) {
        self.is_healed = true;
        self.is_in_step = false;
        self.script.until_healed = Some(self.script.steps.len());
    }

    /// The event is over, and so is its step.
    #[cold]
    pub(super) fn end_event(&mut self) {
        self.is_in_step = false;
    }
}

fn request(RequestId { client, number }: RequestId, attempt: u16) -> Request {
    Request { client, number, attempt }
}

impl<S: Subject> World<S> {
    /// The world of `seed` with `plan`, in which `decisions` are taken as they say.
    ///
    /// # Errors
    /// Where the plan makes no sense.
    pub fn taped(plan: Plan<S::Settings>, seed: u64, decisions: Arc<Decisions>) -> Result<Self, PlanError> {
        let mut choices = Choices::new(seed);
        if decisions.jitter == Jitter::Least {
            choices = choices.with_small_jitter();
        }
        Self::with_choices(plan, choices, Some(Box::new(Taping::new(decisions))))
    }

    /// What the run did, where it has a tape.
    pub(crate) fn take_script(&mut self) -> Script {
        self.taping.as_mut().map(|taping| std::mem::take(&mut taping.script)).unwrap_or_default()
    }

    /// Wakes each client when the tape first has it ask for something.
    pub(super) fn schedule_taped_requests(&mut self) {
        for client in 0..self.clients.len() as u16 {
            self.schedule_taped_request(client);
        }
    }

    fn schedule_taped_request(&mut self, client: u16) {
        let next = self.taping.as_ref().and_then(|taping| taping.next_request(client));
        if let Some((_, at_ns)) = next {
            self.queue.push(at_ns.max(self.now_ns), Event::ClientWakes { client });
        }
    }

    /// A client asks for what the tape has next: once more, if it still waits, or anew. Then what the seed has before it is
    /// drawn, and not asked for; returned is how often the client has asked before, without being heard.
    pub(super) fn taped_client_wakes(&mut self, client: u16) -> Option<u16> {
        let place = usize::from(client);
        let Request { number, attempt, .. } = self.taping.as_mut()?.take_request(client)?;
        self.schedule_taped_request(client);
        let asked = self.clients[place].requests();
        if number < asked {
            let id = RequestId { client, number };
            if let Some(command) = self.clients[place].once_more(id, u32::from(attempt) + 1) {
                self.ask_again(id, command);
            }
            return None;
        }
        for _ in asked..number {
            let id = self.clients[place].begin();
            let _ = self.draw_command(id);
            self.draw_thought(client);
        }
        Some(attempt)
    }

    /// What is drawn between two requests is drawn, though the tape decides.
    pub(super) fn draw_thought(&mut self, client: u16) {
        if let Clients::Closed { think_ns, .. } = self.plan.clients {
            let _ = self.clients[usize::from(client)].choice.within(think_ns);
        }
    }

    /// A node notices its deadline, and what rounding has put off that fell into the same instant.
    pub(super) fn taped_wake_up(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        self.notice_deadline(node)?;
        for _ in 0..MOST_PUT_OFF {
            if !self.is_put_off(node) {
                break;
            }
            self.notice_deadline(node)?;
        }
        Ok(())
    }

    /// Whether the node's next deadline is due within what rounding takes, and the tape has it notice none so soon.
    fn is_put_off(&self, node: NodeId) -> bool {
        let Some(deadline_ns) = self.subjects[node].as_deref().and_then(S::deadline_ns) else { return false };
        let soon_ns = self.now_ns.saturating_add(ROUNDING_NS);
        let is_soon = self.clocks[node].world_ns(deadline_ns) <= soon_ns;
        is_soon && self.taping.as_ref().is_some_and(|taping| taping.notices_later(node, soon_ns))
    }

    /// A node notices its deadline, which its clock may be about to reach only.
    fn notice_deadline(&mut self, node: NodeId) -> Result<(), Box<Violation>> {
        let Some(mut subject) = self.subjects[node].take() else { return Ok(()) };
        let local_ns = self.clocks[node].local_ns(self.now_ns);
        let due_ns = subject.deadline_ns().unwrap_or(local_ns).min(local_ns + 2 * ROUNDING_NS);
        let mut asking = Asking::new(self, node);
        subject.step(local_ns.max(due_ns), Input::DeadlineReached, &mut asking);
        let result = asking.end_step(&mut subject, local_ns);
        self.subjects[node] = Some(subject);
        result
    }

    /// The faults end: what was held up by them comes in this moment, before all that comes of their end.
    pub(super) fn gather_moment(&mut self) {
        if !self.has_taped_requests() {
            return;
        }
        let now_ns = self.now_ns;
        let mut waiting = Vec::with_capacity(self.queue.len());
        self.queue.drain(|at_ns, event| waiting.push((at_ns, event)));
        for (at_ns, event) in waiting {
            let stalled_until_ns = match &event {
                Event::Written { node, .. } => self.hosts[*node].stalled_until_ns,
                _ => 0,
            };
            // A write on a disk that is stalled is done when the disk gets well.
            let moved_ns = if at_ns < now_ns + MOMENT_NS { stalled_until_ns.max(now_ns) } else { at_ns };
            self.queue.push(moved_ns, event);
        }
    }

    /// From here on deadlines are noticed when they are due.
    pub(super) fn rearm(&mut self) {
        for node in NodeId::all(self.plan.nodes) {
            if self.paused.contains(node) {
                continue;
            }
            if let Some(deadline_ns) = self.subjects[node].as_deref().and_then(S::deadline_ns) {
                self.alarms.set(node, self.clocks[node].world_ns(deadline_ns).max(self.now_ns));
            }
        }
    }
}
