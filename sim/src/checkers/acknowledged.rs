//! What a client was told is so: an acknowledged command is committed where the answer says, and stands behind
//! every command that was acknowledged before it was asked for.

use std::collections::BTreeMap;

use crate::failure::Violation;
use crate::subject::{LogEntry, RequestId};

const NAME: &str = "acknowledged";

/// Remembers what clients wait for and what they were told.
#[derive(Clone, Debug, Default)]
pub struct Acknowledged {
    /// The digest of each open request's command, and the last index acknowledged when it was asked.
    open: BTreeMap<RequestId, (u64, u64)>,
    last_acknowledged: u64,
}

impl Acknowledged {
    /// A client asks for the command of `digest`.
    pub fn invoked(&mut self, id: RequestId, digest: u64) {
        self.open.insert(id, (digest, self.last_acknowledged));
    }

    /// The client no longer waits.
    pub fn abandoned(&mut self, id: RequestId) {
        self.open.remove(&id);
    }

    /// The client is told that its command took effect at `index` of the log, of which `committed` is committed.
    ///
    /// # Errors
    /// Where it is not there, or stands before what it must follow.
    pub fn done(&mut self, id: RequestId, index: u64, committed: &[LogEntry]) -> Result<(), Box<Violation>> {
        let Some((digest, not_before)) = self.open.remove(&id) else { return Ok(()) };
        let RequestId { client, number } = id;
        let entry = index.checked_sub(1).and_then(|place| committed.get(place as usize));
        if entry.is_none_or(|entry| entry.digest != digest) {
            return Err(Violation::new(
                NAME,
                format!("client {client} was told that its command {number} is committed at {index}, where it is not"),
            ));
        }
        if index <= not_before {
            return Err(Violation::new(
                NAME,
                format!(
                    "client {client}'s command {number} took effect at {index}, before {not_before}, which was \
                     acknowledged before it was asked for"
                ),
            ));
        }
        self.last_acknowledged = self.last_acknowledged.max(index);
        Ok(())
    }
}
