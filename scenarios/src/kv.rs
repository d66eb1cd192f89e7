//! The state machine: a map from integer keys to text, and the sessions that make a request which is repeated take effect
//! once (dissertation §6.3).

use std::collections::BTreeMap;
use std::fmt;

use sim::RequestId;
use sim::linearizability::{self, Access, Outcome};

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

    fn decode(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self).filter(Self::is_text)
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
        // What lies before it is zeros, which go to the end.
        Self((u128::from_le_bytes(bytes) >> (8 * end)).to_le_bytes())
    }

    /// The text with more behind it; `None`: it does not fit.
    #[must_use]
    pub fn then(self, more: [u8; 2]) -> Option<Self> {
        let mut bytes = self.0;
        let end = self.as_str().len();
        bytes.get_mut(end..end + more.len())?.copy_from_slice(&more);
        Some(Self(bytes))
    }

    /// What stands for it in the history of a run.
    #[must_use]
    pub fn in_history(&self) -> linearizability::Value {
        linearizability::Value::of(self.as_str().as_bytes())
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
    /// Puts this behind the value, if it fits.
    Append([u8; 2]),
    /// Sets the value that is [the request's own](Value::of_request), if the value is this.
    CompareAndSet(Value),
    /// The same, if there is none.
    SetIfAbsent,
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
    /// Whether it is in its client's session, so that it takes effect once however often it comes.
    pub is_in_session: bool,
}

/// What the client is told.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Answer {
    /// The value is set.
    Done,
    /// The key is gone, whether or not it was there.
    Deleted,
    /// The value.
    Value(Value),
    /// There is no such key.
    NotFound,
    /// The value is another one than was expected, and stays: this.
    Differs(Value),
    /// What was to be put behind the value does not fit, and the value stays: this.
    Full(Value),
    /// The session has gone on since: nobody knows any more.
    Forgotten,
}

/// The map, and by client the last request that took effect in its session, with its answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Map {
    /// By key, ascending: clients use few, and nodes apply more than they do anything else.
    values: Vec<(i64, Value)>,
    sessions: BTreeMap<u16, (u32, Answer)>,
}

impl Map {
    /// How many bytes [`encode`](Self::encode) makes of one key and its value.
    pub const RECORD: usize = size_of::<i64>() + Value::LONGEST;
    /// And of one session.
    pub const SESSION: usize = size_of::<u16>() + size_of::<u32>() + 1 + Value::LONGEST;

    /// Carries out a command, unless it has taken effect already.
    pub fn apply(&mut self, command: &Command) -> Answer {
        if !command.is_in_session {
            return self.carry_out(command);
        }
        let RequestId { client, number } = command.request;
        match self.sessions.get(&client) {
            Some((last, answer)) if *last == number => return *answer,
            Some((last, _)) if *last > number => return Answer::Forgotten,
            _ => {}
        }
        let answer = self.carry_out(command);
        self.sessions.insert(client, (number, answer));
        answer
    }

    #[inline]
    fn carry_out(&mut self, command: &Command) -> Answer {
        let key = command.key;
        let place = self.place(key);
        let now = || place.ok().map(|place| self.values[place].1);
        let value = match &command.verb {
            Verb::Insert(value) | Verb::Update(value) => *value,
            Verb::Delete => {
                if let Ok(place) = place {
                    self.values.remove(place);
                }
                return Answer::Deleted;
            }
            Verb::View | Verb::Read(_) => return self.look_up(key),
            Verb::Append(more) => {
                let before = now().unwrap_or(Value([0; Value::LONGEST]));
                let Some(value) = before.then(*more) else { return Answer::Full(before) };
                value
            }
            Verb::CompareAndSet(expected) => match now() {
                None => return Answer::NotFound,
                Some(value) if value != *expected => return Answer::Differs(value),
                Some(_) => Value::of_request(command.request),
            },
            Verb::SetIfAbsent => match now() {
                Some(value) => return Answer::Differs(value),
                None => Value::of_request(command.request),
            },
        };
        match place {
            Ok(place) => self.values[place].1 = value,
            Err(place) => self.values.insert(place, (key, value)),
        }
        Answer::Done
    }

    /// What stands at `key`.
    #[must_use]
    pub fn look_up(&self, key: i64) -> Answer {
        self.place(key).map_or(Answer::NotFound, |place| Answer::Value(self.values[place].1))
    }

    /// Where the key is, or where it would be.
    fn place(&self, key: i64) -> Result<usize, usize> {
        self.values.binary_search_by_key(&key, |(key, _)| *key)
    }

