//! State Machine Safety: one committed log, whoever believes in it.

use sim::checkers::state_machine_safety::StateMachineSafety;
use sim::{LogEntry, NodeId};

use crate::entries::{entry, forged, log};
use crate::verdicts::{N1, N2, N3, assert_rejected};

const NAME: &str = "state_machine_safety";

/// `node` commits the log of these terms.
fn committed(node: NodeId, terms: &[u64]) -> StateMachineSafety {
    let mut checker = StateMachineSafety::default();
    for (index, entry) in (1..).zip(log(terms)) {
        checker.committed(node, index, entry).expect("the first to commit");
    }
    checker
}

#[test]
fn an_entry_of_another_term_at_a_committed_index_is_rejected() {
    let other = committed(N1, &[1, 2]).committed(N2, 2, entry(2, 3));
    assert_rejected(other, NAME, &["n2", "entry 2 of term 3", "another of term 2"]);
}

#[test]
fn another_command_of_the_same_term_is_rejected() {
    let other = committed(N1, &[1, 2]).committed(N3, 1, forged(1, 1));
    assert_rejected(other, NAME, &["n3", "entry 1 of term 1", "another of term 1"]);
}

#[test]
fn a_server_that_changes_its_own_mind_is_rejected() {
    let other = committed(N1, &[1, 2]).committed(N1, 2, entry(2, 4));
    assert_rejected(other, NAME, &["n1", "entry 2 of term 4", "another of term 2"]);
}

#[test]
fn a_difference_deep_below_the_end_is_rejected() {
    let other = committed(N1, &[1, 2, 2, 2, 5]).committed(N2, 1, entry(1, 2));
    assert_rejected(other, NAME, &["n2", "entry 1 of term 2", "another of term 1"]);
}

#[test]
fn a_command_where_none_was_committed_is_rejected() {
    let mut checker = StateMachineSafety::default();
    let no_command = LogEntry { term: 1, digest: LogEntry::NO_COMMAND };
    checker.committed(N1, 1, no_command).expect("the first to commit");
    assert_rejected(checker.committed(N2, 1, entry(1, 1)), NAME, &["n2", "entry 1 of term 1"]);
}

#[test]
fn a_rejected_entry_does_not_replace_the_committed_one() {
    let mut checker = committed(N1, &[1, 2]);
    assert!(checker.committed(N2, 2, entry(2, 3)).is_err());
    assert_eq!(checker.log(), log(&[1, 2]));
}

#[test]
fn what_is_applied_before_it_is_committed_is_rejected() {
    let words = ["n1", "applied 4", "committed 3", "ends at 9"];
    assert_rejected(StateMachineSafety::indexes(N1, 4, 3, 9), NAME, &words);
}

#[test]
fn what_is_committed_beyond_the_log_is_rejected() {
    let words = ["n2", "applied 1", "committed 7", "ends at 6"];
    assert_rejected(StateMachineSafety::indexes(N2, 1, 7, 6), NAME, &words);
}

#[test]
fn what_is_applied_beyond_the_log_is_rejected() {
    let words = ["n3", "applied 8", "committed 7", "ends at 7"];
    assert_rejected(StateMachineSafety::indexes(N3, 8, 7, 7), NAME, &words);
}

#[test]
fn the_first_to_commit_an_entry_brings_news() {
    assert_eq!(committed(N1, &[1]).committed(N1, 2, entry(2, 2)), Ok(true));
}

#[test]
fn a_second_server_may_commit_the_same_entry_and_brings_no_news() {
    assert_eq!(committed(N1, &[1, 2]).committed(N2, 2, entry(2, 2)), Ok(false));
}

#[test]
fn a_server_may_commit_its_log_again_after_a_restart() {
    let mut checker = committed(N1, &[1, 2]);
    assert_eq!(checker.committed(N1, 1, entry(1, 1)), Ok(false));
    assert_eq!(checker.committed(N1, 2, entry(2, 2)), Ok(false));
}

#[test]
fn a_server_that_lags_may_be_overtaken() {
    let mut checker = committed(N1, &[1, 1, 2]);
    assert_eq!(checker.committed(N2, 1, entry(1, 1)), Ok(false));
    assert_eq!(checker.committed(N3, 4, entry(4, 2)), Ok(true));
}

#[test]
fn all_indexes_may_be_one() {
    assert!(StateMachineSafety::indexes(N1, 5, 5, 5).is_ok());
}

#[test]
fn a_server_may_know_of_no_commit() {
    assert!(StateMachineSafety::indexes(N1, 0, 0, 5).is_ok());
}

#[test]
fn a_server_may_apply_later_than_it_commits() {
    assert!(StateMachineSafety::indexes(N1, 2, 4, 5).is_ok());
}

#[test]
fn entries_without_a_command_are_not_counted_as_commands() {
    let mut checker = committed(N1, &[1, 2]);
    checker.committed(N1, 3, LogEntry { term: 3, digest: LogEntry::NO_COMMAND }).expect("the first to commit");
    assert_eq!((checker.log().len(), checker.commands()), (3, 2));
}

#[test]
fn a_committed_entry_that_is_dropped_is_rejected() {
    assert_rejected(StateMachineSafety::kept(N2, 5, 3), NAME, &["n2 drops entries", "from 4 on"]);
    StateMachineSafety::kept(N2, 5, 5).expect("a log that holds all of it");
}
