//! Durability: what is committed is on the disks of a majority, at every moment.

use sim::checkers::durability::Durability;
use sim::checkers::state_machine_safety::StateMachineSafety;
use sim::{Disk, Membership, NodeId, Violation};

use crate::configurations::{joint, voters, with_learners};
use crate::disks::{PaperDisk, PaperWrite, disk};
use crate::entries::log;
use crate::verdicts::{N1, N2, N3, N4, N5, assert_rejected};

const NAME: &str = "durability";

/// A cluster's disks and what it has committed.
#[derive(Debug)]
struct Disks {
    disks: Vec<PaperDisk>,
    committed: StateMachineSafety,
    checker: Durability,
    membership: Membership,
}

fn cluster_of(nodes: u8) -> Disks {
    Disks {
        disks: vec![disk(1); nodes.into()],
        committed: StateMachineSafety::default(),
        checker: Durability::new(nodes),
        membership: Membership::of_all(nodes),
    }
}

impl Disks {
    /// From now on this configuration is in force where entries are committed.
    fn under(mut self, membership: Membership) -> Self {
        self.membership = membership;
        self
    }

    /// `node`'s disk has the log of these terms, the first `index` of them as a snapshot.
    fn try_snapshots(mut self, node: NodeId, index: u64, terms: &[u64]) -> Result<Self, Box<Violation>> {
        let disk = &mut self.disks[usize::from(node.0)];
        disk.write(&PaperWrite::Snapshot { index, entries: log(terms) });
        self.checker.disk_changed(node, index + 1, disk, &self.committed)?;
        Ok(self)
    }

    fn snapshots(self, node: NodeId, index: u64, terms: &[u64]) -> Self {
        self.try_snapshots(node, index, terms).expect("a lawful snapshot")
    }

    /// `node`'s disk is written: its log ends with entries of these terms, the first of them at `from`.
    fn try_writes(mut self, node: NodeId, from: u64, terms: &[u64]) -> Result<Self, Box<Violation>> {
        let disk = &mut self.disks[usize::from(node.0)];
        let mut whole: Vec<u64> = disk.entries().iter().take((from - 1) as usize).map(|entry| entry.term).collect();
        whole.extend(terms);
        let entries = log(&whole).split_off((from - 1) as usize);
        disk.write(&PaperWrite::Log { from, entries });
        self.checker.disk_changed(node, from, disk, &self.committed)?;
        Ok(self)
    }

    fn writes(self, node: NodeId, from: u64, terms: &[u64]) -> Self {
        self.try_writes(node, from, terms).expect("a lawful write")
    }

    /// Nothing is left of `node`'s disk, and the servers go by these configurations from now on.
    fn try_loses(mut self, node: NodeId, in_force: &[Membership]) -> Result<Self, Box<Violation>> {
        let disk = &mut self.disks[usize::from(node.0)];
        *disk = PaperDisk::default();
        self.checker.disk_gone(node, disk, in_force, &self.committed)?;
        Ok(self)
    }

    /// The log of these terms is written by all `nodes`.
    fn on(self, nodes: &[NodeId], terms: &[u64]) -> Self {
        nodes.iter().fold(self, |disks, node| disks.writes(*node, 1, terms))
    }

    /// The log of these terms is committed.
    fn try_commits(mut self, terms: &[u64]) -> Result<Self, Box<Violation>> {
        for (index, entry) in (1..).zip(log(terms)) {
            self.committed.committed(N1, index, entry)?;
        }
        self.checker.committed(terms.len() as u64, &[self.membership], &self.disks, &self.committed)?;
        Ok(self)
    }

    fn commits(self, terms: &[u64]) -> Self {
        self.try_commits(terms).expect("a majority has it")
    }
}

#[test]
fn a_commit_on_the_leaders_disk_alone_is_rejected() {
    let disks = cluster_of(3).on(&[N1], &[1]);
    assert_rejected(disks.try_commits(&[1]), NAME, &["entry 1", "only 1 of 3 voters"]);
}

#[test]
fn a_commit_on_no_disk_is_rejected() {
    assert_rejected(cluster_of(1).try_commits(&[1]), NAME, &["entry 1", "only 0 of 1 voters"]);
}

#[test]
fn half_of_an_even_cluster_is_no_majority_for_a_commit() {
    let disks = cluster_of(4).on(&[N1, N2], &[1, 1]);
    assert_rejected(disks.try_commits(&[1, 1]), NAME, &["entry 2", "only 2 of 4 voters"]);
}

