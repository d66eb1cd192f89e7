//! Election Safety: one leader a term, ever, with the durable votes of a majority.

use sim::checkers::election_safety::ElectionSafety;
use sim::{Membership, NodeId, Violation};

use crate::configurations::{joint, voters, with_learners};
use crate::verdicts::{N1, N2, N3, N4, N5, assert_rejected};

const NAME: &str = "election_safety";

/// A cluster and the elections it has seen so far.
#[derive(Debug)]
struct Elections {
    checker: ElectionSafety,
    membership: Membership,
}

fn cluster_of(nodes: u8) -> Elections {
    Elections { checker: ElectionSafety::default(), membership: Membership::of_all(nodes) }
}

impl Elections {
    /// From now on those who lead go by this configuration.
    fn under(mut self, membership: Membership) -> Self {
        self.membership = membership;
        self
    }

    fn votes(mut self, term: u64, candidate: NodeId, voters: &[NodeId]) -> Self {
        for voter in voters {
            self.checker.vote_durable(*voter, term, candidate);
        }
        self
    }

    fn leads(mut self, node: NodeId, term: u64) -> Result<Self, Box<Violation>> {
        self.checker.leader(node, term, self.membership)?;
        Ok(self)
    }

    /// The node gets the votes and leads.
    fn elects(self, node: NodeId, term: u64, voters: &[NodeId]) -> Self {
        self.votes(term, node, voters).leads(node, term).expect("a lawful election")
    }
}

#[test]
fn a_second_leader_of_a_term_is_rejected_even_after_the_first_is_gone() {
    let history = cluster_of(3).elects(N1, 4, &[N1, N2]).elects(N2, 5, &[N2, N3]);
    assert_rejected(history.votes(4, N3, &[N2, N3]).leads(N3, 4), NAME, &["two leaders", "term 4", "n1 and n3"]);
}

#[test]
fn a_second_leader_of_a_term_is_rejected_whatever_votes_it_has() {
    let history = cluster_of(3).elects(N1, 4, &[N1, N2]);
    assert_rejected(history.votes(4, N2, &[N1, N2, N3]).leads(N2, 4), NAME, &["two leaders", "term 4", "n1 and n2"]);
}

#[test]
fn the_first_leader_of_a_term_stays_its_leader_after_a_second_was_rejected() {
    let mut history = cluster_of(3).elects(N1, 4, &[N1, N2]).votes(4, N3, &[N3]);
    assert!(history.checker.leader(N3, 4, Membership::of_all(3)).is_err());
    assert!(history.checker.leader(N1, 4, Membership::of_all(3)).is_ok());
}

#[test]
fn a_leader_nobody_voted_for_is_rejected() {
    assert_rejected(cluster_of(3).leads(N1, 2), NAME, &["n1", "term 2", "{}", "no majority"]);
}

#[test]
fn a_leader_with_its_own_vote_alone_is_rejected() {
    assert_rejected(cluster_of(3).votes(2, N1, &[N1]).leads(N1, 2), NAME, &["n1", "term 2", "{n1}"]);
}

#[test]
fn half_of_an_even_cluster_is_no_majority_for_a_leader() {
    assert_rejected(cluster_of(4).votes(2, N1, &[N1, N3]).leads(N1, 2), NAME, &["n1", "term 2", "{n1 n3}"]);
}

#[test]
fn one_of_two_is_no_majority_for_a_leader() {
    assert_rejected(cluster_of(2).votes(1, N2, &[N2]).leads(N2, 1), NAME, &["n2", "term 1", "{n2}"]);
}

#[test]
fn one_voter_that_votes_thrice_is_one_vote() {
    assert_rejected(cluster_of(3).votes(2, N1, &[N2, N2, N2]).leads(N1, 2), NAME, &["n1", "term 2", "{n2}"]);
}

#[test]
fn votes_of_an_earlier_term_elect_nobody() {
    let history = cluster_of(3).votes(2, N1, &[N1, N2, N3]);
    assert_rejected(history.leads(N1, 3), NAME, &["n1", "term 3", "{}"]);
}

