//! A checker that is too simple to be wrong: every order is tried, on all keys at once.

use std::collections::BTreeMap;

use sim::linearizability::{Access, Op, Outcome, Value, Verb};

/// An operation in bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Wish {
    pub(crate) key: u8,
    pub(crate) verb: Verbal,
    pub(crate) called: u64,
    /// When it was answered, and how; `None`: nobody knows.
    pub(crate) returned: Option<(u64, Reply)>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Verbal {
    Get,
    Put(Vec<u8>),
    Append(Vec<u8>),
    CompareAndSet(Option<Vec<u8>>, Vec<u8>),
    Delete,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reply {
    Done,
    Found(Option<Vec<u8>>),
    Mismatch,
}

pub(crate) type Map = BTreeMap<u8, Vec<u8>>;

/// Carries out a wish; a compare-and-set that finds another value says which.
pub(crate) fn carry_out(map: &mut Map, key: u8, verb: &Verbal) -> Reply {
    let now = map.get(&key).cloned();
    match verb {
        Verbal::Get => return Reply::Found(now),
        Verbal::Put(value) => map.insert(key, value.clone()),
        Verbal::Append(more) => map.insert(key, [now.unwrap_or_default(), more.clone()].concat()),
        Verbal::CompareAndSet(expected, _) if *expected != now => return Reply::Found(now),
        Verbal::CompareAndSet(_, new) => map.insert(key, new.clone()),
        Verbal::Delete => map.remove(&key),
    };
    Reply::Done
}

fn fits(verb: &Verbal, said: &Reply, is: &Reply) -> bool {
    let is_mismatch = matches!(verb, Verbal::CompareAndSet(..)) && matches!(is, Reply::Found(_));
    said == is || *said == Reply::Mismatch && is_mismatch
}

impl Wish {
    fn ended(&self) -> u64 {
        self.returned.as_ref().map_or(u64::MAX, |(at, _)| *at)
    }

    /// What it does: an append that was answered with a value was refused, and has found that value.
    fn meant(&self) -> &Verbal {
        match (&self.verb, &self.returned) {
            (Verbal::Append(_), Some((_, Reply::Found(_)))) => &Verbal::Get,
            (verb, _) => verb,
        }
    }

    /// As the checker wants it.
    pub(crate) fn op(&self) -> Op<Access, Outcome> {
        let value = |bytes: &Vec<u8>| Value::of(bytes);
        let verb = match &self.verb {
            Verbal::Get => Verb::Get,
            Verbal::Put(bytes) => Verb::Put(value(bytes)),
            Verbal::Append(bytes) => Verb::Append(value(bytes)),
            Verbal::CompareAndSet(expected, new) => {
                Verb::CompareAndSet { expected: expected.as_ref().map(value), new: value(new) }
            }
            Verbal::Delete => Verb::Delete,
        };
        let outcome = |reply: &Reply| match reply {
            Reply::Done => Outcome::Done,
            Reply::Found(bytes) => Outcome::Found(bytes.as_ref().map(value)),
            Reply::Mismatch => Outcome::Mismatch,
        };
        let returned = self.returned.as_ref().map(|(at, reply)| (*at, outcome(reply)));
        Op { client: 0, called: self.called, input: Access { key: self.key.into(), verb }, returned }
    }
}

/// Whether `order`, as it stands, is what a map would do, and is not against the order of time.
pub(crate) fn is_order(order: &[&Wish]) -> bool {
    let mut map = Map::new();
    order.iter().enumerate().all(|(place, wish)| {
        let is = carry_out(&mut map, wish.key, wish.meant());
        let is_answer = wish.returned.as_ref().is_none_or(|(_, said)| fits(&wish.verb, said, &is));
        is_answer && order[place..].iter().all(|later| later.ended() >= wish.called)
    })
}

/// Whether there is an order.
pub(crate) fn is_linearizable(wishes: &[Wish]) -> bool {
    fn goes_on(left: &[&Wish], map: &Map) -> bool {
        if left.iter().all(|wish| wish.returned.is_none()) {
            return true;
        }
        let first_end = left.iter().map(|wish| wish.ended()).min().unwrap_or(u64::MAX);
        left.iter().enumerate().filter(|(_, wish)| wish.called <= first_end).any(|(place, wish)| {
            let mut map = map.clone();
            let is = carry_out(&mut map, wish.key, wish.meant());
            let rest: Vec<&Wish> = [&left[..place], &left[place + 1..]].concat();
            wish.returned.as_ref().is_none_or(|(_, said)| fits(&wish.verb, said, &is)) && goes_on(&rest, &map)
        })
    }
    goes_on(&wishes.iter().collect::<Vec<_>>(), &Map::new())
}
