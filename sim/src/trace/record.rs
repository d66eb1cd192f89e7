//! One event of a recorded run: what happened to whom, what made it happen, what it changed and sent.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::node::NodeId;
use crate::subject::{LogEntry, Observation, Role};

/// One event. A line of JSON Lines where it is written down.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Record {
    /// The event, counted from 1; 0 is the start of the nodes.
    pub event: u64,
    /// When, in nanoseconds of virtual time.
    pub at_ns: u64,
    /// The node that it happened to, unless it was a client's, an operator's or the nemesis'.
    #[serde(serialize_with = "shown", skip_serializing_if = "Option::is_none")]
    pub node: Option<NodeId>,
    /// What.
    #[serde(flatten)]
    pub what: What,
    /// The event that sent the message, armed the timer, started the write, asked or answered; none where the plan has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// What it changed that can be seen from outside.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
    /// The messages that it sent, in that order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<Sent>,
    /// The run's hash after it.
    #[serde(skip)]
    pub(crate) hash: u64,
}

/// What an event was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum What {
    /// The nodes start.
    Begins,
    /// A message reached a node.
    Delivery(Message),
    /// A message did not, on arrival.
    Drop {
        /// The message.
        #[serde(flatten)]
        message: Message,
        /// Why.
        why: &'static str,
    },
    /// A message is held up on its link, and arrives later.
    Held(Message),
    /// Something for a node that stands still is kept for later.
    Waits {
        /// What.
        says: &'static str,
    },
    /// A node's clock reached its deadline.
    Timer,
    /// A write is durable.
    Written,
    /// A write under way fails.
    WriteFails {
        /// What the node is told.
        error: String,
    },
    /// A write completes that a crash has settled already.
    StaleWrite,
    /// A client sends a request.
    Ask(Request),
    /// A request reached a node.
    Request(Request),
    /// A client has an answer.
    Answer {
        /// Which client.
        client: u16,
        /// The how-manieth of its requests.
        number: u32,
        /// The answer, in words.
        says: String,
    },
    /// A client no longer waits for an answer.
    GivesUp {
        /// Which client.
        client: u16,
        /// The how-manieth of its requests.
        number: u32,
    },
    /// A fault waits for its moment.
    FaultWaits {
        /// The how-manieth of the plan, from 0.
        number: usize,
        /// The moment, in words.
        says: String,
    },
    /// A fault strikes.
    Fault {
        /// The how-manieth of the plan, from 0.
        number: usize,
        /// The fault, in words.
        says: String,
    },
    /// A fault is over.
    FaultEnds {
        /// The how-manieth of the plan, from 0.
        number: usize,
        /// The fault, in words.
        says: String,
    },
    /// An operator asks for something.
    Operation {
        /// The how-manieth of the plan, from 0.
        number: usize,
        /// What for, in words.
        says: String,
        /// Nobody leads who could be asked.
        is_dropped: bool,
    },
    /// The faults end, and the healed phase begins.
    Heals,
    /// What was to happen has been overtaken: a timeout of what was answered, the end of a fault that stays.
    Lapses,
}

/// A message between nodes.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Message {
    /// The sender.
    #[serde(serialize_with = "one_shown")]
    pub from: NodeId,
    /// The receiver.
    #[serde(serialize_with = "one_shown")]
    pub to: NodeId,
    /// Its type, one of [`Subject::MESSAGE_KINDS`](crate::Subject::MESSAGE_KINDS).
    pub message: &'static str,
    /// What it says, in words.
    pub says: String,
}

/// A client's request on its way to a node.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Request {
    /// Which client.
    pub client: u16,
    /// The how-manieth of its requests.
    pub number: u32,
    /// The node.
    #[serde(serialize_with = "one_shown")]
    pub to: NodeId,
    /// What for, in words.
    pub says: String,
    /// It goes no further: lost on the way, or the node is down.
    pub is_lost: bool,
}

