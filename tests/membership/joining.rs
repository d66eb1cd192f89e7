//! §4.1: who the members are is in the log, from its first entry on; a server that is added knows nobody before.

use raft_core::{Config, Membership, NodeId, Payload, Raft, Restored, RoleName, Time};
use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{Builder, node};
use tests::by_hand::messages::{
    Command, accepted, add_learner, add_voter, append_entries, at, heartbeat, membership_entry, membership_of,
    request_vote, timeout_now, vote,
};

/// Server 4, which knows nobody.
fn joiner() -> Builder {
    node().id(4).configured(|config| config.voters.clear())
}

#[test]
fn the_first_entry_of_an_empty_log_names_the_initial_members() {
    let leader = node().configured(|config| config.learners = vec![NodeId(9)]).leader();
    let first = leader.raft.log().entry(raft_core::LogIndex(1)).map(|entry| entry.payload.clone());
    let initial = Membership::new([1, 2, 3].map(NodeId), [NodeId(9)]).expect("each once");
    assert_eq!(first, Some(Payload::Membership(initial.into())));
}

#[test]
fn the_first_entry_of_a_later_leader_says_nothing_of_members() {
    let leader = node().log([1]).leader();
    assert_eq!(leader.raft.log().entry(raft_core::LogIndex(2)).map(|entry| entry.payload.clone()), Some(Payload::Noop));
}

#[test]
fn a_leader_behind_a_compacted_log_does_not_name_the_initial_members_again() {
    let taken = tests::by_hand::messages::snapshot(at(5, 1), [1, 2, 3], 8);
    let leader = node().snapshot(taken).leader();
    assert_eq!(leader.raft.log().entry(raft_core::LogIndex(6)).map(|entry| entry.payload.clone()), Some(Payload::Noop));
}

#[test]
fn a_joiner_learns_the_members_from_the_first_entry() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.join(4);
    assert_eq!(**cluster.raft(4).membership(), Membership::default());
    cluster.change_membership(1, 7, &[add_voter(4)]);
    cluster.settle();
    cluster.beat(1);
    assert_eq!(cluster.raft(4).membership(), &membership_of([1, 2, 3, 4]));
}

// Up to the entry that adds it, the joiner goes by those before: here only the initial members have come.
#[test]
fn a_joiner_goes_by_what_has_come_of_the_log() {
    let mut joiner = joiner().follower();
    let effects = joiner.receive(2, append_entries(1, at(0, 0), [membership_entry(1, &membership_of([1, 2, 3]))], 1));
    assert_eq!(effects.memberships(), [(1, &*membership_of([1, 2, 3]))]);
    joiner.persist();
    joiner.deadline();
    assert_eq!((joiner.role(), joiner.raft.next_deadline()), (RoleName::Follower, None));
}

#[test]
fn a_joiner_that_nobody_adds_never_campaigns() {
    let mut joiner = joiner().follower();
    assert_eq!(joiner.deadline().sends(), []);
    assert_eq!((joiner.role(), joiner.term(), joiner.raft.next_deadline()), (RoleName::Follower, 0, None));
}

#[test]
fn a_joiner_that_hears_a_leader_without_entries_does_not_campaign() {
    let mut joiner = joiner().follower();
    joiner.receive(2, heartbeat(1, at(0, 0), 0));
    joiner.persist();
    joiner.deadline();
    assert_eq!((joiner.role(), joiner.raft.next_deadline()), (RoleName::Follower, None));
    joiner.receive(2, timeout_now(1));
    assert_eq!((joiner.role(), joiner.term()), (RoleName::Follower, 1));
}

// §4.2.1 in its extreme: the cluster may need the vote of a server that has not heard of anything.
#[test]
fn a_joiner_votes_for_whoever_asks() {
    let mut joiner = joiner().follower();
    joiner.receive(2, request_vote(2, at(5, 1)));
    assert_eq!(joiner.persist().sends(), [(2, vote(2))]);
}

#[test]
fn the_configuration_for_joining_names_nobody() {
    let config = Config::joining(NodeId(4));
    assert_eq!((config.id, config.voters.len(), config.learners.len()), (NodeId(4), 0, 0));
    let rng: rand_chacha::ChaCha8Rng = rand_chacha::rand_core::SeedableRng::seed_from_u64(1);
    let raft: Raft<Command> = Raft::new(&config, Restored::default(), Time(0), rng).expect("it may start");
    assert_eq!(raft.membership().members(), []);
}

#[test]
fn a_joiner_completes_a_quorum() {
    let mut cluster = Cluster::of(2);
    cluster.elect(1);
    cluster.join(3);
    cluster.change_membership(1, 7, &[add_voter(3)]);
    cluster.settle();
    cluster.beat(1);
    cluster.partition(&[&[1, 3], &[2]]);
    cluster.propose(1, 5);
    cluster.settle();
    assert_eq!(cluster.applied(1), [5]);
    cluster.crash(1);
    cluster.heal();
    cluster.elect(3);
}

#[test]
fn a_cluster_grows_from_one_to_five_and_back() {
    let mut cluster = Cluster::of(1);
    cluster.elect(1);
    for id in 2..=5 {
        cluster.join(id);
        cluster.change_membership(1, id, &[add_voter(id)]);
        cluster.settle();
        cluster.beat(1);
        cluster.beat(1);
        assert_eq!(cluster.raft(id).membership(), &membership_of(1..=id), "with {id}");
    }
    for id in (2..=5).rev() {
        cluster.change_membership(1, 10 + id, &[tests::by_hand::messages::remove(id)]);
        cluster.settle();
        assert_eq!(cluster.commit(1), cluster.raft(1).log().last_index().0, "without {id}");
    }
    assert_eq!(cluster.raft(1).membership(), &membership_of([1]));
}

#[test]
fn a_joiner_that_is_to_learn_is_sent_the_log_from_its_start() {
    let mut leader = node().log([1, 1, 1]).steady_leader();
    leader.change_membership(7, &[add_learner(4)]);
    leader.persist();
    leader.deadline();
    let refusal = tests::by_hand::messages::conflict(2, 5, at(0, 0));
    let appends = leader.receive(4, refusal).appends_to(4);
    assert_eq!((appends[0].prev, appends[0].entries.len()), (at(0, 0), 5));
    leader.receive(4, accepted(2, 5));
    assert_eq!(leader.progress_of(4), (5, 6));
}
