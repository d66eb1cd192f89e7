//! Services that are no maps: without footprints, all is left to the search.

use std::collections::VecDeque;

use sim::linearizability::{Model, Op, Verdict, WORK, check};

/// First in, first out. `Some` puts a number in, `None` takes one out.
struct Fifo;

impl Model for Fifo {
    type Input = Option<u8>;
    type Output = Option<u8>;
    type State = VecDeque<u8>;

    fn initial(&self) -> VecDeque<u8> {
        VecDeque::new()
    }

    fn step(&self, state: &VecDeque<u8>, input: &Option<u8>, output: Option<&Option<u8>>) -> Option<VecDeque<u8>> {
        let mut state = state.clone();
        let is = match input {
            Some(number) => {
                state.push_back(*number);
                None
            }
            None => state.pop_front(),
        };
        output.is_none_or(|said| *said == is).then_some(state)
    }
}

fn put(called: u64, number: u8, ended: u64) -> Op<Option<u8>, Option<u8>> {
    Op { client: 0, called, input: Some(number), returned: Some((ended, None)) }
}

fn take(called: u64, number: Option<u8>, ended: u64) -> Op<Option<u8>, Option<u8>> {
    Op { client: 1, called, input: None, returned: Some((ended, number)) }
}

#[test]
fn a_queue_gives_back_in_order() {
    let puts = [put(0, 1, 1), put(2, 2, 3)];
    let with = |takes: &[Op<_, _>]| check(&Fifo, &[&puts[..], takes].concat(), WORK);
    assert_eq!(with(&[take(4, Some(1), 5), take(6, Some(2), 7), take(8, None, 9)]), Verdict::Linearizable);
    assert_eq!(with(&[take(4, Some(2), 6), take(5, Some(1), 7)]), Verdict::Linearizable);
    assert!(!with(&[take(4, Some(2), 5), take(6, Some(1), 7)]).is_linearizable());
    assert!(!with(&[take(4, None, 5)]).is_linearizable());
}

#[test]
fn what_may_have_been_taken_may_be_missing() {
    let lost = Op { client: 2, called: 2, input: None, returned: None };
    let history = |last| [put(0, 1, 1), put(0, 2, 1), lost.clone(), take(4, Some(2), 5), take(6, last, 7)];
    assert_eq!(check(&Fifo, &history(None), WORK), Verdict::Linearizable);
    assert_eq!(check(&Fifo, &history(Some(1)), WORK), Verdict::Linearizable);
    assert!(!check(&Fifo, &history(Some(2)), WORK).is_linearizable());
}