/// A message that a node sent.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Sent {
    /// To whom.
    #[serde(serialize_with = "one_shown")]
    pub to: NodeId,
    /// Its type.
    pub message: &'static str,
    /// What it says, in words.
    pub says: String,
    /// How many copies are on their way: 0 where the network lost it.
    pub copies: u8,
}

/// What an event changed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// What a node shows of itself.
    State(StateChange),
    /// A node went down.
    Crashes {
        /// Which.
        #[serde(serialize_with = "one_shown")]
        node: NodeId,
    },
    /// A node started again.
    Starts {
        /// Which.
        #[serde(serialize_with = "one_shown")]
        node: NodeId,
    },
    /// A node stands still.
    Pauses {
        /// Which.
        #[serde(serialize_with = "one_shown")]
        node: NodeId,
    },
    /// A node goes on after it stood still.
    GoesOn {
        /// Which.
        #[serde(serialize_with = "one_shown")]
        node: NodeId,
    },
    /// Something else to know, in words.
    Remark {
        /// The words.
        says: String,
    },
}

/// What changed of what a node shows; `None`: as before.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct StateChange {
    /// Which node.
    #[serde(serialize_with = "one_shown")]
    pub node: NodeId,
    /// Its role, and
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// its term; both are given where one of them changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term: Option<u64>,
    /// Who has its vote now.
    #[serde(serialize_with = "shown", skip_serializing_if = "Option::is_none")]
    pub voted_for: Option<NodeId>,
    /// The first index at which its log is another now, and
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_from: Option<u64>,
    /// where the log ends now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_index: Option<u64>,
    /// How many entries that it had at `log_from` and after it has no longer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dropped: Option<u64>,
    /// What it holds for committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_index: Option<u64>,
    /// What a snapshot stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_index: Option<u64>,
    /// The configuration that it goes by, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<String>,
}

fn shown<T: fmt::Display, S: Serializer>(value: &Option<T>, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => serializer.collect_str(value),
        None => serializer.serialize_none(),
    }
}

fn one_shown<T: fmt::Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

impl StateChange {
    /// What differs between two looks at `node`; nothing where nothing does.
    pub(crate) fn between(
        node: NodeId,
        (before, log_before): (&Observation, &[LogEntry]),
        (now, log): (&Observation, &[LogEntry]),
    ) -> Option<Self> {
        let (vote_before, vote) = (before.term_and_vote, now.term_and_vote);
        let is_new_role = before.role != now.role || vote_before.term != vote.term;
        let same = log_before.iter().zip(log).take_while(|(one, other)| one == other).count();
        let is_new_log = same < log_before.len() || same < log.len();
        let change = Self {
            node,
            role: is_new_role.then_some(now.role),
            term: is_new_role.then_some(vote.term),
            voted_for: vote.voted_for.filter(|_| vote_before != vote),
            log_from: is_new_log.then_some(same as u64 + 1),
            last_index: is_new_log.then_some(now.last_index),
            dropped: (same < log_before.len()).then_some((log_before.len() - same) as u64),
            commit_index: (before.commit_index != now.commit_index).then_some(now.commit_index),
            snapshot_index: (before.snapshot_index != now.snapshot_index).then_some(now.snapshot_index),
            membership: now.membership.filter(|_| before.membership != now.membership).map(|all| all.to_string()),
        };
        let is_any = is_new_role
            || change.voted_for.is_some()
            || is_new_log
            || change.commit_index.is_some()
            || change.snapshot_index.is_some()
            || change.membership.is_some();
        is_any.then_some(change)
    }

    /// Whether the entry at `index` is another now than before.
    #[must_use]
    pub fn changes_entry(&self, index: u64) -> bool {
        self.log_from.is_some_and(|from| from <= index) && self.log_reach().is_some_and(|last| index <= last)
    }

    /// The last index that is another now than before: what was dropped may have reached further than what is there.
    fn log_reach(&self) -> Option<u64> {
        let from = self.log_from?;
        Some(self.last_index?.max(from + self.dropped.unwrap_or(0) - 1))
    }
}

