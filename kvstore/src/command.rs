//! What clients ask for, and the bytes of it in the log.

use std::fmt;

use crate::bytes::Bytes;
use crate::codec::{Malformed, Reader, Write, checksum};

/// The longest key, in bytes.
pub const LONGEST_KEY: usize = 64 << 10;
/// The longest value, in bytes: of one command, and of what [`Operation::Append`] makes.
pub const LONGEST_VALUE: usize = 4 << 20;

/// A command, as it stands in the log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// What makes it take effect once however often it is sent; `None`: each time that it is in the log.
    pub stamp: Option<Stamp>,
    /// The clock of the server that took it, in milliseconds since 1970. The latest of all commands so far is the log's
    /// own time, by which sessions expire.
    pub time_ms: u64,
    /// A number by which those who watch tell commands apart; 0: none. It changes nothing.
    pub trace: u64,
    /// What is wanted.
    pub operation: Operation,
}

/// A command's place in its session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The session, as [`Answer::Session`](crate::Answer::Session) named it.
    pub session: u64,
    /// The client's own count of its commands, from 1.
    pub sequence: u64,
    /// The client has the answers to all before this one, and will not ask for them again.
    pub unanswered_from: u64,
}

/// What is wanted of the map.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Operation {
    /// The seed's: sets the value.
    Insert {
        /// Where.
        key: Bytes,
        /// To what.
        value: Bytes,
    },
    /// The seed's: sets the value too, for the map does not tell new keys from old ones.
    Update {
        /// Where.
        key: Bytes,
        /// To what.
        value: Bytes,
    },
    /// The seed's: removes the key.
    Delete {
        /// Which.
        key: Bytes,
    },
    /// The seed's: asks for the value, through the log.
    View {
        /// Of which key.
        key: Bytes,
    },
    /// Sets the value, perhaps under a condition.
    Put {
        /// Where.
        key: Bytes,
        /// To what.
        value: Bytes,
        /// Only then.
        condition: Condition,
        /// Whether the answer is to be what was there before.
        wants_old: bool,
    },
    /// Removes keys.
    Remove {
        /// Which.
        keys: Vec<Bytes>,
    },
    /// Adds to the end of a value; of none, it makes one.
    Append {
        /// Where.
        key: Bytes,
        /// What.
        value: Bytes,
    },
    /// Sets the value if it is the one expected.
    CompareAndSet {
        /// Where.
        key: Bytes,
        /// What must be there; `None`: nothing.
        expected: Option<Bytes>,
        /// What then is.
        value: Bytes,
    },
    /// Opens a session. It is named after the entry's index.
    OpenSession {
        /// Whatever the client calls itself.
        client: u64,
        /// The session ends when nothing is heard from it for so long.
        expires_after_ms: u64,
    },
    /// Ends the session of the command's stamp.
    CloseSession,
    /// Tells all servers where a new one can be reached.
    Introduce {
        /// Its id.
        server: u64,
        /// Its address for the other servers, as `host:port`.
        address: Bytes,
    },
}

/// When a put puts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Condition {
    /// Always.
    #[default]
    Always,
    /// If there is nothing (`NX`).
    IfAbsent,
    /// If there is something (`XX`).
    IfPresent,
}

const VERSION: u64 = 1;

impl Command {
    /// A command outside of any session.
    #[must_use]
    pub fn new(operation: Operation) -> Self {
        Self { stamp: None, time_ms: 0, trace: 0, operation }
    }

    /// The bytes of it.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(32 + self.operation.size_bytes());
        bytes.integer(VERSION);
        bytes.integer(self.time_ms);
        bytes.integer(self.trace);
        bytes.option(self.stamp, |bytes, stamp| {
            bytes.integer(stamp.session);
            bytes.integer(stamp.sequence);
            bytes.integer(stamp.unanswered_from);
        });
        self.operation.encode(&mut bytes);
        bytes.into()
    }

    /// The command that [`encode`](Self::encode) made `bytes` of.
    ///
    /// # Errors
    /// Where it did not.
    pub fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let version = reader.integer()?;
        if version != VERSION {
            return Err(Malformed::Version { found: version, known: VERSION });
        }
        let command = Self {
            time_ms: reader.integer()?,
            trace: reader.integer()?,
            stamp: reader.option(|reader| {
                let (session, sequence) = (reader.integer()?, reader.integer()?);
                Ok(Stamp { session, sequence, unanswered_from: reader.integer()? })
            })?,
            operation: Operation::decode(&mut reader)?,
        };
        reader.end()?;
        command.operation.check_sizes()?;
        Ok(command)
    }

    /// A number that stands for it: its trace, where it has one, and else one made of its bytes.
    #[must_use]
    pub fn digest(bytes: &[u8]) -> u64 {
        let mut reader = Reader::new(bytes);
        let trace = (reader.integer(), reader.integer(), reader.integer()).2;
        match trace {
            Ok(trace) if trace != 0 => trace,
            _ => checksum(bytes) | 1,
        }
    }
}

