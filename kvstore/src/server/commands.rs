//! What each command of the Redis protocol asks for, and how its answer is said.

use bytes::Bytes as Wire;
use raft_core::ReadMode;
use redis_protocol::resp2::types::BytesFrame as Frame;

use crate::answer::Answer;
use crate::bytes::Bytes;
use crate::command::{Condition, Operation, Stamp};
use crate::replica::{Found, Query, Request};

/// What is to be done for a command.
#[derive(Clone, Debug)]
pub(super) enum Action {
    /// Say this.
    Say(Frame),
    /// Say it, and hang up.
    Quit,
    /// Say what there is to know of the server.
    Info,
    /// From now on, answer reads here though another leads; or no more.
    ReadHere(bool),
    /// Ask the replica.
    Ask { request: Request, reply: Reply },
    /// Name keys from a place that an earlier answer named.
    Scan { cursor: u64, pattern: Option<Wire>, count: usize },
}

/// How an answer is said.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Reply {
    /// As Redis does.
    Redis,
    /// In the seed's words.
    Seed,
}

type Parsed = Result<Action, String>;

/// What `arguments` ask for: a command's name and what follows.
///
/// # Errors
/// Says what is wrong, as an error of the protocol.
pub(super) fn parse(arguments: &[Wire]) -> Parsed {
    let Some((name, rest)) = arguments.split_first() else { return Err("ERR empty command".to_owned()) };
    let name = String::from_utf8_lossy(name).to_ascii_uppercase();
    let wrong_count = || Err(format!("ERR wrong number of arguments for '{}' command", name.to_ascii_lowercase()));
    match (name.as_str(), rest) {
        ("PING", []) => Ok(Action::Say(Frame::SimpleString("PONG".into()))),
        ("PING" | "ECHO", [text]) => Ok(Action::Say(Frame::BulkString(text.clone()))),
        ("QUIT", _) => Ok(Action::Quit),
        ("INFO", _) => Ok(Action::Info),
        ("READONLY", []) => Ok(Action::ReadHere(true)),
        ("READWRITE", []) => Ok(Action::ReadHere(false)),
        ("SELECT", [database]) if &**database == b"0" => Ok(ok()),
        ("CLIENT", _) => Ok(ok()),
        ("COMMAND", _) => Ok(Action::Say(Frame::Array(Vec::new()))),
        ("CONFIG", [get, ..]) if get.eq_ignore_ascii_case(b"GET") => Ok(Action::Say(Frame::Array(Vec::new()))),
        ("GET", [key]) => read(Query::Get(bytes(key))),
        ("MGET", [_, ..]) => read(Query::Values(rest.iter().map(bytes).collect())),
        ("EXISTS", [_, ..]) => read(Query::Exist(rest.iter().map(bytes).collect())),
        ("DBSIZE", []) => read(Query::Size),
        ("SET", [key, value, options @ ..]) => set(key, value, options),
        ("SETNX", [key, value]) => command(Operation::Put {
            key: bytes(key),
            value: bytes(value),
            condition: Condition::IfAbsent,
            wants_old: false,
        }),
        ("DEL" | "UNLINK", [_, ..]) => command(Operation::Remove { keys: rest.iter().map(bytes).collect() }),
        ("APPEND", [key, value]) => command(Operation::Append { key: bytes(key), value: bytes(value) }),
        ("SCAN", [cursor, options @ ..]) => scan(cursor, options),
        ("KV.SESSION", [client, expires_after_ms]) => {
            let (client, expires_after_ms) = (number(client)?, number(expires_after_ms)?);
            seed(None, Operation::OpenSession { client, expires_after_ms })
        }
        ("KV.DO", [session, sequence, unanswered_from, verb, operands @ ..]) => {
            let (session, sequence) = (number(session)?, number(sequence)?);
            let stamp = Stamp { session, sequence, unanswered_from: number(unanswered_from)? };
            seed(Some(stamp), verb_of(verb, operands)?)
        }
        (name, operands) if name.starts_with("KV.") => seed(None, verb_of(&name.as_bytes()[3..], operands)?),
        (
            "PING" | "ECHO" | "READONLY" | "READWRITE" | "SELECT" | "GET" | "MGET" | "EXISTS" | "DBSIZE" | "SET"
            | "SETNX" | "DEL" | "UNLINK" | "APPEND" | "SCAN",
            _,
        ) => wrong_count(),
        _ => Err(format!("ERR unknown command '{}'", name.escape_default())),
    }
}

fn ok() -> Action {
    Action::Say(Frame::SimpleString("OK".into()))
}

fn bytes(argument: &Wire) -> Bytes {
    Bytes::from(&**argument)
}

fn number(argument: &[u8]) -> Result<u64, String> {
    let text = std::str::from_utf8(argument).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| "ERR value is not an integer or out of range".to_owned())
}

#[expect(clippy::unnecessary_wraps, reason = "an arm of the parser")]
fn read(query: Query) -> Parsed {
    Ok(Action::Ask { request: Request::Read { query, mode: ReadMode::ReadIndex }, reply: Reply::Redis })
}

