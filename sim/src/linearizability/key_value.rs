//! The model of a map from keys to values. It is written for the checker alone: no service under test shares any of it.

use std::fmt;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use super::model::{Footprint, Model};

/// Stands for the bytes of a value: different bytes have different ones, but for chance.
///
/// It is their polynomial hash modulo 2^61 - 1 with their length, so that what stands for two values one after the other
/// [follows](Value::then) from what stands for each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Value {
    hash: u64,
    /// One more than the length, so that a value that may be missing takes no more room.
    length_and_one: NonZeroU32,
}

const MODULUS: u64 = (1 << 61) - 1;
/// Any large number below the modulus.
const BASE: u64 = 0x0E37_79B9_7F4A_7C15;

impl Value {
    /// No bytes.
    pub const EMPTY: Self = Self { hash: 0, length_and_one: NonZeroU32::MIN };

    /// What stands for `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        // One more than the byte, so that zeros count.
        let hash = bytes.iter().fold(0, |hash, byte| add(multiply(hash, BASE), u64::from(*byte) + 1));
        Self { hash, length_and_one: NonZeroU32::MIN.saturating_add(bytes.len() as u32) }
    }

    /// What stands for these bytes with `more` behind them.
    #[must_use]
    pub fn then(self, more: Self) -> Self {
        let hash = add(multiply(self.hash, power(BASE, more.length())), more.hash);
        Self { hash, length_and_one: self.length_and_one.saturating_add(more.length()) }
    }

    fn length(self) -> u32 {
        self.length_and_one.get() - 1
    }
}

fn add(one: u64, other: u64) -> u64 {
    let sum = one + other;
    if sum >= MODULUS { sum - MODULUS } else { sum }
}

fn multiply(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    add(product as u64 & MODULUS, (product >> 61) as u64)
}

fn power(base: u64, exponent: u32) -> u64 {
    let (mut result, mut square, mut left) = (1, base, exponent);
    while left > 0 {
        if left & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        left >>= 1;
    }
    result
}

/// What a client's command asks of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Access {
    /// The key.
    pub key: u64,
    /// What is asked of it.
    pub verb: Verb,
}

/// What may be asked of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verb {
    /// Its value.
    Get,
    /// To have this value.
    Put(Value),
    /// To have this behind its value, or as its value where there is none. A service may refuse, and say what it found.
    Append(Value),
    /// To have the value `new` if it has the value `expected`.
    CompareAndSet {
        /// The value that it must have; `None`: it must have none.
        expected: Option<Value>,
        /// The value that it has then.
        new: Value,
    },
    /// To have no value.
    Delete,
}

/// What a client is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It is as the client wanted it.
    Done,
    /// The value that the key has, and has kept: the answer to a get, to a compare-and-set that expected another, and to an
    /// append that was refused.
    Found(Option<Value>),
    /// A compare-and-set found another value than it expected, and changed nothing.
    Mismatch,
}

impl Access {
    /// Whether it changes nothing, whatever is answered.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.verb == Verb::Get
    }
}

/// A map from keys to values, in which every key has none at first.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyValue;

impl Model for KeyValue {
    type Input = Access;
    type Output = Outcome;
    type State = Option<Value>;

    fn initial(&self) -> Option<Value> {
        None
    }

    fn key(&self, access: &Access) -> u64 {
        access.key
    }

    fn step(&self, state: &Option<Value>, access: &Access, outcome: Option<&Outcome>) -> Option<Option<Value>> {
        let (fits, left) = match access.verb {
            Verb::Get => (Outcome::Found(*state), *state),
            Verb::Put(value) => (Outcome::Done, Some(value)),
            Verb::Append(_) if matches!(outcome, Some(Outcome::Found(_))) => (Outcome::Found(*state), *state),
            Verb::Append(more) => (Outcome::Done, Some(state.map_or(more, |value| value.then(more)))),
            Verb::Delete => (Outcome::Done, None),
            Verb::CompareAndSet { expected, new } if *state == expected => (Outcome::Done, Some(new)),
            Verb::CompareAndSet { .. } if outcome == Some(&Outcome::Mismatch) => (Outcome::Mismatch, *state),
            Verb::CompareAndSet { .. } => (Outcome::Found(*state), *state),
        };
        outcome.is_none_or(|outcome| *outcome == fits).then_some(left)
    }

    fn footprint(&self, access: &Access, outcome: Option<&Outcome>) -> Option<Footprint<Option<Value>>> {
        let (needs, leaves) = match (access.verb, outcome) {
            (Verb::Get | Verb::Append(_), Some(Outcome::Found(value))) => (Some(*value), None),
            (Verb::Get, None) => (None, None),
            (Verb::Put(value), Some(Outcome::Done) | None) => (None, Some(Some(value))),
            (Verb::Delete, Some(Outcome::Done) | None) => (None, Some(None)),
            (Verb::CompareAndSet { expected, new }, Some(Outcome::Done)) => (Some(expected), Some(Some(new))),
            (Verb::CompareAndSet { expected, .. }, Some(Outcome::Found(value))) if *value != expected => {
                (Some(*value), None)
            }
            // Where it finds another value, nobody can tell it from one that never happens.
            (Verb::CompareAndSet { expected, new }, None) => (Some(expected), Some(Some(new))),
            _ => return None,
        };
        Some(Footprint { needs, leaves })
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}+{}", self.hash, self.length())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_behind_another_is_that_of_all_their_bytes() {
        for (one, other) in [("", ""), ("a", ""), ("", "b"), ("c0-1", "c12-345"), ("\0", "\0\0")] {
            let both = [one, other].concat();
            assert_eq!(Value::of(one.as_bytes()).then(Value::of(other.as_bytes())), Value::of(both.as_bytes()));
        }
        assert_eq!(Value::of(b""), Value::EMPTY);
    }

    #[test]
    fn other_bytes_are_another_value() {
        let texts: [&[u8]; 6] = [b"", b"\0", b"\0\0", b"ab", b"ba", b"abc"];
        let mut values = texts.map(Value::of).to_vec();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), texts.len());
    }

    #[test]
    fn a_value_that_may_be_missing_takes_no_more_room() {
        assert_eq!(size_of::<Option<Value>>(), size_of::<Value>());
    }
}
