//! Who belongs to the cluster, and how that changes (dissertation, chapter 4).
//!
//! A change of one voter takes effect in one step; of more, through a joint configuration whose two halves must both
//! agree (§4.3). Either way any two configurations that follow each other share a voter in every pair of quorums.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use crate::ids::{LogIndex, NodeId};

/// The members of a cluster and what each of them is.
///
/// The empty membership, [`Membership::default`], is that of a node that waits to be added to a running cluster.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(try_from = "Vec<Member>", into = "Vec<Member>"))]
pub struct Membership {
    // By id, each once.
    members: Vec<Member>,
}

/// One server of the cluster.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Member {
    /// Which.
    pub id: NodeId,
    /// What it is.
    pub role: MemberRole,
}

/// What a member is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MemberRole {
    /// Votes; in a joint configuration, in both halves.
    Voter,
    /// Votes in the new half of a joint configuration only.
    Incoming,
    /// Votes in the old half of a joint configuration only.
    Outgoing {
        /// Whether it stays as a learner when the joint configuration is left.
        becomes_learner: bool,
    },
    /// Gets the log and does not vote (§4.2.1).
    Learner {
        /// Whether the leader makes it a voter once it has caught up.
        is_promoted: bool,
    },
}

/// One part of a change of membership.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum MemberChange {
    /// The node votes from now on: a new member, or a learner promoted at once.
    AddVoter(NodeId),
    /// The node becomes a learner now, and a voter as soon as it has caught up with the leader (§4.2.1).
    AddVoterOnceCaughtUp(NodeId),
    /// The node is a learner: a new member, or a voter demoted.
    AddLearner(NodeId),
    /// The node is a member no more.
    Remove(NodeId),
}

impl MemberChange {
    /// The node it is about.
    #[must_use]
    pub fn node(self) -> NodeId {
        match self {
            Self::AddVoter(id) | Self::AddVoterOnceCaughtUp(id) | Self::AddLearner(id) | Self::Remove(id) => id,
        }
    }
}

/// What is wrong with a membership or a change of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[non_exhaustive]
pub enum MembershipError {
    /// The node is named twice.
    Repeated(NodeId),
    /// The node votes already.
    AlreadyVoter(NodeId),
    /// The node is a learner already.
    AlreadyLearner(NodeId),
    /// The node is no member.
    NotAMember(NodeId),
    /// Nobody would be left to vote.
    NoVoterLeft,
    /// Nothing changes.
    NoChange,
    /// A joint configuration is to be left before anything else changes.
    IsJoint,
}

impl fmt::Display for MembershipError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Repeated(id) => write!(f, "node {id} is named twice"),
            Self::AlreadyVoter(id) => write!(f, "node {id} is a voter already"),
            Self::AlreadyLearner(id) => write!(f, "node {id} is a learner already"),
            Self::NotAMember(id) => write!(f, "node {id} is not a member"),
            Self::NoVoterLeft => write!(f, "no voter would be left"),
            Self::NoChange => write!(f, "nothing changes"),
            Self::IsJoint => write!(f, "the membership is joint: the change before is not complete"),
        }
    }
}

impl core::error::Error for MembershipError {}

impl TryFrom<Vec<Member>> for Membership {
    type Error = MembershipError;

    /// The membership of these members, in any order.
    ///
    /// # Errors
    /// Where a node is named twice.
    fn try_from(mut members: Vec<Member>) -> Result<Self, MembershipError> {
        members.sort_unstable_by_key(|member| member.id);
        match members.windows(2).find(|pair| pair[0].id == pair[1].id) {
            Some(pair) => Err(MembershipError::Repeated(pair[0].id)),
            None => Ok(Self { members }),
        }
    }
}

impl From<Membership> for Vec<Member> {
    fn from(membership: Membership) -> Self {
        membership.members
    }
}

impl Membership {
    /// A membership that is not joint.
    ///
    /// # Errors
    /// Where a node is named twice.
    pub fn new(
        voters: impl IntoIterator<Item = NodeId>,
        learners: impl IntoIterator<Item = NodeId>,
    ) -> Result<Self, MembershipError> {
        let voters = voters.into_iter().map(|id| Member { id, role: MemberRole::Voter });
        let learner = MemberRole::Learner { is_promoted: false };
        let learners = learners.into_iter().map(|id| Member { id, role: learner });
        voters.chain(learners).collect::<Vec<_>>().try_into()
    }

