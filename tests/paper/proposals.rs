//! §5.3 and §8: what becomes of a client's command, told exactly once.

use raft_core::{Effect, LogIndex, NodeId, ProposalOutcome, RejectReason, RoleName, Term};

use tests::by_hand::cluster::Cluster;
use tests::by_hand::effects::Effects;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, append, at, heartbeat, refusal, vote};

fn committed(index: u64, term: u64) -> ProposalOutcome {
    ProposalOutcome::Committed { index: LogIndex(index), term: Term(term) }
}

fn rejected(leader: Option<u64>) -> ProposalOutcome {
    ProposalOutcome::Rejected(RejectReason::NotLeader { leader: leader.map(NodeId) })
}

/// A leader of term 2 with the log [2] on all servers, whose proposal 7 stands durable and unacknowledged at index 2.
fn leader_with_open_proposal() -> LoneNode {
    let mut leader = node().of(5).term(2).steady_leader();
    assert_eq!(leader.propose(7).outcomes(), []);
    assert_eq!(leader.persist().outcomes(), []);
    leader
}

// §5.3: "When the entry has been safely replicated, the leader applies the entry to its state machine and returns the
// result of that execution to the client."
#[test]
fn a_proposal_is_committed_after_its_apply() {
    let mut leader = leader_with_open_proposal();
    leader.receive(2, accepted(2, 2));
    let Effects(effects) = leader.receive(3, accepted(2, 2));
    let place = |wanted: fn(&Effect<u64>) -> bool| effects.iter().position(wanted).expect("it is there");
    assert!(
        place(|effect| matches!(effect, Effect::Apply { last: LogIndex(2), .. }))
            < place(|effect| matches!(effect, Effect::ProposalOutcome { .. }))
    );
    assert_eq!(Effects(effects).outcomes(), [(7, committed(2, 2))]);
}

// §8: "Clients of Raft send all of their requests to the leader", and a follower tells them who that is.
#[test]
fn a_follower_rejects_a_proposal_and_names_the_leader() {
    let mut follower = node().term(2).follower_of(3);
    let effects = follower.propose(7);
    assert_eq!(effects.outcomes(), [(7, rejected(Some(3)))]);
    assert_eq!((effects.0.len(), follower.last()), (1, 0));
}

#[test]
fn a_server_without_leader_rejects_a_proposal_and_names_nobody() {
    for mut server in [node().term(2).follower(), node().term(2).candidate()] {
        assert_eq!(server.propose(7).outcomes(), [(7, rejected(None))]);
        assert_eq!(server.last(), 0);
    }
}

// A leader takes proposals from its first moment.
#[test]
fn a_new_leader_takes_proposals_before_its_first_entry_commits() {
    let mut leader = node().term(2).new_leader();
    assert_eq!(leader.propose(7).outcomes(), []);
    leader.persist();
    assert_eq!(leader.receive(2, accepted(2, 2)).outcomes(), [(7, committed(2, 2))]);
}

#[test]
fn proposals_end_in_the_order_of_the_log() {
    let mut leader = node().term(2).steady_leader();
    for command in [9, 8, 7] {
        leader.propose(command);
    }
    leader.persist();
    let outcomes = leader.receive(2, accepted(2, 4)).outcomes();
    assert_eq!(outcomes, [(9, committed(2, 2)), (8, committed(3, 2)), (7, committed(4, 2))]);
}

#[test]
fn an_outcome_is_told_once() {
    let mut leader = leader_with_open_proposal();
    leader.receive(2, accepted(2, 2));
    leader.receive(3, accepted(2, 2));
    for follower in 2..=5 {
        assert_eq!(leader.receive(follower, accepted(2, 2)).outcomes(), []);
    }
    leader.receive(2, refusal(3));
    assert_eq!(leader.receive(2, append(3, at(2, 2), [3], 3)).outcomes(), []);
}

// §5.3: the leader is deposed; what becomes of its entry is for the next leader to decide.
#[test]
fn a_proposal_stays_open_when_its_leader_is_deposed() {
    let mut server = leader_with_open_proposal();
    assert_eq!(server.receive(3, heartbeat(3, at(1, 2), 1)).outcomes(), []);
    assert_eq!(server.persist().outcomes(), []);
}

#[test]
fn a_proposal_that_a_later_leader_commits_is_committed() {
    let mut server = leader_with_open_proposal();
    server.receive(3, append(3, at(2, 2), [3], 1));
    server.persist();
    assert_eq!(server.receive(3, heartbeat(3, at(3, 3), 3)).outcomes(), [(7, committed(2, 2))]);
}

// Figure 8: an entry that is gone from here may be on another server, and come back.
#[test]
fn a_truncated_proposal_stays_open() {
    let mut server = leader_with_open_proposal();
    assert_eq!(server.receive(3, append(3, at(1, 2), [3], 1)).outcomes(), []);
    assert_eq!(server.persist().outcomes(), []);
    assert_eq!(server.log(), [2, 3]);
}

#[test]
fn a_proposal_is_superseded_when_another_entry_commits_in_its_place() {
    let mut server = leader_with_open_proposal();
    server.receive(3, append(3, at(1, 2), [3], 1));
    server.persist();
    assert_eq!(server.receive(3, heartbeat(3, at(2, 3), 2)).outcomes(), [(7, ProposalOutcome::Superseded)]);
}

