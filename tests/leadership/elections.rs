//! Facts of elections and of the writes they rest on that the paper does not spell out.

use raft_core::{Config, Input, MemberChange, NodeId, Payload, RoleName, Sequence};

use tests::by_hand::cluster::{Cluster, Order};
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, append, at, pre_vote_granted, refusal, request_vote, vote};

// §6: a candidate may count it as a voter by an entry that it has not got yet.
#[test]
fn a_learner_votes_when_it_is_asked() {
    let mut learner = node().id(4).configured(|config| config.learners = vec![NodeId(4)]).log([1]).follower();
    learner.receive(2, request_vote(2, at(1, 1)));
    assert_eq!(learner.persist().sends(), [(2, vote(2))]);
}

#[test]
fn a_learner_votes_by_the_rules() {
    let learner = || node().id(4).configured(|config| config.learners = vec![NodeId(4)]).log([1, 1]).term(2);
    assert_eq!(learner().follower().receive(2, request_vote(3, at(1, 1))).sends(), [(2, refusal(3))]);
    let mut has_voted = learner().voted_for(3).follower();
    assert_eq!(has_voted.receive(2, request_vote(2, at(2, 1))).sends(), [(2, refusal(2))]);
}

// Dissertation §4.2.2: the candidate counts it as a voter, and it does not know yet that it is one.
#[test]
fn a_learner_that_has_not_heard_of_its_promotion_helps_a_voter_to_win() {
    for is_pre_vote in [true, false] {
        let voters = |config: &mut Config| {
            config.voters = [1, 2].map(NodeId).to_vec();
            config.learners = vec![NodeId(3)];
            config.pre_vote = is_pre_vote;
        };
        let mut cluster = Cluster::of(3).configured(voters);
        cluster.elect(1);
        cluster.change_membership(1, 7, &[MemberChange::AddVoter(NodeId(3))]);
        cluster.persist(1);
        cluster.deliver_from_to(1, 2);
        cluster.persist(2);
        cluster.drop_all();
        cluster.crash(1);
        assert!(!cluster.raft(3).membership().is_voter(NodeId(3)) && cluster.raft(2).membership().is_voter(NodeId(3)));
        cluster.run_for_ms(2_000);
        assert_eq!(cluster.leaders(), [2], "pre-vote {is_pre_vote}");
        assert!(cluster.raft(3).membership().is_voter(NodeId(3)));
    }
}

#[test]
fn a_learner_that_is_asked_for_its_vote_does_not_begin_to_campaign() {
    let mut learner = node().id(4).configured(|config| config.learners = vec![NodeId(4)]).term(1).follower();
    learner.deadline();
    learner.receive(2, request_vote(2, at(0, 0)));
    learner.persist();
    assert_eq!(learner.raft.next_deadline(), None);
}

// Dissertation §4.1: the votes of those outside are not counted, nor those of learners.
#[test]
fn the_votes_of_learners_do_not_count() {
    let mut candidate = node().configured(|config| config.learners = vec![NodeId(4), NodeId(5)]).candidate();
    for learner in [4, 5, 9] {
        candidate.receive(learner, vote(1));
    }
    assert_eq!(candidate.role(), RoleName::Candidate);
    candidate.receive(2, vote(1));
    assert_eq!(candidate.role(), RoleName::Leader);
}

#[test]
fn learners_are_not_asked_for_votes() {
    let learners = |config: &mut Config| {
        config.learners = vec![NodeId(4)];
        config.pre_vote = true;
    };
    let mut server = node().configured(learners).follower();
    assert_eq!(server.deadline().receivers(), [2, 3]);
    server.receive(2, pre_vote_granted(1));
    assert_eq!(server.persist().receivers(), [2, 3]);
}

/// A follower whose latest membership is joint: half way from voters 1, 2, 3 to voters 1, 4, 5.
fn joint_candidate() -> LoneNode {
    let mut server = node().steady_leader();
    let added = [4, 5].map(|id| MemberChange::AddVoter(NodeId(id)));
    let removed = [2, 3].map(|id| MemberChange::Remove(NodeId(id)));
    server.change_membership(7, &[added, removed].concat());
    server.receive(2, refusal(2));
    server.persist();
    server.deadline();
    server
}