    /// All members, by id.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// What `id` is, if it is a member.
    #[must_use]
    pub fn role_of(&self, id: NodeId) -> Option<MemberRole> {
        let place = self.members.binary_search_by_key(&id, |member| member.id).ok()?;
        Some(self.members[place].role)
    }

    /// Those who vote; in a joint configuration, the new half.
    pub fn voters(&self) -> impl Iterator<Item = NodeId> {
        self.with_role(|role| role.votes_in(Half::New))
    }

    /// The old half of a joint configuration; nobody where it is not joint.
    pub fn outgoing(&self) -> impl Iterator<Item = NodeId> {
        let is_joint = self.is_joint();
        self.with_role(move |role| is_joint && role.votes_in(Half::Old))
    }

    /// Those who get the log and do not vote in any half.
    pub fn learners(&self) -> impl Iterator<Item = NodeId> {
        self.with_role(|role| matches!(role, MemberRole::Learner { .. }))
    }

    fn with_role(&self, is_meant: impl Fn(MemberRole) -> bool) -> impl Iterator<Item = NodeId> {
        self.members.iter().filter(move |member| is_meant(member.role)).map(|member| member.id)
    }

    /// Whether two halves must agree (§4.3).
    #[must_use]
    pub fn is_joint(&self) -> bool {
        self.members.iter().any(|member| matches!(member.role, MemberRole::Incoming | MemberRole::Outgoing { .. }))
    }

    /// Whether `id` votes, in either half.
    #[must_use]
    pub fn is_voter(&self, id: NodeId) -> bool {
        self.role_of(id).is_some_and(|role| role.votes_in(Half::New) || role.votes_in(Half::Old))
    }

    /// Whether `id` is the one voter there is.
    pub(crate) fn is_only_voter(&self, id: NodeId) -> bool {
        !self.is_joint() && self.voters().eq([id])
    }

    /// What follows this membership when `changes` are made: joint where more than one voter comes or goes.
    ///
    /// # Errors
    /// Where a change makes no sense; the error names the node.
    pub fn changed(&self, changes: &[MemberChange]) -> Result<Self, MembershipError> {
        if self.is_joint() {
            return Err(MembershipError::IsJoint);
        }
        let mut next = self.clone();
        for (place, &change) in changes.iter().enumerate() {
            let id = change.node();
            if changes[..place].iter().any(|earlier| earlier.node() == id) {
                return Err(MembershipError::Repeated(id));
            }
            next.change_one(change)?;
        }
        if !next.members.iter().any(|member| member.role.votes_in(Half::New)) {
            return Err(MembershipError::NoVoterLeft);
        }
        let moved = |member: &&Member| matches!(member.role, MemberRole::Incoming | MemberRole::Outgoing { .. });
        if next.members.iter().filter(moved).count() <= 1 {
            next = next.left_joint();
        }
        if next == *self { Err(MembershipError::NoChange) } else { Ok(next) }
    }

    fn change_one(&mut self, change: MemberChange) -> Result<(), MembershipError> {
        use MemberRole::{Incoming, Learner, Outgoing, Voter};
        let id = change.node();
        let next = match (change, self.role_of(id)) {
            (MemberChange::AddVoter(_) | MemberChange::AddVoterOnceCaughtUp(_), Some(Voter)) => {
                return Err(MembershipError::AlreadyVoter(id));
            }
            (MemberChange::AddVoter(_), _) => Incoming,
            (MemberChange::AddVoterOnceCaughtUp(_), Some(Learner { is_promoted: true }))
            | (MemberChange::AddLearner(_), Some(Learner { is_promoted: false })) => {
                return Err(MembershipError::AlreadyLearner(id));
            }
            (MemberChange::AddVoterOnceCaughtUp(_), _) => Learner { is_promoted: true },
            (MemberChange::AddLearner(_), Some(Voter)) => Outgoing { becomes_learner: true },
            (MemberChange::AddLearner(_), _) => Learner { is_promoted: false },
            (MemberChange::Remove(_), Some(Voter)) => Outgoing { becomes_learner: false },
            (MemberChange::Remove(_), Some(_)) => {
                self.members.retain(|member| member.id != id);
                return Ok(());
            }
            (MemberChange::Remove(_), None) => return Err(MembershipError::NotAMember(id)),
        };
        match self.members.binary_search_by_key(&id, |member| member.id) {
            Ok(place) => self.members[place].role = next,
            Err(place) => self.members.insert(place, Member { id, role: next }),
        }
        Ok(())
    }

