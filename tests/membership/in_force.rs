//! §4.1: a server uses the latest configuration in its log, committed or not; one whose entry is truncated never held.

use std::sync::Arc;

use raft_core::{Membership, RoleName};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{
    accepted, add_learner, add_voter, append, append_entries, at, entry, heartbeat, membership_entry, membership_of,
    remove,
};

/// A follower of server 2 in term 1, configured with voters 1 to 3, whose log is made of these memberships alone.
fn follower_with(memberships: &[&[u64]]) -> LoneNode {
    let mut follower = node().term(1).configured(|config| config.trailing_entries = 0).follower_of(2);
    let entries = memberships.iter().map(|voters| membership_entry(1, &membership_of(voters.iter().copied())));
    follower.receive(2, append_entries(1, at(0, 0), entries, 0));
    follower.persist();
    follower
}

fn in_force(server: &LoneNode) -> &Arc<Membership> {
    server.raft.membership()
}

#[test]
fn a_leader_uses_a_configuration_from_its_append_on() {
    let mut leader = node().steady_leader();
    let effects = leader.change_membership(7, &[add_voter(4)]);
    assert_eq!(effects.memberships(), [(2, &*membership_of([1, 2, 3, 4]))]);
    assert_eq!((leader.commit(), in_force(&leader)), (1, &membership_of([1, 2, 3, 4])));
}

#[test]
fn a_leader_counts_by_a_configuration_that_is_not_committed() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_voter(4)]);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.commit(), 1, "two of four");
    leader.receive(3, accepted(1, 2));
    assert_eq!(leader.commit(), 2, "three of four");
}

#[test]
fn a_leader_sends_to_a_new_member_before_the_change_commits() {
    let mut leader = node().steady_leader();
    leader.change_membership(7, &[add_voter(4)]);
    assert!(leader.deadline().receivers().contains(&4));
}

#[test]
fn a_follower_uses_a_configuration_from_its_append_on() {
    let mut follower = node().term(1).follower_of(2);
    let larger = membership_of([1, 2, 3, 4, 5]);
    let effects = follower.receive(2, append_entries(1, at(0, 0), [membership_entry(1, &larger)], 0));
    assert_eq!(effects.memberships(), [(1, &*larger)]);
    assert_eq!((follower.commit(), in_force(&follower)), (0, &larger));
}

#[test]
fn a_candidate_asks_the_voters_of_a_configuration_that_is_not_committed() {
    let mut candidate = follower_with(&[&[1, 2, 4, 5]]);
    candidate.deadline();
    assert_eq!(candidate.role(), RoleName::Candidate);
    assert_eq!(candidate.persist().receivers(), [2, 4, 5]);
}

#[test]
fn a_configuration_repeated_by_the_leader_is_announced_once() {
    let mut follower = node().term(1).follower_of(2);
    let append = append_entries(1, at(0, 0), [membership_entry(1, &membership_of([1, 2]))], 0);
    assert_eq!(follower.receive(2, append.clone()).memberships().len(), 1);
    assert_eq!(follower.receive(2, append).memberships(), []);
}

#[test]
fn a_truncated_configuration_gives_way_to_the_one_before_it() {
    let mut follower = follower_with(&[&[1, 2, 3, 4], &[1, 2, 4]]);
    let effects = follower.receive(3, append(2, at(1, 1), [2], 0));
    assert_eq!(effects.memberships(), [(1, &*membership_of([1, 2, 3, 4]))]);
    assert_eq!(in_force(&follower), &membership_of([1, 2, 3, 4]));
}

#[test]
fn a_truncated_first_configuration_gives_way_to_the_initial_one() {
    let mut follower = follower_with(&[&[1, 2, 3, 4]]);
    let effects = follower.receive(3, append(2, at(0, 0), [2], 0));
    assert_eq!(effects.memberships(), [(0, &*membership_of([1, 2, 3]))]);
    assert_eq!(in_force(&follower), &membership_of([1, 2, 3]));
}

#[test]
fn any_number_of_configurations_is_taken_back_at_once() {
    let history: [&[u64]; 4] = [&[1, 2, 3], &[1, 2, 3, 4], &[1, 2, 3, 4, 5], &[1, 2, 4, 5]];
    for (kept, voters) in history.into_iter().enumerate() {
        let mut follower = follower_with(&history[1..]);
        follower.receive(3, append(2, at(kept as u64, u64::from(kept > 0)), [2], 0));
        assert_eq!(in_force(&follower), &membership_of(voters.iter().copied()), "{kept} entries kept");
    }
}

#[test]
fn a_configuration_may_take_the_place_of_another() {
    let mut follower = follower_with(&[&[1, 2, 3, 4]]);
    let other = membership_of([1, 2, 3, 5]);
    let effects = follower.receive(3, append_entries(2, at(0, 0), [membership_entry(2, &other)], 0));
    assert_eq!(effects.memberships(), [(1, &*other)]);
    assert_eq!(in_force(&follower), &other);
}

#[test]
fn a_truncation_after_the_configuration_leaves_it_in_force() {
    let mut follower = follower_with(&[&[1, 2, 3, 4]]);
    follower.receive(2, append(1, at(1, 1), [1, 1], 0));
    assert_eq!(follower.receive(3, append(2, at(2, 1), [2], 0)).memberships(), []);
    assert_eq!(in_force(&follower), &membership_of([1, 2, 3, 4]));
}