impl Change {
    /// The node that changed.
    #[must_use]
    pub fn node(&self) -> Option<NodeId> {
        match self {
            Self::State(StateChange { node, .. })
            | Self::Crashes { node }
            | Self::Starts { node }
            | Self::Pauses { node }
            | Self::GoesOn { node } => Some(*node),
            Self::Remark { .. } => None,
        }
    }
}

impl Record {
    /// What changed of what `node` shows.
    #[must_use]
    pub fn state_change(&self, node: NodeId) -> Option<&StateChange> {
        self.changes.iter().find_map(|change| match change {
            Change::State(state) if state.node == node => Some(state),
            _ => None,
        })
    }

    /// Whether it happened to `node` or changed it.
    #[must_use]
    pub fn concerns(&self, node: NodeId) -> bool {
        self.node == Some(node) || self.changes.iter().any(|change| change.node() == Some(node))
    }

    /// What happened and to whom, in words.
    #[must_use]
    pub fn happening(&self) -> String {
        match (&self.what, self.node) {
            (
                What::Timer | What::Written | What::WriteFails { .. } | What::StaleWrite | What::Waits { .. },
                Some(node),
            ) => {
                format!("{node} {}", self.what)
            }
            _ => self.what.to_string(),
        }
    }

    /// What it changed, in words; empty for nothing.
    #[must_use]
    pub fn changes_in_words(&self) -> String {
        let words: Vec<String> = self.changes.iter().map(ToString::to_string).collect();
        words.join("; ")
    }
}

impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ──▶ {}  {}", self.from, self.to, self.says)
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Begins => f.write_str("the nodes start"),
            Self::Delivery(message) => message.fmt(f),
            Self::Drop { message: Message { from, to, says, .. }, why } => {
                write!(f, "{from} ──✗ {to}  {says}  ({why})")
            }
            Self::Held(Message { from, to, says, .. }) => write!(f, "{from} ──┤ {to}  {says}  (clogged)"),
            Self::Waits { says } => write!(f, "stands still, {says} waits"),
            Self::Timer => f.write_str("deadline"),
            Self::Written => f.write_str("write is durable"),
            Self::WriteFails { error } => write!(f, "write fails ({error})"),
            Self::StaleWrite => f.write_str("a write of before the crash"),
            Self::Ask(Request { client, to, says, is_lost, .. }) => {
                write!(f, "c{client} asks {to}  {says}{}", if *is_lost { "  (lost)" } else { "" })
            }
            Self::Request(Request { client, to, says, is_lost, .. }) => {
                if *is_lost {
                    return write!(f, "c{client} ──✗ {to}  (down or cut off)");
                }
                write!(f, "c{client} ──▶ {to}  {says}")
            }
            Self::Answer { client, says, .. } => write!(f, "c{client} ◀──  {says}"),
            Self::GivesUp { client, number } => write!(f, "c{client} gives up request {number}"),
            Self::FaultWaits { says, .. } => write!(f, "FAULT waits: {says}"),
            Self::Fault { says, .. } => write!(f, "FAULT {says}"),
            Self::FaultEnds { says, .. } => write!(f, "FAULT ENDS {says}"),
            Self::Operation { says, is_dropped, .. } => {
                write!(f, "OPERATION {says}{}", if *is_dropped { "  (dropped, nobody leads)" } else { "" })
            }
            Self::Heals => f.write_str("THE FAULTS END"),
            Self::Lapses => f.write_str("(overtaken)"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(change) => change.fmt(f),
            Self::Crashes { node } => write!(f, "{node} crashes"),
            Self::Starts { node } => write!(f, "{node} starts"),
            Self::Pauses { node } => write!(f, "{node} stands still"),
            Self::GoesOn { node } => write!(f, "{node} goes on"),
            Self::Remark { says } => f.write_str(says),
        }
    }
}

