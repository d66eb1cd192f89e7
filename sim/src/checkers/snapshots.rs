//! A snapshot stands for the committed log up to an index, and takes nothing away that is not in it (§7).
//!
//! What is in it is for `applied` to judge, since the state machine goes on from there.

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::LogEntry;

const NAME: &str = "snapshots";

/// The log of `node`, in memory, went from a snapshot of the first `before` entries to one of the first `now`.
///
/// # Errors
/// Where it fell.
pub fn replaced(node: NodeId, before: u64, now: u64) -> Result<(), Box<Violation>> {
    if now >= before {
        return Ok(());
    }
    Err(Violation::found(NAME, move || format!("{node} goes back from its snapshot of {before} to one of {now}")))
}

/// `node` was sent a snapshot of the first `index` entries, or found it on its disk; `committed` is the committed log,
/// and `last_term` what the node takes for the term of the last of these entries.
///
/// # Errors
/// Where the snapshot has what was never committed, or another last term.
pub fn installed(
    node: NodeId,
    index: u64,
    last_term: Option<u64>,
    committed: &[LogEntry],
) -> Result<(), Box<Violation>> {
    let Some(last) = index.checked_sub(1).and_then(|place| committed.get(place as usize)) else {
        let detail = format!("{node} has a snapshot of {index} entries, and only {} are committed", committed.len());
        return Err(Violation::new(NAME, detail));
    };
    match last_term {
        Some(term) if term != last.term => Err(Violation::found(NAME, move || {
            format!("{node} takes the last entry of its snapshot, {index}, for one of term {term}, not {}", last.term)
        })),
        _ => Ok(()),
    }
}

/// `node`'s log ended at `last_before` and held the last entry of the snapshot of `index` entries that replaced a part
/// of it; now it ends at `last`.
///
/// # Errors
/// Where what followed the snapshot is gone (Figure 13, step 6).
pub fn followed(node: NodeId, index: u64, last_before: u64, last: u64) -> Result<(), Box<Violation>> {
    // A conflict may have taken the tail in the same step, and then something else stands in its place.
    if last_before <= index || last > index {
        return Ok(());
    }
    Err(Violation::found(NAME, move || {
        format!("{node} drops its entries up to {last_before} for a snapshot of {index} that matches its log")
    }))
}

/// `node`'s log begins behind a snapshot of `index` entries, of which it has applied `applied`.
///
/// # Errors
/// Where entries are gone that its state machine was not given.
pub fn applied(node: NodeId, index: u64, applied: u64) -> Result<(), Box<Violation>> {
    if index <= applied {
        return Ok(());
    }
    Err(Violation::found(NAME, move || {
        format!("{node} has compacted its log up to {index} and applied only {applied}")
    }))
}

/// The snapshot on `node`'s disk went from one of `before` entries to one of `now`. Its log ends at `last`, and it has
/// acknowledged `acknowledged` in its current term.
///
/// # Errors
/// Where it fell, or took away what was acknowledged.
pub fn on_disk(node: NodeId, before: u64, now: u64, last: u64, acknowledged: u64) -> Result<(), Box<Violation>> {
    if now < before {
        return Err(Violation::found(NAME, move || {
            format!("the snapshot on {node}'s disk falls from {before} to {now}")
        }));
    }
    if last.max(now) < acknowledged {
        return Err(Violation::found(NAME, move || {
            format!("{node}'s disk has a snapshot of {now} and ends at {last}, after it acknowledged {acknowledged}")
        }));
    }
    Ok(())
}

/// `node` starts again with a snapshot of `found` entries, where its disk has one of `durable`.
///
/// # Errors
/// Where the disk had more.
pub fn restarted(node: NodeId, durable: u64, found: u64) -> Result<(), Box<Violation>> {
    if found >= durable {
        return Ok(());
    }
    Err(Violation::found(NAME, move || {
        format!("{node} restarts from a snapshot of {found} entries, its disk has one of {durable}")
    }))
}
