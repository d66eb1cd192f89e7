//! §5.1: terms are a logical clock, and every server that hears of a later one is a follower in it.

use raft_core::{NodeId, RoleName, Term};

use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, append, at, conflict, heartbeat, refusal, request_vote, stale, vote};

/// A server in term 5 in each of the three roles, with nothing left to write.
fn every_role_in_term_5() -> [LoneNode; 3] {
    let follower = || node().log([1, 1]).term(5);
    [follower().follower_of(3), node().log([1, 1]).term(5).candidate(), node().log([1, 1]).term(5).leader()]
}

// §5.1: "If a candidate or leader discovers that its term is out of date, it immediately reverts to follower state."
#[test]
fn a_later_term_makes_a_follower_of_every_role() {
    let messages = [
        request_vote(6, at(0, 0)),
        vote(6),
        refusal(6),
        heartbeat(6, at(2, 1), 0),
        append(6, at(2, 1), [6], 0),
        accepted(6, 2),
        conflict(6, 2, at(1, 1)),
        stale(6),
    ];
    for message in messages {
        for mut server in every_role_in_term_5() {
            let role = server.role();
            server.receive(2, message.clone());
            assert_eq!((server.term(), server.role()), (6, RoleName::Follower), "{role:?} after {message:?}");
        }
    }
}

// §5.1, Figure 2: the term is on stable storage like the vote, and a new term starts without one.
#[test]
fn a_later_term_is_written_down_and_clears_the_vote() {
    let mut server = node().term(5).voted_for(3).follower();
    let effects = server.receive(2, refusal(6));
    let written = effects.writes()[0].term_and_vote.expect("the term changed");
    assert_eq!((written.term, written.voted_for), (Term(6), None));
}

// §5.1: a term without a known leader is announced, so that nobody is sent to the deposed one.
#[test]
fn a_later_term_in_a_request_vote_leaves_the_leader_unknown() {
    let mut server = node().term(5).follower_of(3);
    assert_eq!(server.leader(), Some(3));
    server.receive(2, request_vote(6, at(0, 0)));
    assert_eq!(server.leader(), None);
}

// §5.1: "If a server receives a request with a stale term number, it rejects the request."
#[test]
fn the_sender_of_an_old_request_learns_the_later_term() {
    for mut server in every_role_in_term_5() {
        assert_eq!(server.receive(2, request_vote(4, at(9, 3))).sends(), [(2, refusal(5))]);
        assert_eq!(server.receive(2, append(4, at(2, 1), [4], 3)).sends(), [(2, stale(5))]);
    }
}

// §5.1
#[test]
fn a_message_of_an_old_term_changes_nothing() {
    let messages = [
        request_vote(4, at(9, 3)),
        vote(4),
        refusal(4),
        heartbeat(4, at(2, 1), 2),
        append(4, at(0, 0), [4, 4, 4], 3),
        accepted(4, 2),
        accepted(4, 9),
        conflict(4, 2, at(1, 1)),
        stale(4),
    ];
    for message in messages {
        for mut server in every_role_in_term_5() {
            let before = server.portrait();
            server.receive(2, message.clone());
            assert_eq!(server.portrait(), before, "{message:?}");
        }
    }
}

// §5.1: only requests are answered; a reply never provokes another.
#[test]
fn a_reply_of_an_old_term_is_not_answered() {
    for message in [vote(4), refusal(4), accepted(4, 2), conflict(4, 2, at(1, 1)), stale(4)] {
        for mut server in every_role_in_term_5() {
            assert_eq!(server.receive(2, message.clone()).0, [], "{message:?}");
        }
    }
}

// Figure 2: "currentTerm: latest term server has seen", on stable storage.
#[test]
fn a_server_that_restarts_is_a_follower_of_its_stored_term() {
    let server = node().term(7).voted_for(1).log([1, 6]).follower();
    assert_eq!((server.role(), server.term(), server.leader()), (RoleName::Follower, 7, None));
    assert_eq!(server.raft.voted_for(), Some(NodeId(1)));
}

// §5.2: "When servers start up, they begin as followers."
#[test]
fn a_new_server_is_a_follower_in_term_0() {
    let server = node().follower();
    assert_eq!((server.role(), server.term(), server.leader()), (RoleName::Follower, 0, None));
}

// §5.1: whoever watches is told of each new role, term and leader.
#[test]
fn every_change_of_role_is_announced() {
    let mut server = node().term(2).candidate_with_unwritten_vote();
    server.persist();
    assert_eq!(server.receive(2, vote(2)).roles(), [(2, RoleName::Leader, Some(NodeId(1)))]);
    assert_eq!(server.receive(2, refusal(3)).roles(), [(3, RoleName::Follower, None)]);
    let adopted = server.receive(3, heartbeat(3, at(0, 0), 0)).roles();
    assert_eq!(adopted, [(3, RoleName::Follower, Some(NodeId(3)))]);
    assert_eq!(server.deadline().roles(), [(4, RoleName::Candidate, None)]);
}

// The core's limit on terms: a server that may not campaign any more forgets its leader, and has to say so.
#[test]
fn losing_the_leader_at_the_last_term_is_announced() {
    let mut server = node().term(Term::LIMIT.0).follower_of(2);
    let effects = server.deadline();
    assert_eq!((server.term(), server.role(), server.leader()), (Term::LIMIT.0, RoleName::Follower, None));
    assert_eq!(effects.roles(), [(Term::LIMIT.0, RoleName::Follower, None)]);
}
