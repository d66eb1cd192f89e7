//! What a client was told is so: an acknowledged command is committed where the answer says, and stands behind
//! every command that was acknowledged before it was asked for. A refused command is never committed. It makes no
//! difference whether the client still waits for the answer.

use std::collections::{BTreeMap, VecDeque};

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::{LogEntry, RequestId};

const NAME: &str = "acknowledged";

/// Remembers what clients wait for and what they were told.
#[derive(Clone, Hash, Debug, Default)]
pub struct Acknowledged {
    /// By client, in the order in which they were asked, which is that of their numbers.
    open: Vec<VecDeque<Open>>,
    last_acknowledged: u64,
    /// The refused commands, by digest.
    refused: BTreeMap<u64, (RequestId, Open)>,
}

/// A request without an answer.
#[derive(Clone, Copy, Hash, Debug)]
struct Open {
    number: u32,
    digest: u64,
    is_write: bool,
    /// The last index acknowledged when it was asked.
    not_before: u64,
    /// How often it was asked for and not refused.
    attempts: u32,
}

impl Acknowledged {
    /// A client asks for the command of `digest`, which changes a key or does not.
    pub fn invoked(&mut self, id: RequestId, digest: u64, is_write: bool) {
        let client = usize::from(id.client);
        if self.open.len() <= client {
            self.open.resize_with(client + 1, VecDeque::new);
        }
        let not_before = self.last_acknowledged;
        self.open[client].push_back(Open { number: id.number, digest, is_write, not_before, attempts: 1 });
    }

    /// A client asks again for the command of `digest`, of which it has heard nothing.
    pub fn asked_again(&mut self, id: RequestId, digest: u64) {
        let Some(open) = self.open.get_mut(usize::from(id.client)) else { return };
        match open.binary_search_by_key(&id.number, |open| open.number) {
            Ok(place) => open[place].attempts += 1,
            // What was refused on the way may now be committed after all.
            Err(place) => {
                if let Some((_, refused)) = self.refused.remove(&digest) {
                    open.insert(place, refused);
                }
            }
        }
    }

    /// The client is told that its command took effect, and not where, of the log of which `committed` is committed. A
    /// read need not be there; of a command that nobody explains nothing is known. Returns where a write is.
    ///
    /// # Errors
    /// Where a write is not committed, or was before what it must follow.
    pub fn done_somewhere(&mut self, id: RequestId, committed: &[LogEntry]) -> Result<Option<u64>, Box<Violation>> {
        let Some(Open { digest, not_before, .. }) = self.close(id).filter(|open| open.is_write) else {
            return Ok(None);
        };
        // Whatever was committed before it was asked for cannot be it.
        let since = committed.get(not_before as usize..).unwrap_or_default();
        let Some(place) = since.iter().position(|entry| entry.digest == digest) else {
            let RequestId { client, number } = id;
            let detail =
                format!("client {client} was told that its command {number} took effect, and it is not committed");
            return Err(Violation::new(NAME, detail));
        };
        let index = not_before + place as u64 + 1;
        self.last_acknowledged = self.last_acknowledged.max(index);
        Ok(Some(index))
    }

    /// Takes one attempt of a command away. Returns whether there are others.
    fn has_other_attempts(&mut self, id: RequestId) -> bool {
        let Some(open) = self.open.get_mut(usize::from(id.client)) else { return false };
        let Ok(place) = open.binary_search_by_key(&id.number, |open| open.number) else { return false };
        if open[place].attempts > 1 {
            open[place].attempts -= 1;
            return true;
        }
        false
    }

    fn close(&mut self, id: RequestId) -> Option<Open> {
        let open = self.open.get_mut(usize::from(id.client))?;
        let place = open.binary_search_by_key(&id.number, |open| open.number).ok()?;
        open.remove(place)
    }

    /// The client is told that its command has had no effect and never will, as far as it asked for it this once; `committed`
    /// is committed.
    ///
    /// Returns its digest, where that is so however often the client has asked for it.
    ///
    /// # Errors
    /// Where it is committed.
    pub fn refused(&mut self, id: RequestId, committed: &[LogEntry]) -> Result<Option<u64>, Box<Violation>> {
        if self.has_other_attempts(id) {
            return Ok(None);
        }
        let Some(open) = self.close(id) else { return Ok(None) };
        let Open { digest, not_before, .. } = open;
        self.refused.insert(digest, (id, open));
        // Whatever was committed before it was asked for cannot be it.
        let since = committed.get(not_before as usize..).unwrap_or_default();
        if since.iter().any(|entry| entry.digest == digest) {
            return Err(contradicted(id));
        }
        Ok(Some(digest))
    }

    /// The client is told that its command, of `digest`, has had no effect and never will. `node` is up and has `log`, and `committed` is
    /// committed.
    ///
    /// Whoever has all that is committed may lead and commit what it has behind that: only a committed entry of a later term, or another
    /// one in its place, buries a command that was ever in a log (§5.4, Figure 8). That it is in the teller's own log no more does not.
    ///
    /// # Errors
    /// Where `node` may still bring the command about.
    pub fn buried(
        id: RequestId,
        digest: u64,
        node: NodeId,
        log: &[LogEntry],
        committed: &[LogEntry],
    ) -> Result<(), Box<Violation>> {
        let Some((known, open)) = log.split_at_checked(committed.len()) else { return Ok(()) };
        // Logs that share an entry are identical up to it.
        if known.last() != committed.last() || open.iter().all(|entry| entry.digest != digest) {
            return Ok(());
        }
        let RequestId { client, number } = id;
        Err(Violation::new(
            NAME,
            format!(
                "client {client} was told that its command {number} has no effect, and {node} has it behind all that is committed, and may yet commit it"
            ),
        ))
    }

    /// `entry` is newly committed.
    ///
    /// # Errors
    /// Where a client was told that it never would be.
    pub fn committed(&self, entry: LogEntry) -> Result<(), Box<Violation>> {
        match self.refused.get(&entry.digest) {
            None => Ok(()),
            Some((id, _)) => Err(contradicted(*id)),
        }
    }

    /// The client is told that its command took effect at `index` of the log, of which `committed` is committed.
    ///
    /// # Errors
    /// Where it is not there, or stands before what it must follow.
    pub fn done(&mut self, id: RequestId, index: u64, committed: &[LogEntry]) -> Result<(), Box<Violation>> {
        let Some(Open { digest, not_before, .. }) = self.close(id) else { return Ok(()) };
        let RequestId { client, number } = id;
        let entry = index.checked_sub(1).and_then(|place| committed.get(place as usize));
        if entry.is_none_or(|entry| entry.digest != digest) {
            return Err(Violation::found(NAME, move || {
                format!("client {client} was told that its command {number} is committed at {index}, where it is not")
            }));
        }
        if index <= not_before {
            return Err(Violation::found(NAME, move || {
                format!(
                    "client {client}'s command {number} took effect at {index}, before {not_before}, which was \
                     acknowledged before it was asked for"
                )
            }));
        }
        self.last_acknowledged = self.last_acknowledged.max(index);
        Ok(())
    }
}

fn contradicted(id: RequestId) -> Box<Violation> {
    let RequestId { client, number } = id;
    let detail = format!("client {client} was told that its command {number} has no effect, and it is committed");
    Violation::new(NAME, detail)
}
