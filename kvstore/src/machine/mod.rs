//! The state machine: a map from bytes to bytes, and the sessions of its clients. Equal logs make equal ones.

mod sessions;
mod snapshot;

use imbl::OrdMap;

use crate::answer::Answer;
use crate::bytes::Bytes;
use crate::command::{Command, Condition, LONGEST_VALUE, Operation};
use sessions::{Known, Sessions};

/// The state that a log builds, command by command.
///
/// A copy costs next to nothing and shares what is not changed: a snapshot is written from one while the original goes on.
#[derive(Clone, Debug, Default)]
pub struct StateMachine {
    map: OrdMap<Bytes, Bytes>,
    sessions: Sessions,
    /// Where servers that were added can be reached.
    addresses: OrdMap<u64, Bytes>,
    /// The latest clock of any command.
    now_ms: u64,
    /// All that was applied, in order, in one number.
    history: u64,
}

impl StateMachine {
    /// Applies the entry at `index`: a command in bytes, or `None` for an entry that holds none.
    pub fn apply(&mut self, index: u64, command: Option<&[u8]>) -> Answer {
        self.note(command.map_or(0, Command::digest));
        let Some(command) = command else { return Answer::Done };
        match Command::decode(command) {
            Ok(command) => self.carry_out(index, command),
            Err(_) => Answer::Malformed,
        }
    }

    fn note(&mut self, digest: u64) {
        self.history = (self.history.rotate_left(5) ^ digest).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(1);
    }

    /// Carries out the command at `index`, once however often it comes.
    fn carry_out(&mut self, index: u64, command: Command) -> Answer {
        self.now_ms = self.now_ms.max(command.time_ms);
        self.sessions.expire(self.now_ms);
        let Some(stamp) = command.stamp else { return self.operate(index, None, command.operation) };
        match self.sessions.look_up(stamp, self.now_ms) {
            Known::New => {}
            Known::Answer(answer) => return answer,
        }
        let answer = self.operate(index, Some(stamp.session), command.operation);
        self.sessions.remember(stamp, &answer);
        answer
    }

    fn operate(&mut self, index: u64, session: Option<u64>, operation: Operation) -> Answer {
        match operation {
            Operation::Insert { key, value } | Operation::Update { key, value } => {
                self.map.insert(key, value);
                Answer::Done
            }
            Operation::Delete { key } => {
                self.map.remove(&key);
                Answer::Deleted
            }
            Operation::View { key } => self.view(&key),
            Operation::Put { key, value, condition, wants_old } => self.put(key, value, condition, wants_old),
            Operation::Remove { keys } => {
                Answer::Removed(keys.iter().filter(|key| self.map.remove(*key).is_some()).count() as u64)
            }
            Operation::Append { key, value } => self.append(key, &value),
            Operation::CompareAndSet { key, expected, value } => {
                let found = self.map.get(&key);
                if found == expected.as_ref() {
                    self.map.insert(key, value);
                    Answer::Done
                } else {
                    Answer::Differs(found.cloned())
                }
            }
            Operation::OpenSession { client, expires_after_ms } => {
                self.sessions.open(index, client, expires_after_ms, self.now_ms);
                Answer::Session(index)
            }
            Operation::CloseSession => match session {
                Some(session) => {
                    self.sessions.close(session);
                    Answer::Closed
                }
                None => Answer::SessionExpired,
            },
            Operation::Introduce { server, address } => {
                self.addresses.insert(server, address);
                Answer::Done
            }
        }
    }

    fn put(&mut self, key: Bytes, value: Bytes, condition: Condition, wants_old: bool) -> Answer {
        let old = self.map.get(&key);
        let is_set = match condition {
            Condition::Always => true,
            Condition::IfAbsent => old.is_none(),
            Condition::IfPresent => old.is_some(),
        };
        let answer = match (wants_old, is_set) {
            (true, _) => Answer::Old { value: old.cloned(), is_set },
            (false, true) => Answer::Done,
            (false, false) => Answer::NotSet,
        };
        if is_set {
            self.map.insert(key, value);
        }
        answer
    }

    fn append(&mut self, key: Bytes, more: &[u8]) -> Answer {
        let old: &[u8] = self.map.get(&key).map_or(&[], |old| old);
        if old.len() + more.len() > LONGEST_VALUE {
            return Answer::TooLong;
        }
        let value = [old, more].concat();
        let length = value.len() as u64;
        self.map.insert(key, value.into());
        Answer::Length(length)
    }

    /// What stands at `key`.
    #[must_use]
    pub fn get(&self, key: &[u8]) -> Option<&Bytes> {
        self.map.get(key)
    }

    /// What stands at `key`, as the answer to a question.
    #[must_use]
    pub fn view(&self, key: &[u8]) -> Answer {
        self.get(key).map_or(Answer::NotFound, |value| Answer::Value(value.clone()))
    }

    /// All keys from `from` on with their values, in the order of their bytes.
    pub fn range(&self, from: Bytes) -> impl Iterator<Item = (&Bytes, &Bytes)> {
        self.map.range(from..)
    }

    /// How many keys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.map.len()
    }

    /// Whether there is no key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.map.is_empty()
    }

    /// Where servers that were added can be reached, by id.
    #[must_use]
    pub fn addresses(&self) -> &OrdMap<u64, Bytes> {
        &self.addresses
    }

    /// How many sessions are open.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        self.sessions.len()
    }

    /// The first session that `client` has opened and that is open still.
    #[must_use]
    pub fn session_of(&self, client: u64) -> Option<u64> {
        self.sessions.first_of(client)
    }

    /// The log's own time, in milliseconds since 1970.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// All that was applied, in order, in one number: equal on servers that applied the same log.
    #[must_use]
    pub fn history(&self) -> u64 {
        self.history
    }
}

#[cfg(test)]
mod tests;
