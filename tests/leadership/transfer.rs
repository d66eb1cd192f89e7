//! Dissertation §3.10: a leader hands over to a server that is to lead in its place.

use std::time::Duration;

use raft_core::{
    Config, Input, MemberChange, Message, NodeId, ProposalOutcome, RejectReason, RequestVote, RoleName, Term, Time,
    TransferOutcome, TransferReject,
};

use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{
    Command, accepted, at, heard, heartbeat, pre_vote, refusal, request_vote, timeout_now, vote,
};

const LONGEST: Duration = Duration::from_millis(300);

/// A leader in term 1 that has committed one entry, and whose followers 2 and 3 hold it.
fn leader() -> LoneNode {
    node().with_defaults().steady_leader()
}

fn rejected(reason: TransferReject) -> TransferOutcome {
    TransferOutcome::Rejected(reason)
}

/// Whether `messages` ask to take over.
fn asks_to_take_over(messages: &[Message<Command>]) -> bool {
    messages.iter().any(|message| matches!(message, Message::TimeoutNow(_)))
}

#[test]
fn a_follower_that_has_the_whole_log_is_asked_at_once() {
    assert_eq!(leader().transfer_leadership(2).sends(), [(2, timeout_now(1))]);
}

#[test]
fn a_follower_that_lacks_anything_is_asked_once_it_has_the_whole_log() {
    let mut leader = leader();
    leader.propose(7);
    leader.propose(8);
    leader.persist();
    assert_eq!(leader.transfer_leadership(2).sends(), []);
    assert!(!asks_to_take_over(&leader.receive(3, accepted(1, 3)).sends_to(3)), "another has it");
    assert!(!asks_to_take_over(&leader.receive(2, accepted(1, 2)).sends_to(2)), "one is missing");
    assert!(asks_to_take_over(&leader.receive(2, accepted(1, 3)).sends_to(2)));
}

// What is committed is not enough: the target could be refused by whoever has more.
#[test]
fn a_follower_that_lacks_something_uncommitted_is_not_asked_yet() {
    let mut leader = leader();
    leader.propose(7);
    assert_eq!(leader.commit(), leader.last() - 1);
    assert_eq!(leader.transfer_leadership(2).sends(), []);
}

#[test]
fn a_request_to_take_over_that_was_lost_is_repeated_with_the_next_answer() {
    let mut leader = leader();
    leader.transfer_leadership(2);
    assert!(asks_to_take_over(&leader.receive(2, accepted(1, 1)).sends_to(2)));
}

#[test]
fn the_target_leads_in_the_next_term_and_the_old_leader_follows_it() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.transfer_leadership(1, 2);
    cluster.settle();
    assert_eq!((cluster.leaders(), cluster.term(2)), (vec![2], 2));
    assert_eq!(cluster.raft(1).leader(), Some(NodeId(2)));
    assert_eq!(cluster.transfer_outcomes(1), [(2, TransferOutcome::SteppedDown)]);
}

#[test]
fn a_slow_follower_is_caught_up_first() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.partition(&[&[1, 3], &[2]]);
    for command in [7, 8, 9] {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster.heal();
    cluster.transfer_leadership(1, 2);
    cluster.settle();
    assert_eq!(cluster.leaders(), [1], "2 has not even heard of it");
    cluster.run_for_ms(200);
    assert_eq!(cluster.leaders(), [2]);
    assert_eq!(cluster.applied(2), [7, 8, 9]);
}

#[test]
fn a_follower_that_needs_a_snapshot_is_caught_up_first() {
    let mut cluster = Cluster::of(3).with_defaults().configured(|config| config.trailing_entries = 0);
    cluster.elect(1);
    cluster.partition(&[&[1, 3], &[2]]);
    for command in [7, 8, 9] {
        cluster.propose(1, command);
        cluster.settle();
    }
    cluster.take_snapshot(1);
    cluster.heal();
    cluster.transfer_leadership(1, 2);
    cluster.run_for_ms(200);
    assert_eq!(cluster.leaders(), [2]);
    assert_eq!((cluster.applied(2), cluster.restored_snapshots(2).len()), ([7, 8, 9].as_slice(), 1));
}

