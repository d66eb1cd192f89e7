//! What clients asked for and were told in a run: recorded as it happens, judged at its end.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use crate::blocks::Blocks;
use crate::failure::Violation;
use crate::linearizability::{Access, KeyValue, Model, Op, Outcome, Stuck, Value, Verb, Verdict, check};
use crate::subject::RequestId;

/// The name of the checker that judges it.
pub(crate) const NAME: &str = "linearizability";
/// So many steps a run may spend on a key. What takes more is a hot key that many clients append to without an answer: four in five of
/// those are not decided by eight times as many either, and a campaign would spend half its time on them.
const STEPS: u64 = 250_000;

/// So many of the operations that fit are shown with one that does not.
const SHOWN: usize = 3;

/// When something happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Stamp {
    /// After how many events.
    pub event: u64,
    /// In nanoseconds of virtual time.
    pub at_ns: u64,
}

/// A client's operation on a key, as the service met it: from when it first came to a node until a node first answered
/// it, whether or not the client heard of that. It is one operation however often it was asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ClientOp {
    /// Which client's.
    pub client: u16,
    /// The how-manieth of its requests.
    pub number: u32,
    /// What it does.
    pub access: Access,
    /// When it came to a node; `None`: it never did.
    pub called: Option<Stamp>,
    /// When it was answered, and how; `None`: what became of it is not known.
    pub returned: Option<(Stamp, Outcome)>,
    /// How often it was asked for and not refused.
    pub open_attempts: u32,
}

/// The operations of a run on keys, in the order in which they were first asked for.
#[derive(Clone, Debug, Default)]
pub struct History {
    ops: Blocks<ClientOp>,
    /// By client and number, where an operation stands.
    places: Vec<Vec<u32>>,
    /// By key, what the answers so far leave of it if each took effect when it was given; `None`: not all of them fit so.
    at_answers: BTreeMap<u64, Option<State>>,
    repeats: u64,
}

type State = <KeyValue as Model>::State;

const NOWHERE: u32 = u32::MAX;

/// What became of the judgement.
pub(crate) enum Judgement {
    Linearizable,
    /// Of so many keys nobody knows.
    LeftOpen(u64),
    /// And the moment that shows it.
    Violated(Box<Violation>, Stamp),
}

impl History {
    /// A client asks for something new: its number counts on.
    pub(crate) fn invoked(&mut self, id: RequestId, access: Option<Access>) {
        let client = usize::from(id.client);
        if self.places.len() <= client {
            self.places.resize_with(client + 1, Vec::new);
        }
        let places = &mut self.places[client];
        places.resize(id.number as usize, NOWHERE);
        places.push(access.map_or(NOWHERE, |_| self.ops.len() as u32));
        if let Some(access) = access {
            let (called, returned) = (None, None);
            self.ops.push(ClientOp {
                client: id.client,
                number: id.number,
                access,
                called,
                returned,
                open_attempts: 1,
            });
        }
    }

    fn op(&mut self, id: RequestId) -> Option<&mut ClientOp> {
        let place = *self.places.get(usize::from(id.client))?.get(id.number as usize)?;
        self.ops.get_mut(place as usize)
    }

    /// The client asks for the same again.
    pub(crate) fn asked_again(&mut self, id: RequestId) {
        self.repeats += 1;
        if let Some(op) = self.op(id) {
            op.open_attempts += 1;
        }
    }

    /// It comes to a node. Returns whether it is a read.
    pub(crate) fn arrived(&mut self, id: RequestId, now: Stamp) -> bool {
        let Some(op) = self.op(id) else { return false };
        op.called.get_or_insert(now);
        op.access.is_read()
    }

    pub(crate) fn is_read(&mut self, id: RequestId) -> bool {
        self.op(id).is_some_and(|op| op.access.is_read())
    }

    /// A node says that one attempt had no effect and never will.
    pub(crate) fn refused(&mut self, id: RequestId) {
        if let Some(op) = self.op(id) {
            op.open_attempts = op.open_attempts.saturating_sub(1);
        }
    }

    /// A node says that it took effect, with this outcome.
    ///
    /// # Errors
    /// Where another outcome was told before.
    pub(crate) fn done(&mut self, id: RequestId, now: Stamp, outcome: Option<Outcome>) -> Result<(), Box<Violation>> {
        let (Some(op), Some(outcome)) = (self.op(id), outcome) else { return Ok(()) };
        match op.returned {
            None => {
                op.returned = Some((now, outcome));
                let (has_come, access) = (op.called.is_some(), op.access);
                if has_come {
                    self.takes_effect(&access, &outcome);
                }
            }
            Some((_, before)) if before == outcome => {}
            Some((_, before)) => {
                let RequestId { client, number } = id;
                let detail = format!(
                    "client {client}'s request {number}, {}, was asked for again and answered with {}, after {}",
                    verb_words(&op.access),
                    outcome_words(&outcome, &Names::default()),
                    outcome_words(&before, &Names::default())
                );
                return Err(Violation::new("exactly_once", detail));
            }
        }
        Ok(())
    }

