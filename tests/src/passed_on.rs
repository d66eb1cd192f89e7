//! Subjects around subjects.

use std::marker::PhantomData;

use sim::{Disk, NodeId, Outputs, RequestId, Response, Subject};

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
