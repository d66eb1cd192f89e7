//! State Machine Safety (Figure 3): if a server has applied a log entry at a given index to its state machine, no
//! other server will ever apply a different log entry for the same index.
//!
//! Held already for what a server believes to be committed, since it may apply that at any time.

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::LogEntry;

const NAME: &str = "state_machine_safety";

/// Remembers the one committed log.
#[derive(Clone, Hash, Debug, Default)]
pub struct StateMachineSafety {
    committed: Vec<LogEntry>,
    commands: u64,
}

impl StateMachineSafety {
    /// `node` believes that `entry` is committed at `index`. Returns whether nobody has before.
    ///
    /// # Errors
    /// Where another node has believed so of another entry.
    pub fn committed(&mut self, node: NodeId, index: u64, entry: LogEntry) -> Result<bool, Box<Violation>> {
        let place = (index - 1) as usize;
        match self.committed.get(place) {
            Some(known) if *known == entry => Ok(false),
            Some(known) => Err(Violation::found(NAME, move || {
                format!(
                    "{node} holds entry {index} of term {} for committed, where another of term {} was",
                    entry.term, known.term
                )
            })),
            None => {
                debug_assert_eq!(place, self.committed.len(), "nodes commit in order");
                self.committed.push(entry);
                self.commands += u64::from(entry.digest != LogEntry::NO_COMMAND);
                Ok(true)
            }
        }
    }

    /// `node`, which held everything up to `committed` for committed, has a log that ends at `last` now.
    ///
    /// # Errors
    /// Where some of that is gone.
    pub fn kept(node: NodeId, committed: u64, last: u64) -> Result<(), Box<Violation>> {
        if committed <= last {
            return Ok(());
        }
        Err(Violation::found(NAME, move || {
            format!("{node} drops entries that it held for committed, from {} on", last + 1)
        }))
    }

    /// How many of `entries`, which follow the first `before` ones of a log, are the committed ones that are known: all that
    /// can be said of them has been.
    #[must_use]
    pub fn known(&self, before: u64, entries: &[LogEntry]) -> usize {
        let known = self.committed.get(before as usize..).unwrap_or_default();
        known.iter().zip(entries).take_while(|(known, entry)| known == entry).count()
    }

    /// `node` shows these indexes.
    ///
    /// # Errors
    /// Where `applied <= committed <= last` does not hold.
    pub fn indexes(node: NodeId, applied: u64, committed: u64, last: u64) -> Result<(), Box<Violation>> {
        if applied <= committed && committed <= last {
            return Ok(());
        }
        Err(Violation::found(NAME, move || {
            format!("{node} has applied {applied}, committed {committed}, and a log that ends at {last}")
        }))
    }

    /// The committed log, from index 1.
    #[must_use]
    pub fn log(&self) -> &[LogEntry] {
        &self.committed
    }

    /// How many of the committed entries are clients' commands.
    #[must_use]
    pub fn commands(&self) -> u64 {
        self.commands
    }
}