#[test]
fn votes_of_a_later_term_elect_nobody() {
    let history = cluster_of(3).votes(4, N1, &[N1, N2, N3]);
    assert_rejected(history.leads(N1, 3), NAME, &["n1", "term 3", "{}"]);
}

#[test]
fn votes_for_another_candidate_elect_nobody() {
    let history = cluster_of(3).votes(2, N1, &[N1]).votes(2, N2, &[N2, N3]);
    assert_rejected(history.leads(N1, 2), NAME, &["n1", "term 2", "{n1}"]);
}

#[test]
fn a_vote_that_has_moved_on_the_disk_is_not_counted_for_the_first_candidate() {
    let history = cluster_of(3).votes(4, N1, &[N1, N3]).votes(4, N2, &[N3]);
    assert_rejected(history.leads(N1, 4), NAME, &["n1", "term 4", "{n1}", "no majority"]);
}

#[test]
fn votes_of_two_terms_do_not_add_up() {
    let history = cluster_of(5).votes(2, N1, &[N1, N2]).votes(3, N1, &[N1, N3]);
    assert_rejected(history.leads(N1, 3), NAME, &["n1", "term 3", "{n1 n3}"]);
}

#[test]
fn a_vote_that_is_durable_only_after_the_election_is_too_late() {
    let mut history = cluster_of(3).votes(2, N1, &[N1]);
    assert_rejected(history.checker.leader(N1, 2, Membership::of_all(3)), NAME, &["{n1}"]);
    assert!(history.votes(2, N1, &[N3]).leads(N1, 2).is_ok());
}

#[test]
fn a_vote_may_be_written_to_the_disk_again() {
    assert!(cluster_of(3).votes(4, N1, &[N1, N3, N3]).leads(N1, 4).is_ok());
}

#[test]
fn a_vote_of_a_later_term_takes_none_away() {
    assert!(cluster_of(3).votes(4, N1, &[N1, N3]).votes(5, N2, &[N2, N3]).leads(N1, 4).is_ok());
}

#[test]
fn a_deposed_leader_may_still_be_there_while_another_leads_a_later_term() {
    let history = cluster_of(3).elects(N1, 2, &[N1, N2]).elects(N2, 3, &[N2, N3]);
    assert!(history.leads(N1, 2).is_ok());
}

#[test]
fn a_leader_may_be_elected_late_in_an_old_term() {
    let history = cluster_of(5).votes(2, N1, &[N1, N2, N3]).elects(N4, 3, &[N3, N4, N5]);
    assert!(history.leads(N1, 2).is_ok());
}

#[test]
fn one_node_may_lead_many_terms() {
    let history = cluster_of(3).elects(N1, 2, &[N1, N2]).elects(N1, 5, &[N1, N3]);
    assert_eq!(history.checker.elections(), 2);
}

#[test]
fn a_term_may_have_no_leader() {
    // A split vote: no election is seen, and the next term decides.
    let history = cluster_of(4).votes(1, N1, &[N1, N2]).votes(1, N3, &[N3, N4]).elects(N3, 2, &[N2, N3, N4]);
    assert_eq!(history.checker.elections(), 1);
}

#[test]
fn losing_votes_do_not_spoil_an_election() {
    let history = cluster_of(5).votes(2, N5, &[N4, N5]).votes(2, N1, &[N1, N2, N3]);
    assert!(history.leads(N1, 2).is_ok());
}

#[test]
fn more_than_half_of_an_even_cluster_is_a_majority() {
    assert!(cluster_of(4).votes(2, N1, &[N1, N2, N4]).leads(N1, 2).is_ok());
}

#[test]
fn a_lone_node_elects_itself() {
    assert!(cluster_of(1).votes(1, N1, &[N1]).leads(N1, 1).is_ok());
}

#[test]
fn a_leader_that_is_seen_again_is_one_election() {
    let history = cluster_of(3).elects(N1, 2, &[N1, N2]).leads(N1, 2).expect("it leads already");
    assert_eq!(history.checker.elections(), 1);
}

