//! `raft-core` that answers views from its own map, without a word to anybody: a mutant that the reads' checker must catch.

use scenarios::kv::{Command, Verb};
use scenarios::raft_core_subject::RaftCore;
use sim::{Choice, Input, Outputs, Response, Setup, Subject};
use tests::{PassedOn, handed_in, seen_as_within};

/// Who answers at once: the leader as far as it knows, or any server. `LATER` is the same some versions later: with a type
/// of message more, in front of the others.
#[derive(Clone, Debug)]
pub(crate) struct HastyReader<const ANY_SERVER: bool, const LATER: bool = false> {
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

impl<const ANY_SERVER: bool, const LATER: bool> Subject for HastyReader<ANY_SERVER, LATER> {
    type Settings = <RaftCore as Subject>::Settings;
    type Message = <RaftCore as Subject>::Message;
    type Command = Command;
    type Answer = <RaftCore as Subject>::Answer;
    type Disk = <RaftCore as Subject>::Disk;

    const NAME: &'static str = "raft-core that answers views from its own map";
    const MESSAGE_KINDS: &'static [&'static str] = if LATER { &ONE_KIND_MORE } else { RaftCore::MESSAGE_KINDS };

    fn start(setup: Setup<'_, Self::Settings>, disk: &Self::Disk) -> Result<Self, String> {
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

    fn message_kind(message: &Self::Message) -> u8 {
        RaftCore::message_kind(message) + u8::from(LATER)
    }

    fn draw_command(settings: &Self::Settings, client: u16, number: u32, choice: &mut Choice) -> Command {
        RaftCore::draw_command(settings, client, number, choice)
    }

    seen_as_within!(raft: RaftCore);
}
