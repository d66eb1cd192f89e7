//! A snapshot stands for what is committed and applied, and takes nothing away.

use sim::checkers::snapshots::{applied, followed, installed, on_disk, replaced, restarted};

use crate::entries::log;
use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "snapshots";

#[test]
fn a_snapshot_that_falls_is_rejected() {
    assert_rejected(replaced(N2, 9, 8), NAME, &["n2", "from its snapshot of 9 to one of 8"]);
}

#[test]
fn a_snapshot_of_what_was_never_committed_is_rejected() {
    assert_rejected(
        installed(N2, 3, None, &log(&[1, 1])),
        NAME,
        &["n2", "snapshot of 3 entries", "only 2 are committed"],
    );
}

#[test]
fn a_snapshot_whose_last_entry_is_taken_for_one_of_another_term_is_rejected() {
    let words = ["n2", "last entry of its snapshot, 2", "term 3, not 1"];
    assert_rejected(installed(N2, 2, Some(3), &log(&[1, 1, 3])), NAME, &words);
}

#[test]
fn a_snapshot_that_takes_what_followed_it_is_rejected() {
    assert_rejected(followed(N2, 5, 8, 5), NAME, &["n2 drops its entries up to 8", "snapshot of 5"]);
}

#[test]
fn a_log_that_is_compacted_beyond_what_was_applied_is_rejected() {
    assert_rejected(applied(N3, 6, 5), NAME, &["n3", "up to 6", "applied only 5"]);
}

#[test]
fn a_snapshot_that_falls_on_the_disk_is_rejected() {
    assert_rejected(on_disk(N1, 6, 4, 9, 0), NAME, &["n1's disk", "from 6 to 4"]);
}

#[test]
fn a_snapshot_that_takes_what_was_acknowledged_is_rejected() {
    assert_rejected(on_disk(N1, 0, 4, 4, 5), NAME, &["n1's disk", "snapshot of 4", "ends at 4", "acknowledged 5"]);
}

#[test]
fn a_restart_without_the_snapshot_of_the_disk_is_rejected() {
    assert_rejected(restarted(N1, 4, 0), NAME, &["n1 restarts", "snapshot of 0", "has one of 4"]);
}

#[test]
fn a_snapshot_may_have_all_that_is_committed() {
    assert!(installed(N2, 2, Some(1), &log(&[1, 1])).is_ok());
    assert!(installed(N2, 2, None, &log(&[1, 1, 3])).is_ok());
}

#[test]
fn what_follows_a_snapshot_may_stay_and_grow() {
    assert!(followed(N2, 5, 8, 8).is_ok());
    assert!(followed(N2, 5, 8, 9).is_ok());
}

#[test]
fn what_follows_a_snapshot_may_give_way_to_other_entries() {
    // A conflict behind what the same append commits, which is compacted at once.
    assert!(followed(N2, 5, 8, 6).is_ok());
}

#[test]
fn a_snapshot_of_a_whole_log_leaves_nothing_to_follow() {
    assert!(followed(N2, 5, 5, 5).is_ok());
}

#[test]
fn all_that_was_applied_may_be_compacted() {
    assert!(applied(N3, 6, 6).is_ok());
}

#[test]
fn a_snapshot_on_the_disk_may_hold_what_was_acknowledged() {
    assert!(on_disk(N1, 0, 5, 5, 5).is_ok());
    assert!(on_disk(N1, 3, 4, 5, 5).is_ok());
}

#[test]
fn a_restart_may_find_the_snapshot_of_its_disk() {
    assert!(restarted(N1, 4, 4).is_ok());
}