#[test]
fn what_was_proposed_before_the_transfer_is_committed() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.transfer_leadership(1, 2);
    cluster.settle();
    assert_eq!(cluster.leaders(), [2]);
    assert!(matches!(cluster.outcomes(1), [(7, ProposalOutcome::Committed { .. })]));
}

#[test]
fn only_a_voter_can_take_over() {
    let mut leader = node().configured(|config| config.learners = vec![NodeId(4)]).steady_leader();
    for target in [4, 9] {
        let effects = leader.transfer_leadership(target);
        assert_eq!(effects.transfer_outcomes(), [(target, rejected(TransferReject::NotAVoter))]);
        assert_eq!(effects.0.len(), 1, "and nothing else happens");
    }
    assert_eq!(leader.raft.status().transfer_to, None);
}

#[test]
fn a_leader_does_not_hand_over_to_itself() {
    let outcomes = leader().transfer_leadership(1).transfer_outcomes();
    assert_eq!(outcomes, [(1, rejected(TransferReject::AlreadyLeader))]);
}

#[test]
fn whoever_does_not_lead_refuses_and_names_the_leader_that_it_knows() {
    let with_defaults = || node().with_defaults().term(4);
    for (mut server, leader) in [
        (with_defaults().follower_of(3), Some(NodeId(3))),
        (with_defaults().follower(), None),
        (with_defaults().pre_candidate(), None),
        (with_defaults().candidate(), None),
    ] {
        let effects = server.transfer_leadership(2);
        assert_eq!(effects.transfer_outcomes(), [(2, rejected(TransferReject::NotLeader { leader }))]);
        assert_eq!(effects.0.len(), 1, "and nothing else happens");
    }
}

/// What becomes of a proposal at once: `None` where it is taken.
fn refusal_of_a_proposal(leader: &mut LoneNode) -> Option<RejectReason> {
    match leader.propose(7).outcomes()[..] {
        [] => None,
        [(7, ProposalOutcome::Rejected(reason))] => Some(reason),
        ref outcomes => panic!("{outcomes:?}"),
    }
}

#[test]
fn proposals_are_refused_while_a_transfer_is_under_way() {
    let mut leader = leader();
    leader.transfer_leadership(2);
    let refused = Some(RejectReason::TransferInProgress { to: NodeId(2) });
    assert_eq!(refusal_of_a_proposal(&mut leader), refused);
    assert_eq!(leader.last(), 1, "the target has less to catch up with");
    leader.receive(2, accepted(1, 1));
    assert_eq!(refusal_of_a_proposal(&mut leader), refused);
}

/// Lets `span` pass, hearing from 2 and 3 shortly before its end.
fn wait(leader: &mut LoneNode, span: Duration) {
    let end = leader.now.0 + u64::try_from(span.as_nanos()).expect("a short time");
    leader.now = Time(end - 1_000);
    leader.receive(2, heard(1));
    leader.receive(3, heard(1));
    leader.now = Time(end);
}

#[test]
fn a_transfer_ends_after_the_longest_election_timeout_and_not_before() {
    let mut leader = leader();
    wait(&mut leader, Duration::from_millis(10));
    leader.transfer_leadership(2);
    wait(&mut leader, LONGEST - Duration::from_nanos(1));
    assert_eq!(leader.step(Input::DeadlineReached).transfer_outcomes(), []);
    assert_eq!(leader.raft.status().transfer_to, Some(NodeId(2)));
    assert_eq!(leader.patience(), Duration::from_nanos(1), "it waits for this");
    leader.now.0 += 1;
    let outcomes = leader.step(Input::DeadlineReached).transfer_outcomes();
    assert_eq!(outcomes, [(2, TransferOutcome::TimedOut)]);
    assert_eq!((leader.role(), leader.raft.status().transfer_to), (RoleName::Leader, None));
}

