//! `raft-core` that answers views from its own map, without a word to anybody: a mutant that the reads' checker must catch.

use scenarios::kv::{Command, Verb};
use scenarios::raft_core_subject::RaftCore;
use sim::{Choice, Input, Outputs, Response, Setup, Subject};
use tests::{PassedOn, handed_in, seen_as_within};

/// As it is today.
pub(crate) const TODAY: u8 = 0;
/// Some versions later: with a type of message more, in front of the others.
pub(crate) const A_KIND_MORE: u8 = 1;
/// A node draws once more when it starts, and a client once it knows what to ask for.
pub(crate) const A_DRAW_MORE: u8 = 2;
/// An invariant is looked at after every event.
pub(crate) const A_CHECKER_MORE: u8 = 3;

/// Who answers at once: the leader as far as it knows, or any server. `LATER` says what has become of it.
#[derive(Clone, Debug)]
pub(crate) struct HastyReader<const ANY_SERVER: bool, const LATER: u8 = TODAY> {
    raft: RaftCore,
}

const ONE_KIND_MORE: [&str; RaftCore::MESSAGE_KINDS.len() + 1] = {
    let mut kinds = ["Gossip"; RaftCore::MESSAGE_KINDS.len() + 1];
    let mut kind = 0;
    while kind < RaftCore::MESSAGE_KINDS.len() {
        kinds[kind + 1] = RaftCore::MESSAGE_KINDS[kind];
        kind += 1;
    }
    kinds
};

impl<const ANY_SERVER: bool, const LATER: u8> Subject for HastyReader<ANY_SERVER, LATER> {
    type Settings = <RaftCore as Subject>::Settings;
    type Message = <RaftCore as Subject>::Message;
    type Command = Command;
    type Answer = <RaftCore as Subject>::Answer;
    type Disk = <RaftCore as Subject>::Disk;

    const NAME: &'static str = "raft-core that answers views from its own map";
    const MESSAGE_KINDS: &'static [&'static str] =
        if LATER == A_KIND_MORE { &ONE_KIND_MORE } else { RaftCore::MESSAGE_KINDS };
    const HAS_INVARIANT: bool = LATER == A_CHECKER_MORE;

    fn start(mut setup: Setup<'_, Self::Settings>, disk: &Self::Disk) -> Result<Self, String> {
        if LATER == A_DRAW_MORE {
            let _ = setup.jitter.below(2);
        }
        Ok(Self { raft: RaftCore::start(setup, disk)? })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        let input = match input {
            Input::Request { id, command } if command.verb == Verb::View && (ANY_SERVER || self.raft.is_leader()) => {
                let answer = self.raft.map().clone().apply(&command);
                return out.respond(id, Response::Done { answer, index: None });
            }
            input => handed_in(input),
        };
        self.raft.step(now_ns, input, &mut PassedOn::<Self, _>::new(out));
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.raft.deadline_ns()
    }

    fn invariant(nodes: &[Option<&Self>], _disks: &[Self::Disk]) -> Result<(), String> {
        match nodes.iter().flatten().filter(|node| node.raft.is_leader()).count() {
            0..=7 => Ok(()),
            leaders => Err(format!("{leaders} leaders")),
        }
    }

    fn message_kind(message: &Self::Message) -> u8 {
        RaftCore::message_kind(message) + u8::from(LATER == A_KIND_MORE)
    }

    fn draw_command(settings: &Self::Settings, client: u16, number: u32, choice: &mut Choice) -> Command {
        let command = RaftCore::draw_command(settings, client, number, choice);
        if LATER == A_DRAW_MORE {
            let _ = choice.below(2);
        }
        command
    }

    seen_as_within!(raft: RaftCore);
}
