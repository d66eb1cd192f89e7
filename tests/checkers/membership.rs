//! Configurations follow each other so that no two majorities decide apart, and each server goes by the last of its log.

use sim::checkers::membership::{Memberships, stands};
use sim::{Membership, NodeId, Violation};

use crate::configurations::{joint, voters, with_learners};
use crate::verdicts::{N1, N2, N3, N4, N5, assert_rejected};

const NAME: &str = "membership";

/// Logs and their configurations. All entries are of term 1 unless said otherwise.
#[derive(Debug)]
struct Logs(Memberships);

/// A cluster of five nodes that starts with this configuration.
fn cluster_of(first: Membership) -> Logs {
    let mut logs = Logs(Memberships::new(5));
    [N1, N2, N3, N4, N5].into_iter().for_each(|node| logs.0.started(node, Some(first)));
    logs
}

impl Logs {
    /// `node`'s log gets a configuration that no log had before.
    fn try_creates(mut self, node: NodeId, index: u64, membership: Membership) -> Result<Self, Box<Violation>> {
        self.0.created(node, (index, 1), membership)?;
        Ok(self)
    }

    fn creates(self, node: NodeId, index: u64, membership: Membership) -> Self {
        self.try_creates(node, index, membership).expect("a lawful change")
    }

    /// `node`'s log gets an entry that another log had before; it says that it holds this.
    fn try_copies(mut self, node: NodeId, index: u64, told: Option<Membership>) -> Result<Self, Box<Violation>> {
        self.0.copied(node, (index, 1), || told)?;
        Ok(self)
    }

    fn copies(self, node: NodeId, index: u64, membership: Membership) -> Self {
        self.try_copies(node, index, Some(membership)).expect("the same configuration")
    }

    fn truncates(mut self, node: NodeId, from: u64) -> Self {
        self.0.truncated(node, from);
        self
    }

    fn installs(mut self, node: NodeId, index: u64) -> Self {
        self.0.installed(node, index);
        self
    }

    fn restarts(mut self, node: NodeId) -> Self {
        self.0.started(node, None);
        self
    }

    fn try_commits(mut self, index: u64) -> Result<Self, Box<Violation>> {
        self.0.committed(index, 1)?;
        Ok(self)
    }

    fn commits(self, index: u64) -> Self {
        self.try_commits(index).expect("a lawful change")
    }
}

// ---- One change after the other ----

#[test]
fn two_voters_more_in_one_step_are_rejected() {
    let words = ["n1 appends at 4", "{n1 n2 n3 n4 n5}", "after {n1 n2 n3}"];
    let history = cluster_of(voters(&[N1, N2, N3]));
    assert_rejected(history.try_creates(N1, 4, voters(&[N1, N2, N3, N4, N5])), NAME, &words);
}

#[test]
fn one_voter_for_another_in_one_step_is_rejected() {
    let history = cluster_of(voters(&[N1, N2, N3]));
    assert_rejected(history.try_creates(N1, 4, voters(&[N1, N2, N4])), NAME, &["{n1 n2 n4} after {n1 n2 n3}"]);
}

#[test]
fn a_configuration_without_voters_is_rejected() {
    assert_rejected(cluster_of(voters(&[N1])).try_creates(N1, 4, voters(&[])), NAME, &["{} after {n1}"]);
}

#[test]
fn a_joint_configuration_with_other_old_voters_is_rejected() {
    let history = cluster_of(voters(&[N1, N2, N3]));
    let words = ["{n4 n5} with {n1 n2}", "after {n1 n2 n3}"];
    assert_rejected(history.try_creates(N1, 4, joint(&[N1, N2], &[N4, N5])), NAME, &words);
}

#[test]
fn a_joint_configuration_that_ends_with_others_than_the_new_voters_is_rejected() {
    let history = cluster_of(voters(&[N1, N2])).creates(N1, 1, joint(&[N1, N2], &[N3, N4]));
    assert_rejected(
        history.try_creates(N1, 2, voters(&[N3, N4, N5])),
        NAME,
        &["{n3 n4 n5} after {n3 n4} with {n1 n2}"],
    );
}

#[test]
fn a_joint_configuration_that_goes_back_in_one_step_is_rejected() {
    let history = cluster_of(voters(&[N1, N2])).creates(N1, 1, joint(&[N1, N2], &[N3, N4]));
    assert_rejected(history.try_creates(N1, 2, voters(&[N1, N2])), NAME, &["{n1 n2} after {n3 n4} with {n1 n2}"]);
}