#[test]
fn proposals_are_taken_again_after_the_transfer_has_timed_out() {
    let mut leader = leader();
    leader.transfer_leadership(2);
    wait(&mut leader, LONGEST);
    leader.step(Input::DeadlineReached);
    assert_eq!(refusal_of_a_proposal(&mut leader), None);
}

#[test]
fn a_transfer_that_has_timed_out_is_not_pursued() {
    let mut leader = leader();
    leader.propose(7);
    leader.persist();
    leader.transfer_leadership(2);
    wait(&mut leader, LONGEST);
    leader.step(Input::DeadlineReached);
    assert!(!asks_to_take_over(&leader.receive(2, accepted(1, 2)).sends_to(2)));
}

#[test]
fn a_leader_whose_target_is_dead_goes_on_leading() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.crash(2);
    cluster.transfer_leadership(1, 2);
    cluster.run_for_ms(1_000);
    assert_eq!(cluster.transfer_outcomes(1), [(2, TransferOutcome::TimedOut)]);
    cluster.propose(1, 7);
    cluster.settle();
    assert_eq!((cluster.leaders(), cluster.term(1), cluster.applied(1)), (vec![1], 1, [7].as_slice()));
}

#[test]
fn a_leader_that_is_deposed_ends_its_transfer() {
    let mut leader = leader();
    leader.transfer_leadership(2);
    assert_eq!(leader.receive(3, refusal(2)).transfer_outcomes(), [(2, TransferOutcome::SteppedDown)]);
    assert_eq!(leader.raft.status().transfer_to, None);
}

#[test]
fn a_leader_that_lacks_its_quorum_ends_its_transfer() {
    let mut leader = leader();
    leader.wait_ms(100);
    leader.transfer_leadership(2);
    leader.wait_ms(200);
    let outcomes = leader.step(Input::DeadlineReached).transfer_outcomes();
    assert_eq!((leader.role(), outcomes), (RoleName::Follower, vec![(2, TransferOutcome::SteppedDown)]));
}

#[test]
fn the_next_leadership_knows_nothing_of_the_transfer() {
    let mut leader = leader();
    leader.transfer_leadership(2);
    leader.receive(3, refusal(2));
    leader.persist();
    leader.deadline();
    leader.receive(3, Message::PreVoteReply(raft_core::PreVoteReply { term: Term(3), granted: true }));
    leader.persist();
    leader.receive(3, vote(3));
    assert_eq!((leader.role(), leader.raft.status().transfer_to), (RoleName::Leader, None));
    assert_eq!(refusal_of_a_proposal(&mut leader), None);
}

#[test]
fn a_second_request_replaces_the_first() {
    for second in [3, 2] {
        let mut leader = leader();
        leader.transfer_leadership(2);
        let effects = leader.transfer_leadership(second);
        assert_eq!(effects.transfer_outcomes(), [(2, TransferOutcome::Replaced)]);
        assert_eq!(effects.sends(), [(second, timeout_now(1))]);
        assert_eq!(leader.raft.status().transfer_to, Some(NodeId(second)));
    }
}

#[test]
fn a_second_request_has_the_whole_time_to_itself() {
    let mut leader = leader();
    leader.transfer_leadership(2);
    wait(&mut leader, Duration::from_millis(200));
    leader.transfer_leadership(3);
    wait(&mut leader, LONGEST - Duration::from_nanos(1));
    assert_eq!(leader.step(Input::DeadlineReached).transfer_outcomes(), []);
    leader.now.0 += 1;
    assert_eq!(leader.step(Input::DeadlineReached).transfer_outcomes(), [(3, TransferOutcome::TimedOut)]);
}