#[test]
fn one_of_two_is_no_majority_for_a_commit() {
    let disks = cluster_of(2).on(&[N2], &[1]);
    assert_rejected(disks.try_commits(&[1]), NAME, &["entry 1", "only 1 of 2 voters"]);
}

#[test]
fn disks_that_end_before_the_commit_do_not_count() {
    let disks = cluster_of(3).on(&[N1], &[1, 1, 1]).on(&[N2, N3], &[1, 1]);
    assert_rejected(disks.try_commits(&[1, 1, 1]), NAME, &["entry 3", "only 1 of 3 voters"]);
}

#[test]
fn disks_with_another_entry_at_the_commit_do_not_count() {
    // Both logs end at 2, and only one of them with what was committed: a tail that is still to be overwritten.
    let disks = cluster_of(3).on(&[N1], &[1, 2]).on(&[N2], &[1, 1]);
    assert_rejected(disks.try_commits(&[1, 2]), NAME, &["entry 2", "only 1 of 3 voters"]);
}

#[test]
fn disks_with_another_entry_below_the_commit_do_not_count() {
    let disks = cluster_of(3).on(&[N1], &[1, 2]).on(&[N2], &[2, 2]);
    assert_rejected(disks.try_commits(&[1, 2]), NAME, &["entry 2", "only 1 of 3 voters"]);
}

#[test]
fn a_committed_entry_that_a_disk_of_the_bare_majority_drops_is_rejected() {
    let disks = cluster_of(3).on(&[N1, N2], &[1, 1]).commits(&[1, 1]);
    assert_rejected(disks.try_writes(N2, 2, &[]), NAME, &["entry 2", "only 1 of 3 voters"]);
}

#[test]
fn a_committed_entry_that_a_disk_of_the_bare_majority_overwrites_is_rejected() {
    let disks = cluster_of(3).on(&[N1, N2], &[1, 1]).commits(&[1, 1]);
    assert_rejected(disks.try_writes(N1, 2, &[3, 3]), NAME, &["entry 2", "only 1 of 3 voters"]);
}

#[test]
fn a_disk_that_loses_everything_is_noticed() {
    let disks = cluster_of(3).on(&[N1, N3], &[1, 1]).commits(&[1, 1]);
    assert_rejected(disks.try_writes(N3, 1, &[]), NAME, &["entry 2", "only 1 of 3 voters"]);
}

#[test]
fn the_second_disk_to_lose_a_commit_is_one_too_many() {
    let disks = cluster_of(3).on(&[N1, N2, N3], &[1]).commits(&[1]).writes(N3, 1, &[]);
    assert_rejected(disks.try_writes(N2, 1, &[]), NAME, &["entry 1", "only 1 of 3 voters"]);
}

#[test]
fn a_write_above_another_entry_does_not_hide_it() {
    let disks = cluster_of(3).on(&[N1, N3], &[1, 2]).on(&[N2], &[1, 1]).commits(&[1, 2]).writes(N2, 3, &[1]);
    assert_rejected(disks.try_writes(N3, 2, &[]), NAME, &["entry 2", "only 1 of 3 voters"]);
}

#[test]
fn a_disk_that_lost_a_commit_long_ago_does_not_count_for_later_ones() {
    let disks = cluster_of(3).on(&[N1, N2, N3], &[1]).commits(&[1]).writes(N3, 1, &[]);
    let disks = disks.writes(N1, 2, &[1]);
    assert_rejected(disks.try_commits(&[1, 1]), NAME, &["entry 2", "only 1 of 3 voters"]);
}

#[test]
fn a_commit_on_a_bare_majority_is_durable() {
    assert!(cluster_of(3).on(&[N1, N3], &[1, 1]).try_commits(&[1, 1]).is_ok());
}

#[test]
fn the_leaders_own_disk_need_not_be_in_the_majority() {
    assert!(cluster_of(5).on(&[N3, N4, N5], &[1]).try_commits(&[1]).is_ok());
}

#[test]
fn more_than_half_of_an_even_cluster_is_a_majority_for_a_commit() {
    assert!(cluster_of(4).on(&[N1, N2, N4], &[1]).try_commits(&[1]).is_ok());
}

#[test]
fn a_lone_node_commits_on_its_own_disk() {
    assert!(cluster_of(1).on(&[N1], &[1]).try_commits(&[1]).is_ok());
}

#[test]
fn a_restart_may_lose_a_write_that_was_not_acknowledged() {
    let disks = cluster_of(3).on(&[N1, N2], &[1, 1]).on(&[N3], &[1, 1, 1]).commits(&[1, 1]);
    assert!(disks.try_writes(N3, 3, &[]).is_ok());
}

