//! What the simulated clients ask of the server.

use std::fmt;

use kvstore::{Answer, Bytes, Condition, Operation};
use sim::linearizability::{Access, Outcome, Value as InHistory, Verb};
use sim::{Choice, RequestId};

use crate::kv::{ReadPath, Value};
use crate::raft_core_subject::Settings;

/// A command, before the server has put it in bytes.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Whose request this is: its trace in the log.
    pub request: RequestId,
    /// What is wanted.
    pub wish: Wish,
}

/// What is wanted.
#[derive(Clone, Debug)]
pub enum Wish {
    /// Something through the log. What the checkers follow is never left undone because a session has expired.
    Operate {
        /// What.
        operation: Operation,
        /// Whether it has a place in a session of the client.
        place: Place,
    },
    /// A value, without the log.
    Read {
        /// The key.
        key: u64,
        /// How.
        path: ReadPath,
    },
}

/// Whether an operation has a place in a session of its client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// None.
    Outside,
    /// One where a session is open.
    IfOpen,
    /// One for sure: it is refused where none is open, and takes effect once however often the client asks.
    Inside,
}

impl Asked {
    /// A number that no other command of the run has.
    pub(super) fn digest(&self) -> u64 {
        u64::from(self.request.client) << 32 | u64::from(self.request.number) | 1 << 63
    }

    pub(super) fn draw(settings: &Settings, request: RequestId, choice: &mut Choice) -> Self {
        if settings.sessions {
            return Self::draw_inside(settings, request, choice);
        }
        let number = choice.below(settings.keys);
        let value: Bytes = Value::of_request(request).as_str().into();
        let through_log = |operation| Wish::Operate { operation, place: Place::Outside };
        let wish = match choice.below(16) {
            // One that nobody forgets while the run lasts: what is done in it is surely done.
            14 => through_log(Operation::OpenSession { client: lasting(request.client), expires_after_ms: 86_400_000 }),
            15 => Wish::Operate { operation: Operation::Insert { key: name(number), value }, place: Place::IfOpen },
            12 => through_log(Operation::OpenSession {
                client: request.client.into(),
                // Some expire in the middle of the run.
                expires_after_ms: *choice.pick(&[100, 2_000, 600_000]),
            }),
            0..=2 => through_log(Operation::Insert { key: name(number), value }),
            3 => through_log(Operation::Update { key: name(number), value }),
            4 => through_log(Operation::Delete { key: name(number) }),
            5 if settings.reads => Wish::Read { key: number, path: ReadPath::ReadIndex },
            6 if settings.reads => Wish::Read { key: number, path: ReadPath::Lease },
            7 | 13 => Wish::Operate { operation: beside(number, value, choice), place: Place::IfOpen },
            8 => through_log(beside(number, value, choice)),
            _ => through_log(Operation::View { key: name(number) }),
        };
        Self { request, wish }
    }

    /// Everything that changes something has its place in a session that lasts as long as the run: clients ask again where they
    /// have no answer.
    fn draw_inside(settings: &Settings, request: RequestId, choice: &mut Choice) -> Self {
        let RequestId { client, number } = request;
        let key = choice.below(settings.keys);
        let value: Bytes = Value::of_request(request).as_str().into();
        let open = Operation::OpenSession { client: lasting(client), expires_after_ms: 86_400_000 };
        let drawn = choice.below(16);
        // Now and then the client's own last value is there still.
        let earlier = RequestId { client, number: number.saturating_sub(1 + choice.below(3) as u32) };
        let wish = match drawn {
            _ if number <= 1 => Wish::Operate { operation: open, place: Place::Outside },
            0 | 15 => Wish::Operate { operation: open, place: Place::Outside },
            1 | 2 => Wish::Operate { operation: Operation::View { key: name(key) }, place: Place::Outside },
            3 | 4 if settings.reads => Wish::Read { key, path: ReadPath::ReadIndex },
            5 => Wish::Operate { operation: Operation::Delete { key: name(key) }, place: Place::Inside },
            6..=8 => {
                // Two characters, so that values that are appended to do not grow without end.
                let more = [b'!' + (number / 94 % 94) as u8, b'!' + (number % 94) as u8];
                Wish::Operate {
                    operation: Operation::Append { key: name(key), value: more.as_slice().into() },
                    place: Place::Inside,
                }
            }
            9 | 10 => {
                let expected = choice.chance_ppm(700_000).then(|| Value::of_request(earlier).as_str().into());
                Wish::Operate {
                    operation: Operation::CompareAndSet { key: name(key), expected, value },
                    place: Place::Inside,
                }
            }
            _ => Wish::Operate { operation: Operation::Insert { key: name(key), value }, place: Place::Inside },
        };
        Self { request, wish }
    }

