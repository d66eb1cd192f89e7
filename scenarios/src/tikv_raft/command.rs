//! Commands as the bytes of an entry.

use protobuf::Message as _;
use raft::eraftpb::{ConfChangeV2, Entry, EntryType};
use sim::{LogEntry, Membership, NodeSet, RequestId};

use crate::kv::{Command, Value, Verb};

/// Who asked comes first, and is enough to know a command by.
const REQUEST: usize = 6;

pub(super) fn encode(command: &Command) -> Vec<u8> {
    let mut bytes = encode_request(command.request);
    bytes.extend(command.key.to_le_bytes());
    let (verb, value) = match &command.verb {
        Verb::Insert(value) => (0, value.as_str().as_bytes()),
        Verb::Update(value) => (1, value.as_str().as_bytes()),
        Verb::Delete => (2, &[][..]),
        Verb::View | Verb::Read(_) => (3, &[][..]),
        Verb::Append(more) => (4, &more[..]),
        Verb::CompareAndSet(expected) => (5, expected.as_str().as_bytes()),
        Verb::SetIfAbsent => (6, &[][..]),
    };
    bytes.push(verb | u8::from(command.is_in_session) << 7);
    bytes.extend(value);
    bytes
}

pub(super) fn decode(bytes: &[u8]) -> Option<Command> {
    let (request, rest) = bytes.split_at_checked(REQUEST)?;
    let (key, rest) = rest.split_first_chunk()?;
    let (verb, rest) = rest.split_first()?;
    let value = || Value::new(std::str::from_utf8(rest).ok()?);
    let is_in_session = verb >> 7 == 1;
    let verb = match verb & 0x7F {
        0 => Verb::Insert(value()?),
        1 => Verb::Update(value()?),
        2 => Verb::Delete,
        3 => Verb::View,
        4 => Verb::Append(rest.try_into().ok()?),
        5 => Verb::CompareAndSet(value()?),
        6 => Verb::SetIfAbsent,
        _ => return None,
    };
    Some(Command { request: decode_request(request)?, key: i64::from_le_bytes(*key), verb, is_in_session })
}

/// The context of a read that is asked for the `attempt`th time: under one context of its own each, since an answer to an earlier
/// one, from before whatever is asked in between, confirms all that waits in front of it.
pub(super) fn read_context(request: RequestId, attempt: u32) -> Vec<u8> {
    [&encode_request(request)[..], &attempt.to_le_bytes()[..]].concat()
}

/// Which read a context is of, and which attempt at it.
pub(super) fn read_of(context: &[u8]) -> Option<(RequestId, u32)> {
    let (request, attempt) = context.split_at_checked(REQUEST)?;
    Some((decode_request(request)?, u32::from_le_bytes(attempt.try_into().ok()?)))
}

fn encode_request(request: RequestId) -> Vec<u8> {
    [&request.client.to_le_bytes()[..], &request.number.to_le_bytes()[..]].concat()
}

pub(super) fn decode_request(bytes: &[u8]) -> Option<RequestId> {
    let (client, number) = bytes.split_first_chunk()?;
    Some(RequestId {
        client: u16::from_le_bytes(*client),
        number: u32::from_le_bytes(*number.first_chunk::<{ REQUEST - 2 }>()?),
    })
}

/// The configuration that an entry changes to, which the crate carries along without a look.
pub(super) fn new_membership(entry: &Entry) -> Option<Membership> {
    if entry.get_entry_type() != EntryType::EntryConfChangeV2 {
        return None;
    }
    let change = ConfChangeV2::parse_from_bytes(&entry.data).ok()?;
    let [voters, learners] = *change.context.first_chunk()?;
    Some(Membership { voters: NodeSet(voters), outgoing: NodeSet::default(), learners: NodeSet(learners) })
}

/// What the checkers know an entry by.
pub(super) fn identify(entry: &Entry) -> LogEntry {
    let request = (entry.get_entry_type() == EntryType::EntryNormal).then(|| decode_request(&entry.data)).flatten();
    let digest = request
        .map_or(LogEntry::NO_COMMAND, |request| u64::from(request.client) << 32 | u64::from(request.number) | 1 << 63);
    LogEntry { term: entry.term, digest }
}