#[test]
fn a_target_that_was_replaced_is_not_asked_any_more() {
    let mut leader = leader();
    leader.propose(7);
    leader.persist();
    leader.transfer_leadership(2);
    leader.transfer_leadership(3);
    assert!(!asks_to_take_over(&leader.receive(2, accepted(1, 2)).sends_to(2)));
    assert!(asks_to_take_over(&leader.receive(3, accepted(1, 2)).sends_to(3)));
}

#[test]
fn a_request_that_is_refused_leaves_the_one_under_way_alone() {
    let mut leader = leader();
    leader.transfer_leadership(2);
    for target in [1, 9] {
        assert_eq!(leader.transfer_leadership(target).transfer_outcomes().len(), 1);
    }
    assert_eq!(leader.raft.status().transfer_to, Some(NodeId(2)));
}

#[test]
fn every_request_ends_in_exactly_one_outcome() {
    let mut cluster = Cluster::of(4).with_defaults();
    cluster.elect(1);
    cluster.partition(&[&[1, 4], &[2, 3]]);
    let requests = [2, 3, 3, 1, 9, 2];
    for target in requests {
        cluster.transfer_leadership(1, target);
    }
    cluster.run_for_ms(2_000);
    use TransferOutcome::{Replaced, SteppedDown};
    let expected = [
        (2, Replaced),
        (3, Replaced),
        (1, rejected(TransferReject::AlreadyLeader)),
        (9, rejected(TransferReject::NotAVoter)),
        (3, Replaced),
        (2, SteppedDown),
    ];
    assert_eq!(cluster.transfer_outcomes(1), expected);
}

#[test]
fn the_members_stay_as_they_are_while_a_transfer_is_under_way() {
    let mut leader = leader();
    leader.transfer_leadership(2);
    for change in [MemberChange::Remove(NodeId(2)), MemberChange::AddLearner(NodeId(2))] {
        let refused = ProposalOutcome::Rejected(RejectReason::TransferInProgress { to: NodeId(2) });
        assert_eq!(leader.change_membership(5, &[change]).outcomes(), [(5, refused)]);
    }
}

// Half way from voters 1, 2, 3 to voters 1, 3, 4, 5.
#[test]
fn in_a_joint_configuration_a_new_voter_can_take_over_and_an_outgoing_one_cannot() {
    let mut leader = leader();
    let changes =
        [MemberChange::Remove(NodeId(2)), MemberChange::AddVoter(NodeId(4)), MemberChange::AddVoter(NodeId(5))];
    leader.change_membership(5, &changes);
    let refused = leader.transfer_leadership(2).transfer_outcomes();
    assert_eq!(refused, [(2, rejected(TransferReject::NotAVoter))]);
    assert_eq!(leader.transfer_leadership(4).transfer_outcomes(), []);
    assert_eq!(leader.raft.status().transfer_to, Some(NodeId(4)));
}

#[test]
fn a_target_leads_though_its_joint_configuration_is_left_meanwhile() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.join(4);
    cluster.join(5);
    cluster.change_membership(1, 5, &[MemberChange::AddVoter(NodeId(4)), MemberChange::AddVoter(NodeId(5))]);
    assert!(cluster.raft(1).membership().is_joint());
    cluster.transfer_leadership(1, 4);
    cluster.run_for_ms(250);
    assert_eq!(cluster.leaders(), [4]);
    assert!(!cluster.raft(4).membership().is_joint());
    assert_eq!(cluster.transfer_outcomes(1), [(4, TransferOutcome::SteppedDown)]);
}

/// A follower of 2 in term 4, with an entry of term 1.
fn target() -> LoneNode {
    node().with_defaults().log([1]).term(4).follower_of(2)
}

#[test]
fn the_target_campaigns_at_once_and_without_pre_votes() {
    let mut target = target();
    target.receive(2, timeout_now(4));
    assert_eq!((target.role(), target.term()), (RoleName::Candidate, 5));
    let (term, last) = (Term(5), at(1, 1));
    let request = Message::RequestVote(RequestVote { term, last, priority: 0, is_transfer: true });
    assert_eq!(target.persist().sends(), [(2, request.clone()), (3, request)]);
}