#[test]
fn one_majority_of_a_joint_configuration_elects_nobody() {
    let history = cluster_of(5).under(joint(&[N1, N2, N3], &[N3, N4, N5]));
    let history = history.votes(2, N1, &[N1, N2, N3]).votes(3, N3, &[N3, N4, N5]);
    let words = ["n1", "term 2", "{n1 n2 n3}", "no majority of {n3 n4 n5} with {n1 n2 n3}"];
    let mut checker = history.checker;
    assert_rejected(checker.leader(N1, 2, history.membership), NAME, &words);
    assert_rejected(checker.leader(N3, 3, history.membership), NAME, &["n3", "term 3", "{n3 n4 n5}"]);
}

#[test]
fn durable_votes_of_learners_elect_nobody() {
    let history = cluster_of(5).under(with_learners(voters(&[N1, N2, N3]), &[N4, N5]));
    assert_rejected(history.votes(2, N1, &[N1, N4, N5]).leads(N1, 2), NAME, &["n1", "{n1 n4 n5}"]);
}

#[test]
fn both_majorities_of_a_joint_configuration_elect_a_leader() {
    let history = cluster_of(5).under(joint(&[N1, N2, N3], &[N3, N4, N5]));
    assert!(history.votes(2, N1, &[N1, N3, N4]).leads(N1, 2).is_ok());
}

#[test]
fn a_node_that_a_new_configuration_does_not_count_may_be_elected_by_the_others() {
    let history = cluster_of(3).under(voters(&[N2, N3]));
    assert!(history.votes(2, N1, &[N1, N2, N3]).leads(N1, 2).is_ok());
}

/// The only voter leads before its vote for itself is durable.
fn lone_leader_ahead_of_its_disk() -> ElectionSafety {
    let mut checker = ElectionSafety::default();
    checker.lone_leader(N1, 2).expect("nobody else leads");
    checker
}

#[test]
fn the_only_voter_may_lead_while_its_vote_is_written() {
    let mut checker = lone_leader_ahead_of_its_disk();
    checker.vote_durable(N1, 2, N1);
    assert!(checker.entry_received(N2, 2).is_ok() && checker.entry_committed(2).is_ok());
}

#[test]
fn a_learner_with_an_entry_of_a_leader_whose_own_vote_is_not_durable_is_rejected() {
    let checker = lone_leader_ahead_of_its_disk();
    assert!(checker.entry_received(N1, 2).is_ok(), "its own entries nobody else has");
    assert!(checker.entry_received(N2, 1).is_ok(), "another term's");
    assert_rejected(checker.entry_received(N2, 2), NAME, &["n2", "term 2", "n1"]);
}

#[test]
fn a_commit_of_a_leader_whose_own_vote_is_not_durable_is_rejected() {
    assert_rejected(lone_leader_ahead_of_its_disk().entry_committed(2), NAME, &["n1", "term 2"]);
}

#[test]
fn another_vote_does_not_make_up_for_the_only_voters_own() {
    let mut checker = lone_leader_ahead_of_its_disk();
    checker.vote_durable(N2, 2, N1);
    checker.vote_durable(N1, 3, N1);
    assert_rejected(checker.entry_committed(2), NAME, &["n1", "term 2"]);
}

#[test]
fn two_only_voters_that_lead_one_term_are_rejected() {
    assert_rejected(lone_leader_ahead_of_its_disk().lone_leader(N2, 2), NAME, &["two leaders", "n1 and n2"]);
}

#[test]
fn what_the_only_voter_led_in_memory_alone_has_never_been_once_it_starts_again() {
    let mut checker = lone_leader_ahead_of_its_disk();
    assert_eq!(checker.started(N2), [0; 0], "another's crash takes nothing back");
    assert_eq!(checker.started(N1), [2]);
    assert!(checker.entry_received(N2, 2).is_ok() && checker.lone_leader(N2, 2).is_ok());
}

#[test]
fn what_the_only_voter_led_by_a_durable_vote_stays_its_own_when_it_starts_again() {
    let mut checker = lone_leader_ahead_of_its_disk();
    checker.vote_durable(N1, 2, N1);
    assert_eq!(checker.started(N1), [0; 0]);
    assert_rejected(checker.lone_leader(N2, 2), NAME, &["two leaders", "n1 and n2"]);
}
