//! What messages say, for the checkers to hold those to it who sent them or heard them.

use crate::node::NodeId;

/// What a message holds its sender to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// What the sender will remember, whatever happens to it.
    Promises(Promise),
    /// The sender would vote for `candidate` in `term`. That binds nobody, but says that nobody leads as far as the sender
    /// knows, as a vote does.
    WouldVote {
        /// The term that there would be an election in.
        term: u64,
        /// Who asked.
        candidate: NodeId,
    },
    /// The sender, which leads `term`, asks `to` to campaign at once: `to` has acknowledged all that the sender's log holds, unless
    /// the sender was removed.
    HandsOver {
        /// The sender's term.
        term: u64,
        /// Who is to take its place.
        to: NodeId,
    },
}

/// What a server may not forget once it has said it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Promise {
    /// The sender's vote in `term` is `candidate`'s.
    Vote {
        /// The term of the election.
        term: u64,
        /// Who got the vote.
        candidate: NodeId,
    },
    /// The sender's log holds what the leader of `term` has up to `index`.
    Log {
        /// The leader's term, which the sender will not forget either.
        term: u64,
        /// The last index promised.
        index: u64,
    },
}

impl From<Promise> for Claim {
    fn from(promise: Promise) -> Self {
        Self::Promises(promise)
    }
}

/// How long a node is silent towards candidates.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Silence {
    /// After it has heard from a leader, on its own clock.
    pub for_ns: u64,
    /// Whether that outlives a restart, as it must where leases rest on it.
    pub outlives_restart: bool,
}

/// What a message tells a voter of who leads, or would.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OfLeader {
    /// It is from who leads this term.
    Leads(u64),
    /// It asks for a vote, on behalf of a leader that hands over.
    HandsOver(Candidacy),
    /// It asks for a vote, since its sender holds nobody to lead.
    Campaigns(Candidacy),
    /// It asks whether its sender would get a vote.
    WouldCampaign(Candidacy),
}

/// What a candidate says of itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidacy {
    /// The term that it wants to lead.
    pub term: u64,
    /// The term and the index of the last entry of its log.
    pub last: (u64, u64),
}