#[expect(clippy::unnecessary_wraps, reason = "an arm of the parser")]
fn command(operation: Operation) -> Parsed {
    Ok(Action::Ask { request: Request::Command { stamp: None, trace: 0, operation }, reply: Reply::Redis })
}

#[expect(clippy::unnecessary_wraps, reason = "an arm of the parser")]
fn seed(stamp: Option<Stamp>, operation: Operation) -> Parsed {
    Ok(Action::Ask { request: Request::Command { stamp, trace: 0, operation }, reply: Reply::Seed })
}

/// The seed's verbs and ours, in a session or out of it.
fn verb_of(verb: &[u8], operands: &[Wire]) -> Result<Operation, String> {
    let verb = String::from_utf8_lossy(verb).to_ascii_uppercase();
    Ok(match (verb.as_str(), operands) {
        ("INSERT", [key, value]) => Operation::Insert { key: bytes(key), value: bytes(value) },
        ("UPDATE", [key, value]) => Operation::Update { key: bytes(key), value: bytes(value) },
        ("DELETE", [key]) => Operation::Delete { key: bytes(key) },
        ("VIEW", [key]) => Operation::View { key: bytes(key) },
        ("PUT", [key, value]) => {
            Operation::Put { key: bytes(key), value: bytes(value), condition: Condition::Always, wants_old: false }
        }
        ("APPEND", [key, value]) => Operation::Append { key: bytes(key), value: bytes(value) },
        ("CAS", [key, expected, value]) => {
            Operation::CompareAndSet { key: bytes(key), expected: Some(bytes(expected)), value: bytes(value) }
        }
        ("CREATE", [key, value]) => Operation::CompareAndSet { key: bytes(key), expected: None, value: bytes(value) },
        ("CLOSE", []) => Operation::CloseSession,
        _ => return Err(format!("ERR no verb '{}' of that many operands", verb.escape_default())),
    })
}

fn set(key: &Wire, value: &Wire, options: &[Wire]) -> Parsed {
    let (mut condition, mut wants_old) = (Condition::Always, false);
    for option in options {
        match option.to_ascii_uppercase().as_slice() {
            b"NX" if condition == Condition::Always => condition = Condition::IfAbsent,
            b"XX" if condition == Condition::Always => condition = Condition::IfPresent,
            b"GET" => wants_old = true,
            _ => return Err("ERR syntax error: SET key value [NX | XX] [GET]".to_owned()),
        }
    }
    command(Operation::Put { key: bytes(key), value: bytes(value), condition, wants_old })
}

fn scan(cursor: &Wire, options: &[Wire]) -> Parsed {
    let cursor = number(cursor).map_err(|_| "ERR invalid cursor".to_owned())?;
    let (mut pattern, mut count) = (None, 10);
    let (pairs, rest) = options.as_chunks::<2>();
    for [option, value] in pairs {
        match option.to_ascii_uppercase().as_slice() {
            b"MATCH" => pattern = Some(value.clone()),
            b"COUNT" => count = number(value)?.clamp(1, 10_000) as usize,
            _ => return Err("ERR syntax error: SCAN cursor [MATCH pattern] [COUNT count]".to_owned()),
        }
    }
    if !rest.is_empty() {
        return Err("ERR syntax error: SCAN cursor [MATCH pattern] [COUNT count]".to_owned());
    }
    Ok(Action::Scan { cursor, pattern, count })
}

fn bulk(bytes: &Bytes) -> Frame {
    Frame::BulkString(Wire::copy_from_slice(bytes))
}

fn bulk_or_null(bytes: Option<&Bytes>) -> Frame {
    bytes.map_or(Frame::Null, bulk)
}