// Figure 8: truncated by one leader, brought back by the next.
#[test]
fn a_proposal_that_was_truncated_and_brought_back_is_committed() {
    let mut server = leader_with_open_proposal();
    server.receive(3, append(3, at(1, 2), [3], 1));
    server.persist();
    assert_eq!(server.log(), [2, 3]);
    let mut outcomes = server.receive(2, append(4, at(1, 2), [2, 4], 3)).outcomes();
    outcomes.extend(server.persist().outcomes());
    assert_eq!((server.log(), outcomes), (vec![2, 2, 4], vec![(7, committed(2, 2))]));
}

// The same in a whole cluster, by Figure 8's own way.
#[test]
fn a_proposal_comes_back_from_the_server_that_had_it() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3, 4, 5]]);
    cluster.propose(1, 7);
    cluster.settle();
    // 3 leads the others, and reaches 1 with its first entry before it is cut off; 1 loses what it had.
    cluster.elect_by(3, [4, 5]);
    cluster.partition(&[&[1, 3]]);
    cluster.beat(3);
    assert_eq!((cluster.log(1), cluster.log(2)), (vec![1, 2], vec![1, 1]));
    assert_eq!(cluster.outcomes(1), []);
    // 2 still has 1's entry, and can win: 4 and 5 have neither. It commits the entry for 1.
    cluster.partition(&[&[2, 4, 5]]);
    cluster.elect(2);
    cluster.heal();
    cluster.beat(2);
    cluster.beat(2);
    assert_eq!(cluster.log(1), cluster.log(2));
    assert_eq!(cluster.outcomes(1), [(7, committed(2, 1))]);
}

/// A server that led term 2 with proposals 7, 8 and 9 at the indexes 2 to 4, lost them to term 3, and leads term 4 with
/// proposal 10 at index 4.
fn leader_with_two_proposals_at_index_4() -> LoneNode {
    let mut server = leader_with_open_proposal();
    server.propose(8);
    server.propose(9);
    server.receive(3, append(3, at(1, 2), [3], 1));
    server.deadline();
    server.persist();
    server.receive(2, vote(4));
    server.receive(3, vote(4));
    server.propose(10);
    server.persist();
    assert_eq!((server.role(), server.log()), (RoleName::Leader, vec![2, 3, 4, 4]));
    server
}

#[test]
fn of_two_proposals_at_one_index_the_later_may_be_committed() {
    let mut server = leader_with_two_proposals_at_index_4();
    server.receive(4, accepted(4, 4));
    let superseded = ProposalOutcome::Superseded;
    let expected = [(7, superseded), (8, superseded), (9, superseded), (10, committed(4, 4))];
    assert_eq!(server.receive(5, accepted(4, 4)).outcomes(), expected);
}

#[test]
fn of_two_proposals_at_one_index_the_earlier_may_be_committed() {
    let mut server = leader_with_two_proposals_at_index_4();
    server.receive(3, append(5, at(1, 2), [2, 2, 2, 5], 5));
    let expected =
        [(7, committed(2, 2)), (8, committed(3, 2)), (9, committed(4, 2)), (10, ProposalOutcome::Superseded)];
    assert_eq!(server.persist().outcomes(), expected);
}

// The entry is committed, and the own disk does not have it yet: no outcome before its Apply.
#[test]
fn an_outcome_waits_for_the_own_disk() {
    let mut leader = node().term(2).steady_leader();
    leader.propose(7);
    leader.receive(2, accepted(2, 2));
    assert_eq!(leader.receive(3, accepted(2, 2)).outcomes(), []);
    assert_eq!(leader.commit(), 2);
    let effects = leader.persist();
    assert_eq!((effects.applies(), effects.outcomes()), (vec![(2, 2)], vec![(7, committed(2, 2))]));
}

#[test]
fn another_entry_in_the_place_is_decided_by_its_apply_too() {
    let mut server = leader_with_open_proposal();
    assert_eq!(server.receive(3, append(3, at(1, 2), [3], 2)).outcomes(), [], "committed, and not durable here");
    assert_eq!(server.persist().outcomes(), [(7, ProposalOutcome::Superseded)]);
}

// §8: the core does not interpret ids, nor commands: the same twice is two proposals.
#[test]
fn the_same_command_twice_is_two_entries_with_an_outcome_each() {
    let mut leader = node().term(2).steady_leader();
    leader.propose(7);
    leader.propose(7);
    leader.persist();
    assert_eq!(leader.receive(2, accepted(2, 3)).outcomes(), [(7, committed(2, 2)), (7, committed(3, 2))]);
}

#[test]
fn only_the_server_that_took_a_proposal_tells_its_outcome() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.settle();
    cluster.beat(1);
    assert_eq!(cluster.outcomes(1), [(7, committed(2, 1))]);
    assert_eq!((cluster.outcomes(2), cluster.outcomes(3)), ([].as_slice(), [].as_slice()));
}

// A single server's outcome needs no other.
#[test]
fn a_single_voter_answers_once_its_disk_has_the_command() {
    let mut leader = node().of(1).steady_leader();
    assert_eq!(leader.propose(7).outcomes(), []);
    assert_eq!(leader.persist().outcomes(), [(7, committed(2, 1))]);
}
