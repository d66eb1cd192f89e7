//! A protocol that is no Raft and has one habit.

use std::sync::atomic::{AtomicU64, Ordering};

use sim::{Choice, Disk, Input, LogEntry, NodeId, Observation, Outputs, Response, Role, Setup, Subject, TermAndVote};

/// What the toy does beside chatting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    /// Nothing.
    Chats,
    /// Leads whenever it likes.
    Usurps,
    /// Usurps at a time that no seed decides.
    Wavers,
    /// Chats at times that no seed decides.
    Meanders,
    /// Chats in an order that no seed decides.
    Shuffles,
    /// Panics on a client's request.
    Panics,
    /// Stops on a client's request.
    Stops,
    /// Does not start.
    CannotStart,
    /// Panics when it starts.
    PanicsAtStart,
    /// Refuses messages.
    Refuses,
    /// Sends to a node that the cluster does not have.
    WritesToStrangers,
    /// Sends clients to a node that the cluster does not have.
    NamesStrangers,
    /// Answers each message with two.
    Storms,
    /// Wants to be woken at once, again and again.
    Fidgets,
}

impl Habit {
    const ALL: &[Self] = &[
        Self::Chats,
        Self::Usurps,
        Self::Wavers,
        Self::Meanders,
        Self::Shuffles,
        Self::Panics,
        Self::Stops,
        Self::CannotStart,
        Self::PanicsAtStart,
        Self::Refuses,
        Self::WritesToStrangers,
        Self::NamesStrangers,
        Self::Storms,
        Self::Fidgets,
    ];

    /// As the settings of a plan, which are data to be written down.
    pub(crate) fn settings(self) -> u8 {
        self as u8
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Toy {
    node: NodeId,
    nodes: u8,
    habit: Habit,
    deadline_ns: u64,
    steps: u64,
    is_turned_round: bool,
    role: Role,
}

/// Nothing is ever written.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoDisk;

impl Disk for NoDisk {
    type Write = ();

    fn write(&mut self, (): &()) {}
}

/// What differs from run to run, as the order of an unordered map would.
static ELSEWHERE: AtomicU64 = AtomicU64::new(0);
static ORDER: AtomicU64 = AtomicU64::new(0);

impl Subject for Toy {
    type Settings = u8;
    type Message = &'static str;
    type Command = u64;
    type Answer = ();
    type Disk = NoDisk;

    const NAME: &'static str = "toy";
    const MESSAGE_KINDS: &'static [&'static str] = &["chat"];
    const FEATURES: &'static [&'static str] = &["listening", "yodelling"];

    fn start(setup: Setup<'_, u8>, _: &NoDisk) -> Result<Self, String> {
        let Setup { node, nodes, now_ns, settings, mut jitter, .. } = setup;
        let habit = *Habit::ALL.iter().find(|habit| habit.settings() == *settings).ok_or("no such habit")?;
        if habit == Habit::CannotStart {
            return Err("the toy does not feel like it".to_owned());
        }
        assert!(habit != Habit::PanicsAtStart, "the toy is broken from the start");
        // No two runs get the same number, so no two are alike.
        let elsewhere = match habit {
            Habit::Wavers | Habit::Meanders => ELSEWHERE.fetch_add(1, Ordering::Relaxed),
            _ => 0,
        };
        let deadline_ns = now_ns + jitter.within((10_000_000, 20_000_000)) + elsewhere;
        // An odd number of nodes: in the next run it is the other way round.
        let is_turned_round = habit == Habit::Shuffles && ORDER.fetch_add(1, Ordering::Relaxed) % 2 == 1;
        Ok(Self { node, nodes, habit, deadline_ns, steps: 0, is_turned_round, role: Role::Follower })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        self.steps += 1;
        let others = NodeId::all(self.nodes).filter(|node| *node != self.node);
        match (input, self.habit) {
            (Input::DeadlineReached, habit) => {
                self.deadline_ns = if habit == Habit::Fidgets { now_ns } else { now_ns + 10_000_000 };
                if matches!(habit, Habit::Usurps | Habit::Wavers) && self.steps > 2 {
                    self.role = Role::Leader;
                }
                if habit != Habit::Fidgets {
                    let mut others: Vec<NodeId> = others.collect();
                    if self.is_turned_round {
                        others.reverse();
                    }
                    others.into_iter().for_each(|to| out.send(to, "hello"));
                }
            }
            (Input::Receive { .. }, Habit::Chats) => out.exercised(0),
            (Input::Receive { .. }, Habit::Refuses) => out.refuse("a chat is beneath me".to_owned()),
            (Input::Receive { from, .. }, Habit::Storms) => {
                out.send(from, "well");
                out.send(from, "hello to you too");
            }
            (Input::Receive { .. }, Habit::WritesToStrangers) => out.send(NodeId(8), "anybody there?"),
            (Input::Request { id, .. }, Habit::NamesStrangers) => {
                out.respond(id, Response::NotLeader { leader: Some(NodeId(8)) });
            }
            (Input::Request { .. }, Habit::Panics) => panic!("the toy is broken"),
            (Input::Request { .. }, Habit::Stops) => out.stop("enough".to_owned()),
            _ => {}
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        Some(self.deadline_ns)
    }

    fn message_kind(_: &Self::Message) -> u8 {
        0
    }

    fn draw_command(_: &u8, client: u16, number: u32, _: &mut Choice) -> u64 {
        u64::from(client) << 32 | u64::from(number)
    }

    fn command_digest(command: &u64) -> u64 {
        command + 1
    }

    fn observe(&mut self) -> Option<Observation> {
        let term_and_vote = TermAndVote { term: 1, voted_for: None };
        Some(Observation { term_and_vote, role: self.role, ..Observation::default() })
    }

    fn log_entry(&self, _: u64) -> Option<LogEntry> {
        None
    }
}
