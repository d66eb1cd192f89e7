//! What a node wants done, and what clients are told.

use super::{Disk, RequestId, Subject};
use crate::node::NodeId;

/// What a node wants done: each is carried out while the node asks for it, in that order.
pub trait Outputs<S: Subject> {
    /// Sends `message` to `to`.
    fn send(&mut self, to: NodeId, message: S::Message);

    /// Starts a write. It completes later, after those started before it, with [`Input::Written`](super::Input::Written). Before that no message
    /// may promise what it stores, however fast the disk is.
    fn write(&mut self, write: <S::Disk as Disk>::Write);

    /// Answers a request.
    fn respond(&mut self, id: RequestId, response: Response<S::Answer>);

    /// Has done with a request, and says nothing to whoever asked: nobody here can know any more what becomes of it.
    fn give_up(&mut self, id: RequestId);

    /// The step exercised the feature of this index in [`Subject::FEATURES`].
    fn exercised(&mut self, feature: u8);

    /// The node refuses what another node sent. No node of the simulation lies, so this is a failure.
    fn refuse(&mut self, reason: String);

    /// The node found itself broken and stops: reported as a crash.
    fn stop(&mut self, reason: String);
}

/// What became of a request. One whose outcome is not known is not answered.
#[derive(Clone, Debug)]
pub enum Response<Answer> {
    /// It took effect.
    Done {
        /// What the service answers.
        answer: Answer,
        /// Where it stands in the log, for protocols that have one.
        index: Option<u64>,
    },
    /// It had no effect and never will; ask the leader.
    NotLeader {
        /// The leader, where known.
        leader: Option<NodeId>,
    },
    /// It had no effect and never will.
    NoEffect,
}