    /// Appends the map, in bytes: how many keys there are, the keys, and the sessions.
    pub fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.extend((self.values.len() as u32).to_le_bytes());
        for (key, value) in &self.values {
            bytes.extend(key.to_le_bytes());
            bytes.extend(value.0);
        }
        for (client, (number, answer)) in &self.sessions {
            let (tag, value) = answer.parts();
            bytes.extend(client.to_le_bytes());
            bytes.extend(number.to_le_bytes());
            bytes.push(tag);
            bytes.extend(value.0);
        }
    }

    /// The map that [`encode`](Self::encode) made `bytes` of; nothing where it did not.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (count, bytes) = bytes.split_first_chunk()?;
        let (values, sessions) = bytes.split_at_checked(u32::from_le_bytes(*count) as usize * Self::RECORD)?;
        let (records, _) = values.as_chunks::<{ Self::RECORD }>();
        let record = |bytes: &[u8; Self::RECORD]| {
            let (key, value) = bytes.split_first_chunk()?;
            Some((i64::from_le_bytes(*key), Value::decode(value)?))
        };
        let (records_of_sessions, rest) = sessions.as_chunks::<{ Self::SESSION }>();
        let session = |bytes: &[u8; Self::SESSION]| {
            let (client, bytes) = bytes.split_first_chunk()?;
            let (number, bytes) = bytes.split_first_chunk()?;
            let (tag, value) = bytes.split_first()?;
            let answer = Answer::of_parts(*tag, Value::decode(value)?)?;
            Some((u16::from_le_bytes(*client), (u32::from_le_bytes(*number), answer)))
        };
        let values: Vec<(i64, Value)> = records.iter().map(record).collect::<Option<_>>()?;
        let sessions = records_of_sessions.iter().map(session).collect::<Option<_>>()?;
        let is_in_order = values.is_sorted_by(|(one, _), (next, _)| one < next);
        (rest.is_empty() && is_in_order).then_some(Self { values, sessions })
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
        let own = || Value::of_request(self.request).in_history();
        let verb = match &self.verb {
            Verb::Insert(value) | Verb::Update(value) => linearizability::Verb::Put(value.in_history()),
            Verb::Delete => linearizability::Verb::Delete,
            Verb::View | Verb::Read(_) => linearizability::Verb::Get,
            Verb::Append(more) => linearizability::Verb::Append(linearizability::Value::of(more)),
            Verb::CompareAndSet(expected) => {
                linearizability::Verb::CompareAndSet { expected: Some(expected.in_history()), new: own() }
            }
            Verb::SetIfAbsent => linearizability::Verb::CompareAndSet { expected: None, new: own() },
        };
        Access { key: self.key as u64, verb }
    }
}

impl Answer {
    /// What the simulator's checkers are to know of it.
    #[must_use]
    pub fn outcome(&self) -> Option<Outcome> {
        Some(match self {
            Self::Done | Self::Deleted => Outcome::Done,
            Self::Value(value) | Self::Differs(value) | Self::Full(value) => Outcome::Found(Some(value.in_history())),
            Self::NotFound => Outcome::Found(None),
            Self::Forgotten => return None,
        })
    }

    /// A number for what it is, and the value in it.
    fn parts(self) -> (u8, Value) {
        let none = Value([0; Value::LONGEST]);
        match self {
            Self::Done => (0, none),
            Self::Deleted => (1, none),
            Self::Value(value) => (2, value),
            Self::NotFound => (3, none),
            Self::Differs(value) => (4, value),
            Self::Full(value) => (5, value),
            Self::Forgotten => (6, none),
        }
    }

    fn of_parts(tag: u8, value: Value) -> Option<Self> {
        let all = [
            Self::Done,
            Self::Deleted,
            Self::Value(value),
            Self::NotFound,
            Self::Differs(value),
            Self::Full(value),
            Self::Forgotten,
        ];
        all.get(usize::from(tag)).copied()
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
            Verb::Append(more) => write!(f, "{key}:append|{}", String::from_utf8_lossy(more)),
            Verb::CompareAndSet(expected) => write!(f, "{key}:set|{} if {expected}", Value::of_request(self.request)),
            Verb::SetIfAbsent => write!(f, "{key}:set|{} if absent", Value::of_request(self.request)),
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
            Self::Value(value) | Self::Differs(value) | Self::Full(value) => value.as_str(),
            Self::Forgotten => "Forgotten",
            Self::NotFound => "Not_Found",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(number: u32, key: i64, verb: Verb) -> Command {
        Command { request: RequestId { client: 0, number }, key, verb, is_in_session: false }
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

    #[test]
    fn a_repeated_request_of_a_session_takes_effect_once_and_is_answered_the_same() {
        let mut map = Map::default();
        let mut ask = |number, verb| map.apply(&Command { is_in_session: true, ..command(number, 1, verb) });
        assert_eq!(ask(1, Verb::SetIfAbsent), Answer::Done);
        assert_eq!(ask(1, Verb::SetIfAbsent), Answer::Done);
        assert_eq!(ask(2, Verb::Append(*b"+x")), Answer::Done);
        assert_eq!(ask(2, Verb::Append(*b"+x")), Answer::Done);
        assert_eq!(ask(1, Verb::SetIfAbsent), Answer::Forgotten);
        assert_eq!(ask(3, Verb::CompareAndSet(Value::new("c0-1").unwrap())).to_string(), "c0-1+x");
    }

    #[test]
    fn a_snapshot_brings_back_values_and_sessions() {
        let mut map = Map::default();
        for number in 0..20 {
            let verb = if number % 3 == 0 { Verb::SetIfAbsent } else { Verb::Append(*b"ab") };
            let request = RequestId { client: number as u16 % 4, number };
            map.apply(&Command { request, key: i64::from(number % 5), verb, is_in_session: true });
        }
        let mut bytes = Vec::new();
        map.encode(&mut bytes);
        assert_eq!(bytes.len(), 4 + 5 * Map::RECORD + 4 * Map::SESSION);
        assert_eq!(Map::decode(&bytes), Some(map));
        assert_eq!(Map::decode(&bytes[1..]), None);
        assert_eq!(Map::decode(&bytes[..bytes.len() - 1]), None);
    }

    #[test]
    fn what_is_put_behind_a_value_must_fit() {
        let mut map = Map::default();
        let mut append = || map.apply(&command(0, 1, Verb::Append(*b"ab")));
        for _ in 0..8 {
            assert_eq!(append(), Answer::Done);
        }
        assert_eq!(append(), Answer::Full(Value::new("abababababababab").unwrap()));
    }
}