impl fmt::Display for StateChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let (Some(role), Some(term)) = (self.role, self.term) {
            let role = match role {
                Role::Follower => "follower",
                Role::PreCandidate => "pre-candidate",
                Role::Candidate => "candidate",
                Role::Leader => "LEADER",
            };
            parts.push(format!("{role} in t{term}"));
        }
        if let Some(candidate) = self.voted_for {
            parts.push(format!("votes {candidate}"));
        }
        if let (Some(from), Some(last)) = (self.log_from, self.last_index) {
            parts.push(match self.dropped {
                None => format!("log to {last}"),
                Some(_) if last < from => format!("log cut to {last}"),
                Some(_) => format!("log cut to {}, then to {last}", from - 1),
            });
        }
        if let Some(index) = self.commit_index {
            parts.push(format!("commit {index}"));
        }
        if let Some(index) = self.snapshot_index {
            parts.push(format!("snapshot to {index}"));
        }
        if let Some(membership) = &self.membership {
            parts.push(format!("goes by {membership}"));
        }
        write!(f, "{}: {}", self.node, parts.join(", "))
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ms, us) = (self.at_ns / 1_000_000, self.at_ns / 1_000 % 1_000);
        let what = self.happening();
        write!(f, "{ms:>7}.{us:03} ms {:>6}  {what}", self.event)?;
        if !self.changes.is_empty() {
            let pad = 64usize.saturating_sub(what.chars().count());
            write!(f, "{:pad$}  => {}", "", self.changes_in_words())?;
        }
        Ok(())
    }
}

/// `value` as `Debug` shows it, with nanoseconds made milliseconds.
pub(crate) fn in_ms(value: &impl fmt::Debug) -> String {
    let text = format!("{value:?}");
    let mut words = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(place) = rest.find("_ns: ") {
        let (name, number) = (&rest[..place], &rest[place + "_ns: ".len()..]);
        let digits = number.bytes().take_while(u8::is_ascii_digit).count();
        words += name;
        words += ": ";
        match number[..digits].parse::<u64>() {
            Ok(u64::MAX) => words += "ever",
            Ok(ns) => words += &format!("{}.{:03} ms", ns / 1_000_000, ns / 1_000 % 1_000),
            Err(_) => {}
        }
        rest = &number[digits..];
    }
    words + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    #[expect(dead_code, reason = "only shown")]
    struct Timed {
        for_ns: u64,
        range_ns: (u64, u64),
        nodes: u8,
    }

    #[test]
    fn nanoseconds_are_shown_as_milliseconds_and_all_else_as_it_is() {
        let timed = Timed { for_ns: 615_653_052, range_ns: (1, 2), nodes: 3 };
        assert_eq!(in_ms(&timed), "Timed { for: 615.653 ms, range: (1, 2), nodes: 3 }");
        assert_eq!(in_ms(&Timed { for_ns: u64::MAX, ..timed }), "Timed { for: ever, range: (1, 2), nodes: 3 }");
    }

    fn entries(terms: &[u64]) -> Vec<LogEntry> {
        terms.iter().map(|term| LogEntry { term: *term, digest: 0 }).collect()
    }

    #[test]
    fn a_log_that_is_cut_and_grows_to_the_same_length_has_changed() {
        let seen = Observation { last_index: 3, ..Observation::default() };
        let (before, now) = (entries(&[1, 1, 1]), entries(&[1, 2, 2]));
        let change = StateChange::between(NodeId(0), (&seen, &before), (&seen, &now)).expect("a change");
        assert_eq!((change.log_from, change.last_index, change.dropped), (Some(2), Some(3), Some(2)));
        assert!(change.changes_entry(2) && change.changes_entry(3) && !change.changes_entry(1));
        assert!(!change.changes_entry(4));
        assert_eq!(StateChange::between(NodeId(0), (&seen, &now), (&seen, &now)), None);
    }

    #[test]
    fn an_entry_that_is_gone_has_changed_too() {
        let log = entries(&[1, 1, 1]);
        let at = |last_index| Observation { last_index, ..Observation::default() };
        let change = StateChange::between(NodeId(0), (&at(3), &log), (&at(1), &log[..1])).expect("a change");
        assert!(change.changes_entry(3) && !change.changes_entry(4));
        assert_eq!(change.to_string(), "n1: log cut to 1");
    }
}
