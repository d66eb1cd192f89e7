//! A server answers only on the strength of what its disk knows.

use sim::checkers::promises::made;
use sim::{NodeId, Promise, Violation};

use crate::disks::{PaperDisk, disk};
use crate::entries::{entry, forged, log};
use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "promises";

fn vote(term: u64, candidate: NodeId) -> Promise {
    Promise::Vote { term, candidate }
}

fn matches(term: u64, index: u64) -> Promise {
    Promise::Log { term, index }
}

/// n2, which has the log of these terms in memory, makes the promise.
fn acknowledged(promise: Promise, memory: &[u64], disk: &PaperDisk) -> Result<(), Box<Violation>> {
    let Promise::Log { term, index } = promise else { panic!("{promise:?} acknowledges nothing") };
    let place = index.checked_sub(1).map(|place| place as usize);
    made(N2, promise, place.and_then(|place| log(memory).get(place).copied()), term, disk)
}

#[test]
fn a_vote_that_the_disk_does_not_know_is_rejected() {
    assert_rejected(made(N2, vote(5, N1), None, 5, &disk(5)), NAME, &["n2 gives n1 its vote", "term 5"]);
}

#[test]
fn a_vote_in_a_term_that_the_disk_does_not_know_is_rejected() {
    let old = disk(4).voted_for(N1);
    assert_rejected(made(N2, vote(5, N1), None, 5, &old), NAME, &["n2 gives n1 its vote", "term 5"]);
}

#[test]
fn a_vote_for_another_than_the_disk_says_is_rejected() {
    let other = disk(5).voted_for(N3);
    assert_rejected(made(N2, vote(5, N1), None, 5, &other), NAME, &["n2 gives n1 its vote", "term 5"]);
}

#[test]
fn a_candidate_that_asks_before_its_own_vote_is_durable_is_rejected() {
    assert_rejected(made(N1, vote(5, N1), None, 5, &disk(4)), NAME, &["n1 gives n1 its vote", "term 5"]);
}

#[test]
fn an_acknowledgement_beyond_the_end_of_the_disk_is_rejected() {
    let short = disk(3).log(&[1, 3]);
    assert_rejected(
        acknowledged(matches(3, 3), &[1, 3, 3], &short),
        NAME,
        &["n2", "entry 3 in term 3", "in term 3 and ends at 2"],
    );
}

#[test]
fn an_acknowledgement_in_a_term_that_the_disk_does_not_know_is_rejected() {
    let old = disk(2).log(&[1, 2]);
    assert_rejected(
        acknowledged(matches(3, 2), &[1, 2], &old),
        NAME,
        &["n2", "entry 2 in term 3", "in term 2 and ends at 2"],
    );
}

#[test]
fn an_acknowledgement_of_nothing_promises_its_term() {
    assert_rejected(
        acknowledged(matches(3, 0), &[], &disk(2)),
        NAME,
        &["n2", "entry 0 in term 3", "in term 2 and ends at 0"],
    );
}

#[test]
fn an_acknowledgement_on_the_strength_of_a_stale_tail_is_rejected() {
    // The disk ends with an entry 2 of term 1. The leader of term 2 has another there, which is in memory alone: the
    // disk is long enough to hide that a crash takes back what is acknowledged.
    let stale = disk(2).log(&[1, 1]);
    let words = ["n2", "entry 2 in term 2", "in term 2 and ends at 2"];
    assert_rejected(acknowledged(matches(2, 2), &[1, 2], &stale), NAME, &words);
}

#[test]
fn an_acknowledgement_far_below_the_end_of_a_stale_tail_is_rejected() {
    let stale = disk(3).log(&[1, 1, 1, 1]);
    let words = ["n2", "entry 2 in term 3", "in term 3 and ends at 4"];
    assert_rejected(acknowledged(matches(3, 2), &[1, 3], &stale), NAME, &words);
}

#[test]
fn an_acknowledgement_of_another_command_than_the_disk_holds_is_rejected() {
    let other = made(N2, matches(3, 2), Some(forged(2, 3)), 3, &disk(3).log(&[1, 3]));
    assert_rejected(other, NAME, &["n2", "entry 2 in term 3", "in term 3 and ends at 2"]);
}

#[test]
fn an_acknowledgement_of_what_memory_does_not_hold_is_rejected() {
    let words = ["n2", "entry 2 in term 3", "in term 3 and ends at 2"];
    assert_rejected(acknowledged(matches(3, 2), &[1], &disk(3).log(&[1, 3])), NAME, &words);
}

