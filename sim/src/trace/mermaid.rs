//! Some events of a recorded run as a sequence diagram for Mermaid.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{Record, Request, Slice, What};
use crate::node::NodeId;

/// A diagram with more arrows and notes than this is none that anybody reads.
const MOST_STEPS: usize = 60;

/// The diagram of the events of `slice`, or of the last events where there are too many or the slice is empty.
#[must_use]
pub fn mermaid(nodes: u8, records: &[Record], slice: &Slice) -> String {
    let mut steps: Vec<String> = records
        .iter()
        .filter(|record| slice.is_empty() || slice.contains(record.event))
        .flat_map(|record| steps_of(nodes, records, record))
        .collect();
    let skipped = steps.len().saturating_sub(MOST_STEPS);
    steps.drain(..skipped);
    let mut text = "sequenceDiagram\n".to_owned();
    for node in NodeId::all(nodes) {
        let _ = writeln!(text, "    participant {node}");
    }
    let clients: BTreeSet<u16> = records.iter().filter_map(client).collect();
    for client in clients {
        let name = format!("c{client}");
        if steps.iter().any(|step| step.starts_with(&format!("{name}-")) || step.contains(&format!(">{name}:"))) {
            let _ = writeln!(text, "    participant {name}");
        }
    }
    if skipped > 0 {
        let _ = writeln!(text, "    {}", over_all(nodes, &format!("{skipped} steps before this")));
    }
    for step in steps {
        let _ = writeln!(text, "    {step}");
    }
    text
}

fn steps_of(nodes: u8, records: &[Record], record: &Record) -> Vec<String> {
    let mut steps = Vec::new();
    let happened = match &record.what {
        What::Delivery(message) => Some(arrow(message.from, "->>", message.to, &message.says)),
        What::Drop { message, why } => {
            Some(arrow(message.from, "-x", message.to, &format!("{} ({why})", message.says)))
        }
        What::Request(Request { client, to, says, is_lost, .. }) => {
            Some(arrow(format!("c{client}"), if *is_lost { "-x" } else { "->>" }, to, says))
        }
        What::Answer { client, says, .. } => {
            let from = record.cause.and_then(|cause| records.get(cause as usize)?.node);
            from.map(|from| arrow(from, "-->>", format!("c{client}"), says))
        }
        What::Fault { .. } | What::FaultEnds { .. } | What::Heals | What::Operation { .. } => {
            Some(over_all(nodes, &record.what.to_string()))
        }
        // A timer is shown by what it leads to; all else by nothing.
        _ => None,
    };
    steps.extend(happened);
    let timer = matches!(record.what, What::Timer);
    if timer && record.changes.is_empty() {
        steps.extend(record.node.map(|node| note(node, "deadline")));
    }
    for change in &record.changes {
        let words = change.to_string();
        steps.push(match change.node() {
            Some(node) => {
                let own = words.strip_prefix(&format!("{node}: ")).or(words.strip_prefix(&format!("{node} ")));
                let own = own.unwrap_or(&words);
                note(node, &if timer { format!("deadline, {own}") } else { own.to_owned() })
            }
            None => over_all(nodes, &words),
        });
    }
    steps
}

fn client(record: &Record) -> Option<u16> {
    match &record.what {
        What::Request(Request { client, .. }) | What::Answer { client, .. } => Some(*client),
        _ => None,
    }
}

fn arrow(from: impl std::fmt::Display, arrow: &str, to: impl std::fmt::Display, says: &str) -> String {
    format!("{from}{arrow}{to}: {}", plain(says))
}

fn note(node: NodeId, says: &str) -> String {
    format!("Note over {node}: {}", plain(says))
}

fn over_all(nodes: u8, says: &str) -> String {
    let last = NodeId(nodes - 1);
    let over = if nodes == 1 { last.to_string() } else { format!("{},{last}", NodeId(0)) };
    format!("Note over {over}: {}", plain(says))
}

/// Without what Mermaid takes for the end of a statement, or for the name of a character.
fn plain(text: &str) -> String {
    text.replace(['\n', ';'], ",").replace('#', "no. ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_mermaid_would_stumble_over_is_left_out() {
        assert_eq!(plain("a; b\n#1"), "a, b,no. 1");
    }
}
