//! Histories small enough to be seen through.

use sim::linearizability::{Access, KeyValue, Op, Outcome, Value, Verb, Verdict, WORK, check};

fn op(client: u16, called: u64, verb: Verb, returned: Option<(u64, Outcome)>) -> Op<Access, Outcome> {
    Op { client, called, input: Access { key: 7, verb }, returned }
}

fn value(text: &str) -> Value {
    Value::of(text.as_bytes())
}

fn found(text: &str) -> Outcome {
    Outcome::Found(Some(value(text)))
}

fn put(client: u16, called: u64, text: &str, returned: u64) -> Op<Access, Outcome> {
    op(client, called, Verb::Put(value(text)), Some((returned, Outcome::Done)))
}

fn get(client: u16, called: u64, text: &str, returned: u64) -> Op<Access, Outcome> {
    op(client, called, Verb::Get, Some((returned, found(text))))
}

fn verdict(history: &[Op<Access, Outcome>]) -> Verdict {
    check(&KeyValue, history, WORK)
}

#[test]
fn a_stale_read_fits_nowhere_and_is_shown_with_what_does() {
    let history = [put(1, 0, "a", 1), put(2, 2, "b", 3), get(3, 4, "a", 5), get(3, 6, "b", 7)];
    let Verdict::Violated(stuck) = verdict(&history) else { panic!("passed") };
    assert_eq!((stuck.key, &stuck.linearized[..], stuck.unplaced), (7, &[0, 1][..], 2));
    let words = stuck.words(&history, 1);
    assert!(words.starts_with("  ... 1 that fit before these\n  client 2 [2, 3]"), "{words}");
    assert!(words.contains("✗ client 3 [4, 5]"), "{words}");
}

#[test]
fn what_touches_may_be_in_either_order() {
    assert!(verdict(&[put(1, 0, "a", 1), put(2, 1, "b", 2), get(3, 3, "a", 4)]).is_linearizable());
    assert!(verdict(&[put(1, 0, "a", 1), put(2, 1, "b", 2), get(3, 3, "b", 4)]).is_linearizable());
    assert!(!verdict(&[put(1, 0, "a", 1), put(2, 2, "b", 3), get(3, 4, "a", 5)]).is_linearizable());
}

#[test]
fn an_unknown_put_takes_effect_late_or_never() {
    let unknown = op(1, 0, Verb::Put(value("a")), None);
    let missing = op(2, 1, Verb::Get, Some((2, Outcome::Found(None))));
    assert!(verdict(&[unknown.clone(), missing.clone(), get(3, 100, "a", 101)]).is_linearizable());
    assert!(verdict(&[unknown.clone(), missing.clone()]).is_linearizable());
    let again = op(3, 102, Verb::Get, Some((103, Outcome::Found(None))));
    assert!(!verdict(&[unknown, missing, get(3, 100, "a", 101), again]).is_linearizable());
}

#[test]
fn a_value_that_nobody_wrote_is_found_by_nobody() {
    assert!(!verdict(&[get(1, 0, "a", 1)]).is_linearizable());
    assert!(!verdict(&[get(1, 0, "a", 1), put(2, 2, "a", 3)]).is_linearizable());
}

#[test]
fn an_append_that_is_done_twice_shows() {
    let append = |client, called, text, end| op(client, called, Verb::Append(value(text)), Some((end, Outcome::Done)));
    let history = [put(1, 0, "a", 1), append(1, 2, "b", 3), append(2, 2, "c", 3)];
    for fine in ["abc", "acb"] {
        assert!(verdict(&[&history[..], &[get(3, 4, fine, 5)]].concat()).is_linearizable());
    }
    for twice in ["abcb", "abbc", "ab", "abc "] {
        assert!(!verdict(&[&history[..], &[get(3, 4, twice, 5)]].concat()).is_linearizable());
    }
}

#[test]
fn an_append_that_was_refused_has_told_what_was_there() {
    let refused = |found| op(2, 2, Verb::Append(value("b")), Some((3, found)));
    assert!(verdict(&[put(1, 0, "a", 1), refused(found("a")), get(3, 4, "a", 5)]).is_linearizable());
    assert!(!verdict(&[put(1, 0, "a", 1), refused(found("a")), get(3, 4, "ab", 5)]).is_linearizable());
    assert!(!verdict(&[put(1, 0, "a", 1), refused(found("c"))]).is_linearizable());
}

#[test]
fn only_one_of_two_that_expect_the_same_wins() {
    let swap = |client, new, outcome| {
        let verb = Verb::CompareAndSet { expected: Some(value("a")), new: value(new) };
        op(client, 2, verb, Some((3, outcome)))
    };
    let first = put(1, 0, "a", 1);
    assert!(!verdict(&[first.clone(), swap(2, "b", Outcome::Done), swap(3, "c", Outcome::Done)]).is_linearizable());
    assert!(verdict(&[first.clone(), swap(2, "b", Outcome::Done), swap(3, "c", Outcome::Mismatch)]).is_linearizable());
    assert!(verdict(&[first.clone(), swap(2, "b", Outcome::Done), swap(3, "c", found("b"))]).is_linearizable());
    assert!(!verdict(&[first, swap(2, "b", Outcome::Done), swap(3, "c", found("a"))]).is_linearizable());
}

#[test]
fn a_deleted_value_does_not_come_back() {
    let delete = op(1, 2, Verb::Delete, Some((3, Outcome::Done)));
    assert!(!verdict(&[put(1, 0, "a", 1), delete.clone(), get(2, 4, "a", 5)]).is_linearizable());
    assert!(verdict(&[put(1, 0, "a", 1), delete, get(2, 3, "a", 5)]).is_linearizable());
}

#[test]
fn of_several_keys_the_first_to_show_it_is_named() {
    let other = |mut op: Op<Access, Outcome>| {
        op.input.key = 1;
        op
    };
    let history = [other(get(1, 8, "a", 9)), get(2, 4, "b", 5)];
    let Verdict::Violated(stuck) = verdict(&history) else { panic!("passed") };
    assert_eq!((stuck.key, stuck.unplaced), (7, 1));
}