#[test]
fn one_joint_configuration_after_another_is_rejected() {
    let history = cluster_of(voters(&[N1])).creates(N1, 1, joint(&[N1], &[N2]));
    assert_rejected(history.try_creates(N1, 2, joint(&[N2], &[N3])), NAME, &["{n3} with {n2} after {n2} with {n1}"]);
}

#[test]
fn a_change_is_held_against_what_a_truncation_left() {
    // The fourth voter went with the entry that was truncated.
    let history = cluster_of(voters(&[N1, N2, N3])).creates(N1, 4, voters(&[N1, N2, N3, N4])).truncates(N1, 4);
    assert_rejected(history.try_creates(N1, 4, voters(&[N1, N2, N3, N4, N5])), NAME, &["after {n1 n2 n3}"]);
}

#[test]
fn a_change_that_no_log_shows_to_be_wrong_is_rejected_when_it_is_committed() {
    // n5 knew of nobody when it started, so nothing can be said of what it appends.
    let mut history = cluster_of(voters(&[N1, N2, N3]));
    history.0 = Memberships::new(5);
    history.0.started(N1, Some(voters(&[N1, N2, N3])));
    history.0.started(N5, Some(Membership::default()));
    let history = history.creates(N5, 1, voters(&[N5]));
    assert_rejected(history.try_commits(1), NAME, &["{n5} is committed at 1", "after {n1 n2 n3}, which is at 0"]);
}

#[test]
fn voters_may_come_and_go_one_by_one() {
    let history = cluster_of(voters(&[N1])).creates(N1, 1, voters(&[N1, N2])).creates(N1, 2, voters(&[N1, N2, N3]));
    assert!(history.commits(1).creates(N1, 3, voters(&[N2, N3])).commits(2).try_commits(3).is_ok());
}

#[test]
fn all_voters_may_change_through_a_joint_configuration() {
    let history = cluster_of(voters(&[N1, N2])).creates(N1, 1, joint(&[N1, N2], &[N3, N4, N5]));
    assert!(history.commits(1).creates(N1, 2, voters(&[N3, N4, N5])).try_commits(2).is_ok());
}

#[test]
fn learners_may_come_and_go_as_they_like() {
    let first = voters(&[N1, N2]);
    let history = cluster_of(first).creates(N1, 1, with_learners(first, &[N3, N4, N5]));
    let between = joint(&[N1, N2], &[N1, N3]);
    let history = history.creates(N1, 2, between).creates(N1, 3, with_learners(between, &[N2]));
    assert!(history.try_creates(N1, 4, with_learners(voters(&[N1, N3]), &[N2])).is_ok());
}

#[test]
fn a_configuration_may_be_appended_again_as_it_is() {
    assert!(cluster_of(voters(&[N1, N2])).try_creates(N1, 1, voters(&[N1, N2])).is_ok());
}

#[test]
fn a_node_that_knows_of_nobody_may_be_told_of_any_configuration() {
    let mut history = Logs(Memberships::new(5));
    history.0.started(N5, Some(Membership::default()));
    assert!(history.try_creates(N5, 1, voters(&[N1, N2, N3])).is_ok());
}

// ---- When a leader may begin one ----

/// n1 leads term 2 and appends `membership` at 9, with this much committed.
fn proposes(history: &Logs, membership: Membership, committed: (u64, u64)) -> Result<(), Box<Violation>> {
    history.0.proposed(N1, (9, 2), membership, committed)
}

#[test]
fn a_change_before_the_last_one_is_committed_is_rejected() {
    let history = cluster_of(voters(&[N1, N2, N3])).creates(N1, 8, voters(&[N1, N2, N3, N4]));
    let words = ["n1 appends", "{n1 n2 n3 n4 n5} at 9", "that at 8 is not committed"];
    assert_rejected(proposes(&history, voters(&[N1, N2, N3, N4, N5]), (7, 2)), NAME, &words);
}

#[test]
fn the_end_of_a_joint_configuration_before_it_is_committed_is_rejected() {
    let history = cluster_of(voters(&[N1, N2])).creates(N1, 8, joint(&[N1, N2], &[N1, N3]));
    assert_rejected(proposes(&history, voters(&[N1, N3]), (7, 2)), NAME, &["that at 8 is not committed"]);
}