#[test]
fn an_uncommitted_tail_may_be_truncated_on_every_disk() {
    let disks = cluster_of(3).on(&[N1, N2, N3], &[1, 1, 1]).commits(&[1]);
    assert!(disks.writes(N1, 2, &[2]).writes(N2, 2, &[2]).try_writes(N3, 2, &[2]).is_ok());
}

#[test]
fn a_disk_beyond_the_bare_majority_may_be_lost() {
    let disks = cluster_of(5).on(&[N1, N2, N3, N4], &[1]).commits(&[1]);
    assert!(disks.try_writes(N4, 1, &[]).is_ok());
}

#[test]
fn a_disk_that_catches_up_counts_again() {
    let disks = cluster_of(3).on(&[N1, N2, N3], &[1]).commits(&[1]).writes(N3, 1, &[]).writes(N3, 1, &[1]);
    assert!(disks.try_writes(N2, 1, &[]).is_ok());
}

#[test]
fn committed_entries_may_be_written_again_as_they_are() {
    // A retransmitted AppendEntries that a subject writes without a look at what is there.
    let disks = cluster_of(3).on(&[N1, N2], &[1, 1]).commits(&[1, 1]);
    assert!(disks.try_writes(N2, 1, &[1, 1]).is_ok());
}

#[test]
fn a_commit_may_become_known_long_after_it_was_durable() {
    let disks = cluster_of(3).on(&[N1, N2], &[1, 1, 1]).commits(&[1]).writes(N3, 1, &[1]);
    assert!(disks.try_commits(&[1, 1, 1]).is_ok());
}

#[test]
fn a_new_majority_may_take_over_from_the_old_one() {
    let disks = cluster_of(3).on(&[N1, N2], &[1]).commits(&[1]).writes(N3, 1, &[1]).writes(N1, 1, &[]);
    assert!(disks.writes(N3, 2, &[2]).writes(N2, 2, &[2]).try_commits(&[1, 2]).is_ok());
}

#[test]
fn nothing_committed_needs_no_disk() {
    assert!(cluster_of(3).on(&[N1], &[1, 1]).try_writes(N1, 1, &[]).is_ok());
}

// ---- Configurations ----

#[test]
fn a_commit_on_the_new_voters_of_a_joint_configuration_alone_is_rejected() {
    let disks = cluster_of(5).under(joint(&[N1, N2, N3], &[N3, N4, N5])).on(&[N3, N4, N5], &[1]);
    assert_rejected(disks.try_commits(&[1]), NAME, &["entry 1", "only 3 of 3 and 1 of 3 voters"]);
}

#[test]
fn a_commit_on_the_old_voters_of_a_joint_configuration_alone_is_rejected() {
    let disks = cluster_of(5).under(joint(&[N1, N2, N3], &[N3, N4, N5])).on(&[N1, N2, N3], &[1]);
    assert_rejected(disks.try_commits(&[1]), NAME, &["entry 1", "only 1 of 3 and 3 of 3 voters"]);
}

#[test]
fn a_commit_on_the_disks_of_learners_is_rejected() {
    let disks = cluster_of(5).under(with_learners(voters(&[N1, N2, N3]), &[N4, N5])).on(&[N1, N4, N5], &[1]);
    assert_rejected(disks.try_commits(&[1]), NAME, &["entry 1", "only 1 of 3 voters of {n1 n2 n3}, learners {n4 n5}"]);
}

#[test]
fn a_commit_on_the_disk_of_a_leader_that_is_no_voter_any_more_is_rejected() {
    let disks = cluster_of(3).under(voters(&[N2, N3])).on(&[N1, N2], &[1]);
    assert_rejected(disks.try_commits(&[1]), NAME, &["entry 1", "only 1 of 2 voters"]);
}

#[test]
fn a_commit_that_loses_the_quorum_of_the_configuration_it_was_committed_under_is_rejected() {
    let disks = cluster_of(4).under(voters(&[N1, N2, N3])).on(&[N1, N2], &[1]).commits(&[1]);
    assert_rejected(disks.under(Membership::of_all(4)).try_writes(N2, 1, &[]), NAME, &["only 1 of 3 voters"]);
}

#[test]
fn a_commit_may_be_on_both_majorities_of_a_joint_configuration() {
    let disks = cluster_of(5).under(joint(&[N1, N2, N3], &[N3, N4, N5])).on(&[N2, N3, N4], &[1]);
    assert!(disks.try_commits(&[1]).is_ok());
}