#[test]
fn a_target_that_asks_for_pre_votes_already_campaigns_too() {
    let mut target = node().with_defaults().term(4).pre_candidate();
    target.receive(2, timeout_now(4));
    assert_eq!((target.role(), target.term()), (RoleName::Candidate, 5));
}

#[test]
fn a_single_request_to_take_over_starts_one_campaign() {
    let mut target = target();
    target.receive(2, timeout_now(4));
    target.persist();
    let before = target.portrait();
    assert_eq!(target.receive(2, timeout_now(4)).0, []);
    assert_eq!(target.portrait(), before);
    target.receive(2, vote(5));
    let before = target.portrait();
    assert_eq!(target.receive(2, timeout_now(4)).0, []);
    assert_eq!((target.role(), target.portrait()), (RoleName::Leader, before));
}

#[test]
fn a_request_to_take_over_of_an_old_term_does_nothing() {
    let with_defaults = || node().with_defaults().term(4);
    for mut server in
        [target(), with_defaults().pre_candidate(), with_defaults().candidate(), with_defaults().steady_leader()]
    {
        let before = server.portrait();
        assert_eq!(server.receive(2, timeout_now(3)).0, []);
        assert_eq!(server.portrait(), before);
    }
}

#[test]
fn a_learner_does_not_take_over() {
    let learner = |config: &mut Config| config.learners = vec![NodeId(4)];
    let mut server = node().id(4).configured(learner).term(4).follower_of(2);
    let before = server.portrait();
    assert_eq!(server.receive(2, timeout_now(4)).0, []);
    assert_eq!(server.portrait(), before);
}

#[test]
fn a_target_that_is_not_elected_goes_on_like_anybody() {
    let mut target = target();
    target.receive(2, timeout_now(4));
    target.persist();
    target.receive(2, refusal(5));
    assert_eq!(target.deadline().sends_to(3), [pre_vote(6, at(1, 1))]);
    target.receive(3, Message::PreVoteReply(raft_core::PreVoteReply { term: Term(6), granted: true }));
    assert_eq!(target.persist().sends_to(3), [request_vote(6, at(1, 1))], "nobody wants this one");
}

#[test]
fn a_target_that_hears_of_another_leader_gives_up() {
    let mut target = target();
    target.receive(2, timeout_now(4));
    target.persist();
    target.receive(3, heartbeat(5, at(1, 1), 0));
    assert_eq!((target.role(), target.leader()), (RoleName::Follower, Some(3)));
}

#[test]
fn leadership_can_be_handed_round() {
    let mut cluster = Cluster::of(5).with_defaults();
    cluster.elect(1);
    for (from, to) in [(1, 2), (2, 3), (3, 4), (4, 5), (5, 1)] {
        cluster.transfer_leadership(from, to);
        cluster.settle();
        assert_eq!(cluster.leaders(), [to]);
        cluster.propose(to, to);
        cluster.settle();
    }
    cluster.beat(1);
    assert_eq!(cluster.applied(4), [2, 3, 4, 5, 1]);
}

// Dissertation §4.2.1: the learner has nothing new to say meanwhile.
#[test]
fn a_transfer_that_fails_does_not_hold_up_a_promotion_for_good() {
    let mut leader = leader();
    leader.change_membership(5, &[MemberChange::AddVoterOnceCaughtUp(NodeId(4))]);
    leader.persist();
    leader.receive(3, accepted(1, 2));
    leader.transfer_leadership(2);
    leader.receive(4, accepted(1, 2));
    wait(&mut leader, LONGEST);
    leader.step(Input::DeadlineReached);
    assert_eq!(leader.raft.status().transfer_to, None);
    for _heartbeat in 0..3 {
        leader.deadline();
        leader.receive(3, accepted(1, 2));
        leader.receive(4, accepted(1, 2));
    }
    assert!(leader.raft.membership().is_voter(NodeId(4)));
}