    /// What follows a joint configuration: its new half alone.
    pub(crate) fn left_joint(&self) -> Self {
        let role_after = |role| match role {
            MemberRole::Voter | MemberRole::Incoming => Some(MemberRole::Voter),
            MemberRole::Outgoing { becomes_learner: true } => Some(MemberRole::Learner { is_promoted: false }),
            MemberRole::Outgoing { becomes_learner: false } => None,
            MemberRole::Learner { is_promoted } => Some(MemberRole::Learner { is_promoted }),
        };
        let after = |member: &Member| role_after(member.role).map(|role| Member { role, ..*member });
        Self { members: self.members.iter().filter_map(after).collect() }
    }
}

/// The halves of a joint configuration. One that is not joint is its own new and old half.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Half {
    New,
    Old,
}

impl MemberRole {
    pub(crate) fn votes_in(self, half: Half) -> bool {
        match self {
            Self::Voter => true,
            Self::Incoming => half == Half::New,
            Self::Outgoing { .. } => half == Half::Old,
            Self::Learner { .. } => false,
        }
    }
}

/// The memberships that the log holds: a server uses the latest in its log, committed or not (§4.1).
#[derive(Clone, Hash, Debug)]
pub(crate) struct Memberships {
    /// By index; the first stands for everything up to it, and is never truncated.
    known: Vec<(LogIndex, Arc<Membership>)>,
}

impl Memberships {
    /// `first` holds from `index` on.
    pub(crate) fn new(index: LogIndex, first: Arc<Membership>) -> Self {
        Self { known: alloc::vec![(index, first)] }
    }

    /// The latest membership and the index of its entry.
    pub(crate) fn latest(&self) -> (LogIndex, &Arc<Membership>) {
        let (index, membership) = &self.known[self.known.len() - 1];
        (*index, membership)
    }

    /// The membership that held at `index`.
    pub(crate) fn at(&self, index: LogIndex) -> &Arc<Membership> {
        let after = self.known.partition_point(|(from, _)| *from <= index);
        &self.known[after.saturating_sub(1)].1
    }

    /// Those that may yet turn out to be the last one, where the log is committed up to `committed`: the one that holds
    /// there, and all after it.
    pub(crate) fn open_since(&self, committed: LogIndex) -> impl Iterator<Item = &Membership> {
        let after = self.known.partition_point(|(from, _)| *from <= committed);
        self.known[after.saturating_sub(1)..].iter().map(|(_, membership)| &**membership)
    }

    pub(crate) fn push(&mut self, index: LogIndex, membership: Arc<Membership>) {
        self.known.push((index, membership));
    }

    /// The log was cut at `first`: what stood there and after never held.
    pub(crate) fn truncate_from(&mut self, first: LogIndex) {
        let kept = self.known.partition_point(|(index, _)| *index < first).max(1);
        self.known.truncate(kept);
    }

