//! Cores that write inside the step.

use std::collections::VecDeque;

use crate::choices::Choice;
use crate::fault::WriteError;
use crate::linearizability::{Access, Outcome};
use crate::membership::Membership;
use crate::node::{NodeId, NodeSet};
use crate::subject::{Claim, Disk, Input, LogEntry, Observation, Outputs, RequestId, Response, Setup, Subject};

/// A subject whose steps wait for their writes: what `S` asks for after a [write](Outputs::write) happens once that is durable.
///
/// That is what a core does which calls `fsync` itself and goes on when it returns. `S` is such a core behind the usual trait:
/// it writes, and then sends and answers in the same step as if the write were done; it is never stepped with
/// [`Input::Written`]. As long as a write is under way the node does nothing else: what happens to it waits, in order, and
/// deadlines pass unnoticed. A crash in the middle loses the rest of the step with the write, and what the checkers see of the
/// node is how it was before the step, until all of the step has happened.
#[derive(Clone, Debug)]
pub struct Synchronous<S: Subject> {
    core: S,
    /// How it was before the step that has not come to its end.
    before: Option<Box<S>>,
    /// What is left of that step.
    rest: VecDeque<Effect<S>>,
    /// What has happened since.
    waiting: VecDeque<Happening<S>>,
}

#[derive(Clone, Debug)]
enum Effect<S: Subject> {
    Send(NodeId, S::Message),
    Write(<S::Disk as Disk>::Write),
    Respond(RequestId, Response<S::Answer>),
    GiveUp(RequestId),
    Exercised(u8),
    Refuse(String),
    Stop(String),
}

/// An input, to be kept and copied.
#[derive(Clone, Debug)]
enum Happening<S: Subject> {
    Receive(NodeId, S::Message),
    Request(RequestId, S::Command),
    Operate(crate::Operation),
    DeadlineReached,
}

/// Keeps what a step asks for.
struct Keeper<S: Subject>(VecDeque<Effect<S>>);

impl<S: Subject> Outputs<S> for Keeper<S> {
    fn send(&mut self, to: NodeId, message: S::Message) {
        self.0.push_back(Effect::Send(to, message));
    }

    fn write(&mut self, write: <S::Disk as Disk>::Write) {
        self.0.push_back(Effect::Write(write));
    }

    fn respond(&mut self, id: RequestId, response: Response<S::Answer>) {
        self.0.push_back(Effect::Respond(id, response));
    }

    fn give_up(&mut self, id: RequestId) {
        self.0.push_back(Effect::GiveUp(id));
    }

    fn exercised(&mut self, feature: u8) {
        self.0.push_back(Effect::Exercised(feature));
    }

    fn refuse(&mut self, reason: String) {
        self.0.push_back(Effect::Refuse(reason));
    }

    fn stop(&mut self, reason: String) {
        self.0.push_back(Effect::Stop(reason));
    }
}

impl<S: Subject + Clone> Synchronous<S> {
    fn seen(&self) -> &S {
        self.before.as_deref().unwrap_or(&self.core)
    }

    /// Goes on with the step until it writes, and returns whether it has come to its end.
    fn go_on(&mut self, out: &mut impl Outputs<Self>) -> bool {
        while let Some(effect) = self.rest.pop_front() {
            match effect {
                Effect::Send(to, message) => out.send(to, message),
                Effect::Respond(id, response) => out.respond(id, response),
                Effect::GiveUp(id) => out.give_up(id),
                Effect::Exercised(feature) => out.exercised(feature),
                Effect::Refuse(reason) => out.refuse(reason),
                Effect::Stop(reason) => out.stop(reason),
                Effect::Write(write) => {
                    out.write(write);
                    return false;
                }
            }
        }
        self.before = None;
        true
    }

    fn take_in(&mut self, now_ns: u64, happening: Happening<S>) {
        let input = match happening {
            Happening::Receive(from, message) => Input::Receive { from, message },
            Happening::Request(id, command) => Input::Request { id, command },
            Happening::Operate(operation) => Input::Operate { operation },
            Happening::DeadlineReached => Input::DeadlineReached,
        };
        self.before = Some(Box::new(self.core.clone()));
        let mut keeper = Keeper(VecDeque::new());
        self.core.step(now_ns, input, &mut keeper);
        self.rest = keeper.0;
    }
}

/// What judges a node by when a message came to it is left out ([`silence`](Subject::silence), [`says_of_leader`](Subject::says_of_leader),
/// [`is_confirmed_read`](Subject::is_confirmed_read), [`patience_ns`](Subject::patience_ns)): a core that stands in its write takes it in later.
impl<S: Subject + Clone> Subject for Synchronous<S> {
    type Settings = S::Settings;
    type Message = S::Message;
    type Command = S::Command;
    type Answer = S::Answer;
    type Disk = S::Disk;

