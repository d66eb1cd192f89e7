//! Two recorded runs of one seed, held against each other event by event.

use std::fmt;

use serde::Serialize;

use super::Record;
use crate::failure::{Failure, FailureKind};

/// The first difference between two runs that should have been one.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Divergence {
    /// The event.
    pub event: u64,
    /// How the two differ there.
    pub difference: Difference,
    /// The event in the first run; none where that had ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<Record>,
    /// The event in the second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Record>,
}

/// How two events differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    /// Another event, or at another time.
    Event,
    /// The same event, and a node is another after it.
    Change,
    /// The same event with the same outcome, and other messages sent.
    Sent,
    /// The same messages, in another order: most often that of a `HashMap`, in the protocol or in a library that it uses.
    OrderOfSends,
    /// One run ends, and the other goes on.
    End,
    /// Nothing that a record shows.
    Hidden,
}

impl Difference {
    fn between(first: Option<&Record>, second: Option<&Record>) -> Self {
        let (Some(first), Some(second)) = (first, second) else { return Self::End };
        if (first.at_ns, first.node, &first.what) != (second.at_ns, second.node, &second.what) {
            return Self::Event;
        }
        if first.changes != second.changes {
            return Self::Change;
        }
        if first.sent == second.sent {
            return Self::Hidden;
        }
        // Which copy the network loses follows from the order, too.
        let messages =
            |record: &Record| -> Vec<_> { record.sent.iter().map(|sent| (sent.to, sent.says.clone())).collect() };
        let (first, second) = (messages(first), messages(second));
        let sorted = |mut messages: Vec<_>| {
            messages.sort_unstable();
            messages
        };
        if first != second && sorted(first.clone()) == sorted(second.clone()) { Self::OrderOfSends } else { Self::Sent }
    }

    /// In words, the same for the same kind of difference.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Event => "another event",
            Self::Change => "another outcome",
            Self::Sent => "other messages sent",
            Self::OrderOfSends => "the same messages sent in another order",
            Self::End => "one run ends",
            Self::Hidden => "a difference that no record shows",
        }
    }
}

impl Divergence {
    /// The first difference between two recordings, if there is any.
    pub(crate) fn between(first: &[Record], second: &[Record]) -> Option<Self> {
        let same = first.iter().zip(second).take_while(|(one, other)| one == other).count();
        let (one, other) = (first.get(same), second.get(same));
        if one.is_none() && other.is_none() {
            return None;
        }
        let difference = Difference::between(one, other);
        Some(Self { event: same as u64, difference, first: one.cloned(), second: other.cloned() })
    }

    pub(crate) fn failure(&self, ends_ns: u64) -> Failure {
        let at_ns = self.first.as_ref().or(self.second.as_ref()).map_or(ends_ns, |record| record.at_ns);
        let mut failure = Failure::new(FailureKind::Divergence, "replay", self.to_string(), self.event, at_ns);
        // The event itself differs with the seed; how the runs differ is what has a cause.
        failure.signature = format!("replay: {}", self.difference.name());
        failure
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |record: &Option<Record>| match (record, self.difference) {
            (None, _) => "the end of the run".to_owned(),
            (Some(record), Difference::Sent | Difference::OrderOfSends) => {
                let sent: Vec<String> =
                    record.sent.iter().map(|sent| format!("{} to {}", sent.says, sent.to)).collect();
                format!("{}, which sends {}", record.happening(), sent.join(", "))
            }
            (Some(record), _) => format!("{} {}", record.happening(), record.changes_in_words()).trim_end().to_owned(),
        };
        write!(f, "two runs of one seed differ, {}: ", self.difference.name())?;
        if self.difference == Difference::Hidden {
            return write!(f, "after \"{}\"", words(&self.first));
        }
        write!(f, "\"{}\" against \"{}\"", words(&self.first), words(&self.second))?;
        if self.difference == Difference::OrderOfSends {
            f.write_str(" (an order that no seed decides: a HashMap?)")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::NodeId;
    use crate::trace::{Change, Sent, What};

    fn record(event: u64) -> Record {
        let sent = |to, says: &str| Sent { to: NodeId(to), message: "chat", says: says.to_owned(), copies: 1 };
        Record {
            event,
            at_ns: event,
            node: Some(NodeId(0)),
            what: What::Timer,
            cause: None,
            changes: Vec::new(),
            sent: vec![sent(1, "hello"), sent(2, "hi")],
            hash: 7,
        }
    }

    fn difference(change: impl FnOnce(&mut Record)) -> Option<(u64, Difference)> {
        let first = [record(0), record(1), record(2)];
        let mut second = first.clone();
        change(&mut second[1]);
        Divergence::between(&first, &second).map(|found| (found.event, found.difference))
    }

    #[test]
    fn the_first_event_that_differs_is_found_and_how() {
        assert_eq!(difference(|_| {}), None);
        assert_eq!(difference(|record| record.at_ns += 1), Some((1, Difference::Event)));
        assert_eq!(difference(|record| record.what = What::Written), Some((1, Difference::Event)));
        let crash = Change::Crashes { node: NodeId(1) };
        assert_eq!(difference(|record| record.changes.push(crash)), Some((1, Difference::Change)));
        assert_eq!(difference(|record| record.sent.swap(0, 1)), Some((1, Difference::OrderOfSends)));
        assert_eq!(difference(|record| record.sent[0].says.push('!')), Some((1, Difference::Sent)));
        assert_eq!(difference(|record| record.sent[0].copies = 0), Some((1, Difference::Sent)));
        assert_eq!(difference(|record| record.hash = 8), Some((1, Difference::Hidden)));
    }

    #[test]
    fn a_run_that_ends_early_differs_where_it_ends() {
        let whole = [record(0), record(1)];
        let found = Divergence::between(&whole, &whole[..1]).expect("a difference");
        assert_eq!((found.event, found.difference), (1, Difference::End));
        assert!(found.first.is_some() && found.second.is_none());
    }

    #[test]
    fn an_order_of_sends_is_named_with_both_sides_and_its_likely_cause() {
        let mut other = record(0);
        other.sent.swap(0, 1);
        let words = Divergence::between(&[record(0)], &[other]).expect("a difference").to_string();
        assert!(words.contains("sends hello to n2, hi to n3\" against") && words.contains("HashMap"), "{words}");
    }
}
