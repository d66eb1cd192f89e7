//! A protocol that is no Raft and has one habit.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};
use sim::{Choice, Disk, Input, LogEntry, NodeId, Observation, Outputs, Role, Setup, Subject, TermAndVote};

/// What the toy does beside chatting.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) enum Habit {
    /// Nothing.
    Chats,
    /// Leads whenever it likes.
    Usurps,
    /// Usurps at a time that no seed decides.
    Wavers,
    /// Panics on a client's request.
    Panics,
    /// Stops on a client's request.
    Stops,
    /// Does not start.
    CannotStart,
    /// Refuses messages.
    Refuses,
    /// Answers each message with two.
    Storms,
}

#[derive(Clone, Debug)]
pub(crate) struct Toy {
    node: NodeId,
    nodes: u8,
    habit: Habit,
    deadline_ns: u64,
    steps: u64,
    role: Role,
}

/// Nothing is ever written.
#[derive(Clone, Debug, Default)]
pub(crate) struct NoDisk;

impl Disk for NoDisk {
    type Write = ();

    fn write(&mut self, (): &()) {}
}

/// What differs from run to run.
static ELSEWHERE: AtomicU64 = AtomicU64::new(0);

impl Subject for Toy {
    type Settings = Habit;
    type Message = &'static str;
    type Command = u64;
    type Answer = ();
    type Disk = NoDisk;

    const NAME: &'static str = "toy";
    const MESSAGE_KINDS: &'static [&'static str] = &["chat"];

    fn start(setup: Setup<'_, Habit>, _: &NoDisk) -> Result<Self, String> {
        let Setup { node, nodes, now_ns, settings: &habit, mut jitter } = setup;
        if habit == Habit::CannotStart {
            return Err("the toy does not feel like it".to_owned());
        }
        let deadline_ns = now_ns + jitter.within((10_000_000, 20_000_000));
        Ok(Self { node, nodes, habit, deadline_ns, steps: 0, role: Role::Follower })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut Outputs<Self>) {
        self.steps += 1;
        let others = NodeId::all(self.nodes).filter(|node| *node != self.node);
        match (input, self.habit) {
            (Input::DeadlineReached, habit) => {
                self.deadline_ns = now_ns + 10_000_000;
                let patience = if habit == Habit::Wavers { ELSEWHERE.fetch_add(1, Ordering::Relaxed) % 7 } else { 2 };
                if matches!(habit, Habit::Usurps | Habit::Wavers) && self.steps > patience {
                    self.role = Role::Leader;
                }
                others.for_each(|to| out.send(to, "hello"));
            }
            (Input::Receive { .. }, Habit::Refuses) => out.refuse("a chat is beneath me".to_owned()),
            (Input::Receive { from, .. }, Habit::Storms) => {
                out.send(from, "well");
                out.send(from, "hello to you too");
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

    fn draw_command(_: &Habit, client: u16, number: u32, _: &mut Choice) -> u64 {
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
