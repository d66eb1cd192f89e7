//! Figures 6, 7 and 8 of the paper, as they are drawn.
//!
//! This core's leaders start a term with an entry of their own (§8), so the first entry of each term in a figure is
//! that one here.

use raft_core::RoleName;

use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{bring_in_line, node};
use tests::by_hand::messages::{accepted, refusal, vote};

/// Figure 7: the leader for term 8.
const LEADER: [u64; 10] = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];

/// Figure 7: what its followers may hold.
const FOLLOWERS: [(char, &[u64]); 6] = [
    ('a', &[1, 1, 1, 4, 4, 5, 5, 6, 6]),
    ('b', &[1, 1, 1, 4]),
    ('c', &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]),
    ('d', &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]),
    ('e', &[1, 1, 1, 4, 4, 4, 4]),
    ('f', &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]),
];

// Figure 6: of eight entries in the leader's log, seven are on three of five servers.
#[test]
fn figure_6_commits_seven_entries() {
    let mut leader = node().of(5).log([1, 1, 1, 2]).term(3).leader();
    (6..=8).for_each(|command| drop(leader.propose(command)));
    leader.persist();
    assert_eq!(leader.log(), [1, 1, 1, 2, 3, 3, 3, 3]);
    for (follower, length) in [(2, 5), (3, 8), (4, 2), (5, 7)] {
        leader.receive(follower, accepted(3, length));
    }
    assert_eq!(leader.commit(), 7);
}

// Figure 7: "When the leader at the top comes to power, it is possible that any of scenarios (a-f) could occur"
#[test]
fn figure_7_every_follower_is_brought_in_line() {
    for (name, log) in FOLLOWERS {
        let mut leader = node().log(LEADER).term(8).leader();
        let mut follower = node().id(2).log(log).follower();
        bring_in_line(&mut leader, &mut follower);
        assert_eq!(follower.log(), leader.log(), "({name})");
    }
}

// Figure 7 and §5.3: "one AppendEntries RPC will be required for each term with conflicting entries"
#[test]
fn figure_7_takes_at_most_a_refusal_for_each_conflicting_term() {
    let expected = [('a', 1), ('b', 1), ('c', 0), ('d', 0), ('e', 1), ('f', 1)];
    for ((name, log), (_, refusals)) in FOLLOWERS.into_iter().zip(expected) {
        let mut leader = node().log(LEADER).term(8).leader();
        let mut follower = node().id(2).log(log).follower();
        assert_eq!(bring_in_line(&mut leader, &mut follower), refusals, "({name})");
    }
}

// Figure 7 and §5.4.1: who would have voted for that leader. With its own vote, a, b, e and f are a majority of seven.
#[test]
fn figure_7_the_leader_has_the_votes_of_all_but_the_longer_logs() {
    for (name, log) in FOLLOWERS {
        let mut candidate = node().log(LEADER).term(8).candidate_with_unwritten_vote();
        let request = candidate.persist().sends_to(2).remove(0);
        let mut voter = node().id(2).log(log).term(7).follower();
        let mut effects = voter.receive(1, request);
        effects.0.extend(voter.persist().0);
        let expected = if matches!(name, 'c' | 'd') { refusal(8) } else { vote(8) };
        assert_eq!(effects.sends(), [(1, expected)], "({name})");
    }
}

// Figure 7, all at once: "the leader ... forcing the followers' logs to duplicate its own"
#[test]
fn figure_7_a_cluster_ends_with_one_log() {
    let logs: Vec<&[u64]> = std::iter::once(LEADER.as_slice()).chain(FOLLOWERS.map(|(_, log)| log)).collect();
    let mut cluster = Cluster::with_logs(&logs);
    cluster.elect(1);
    cluster.beat(1);
    for id in cluster.ids() {
        assert_eq!(cluster.log(id)[..LEADER.len()], LEADER, "server {id}");
        assert_eq!(cluster.log(id), cluster.log(1), "server {id}");
        assert_eq!(cluster.commit(id), cluster.commit(1), "server {id}");
    }
}

