//! Nobody gives its vote to a candidate whose log is older than its own (§5.4.1), nor says that it would (dissertation §9.6).
//!
//! Judged vote by vote, from what the candidate said of its log: long before somebody is elected who lacks what is committed. Of
//! two logs the later one is that with the later last term, and with equal terms the longer one.

use crate::failure::Violation;
use crate::node::NodeId;
use crate::subject::Candidacy;

const NAME: &str = "election_restriction";

/// `voter`, whose log ends at `own` (term and index of the last entry), gives `candidate` its vote.
///
/// # Errors
/// Where the candidate's log is older.
pub fn votes(voter: NodeId, candidate: NodeId, asked: Candidacy, own: (u64, u64)) -> Result<(), Box<Violation>> {
    judge(voter, candidate, asked, own, "gives it its vote")
}

/// As [`votes`], where it says that it would.
///
/// # Errors
/// Where the candidate's log is older.
pub fn would_vote(voter: NodeId, candidate: NodeId, asked: Candidacy, own: (u64, u64)) -> Result<(), Box<Violation>> {
    judge(voter, candidate, asked, own, "says that it would vote for it")
}

fn judge(
    voter: NodeId,
    candidate: NodeId,
    Candidacy { term, last }: Candidacy,
    own: (u64, u64),
    what: &str,
) -> Result<(), Box<Violation>> {
    if last >= own {
        return Ok(());
    }
    Err(Violation::new(
        NAME,
        format!(
            "the log of {candidate}, which campaigns in term {term}, ends at {} of term {}, and {voter}, whose own ends at {} of \
             term {}, {what}",
            last.1, last.0, own.1, own.0
        ),
    ))
}
