//! Messages on their way.
//!
//! They lie still from the step that sends them to the step that receives them. What the queue orders and moves are
//! small letters of a few bytes, which name them.

use crate::trace::Source;

/// All messages on their way.
#[derive(Clone, Debug)]
pub(super) struct Mail<M> {
    messages: Vec<Option<M>>,
    /// Where there is room. The place left last is taken first: it is still in the nearest cache.
    free: Vec<u32>,
}

/// Names a message on its way.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    place: u32,
    /// Of its sender, when it was sent.
    generation: u8,
}

impl Letter {
    /// The place of the message, which is another's once it has been taken.
    pub(super) fn place(&self) -> u32 {
        self.place
    }

    /// The generation of its sender when it was sent.
    pub(super) fn generation(&self) -> u8 {
        self.generation
    }

    /// Where the letter's delivery comes from.
    pub(super) fn source(&self) -> Source {
        Source::Letter(self.place)
    }
}

impl<M> Mail<M> {
    pub(super) fn new() -> Self {
        Self { messages: Vec::new(), free: Vec::new() }
    }

    #[inline(always)]
    pub(super) fn post(&mut self, message: M, generation: u8) -> Letter {
        let Some(place) = self.free.pop() else {
            self.messages.push(Some(message));
            return Letter { place: (self.messages.len() - 1) as u32, generation };
        };
        self.messages[place as usize] = Some(message);
        Letter { place, generation }
    }

    /// A message that stays in the mail.
    pub(super) fn read(&self, letter: &Letter) -> Option<&M> {
        self.messages[letter.place as usize].as_ref()
    }

    /// Takes the message out of the mail.
    #[inline]
    pub(super) fn take(&mut self, Letter { place, .. }: Letter) -> Option<M> {
        self.free.push(place);
        self.messages[place as usize].take()
    }
}
