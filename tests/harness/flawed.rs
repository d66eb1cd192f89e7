//! A Raft with a flaw that breaks no promise about safety.

use scenarios::raft_core_subject::{RaftCore, Settings};
use sim::{Choice, Input, NodeId, Outputs, Response, Setup, Subject};
use tests::{PassedOn, handed_in, seen_as_within};

/// What the servers stop doing after a time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Flaw {
    /// Nothing.
    Sound,
    /// No server acts of its own accord any more.
    Sleeps,
    /// No server listens to clients any more.
    IgnoresClients,
    /// No server answers clients any more unless it leads.
    IgnoresClientsOfFollowers,
    /// Whoever leads refuses to read.
    RefusesReads,
    /// Whoever leads refuses to write, once it has written something since.
    RefusesSecondWrite,
    /// Whoever leads refuses to write once, after it has written something since.
    RefusesOneWrite,
    /// Whoever was asked by an operator for anything waits for it to be done for ever, and with it all clients.
    IgnoresClientsOnceAsked,
    /// One server takes no entries any more.
    IgnoresEntries,
    /// One server does not listen to leaders any more.
    IgnoresLeaders,
    /// No server listens to candidates any more.
    IgnoresCandidates,
    /// Each server loses the first thing that it is asked for, as its leader or not, and says so to nobody.
    LosesOneRequest,
}

impl Flaw {
    const ALL: [Self; 12] = [
        Self::Sound,
        Self::Sleeps,
        Self::IgnoresClients,
        Self::IgnoresClientsOfFollowers,
        Self::RefusesReads,
        Self::RefusesSecondWrite,
        Self::RefusesOneWrite,
        Self::IgnoresClientsOnceAsked,
        Self::IgnoresEntries,
        Self::IgnoresLeaders,
        Self::IgnoresCandidates,
        Self::LosesOneRequest,
    ];
}

/// The server that is flawed where only one is.
pub(crate) const BAD: NodeId = NodeId(2);

/// A server of the project's own Raft, and its flaw.
#[derive(Clone, Debug)]
pub(crate) struct Flawed {
    raft: RaftCore,
    node: NodeId,
    flaw: Flaw,
    since_ns: u64,
    now_ns: u64,
    was_asked: bool,
    has_written: bool,
    has_refused: bool,
    has_lost_one: bool,
}

impl Flawed {
    /// The settings of servers with this flaw, from a time on.
    pub(crate) fn settings(raft: Settings, flaw: Flaw, since_ns: u64) -> (Settings, u8, u64) {
        (raft, flaw as u8, since_ns)
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == flaw && self.now_ns >= self.since_ns
    }

    fn ignores(&self, input: &Input<Self>) -> bool {
        let Input::Receive { message, .. } = input else {
            let is_deaf =
                self.has(Flaw::IgnoresClients) || self.has(Flaw::IgnoresClientsOfFollowers) && !self.raft.is_leader();
            let waits = self.has(Flaw::IgnoresClientsOnceAsked) && self.was_asked;
            // It does not do what it was asked for either.
            return matches!(input, Input::Request { .. }) && (is_deaf || waits)
                || matches!(input, Input::Operate { .. }) && waits;
        };
        let kind = RaftCore::MESSAGE_KINDS[usize::from(RaftCore::message_kind(message))];
        if matches!(kind, "PreVote" | "RequestVote") {
            return self.has(Flaw::IgnoresCandidates);
        }
        let is_of_leader = kind == "AppendEntries";
        let has_entries = is_of_leader && RaftCore::describe(message).starts_with("AppendEntries");
        self.node == BAD
            && (is_of_leader && self.has(Flaw::IgnoresLeaders) || has_entries && self.has(Flaw::IgnoresEntries))
    }
}

impl Flawed {
    fn refuses(&mut self, command: &<Self as Subject>::Command) -> bool {
        let is_read = RaftCore::access(command).is_some_and(|access| access.is_read());
        let has_written = self.has_written;
        self.has_written |= !is_read && self.now_ns >= self.since_ns && self.raft.is_leader();
        if self.has(Flaw::RefusesOneWrite) && self.raft.is_leader() && !is_read && has_written {
            return !std::mem::replace(&mut self.has_refused, true);
        }
        self.raft.is_leader()
            && (is_read && self.has(Flaw::RefusesReads)
                || !is_read && has_written && self.has(Flaw::RefusesSecondWrite))
    }
}

impl Subject for Flawed {
    type Settings = (Settings, u8, u64);
    type Message = <RaftCore as Subject>::Message;
    type Command = <RaftCore as Subject>::Command;
    type Answer = <RaftCore as Subject>::Answer;
    type Disk = <RaftCore as Subject>::Disk;

    const NAME: &'static str = "raft-core with a flaw";
    const MESSAGE_KINDS: &'static [&'static str] = RaftCore::MESSAGE_KINDS;
    const FEATURES: &'static [&'static str] = RaftCore::FEATURES;
    const MARKS: &'static [&'static str] = RaftCore::MARKS;
    const ENDS_REQUESTS: bool = RaftCore::ENDS_REQUESTS;

    fn start(setup: Setup<'_, Self::Settings>, disk: &Self::Disk) -> Result<Self, String> {
        let Setup { node, nodes, members, now_ns, settings, jitter } = setup;
        let (settings, flaw, since_ns) = settings;
        let flaw = *Flaw::ALL.iter().find(|known| **known as u8 == *flaw).ok_or("no such flaw")?;
        let raft = RaftCore::start(Setup { node, nodes, members, now_ns, settings, jitter }, disk)?;
        Ok(Self {
            raft,
            node,
            flaw,
            since_ns: *since_ns,
            now_ns,
            was_asked: false,
            has_written: false,
            has_refused: false,
            has_lost_one: false,
        })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        self.now_ns = now_ns;
        self.was_asked |= matches!(input, Input::Operate { .. });
        if self.ignores(&input) {
            return;
        }
        let loses = self.has(Flaw::LosesOneRequest) && matches!(input, Input::Request { .. });
        if loses && !std::mem::replace(&mut self.has_lost_one, true) {
            return;
        }
        if let Input::Request { id, command } = &input
            && self.refuses(command)
        {
            return out.respond(*id, Response::NoEffect);
        }
        self.raft.step(now_ns, handed_in(input), &mut PassedOn::<Self, _>::new(out));
    }

    fn deadline_ns(&self) -> Option<u64> {
        let is_due = |deadline_ns: &u64| self.flaw != Flaw::Sleeps || *deadline_ns < self.since_ns;
        self.raft.deadline_ns().filter(is_due)
    }

    fn message_kind(message: &Self::Message) -> u8 {
        RaftCore::message_kind(message)
    }

    fn draw_command(settings: &Self::Settings, client: u16, number: u32, choice: &mut Choice) -> Self::Command {
        RaftCore::draw_command(&settings.0, client, number, choice)
    }

    seen_as_within!(raft: RaftCore);
}
