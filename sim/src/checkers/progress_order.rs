//! What a leader knows of a follower is never taken back: within a term `match_index` does not fall, and it stays
//! below `next_index` (Figure 2).

use crate::failure::Violation;
use crate::node::{MAX_NODES, NodeId};

const NAME: &str = "progress_order";

/// Remembers one leader's view of its followers.
#[derive(Clone, Debug, Default)]
pub struct ProgressOrder {
    term: u64,
    match_index: [u64; MAX_NODES],
}

impl ProgressOrder {
    /// `leader`, in `term`, holds `follower` to match up to `match_index` and sends it `next_index` next.
    ///
    /// # Errors
    /// Where the match fell, or what matches would be sent again.
    pub fn observed(
        &mut self,
        leader: NodeId,
        term: u64,
        follower: NodeId,
        match_index: u64,
        next_index: u64,
    ) -> Result<(), Box<Violation>> {
        if self.term != term {
            *self = Self { term, ..Self::default() };
        }
        let known = &mut self.match_index[follower.index()];
        if match_index < *known {
            return Err(Violation::new(
                NAME,
                format!("{leader} takes {follower}'s match index back from {known} to {match_index} in term {term}"),
            ));
        }
        *known = match_index;
        if match_index >= next_index {
            return Err(Violation::new(
                NAME,
                format!("{leader} would send {follower} entry {next_index}, which matches up to {match_index}"),
            ));
        }
        Ok(())
    }
}
