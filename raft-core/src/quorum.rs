//! Quorums (§5.2, §5.3; joint ones: dissertation §4.3), free of everything else.

use alloc::vec::Vec;

use crate::ids::NodeId;
use crate::membership::{Half, Membership};

/// The least number of `voters` that is a majority: any two majorities share a voter.
pub(crate) fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// Who votes for a candidate. Each node counts once, however often its reply arrives.
///
/// Refusals are not counted: an election that cannot be won any more ends with the timeout like a split one (§5.2), and the
/// winner is on its way.
#[derive(Clone, Hash, Debug, Default)]
pub(crate) struct Tally {
    granted: Vec<NodeId>,
}

impl Tally {
    pub(crate) fn count(&mut self, voter: NodeId) {
        if !self.granted.contains(&voter) {
            self.granted.push(voter);
        }
    }

    pub(crate) fn has_granted(&self, voter: NodeId) -> bool {
        self.granted.contains(&voter)
    }

    /// Whether the election among `membership` is won: a joint one in both halves.
    pub(crate) fn has_won(&self, membership: &Membership) -> bool {
        let in_half = |half| {
            let voters = || membership.members().iter().filter(move |member| member.role.votes_in(half));
            let granted = voters().filter(|member| self.granted.contains(&member.id)).count();
            granted >= majority(voters().count())
        };
        in_half(Half::New) && in_half(Half::Old)
    }
}

/// The highest number that a majority has reached, given where each voter is. Sorts `reached`. 0 where nobody votes.
pub(crate) fn reached_by_majority(reached: &mut [u64]) -> u64 {
    reached.sort_unstable_by(|a, b| b.cmp(a));
    // The majority of nobody is one: there is none.
    reached.get(majority(reached.len()) - 1).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_two_majorities_share_a_voter() {
        for voters in 1..=9 {
            assert!(2 * majority(voters) > voters);
            assert!(2 * (majority(voters) - 1) <= voters, "{voters}: a smaller number would do");
        }
    }

    /// What a joint configuration asks for, word for word: a majority of the old half and one of the new.
    fn wins_by_definition(membership: &Membership, granted: &[NodeId]) -> bool {
        let half = |voters: Vec<NodeId>| {
            let said_yes = voters.iter().filter(|voter| granted.contains(voter)).count();
            2 * said_yes > voters.len()
        };
        let new = half(membership.voters().collect());
        if membership.is_joint() { new && half(membership.outgoing().collect()) } else { new }
    }

    #[test]
    fn an_election_agrees_with_counting_in_every_joint_configuration_of_four() {
        use crate::membership::{Member, MemberRole};
        let roles = [
            None,
            Some(MemberRole::Voter),
            Some(MemberRole::Incoming),
            Some(MemberRole::Outgoing { becomes_learner: false }),
            Some(MemberRole::Learner { is_promoted: false }),
        ];
        for code in 0..5usize.pow(4) {
            let member =
                |place: u32| Some(Member { id: NodeId(u64::from(place)), role: roles[code / 5usize.pow(place) % 5]? });
            let members: Vec<Member> = (0..4).filter_map(member).collect();
            let membership = Membership::try_from(members).expect("each once");
            if membership.voters().next().is_none() || membership.is_joint() && membership.outgoing().next().is_none() {
                continue;
            }
            for granted in 0..16u64 {
                let granted: Vec<NodeId> = (0..4).filter(|bit| granted >> bit & 1 == 1).map(NodeId).collect();
                let mut tally = Tally::default();
                granted.iter().for_each(|voter| tally.count(*voter));
                assert_eq!(
                    tally.has_won(&membership),
                    wins_by_definition(&membership, &granted),
                    "{membership:?} {granted:?}"
                );
            }
        }
    }

    #[test]
    fn reached_by_majority_agrees_with_counting() {
        // Every assignment of 0..=3 to up to 5 voters, against the definition.
        for voters in 1..=5u32 {
            for code in 0..4u64.pow(voters) {
                let mut reached: Vec<u64> = (0..voters).map(|voter| code / 4u64.pow(voter) % 4).collect();
                let counted =
                    (0..=3).rev().find(|number| 2 * reached.iter().filter(|r| *r >= number).count() > voters as usize);
                assert_eq!(Some(reached_by_majority(&mut reached)), counted);
            }
        }
    }
}
