//! The bytes of what `raft-core` speaks of: entries, memberships, snapshots and messages. Disk and wire share them.

use std::sync::Arc;

use raft_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entries, Entry, InstallSnapshot, InstallSnapshotReply, LogIndex,
    LogLost, LogPosition, Member, MemberRole, Membership, Message, NodeId, Payload, PreVote, PreVoteReply, ReadIndex,
    ReadIndexReply, RequestVote, RequestVoteReply, Round, Snapshot, SnapshotId, Term, TermAndVote, TimeoutNow,
};

use crate::bytes::Bytes;
use crate::codec::{Malformed, Reader, Write};

/// A value with bytes.
pub(crate) trait Coded: Sized {
    fn encode(&self, bytes: &mut Vec<u8>);
    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed>;
}

macro_rules! numbers {
    ($($type:ident),*) => {$(
        impl Coded for $type {
            fn encode(&self, bytes: &mut Vec<u8>) {
                bytes.integer(self.0);
            }

            fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                reader.integer().map(Self)
            }
        }
    )*};
}
numbers!(Term, LogIndex, NodeId, Round);

impl Coded for u64 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.integer(*self);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.integer()
    }
}

impl Coded for bool {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.flag(*self);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.flag()
    }
}

impl Coded for u32 {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.integer(u64::from(*self));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        u32::try_from(reader.integer()?).map_err(|_| Malformed::Integer)
    }
}

impl Coded for Arc<[u8]> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.bytes(self);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.slice().map(Arc::from)
    }
}

impl<T: Coded> Coded for Arc<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        T::encode(self, bytes);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        T::decode(reader).map(Self::new)
    }
}

impl<T: Coded> Coded for Option<T> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.option(self.as_ref(), |bytes, value| value.encode(bytes));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        reader.option(T::decode)
    }
}

/// A struct is its fields, one after the other.
macro_rules! fields {
    ($($type:ident { $($field:ident),* })*) => {$(
        impl Coded for $type {
            fn encode(&self, bytes: &mut Vec<u8>) {
                $(self.$field.encode(bytes);)*
            }

            fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                Ok(Self { $($field: Coded::decode(reader)?),* })
            }
        }
    )*};
}

fields! {
    LogPosition { index, term }
    TermAndVote { term, voted_for }
    Snapshot { last, membership, size, checksum }
    SnapshotId { last, size, checksum }
    PreVote { term, last, priority }
    PreVoteReply { term, granted }
    RequestVote { term, last, priority, is_transfer }
    RequestVoteReply { term, granted }
    AppendEntriesReply { term, round, outcome }
    InstallSnapshot { term, round, snapshot, offset, data }
    InstallSnapshotReply { term, round, snapshot, received }
    TimeoutNow { term }
    ReadIndex { term, number, may_use_lease }
    ReadIndexReply { term, number, index }
    LogLost { term, acknowledged }
}

impl Coded for AppendEntries<Bytes> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.term.encode(bytes);
        self.attempt.encode(bytes);
        self.round.encode(bytes);
        self.prev.encode(bytes);
        self.leader_commit.encode(bytes);
        self.entries.encode(bytes);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (term, attempt, round) = (Coded::decode(reader)?, Coded::decode(reader)?, Coded::decode(reader)?);
        let (prev, leader_commit) = (Coded::decode(reader)?, Coded::decode(reader)?);
        Ok(Self { term, attempt, round, prev, leader_commit, entries: Coded::decode(reader)? })
    }
}

impl Coded for Entries<Bytes> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.integer(self.len() as u64);
        self.iter().for_each(|entry| entry.encode(bytes));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let count = reader.count()?;
        if count == 0 {
            return Ok(Self::empty());
        }
        let entries = (0..count).map(|_| Entry::decode(reader)).collect::<Result<Vec<_>, _>>()?;
        Ok(entries.into_iter().collect())
    }
}