    /// Most keys need no search: every operation may as well have taken effect at the moment of its answer.
    fn takes_effect(&mut self, access: &Access, outcome: &Outcome) {
        let state = self.at_answers.entry(access.key).or_insert_with(|| Some(KeyValue.initial()));
        *state = state.and_then(|state| KeyValue.step(&state, access, Some(outcome)));
    }

    pub(crate) fn repeats(&self) -> u64 {
        self.repeats
    }

    /// All operations, each to be written down as one line of a file.
    #[must_use]
    pub fn ops(&self) -> &Blocks<ClientOp> {
        &self.ops
    }

    /// What may have taken effect on keys that must be searched, for a checker, and where each stands here.
    fn effective(&self) -> (Vec<Op<Access, Outcome>>, Vec<usize>) {
        let (mut history, mut places) = (Vec::new(), Vec::new());
        let is_open = |op: &ClientOp| self.at_answers.get(&op.access.key) == Some(&None);
        if !self.at_answers.values().any(Option::is_none) {
            return (history, places);
        }
        for (place, op) in self.ops.iter().enumerate().filter(|(_, op)| is_open(op)) {
            let Some(called) = op.called else { continue };
            if op.returned.is_some() || op.open_attempts > 0 {
                let returned = op.returned.map(|(at, outcome)| (at.event, outcome));
                history.push(Op { client: op.client, called: called.event, input: op.access, returned });
                places.push(place);
            }
        }
        (history, places)
    }

    /// Whether it is linearizable.
    pub(crate) fn judge(&self) -> Judgement {
        let (history, places) = self.effective();
        let stuck = match check(&KeyValue, &history, STEPS) {
            Verdict::Linearizable => return Judgement::Linearizable,
            Verdict::Unknown { keys } => return Judgement::LeftOpen(keys.len() as u64),
            Verdict::Violated(stuck) => stuck,
        };
        let op = &self.ops[places[stuck.unplaced]];
        let shown_at = op.returned.map_or(Stamp { event: 0, at_ns: 0 }, |(at, _)| at);
        let mut detail = format!(
            "key {}: client {}'s request {} got an answer that fits no order of what clients saw\n",
            stuck.key, op.client, op.number
        );
        detail += &self.order_words(&stuck, &places, SHOWN);
        Judgement::Violated(Violation::new(NAME, detail), shown_at)
    }

    /// Where it is not linearizable: all that fits one after the other, and what does not, a line each.
    #[must_use]
    pub fn explanation(&self) -> Option<String> {
        let (history, places) = self.effective();
        match check(&KeyValue, &history, STEPS) {
            Verdict::Violated(stuck) => Some(self.order_words(&stuck, &places, usize::MAX)),
            Verdict::Linearizable | Verdict::Unknown { .. } => None,
        }
    }

    fn order_words(&self, stuck: &Stuck, places: &[usize], most: usize) -> String {
        let names = self.names(stuck, places);
        let skipped = stuck.linearized.len().saturating_sub(most);
        let mut words = String::new();
        if skipped > 0 {
            let _ = writeln!(words, "  {skipped} operations that fit, and then");
        }
        for place in &stuck.linearized[skipped..] {
            let _ = writeln!(words, "  {}", op_words(&self.ops[places[*place]], &names));
        }
        let _ = write!(words, "✗ {}", op_words(&self.ops[places[stuck.unplaced]], &names));
        words
    }

    /// What values are called: after those who wrote them.
    fn names(&self, stuck: &Stuck, places: &[usize]) -> Names {
        let mut names = Names::default();
        for op in self.ops.iter() {
            let name = format!("<{}-{}>", op.client, op.number);
            if let Verb::Put(value) | Verb::CompareAndSet { new: value, .. } | Verb::Append(value) = op.access.verb {
                names.0.insert(value, name);
            }
        }
        let mut state = KeyValue.initial();
        for place in &stuck.linearized {
            let op = &self.ops[places[*place]];
            let next = KeyValue.step(&state, &op.access, op.returned.as_ref().map(|(_, outcome)| outcome));
            if let (Verb::Append(_), Some(Some(after))) = (op.access.verb, next) {
                let before = state.map_or(String::new(), |value| names.of(value));
                names.0.insert(after, format!("{before}<{}-{}>", op.client, op.number));
            }
            state = next.flatten();
        }
        names
    }
}

/// By value, who wrote it.
#[derive(Default)]
struct Names(BTreeMap<Value, String>);

impl Names {
    fn of(&self, value: Value) -> String {
        self.0.get(&value).cloned().unwrap_or_else(|| format!("{value:?}"))
    }

    fn of_any(&self, value: Option<Value>) -> String {
        value.map_or_else(|| "nothing".to_owned(), |value| self.of(value))
    }
}

