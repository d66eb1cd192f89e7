//! §5.3 and §5.4.2: when an entry is committed, who learns of it, and what is applied.

use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::node;
use tests::by_hand::messages::{accepted, append, at, heartbeat, vote};

// §5.3: "A log entry is committed once the leader that created the entry has replicated it on a majority of the servers"
#[test]
fn an_entry_commits_with_a_majority_in_clusters_of_every_size() {
    for voters in 1..=7 {
        for acknowledged in 0..voters {
            let mut leader = node().of(voters).steady_leader();
            leader.propose(7);
            leader.persist();
            for follower in 0..acknowledged {
                leader.receive(2 + follower, accepted(1, 2));
            }
            let is_majority = 2 * (acknowledged + 1) > voters;
            assert_eq!(leader.commit() == 2, is_majority, "{acknowledged} followers of {voters} voters");
        }
    }
}

// §5.3: a majority of servers, not of acknowledgements.
#[test]
fn an_acknowledgement_that_arrives_twice_counts_once() {
    let mut leader = node().of(5).steady_leader();
    leader.propose(7);
    leader.persist();
    (0..4).for_each(|_copy| drop(leader.receive(2, accepted(1, 2))));
    assert_eq!(leader.commit(), 1);
}

// §5.3: "This also commits all preceding entries in the leader's log, including entries created by previous leaders."
#[test]
fn earlier_entries_commit_with_a_later_one() {
    for log in [vec![], vec![2], vec![1, 2], vec![1, 1, 1]] {
        let mut leader = node().log(log).term(3).leader();
        let last = leader.last();
        let effects = leader.receive(2, accepted(3, last));
        assert_eq!((leader.commit(), effects.applies()), (last, vec![(1, last)]));
    }
}

// §5.4.2: "Raft never commits log entries from previous terms by counting replicas."
#[test]
fn an_entry_of_an_earlier_term_does_not_commit_by_counting() {
    let mut leader = node().log([1, 2]).term(3).leader();
    for follower in [2, 3] {
        leader.receive(follower, accepted(3, 1));
        leader.receive(follower, accepted(3, 2));
        assert_eq!(leader.commit(), 0);
    }
    leader.receive(2, accepted(3, 3));
    assert_eq!(leader.commit(), 3);
}

// §5.4.2: a quorum may hold different amounts; what the majority holds decides.
#[test]
fn the_commit_index_is_what_a_majority_holds() {
    let mut leader = node().of(5).steady_leader();
    (0..5).for_each(|command| drop(leader.propose(command)));
    leader.persist();
    for (follower, matched, commit) in [(2, 6, 1), (3, 3, 3), (4, 4, 4), (5, 6, 6)] {
        leader.receive(follower, accepted(1, matched));
        assert_eq!(leader.commit(), commit, "after {follower} has {matched}");
    }
}

// §5.4.2: "the new leader cannot determine commitment" before an entry of its own term is committed.
#[test]
fn nothing_commits_before_an_entry_of_the_new_term() {
    let mut cluster = Cluster::with_logs(&[&[1, 1], &[1, 1], &[1, 1]]);
    cluster.deadline(1);
    cluster.settle();
    assert_eq!(cluster.log(1), [1, 1, 2]);
    assert_eq!(cluster.commit(1), 3);
}

// §5.3: "Once a follower learns that a log entry is committed, it applies the entry to its local state machine"
#[test]
fn a_follower_applies_what_the_leader_has_committed() {
    let mut follower = node().log([1, 1, 1]).follower_of(2);
    assert_eq!(follower.receive(2, heartbeat(1, at(3, 1), 2)).applies(), [(1, 2)]);
    assert_eq!(follower.receive(2, heartbeat(1, at(3, 1), 3)).applies(), [(3, 3)]);
}

// Figure 2: "If leaderCommit > commitIndex, set commitIndex = min(leaderCommit, index of last new entry)"
#[test]
fn a_followers_commit_never_passes_its_last_new_entry() {
    // Predecessor, commit index of the leader: that of the follower with log [1, 1, 1].
    for (prev, leader_commit, expected) in [(3, 2, 2), (3, 3, 3), (3, 9, 3), (2, 3, 2), (1, 9, 1), (0, 9, 0)] {
        let mut follower = node().log([1, 1, 1]).term(2).follower();
        let prev = if prev == 0 { at(0, 0) } else { at(prev, 1) };
        follower.receive(2, heartbeat(2, prev, leader_commit));
        follower.persist();
        assert_eq!(follower.commit(), expected, "heartbeat after {prev:?}, commit {leader_commit}");
    }
}

