//! Clogged links: what is held, and how it is let go.

use super::event::Event;
use super::mail::Letter;
use super::{World, in_words};
use crate::faults::FaultClass;
use crate::network::Passage;
use crate::node::NodeId;
use crate::subject::Subject;
use crate::trace::What;

/// A message that a clogged link holds.
#[derive(Clone, Debug)]
pub(super) struct Held {
    from: NodeId,
    to: NodeId,
    kind: u8,
    letter: Letter,
}

impl<S: Subject> World<S> {
    /// A message arrives where its link is closed. Returns whether it is held.
    #[cold]
    pub(super) fn stop_message(&mut self, from: NodeId, to: NodeId, kind: u8, letter: Letter) {
        let Passage::Clogged { room, is_swizzled } = self.links.passage(from, to) else {
            return self.drop_message(from, to, letter, "cut off");
        };
        let waiting = self.held.iter().filter(|held| (held.from, held.to) == (from, to)).count();
        if waiting >= usize::from(room) {
            return self.drop_message(from, to, letter, "clogged, and no room");
        }
        self.counts[if is_swizzled { FaultClass::SwizzleClog } else { FaultClass::Clog }] += 1;
        if let Some(message) = self.mail.read(&letter) {
            let held = || What::Held(in_words::<S>(from, to, message));
            self.trace.note(self.now_ns, Some(to), letter.source(), held);
        }
        self.held.push(Held { from, to, kind, letter });
    }

    #[cold]
    pub(super) fn drop_message(&mut self, from: NodeId, to: NodeId, letter: Letter, why: &'static str) {
        let source = letter.source();
        if let Some(message) = self.mail.take(letter) {
            self.note_drop(from, to, source, &message, why);
        }
    }

    /// Lets go of all that no clog holds any more: it arrives now, in the order in which it was held.
    pub(super) fn release_held(&mut self) {
        let held = std::mem::take(&mut self.held);
        for Held { from, to, kind, letter } in held {
            if matches!(self.links.passage(from, to), Passage::Clogged { .. }) {
                self.held.push(Held { from, to, kind, letter });
            } else {
                self.queue.push(self.now_ns, Event::Deliver { from, to, kind, letter });
            }
        }
    }
}