impl Operation {
    /// Roughly how many bytes it takes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        8 + match self {
            Self::Insert { key, value }
            | Self::Update { key, value }
            | Self::Put { key, value, .. }
            | Self::Append { key, value } => key.len() + value.len(),
            Self::Delete { key } | Self::View { key } => key.len(),
            Self::Remove { keys } => keys.iter().map(|key| key.len() + 2).sum(),
            Self::CompareAndSet { key, expected, value } => {
                key.len() + value.len() + expected.as_ref().map_or(0, |expected| expected.len())
            }
            Self::OpenSession { .. } | Self::CloseSession => 16,
            Self::Introduce { address, .. } => 8 + address.len(),
        }
    }

    /// Whether keys and values are as long as they may be.
    ///
    /// # Errors
    /// Where one is longer.
    pub fn check_sizes(&self) -> Result<(), Malformed> {
        let (keys, values): (&[Bytes], [Option<&Bytes>; 2]) = match self {
            Self::Insert { key, value }
            | Self::Update { key, value }
            | Self::Put { key, value, .. }
            | Self::Append { key, value } => (std::slice::from_ref(key), [Some(value), None]),
            Self::Delete { key } | Self::View { key } => (std::slice::from_ref(key), [None; 2]),
            Self::Remove { keys } => (keys, [None; 2]),
            Self::CompareAndSet { key, expected, value } => {
                (std::slice::from_ref(key), [Some(value), expected.as_ref()])
            }
            Self::OpenSession { .. } | Self::CloseSession => (&[], [None; 2]),
            // As short as a key, at least.
            Self::Introduce { address, .. } => (std::slice::from_ref(address), [None; 2]),
        };
        if keys.iter().any(|key| key.len() > LONGEST_KEY) {
            return Err(Malformed::Nonsense("a key is longer than 64 KiB"));
        }
        if values.iter().flatten().any(|value| value.len() > LONGEST_VALUE) {
            return Err(Malformed::Nonsense("a value is longer than 4 MiB"));
        }
        Ok(())
    }

    fn encode(&self, bytes: &mut Vec<u8>) {
        let kind = |bytes: &mut Vec<u8>, kind: u64, fields: &[&[u8]]| {
            bytes.integer(kind);
            fields.iter().for_each(|field| bytes.bytes(field));
        };
        match self {
            Self::Insert { key, value } => kind(bytes, 1, &[key, value]),
            Self::Update { key, value } => kind(bytes, 2, &[key, value]),
            Self::Delete { key } => kind(bytes, 3, &[key]),
            Self::View { key } => kind(bytes, 4, &[key]),
            Self::Put { key, value, condition, wants_old } => {
                kind(bytes, 5, &[key, value]);
                bytes.integer(*condition as u64);
                bytes.flag(*wants_old);
            }
            Self::Remove { keys } => {
                kind(bytes, 6, &[]);
                bytes.integer(keys.len() as u64);
                keys.iter().for_each(|key| bytes.bytes(key));
            }
            Self::Append { key, value } => kind(bytes, 7, &[key, value]),
            Self::CompareAndSet { key, expected, value } => {
                kind(bytes, 8, &[key, value]);
                bytes.option(expected.as_ref(), |bytes, expected| bytes.bytes(expected));
            }
            Self::OpenSession { client, expires_after_ms } => {
                kind(bytes, 9, &[]);
                bytes.integer(*client);
                bytes.integer(*expires_after_ms);
            }
            Self::CloseSession => kind(bytes, 10, &[]),
            Self::Introduce { server, address } => {
                kind(bytes, 11, &[]);
                bytes.integer(*server);
                bytes.bytes(address);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.integer()? {
            1 => Self::Insert { key: reader.bytes()?, value: reader.bytes()? },
            2 => Self::Update { key: reader.bytes()?, value: reader.bytes()? },
            3 => Self::Delete { key: reader.bytes()? },
            4 => Self::View { key: reader.bytes()? },
            5 => Self::Put {
                key: reader.bytes()?,
                value: reader.bytes()?,
                condition: match reader.integer()? {
                    0 => Condition::Always,
                    1 => Condition::IfAbsent,
                    2 => Condition::IfPresent,
                    number => return Err(Malformed::Unknown { what: "condition", number }),
                },
                wants_old: reader.flag()?,
            },
            6 => {
                let count = reader.count()?;
                Self::Remove { keys: (0..count).map(|_| reader.bytes()).collect::<Result<_, _>>()? }
            }
            7 => Self::Append { key: reader.bytes()?, value: reader.bytes()? },
            8 => Self::CompareAndSet {
                key: reader.bytes()?,
                value: reader.bytes()?,
                expected: reader.option(Reader::bytes)?,
            },
            9 => Self::OpenSession { client: reader.integer()?, expires_after_ms: reader.integer()? },
            10 => Self::CloseSession,
            11 => Self::Introduce { server: reader.integer()?, address: reader.bytes()? },
            number => return Err(Malformed::Unknown { what: "operation", number }),
        })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insert { key, value } => write!(f, "{}:insert|{}", key.display(), value.display()),
            Self::Update { key, value } => write!(f, "{}:update|{}", key.display(), value.display()),
            Self::Delete { key } => write!(f, "{}:delete|", key.display()),
            Self::View { key } => write!(f, "{}:view|", key.display()),
            Self::Put { key, value, .. } => write!(f, "{}:put|{}", key.display(), value.display()),
            Self::Remove { keys } => write!(f, "remove {} keys", keys.len()),
            Self::Append { key, value } => write!(f, "{}:append|{}", key.display(), value.display()),
            Self::CompareAndSet { key, expected: Some(expected), value } => {
                write!(f, "{}:cas|{}|{}", key.display(), expected.display(), value.display())
            }
            Self::CompareAndSet { key, expected: None, value } => {
                write!(f, "{}:cas if absent|{}", key.display(), value.display())
            }
            Self::OpenSession { client, .. } => write!(f, "open a session for {client}"),
            Self::CloseSession => write!(f, "close the session"),
            Self::Introduce { server, address } => write!(f, "server {server} is at {}", address.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Operation> {
        let (key, value) = (Bytes::from("a key"), Bytes::from(vec![7; 100]));
        vec![
            Operation::Insert { key: key.clone(), value: value.clone() },
            Operation::Update { key: key.clone(), value: value.clone() },
            Operation::Delete { key: key.clone() },
            Operation::View { key: key.clone() },
            Operation::Put { key: key.clone(), value: value.clone(), condition: Condition::IfPresent, wants_old: true },
            Operation::Remove { keys: vec![key.clone(), Bytes::new()] },
            Operation::Append { key: key.clone(), value: value.clone() },
            Operation::CompareAndSet { key: key.clone(), expected: Some(Bytes::new()), value: value.clone() },
            Operation::CompareAndSet { key, expected: None, value },
            Operation::OpenSession { client: 9, expires_after_ms: 60_000 },
            Operation::CloseSession,
            Operation::Introduce { server: 6, address: "127.0.0.1:8007".into() },
        ]
    }

    #[test]
    fn every_command_comes_back_from_its_bytes() {
        for operation in all() {
            for stamp in [None, Some(Stamp { session: 300, sequence: 2, unanswered_from: 1 })] {
                let command = Command { stamp, time_ms: 1_700_000_000_000, trace: 0, operation: operation.clone() };
                assert_eq!(Command::decode(&command.encode()), Ok(command));
            }
        }
    }

    #[test]
    fn a_command_that_is_cut_or_goes_on_is_refused() {
        for operation in all() {
            let bytes = Command::new(operation).encode();
            for end in 0..bytes.len() {
                assert!(Command::decode(&bytes[..end]).is_err());
            }
            assert_eq!(Command::decode(&[&bytes, &[0][..]].concat()), Err(Malformed::TooLong));
        }
    }

    #[test]
    fn keys_and_values_have_a_longest() {
        let put = |key: usize, value: usize| {
            let (key, value) = (vec![0; key].into(), vec![0; value].into());
            Command::decode(&Command::new(Operation::Insert { key, value }).encode())
        };
        assert!(put(LONGEST_KEY, LONGEST_VALUE).is_ok());
        assert!(put(LONGEST_KEY + 1, 0).is_err());
        assert!(put(0, LONGEST_VALUE + 1).is_err());
    }

    #[test]
    fn a_digest_is_that_of_the_trace_whatever_the_clock_said() {
        let traced = |time_ms| Command { time_ms, trace: 77, ..Command::new(Operation::CloseSession) }.encode();
        assert_eq!((Command::digest(&traced(1)), Command::digest(&traced(2))), (77, 77));
        let plain = |client| Command::new(Operation::OpenSession { client, expires_after_ms: 1 }).encode();
        assert_ne!(Command::digest(&plain(1)), Command::digest(&plain(2)));
    }
}