// Figure 2
#[test]
fn the_entries_of_an_append_count_for_its_commit_index() {
    let mut follower = node().log([1, 1, 1]).term(2).follower();
    follower.receive(2, append(2, at(1, 1), [1], 9));
    assert_eq!(follower.commit(), 2, "the third entry was not vouched for");
}

// Figure 2: commitIndex "increases monotonically"
#[test]
fn an_older_append_does_not_take_the_commit_index_back() {
    let mut follower = node().log([1, 1, 1]).follower_of(2);
    follower.receive(2, heartbeat(1, at(3, 1), 3));
    let effects = follower.receive(2, heartbeat(1, at(1, 1), 1));
    assert_eq!((follower.commit(), effects.applies()), (3, vec![]));
}

// §5.3: a refused append proves nothing, so it commits nothing.
#[test]
fn a_refused_append_commits_nothing() {
    let mut follower = node().log([1, 1, 1]).term(2).follower();
    follower.receive(2, heartbeat(2, at(3, 2), 3));
    assert_eq!(follower.commit(), 0);
}

// §5.3: "The leader ... includes that index in future AppendEntries RPCs (including heartbeats)"
#[test]
fn the_next_append_tells_what_is_committed() {
    let mut leader = node().steady_leader();
    assert_eq!(leader.propose(7).appends_to(2)[0].leader_commit.0, 1);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.propose(8).appends_to(2)[0].leader_commit.0, 2);
}

// §5.3
#[test]
fn a_heartbeat_tells_what_is_committed() {
    let mut leader = node().steady_leader();
    assert_eq!(leader.deadline().appends_to(2)[0].leader_commit.0, 1);
}

// §5.3: a follower that missed the news of a commit hears it with the next heartbeat.
#[test]
fn a_lagging_commit_index_catches_up() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.settle();
    cluster.deadline(1);
    cluster.drop_all();
    assert_eq!((cluster.commit(1), cluster.commit(2)), (2, 1), "the heartbeat was lost");
    cluster.beat(1);
    assert_eq!((cluster.commit(2), cluster.commit(3)), (2, 2));
}

// Figure 2: "If commitIndex > lastApplied: increment lastApplied, apply": each entry once and in order
#[test]
fn entries_are_applied_once_and_in_order() {
    let mut cluster = Cluster::of(3).one_entry_per_append();
    cluster.elect(1);
    for command in 10..15 {
        cluster.propose(1, command);
    }
    cluster.settle();
    cluster.beat(1);
    cluster.beat(1);
    for id in cluster.ids() {
        assert_eq!(cluster.applied(id), [10, 11, 12, 13, 14], "server {id}");
    }
}

// Figure 2: commitIndex and lastApplied are volatile; a server that restarts applies its log anew.
#[test]
fn a_server_that_restarts_knows_of_no_commit() {
    let server = node().log([1, 1, 1]).follower();
    assert_eq!((server.commit(), server.raft.last_applied().0), (0, 0));
}

// §5.3: a new leader's commit index is what it knew as a follower, until its own first entry commits.
#[test]
fn a_new_leader_keeps_what_it_knew_to_be_committed() {
    let mut server = node().log([1, 1]).follower_of(2);
    server.receive(2, heartbeat(1, at(2, 1), 1));
    server.deadline();
    server.persist();
    let appends = server.receive(3, vote(2)).appends_to(2);
    assert_eq!((server.commit(), appends[0].leader_commit.0), (1, 1));
}

// §5.3: a minority commits nothing, however long it waits.
#[test]
fn a_leader_cut_off_from_its_majority_commits_nothing() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3, 4, 5]]);
    cluster.propose(1, 7);
    cluster.settle();
    cluster.beat(1);
    assert_eq!((cluster.log(2), cluster.commit(1)), (vec![1, 1], 1));
}

// §5.3, with an even number: half is no majority.
#[test]
fn half_of_the_servers_commit_nothing() {
    let mut cluster = Cluster::of(4);
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3, 4]]);
    cluster.propose(1, 7);
    cluster.settle();
    assert_eq!(cluster.commit(1), 1);
}
