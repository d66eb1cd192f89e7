//! Histories of clients of a map that is linearizable by construction, and the same with one wrong answer. The tests have
//! them too.

use sim::Choice;
use sim::choices::Choices;
use sim::linearizability::{Access, KeyValue, Model, Op, Outcome, Value, Verb};

/// One operation of a map.
pub(crate) type MapOp = Op<Access, Outcome>;

/// What clients ask for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Verbs {
    /// Gets, and puts of a new value each time.
    Register,
    /// Deletes and compare-and-sets too.
    Exact,
    /// And appends.
    All,
}

/// How large a history is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape {
    /// How many operations.
    pub(crate) ops: usize,
    /// How many clients, each with one operation at a time.
    pub(crate) clients: u16,
    /// How many keys they use.
    pub(crate) keys: u64,
    /// What they ask for.
    pub(crate) verbs: Verbs,
    /// How many answers of a million are lost.
    pub(crate) lost_ppm: u32,
}

/// What a client is at.
#[derive(Clone, Copy)]
enum Phase {
    Idle,
    Called(usize),
    Done(usize, Outcome),
}

/// A linearizable history: in each moment one client calls, or has its operation take effect, or has its answer.
pub(crate) fn good(shape: Shape, seed: u64) -> Vec<MapOp> {
    let mut choice = Choices::new(seed).plan();
    let mut states = vec![None; shape.keys as usize];
    let mut phases = vec![Phase::Idle; usize::from(shape.clients)];
    let mut history: Vec<MapOp> = Vec::with_capacity(shape.ops);
    for moment in 0.. {
        let client = choice.below(shape.clients.into()) as usize;
        phases[client] = match phases[client] {
            Phase::Idle if history.len() == shape.ops => {
                if phases.iter().all(|phase| matches!(phase, Phase::Idle)) {
                    break;
                }
                Phase::Idle
            }
            Phase::Idle => {
                let key = choice.below(shape.keys);
                let verb = draw_verb(&mut choice, shape.verbs, history.len(), states[key as usize]);
                let input = Access { key, verb };
                history.push(Op { client: client as u16, called: moment, input, returned: None });
                Phase::Called(history.len() - 1)
            }
            Phase::Called(op) => {
                let Access { key, verb } = history[op].input;
                let state = &mut states[key as usize];
                let outcome = match verb {
                    Verb::Get => Outcome::Found(*state),
                    Verb::CompareAndSet { expected, .. } if *state != expected => Outcome::Found(*state),
                    _ => Outcome::Done,
                };
                *state = KeyValue.step(state, &history[op].input, None).expect("anything may happen");
                Phase::Done(op, outcome)
            }
            Phase::Done(op, outcome) => {
                if !choice.chance_ppm(shape.lost_ppm) {
                    history[op].returned = Some((moment, outcome));
                }
                Phase::Idle
            }
        };
    }
    history
}

fn draw_verb(choice: &mut Choice, verbs: Verbs, number: usize, now: Option<Value>) -> Verb {
    let new = Value::of(format!("{number};").as_bytes());
    let kinds = match verbs {
        Verbs::Register => 2,
        Verbs::Exact => 6,
        Verbs::All => 8,
    };
    match choice.below(kinds) {
        0 => Verb::Put(new),
        2 => Verb::Delete,
        3 => Verb::CompareAndSet { expected: now, new },
        6 => Verb::Append(new),
        _ => Verb::Get,
    }
}

/// The same, but a get late in it finds what the key had first of all.
pub(crate) fn bad(shape: Shape, seed: u64) -> Vec<MapOp> {
    let mut history = good(shape, seed);
    let gets = |op: &MapOp| op.input.verb == Verb::Get && op.returned.is_some();
    let late = history.len() - history.len() / 10
        + history[history.len() - history.len() / 10..].iter().position(gets).expect("gets are common");
    let key = history[late].input.key;
    let first = history.iter().find(|op| op.input.key == key && matches!(op.input.verb, Verb::Put(_)));
    let Some(Verb::Put(value)) = first.map(|op| op.input.verb) else { panic!("puts are common") };
    let at = history[late].ended();
    history[late].returned = Some((at, Outcome::Found(Some(value))));
    history
}
