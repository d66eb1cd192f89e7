//! What a server looks like from outside.

use raft_core::{MemberRole, RoleName};
use rand_chacha::rand_core::Rng;
use serde::Serialize;

use super::book::Book;
use crate::replica::Replica;
use crate::storage::Files;

/// A server at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// Its id.
    pub id: u64,
    /// Its role.
    pub role: &'static str,
    /// The latest term it has seen.
    pub term: u64,
    /// The leader of that, where known.
    pub leader: Option<u64>,
    /// What is compacted into a snapshot.
    pub compacted: u64,
    /// The last entry applied.
    pub applied: u64,
    /// The highest index known to be committed.
    pub committed: u64,
    /// The last entry on its own disk.
    pub durable: u64,
    /// The last entry of its log.
    pub last: u64,
    /// How many keys there are.
    pub keys: u64,
    /// How many sessions are open.
    pub sessions: u64,
    /// All that was applied in one number: equal on servers that applied the same.
    pub history: String,
    /// The members of the cluster, as its log has it.
    pub members: Vec<MemberStatus>,
    /// What a leader knows of its followers.
    pub followers: Vec<FollowerStatus>,
}

/// A member.
#[derive(Clone, Debug, Serialize)]
pub struct MemberStatus {
    /// Its id.
    pub id: u64,
    /// What it is.
    pub role: &'static str,
    /// Where its peers reach it.
    pub address: Option<String>,
}

/// A follower, as its leader sees it.
#[derive(Clone, Debug, Serialize)]
pub struct FollowerStatus {
    /// Its id.
    pub id: u64,
    /// The last entry known to be durable there.
    pub match_index: u64,
    /// How it is brought up to date.
    pub flow: String,
}

impl Status {
    /// What `replica` looks like now, and where its members are, as far as `book` knows.
    pub(super) fn of<F: Files, R: Rng>(replica: &Replica<F, R>, book: &Book) -> Self {
        let status = replica.raft().status();
        let machine = replica.machine();
        let role = |role| match role {
            MemberRole::Voter => "voter",
            MemberRole::Incoming => "incoming voter",
            MemberRole::Outgoing { .. } => "outgoing voter",
            MemberRole::Learner { is_promoted: false } => "learner",
            MemberRole::Learner { is_promoted: true } => "learner, to be promoted",
        };
        let address = |id| book.get(id).map(|addresses| addresses.peers);
        Self {
            id: replica.raft().id().0,
            role: role_name(status.role),
            term: status.term.0,
            leader: status.leader.map(|id| id.0),
            compacted: status.compacted.0,
            applied: status.applied.0,
            committed: status.committed.0,
            durable: status.durable.0,
            last: status.last.0,
            keys: machine.len() as u64,
            sessions: machine.open_sessions() as u64,
            history: format!("{:016x}", machine.history()),
            members: (status.membership.members().iter())
                .map(|member| MemberStatus { id: member.id.0, role: role(member.role), address: address(member.id) })
                .collect(),
            followers: (status.followers.iter())
                .map(|follower| FollowerStatus {
                    id: follower.id.0,
                    match_index: follower.match_index.0,
                    flow: format!("{:?}", follower.flow),
                })
                .collect(),
        }
    }
}

pub(super) fn role_name(role: RoleName) -> &'static str {
    match role {
        RoleName::Follower => "follower",
        RoleName::PreCandidate => "pre-candidate",
        RoleName::Candidate => "candidate",
        RoleName::Leader => "leader",
    }
}
