//! `raft-core` on a disk that forgets votes: a mutant that the election property must catch.

use scenarios::raft_core_subject::{RaftCore, RaftDisk, Write};
use sim::{Choice, Disk, Input, LogEntry, Outputs, Setup, Subject, TermAndVote};
use tests::{PassedOn, handed_in, seen_as_within};

#[derive(Clone, Debug)]
pub(crate) struct RaftWithForgetfulDisk {
    raft: RaftCore,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct ForgetfulDisk(RaftDisk);

impl Disk for ForgetfulDisk {
    type Write = Write;

    fn write(&mut self, write: &Write) {
        let mut forgotten = write.clone();
        if let Write::Persist(write) = &mut forgotten
            && let Some(term_and_vote) = &mut write.term_and_vote
        {
            term_and_vote.voted_for = None;
        }
        self.0.write(&forgotten);
    }

    fn term_and_vote(&self) -> Option<TermAndVote> {
        self.0.term_and_vote()
    }

    fn last_index(&self) -> u64 {
        self.0.last_index()
    }

    fn snapshot_index(&self) -> u64 {
        self.0.snapshot_index()
    }

    fn log_entry(&self, index: u64) -> Option<LogEntry> {
        self.0.log_entry(index)
    }

    fn changes_log_from(write: &Write) -> Option<u64> {
        RaftDisk::changes_log_from(write)
    }
}

impl Subject for RaftWithForgetfulDisk {
    type Settings = <RaftCore as Subject>::Settings;
    type Message = <RaftCore as Subject>::Message;
    type Command = <RaftCore as Subject>::Command;
    type Answer = <RaftCore as Subject>::Answer;
    type Disk = ForgetfulDisk;

    const NAME: &'static str = "raft-core on a disk that forgets votes";
    const MESSAGE_KINDS: &'static [&'static str] = RaftCore::MESSAGE_KINDS;
    const FEATURES: &'static [&'static str] = RaftCore::FEATURES;
    const MARKS: &'static [&'static str] = RaftCore::MARKS;

    fn start(setup: Setup<'_, Self::Settings>, disk: &ForgetfulDisk) -> Result<Self, String> {
        Ok(Self { raft: RaftCore::start(setup, &disk.0)? })
    }

    fn step(&mut self, now_ns: u64, input: Input<Self>, out: &mut impl Outputs<Self>) {
        self.raft.step(now_ns, handed_in(input), &mut PassedOn::<Self, _>::new(out));
    }

    fn deadline_ns(&self) -> Option<u64> {
        self.raft.deadline_ns()
    }

    fn message_kind(message: &Self::Message) -> u8 {
        RaftCore::message_kind(message)
    }

    fn draw_command(settings: &Self::Settings, client: u16, number: u32, choice: &mut Choice) -> Self::Command {
        RaftCore::draw_command(settings, client, number, choice)
    }

    seen_as_within!(raft: RaftCore);
}
