//! The checker and its twin agree on random small histories.

use proptest::prelude::*;
use sim::linearizability::{KeyValue, Verdict, WORK, check};

use super::twin::{Map, Reply, Verbal, Wish, carry_out, is_linearizable, is_order};

/// What there is to write, few enough that values come twice.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(b'a'..=b'b', 0..=2)
}

fn any_verb() -> impl Strategy<Value = Verbal> {
    prop_oneof![
        3 => Just(Verbal::Get),
        2 => bytes().prop_map(Verbal::Put),
        2 => bytes().prop_map(Verbal::Append),
        2 => (prop::option::of(bytes()), bytes()).prop_map(|(expected, new)| Verbal::CompareAndSet(expected, new)),
        1 => Just(Verbal::Delete),
    ]
}

fn exact_verb() -> impl Strategy<Value = Verbal> {
    prop_oneof![
        3 => Just(Verbal::Get),
        2 => bytes().prop_map(Verbal::Put),
        1 => (prop::option::of(bytes()), bytes()).prop_map(|(expected, new)| Verbal::CompareAndSet(expected, new)),
        1 => Just(Verbal::Delete),
    ]
}

fn register_verb() -> impl Strategy<Value = Verbal> {
    prop_oneof![Just(Verbal::Get), Just(Verbal::Put(Vec::new()))]
}

/// A wrong answer, where one is given.
fn lie() -> impl Strategy<Value = Reply> {
    prop_oneof![
        1 => Just(Reply::Done),
        1 => Just(Reply::Mismatch),
        4 => prop::option::of(bytes()).prop_map(Reply::Found),
        // As registers have them below.
        4 => (0_u8..8).prop_map(|number| Reply::Found(Some(vec![number]))),
    ]
}

type Drawn = (u8, Verbal, u64, u64, u64, Option<Reply>, bool);

/// An operation: its key, what it is, its call, how long it takes, when it takes effect, perhaps a lie, and whether its
/// outcome is unknown.
fn drawn(verb: impl Strategy<Value = Verbal>) -> impl Strategy<Value = Drawn> {
    let lie = prop_oneof![6 => Just(None), 1 => lie().prop_map(Some)];
    (0_u8..2, verb, 0_u64..16, 0_u64..10, 0_u64..=100, lie, prop::bool::weighted(0.2))
}

fn history(drawn: Vec<Drawn>, numbers_values: bool) -> Vec<Wish> {
    let mut wishes: Vec<(u64, Wish, Option<Reply>)> = Vec::new();
    for (number, (key, verb, called, lasts, percent, lie, is_unknown)) in drawn.into_iter().enumerate() {
        let verb = match verb {
            Verbal::Put(_) if numbers_values => Verbal::Put(vec![number as u8]),
            verb => verb,
        };
        let returned = (!is_unknown).then_some((called + lasts, Reply::Done));
        let point = called * 100 + lasts * percent;
        wishes.push((point, Wish { key, verb, called, returned }, lie));
    }
    wishes.sort_by_key(|(point, ..)| *point);
    let mut map = Map::new();
    let answered = wishes.into_iter().map(|(_, mut wish, lie)| {
        let reply = carry_out(&mut map, wish.key, &wish.verb);
        if let Some((_, said)) = &mut wish.returned {
            *said = lie.unwrap_or(reply);
        }
        wish
    });
    answered.collect()
}

/// The checker says what its twin says; and where it says no, what it shows is so.
fn agree(wishes: &[Wish]) -> Result<(), TestCaseError> {
    let ops: Vec<_> = wishes.iter().map(Wish::op).collect();
    let is_so = is_linearizable(wishes);
    match check(&KeyValue, &ops, WORK) {
        Verdict::Linearizable => prop_assert!(is_so, "{wishes:?}"),
        Verdict::Unknown { .. } => prop_assert!(false, "too much work for {wishes:?}"),
        Verdict::Violated(stuck) => {
            prop_assert!(!is_so, "{stuck:?} of {wishes:?}");
            let at = stuck.shown_at(&ops);
            let until = |is_over: &dyn Fn(u64) -> bool| -> Vec<Wish> {
                let of_key = wishes.iter().filter(|wish| u64::from(wish.key) == stuck.key).cloned();
                of_key.map(|wish| Wish { returned: wish.returned.filter(|(end, _)| is_over(*end)), ..wish }).collect()
            };
            prop_assert!(is_linearizable(&until(&|end| end < at)), "before {stuck:?} of {wishes:?}");
            prop_assert!(!is_linearizable(&until(&|end| end <= at)), "with {stuck:?} of {wishes:?}");
            let unreturned = |place: &usize| {
                let wish = &wishes[*place];
                let returned = wish.returned.clone().filter(|(end, _)| (*end, *place) < (at, stuck.unplaced));
                Wish { returned, ..wish.clone() }
            };
            let order: Vec<Wish> = stuck.linearized.iter().map(unreturned).collect();
            prop_assert!(is_order(&order.iter().collect::<Vec<_>>()), "{stuck:?} of {wishes:?}");
            let is_missing = |(place, wish): (usize, &Wish)| {
                let is_over = wish.returned.as_ref().is_some_and(|(end, _)| *end < at);
                u64::from(wish.key) == stuck.key && is_over && !stuck.linearized.contains(&place)
            };
            prop_assert!(!wishes.iter().enumerate().any(is_missing), "{stuck:?} of {wishes:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6_000))]

    #[test]
    fn on_all_verbs(drawn in prop::collection::vec(drawn(any_verb()), 1..8)) {
        agree(&history(drawn, false))?;
    }

    #[test]
    fn where_all_operations_have_footprints(drawn in prop::collection::vec(drawn(exact_verb()), 1..8)) {
        agree(&history(drawn, false))?;
    }

    #[test]
    fn on_registers_of_which_no_value_is_written_twice(drawn in prop::collection::vec(drawn(register_verb()), 1..9)) {
        agree(&history(drawn, true))?;
    }

    #[test]
    fn on_registers_of_which_values_are_written_twice(drawn in prop::collection::vec(drawn(register_verb()), 1..9)) {
        agree(&history(drawn, false))?;
    }
}