/// Figure 8 up to (c): S1 led term 2 and reached S2 only, S5 led term 3 and reached nobody, and S1 leads again in
/// term 4: its entry of term 2 is now on a majority (S1, S2, S3), and nothing of term 4 is on any other server.
fn figure_8_c() -> Cluster {
    let mut cluster = Cluster::with_logs(&[&[1], &[1], &[1], &[1], &[1]]).one_entry_per_append();
    // (a) S1 is the leader of term 2. Its entry at index 2 reaches S2.
    cluster.elect_by(1, [3, 2]);
    cluster.deliver_from_to(1, 2);
    cluster.persist(2);
    cluster.drop_all();
    assert_eq!((cluster.role(1), cluster.log(1), cluster.log(2)), (RoleName::Leader, vec![1, 2], vec![1, 2]));
    // (b) S1 crashes. S5 is elected for term 3 with the votes of S3 and S4, and its entry at index 2 reaches nobody.
    cluster.crash(1);
    cluster.partition(&[&[3, 4, 5]]);
    // S5's first campaign is in term 2, in which S3 has voted for S1.
    cluster.elect_by(5, [3, 4]);
    cluster.drop_all();
    assert_eq!((cluster.term(5), cluster.log(5), cluster.log(3)), (3, vec![1, 3], vec![1]));
    // (c) S5 crashes. S1 restarts, is elected for term 4 with the votes of S2 and S3, and goes on replicating.
    cluster.crash(5);
    cluster.restart(1);
    cluster.partition(&[&[1, 2, 3]]);
    cluster.elect_by(1, [2, 3]);
    assert_eq!((cluster.term(1), cluster.log(1)), (4, vec![1, 2, 4]));
    // S3 refuses what follows index 2, and gets index 2: one entry an append.
    cluster.deliver_from_to(1, 3);
    cluster.deliver_from_to(3, 1);
    cluster.deliver_from_to(1, 3);
    cluster.persist(3);
    cluster.deliver_from_to(3, 1);
    cluster.drop_all();
    assert_eq!((cluster.log(2), cluster.log(3)), (vec![1, 2], vec![1, 2]));
    cluster
}

// Figure 8 (c): "the log entry from term 2 has been replicated on a majority of the servers, but it is not committed"
#[test]
fn figure_8_c_an_old_entry_on_a_majority_is_not_committed() {
    let cluster = figure_8_c();
    assert_eq!(cluster.raft(1).progress().find(|(id, _)| id.0 == 3).map(|(_, p)| p.match_index().0), Some(2));
    assert_eq!(cluster.commit(1), 0);
}

// Figure 8 (d): "If S1 crashes as in (d), S5 could be elected leader (with votes from S2, S3, and S4) and overwrite the
// entry with its own entry from term 3."
#[test]
fn figure_8_d_the_old_entry_is_overwritten() {
    let mut cluster = figure_8_c();
    cluster.crash(1);
    cluster.restart(5);
    cluster.partition(&[&[2, 3, 4, 5]]);
    cluster.elect(5);
    cluster.heal();
    cluster.restart(1);
    cluster.beat(5);
    for id in cluster.ids() {
        assert_eq!(cluster.log(id)[..2], [1, 3], "server {id}");
        assert_eq!(cluster.log(id), cluster.log(5), "server {id}");
    }
    assert_eq!(cluster.commit(5), 3);
}

// Figure 8 (e): "if S1 replicates an entry from its current term on a majority of the servers before crashing, as in
// (e), then this entry is committed (S5 cannot win an election)."
#[test]
fn figure_8_e_an_entry_of_the_own_term_commits_the_old_one() {
    let mut cluster = figure_8_c();
    cluster.beat(1);
    assert_eq!((cluster.log(2), cluster.log(3), cluster.commit(1)), (vec![1, 2, 4], vec![1, 2, 4], 3));
    cluster.crash(1);
    cluster.restart(5);
    cluster.partition(&[&[2, 3, 4, 5]]);
    for _campaign in 0..5 {
        cluster.deadline(5);
        cluster.settle();
        assert_ne!(cluster.role(5), RoleName::Leader);
    }
    cluster.elect(2);
    cluster.beat(2);
    assert_eq!(cluster.log(5)[..3], [1, 2, 4]);
}
