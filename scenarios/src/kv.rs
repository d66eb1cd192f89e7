//! The state machine: a map from integer keys to text, with four verbs and their answers.

use std::collections::BTreeMap;
use std::fmt;

use sim::{Access, RequestId};

/// A value: up to 16 bytes of text, stored in place, so that a command is copied as quickly as a number.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Value([u8; Self::LONGEST]);

impl Value {
    /// The longest text, in bytes.
    pub const LONGEST: usize = 16;

    /// The value of `text`; nothing where it is too long, or not the plain text that a client writes.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::LONGEST];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        text.bytes().all(|byte| byte.is_ascii_graphic()).then_some(Self(bytes))
    }

    fn is_text(&self) -> bool {
        let length = self.as_str().len();
        self.0[..length].iter().all(u8::is_ascii_graphic) && self.0[length..].iter().all(|byte| *byte == 0)
    }

    /// A value that no other request of the run writes.
    #[must_use]
    pub fn of_request(request: RequestId) -> Self {
        // 'c', at most 5 digits, '-' and at most 9 digits: it fits, and is written from the back.
        let mut bytes = [0; Self::LONGEST];
        let mut end = Self::LONGEST;
        let mut put = |byte| {
            end -= 1;
            bytes[end] = byte;
        };
        put_digits(u64::from(request.number) % 1_000_000_000, &mut put);
        put(b'-');
        put_digits(u64::from(request.client), &mut put);
        put(b'c');
        bytes.rotate_left(end);
        Self(bytes)
    }

    /// A number that stands for the value: different values have different ones, but for chance.
    #[must_use]
    pub fn digest(self) -> u64 {
        let number = u128::from_le_bytes(self.0);
        ((number as u64).rotate_left(29) ^ (number >> 64) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15)
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::LONGEST);
        // Only text goes in.
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

fn put_digits(mut number: u64, put: &mut impl FnMut(u8)) {
    loop {
        put(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            return;
        }
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a client reads without writing to the log.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ReadPath {
    /// The leader asks a quorum whether it still leads.
    ReadIndex,
    /// The leader trusts its lease, where it has one.
    Lease,
}

/// What a client wants of one key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verb {
    /// Sets the value.
    Insert(Value),
    /// Sets the value too: the map does not tell new keys from old ones.
    Update(Value),
    /// Removes the key.
    Delete,
    /// Asks for the value, through the log.
    View,
    /// Asks for the value, without the log.
    Read(ReadPath),
}

/// What a client asks for. The request is part of the command: two clients that want the same are two commands.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Command {
    /// Whose request this is.
    pub request: RequestId,
    /// The key.
    pub key: i64,
    /// What is wanted of it.
    pub verb: Verb,
}

/// What the client is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The value is set.
    Done,
    /// The key is gone, whether or not it was there.
    Deleted,
    /// The value.
    Value(Value),
    /// There is no such key.
    NotFound,
}

/// The map.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Map(BTreeMap<i64, Value>);

impl Map {
    /// How many bytes [`encode`](Self::encode) makes of one key and its value.
    pub const RECORD: usize = size_of::<i64>() + Value::LONGEST;

    /// Carries out a command.
    pub fn apply(&mut self, command: &Command) -> Answer {
        match command.verb {
            Verb::Insert(value) | Verb::Update(value) => {
                self.0.insert(command.key, value);
                Answer::Done
            }
            Verb::Delete => {
                self.0.remove(&command.key);
                Answer::Deleted
            }
            Verb::View | Verb::Read(_) => self.look_up(command.key),
        }
    }

    /// What stands at `key`.
    #[must_use]
    pub fn look_up(&self, key: i64) -> Answer {
        self.0.get(&key).map_or(Answer::NotFound, |value| Answer::Value(*value))
    }

    /// Appends the map, in bytes.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        for (key, value) in &self.0 {
            bytes.extend(key.to_le_bytes());
            bytes.extend(value.0);
        }
    }

    /// The map that [`encode`](Self::encode) made `bytes` of; nothing where it did not.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (records, rest) = bytes.as_chunks::<{ Self::RECORD }>();
        let record = |bytes: &[u8; Self::RECORD]| {
            let (key, value) = bytes.split_first_chunk()?;
            let value = value.try_into().ok().map(Value).filter(Value::is_text)?;
            Some((i64::from_le_bytes(*key), value))
        };
        rest.is_empty().then(|| records.iter().map(record).collect::<Option<_>>().map(Self))?
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

impl Command {
    /// What the simulator's checkers are to know of it.
    #[must_use]
    pub fn access(&self) -> Access {
        let key = self.key as u64;
        match self.verb {
            Verb::Insert(value) | Verb::Update(value) => Access::Write { key, value: Some(value.digest()) },
            Verb::Delete => Access::Write { key, value: None },
            Verb::View | Verb::Read(_) => Access::Read { key },
        }
    }
}

impl Answer {
    /// What the simulator's checkers are to know of the answer to a view.
    #[must_use]
    pub fn read_value(&self) -> Option<u64> {
        match self {
            Self::Value(value) => Some(value.digest()),
            Self::Done | Self::Deleted | Self::NotFound => None,
        }
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
            Verb::Read(ReadPath::ReadIndex) => write!(f, "{key}:view|read index"),
            Verb::Read(ReadPath::Lease) => write!(f, "{key}:view|lease"),
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
            Self::Value(value) => value.as_str(),
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
        let value = |text| Value::new(text).unwrap();
        assert_eq!(ask(Verb::Insert(value("hello"))), "Done");
        assert_eq!(ask(Verb::View), "hello");
        assert_eq!(ask(Verb::Update(value("world"))), "Done");
        assert_eq!(ask(Verb::View), "world");
        assert_eq!(ask(Verb::Delete), "Deleted");
        assert_eq!(ask(Verb::View), "Not_Found");
        assert_eq!(ask(Verb::Delete), "Deleted");
    }

    #[test]
    fn values_are_short_text() {
        assert_eq!(Value::new("sixteen-letters!").unwrap().as_str(), "sixteen-letters!");
        assert_eq!(Value::new("").unwrap().as_str(), "");
        assert_eq!(Value::new("seventeen-letters"), None);
        assert_eq!(Value::new("a\0b"), None);
        assert_eq!(Value::of_request(RequestId { client: 65_535, number: 999_999_999 }).as_str(), "c65535-999999999");
        assert_eq!(Value::of_request(RequestId { client: 0, number: 7 }).as_str(), "c0-7");
    }

    #[test]
    fn equal_wishes_of_two_requests_are_two_commands() {
        assert_ne!(command(1, 7, Verb::View).digest(), command(2, 7, Verb::View).digest());
        assert_ne!(command(0, 7, Verb::View).digest(), sim::LogEntry::NO_COMMAND);
    }
}