#[test]
fn of_several_configurations_in_one_append_the_last_is_in_force() {
    assert_eq!(in_force(&follower_with(&[&[1, 2], &[1, 2, 3], &[2, 3]])), &membership_of([2, 3]));
}

// The entry that holds after the rollback is no longer in the log.
#[test]
fn a_configuration_is_taken_back_to_one_that_was_compacted_away() {
    let mut follower = follower_with(&[&[1, 2, 3, 4], &[1, 2, 3, 4, 5]]);
    follower.receive(2, heartbeat(1, at(2, 1), 1));
    follower.snapshot_taken(1, 8);
    follower.persist();
    assert_eq!(follower.raft.log().base(), at(1, 1));
    follower.receive(3, append(2, at(1, 1), [2], 0));
    assert_eq!(in_force(&follower), &membership_of([1, 2, 3, 4]));
}

// Where no entry ever spoke of the members, the initial ones stay known beyond the compaction.
#[test]
fn a_configuration_is_taken_back_to_the_initial_one_across_a_compaction() {
    let mut follower = node().term(1).configured(|config| config.trailing_entries = 0).follower_of(2);
    let change = membership_entry(1, &membership_of([1, 2]));
    follower.receive(2, append_entries(1, at(0, 0), [entry(1), change], 1));
    follower.persist();
    follower.snapshot_taken(1, 8);
    follower.persist();
    follower.receive(3, append(2, at(1, 1), [2], 0));
    assert_eq!(in_force(&follower), &membership_of([1, 2, 3]));
}

#[test]
fn a_configuration_is_taken_back_to_that_of_an_installed_snapshot() {
    use tests::by_hand::messages::{install_snapshot, snapshot};
    let mut follower = node().term(1).follower_of(2);
    follower.receive(2, install_snapshot(1, &snapshot(at(5, 1), [1, 2, 3, 7], 1), 0, &[0]));
    follower.persist();
    let change = membership_entry(1, &membership_of([1, 2, 3]));
    follower.receive(2, append_entries(1, at(5, 1), [change], 5));
    assert_eq!(in_force(&follower), &membership_of([1, 2, 3]));
    follower.receive(3, append(2, at(5, 1), [2], 5));
    assert_eq!(in_force(&follower), &membership_of([1, 2, 3, 7]));
}

#[test]
fn a_snapshot_holds_the_members_at_its_end_and_not_later_ones() {
    let mut follower = follower_with(&[&[1, 2, 3, 4], &[1, 2, 3, 4, 5]]);
    follower.receive(2, heartbeat(1, at(2, 1), 1));
    follower.snapshot_taken(1, 8);
    let taken = follower.raft.snapshot().expect("it was just taken");
    assert_eq!(taken.membership, membership_of([1, 2, 3, 4]));
    assert_eq!(in_force(&follower), &membership_of([1, 2, 3, 4, 5]));
}

/// Server 1 leads three, is cut off, and writes down a change that nobody else has.
fn lonely_change(is_compacted: bool) -> Cluster {
    let mut cluster = Cluster::of(3).configured(|config| config.trailing_entries = 0);
    cluster.elect(1);
    if is_compacted {
        cluster.take_snapshot(1);
    }
    cluster.settle();
    cluster.partition(&[&[1], &[2, 3]]);
    cluster.change_membership(1, 7, &[add_voter(4)]);
    cluster.settle();
    cluster
}

#[test]
fn a_configuration_that_is_not_committed_survives_a_restart() {
    for is_compacted in [false, true] {
        let mut cluster = lonely_change(is_compacted);
        cluster.restart(1);
        assert_eq!(cluster.raft(1).membership(), &membership_of([1, 2, 3, 4]), "compacted: {is_compacted}");
    }
}

#[test]
fn a_configuration_is_taken_back_after_a_restart() {
    for is_compacted in [false, true] {
        let mut cluster = lonely_change(is_compacted);
        cluster.restart(1);
        cluster.elect(2);
        cluster.heal();
        cluster.beat(2);
        assert_eq!(cluster.log(1), cluster.log(2)[usize::from(is_compacted)..], "compacted: {is_compacted}");
        assert_eq!(cluster.raft(1).membership(), &membership_of([1, 2, 3]), "compacted: {is_compacted}");
    }
}

// With a margin the log still holds entries that the snapshot contains: they are history.
#[test]
fn entries_that_a_snapshot_contains_bring_no_older_members_back_after_a_restart() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.change_membership(1, 7, &[add_learner(4)]);
    cluster.settle();
    cluster.change_membership(1, 8, &[remove(4)]);
    cluster.settle();
    cluster.take_snapshot(1);
    cluster.settle();
    cluster.restart(1);
    assert_eq!(cluster.raft(1).log().base(), at(0, 0));
    assert_eq!(cluster.raft(1).membership(), &membership_of([1, 2, 3]));
    assert_eq!(cluster.raft(1).membership_index().0, 3, "that of the snapshot");
}

#[test]
fn a_leader_forgets_the_change_that_its_successor_overwrites() {
    let mut cluster = lonely_change(false);
    cluster.elect(2);
    cluster.heal();
    cluster.beat(2);
    assert_eq!(cluster.raft(1).membership(), &membership_of([1, 2, 3]));
}