#[test]
fn a_change_of_voters_under_a_change_of_learners_still_waits() {
    let four = voters(&[N1, N2, N3, N4]);
    let history = cluster_of(voters(&[N1, N2, N3])).creates(N1, 6, four).creates(N1, 8, with_learners(four, &[N5]));
    assert_rejected(proposes(&history, voters(&[N1, N2, N3, N4, N5]), (5, 2)), NAME, &["that at 6 is not committed"]);
}

#[test]
fn a_change_before_anything_of_the_leaders_own_term_is_committed_is_rejected() {
    // The bug in single-server changes (raft-dev, July 2015): the change of an earlier leader may still win.
    let history = cluster_of(voters(&[N1, N2, N3, N4]));
    let words = ["{n1 n2 n3} at 9", "before it has committed in term 2"];
    assert_rejected(proposes(&history, voters(&[N1, N2, N3]), (8, 1)), NAME, &words);
    assert_rejected(proposes(&history, voters(&[N1, N2, N3]), (0, 0)), NAME, &words);
}

#[test]
fn a_leader_may_begin_a_change_once_the_last_one_is_committed() {
    let history = cluster_of(voters(&[N1, N2, N3])).creates(N1, 7, voters(&[N1, N2, N3, N4]));
    assert!(proposes(&history, voters(&[N1, N2, N3, N4, N5]), (8, 2)).is_ok());
}

#[test]
fn a_leader_may_begin_a_joint_change_before_it_has_committed_anything() {
    let history = cluster_of(voters(&[N1, N2, N3]));
    assert!(proposes(&history, joint(&[N1, N2, N3], &[N4]), (8, 1)).is_ok());
}

#[test]
fn a_leader_may_add_learners_at_any_time() {
    let four = voters(&[N1, N2, N3, N4]);
    let history = cluster_of(voters(&[N1, N2, N3])).creates(N1, 8, four);
    assert!(proposes(&history, with_learners(four, &[N5]), (7, 1)).is_ok());
}

#[test]
fn a_change_of_voters_may_follow_a_change_of_learners_that_is_not_committed() {
    let first = voters(&[N1, N2, N3]);
    let history = cluster_of(first).creates(N1, 8, with_learners(first, &[N4]));
    assert!(proposes(&history, voters(&[N1, N2, N3, N4]), (7, 2)).is_ok());
}

// ---- What a log holds ----

#[test]
fn an_entry_that_holds_another_configuration_in_another_log_is_rejected() {
    let history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1]));
    let words = ["n2's entry 3", "the configuration {n1}", "now {n2}"];
    assert_rejected(history.try_copies(N2, 3, Some(voters(&[N2]))), NAME, &words);
}

#[test]
fn an_entry_that_holds_no_configuration_in_another_log_is_rejected() {
    let history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1]));
    assert_rejected(history.try_copies(N2, 3, None), NAME, &["n2's entry 3", "now none"]);
}

#[test]
fn an_entry_that_holds_another_configuration_at_the_end_is_rejected() {
    let history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1]));
    assert_rejected(history.0.audit(N1, 0, |_| Some(voters(&[N2]))), NAME, &["n1's entry 3", "{n1}, and now {n2}"]);
}

#[test]
fn what_a_snapshot_has_need_not_say_what_it_holds() {
    let history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1]));
    assert!(history.0.audit(N1, 3, |_| None).is_ok());
}

#[test]
fn what_is_no_configuration_in_one_log_is_none_in_another() {
    let history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1]));
    assert!(history.try_copies(N2, 2, None).is_ok());
}

// ---- What a server goes by ----

#[test]
fn a_server_that_goes_by_a_configuration_before_the_last_of_its_log_is_rejected() {
    // It waits for the commit.
    let mut history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1]));
    let words = ["n1 goes by the configuration {n1 n2}", "the last of its log is {n1}"];
    assert_rejected(history.0.shown(N1, voters(&[N1, N2])), NAME, &words);
}

#[test]
fn a_server_that_keeps_what_was_truncated_is_rejected() {
    let mut history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1])).truncates(N1, 3);
    assert_rejected(history.0.shown(N1, voters(&[N1])), NAME, &["goes by the configuration {n1},", "is {n1 n2}"]);
}

