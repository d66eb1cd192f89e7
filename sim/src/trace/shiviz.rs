//! A recorded run as a log that ShiViz draws: every event with a vector clock.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::{Change, Record, Slice, What};

/// How ShiViz is to read the log: the first line of a file that it opens, before an empty one for the delimiter of several
/// runs, of which there is one here.
pub const SHIVIZ_PARSER: &str = r"(?<time>\S* ms) (?<event>.*)\n(?<host>\S*) (?<clock>{.*})";

/// For each host, how many of its events are known.
type Clock = BTreeMap<String, u64>;

/// The log of `records`, or of those in `only`.
///
/// Two lines an event: time and what happened, then the host and its clock. Hosts are the nodes, the clients (`c0`) and
/// `faults`, which is also an operator where nobody could be asked. A host's own number grows by one from event to event;
/// what lies between two events that are shown still orders them.
#[must_use]
pub fn shiviz(records: &[Record], only: Option<&Slice>) -> String {
    let mut text = format!("{SHIVIZ_PARSER}\n\n");
    let mut hosts: BTreeMap<String, Clock> = BTreeMap::new();
    // What whoever hears of an event on a host knows then.
    let mut known: BTreeMap<(u64, String), Clock> = BTreeMap::new();
    for record in records.iter().filter(|record| record.what != What::Lapses) {
        let is_shown = only.is_none_or(|slice| slice.contains(record.event));
        let host = host(record);
        let heard = record.cause.and_then(|cause| {
            let sender = sender(record).or_else(|| records.get(cause as usize).map(self::host))?;
            known.get(&(cause, sender)).cloned()
        });
        let mut occurrences = vec![(host.clone(), heard, words(record))];
        for node in record.changes.iter().filter_map(Change::node).filter(|node| Some(*node) != record.node) {
            let changes: Vec<String> =
                record.changes.iter().filter(|change| change.node() == Some(node)).map(ToString::to_string).collect();
            if occurrences.iter().all(|(other, ..)| *other != node.to_string()) {
                occurrences.push((node.to_string(), None, changes.join("; ")));
            }
        }
        let mut first: Option<Clock> = None;
        for (host, heard, words) in occurrences {
            let clock = hosts.entry(host.clone()).or_default();
            for (other, count) in heard.iter().chain(&first).flatten() {
                let own = clock.entry(other.clone()).or_default();
                *own = (*own).max(*count);
            }
            if is_shown {
                *clock.entry(host.clone()).or_default() += 1;
                let (ms, us) = (record.at_ns / 1_000_000, record.at_ns / 1_000 % 1_000);
                let shown: Vec<String> = clock.iter().map(|(host, count)| format!("\"{host}\":{count}")).collect();
                let _ = writeln!(text, "{ms}.{us:03} ms {words}\n{host} {{{}}}", shown.join(", "));
            }
            first = first.or_else(|| Some(clock.clone()));
            known.insert((record.event, host), clock.clone());
        }
    }
    text
}

fn host(record: &Record) -> String {
    match (&record.what, record.node) {
        (_, Some(node)) => node.to_string(),
        (
            What::Ask(super::Request { client, .. }) | What::Answer { client, .. } | What::GivesUp { client, .. },
            None,
        ) => {
            format!("c{client}")
        }
        _ => "faults".to_owned(),
    }
}

/// Where what has arrived comes from, unless that is where its cause happened.
fn sender(record: &Record) -> Option<String> {
    match &record.what {
        What::Delivery(message) | What::Drop { message, .. } => Some(message.from.to_string()),
        What::Timer | What::Written | What::WriteFails { .. } => record.node.map(|node| node.to_string()),
        _ => None,
    }
}

fn words(record: &Record) -> String {
    let own: Vec<String> = record
        .changes
        .iter()
        .filter(|change| change.node().is_none() || change.node() == record.node)
        .map(ToString::to_string)
        .collect();
    let separator = if own.is_empty() { "" } else { " => " };
    format!("#{} {}{separator}{}", record.event, record.happening(), own.join("; ")).replace('\n', " ")
}
