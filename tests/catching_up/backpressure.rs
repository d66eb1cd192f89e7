//! A leader takes no more ahead of the commit than it was told to: cut off, it must not grow without bound.

use raft_core::{ProposalOutcome, RejectReason, RoleName};
use tests::by_hand::lone_node::{Builder, LoneNode, node};
use tests::by_hand::messages::{accepted, append, at, heartbeat, vote};

/// What an entry with a command counts, and a leader's first entry.
const ENTRY_BYTES: u64 = 24;
const NOOP_BYTES: u64 = 16;

fn bounded(bytes: u64) -> Builder {
    node().configured(|config| config.max_uncommitted_bytes = bytes)
}

/// What is uncommitted, where the proposal is refused for it.
fn refusal(leader: &mut LoneNode) -> Option<u64> {
    match leader.propose(5).outcomes()[..] {
        [] => None,
        [(5, ProposalOutcome::Rejected(RejectReason::TooMuchUncommitted { uncommitted_bytes }))] => {
            Some(uncommitted_bytes)
        }
        ref other => panic!("{other:?}"),
    }
}

fn lead_again(server: &mut LoneNode) {
    server.persist();
    server.deadline();
    server.persist();
    let term = server.term();
    server.receive(3, vote(term));
    assert_eq!(server.role(), RoleName::Leader);
    server.persist();
}

#[test]
fn a_proposal_that_is_too_much_is_refused_with_what_is_on_its_way() {
    let mut leader = bounded(2 * ENTRY_BYTES).steady_leader();
    assert_eq!([refusal(&mut leader), refusal(&mut leader)], [None, None]);
    assert_eq!(refusal(&mut leader), Some(2 * ENTRY_BYTES));
    assert_eq!(leader.last(), 3, "it is not in the log");
}

#[test]
fn a_proposal_is_taken_again_once_enough_is_committed() {
    let mut leader = bounded(2 * ENTRY_BYTES).steady_leader();
    refusal(&mut leader);
    refusal(&mut leader);
    leader.persist();
    leader.receive(2, accepted(1, 2));
    assert_eq!(refusal(&mut leader), None);
    assert_eq!(refusal(&mut leader), Some(2 * ENTRY_BYTES));
}

#[test]
fn a_proposal_that_is_too_large_by_itself_is_taken_alone() {
    let mut leader = bounded(1).steady_leader();
    assert_eq!(refusal(&mut leader), None);
    assert_eq!(refusal(&mut leader), Some(ENTRY_BYTES));
    leader.persist();
    leader.receive(2, accepted(1, 2));
    assert_eq!(refusal(&mut leader), None);
}

#[test]
fn what_a_new_leader_finds_counts() {
    let mut leader = bounded(2 * ENTRY_BYTES + NOOP_BYTES).log([1, 1]).leader();
    assert_eq!(refusal(&mut leader), Some(2 * ENTRY_BYTES + NOOP_BYTES));
    leader.receive(2, accepted(2, 3));
    assert_eq!(refusal(&mut leader), None);
}

#[test]
fn what_a_new_leader_knows_to_be_committed_does_not_count() {
    let mut server = bounded(ENTRY_BYTES + NOOP_BYTES).log([1, 1, 1]).follower_of(2);
    server.receive(2, heartbeat(1, at(3, 1), 2));
    lead_again(&mut server);
    assert_eq!(refusal(&mut server), Some(ENTRY_BYTES + NOOP_BYTES));
}

#[test]
fn what_was_uncommitted_in_one_term_is_counted_once_in_the_next() {
    let mut leader = bounded(4 * ENTRY_BYTES).steady_leader();
    refusal(&mut leader);
    refusal(&mut leader);
    leader.receive(2, heartbeat(2, at(1, 1), 1));
    lead_again(&mut leader);
    leader.receive(2, accepted(3, 4));
    assert_eq!(leader.commit(), 4);
    assert_eq!([(); 4].map(|()| refusal(&mut leader)), [None; 4], "all of it is free again");
    assert_eq!(refusal(&mut leader), Some(4 * ENTRY_BYTES));
}

#[test]
fn what_was_truncated_meanwhile_does_not_count() {
    let mut leader = bounded(3 * ENTRY_BYTES + NOOP_BYTES).steady_leader();
    assert_eq!([(); 3].map(|()| refusal(&mut leader)), [None; 3]);
    leader.receive(2, append(2, at(1, 1), [2], 1));
    lead_again(&mut leader);
    assert_eq!(leader.log(), [1, 2, 3]);
    assert_eq!([refusal(&mut leader), refusal(&mut leader)], [None, None]);
    assert_eq!(refusal(&mut leader), Some(3 * ENTRY_BYTES + NOOP_BYTES));
}

#[test]
fn a_leader_that_is_cut_off_takes_no_more_than_the_bound() {
    let mut leader = bounded(10 * ENTRY_BYTES).steady_leader();
    let taken = (0..1000).filter(|_| refusal(&mut leader).is_none()).count();
    assert_eq!((taken, leader.last()), (10, 11));
}

#[test]
fn the_first_entry_of_a_leader_is_taken_whatever_the_bound() {
    let leader = bounded(1).log([1, 1, 1]).leader();
    assert_eq!(leader.log(), [1, 1, 1, 2]);
}
