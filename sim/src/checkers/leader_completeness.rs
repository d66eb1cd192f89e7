//! Leader Completeness (Figure 3): if an entry is committed in a given term, then it is present in the logs of
//! the leaders of all higher-numbered terms.
//!
//! One entry is looked at for all: with Log Matching, a log that has the last of the committed entries has them all.

use std::collections::BTreeMap;

use super::log_matching::LogMatching;
use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::LogEntry;

const NAME: &str = "leader_completeness";

/// Remembers how far each term committed, and where each leader's log ended when it was elected.
#[derive(Clone, Hash, Debug, Default)]
pub struct LeaderCompleteness {
    /// term -> the last index committed in it or in an earlier one.
    committed: BTreeMap<u64, u64>,
    /// term -> its leader, and the index and term at which that leader's log ended.
    leaders: BTreeMap<u64, (NodeId, (u64, u64))>,
    latest_leader: u64,
}

impl LeaderCompleteness {
    /// `node` was elected in `term` with `log`; `committed` is the committed log.
    ///
    /// # Errors
    /// Where the log lacks an entry that was committed in an earlier term.
    pub fn elected(
        &mut self,
        node: NodeId,
        term: u64,
        log: &[LogEntry],
        committed: &[LogEntry],
    ) -> Result<(), Box<Violation>> {
        let end = (log.len() as u64, log.last().map_or(0, |entry| entry.term));
        self.leaders.insert(term, (node, end));
        self.latest_leader = self.latest_leader.max(term);
        let Some((&earlier, &index)) = self.committed.range(..term).next_back() else { return Ok(()) };
        let place = (index - 1) as usize;
        if log.get(place) == committed.get(place) {
            return Ok(());
        }
        Err(Violation::new(
            NAME,
            format!("{node} leads term {term} without entry {index}, which was committed in term {earlier}"),
        ))
    }

    /// `entry` at `index` was committed in `term`.
    ///
    /// # Errors
    /// Where a leader of a later term, elected before this became known, lacks it.
    pub fn committed(
        &mut self,
        term: u64,
        index: u64,
        entry: LogEntry,
        logs: &LogMatching,
    ) -> Result<(), Box<Violation>> {
        // Nearly always more of the latest term is committed, and nobody leads a later one.
        if let Some(mut latest) = self.committed.last_entry()
            && *latest.key() == term
            && self.latest_leader <= term
        {
            let known = latest.get_mut();
            *known = index.max(*known);
            return Ok(());
        }
        let before = self.committed.range(..=term).next_back().map_or(0, |(_, index)| *index);
        self.committed.insert(term, index.max(before));
        for known in self.committed.range_mut(term..).map(|(_, known)| known) {
            *known = (*known).max(index);
        }
        for (&later, &(node, end)) in self.leaders.range(term + 1..) {
            if !logs.holds(end, (index, entry.term)) {
                return Err(Violation::new(
                    NAME,
                    format!("entry {index} was committed in term {term}, and {node} leads term {later} without it"),
                ));
            }
        }
        Ok(())
    }
}