#[test]
fn a_server_that_keeps_its_first_configuration_over_that_of_a_snapshot_is_rejected() {
    let mut history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1])).commits(3).installs(N2, 5);
    assert_rejected(history.0.shown(N2, voters(&[N1, N2])), NAME, &["the last of its log is {n1}"]);
}

#[test]
fn a_snapshot_with_a_configuration_of_behind_it_is_rejected() {
    let mut history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1])).commits(3).installs(N2, 2);
    assert_rejected(history.0.shown(N2, voters(&[N1])), NAME, &["the last of its log is {n1 n2}"]);
}

#[test]
fn a_restart_forgets_what_the_disk_did_not_hold() {
    let mut history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1])).restarts(N1);
    assert!(history.0.shown(N1, voters(&[N1, N2])).is_ok());
    assert!(history.copies(N1, 3, voters(&[N1])).0.shown(N1, voters(&[N1])).is_ok());
}

#[test]
fn a_truncation_behind_a_configuration_leaves_it_in_force() {
    let mut history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1])).truncates(N1, 4);
    assert!(history.0.shown(N1, voters(&[N1])).is_ok());
}

#[test]
fn each_server_goes_by_its_own_log() {
    let mut history = cluster_of(voters(&[N1, N2])).creates(N1, 3, voters(&[N1]));
    assert!(history.0.shown(N2, voters(&[N1, N2])).is_ok());
}

// ---- Who stands for election ----

#[test]
fn a_learner_that_stands_for_election_is_rejected() {
    let membership = with_learners(voters(&[N1, N2]), &[N3]);
    assert_rejected(
        stands(N3, membership, false),
        NAME,
        &["n3 stands for election", "learner of {n1 n2}, learners {n3}"],
    );
}

#[test]
fn a_stranger_that_stands_for_election_is_rejected_where_only_members_do() {
    assert_rejected(stands(N3, voters(&[N1, N2]), true), NAME, &["n3 stands for election", "no voter of {n1 n2}"]);
}

#[test]
fn a_server_that_its_own_configuration_leaves_out_may_stand_for_election() {
    // "It might still be needed until the C_new entry is committed" (dissertation §4.2.2).
    assert!(stands(N3, voters(&[N1, N2]), false).is_ok());
}

#[test]
fn a_server_that_is_on_its_way_out_may_stand_for_election() {
    assert!(stands(N1, with_learners(joint(&[N1, N2], &[N2, N3]), &[N1]), true).is_ok());
}

#[test]
fn a_voter_may_stand_for_election() {
    assert!(stands(N1, voters(&[N1, N2]), true).is_ok());
}

// ---- What is a quorum ----

#[test]
fn a_joint_configuration_needs_both_majorities() {
    let membership = joint(&[N1, N2, N3], &[N3, N4, N5]);
    let is_quorum = |nodes: &[NodeId]| membership.is_quorum(voters(nodes).voters);
    assert!(is_quorum(&[N1, N3, N4]) && is_quorum(&[N1, N2, N4, N5]));
    assert!(!is_quorum(&[N1, N2, N3]) && !is_quorum(&[N3, N4, N5]) && !is_quorum(&[N1, N5]));
}

#[test]
fn a_learner_is_no_part_of_a_quorum() {
    let membership = with_learners(voters(&[N1, N2]), &[N3, N4, N5]);
    assert!(!membership.is_quorum(voters(&[N1, N3, N4, N5]).voters));
    assert!(membership.is_quorum(voters(&[N1, N2]).voters));
}

#[test]
fn nobody_decides_where_nobody_votes() {
    assert!(!Membership::default().is_quorum(voters(&[N1, N2, N3, N4, N5]).voters));
}

#[test]
fn a_leader_whose_removal_is_committed_leads_no_more() {
    let logs = cluster_of(voters(&[N1, N2, N3])).creates(N1, 4, joint(&[N1, N2, N3], &[N2, N3]));
    logs.0.leads(N1, 4).expect("the old voters still have a say");
    let logs = logs.creates(N1, 5, voters(&[N2, N3]));
    logs.0.leads(N1, 4).expect("it commits the configuration that leaves it out");
    logs.0.leads(N2, 9).expect("n2's log has nothing of it");
    assert_rejected(logs.0.leads(N1, 5), NAME, &["n1 leads on", "{n2 n3}, at 5, is committed"]);
}