// Dissertation §4.3
#[test]
fn in_a_joint_configuration_both_halves_are_asked() {
    let mut server = joint_candidate();
    assert_eq!(server.persist().receivers(), [2, 3, 4, 5]);
}

// Dissertation §4.3
#[test]
fn in_a_joint_configuration_both_halves_must_elect() {
    for (granting, is_won) in [
        (vec![2, 4], true),
        (vec![3, 5], true),
        (vec![2, 3], false),
        (vec![4, 5], false),
        (vec![2], false),
        (vec![2, 3, 4], true),
    ] {
        let mut server = joint_candidate();
        server.persist();
        for voter in &granting {
            server.receive(*voter, vote(3));
        }
        assert_eq!(server.role() == RoleName::Leader, is_won, "{granting:?}");
    }
}

// The first entry of all says who the cluster began with: a server that is added later knows it only so.
#[test]
fn the_first_leader_of_all_begins_with_the_members() {
    let leader = node().new_leader();
    let first = leader.raft.log().entry(raft_core::LogIndex(1)).expect("a leader begins with an entry");
    assert!(matches!(&first.payload, Payload::Membership(members) if members.voters().count() == 3));
}

#[test]
fn elections_of_clusters_of_every_size_end_under_reordered_and_repeated_messages() {
    for size in 2..=7 {
        for order in [Order::OldestFirst, Order::NewestFirst] {
            let mut cluster = Cluster::of(size).with_defaults();
            cluster.deadline(1);
            cluster.deadline(2);
            cluster.settle_in(order, 2);
            assert!(cluster.leaders().len() <= 1, "{size} servers");
            cluster.run_for_ms(4_000);
            assert_eq!(cluster.leaders().len(), 1, "{size} servers");
        }
    }
}

#[test]
fn a_report_that_comes_again_or_late_changes_nothing() {
    let mut leader = node().steady_leader();
    leader.propose(7);
    leader.propose(8);
    let first = leader.raft.durable_index().0;
    leader.persist();
    assert_eq!(leader.durable(), first + 2);
    let before = leader.portrait();
    for sequence in 0..=3 {
        assert_eq!(leader.step(Input::Persisted { sequence: Sequence(sequence) }).0, []);
    }
    assert_eq!(leader.portrait(), before);
}

#[test]
fn writes_that_overlap_are_durable_one_after_the_other() {
    let mut follower = node().log([1]).follower_of(2);
    follower.receive(2, append(1, at(1, 1), [1, 1], 0));
    follower.receive(2, append(1, at(3, 1), [1], 0));
    assert_eq!((follower.writes_under_way(), follower.durable()), (2, 1));
    assert_eq!(follower.persist_oldest().sends(), [(2, accepted(1, 3))]);
    assert_eq!(follower.persist_oldest().sends(), [(2, accepted(1, 4))]);
}

#[test]
fn a_write_that_overlaps_a_truncation_vouches_for_nothing_that_is_gone() {
    let mut follower = node().log([1]).follower_of(2);
    follower.receive(2, append(1, at(1, 1), [1, 1], 0));
    follower.receive(3, append(2, at(1, 1), [2], 0));
    assert_eq!(follower.persist_oldest().sends(), [], "the term of the new leader is not durable");
    assert_eq!(follower.durable(), 1);
    assert_eq!(follower.persist_oldest().sends(), [(3, accepted(2, 2))]);
}

#[test]
fn a_follower_whose_disk_is_slow_stays_a_follower() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.stall_disk(3);
    for command in 1..=20 {
        cluster.propose(1, command);
        cluster.run_for_ms(100);
    }
    assert_eq!((cluster.role(3), cluster.term(3)), (RoleName::Follower, 1));
    cluster.resume_disk(3);
    cluster.run_for_ms(100);
    assert_eq!(cluster.applied(3), (1..=20).collect::<Vec<_>>());
}
