//! The state machine: a map from integer keys to text, with four verbs and their answers.

use std::collections::BTreeMap;
use std::fmt;

use sim::RequestId;
use smol_str::SmolStr;

/// What a client wants of one key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verb {
    /// Sets the value.
    Insert(SmolStr),
    /// Sets the value too: the map does not tell new keys from old ones.
    Update(SmolStr),
    /// Removes the key.
    Delete,
    /// Asks for the value.
    View,
}

/// What a client asks for. The request is part of the command: two clients that want the same are two commands.
#[derive(Clone, PartialEq, Eq)]
pub struct Command {
    /// Whose request this is.
    pub request: RequestId,
    /// The key.
    pub key: i64,
    /// What is wanted of it.
    pub verb: Verb,
}

/// What the client is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The value is set.
    Done,
    /// The key is gone, whether or not it was there.
    Deleted,
    /// The value.
    Value(SmolStr),
    /// There is no such key.
    NotFound,
}

/// The map.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Map(BTreeMap<i64, SmolStr>);

impl Map {
    /// Carries out a command.
    pub fn apply(&mut self, command: &Command) -> Answer {
        match &command.verb {
            Verb::Insert(value) | Verb::Update(value) => {
                self.0.insert(command.key, value.clone());
                Answer::Done
            }
            Verb::Delete => {
                self.0.remove(&command.key);
                Answer::Deleted
            }
            Verb::View => self.0.get(&command.key).map_or(Answer::NotFound, |value| Answer::Value(value.clone())),
        }
    }
}

impl Command {
    /// A number that no other command of the run has: requests are never numbered alike, and whoever replicates a
    /// command has no hands to change it with.
    #[must_use]
    pub fn digest(&self) -> u64 {
        u64::from(self.request.client) << 32 | u64::from(self.request.number) | 1 << 63
    }
}

impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key;
        match &self.verb {
            Verb::Insert(value) => write!(f, "{key}:insert|{value}"),
            Verb::Update(value) => write!(f, "{key}:update|{value}"),
            Verb::Delete => write!(f, "{key}:delete|"),
            Verb::View => write!(f, "{key}:view|"),
        }
    }
}

impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "Done",
            Self::Deleted => "Deleted",
            Self::Value(value) => value,
            Self::NotFound => "Not_Found",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(number: u32, key: i64, verb: Verb) -> Command {
        Command { request: RequestId { client: 0, number }, key, verb }
    }

    #[test]
    fn the_four_verbs_answer_as_the_seed_does() {
        let mut map = Map::default();
        let mut ask = |verb| map.apply(&command(0, 1, verb)).to_string();
        assert_eq!(ask(Verb::View), "Not_Found");
        assert_eq!(ask(Verb::Insert("hello".into())), "Done");
        assert_eq!(ask(Verb::View), "hello");
        assert_eq!(ask(Verb::Update("world".into())), "Done");
        assert_eq!(ask(Verb::View), "world");
        assert_eq!(ask(Verb::Delete), "Deleted");
        assert_eq!(ask(Verb::View), "Not_Found");
        assert_eq!(ask(Verb::Delete), "Deleted");
    }

    #[test]
    fn equal_wishes_of_two_requests_are_two_commands() {
        assert_ne!(command(1, 7, Verb::View).digest(), command(2, 7, Verb::View).digest());
        assert_ne!(command(0, 7, Verb::View).digest(), sim::LogEntry::NO_COMMAND);
    }
}
