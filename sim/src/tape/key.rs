//! The names of decisions: what is decided, where, and the how-manieth of its kind.

use std::fmt;

use crate::node::{MAX_NODES, NodeId};

/// One decision of a run. Nodes are shown from 1, and so are numbers.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// Before when a node's deadline is not noticed, in nanoseconds from the start of the run.
    Timer {
        /// Whose.
        node: NodeId,
        /// The how-manieth deadline that this node notices.
        number: u32,
    },
    /// How long a message travels, in nanoseconds: it arrives, whatever the network does otherwise.
    Latency(Message),
    /// How long a second copy of a message travels, in nanoseconds.
    Again(Message),
    /// How long a third copy of a message travels, in nanoseconds.
    Stale(Message),
    /// 1: a message is lost.
    Loss(Message),
    /// When a client asks for something, in nanoseconds from the start of the run.
    Asks(Request),
    /// The node that it asks, counted from 1.
    Target(Request),
    /// What it asks for: from which place on the client's numbers say so.
    Command(Request),
    /// How long the request travels, in nanoseconds.
    Request(Request),
    /// How long its answer travels, in nanoseconds.
    Answer(Request),
    /// How long a write takes, in nanoseconds.
    Disk {
        /// On whose disk.
        node: NodeId,
        /// The how-manieth write of this node.
        number: u32,
    },
    /// What a crash leaves: how many of the writes under way, or how long a log where the disk lied.
    Crash {
        /// On whose disk.
        node: NodeId,
        /// The how-manieth crash of this node that could lose something.
        number: u32,
    },
    /// Where a write is torn, or which record goes bad: from which place on the node's numbers for crashes say so.
    Damage {
        /// On whose disk.
        node: NodeId,
        /// The how-manieth of this node.
        number: u32,
    },
}

/// A message: the how-manieth of its type that one node sends another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Message {
    /// The sender.
    pub from: NodeId,
    /// The receiver.
    pub to: NodeId,
    /// The type, an index into the subject's message kinds.
    pub kind: u8,
    /// The how-manieth, from 0.
    pub number: u32,
}

/// A request: the how-manieth of a client, and the how-manieth time that it asks for it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Request {
    /// The client.
    pub client: u16,
    /// The how-manieth, from 0.
    pub number: u32,
    /// How often it was asked for before.
    pub attempt: u16,
}

impl Key {
    /// The key in words, as in `latency n1->n3 AppendEntries #17`; `kinds` are the subject's types of messages.
    #[must_use]
    pub fn in_words(&self, kinds: &[&str]) -> String {
        let message = |word: &str, Message { from, to, kind, number }: &Message| {
            let kind = kinds.get(usize::from(*kind)).copied().unwrap_or("?");
            format!("{word} {from}->{to} {kind} #{}", number + 1)
        };
        let request = |word, of: &Request| format!("{word} {of}");
        let of_node = |word, node: &NodeId, number: &u32| format!("{word} {node} #{}", number + 1);
        match self {
            Self::Timer { node, number } => of_node("timer", node, number),
            Self::Latency(of) => message("latency", of),
            Self::Again(of) => message("again", of),
            Self::Stale(of) => message("stale", of),
            Self::Loss(of) => message("loss", of),
            Self::Asks(of) => request("asks", of),
            Self::Target(of) => request("target", of),
            Self::Command(of) => request("command", of),
            Self::Request(of) => request("request", of),
            Self::Answer(of) => request("answer", of),
            Self::Disk { node, number } => of_node("disk", node, number),
            Self::Crash { node, number } => of_node("crash", node, number),
            Self::Damage { node, number } => of_node("damage", node, number),
        }
    }

