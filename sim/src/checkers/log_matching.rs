//! Log Matching (Figure 3): if two logs contain an entry with the same index and term, then the logs are
//! identical in all entries up through that index.
//!
//! By induction this holds if, over all logs and all time, an index and a term determine the entry and the term
//! of the entry before it. That is one look-up for each entry that is appended anywhere.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};

use crate::blocks::Blocks;
use crate::engine::fingerprint::unordered;
use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::LogEntry;

const NAME: &str = "log_matching";

/// Remembers every entry that ever stood in a log.
#[derive(Clone, Debug, Default)]
pub struct LogMatching {
    /// By index, from 1: the first entry that was seen there, or one of term 0 where that is forgotten.
    first: Blocks<Link>,
    /// By index: the entries of other terms. Almost always none.
    others: BTreeMap<u64, Vec<Link>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Link {
    entry: LogEntry,
    previous_term: u64,
}

/// Which of several entries at one index was seen first makes no difference.
impl Hash for LogMatching {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        for (index, first) in (1u64..).zip(self.first.iter()) {
            let others = self.others.get(&index).into_iter().flatten();
            unordered(others.chain([first])).hash(hasher);
        }
    }
}

impl LogMatching {
    /// `node`'s log has `entry` at `index`, right after an entry of `previous_term`. Returns whether no log had it before.
    ///
    /// # Errors
    /// Where some log had another entry of that term there, or another term before it.
    pub fn appended(
        &mut self,
        node: NodeId,
        index: u64,
        entry: LogEntry,
        previous_term: u64,
    ) -> Result<bool, Box<Violation>> {
        let link = Link { entry, previous_term };
        match self.first.get((index - 1) as usize) {
            Some(first) if *first == link => return Ok(false),
            Some(_) => {}
            None => {
                debug_assert_eq!(index - 1, self.first.len() as u64, "logs have no holes");
                self.first.push(link);
                return Ok(true);
            }
        }
        match self.of_term(index, entry.term) {
            None => {
                self.others.entry(index).or_default().push(link);
                Ok(true)
            }
            Some(known) if known == link => Ok(false),
            Some(known) if known.entry != entry => Err(Violation::found(NAME, move || {
                format!("{node} has an entry of term {} at {index} that differs from another log's", entry.term)
            })),
            Some(known) => Err(Violation::found(NAME, move || {
                format!(
                    "{node} has the entry of term {} at {index} after one of term {previous_term}, another log \
                         after one of term {}",
                    entry.term, known.previous_term
                )
            })),
        }
    }

    /// The entry of `term` at `index` was in one memory alone, and is gone with it.
    pub fn forget(&mut self, index: u64, term: u64) {
        let others = self.others.entry(index).or_default();
        let place = (index - 1) as usize;
        let is_last = self.first.len() == place + 1;
        if let Some(first) = self.first.get_mut(place).filter(|first| first.entry.term == term) {
            match others.pop() {
                Some(other) => *first = other,
                None if is_last => self.first.truncate(place),
                None => *first = Link { entry: LogEntry { term: 0, digest: LogEntry::NO_COMMAND }, previous_term: 0 },
            }
        } else {
            others.retain(|other| other.entry.term != term);
        }
        if others.is_empty() {
            self.others.remove(&index);
        }
    }

    /// The entry of `term` that was seen at `index`.
    fn of_term(&self, index: u64, term: u64) -> Option<Link> {
        let first = self.first.get((index - 1) as usize);
        let others = self.others.get(&index).into_iter().flatten();
        first.into_iter().chain(others).find(|known| known.entry.term == term).copied()
    }

    /// Whether every log whose entry at `last_index` is of `last_term` holds an entry of `term` at `index`.
    pub(super) fn holds(&self, (mut last_index, mut last_term): (u64, u64), (index, term): (u64, u64)) -> bool {
        if last_index < index {
            return false;
        }
        while last_index > index {
            let Some(link) = self.of_term(last_index, last_term) else { return false };
            last_term = link.previous_term;
            last_index -= 1;
        }
        last_term == term
    }
}

/// `node` shows `shown` at `index`, where all that it said of its log adds up to `entry`.
///
/// # Errors
/// Where these differ: a log that changes without a word is matched by nobody.
pub fn unchanged(node: NodeId, index: u64, entry: LogEntry, shown: Option<LogEntry>) -> Result<(), Box<Violation>> {
    if shown == Some(entry) {
        return Ok(());
    }
    Err(Violation::found(NAME, move || format!("{node}'s entry {index} has changed without a word")))
}

/// The entry that `node` shows at `index` of its log, which ends at `last`.
///
/// # Errors
/// Where there is none.
#[inline]
pub fn present(node: NodeId, index: u64, last: u64, shown: Option<LogEntry>) -> Result<LogEntry, Box<Violation>> {
    shown.ok_or_else(|| {
        Violation::found(NAME, move || format!("{node} has a log that ends at {last} and no entry at {index}"))
    })
}
