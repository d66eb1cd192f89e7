//! A replicated log with a fixed leader: the smallest protocol that gives clients what a Raft does while its leader is up.
//!
//! The first node leads for good. It writes a command to its disk, then sends it to the others, and decides it once a
//! majority, itself among them, has it on disk. What is on the leader's disk nobody can contradict, so a follower takes
//! whatever comes next. Where the leader is down, clients wait.

use std::collections::VecDeque;

use sim::{Choice, Disk, Input, LogEntry, NodeId, Outputs, RequestId, Response, Setup, Subject};

/// The node that leads.
pub const LEADER: NodeId = NodeId(0);
/// How often what is not acknowledged is sent again.
pub const RESEND_NS: u64 = 50_000_000;

/// What nodes say to each other.
#[derive(Clone, Debug)]
pub enum Message {
    /// These commands stand in the leader's log from `first` on, and so many of all are decided.
    Append { first: u64, commands: Vec<u64>, decided: u64 },
    /// So many commands are on the follower's disk.
    Stored { count: u64 },
}

/// The log on a node's disk, position 1 first.
#[derive(Clone, Default, Debug)]
pub struct Log(Vec<u64>);

impl Disk for Log {
    type Write = u64;

    fn write(&mut self, command: &u64) {
        self.0.push(*command);
    }
}

/// One running node. `SENDS_AT_ONCE` is a mistake that looks like a gain: not to wait for the leader's own disk.
#[derive(Clone, Debug)]
pub struct Node<const SENDS_AT_ONCE: bool> {
    node: NodeId,
    nodes: u8,
    log: Vec<u64>,
    /// How much of it is durable.
    durable: u64,
    decided: u64,
    /// The leader's: how much each node has on its disk.
    stored: Vec<u64>,
    /// The leader's: who is to be told of which position.
    waiting: VecDeque<(u64, RequestId)>,
    deadline_ns: u64,
}

impl<const SENDS_AT_ONCE: bool> Node<SENDS_AT_ONCE> {
    fn append(&mut self, command: u64, out: &mut impl Outputs<Self>) {
        self.log.push(command);
        out.write(command);
    }

    /// Sends every follower what it has not acknowledged.
    fn replicate(&self, out: &mut impl Outputs<Self>) {
        let sendable = if SENDS_AT_ONCE { self.log.len() } else { self.durable as usize };
        for to in NodeId::all(self.nodes).filter(|to| *to != self.node) {
            let known = self.stored[usize::from(to.0)] as usize;
            let commands = self.log.get(known..sendable).unwrap_or_default().to_vec();
            out.send(to, Message::Append { first: known as u64 + 1, commands, decided: self.decided });
        }
    }

    /// Decides what a majority has, and tells the clients who asked for it.
    fn decide(&mut self, out: &mut impl Outputs<Self>) {
        let mut stored = self.stored.clone();
        stored.sort_unstable();
        let of_majority = stored[(stored.len() - 1) / 2].min(self.log.len() as u64);
        self.decided = self.decided.max(of_majority);
        while let Some((index, id)) = self.waiting.pop_front_if(|(index, _)| *index <= self.decided) {
            out.respond(id, Response::Done { answer: (), index: Some(index) });
        }
    }

    fn receive(&mut self, from: NodeId, message: Message, out: &mut impl Outputs<Self>) {
        match message {
            Message::Append { first, commands, decided } => {
                for (index, command) in (first..).zip(commands) {
                    if index == self.log.len() as u64 + 1 {
                        self.append(command, out);
                    }
                }
                self.decided = self.decided.max(decided.min(self.durable));
                out.send(from, Message::Stored { count: self.durable });
            }
            Message::Stored { count } => {
                // Late answers say less than earlier ones.
                let stored = &mut self.stored[usize::from(from.0)];
                *stored = count.max(*stored);
                self.decide(out);
            }
        }
    }
}

impl<const SENDS_AT_ONCE: bool> Subject for Node<SENDS_AT_ONCE> {
    type Settings = ();
    type Message = Message;
    type Command = u64;
    type Answer = ();
    type Disk = Log;

    const NAME: &'static str = "fixed-leader";
    const MESSAGE_KINDS: &'static [&'static str] = &["Append", "Stored"];
    const SHOWS_DECIDED: bool = true;

    fn start(setup: Setup<'_, ()>, disk: &Log) -> Result<Self, String> {
        let Setup { node, nodes, now_ns, .. } = setup;
        let durable = disk.0.len() as u64;
        let mut stored = vec![0; usize::from(nodes)];
        stored[usize::from(node.0)] = durable;
        let (log, waiting, deadline_ns) = (disk.0.clone(), VecDeque::new(), now_ns + RESEND_NS);
        Ok(Self { node, nodes, log, durable, decided: 0, stored, waiting, deadline_ns })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        match input {
            Input::Receive { from, message } => self.receive(from, message, out),
            Input::Request { id, command } if self.node == LEADER => {
                self.append(command, out);
                self.waiting.push_back((self.log.len() as u64, id));
                if SENDS_AT_ONCE {
                    self.replicate(out);
                }
            }
            Input::Request { id, .. } => out.respond(id, Response::NotLeader { leader: Some(LEADER) }),
            Input::Written => {
                self.durable += 1;
                if self.node == LEADER {
                    self.stored[0] = self.durable;
                    self.decide(out);
                    self.replicate(out);
                } else {
                    out.send(LEADER, Message::Stored { count: self.durable });
                }
            }
            Input::DeadlineReached => {
                self.deadline_ns = now_ns + RESEND_NS;
                if self.node == LEADER {
                    self.replicate(out);
                }
            }
            Input::Operate { .. } => {}
        }
    }

    fn deadline_ns(&self) -> Option<u64> {
        Some(self.deadline_ns)
    }

    fn message_kind(message: &Message) -> u8 {
        match message {
            Message::Append { .. } => 0,
            Message::Stored { .. } => 1,
        }
    }

    /// Unlike any other, and not [`LogEntry::NO_COMMAND`].
    fn draw_command((): &(), client: u16, number: u32, _: &mut Choice) -> u64 {
        LogEntry::NO_COMMAND + 1 + (u64::from(client) << 32 | u64::from(number))
    }

    fn command_digest(command: &u64) -> u64 {
        *command
    }

    fn decided(&self, from: u64) -> impl Iterator<Item = u64> {
        let end = self.decided.min(self.log.len() as u64) as usize;
        self.log[..end].iter().copied().skip(from as usize - 1)
    }
}
