//! What hostile input has found, each in its smallest form.

use raft_core::{Input, InputError, LogIndex, NodeId, RoleName};
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, append, at};

/// `server` has acknowledged `[2, 2]` to the leader of term 3, and gives it up: yet in this term no other entry takes
/// the place of those.
fn assert_bound_by_what_it_acknowledged(mut server: LoneNode) {
    server.receive(2, append(3, at(0, 0), [2, 2], 0));
    assert_eq!(server.persist().sends(), [(2, accepted(3, 2))]);
    server.deadline();
    assert_eq!((server.leader(), server.term()), (None, 3));
    let contradiction = Input::Receive { from: NodeId(2), message: append(3, at(1, 2), [3], 0) };
    assert_eq!(server.try_step(contradiction), Err(InputError::LeaderContradictsItself { index: LogIndex(2) }));
    assert_eq!(server.log(), [2, 2]);
}

// The server is in the leader's term still, and so is the leader: it may be heard again.
#[test]
fn a_pre_candidate_is_bound_by_what_it_acknowledged() {
    let mut server = node().configured(|config| config.pre_vote = true).follower();
    assert_bound_by_what_it_acknowledged(server.clone());
    server.deadline();
    assert_eq!(server.role(), RoleName::PreCandidate);
    assert_bound_by_what_it_acknowledged(server);
}

#[test]
fn a_learner_whose_leader_fell_silent_is_bound_by_what_it_acknowledged() {
    assert_bound_by_what_it_acknowledged(node().id(4).follower());
}
