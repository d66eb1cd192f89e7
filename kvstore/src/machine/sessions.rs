//! Sessions: what makes a command that is sent again take effect once (dissertation §6.3).
//!
//! They are part of the state, so every server agrees on them, and a snapshot holds them. They expire by the log's own time,
//! for the same reason.

use std::collections::{BTreeMap, BTreeSet};

use imbl::OrdMap;

use crate::answer::Answer;
use crate::codec::{Malformed, Reader, Write};
use crate::command::Stamp;

/// The most sessions there are: opening another ends the one that was silent for longest.
const MOST_SESSIONS: usize = 100_000;
/// The most answers that are kept for one session.
const MOST_ANSWERS: usize = 1_024;

/// All that are open.
#[derive(Clone, Debug, Default)]
pub(super) struct Sessions {
    open: OrdMap<u64, Session>,
    /// When each expires, if nothing is heard of it before: made anew from the others.
    expiries: imbl::OrdSet<(u64, u64)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Session {
    client: u64,
    expires_after_ms: u64,
    heard_ms: u64,
    /// What comes before is answered.
    unanswered_from: u64,
    answers: BTreeMap<u64, Answer>,
}

impl Session {
    fn expires_ms(&self) -> u64 {
        self.heard_ms.saturating_add(self.expires_after_ms)
    }
}

/// What is known of a command.
pub(super) enum Known {
    /// It is to be carried out.
    New,
    /// It is not, and this is what to say.
    Answer(Answer),
}

impl Sessions {
    /// Ends those that were silent for too long.
    pub(super) fn expire(&mut self, now_ms: u64) {
        while let Some(&(expires_ms, id)) = self.expiries.get_min()
            && expires_ms < now_ms
        {
            self.close(id);
        }
    }

    pub(super) fn open(&mut self, id: u64, client: u64, expires_after_ms: u64, now_ms: u64) {
        if self.open.len() >= MOST_SESSIONS
            && let Some(&(_, silent)) = self.expiries.get_min()
        {
            self.close(silent);
        }
        let session =
            Session { client, expires_after_ms, heard_ms: now_ms, unanswered_from: 1, answers: BTreeMap::new() };
        self.insert(id, session);
    }

    fn insert(&mut self, id: u64, session: Session) {
        self.expiries.insert((session.expires_ms(), id));
        self.open.insert(id, session);
    }

    pub(super) fn close(&mut self, id: u64) {
        if let Some(session) = self.open.remove(&id) {
            self.expiries.remove(&(session.expires_ms(), id));
        }
    }

    /// Whether the command of `stamp` is new; whatever it is, its session is alive.
    pub(super) fn look_up(&mut self, stamp: Stamp, now_ms: u64) -> Known {
        let Some(session) = self.open.get_mut(&stamp.session) else { return Known::Answer(Answer::SessionExpired) };
        let expired_ms = session.expires_ms();
        session.heard_ms = now_ms;
        let expires_ms = session.expires_ms();
        if stamp.unanswered_from > session.unanswered_from {
            session.unanswered_from = stamp.unanswered_from;
            session.answers = session.answers.split_off(&stamp.unanswered_from);
        }
        let known = if stamp.sequence < session.unanswered_from {
            Known::Answer(Answer::AnsweredBefore)
        } else if let Some(answer) = session.answers.get(&stamp.sequence) {
            Known::Answer(answer.clone())
        } else if session.answers.len() >= MOST_ANSWERS {
            Known::Answer(Answer::TooManyUnanswered)
        } else {
            Known::New
        };
        if expires_ms != expired_ms {
            self.expiries.remove(&(expired_ms, stamp.session));
            self.expiries.insert((expires_ms, stamp.session));
        }
        known
    }

    pub(super) fn remember(&mut self, stamp: Stamp, answer: &Answer) {
        if let Some(session) = self.open.get_mut(&stamp.session) {
            session.answers.insert(stamp.sequence, answer.clone());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn first_of(&self, client: u64) -> Option<u64> {
        self.open.iter().find(|(_, session)| session.client == client).map(|(id, _)| *id)
    }

    pub(super) fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.integer(self.open.len() as u64);
        for (id, session) in &self.open {
            bytes.integer(*id);
            for value in [session.client, session.expires_after_ms, session.heard_ms, session.unanswered_from] {
                bytes.integer(value);
            }
            bytes.integer(session.answers.len() as u64);
            for (sequence, answer) in &session.answers {
                bytes.integer(*sequence);
                answer.encode(bytes);
            }
        }
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut sessions = Self::default();
        let mut ids = BTreeSet::new();
        for _ in 0..reader.count()? {
            let id = reader.integer()?;
            let (client, expires_after_ms) = (reader.integer()?, reader.integer()?);
            let (heard_ms, unanswered_from) = (reader.integer()?, reader.integer()?);
            let mut answers = BTreeMap::new();
            for _ in 0..reader.count()? {
                answers.insert(reader.integer()?, Answer::decode(reader)?);
            }
            if !ids.insert(id) {
                return Err(Malformed::Nonsense("a session is there twice"));
            }
            sessions.insert(id, Session { client, expires_after_ms, heard_ms, unanswered_from, answers });
        }
        Ok(sessions)
    }
}

impl PartialEq for Sessions {
    fn eq(&self, other: &Self) -> bool {
        self.open == other.open
    }
}