    /// The key that `text` names.
    ///
    /// # Errors
    /// In a few words, what is wrong with it.
    pub fn parse(text: &str, kinds: &[&str]) -> Result<Self, String> {
        let words: Vec<&str> = text.split(' ').collect();
        match words[..] {
            [word @ ("timer" | "disk" | "crash" | "damage"), place, number] => {
                let (node, number) = (parse_node(place)?, parse_number(number)?);
                Ok(match word {
                    "timer" => Self::Timer { node, number },
                    "disk" => Self::Disk { node, number },
                    "crash" => Self::Crash { node, number },
                    _ => Self::Damage { node, number },
                })
            }
            [word @ ("latency" | "again" | "stale" | "loss"), link, kind, number] => {
                let (from, to) = link.split_once("->").ok_or_else(|| format!("'{link}' is not a link like n1->n2"))?;
                let place = kinds.iter().position(|known| *known == kind);
                let kind = place.ok_or_else(|| format!("there are no messages '{kind}'"))? as u8;
                let of = Message { from: parse_node(from)?, to: parse_node(to)?, kind, number: parse_number(number)? };
                Ok(match word {
                    "latency" => Self::Latency(of),
                    "again" => Self::Again(of),
                    "stale" => Self::Stale(of),
                    _ => Self::Loss(of),
                })
            }
            [word @ ("asks" | "target" | "command" | "request" | "answer"), client, number] => {
                let client = client.strip_prefix('c').and_then(|digits| digits.parse::<u16>().ok());
                let client = client.and_then(|client| client.checked_sub(1)).ok_or("a client is c1, c2, ...")?;
                let (number, attempt) = number.split_once('/').unwrap_or((number, "1"));
                let attempt = attempt.parse::<u16>().ok().and_then(|attempt| attempt.checked_sub(1));
                let attempt = attempt.ok_or("a request that is repeated is #4/2, #4/3, ...")?;
                let of = Request { client, number: parse_number(number)?, attempt };
                Ok(match word {
                    "asks" => Self::Asks(of),
                    "target" => Self::Target(of),
                    "command" => Self::Command(of),
                    "request" => Self::Request(of),
                    _ => Self::Answer(of),
                })
            }
            _ => Err("not a decision like 'timer n1 #1', 'latency n1->n2 Vote #1' or 'asks c1 #1'".to_owned()),
        }
    }

    /// Whether a run of `nodes` nodes can have this decision, and decide it so.
    pub(super) fn check(&self, value: u64, nodes: u8, longest_ns: u64) -> Result<(), String> {
        let (places, most) = match self {
            Self::Timer { node, .. } | Self::Disk { node, .. } => (vec![*node], longest_ns),
            Self::Crash { node, .. } => (vec![*node], u64::MAX),
            Self::Damage { node, .. } => (vec![*node], u32::MAX.into()),
            Self::Command(_) => (Vec::new(), u32::MAX.into()),
            Self::Loss(of) => (vec![of.from, of.to], 1),
            Self::Latency(of) | Self::Again(of) | Self::Stale(of) => (vec![of.from, of.to], longest_ns),
            Self::Target(_) => (Vec::new(), nodes.into()),
            Self::Asks(_) | Self::Request(_) | Self::Answer(_) => (Vec::new(), longest_ns),
        };
        if let Some(node) = places.iter().find(|node| node.0 >= nodes) {
            return Err(format!("there is no {node} among {nodes} nodes"));
        }
        let least = u64::from(matches!(self, Self::Target(_)));
        if value < least || value > most {
            return Err(format!("{value} is not between {least} and {most}"));
        }
        Ok(())
    }
}

fn parse_node(text: &str) -> Result<NodeId, String> {
    let number = text.strip_prefix('n').and_then(|digits| digits.parse::<u8>().ok());
    match number {
        Some(number) if (1..=MAX_NODES).contains(&usize::from(number)) => Ok(NodeId(number - 1)),
        _ => Err(format!("'{text}' is not a node, n1 to n{MAX_NODES}")),
    }
}

fn parse_number(text: &str) -> Result<u32, String> {
    let number = text.strip_prefix('#').and_then(|digits| digits.parse::<u32>().ok());
    number.and_then(|number| number.checked_sub(1)).ok_or_else(|| format!("'{text}' is not a number like #1"))
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{} #{}", u32::from(self.client) + 1, u64::from(self.number) + 1)?;
        if self.attempt > 0 { write!(f, "/{}", u32::from(self.attempt) + 1) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KINDS: &[&str] = &["Vote", "Append"];

    #[test]
    fn keys_are_read_as_they_are_written() {
        for text in [
            "timer n2 #1",
            "latency n1->n3 Append #17",
            "again n7->n1 Vote #2",
            "loss n1->n2 Vote #1",
            "stale n2->n1 Append #1",
            "asks c1 #1",
            "target c65535 #3",
            "command c2 #9",
            "request c2 #9",
            "answer c2 #9",
            "asks c2 #9/2",
            "answer c2 #9/65535",
            "disk n1 #4294967295",
            "crash n3 #2",
            "damage n3 #1",
        ] {
            assert_eq!(Key::parse(text, KINDS).map(|key| key.in_words(KINDS)), Ok(text.to_owned()));
        }
    }

    #[test]
    fn what_is_no_key_is_refused() {
        for text in [
            "",
            "timer",
            "timer n2",
            "timer n0 #1",
            "timer n8 #1",
            "timer n1 #0",
            "timer n1 1",
            "timer n1 #x",
            "latency n1 Append #1",
            "latency n1->n2 Wave #1",
            "latency n1->n2 #1",
            "asks 1 #1",
            "asks c0 #1",
            "asks c1 #1/0",
            "asks c1 #1/x",
            "asks c1 #1/65536",
            "disk n1 #4294967296",
            "timer  n1 #1",
            "jitter n1 #1",
        ] {
            assert!(Key::parse(text, KINDS).is_err(), "{text}");
        }
    }
}
