//! §5.2 and §5.4.1: the voter's side of an election.

use raft_core::{NodeId, RoleName};

use tests::by_hand::lone_node::node;
use tests::by_hand::messages::{at, heartbeat, refusal, request_vote, vote};

// §5.2: "Each server will vote for at most one candidate in a given term, on a first-come-first-served basis"
#[test]
fn the_second_candidate_of_a_term_is_refused() {
    let mut voter = node().term(1).follower();
    voter.receive(2, request_vote(2, at(0, 0)));
    voter.persist();
    assert_eq!(voter.receive(3, request_vote(2, at(5, 1))).sends(), [(3, refusal(2))]);
    assert_eq!(voter.raft.voted_for(), Some(NodeId(2)));
}

// §5.2: the same, while the first vote is still being written.
#[test]
fn the_second_candidate_is_refused_while_the_first_vote_is_unwritten() {
    let mut voter = node().term(1).follower();
    voter.receive(2, request_vote(2, at(0, 0)));
    assert_eq!(voter.receive(3, request_vote(2, at(5, 1))).sends(), [(3, refusal(2))]);
    assert_eq!(voter.persist().sends(), [(2, vote(2))]);
}

// Figure 2: "If votedFor is null or candidateId": the first reply may have been lost.
#[test]
fn the_same_candidate_is_granted_again() {
    let mut voter = node().term(2).voted_for(2).follower();
    assert_eq!(voter.receive(2, request_vote(2, at(0, 0))).sends(), [(2, vote(2))]);
    assert_eq!(voter.receive(2, request_vote(2, at(0, 0))).sends(), [(2, vote(2))]);
}

// §5.2, Figure 2: votedFor is on stable storage.
#[test]
fn a_vote_binds_after_a_restart() {
    let mut voter = node().term(2).voted_for(2).follower();
    assert_eq!(voter.receive(3, request_vote(2, at(9, 1))).sends(), [(3, refusal(2))]);
}

// §5.2
#[test]
fn a_later_term_frees_the_vote() {
    let mut voter = node().term(2).voted_for(2).follower();
    voter.receive(3, request_vote(3, at(0, 0)));
    assert_eq!(voter.persist().sends(), [(3, vote(3))]);
}

// §5.2: a vote that nobody has is free, also where the term is old news.
#[test]
fn a_free_vote_is_granted_in_the_current_term() {
    let mut voter = node().term(2).follower();
    voter.receive(3, request_vote(2, at(0, 0)));
    assert_eq!(voter.persist().sends(), [(3, vote(2))]);
}

// §5.2: candidates and leaders have voted for themselves.
#[test]
fn candidates_and_leaders_refuse_their_rivals() {
    for mut server in [node().term(2).candidate(), node().term(2).leader()] {
        let role = server.role();
        assert_eq!(server.receive(3, request_vote(2, at(9, 1))).sends(), [(3, refusal(2))]);
        assert_eq!(server.role(), role);
    }
}

// §5.1, §5.2: from every role a vote in a later term is granted.
#[test]
fn every_role_grants_a_vote_in_a_later_term() {
    for mut server in [node().term(2).follower_of(2), node().term(2).candidate(), node().term(2).leader()] {
        server.receive(3, request_vote(3, at(1, 2)));
        assert_eq!(server.persist().sends(), [(3, vote(3))]);
        assert_eq!(server.role(), RoleName::Follower);
    }
}

// §5.4.1: "If the logs have last entries with different terms, then the log with the later term is more up-to-date.
// If the logs end with the same term, then whichever log is longer is more up-to-date."
#[test]
fn the_up_to_date_rule_decides_a_vote() {
    let cases: &[(&[u64], (u64, u64), bool)] = &[
        (&[], (0, 0), true),
        (&[], (1, 1), true),
        (&[1], (0, 0), false),
        (&[1], (1, 1), true),
        (&[1], (2, 1), true),
        (&[1, 1], (1, 1), false),
        // The later term wins, however short the log.
        (&[1, 1, 1], (1, 2), true),
        (&[1, 1, 1], (3, 2), true),
        (&[1, 1, 1], (4, 2), true),
        // The earlier term loses, however long the log.
        (&[1, 2], (1, 1), false),
        (&[1, 2], (2, 1), false),
        (&[1, 2], (9, 1), false),
        // Only the last entry matters.
        (&[1, 1, 3], (3, 3), true),
        (&[1, 2, 2, 3], (3, 3), false),
    ];
    for &(log, (index, term), is_granted) in cases {
        let mut voter = node().term(5).log(log).follower();
        let mut effects = voter.receive(2, request_vote(6, at(index, term)));
        effects.0.extend(voter.persist().0);
        let expected = if is_granted { vote(6) } else { refusal(6) };
        assert_eq!(effects.sends(), [(2, expected)], "log {log:?}, candidate's last {index} of term {term}");
    }
}

// §5.4.1: a refusal for the log's sake does not spend the vote.
#[test]
fn a_vote_is_still_free_after_a_refusal() {
    let mut voter = node().log([1, 1]).follower();
    voter.receive(2, request_vote(2, at(1, 1)));
    voter.receive(3, request_vote(2, at(2, 1)));
    assert!(voter.persist().sends().contains(&(3, vote(2))));
}

// §5.4.1: the voter compares with its whole log, not with what it knows to be committed.
#[test]
fn an_uncommitted_tail_counts_for_the_vote() {
    let mut voter = node().log([1, 1, 1]).follower_of(3);
    voter.receive(3, heartbeat(1, at(1, 1), 1));
    assert_eq!(voter.commit(), 1);
    assert_eq!(voter.receive(2, request_vote(2, at(2, 1))).sends(), [(2, refusal(2))]);
}

// §5.4.1: what the voter holds in memory and is still writing counts too: it may be committed by the others.
#[test]
fn an_unwritten_tail_counts_for_the_vote() {
    let mut voter = node().log([1]).follower_of(3);
    voter.receive(3, tests::by_hand::messages::append(1, at(1, 1), [1], 0));
    assert_eq!(voter.receive(2, request_vote(2, at(1, 1))).sends(), [(2, refusal(2))]);
}

// §5.2: a vote is no declaration for a leader.
#[test]
fn a_voter_does_not_take_its_candidate_for_the_leader() {
    let mut voter = node().term(1).follower();
    voter.receive(2, request_vote(2, at(0, 0)));
    voter.persist();
    assert_eq!(voter.leader(), None);
}