fn verb_words(access: &Access) -> &'static str {
    match access.verb {
        Verb::Get => "a get",
        Verb::Put(_) => "a put",
        Verb::Append(_) => "an append",
        Verb::CompareAndSet { .. } => "a compare-and-set",
        Verb::Delete => "a delete",
    }
}

fn outcome_words(outcome: &Outcome, names: &Names) -> String {
    match outcome {
        Outcome::Done => "done".to_owned(),
        Outcome::Found(value) => names.of_any(*value),
        Outcome::Mismatch => "another value".to_owned(),
    }
}

fn op_words(op: &ClientOp, names: &Names) -> String {
    let ClientOp { client, number, access, called, returned, .. } = op;
    let what = match access.verb {
        Verb::Get => "get".to_owned(),
        Verb::Put(value) => format!("put {}", names.of(value)),
        Verb::Append(value) => format!("append {}", names.of(value)),
        Verb::CompareAndSet { expected, new } => format!("set {} if {}", names.of(new), names.of_any(expected)),
        Verb::Delete => "delete".to_owned(),
    };
    let event = |moment: &Stamp| moment.event;
    let from = called.as_ref().map_or(0, event);
    match returned {
        Some((at, outcome)) => {
            format!("client {client} #{number} [{from}, {}] {what} ─▶ {}", at.event, outcome_words(outcome, names))
        }
        None => format!("client {client} #{number} [{from}, ?] {what} ─▶ ?"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: RequestId = RequestId { client: 1, number: 0 };
    const TWO: RequestId = RequestId { client: 2, number: 3 };

    fn at(event: u64) -> Stamp {
        Stamp { event, at_ns: event * 1_000 }
    }

    fn access(verb: Verb) -> Access {
        Access { key: 7, verb }
    }

    fn value(text: &str) -> Value {
        Value::of(text.as_bytes())
    }

    /// Client 1 has put a value, and client 2 asks for it.
    fn written() -> History {
        let mut history = History::default();
        history.invoked(ONE, Some(access(Verb::Put(value("a")))));
        history.arrived(ONE, at(1));
        history.done(ONE, at(2), Some(Outcome::Done)).expect("it is the first answer");
        history.invoked(TWO, Some(access(Verb::Get)));
        history.arrived(TWO, at(3));
        history
    }

    #[test]
    fn an_answer_that_fits_nowhere_is_found_where_it_was_given() {
        let mut history = written();
        history.done(TWO, at(9), Some(Outcome::Found(None))).expect("it is the first answer");
        let Judgement::Violated(violation, shown_at) = history.judge() else { panic!("passed") };
        assert_eq!((violation.checker, shown_at), (NAME, at(9)));
        assert!(violation.detail.starts_with("key 7: client 2's request 3 got"), "{}", violation.detail);
        assert!(violation.detail.contains("client 1 #0 [1, 2] put <1-0> ─▶ done"), "{}", violation.detail);
        assert!(history.explanation().is_some_and(|words| words.contains("✗ client 2 #3 [3, 9] get ─▶ nothing")));
    }

    #[test]
    fn answers_that_fit_are_passed() {
        let mut history = written();
        history.done(TWO, at(9), Some(Outcome::Found(Some(value("a"))))).expect("it is the first answer");
        assert!(matches!(history.judge(), Judgement::Linearizable));
        assert_eq!(history.explanation(), None);
    }

    #[test]
    fn what_was_refused_each_time_had_no_effect_and_what_was_not_may_have_had_one() {
        let third = RequestId { client: 3, number: 0 };
        let refused = |times: u32| {
            let mut history = written();
            history.invoked(third, Some(access(Verb::Delete)));
            history.asked_again(third);
            history.arrived(third, at(3));
            (0..times).for_each(|_| history.refused(third));
            history.done(TWO, at(9), Some(Outcome::Found(None))).expect("it is the first answer");
            history.judge()
        };
        assert!(matches!(refused(1), Judgement::Linearizable));
        assert!(matches!(refused(2), Judgement::Violated(..)));
    }

    #[test]
    fn what_never_came_to_a_node_had_no_effect() {
        let mut history = written();
        history.invoked(RequestId { client: 3, number: 0 }, Some(access(Verb::Delete)));
        history.done(TWO, at(9), Some(Outcome::Found(None))).expect("it is the first answer");
        assert!(matches!(history.judge(), Judgement::Violated(..)));
    }

    #[test]
    fn a_repeated_request_that_is_answered_otherwise_took_effect_twice() {
        let mut history = written();
        history.asked_again(ONE);
        assert!(history.done(ONE, at(4), Some(Outcome::Done)).is_ok());
        let violation = history.done(ONE, at(5), Some(Outcome::Mismatch)).expect_err("another answer");
        assert_eq!(violation.checker, "exactly_once");
        assert!(violation.detail.contains("client 1's request 0, a put"), "{}", violation.detail);
    }
}