fn integer(number: u64) -> Frame {
    Frame::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

pub(super) fn error(text: &str) -> Frame {
    // One line, whatever is in it.
    Frame::Error(text.replace(['\r', '\n'], " ").into())
}

/// The answer to a command.
pub(super) fn say_answer(answer: &Answer, reply: Reply) -> Frame {
    match (answer, reply) {
        (Answer::SessionExpired, _) => error("SESSIONEXPIRED the session has expired"),
        (Answer::AnsweredBefore, _) => error("ANSWEREDBEFORE the client said that it has the answer"),
        (Answer::TooManyUnanswered, _) => error("TOOMANY too many commands of the session are unanswered"),
        (Answer::TooLong, _) => error("ERR the value would be longer than 4 MiB"),
        (Answer::Malformed, _) => error("ERR not a command"),
        (Answer::Session(number) | Answer::Removed(number) | Answer::Length(number), _) => integer(*number),
        (Answer::Done, Reply::Redis) => Frame::SimpleString("OK".into()),
        (Answer::NotSet | Answer::NotFound, Reply::Redis) => Frame::Null,
        (Answer::Old { value, .. }, Reply::Redis) => bulk_or_null(value.as_ref()),
        (Answer::Value(value), _) => bulk(value),
        (answer, _) => Frame::SimpleString(answer.to_string().into()),
    }
}

/// The answer to a question.
pub(super) fn say_found(found: &Found) -> Frame {
    match found {
        Found::Value(value) => bulk_or_null(value.as_ref()),
        Found::Values(values) => Frame::Array(values.iter().map(|value| bulk_or_null(value.as_ref())).collect()),
        Found::Count(count) => integer(*count),
        Found::Keys { keys, .. } => Frame::Array(keys.iter().map(bulk).collect()),
    }
}

/// A page of keys, and the number by which the next is asked for.
pub(super) fn say_page(keys: &[Bytes], pattern: Option<&[u8]>, cursor: u64) -> Frame {
    let named = keys.iter().filter(|key| pattern.is_none_or(|pattern| matches(pattern, key))).map(bulk).collect();
    Frame::Array(vec![Frame::BulkString(cursor.to_string().into()), Frame::Array(named)])
}

/// Whether `text` is like `pattern`: `*` is any text, `?` any byte, `[abc]` or `[a-c]` one of these, `[^a]` none, `\` takes the
/// next byte as it is.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // Where the last star was, and how much it had taken: never more than one to go back to.
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < text.len() {
        match step(&pattern[at..], text[place]) {
            Step::Star => {
                star = Some((at + 1, place));
                at += 1;
            }
            Step::One(length) => {
                at += length;
                place += 1;
            }
            Step::No => match &mut star {
                Some((after, taken)) => {
                    *taken += 1;
                    (at, place) = (*after, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|byte| *byte == b'*')
}

enum Step {
    Star,
    One(usize),
    No,
}

fn step(pattern: &[u8], byte: u8) -> Step {
    let one = |is: bool, length| if is { Step::One(length) } else { Step::No };
    match pattern {
        [] => Step::No,
        [b'*', ..] => Step::Star,
        [b'?', ..] => Step::One(1),
        [b'\\', taken, ..] => one(*taken == byte, 2),
        [b'[', set @ ..] => match set.iter().skip(1).position(|end| *end == b']') {
            Some(end) => {
                let set = &set[..=end];
                let (is_negated, set) = set.strip_prefix(b"^").map_or((false, set), |set| (true, set));
                one(is_in(set, byte) != is_negated, end + 3)
            }
            None => one(byte == b'[', 1),
        },
        [same, ..] => one(*same == byte, 1),
    }
}

fn is_in(mut set: &[u8], byte: u8) -> bool {
    while let Some((first, rest)) = set.split_first() {
        match rest {
            [b'-', last, after @ ..] => {
                if (*first..=*last).contains(&byte) {
                    return true;
                }
                set = after;
            }
            _ if *first == byte => return true,
            _ => set = rest,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(words: &str) -> Vec<Wire> {
        words.split(' ').map(|word| Wire::copy_from_slice(word.as_bytes())).collect()
    }

    fn operation(words: &str) -> Operation {
        match parse(&wire(words)) {
            Ok(Action::Ask { request: Request::Command { operation, .. }, .. }) => operation,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn set_takes_its_options_in_any_order_and_case() {
        let put = |condition, wants_old| Operation::Put { key: "k".into(), value: "v".into(), condition, wants_old };
        assert_eq!(operation("SET k v"), put(Condition::Always, false));
        assert_eq!(operation("set k v nx"), put(Condition::IfAbsent, false));
        assert_eq!(operation("SET k v GET XX"), put(Condition::IfPresent, true));
        for wrong in ["SET k v NX XX", "SET k v EX", "SET k"] {
            assert!(parse(&wire(wrong)).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_command_of_a_session_carries_its_stamp() {
        let Ok(Action::Ask { request: Request::Command { stamp, operation, .. }, reply }) =
            parse(&wire("KV.DO 7 3 2 insert k v"))
        else {
            panic!("a command");
        };
        assert_eq!(stamp, Some(Stamp { session: 7, sequence: 3, unanswered_from: 2 }));
        assert_eq!((operation, reply), (Operation::Insert { key: "k".into(), value: "v".into() }, Reply::Seed));
        assert!(parse(&wire("KV.DO 7 x 2 insert k v")).is_err());
        assert!(parse(&wire("KV.NOTHING k")).is_err());
    }

    #[test]
    fn patterns_match_as_redis_has_them() {
        let cases: [(&str, &str, bool); 14] = [
            ("*", "", true),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*a*a*", "banana", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("h[ae]llo", "hallo", true),
            ("h[ae]llo", "hillo", false),
            ("h[^e]llo", "hello", false),
            ("h[a-c]llo", "hbllo", true),
            ("a\\*b", "a*b", true),
            ("a\\*b", "axb", false),
            ("", "x", false),
            ("[", "[", true),
        ];
        for (pattern, text, is) in cases {
            assert_eq!(matches(pattern.as_bytes(), text.as_bytes()), is, "{pattern} {text}");
        }
    }
}