#[test]
fn an_acknowledgement_of_what_never_came_to_the_disk_is_rejected_whatever_memory_has_there_since() {
    let words = ["n2", "entry 2 in term 2", "in term 2 and ends at 1"];
    assert_rejected(acknowledged(matches(2, 2), &[1, 3], &disk(2).log(&[1])), NAME, &words);
}

#[test]
fn an_acknowledgement_may_leave_while_memory_has_gone_on_to_a_later_leaders_entry() {
    // Its write has come to an end, and the next is under way, or over as well.
    assert!(acknowledged(matches(2, 2), &[1, 3], &disk(3).log(&[1, 2])).is_ok());
    assert!(acknowledged(matches(2, 2), &[1, 3], &disk(3).log(&[1, 3])).is_ok());
}

#[test]
fn an_acknowledgement_may_leave_with_a_stale_tail_behind_it() {
    // What follows the entry acknowledged promises nothing.
    assert!(acknowledged(matches(3, 2), &[1, 3, 3], &disk(3).log(&[1, 3, 2])).is_ok());
}

#[test]
fn an_acknowledgement_may_leave_while_what_follows_is_being_written() {
    assert!(acknowledged(matches(3, 2), &[1, 3, 3], &disk(3).log(&[1, 3])).is_ok());
}

#[test]
fn an_acknowledgement_of_nothing_may_leave_with_a_stale_log() {
    assert!(acknowledged(matches(3, 0), &[3], &disk(3).log(&[1])).is_ok());
}

#[test]
fn a_vote_that_the_disk_knows_may_leave() {
    assert!(made(N2, vote(5, N1), None, 5, &disk(5).voted_for(N1)).is_ok());
}

#[test]
fn a_vote_may_leave_late_when_the_disk_is_in_a_later_term() {
    // Nothing can make the server vote again in a term that it has durably left.
    assert!(made(N2, vote(5, N1), None, 5, &disk(6).voted_for(N3)).is_ok());
}

#[test]
fn an_acknowledgement_may_leave_once_the_disk_has_the_entry() {
    assert!(acknowledged(matches(3, 2), &[1, 3], &disk(3).log(&[1, 3])).is_ok());
}

#[test]
fn an_acknowledgement_may_claim_less_than_the_disk_has() {
    assert!(acknowledged(matches(3, 1), &[1, 3, 3], &disk(3).log(&[1, 3, 3])).is_ok());
}

#[test]
fn an_old_acknowledgement_may_leave_when_the_disk_is_in_a_later_term() {
    assert!(acknowledged(matches(3, 2), &[1, 3], &disk(7).log(&[1, 3])).is_ok());
}

#[test]
fn a_heartbeat_may_be_answered_with_an_empty_log() {
    assert!(acknowledged(matches(3, 0), &[], &disk(3)).is_ok());
}

#[test]
fn a_disk_that_shows_no_term_is_not_judged() {
    assert!(acknowledged(matches(3, 2), &[1, 3], &PaperDisk::default()).is_ok());
}

#[test]
fn an_acknowledgement_beyond_a_snapshot_is_rejected() {
    let compacted = disk(3).log(&[1, 1]).snapshot(2);
    let words = ["n2", "entry 3 in term 3", "in term 3 and ends at 2"];
    assert_rejected(acknowledged(matches(3, 3), &[1, 1, 3], &compacted), NAME, &words);
}

#[test]
fn an_acknowledgement_may_claim_what_the_snapshot_has() {
    // Memory does not have the entry any more.
    let compacted = disk(3).log(&[1, 1, 3]).snapshot(2);
    assert!(made(N2, matches(3, 2), None, 3, &compacted).is_ok());
    assert!(made(N2, matches(3, 1), None, 3, &compacted).is_ok());
}

#[test]
fn an_acknowledgement_may_claim_what_follows_a_snapshot() {
    assert!(acknowledged(matches(3, 3), &[1, 1, 3], &disk(3).log(&[1, 1, 3]).snapshot(2)).is_ok());
}

/// The disk has followed the leader of term 2, that cut entry 2 off: the acknowledgement of it is only late.
#[test]
fn an_acknowledgement_may_leave_after_a_later_leader_cut_its_entry_off_the_disk() {
    assert!(made(N2, matches(1, 2), None, 2, &disk(2).log(&[1])).is_ok());
    assert!(made(N2, matches(1, 2), Some(entry(2, 2)), 2, &disk(2).log(&[1])).is_ok());
}

#[test]
fn a_later_term_on_the_disk_does_not_excuse_what_memory_still_has() {
    let words = ["n2", "entry 2 in term 1", "in term 2 and ends at 1"];
    assert_rejected(made(N2, matches(1, 2), Some(entry(2, 1)), 2, &disk(2).log(&[1])), NAME, &words);
}
