//! Reads are linearizable (§8): each returns what its key held at one moment between its call and its answer, and no read
//! goes back behind what an operation that was over before it has seen or done.
//!
//! The committed log orders all writes, so a moment is an index, and a read that does not go through the log has to find
//! one. It is given the earliest that fits: whatever may follow it then may follow any other choice.

use std::collections::BTreeMap;

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{Access, LogEntry, RequestId};

const NAME: &str = "linearizable_reads";

/// Remembers every value of every key, and how far clients have seen.
#[derive(Clone, Hash, Debug, Default)]
pub struct LinearizableReads {
    /// The writes that were asked for.
    writes: Writes,
    /// By key, the indexes at which it was written, and its value from there on.
    values: BTreeMap<u64, Vec<(u64, Option<u64>)>>,
    /// The reads without an answer.
    open: BTreeMap<RequestId, Open>,
    /// The highest index that an operation which is over is known to have seen or made.
    floor: u64,
    committed: u64,
}

/// A read without an answer.
#[derive(Clone, Copy, Hash, Debug)]
struct Open {
    key: u64,
    /// The floor when it was asked.
    not_before: u64,
    /// How much was committed when it came to a node, and the latest term that had had a leader then.
    committed: u64,
    led: u64,
}

#[derive(Clone, Copy, Hash, Debug)]
struct Write {
    digest: u64,
    key: u64,
    value: Option<u64>,
}

/// Writes, to be found by their digests: every write of a run is, when it is committed. Digests tend to count up, one
/// sequence a client, and what is committed was asked for a moment ago: it is near the end of its sequence.
#[derive(Clone, Hash, Debug, Default)]
struct Writes {
    /// By the upper half of their digests, in ascending order of these.
    sequences: BTreeMap<u32, Vec<Write>>,
}

impl Writes {
    fn insert(&mut self, write: Write) {
        let sequence = self.sequences.entry((write.digest >> 32) as u32).or_default();
        if sequence.last().is_none_or(|last| last.digest < write.digest) {
            return sequence.push(write);
        }
        let place = sequence.partition_point(|known| known.digest < write.digest);
        sequence.insert(place, write);
    }

    fn get(&self, digest: u64) -> Option<&Write> {
        let sequence = self.sequences.get(&((digest >> 32) as u32))?;
        let mut tail = 1;
        while tail < sequence.len() && sequence[sequence.len() - tail].digest > digest {
            tail *= 2;
        }
        let near = &sequence[sequence.len().saturating_sub(tail)..];
        near.binary_search_by_key(&digest, |write| write.digest).ok().map(|place| &near[place])
    }
}

impl LinearizableReads {
    /// A client asks for the command of `digest`, which does this.
    pub fn invoked(&mut self, id: RequestId, digest: u64, access: Access) {
        match access {
            Access::Write { key, value } => self.writes.insert(Write { digest, key, value }),
            Access::Read { key } => {
                self.open.insert(id, Open { key, not_before: self.floor, committed: 0, led: 0 });
            }
            Access::Other => {}
        }
    }

    /// The request comes to a node. The latest term that has had a leader is `led`.
    pub fn arrived(&mut self, id: RequestId, led: u64) {
        let committed = self.committed;
        if let Some(open) = self.open.get_mut(&id) {
            (open.committed, open.led) = (committed, led);
        }
    }

    /// `node`, which has applied `applied` entries and leads the term `leads` if it leads, answers a read that has no place
    /// in the log.
    ///
    /// Seen from above, before any stale value is found: whoever makes sure after the read came that it leads has all that
    /// was committed then (§8; dissertation §6.4), and nobody else can have led a later term before.
    ///
    /// # Errors
    /// Where it was not fit to answer.
    pub fn served(&self, node: NodeId, id: RequestId, applied: u64, leads: Option<u64>) -> Result<(), Box<Violation>> {
        let Some(open) = self.open.get(&id) else { return Ok(()) };
        if applied < open.committed {
            let what = format!(
                "{node} answers a read with {applied} entries applied, and {} were committed when it came",
                open.committed
            );
            return Err(Violation::new(NAME, what));
        }
        match leads {
            Some(term) if term < open.led => {
                let what = format!(
                    "{node} answers a read as leader of term {term}, and term {} had one when it came",
                    open.led
                );
                Err(Violation::new(NAME, what))
            }
            _ => Ok(()),
        }
    }

    /// `entry` is the next of the committed log.
    pub fn committed(&mut self, entry: LogEntry) {
        self.committed += 1;
        if let Some(&Write { key, value, .. }) = self.writes.get(entry.digest) {
            self.values.entry(key).or_default().push((self.committed, value));
        }
    }

    /// The client is told that its command has no effect.
    pub fn refused(&mut self, id: RequestId) {
        self.open.remove(&id);
    }

    /// The client is told that its command took effect, where known at `index`; if it was a read, it found `value()`.
    ///
    /// # Errors
    /// Where the read found what was not there then.
    pub fn done(
        &mut self,
        id: RequestId,
        index: Option<u64>,
        value: impl FnOnce() -> Option<u64>,
    ) -> Result<(), Box<Violation>> {
        let seen_at = match self.open.remove(&id) {
            None => index,
            Some(open) => Some(self.moment(id, open, index, value())?),
        };
        self.floor = self.floor.max(seen_at.unwrap_or(0));
        Ok(())
    }

    /// The earliest index at which the read may have found `value`; one that went through the log was at `index`.
    fn moment(&self, id: RequestId, open: Open, index: Option<u64>, value: Option<u64>) -> Result<u64, Box<Violation>> {
        let Open { key, not_before, .. } = open;
        let earliest = index.unwrap_or(not_before);
        let values = self.values.get(&key).map_or(&[][..], Vec::as_slice);
        // What a read may have found was written a moment ago.
        let later = values.len() - values.iter().rev().take_while(|(written_at, _)| *written_at > earliest).count();
        let held = later.checked_sub(1).and_then(|last| values[last].1);
        if held == value {
            return Ok(earliest);
        }
        // A write is passed over here at most once by each read that was waiting when it was committed.
        let found = values[later..].iter().find(|(_, later)| *later == value);
        match (index, found) {
            (None, Some((written_at, _))) => Ok(*written_at),
            (Some(index), _) => Err(violation(id, key, &format!("at {index}, where the log says otherwise"))),
            (None, None) if value.is_none() || values[..later].iter().any(|(_, earlier)| *earlier == value) => {
                Err(violation(
                    id,
                    key,
                    &format!("as it was before {not_before}, which was seen before the read was asked for"),
                ))
            }
            (None, None) => Err(violation(id, key, "as nobody has committed it")),
        }
    }
}

fn violation(RequestId { client, number }: RequestId, key: u64, what: &str) -> Box<Violation> {
    Violation::new(NAME, format!("client {client}'s read {number} found key {key} {what}"))
}
