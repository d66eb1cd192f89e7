//! What hostile input has found, each in its smallest form.

use raft_core::{Input, InputError, LogIndex, NodeId, RoleName, SnapshotWrite};
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::{accepted, append, at, install_snapshot, snapshot};

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

// What is staged takes the place of the whole log, and so of the entries that the same leader had put there.
#[test]
fn a_snapshot_that_contradicts_what_its_sender_replicated_is_refused() {
    let mut follower = node().follower();
    follower.receive(2, append(3, at(0, 0), [2, 3, 3], 0));
    assert_eq!(follower.persist().sends(), [(2, accepted(3, 3))]);
    for last in [at(1, 1), at(2, 2), at(3, 2)] {
        let part = install_snapshot(3, &snapshot(last, [1, 2, 3], 0), 0, &[]);
        let error = InputError::LeaderContradictsItself { index: last.index };
        assert_eq!(follower.try_step(Input::Receive { from: NodeId(2), message: part }), Err(error));
    }
    let agrees = install_snapshot(3, &snapshot(at(2, 3), [1, 2, 3], 0), 0, &[]);
    assert_eq!(follower.receive(2, agrees).applies(), [(1, 2)], "all that is new is that this much is committed");
}

// A peer may bring a log up to the limit of indexes, and the server then append to it: it can start from that again.
#[test]
fn a_server_starts_from_a_log_that_it_took_beyond_the_limit_of_indexes() {
    let limit = LogIndex::LIMIT.0;
    let mut server = node().of(1).snapshot(snapshot(at(limit, 1), [1], 0)).steady_leader();
    let taken = server.snapshot_taken(limit + 1, 0);
    assert!(matches!(taken.writes()[0].snapshot.as_deref(), Some(SnapshotWrite::Taken { .. })));
    let beyond = |index| node().of(1).snapshot(snapshot(at(index, 2), [1], 0));
    assert_eq!(beyond(limit + 1).steady_leader().last(), limit + 2);
    assert!(beyond(2 * limit + 1).try_start().is_err());
}