    const NAME: &'static str = S::NAME;
    const MESSAGE_KINDS: &'static [&'static str] = S::MESSAGE_KINDS;
    const FEATURES: &'static [&'static str] = S::FEATURES;
    const MARKS: &'static [&'static str] = S::MARKS;
    const HAS_INVARIANT: bool = S::HAS_INVARIANT;
    const SHOWS_DECIDED: bool = S::SHOWS_DECIDED;
    const APPLIES_ONLY_DURABLE: bool = S::APPLIES_ONLY_DURABLE;
    const ONLY_MEMBERS_CAMPAIGN: bool = S::ONLY_MEMBERS_CAMPAIGN;
    const ENDS_REQUESTS: bool = S::ENDS_REQUESTS;
    const LEADS_ONLY_BY_DURABLE_VOTES: bool = S::LEADS_ONLY_BY_DURABLE_VOTES;

    fn simpler_settings(settings: &S::Settings) -> Vec<S::Settings> {
        S::simpler_settings(settings)
    }

    fn start(setup: Setup<'_, S::Settings>, disk: &S::Disk) -> Result<Self, String> {
        let core = S::start(setup, disk)?;
        Ok(Self { core, before: None, rest: VecDeque::new(), waiting: VecDeque::new() })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        match input {
            Input::Receive { from, message } => self.waiting.push_back(Happening::Receive(from, message)),
            Input::Request { id, command } => self.waiting.push_back(Happening::Request(id, command)),
            Input::Operate { operation } => self.waiting.push_back(Happening::Operate(operation)),
            Input::DeadlineReached => self.waiting.push_back(Happening::DeadlineReached),
            Input::Written if !self.go_on(out) => return,
            Input::Written => {}
        }
        while self.before.is_none()
            && let Some(happening) = self.waiting.pop_front()
        {
            self.take_in(now_ns, happening);
            self.go_on(out);
        }
    }

    /// A core that stands in its write comes to no decision about it.
    fn write_failed(&mut self, _: u64, _: WriteError, _: &mut impl Outputs<Self>) -> bool {
        false
    }

    fn upgraded(settings: &S::Settings, node: NodeId, choice: &mut Choice) -> Option<S::Settings> {
        S::upgraded(settings, node, choice)
    }

    fn trusts_clocks(settings: &S::Settings) -> bool {
        S::trusts_clocks(settings)
    }

    fn asks_first(settings: &S::Settings, node: NodeId) -> bool {
        S::asks_first(settings, node)
    }

    fn deadline_ns(&self) -> Option<u64> {
        if self.before.is_some() { None } else { self.core.deadline_ns() }
    }

    fn message_kind(message: &S::Message) -> u8 {
        S::message_kind(message)
    }

    fn draw_command(settings: &S::Settings, client: u16, number: u32, choice: &mut Choice) -> S::Command {
        S::draw_command(settings, client, number, choice)
    }

    fn command_digest(command: &S::Command) -> u64 {
        S::command_digest(command)
    }

    fn access(command: &S::Command) -> Option<Access> {
        S::access(command)
    }

    fn outcome(answer: &S::Answer) -> Option<Outcome> {
        S::outcome(answer)
    }

    fn takes_effect_once(command: &S::Command) -> bool {
        S::takes_effect_once(command)
    }

    fn describe(message: &S::Message) -> String {
        S::describe(message)
    }

    fn claim(from: NodeId, to: NodeId, message: &S::Message) -> Option<Claim> {
        S::claim(from, to, message)
    }

    fn invariant(nodes: &[Option<&Self>], disks: &[S::Disk]) -> Result<(), String> {
        let nodes: Vec<Option<&S>> = nodes.iter().map(|node| node.map(Self::seen)).collect();
        S::invariant(&nodes, disks)
    }

    fn decided(&self, from: u64) -> impl Iterator<Item = u64> {
        self.seen().decided(from)
    }

    fn state_digest(&self) -> Option<u64> {
        self.seen().state_digest()
    }

    fn observe(&mut self) -> Option<Observation> {
        self.before.as_deref_mut().unwrap_or(&mut self.core).observe()
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.seen().log_entry(index)
    }

    fn log_membership(&self, index: u64) -> Option<Membership> {
        self.seen().log_membership(index)
    }

    fn coming_memberships(&self) -> impl Iterator<Item = Membership> {
        self.seen().coming_memberships()
    }

    fn snapshot_term(&self) -> Option<u64> {
        self.seen().snapshot_term()
    }

    fn lease_vouchers(&self, now_ns: u64) -> NodeSet {
        self.seen().lease_vouchers(now_ns)
    }

    fn observe_progress(&self) -> impl Iterator<Item = (NodeId, u64, u64)> {
        self.seen().observe_progress()
    }
}