impl Coded for Entry<Bytes> {
    fn encode(&self, bytes: &mut Vec<u8>) {
        self.term.encode(bytes);
        match &self.payload {
            Payload::Noop => bytes.integer(0),
            Payload::Command(command) => {
                bytes.integer(1);
                bytes.bytes(command);
            }
            Payload::Membership(membership) => {
                bytes.integer(2);
                membership.encode(bytes);
            }
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let term = Coded::decode(reader)?;
        let payload = match reader.integer()? {
            0 => Payload::Noop,
            1 => Payload::Command(reader.bytes()?),
            2 => Payload::Membership(Coded::decode(reader)?),
            number => return Err(Malformed::Unknown { what: "payload", number }),
        };
        Ok(Self { term, payload })
    }
}

impl Coded for Membership {
    fn encode(&self, bytes: &mut Vec<u8>) {
        bytes.integer(self.members().len() as u64);
        for member in self.members() {
            member.id.encode(bytes);
            bytes.integer(match member.role {
                MemberRole::Voter => 0,
                MemberRole::Incoming => 1,
                MemberRole::Outgoing { becomes_learner: false } => 2,
                MemberRole::Outgoing { becomes_learner: true } => 3,
                MemberRole::Learner { is_promoted: false } => 4,
                MemberRole::Learner { is_promoted: true } => 5,
            });
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let mut members = Vec::new();
        for _ in 0..reader.count()? {
            let id = Coded::decode(reader)?;
            let role = match reader.integer()? {
                0 => MemberRole::Voter,
                1 => MemberRole::Incoming,
                2 => MemberRole::Outgoing { becomes_learner: false },
                3 => MemberRole::Outgoing { becomes_learner: true },
                4 => MemberRole::Learner { is_promoted: false },
                5 => MemberRole::Learner { is_promoted: true },
                number => return Err(Malformed::Unknown { what: "role of a member", number }),
            };
            members.push(Member { id, role });
        }
        Self::try_from(members).map_err(|_| Malformed::Nonsense("a member is named twice"))
    }
}

impl Coded for AppendOutcome {
    fn encode(&self, bytes: &mut Vec<u8>) {
        match self {
            Self::Accepted { match_index } => {
                bytes.integer(0);
                match_index.encode(bytes);
            }
            Self::Heard => bytes.integer(1),
            Self::Conflict { attempt, prev_index, hint } => {
                bytes.integer(2);
                attempt.encode(bytes);
                prev_index.encode(bytes);
                hint.encode(bytes);
            }
            Self::StaleTerm => bytes.integer(3),
        }
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Ok(match reader.integer()? {
            0 => Self::Accepted { match_index: Coded::decode(reader)? },
            1 => Self::Heard,
            2 => {
                let (attempt, prev_index) = (Coded::decode(reader)?, Coded::decode(reader)?);
                Self::Conflict { attempt, prev_index, hint: Coded::decode(reader)? }
            }
            3 => Self::StaleTerm,
            number => return Err(Malformed::Unknown { what: "outcome of an append", number }),
        })
    }
}

macro_rules! messages {
    ($($number:literal $kind:ident),*) => {
        // It begins with its `Message::kind`, so that a message need not be read to see what it is.
        impl Coded for Message<Bytes> {
            fn encode(&self, bytes: &mut Vec<u8>) {
                match self {
                    $(Self::$kind(message) => {
                        bytes.push($number);
                        message.encode(bytes);
                    })*
                }
            }

            fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
                Ok(match reader.byte()? {
                    $($number => Self::$kind(Coded::decode(reader)?),)*
                    number => return Err(Malformed::Unknown { what: "message", number: number.into() }),
                })
            }
        }
    };
}
messages!(
    0 PreVote, 1 PreVoteReply, 2 RequestVote, 3 RequestVoteReply, 4 AppendEntries, 5 AppendEntriesReply,
    6 InstallSnapshot, 7 InstallSnapshotReply, 8 TimeoutNow, 9 ReadIndex, 10 ReadIndexReply, 11 LogLost
);

/// The bytes of a message between servers.
#[must_use]
pub fn encode_message(message: &Message<Bytes>) -> Vec<u8> {
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    bytes
}

/// The message that [`encode_message`] made `bytes` of.
///
/// # Errors
/// Where it did not.
pub fn decode_message(bytes: &[u8]) -> Result<Message<Bytes>, Malformed> {
    let mut reader = Reader::new(bytes);
    let message = Message::decode(&mut reader)?;
    reader.end()?;
    Ok(message)
}
