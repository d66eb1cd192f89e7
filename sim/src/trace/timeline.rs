//! A recorded run as text: one event a line, in fixed columns.

use std::fmt::Write;

use super::{Change, Record, Slice, What};
use crate::node::NodeId;
use crate::subject::Role;

/// How wide the column is that says what happened.
const WHAT: usize = 58;

/// How much of a run is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Length {
    /// The causal slice of the failure, and nothing else.
    Slice,
    /// The slice, the faults, the changes of leader, and the last events before a failure.
    Short,
    /// What is read in a minute: every event, or of a run of more than [`MOST_ON_A_PAGE`] its slice, and how much lies between.
    Page,
    /// Every event.
    Full,
}

/// So many events are still read one by one.
pub const MOST_ON_A_PAGE: usize = 100;

/// So many events before a failure are shown in a short timeline.
const TAIL: usize = 10;

/// What a timeline shows of a node on every line.
#[derive(Clone, Copy, Default)]
struct Lane {
    role: Role,
    term: u64,
    is_down: bool,
    is_paused: bool,
}

/// The timeline of `records`, of a cluster of `nodes`.
///
/// The columns: `*` for the events of `slice`; virtual time in milliseconds; the number of the event; for each node its
/// role (`F`ollower, `C`andidate, `L`eader) and term after it, `down`, or `=` before them where it stands still, in
/// brackets for the node that it happened to; what happened; what it changed.
#[must_use]
pub fn timeline(nodes: u8, records: &[Record], slice: &Slice, length: Length) -> String {
    let mut text = format!("{:>13}  {:>6}  ", "ms", "event");
    NodeId::all(nodes).for_each(|node| text += &format!("{:<7}", format!(" {node}")));
    let _ = writeln!(text, " {:<WHAT$}  what it changed", "what happened");
    let tail = if slice.is_empty() { records.len() } else { records.len().saturating_sub(TAIL) };
    let mut lanes = vec![Lane::default(); usize::from(nodes)];
    let mut skipped = 0;
    for (place, record) in records.iter().enumerate() {
        record.changes.iter().for_each(|change| follow(&mut lanes, change));
        if record.what == What::Lapses && record.changes.is_empty() {
            continue;
        }
        let is_shown = match length {
            Length::Full => true,
            Length::Slice => slice.contains(record.event),
            Length::Page => records.len() <= MOST_ON_A_PAGE || slice.contains(record.event),
            Length::Short => slice.contains(record.event) || place >= tail || is_turning_point(record),
        };
        if !is_shown {
            skipped += 1;
            continue;
        }
        gap(&mut text, std::mem::take(&mut skipped), length);
        line(&mut text, record, &lanes, slice.contains(record.event));
    }
    gap(&mut text, skipped, length);
    text
}

fn gap(text: &mut String, skipped: usize, length: Length) {
    match skipped {
        0 => {}
        _ if length == Length::Slice => {}
        1 => *text += "                    ... 1 event\n",
        _ => {
            let _ = writeln!(text, "{:>23} {skipped} events", "...");
        }
    }
}

fn line(text: &mut String, record: &Record, lanes: &[Lane], is_in_slice: bool) {
    let mark = if is_in_slice { '*' } else { ' ' };
    let (ms, us) = (record.at_ns / 1_000_000, record.at_ns / 1_000 % 1_000);
    let mut row = format!("{mark}{ms:>8}.{us:03}  {:>6}  ", record.event);
    for (node, lane) in (0..).map(NodeId).zip(lanes) {
        let is_touched = record.concerns(node);
        let (left, right) = if is_touched { ('[', ']') } else { (' ', ' ') };
        let state = lane.shown();
        row += &format!("{:<7}", format!("{left}{state}{right}"));
    }
    let what = record.happening();
    row += &format!(" {what}");
    let mut changes = record.changes.iter();
    if let Some(first) = changes.next() {
        let pad = WHAT.saturating_sub(what.chars().count());
        row += &format!("{:pad$}  {first}", "");
    }
    let _ = writeln!(text, "{}", row.trim_end());
    let indent = 24 + 7 * lanes.len() + WHAT;
    for change in changes {
        let _ = writeln!(text, "{:indent$}{change}", "");
    }
}

/// What a reader needs to follow the run: what went wrong, what was asked for, and who led.
fn is_turning_point(record: &Record) -> bool {
    let leads = |change: &Change| match change {
        Change::State(state) => state.role == Some(Role::Leader),
        Change::Remark { says } => says.starts_with(|c: char| c.is_ascii_uppercase()),
        _ => false,
    };
    matches!(record.what, What::Fault { .. } | What::FaultEnds { .. } | What::Operation { .. } | What::Heals)
        || record.changes.iter().any(leads)
}

fn follow(lanes: &mut [Lane], change: &Change) {
    let Some(lane) = change.node().and_then(|node| lanes.get_mut(node.index())) else { return };
    match change {
        Change::State(state) => {
            lane.role = state.role.unwrap_or(lane.role);
            lane.term = state.term.unwrap_or(lane.term);
        }
        Change::Crashes { .. } => lane.is_down = true,
        Change::Starts { .. } => *lane = Lane::default(),
        Change::Pauses { .. } => lane.is_paused = true,
        Change::GoesOn { .. } => lane.is_paused = false,
        Change::Remark { .. } => {}
    }
}

impl Lane {
    fn shown(self) -> String {
        if self.is_down {
            return "down".to_owned();
        }
        let role = match self.role {
            Role::Follower => 'F',
            Role::PreCandidate => 'P',
            Role::Candidate => 'C',
            Role::Leader => 'L',
        };
        format!("{}{role}{}", if self.is_paused { "=" } else { "" }, self.term)
    }
}
