//! Subjects around subjects.

use std::marker::PhantomData;

use sim::{Disk, Input, NodeId, Outputs, RequestId, Response, Subject};

/// What a subject within `S` wants done is wanted of the world that `S` lives in, `O`.
pub struct PassedOn<'a, S, O> {
    world: &'a mut O,
    subject: PhantomData<S>,
}

impl<'a, S: Subject, O: Outputs<S>> PassedOn<'a, S, O> {
    /// For one step of the subject within.
    pub fn new(world: &'a mut O) -> Self {
        Self { world, subject: PhantomData }
    }
}

impl<S, T, O> Outputs<T> for PassedOn<'_, S, O>
where
    S: Subject,
    T: Subject<Message = S::Message, Answer = S::Answer>,
    T::Disk: Disk<Write = <S::Disk as Disk>::Write>,
    O: Outputs<S>,
{
    fn send(&mut self, to: NodeId, message: T::Message) {
        self.world.send(to, message);
    }

    fn write(&mut self, write: <T::Disk as Disk>::Write) {
        self.world.write(write);
    }

    fn respond(&mut self, id: RequestId, response: Response<T::Answer>) {
        self.world.respond(id, response);
    }

    fn give_up(&mut self, id: RequestId) {
        self.world.give_up(id);
    }

    fn exercised(&mut self, feature: u8) {
        self.world.exercised(feature);
    }

    fn refuse(&mut self, reason: String) {
        self.world.refuse(reason);
    }

    fn stop(&mut self, reason: String) {
        self.world.stop(reason);
    }
}

/// What happens to a subject happens to the one within it.
pub fn handed_in<S, T>(input: Input<S>) -> Input<T>
where
    S: Subject,
    T: Subject<Message = S::Message, Command = S::Command>,
{
    match input {
        Input::Receive { from, message } => Input::Receive { from, message },
        Input::Request { id, command } => Input::Request { id, command },
        Input::Operate { operation } => Input::Operate { operation },
        Input::Written => Input::Written,
        Input::DeadlineReached => Input::DeadlineReached,
    }
}

/// For the `impl Subject` of a subject around the one in its field `$inner`, of type `$Inner`: what is said of
/// commands, answers and promises, and what the checkers see, is that of the one within.
#[macro_export]
macro_rules! seen_as_within {
    ($inner:ident: $Inner:ty) => {
        fn command_digest(command: &Self::Command) -> u64 {
            <$Inner>::command_digest(command)
        }

        fn access(command: &Self::Command) -> Option<sim::linearizability::Access> {
            <$Inner>::access(command)
        }

        fn outcome(answer: &Self::Answer) -> Option<sim::linearizability::Outcome> {
            <$Inner>::outcome(answer)
        }

        fn claim(from: sim::NodeId, to: sim::NodeId, message: &Self::Message) -> Option<sim::Claim> {
            <$Inner>::claim(from, to, message)
        }

        fn observe(&mut self) -> Option<sim::Observation> {
            self.$inner.observe()
        }

        fn log_entry(&self, index: u64) -> Option<sim::LogEntry> {
            self.$inner.log_entry(index)
        }

        fn log_membership(&self, index: u64) -> Option<sim::Membership> {
            self.$inner.log_membership(index)
        }

        fn snapshot_term(&self) -> Option<u64> {
            self.$inner.snapshot_term()
        }

        fn observe_progress(&self) -> impl Iterator<Item = (sim::NodeId, u64, u64)> {
            self.$inner.observe_progress()
        }
    };
}
