//! Majorities (§5.2, §5.3), free of everything else.

use crate::ids::LogIndex;

/// The least number of `voters` that is a majority: any two majorities share a voter.
pub(crate) fn majority(voters: usize) -> usize {
    voters / 2 + 1
}

/// Where an election stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum VoteResult {
    Won,
    Lost,
    Pending,
}

/// The result of an election among `voters`, of whom `granted` said yes and `refused` said no.
pub(crate) fn vote_result(voters: usize, granted: usize, refused: usize) -> VoteResult {
    if granted >= majority(voters) {
        VoteResult::Won
    } else if voters - refused < majority(voters) {
        VoteResult::Lost
    } else {
        VoteResult::Pending
    }
}

/// The highest index that a majority holds, given what each voter holds. Sorts `held`.
pub(crate) fn held_by_majority(held: &mut [LogIndex]) -> LogIndex {
    held.sort_unstable_by(|a, b| b.cmp(a));
    held[majority(held.len()) - 1]
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

    #[test]
    fn an_election_is_won_lost_or_pending() {
        assert_eq!(vote_result(5, 3, 0), VoteResult::Won);
        assert_eq!(vote_result(5, 2, 2), VoteResult::Pending);
        assert_eq!(vote_result(5, 2, 3), VoteResult::Lost);
        assert_eq!(vote_result(4, 2, 2), VoteResult::Lost);
        assert_eq!(vote_result(1, 1, 0), VoteResult::Won);
    }

    #[test]
    fn held_by_majority_agrees_with_counting() {
        // Every assignment of 0..=3 to up to 5 voters, against the definition.
        for voters in 1..=5u32 {
            for code in 0..4u64.pow(voters) {
                let mut held: alloc::vec::Vec<LogIndex> =
                    (0..voters).map(|voter| LogIndex(code / 4u64.pow(voter) % 4)).collect();
                let counted = (0..=3)
                    .rev()
                    .map(LogIndex)
                    .find(|index| 2 * held.iter().filter(|h| *h >= index).count() > voters as usize);
                assert_eq!(Some(held_by_majority(&mut held)), counted);
            }
        }
    }
}
