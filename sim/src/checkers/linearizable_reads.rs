//! Whoever answers a read without the log is fit to: it has all that was committed when the read came, and no later term has
//! had a leader before that (§8; dissertation §6.4).
//!
//! Seen from above, before any stale value is found: whoever makes sure after the read came that it leads has all that was
//! committed then, and nobody else can have led a later term before. What values are found is for the
//! [history](crate::History) to judge.

use std::collections::BTreeMap;

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::RequestId;

const NAME: &str = "linearizable_reads";

/// Remembers what was known when each read came.
#[derive(Clone, Hash, Debug, Default)]
pub struct LinearizableReads {
    /// The reads without an answer.
    open: BTreeMap<RequestId, Open>,
}

/// A read without an answer.
#[derive(Clone, Copy, Hash, Debug, Default)]
struct Open {
    /// How much was committed when it came to a node, and the latest term that had had a leader then.
    committed: u64,
    led: u64,
}

impl LinearizableReads {
    /// A read comes to a node. So many entries are `committed`, and the latest term that has had a leader is `led`.
    pub fn arrived(&mut self, id: RequestId, committed: u64, led: u64) {
        self.open.insert(id, Open { committed, led });
    }

    /// `node`, which has applied `applied` entries and leads the term `leads` if it leads, answers a read that has no place
    /// in the log.
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

    /// The read has an answer.
    pub fn ended(&mut self, id: RequestId) {
        self.open.remove(&id);
    }
}