    /// Whether it has its effect once however often it is asked for.
    pub(super) fn takes_effect_once(&self) -> bool {
        matches!(self.wish, Wish::Operate { place: Place::Inside, .. })
    }

    /// What the simulator's checkers are to know of it.
    pub(super) fn access(&self) -> Option<Access> {
        let (key, verb) = match &self.wish {
            Wish::Read { key, .. } => (*key, Verb::Get),
            Wish::Operate { operation, .. } => match operation {
                Operation::Insert { key, value } | Operation::Update { key, value } => {
                    (number_of(key), Verb::Put(InHistory::of(value)))
                }
                Operation::Delete { key } => (number_of(key), Verb::Delete),
                Operation::View { key } => (number_of(key), Verb::Get),
                Operation::Append { key, value } if self.takes_effect_once() => {
                    (number_of(key), Verb::Append(InHistory::of(value)))
                }
                Operation::CompareAndSet { key, expected, value } if self.takes_effect_once() => {
                    let expected = expected.as_ref().map(|expected| InHistory::of(expected));
                    (number_of(key), Verb::CompareAndSet { expected, new: InHistory::of(value) })
                }
                _ => return None,
            },
        };
        Some(Access { key, verb })
    }
}

/// What a client calls itself in a session that lasts.
pub(super) fn lasting(client: u16) -> u64 {
    u64::from(client) + (1 << 32)
}

pub(super) fn name(key: u64) -> Bytes {
    key.to_string().as_str().into()
}

fn number_of(key: &[u8]) -> u64 {
    std::str::from_utf8(key).ok().and_then(|text| text.parse().ok()).unwrap_or(u64::MAX)
}

/// Something that the checkers do not follow, on keys of its own.
fn beside(number: u64, value: Bytes, choice: &mut Choice) -> Operation {
    let key: Bytes = format!("beside {number}").as_str().into();
    match choice.below(5) {
        // Never carried out: it is there to make batches of many sectors.
        4 => {
            let value = vec![b'x'; choice.within((200, 2_000)) as usize].into();
            Operation::CompareAndSet { key, expected: Some("nothing is this".into()), value }
        }
        // Values grow, and so do snapshots: not for ever.
        0 => Operation::Remove { keys: vec![key] },
        1 => Operation::Append { key, value },
        2 => Operation::CompareAndSet { key, expected: None, value },
        _ => Operation::Put { key, value, condition: Condition::IfPresent, wants_old: true },
    }
}

/// What the simulator's checkers are to know of an answer to what they follow.
pub(super) fn outcome(answer: &Answer) -> Option<Outcome> {
    Some(match answer {
        Answer::Done | Answer::Deleted | Answer::Length(_) => Outcome::Done,
        Answer::Differs(found) => Outcome::Found(found.as_ref().map(|found| InHistory::of(found))),
        Answer::Value(value) => Outcome::Found(Some(InHistory::of(value))),
        Answer::NotFound => Outcome::Found(None),
        _ => return None,
    })
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.wish {
            Wish::Operate { operation, .. } => write!(f, "{operation}"),
            Wish::Read { key, path } => write!(f, "{key}:view|{path:?}"),
        }
    }
}