    /// Nothing before `index` can be rolled back any more, and nobody will ask for it.
    pub(crate) fn forget_before(&mut self, index: LogIndex) {
        let after = self.known.partition_point(|(from, _)| *from <= index);
        self.known.drain(..after.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn members(voters: &[u64], learners: &[u64]) -> Membership {
        let ids = |ids: &[u64]| ids.iter().copied().map(NodeId).collect::<Vec<_>>();
        Membership::new(ids(voters), ids(learners)).expect("each once")
    }

    fn ids(of: impl Iterator<Item = NodeId>) -> Vec<u64> {
        of.map(|id| id.0).collect()
    }

    #[test]
    fn one_voter_more_or_less_needs_no_joint_configuration() {
        let three = members(&[1, 2, 3], &[4]);
        for (change, after) in [
            (MemberChange::AddVoter(NodeId(5)), members(&[1, 2, 3, 5], &[4])),
            (MemberChange::AddVoter(NodeId(4)), members(&[1, 2, 3, 4], &[])),
            (MemberChange::Remove(NodeId(2)), members(&[1, 3], &[4])),
            (MemberChange::AddLearner(NodeId(2)), members(&[1, 3], &[2, 4])),
            (MemberChange::Remove(NodeId(4)), members(&[1, 2, 3], &[])),
        ] {
            assert_eq!(three.changed(&[change]), Ok(after), "{change:?}");
        }
    }

    #[test]
    fn a_simple_change_is_what_its_joint_form_ends_in() {
        let three = members(&[1, 2, 3], &[4]);
        let (add, remove) = (MemberChange::AddVoter(NodeId(5)), MemberChange::Remove(NodeId(2)));
        let joint = three.changed(&[add, remove]).expect("a change that makes sense");
        assert!(joint.is_joint());
        let one_by_one = three.changed(&[add]).and_then(|next| next.changed(&[remove])).expect("two changes");
        assert_eq!(joint.left_joint(), one_by_one);
    }

    #[test]
    fn a_joint_configuration_has_the_old_voters_and_the_new() {
        let changes =
            [MemberChange::Remove(NodeId(1)), MemberChange::AddLearner(NodeId(2)), MemberChange::AddVoter(NodeId(4))];
        let joint = members(&[1, 2, 3], &[4, 5]).changed(&changes).expect("a change that makes sense");
        assert_eq!(
            (ids(joint.voters()), ids(joint.outgoing()), ids(joint.learners())),
            (vec![3, 4], vec![1, 2, 3], vec![5])
        );
        let after = joint.left_joint();
        assert_eq!(
            (ids(after.voters()), ids(after.outgoing()), ids(after.learners())),
            (vec![3, 4], vec![], vec![2, 5])
        );
        assert_eq!(joint.changed(&[MemberChange::Remove(NodeId(3))]), Err(MembershipError::IsJoint));
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        use MemberChange::{AddLearner, AddVoter, AddVoterOnceCaughtUp, Remove};
        let n = NodeId;
        for (changes, error) in [
            (vec![AddVoter(n(1))], MembershipError::AlreadyVoter(n(1))),
            (vec![AddVoterOnceCaughtUp(n(1))], MembershipError::AlreadyVoter(n(1))),
            (vec![AddLearner(n(3))], MembershipError::AlreadyLearner(n(3))),
            (vec![Remove(n(9))], MembershipError::NotAMember(n(9))),
            (vec![Remove(n(1)), AddVoter(n(1))], MembershipError::Repeated(n(1))),
            (vec![Remove(n(1)), Remove(n(2))], MembershipError::NoVoterLeft),
            (vec![], MembershipError::NoChange),
        ] {
            assert_eq!(members(&[1, 2], &[3]).changed(&changes), Err(error), "{changes:?}");
        }
        assert_eq!(Membership::new([n(1), n(2)], [n(1)]), Err(MembershipError::Repeated(n(1))));
    }

    #[test]
    fn configurations_are_taken_back_any_number_deep() {
        let at = |voters: &[u64]| Arc::new(members(voters, &[]));
        let mut known = Memberships::new(LogIndex(0), at(&[1]));
        for (index, voters) in [(3, vec![1, 2]), (5, vec![1, 2, 3]), (9, vec![2, 3])] {
            known.push(LogIndex(index), at(&voters));
        }
        assert_eq!(
            (known.at(LogIndex(2)), known.at(LogIndex(5)), known.at(LogIndex(8))),
            (&at(&[1]), &at(&[1, 2, 3]), &at(&[1, 2, 3]))
        );
        known.truncate_from(LogIndex(5));
        assert_eq!(known.latest(), (LogIndex(3), &at(&[1, 2])));
        known.truncate_from(LogIndex(1));
        assert_eq!(known.latest(), (LogIndex(0), &at(&[1])));
    }

    #[test]
    fn what_a_snapshot_holds_cannot_be_taken_back() {
        let at = |voters: &[u64]| Arc::new(members(voters, &[]));
        let mut known = Memberships::new(LogIndex(0), at(&[1]));
        known.push(LogIndex(3), at(&[1, 2]));
        known.push(LogIndex(7), at(&[1, 2, 3]));
        known.forget_before(LogIndex(6));
        assert_eq!(known.at(LogIndex(6)), &at(&[1, 2]));
        known.truncate_from(LogIndex(4));
        assert_eq!(known.latest(), (LogIndex(3), &at(&[1, 2])));
        known.truncate_from(LogIndex(1));
        assert_eq!(known.latest(), (LogIndex(3), &at(&[1, 2])));
    }
}
