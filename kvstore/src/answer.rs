//! What clients are told.

use std::fmt;

use crate::bytes::Bytes;
use crate::codec::{Malformed, Reader, Write};

/// What the state machine says to a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answer {
    /// The value is set.
    Done,
    /// The key is gone, whether or not it was there.
    Deleted,
    /// The value.
    Value(Bytes),
    /// There is no such key.
    NotFound,
    /// The condition of a put does not hold: nothing changed.
    NotSet,
    /// What was there before a put; `None`: nothing. `is_set` says whether something else is there now.
    Old {
        /// What was there.
        value: Option<Bytes>,
        /// Whether the condition held.
        is_set: bool,
    },
    /// So many keys were removed.
    Removed(u64),
    /// The value has so many bytes now.
    Length(u64),
    /// Not the value that was expected, but this: nothing changed.
    Differs(Option<Bytes>),
    /// The session of this name is open.
    Session(u64),
    /// The session is closed.
    Closed,
    /// There is no such session any more: the command had no effect now, and whether an earlier sending of it had, nobody
    /// remembers.
    SessionExpired,
    /// The client said that it has the answer already.
    AnsweredBefore,
    /// So many commands of the session wait to be marked as answered that this one was not carried out.
    TooManyUnanswered,
    /// The value would be longer than any may be: nothing changed.
    TooLong,
    /// The bytes were no command: nothing changed.
    Malformed,
}

impl Answer {
    pub(crate) fn encode(&self, bytes: &mut Vec<u8>) {
        let option = |bytes: &mut Vec<u8>, value: &Option<Bytes>| {
            bytes.option(value.as_ref(), |bytes, value| bytes.bytes(value));
        };
        match self {
            Self::Done => bytes.integer(1),
            Self::Deleted => bytes.integer(2),
            Self::Value(value) => {
                bytes.integer(3);
                bytes.bytes(value);
            }
            Self::NotFound => bytes.integer(4),
            Self::NotSet => bytes.integer(5),
            Self::Old { value, is_set } => {
                bytes.integer(6);
                option(bytes, value);
                bytes.flag(*is_set);
            }
            Self::Removed(count) => {
                bytes.integer(7);
                bytes.integer(*count);
            }
            Self::Length(length) => {
                bytes.integer(8);
                bytes.integer(*length);
            }
            Self::Differs(value) => {
                bytes.integer(9);
                option(bytes, value);
            }
            Self::Session(id) => {
                bytes.integer(10);
                bytes.integer(*id);
            }
            Self::Closed => bytes.integer(11),
            Self::SessionExpired => bytes.integer(12),
            Self::AnsweredBefore => bytes.integer(13),
            Self::TooManyUnanswered => bytes.integer(14),
            Self::TooLong => bytes.integer(15),
            Self::Malformed => bytes.integer(16),
        }
    }

    pub(crate) fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.integer()? {
            1 => Self::Done,
            2 => Self::Deleted,
            3 => Self::Value(reader.bytes()?),
            4 => Self::NotFound,
            5 => Self::NotSet,
            6 => Self::Old { value: reader.option(Reader::bytes)?, is_set: reader.flag()? },
            7 => Self::Removed(reader.integer()?),
            8 => Self::Length(reader.integer()?),
            9 => Self::Differs(reader.option(Reader::bytes)?),
            10 => Self::Session(reader.integer()?),
            11 => Self::Closed,
            12 => Self::SessionExpired,
            13 => Self::AnsweredBefore,
            14 => Self::TooManyUnanswered,
            15 => Self::TooLong,
            16 => Self::Malformed,
            number => return Err(Malformed::Unknown { what: "answer", number }),
        })
    }
}

/// In the seed's words, where it has any.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => write!(f, "Done"),
            Self::Deleted => write!(f, "Deleted"),
            Self::Value(value) | Self::Old { value: Some(value), .. } => write!(f, "{}", value.display()),
            Self::NotFound | Self::Old { value: None, .. } => write!(f, "Not_Found"),
            Self::NotSet => write!(f, "Not_Set"),
            Self::Removed(count) => write!(f, "{count} removed"),
            Self::Length(length) => write!(f, "{length} bytes"),
            Self::Differs(Some(value)) => write!(f, "Differs: {}", value.display()),
            Self::Differs(None) => write!(f, "Differs: Not_Found"),
            Self::Session(id) => write!(f, "session {id}"),
            Self::Closed => write!(f, "Closed"),
            Self::SessionExpired => write!(f, "the session has expired"),
            Self::AnsweredBefore => write!(f, "answered before"),
            Self::TooManyUnanswered => write!(f, "too many commands of the session are unanswered"),
            Self::TooLong => write!(f, "the value would be too long"),
            Self::Malformed => write!(f, "not a command"),
        }
    }
}