#[test]
fn a_commit_before_a_change_that_is_lost_with_its_leader_stays_on_the_quorum_of_the_change() {
    // n1 has appended that n4 leaves, and commits what is before that on two of three. Then it crashes, and nobody knows
    // of the change any more: two of four hold the entry, and no three of four can be found without one of them.
    let disks = cluster_of(4).on(&[N1], &[1, 1]).on(&[N2], &[1]).under(voters(&[N1, N2, N3])).commits(&[1]);
    assert!(disks.under(Membership::of_all(4)).writes(N3, 1, &[]).try_writes(N1, 2, &[]).is_ok());
}

/// The last entry is committed under the joint configuration on the way from {n3 n4} to {n1 n2}, on all of them.
fn joint_commits() -> Disks {
    let all = [N1, N2, N3, N4];
    cluster_of(5).on(&all, &[1]).under(joint(&[N3, N4], &[N1, N2])).commits(&[1])
}

#[test]
fn an_old_voter_may_be_lost_once_nobody_goes_by_the_joint_configuration_any_more() {
    assert!(joint_commits().try_loses(N3, &[voters(&[N1, N2])]).is_ok());
}

#[test]
fn an_old_voter_that_is_lost_while_anybody_goes_by_the_joint_configuration_is_noticed() {
    let in_force = [voters(&[N1, N2]), joint(&[N3, N4], &[N1, N2])];
    assert_rejected(joint_commits().try_loses(N3, &in_force), NAME, &["entry 1", "only 2 of 2 and 1 of 2 voters"]);
}

#[test]
fn a_voter_that_is_lost_after_the_joint_configuration_is_noticed() {
    let in_force = [voters(&[N1, N2])];
    assert_rejected(joint_commits().try_loses(N2, &in_force), NAME, &["entry 1", "only 1 of 2 and 2 of 2 voters"]);
    // Nor is one enough that some of the servers go by.
    let in_force = [voters(&[N1, N2]), voters(&[N3, N4])];
    assert_rejected(joint_commits().try_loses(N3, &in_force), NAME, &["entry 1"]);
}

#[test]
fn one_step_may_commit_under_one_configuration_and_go_on_to_the_next() {
    // What n1 commits has made up its mind: the learner n4 votes from now on.
    let mut disks = cluster_of(4).on(&[N1, N2], &[1]);
    disks.committed.committed(N1, 1, log(&[1])[0]).expect("the first");
    let under = [Membership::of_all(4), voters(&[N1, N2, N3])];
    assert!(disks.checker.committed(1, &under, &disks.disks, &disks.committed).is_ok());
    assert!(disks.checker.committed(1, &under[..1], &disks.disks, &disks.committed).is_err());
}

// ---- Snapshots ----

#[test]
fn a_snapshot_that_takes_a_committed_entry_behind_it_is_rejected() {
    let disks = cluster_of(3).on(&[N1, N2], &[1, 1, 1]).commits(&[1, 1, 1]);
    assert_rejected(disks.try_snapshots(N2, 2, &[1, 1]), NAME, &["entry 3", "only 1 of 3 voters"]);
}

#[test]
fn a_snapshot_of_less_than_the_commit_does_not_count() {
    let disks = cluster_of(3).on(&[N1], &[1, 1, 1]).on(&[N3], &[1, 1]).snapshots(N2, 2, &[1, 1]);
    assert_rejected(disks.try_commits(&[1, 1, 1]), NAME, &["entry 3", "only 1 of 3 voters"]);
}

#[test]
fn a_snapshot_holds_what_is_committed_up_to_its_index() {
    let disks = cluster_of(3).on(&[N1, N2, N3], &[1, 1]).commits(&[1, 1]);
    let disks = disks.snapshots(N1, 2, &[1, 1]).snapshots(N2, 1, &[1, 1]);
    assert!(disks.try_writes(N3, 1, &[]).is_ok());
}

#[test]
fn a_snapshot_may_bring_a_disk_up_to_date() {
    let disks = cluster_of(3).on(&[N1, N2], &[1, 1]).on(&[N3], &[2]).commits(&[1, 1]).snapshots(N3, 2, &[1, 1]);
    assert!(disks.try_writes(N2, 1, &[]).is_ok());
}

#[test]
fn a_snapshot_may_be_written_before_the_commit_is_known() {
    // A leader that commits and compacts in one step.
    let disks = cluster_of(3).on(&[N1, N2], &[1, 1]).snapshots(N1, 2, &[1, 1]);
    assert!(disks.try_commits(&[1, 1]).is_ok());
}
