//! Log Matching: what shares an index and a term shares everything before it.

use sim::checkers::log_matching::{LogMatching, present, unchanged};
use sim::{NodeId, Violation};

use crate::entries::{entry, forged};
use crate::verdicts::{N1, N2, N3, N4, N5, assert_rejected};

const NAME: &str = "log_matching";

/// The logs that were seen, one after the other.
#[derive(Default, Debug)]
struct Logs(LogMatching);

impl Logs {
    /// `node` has the log of these terms, and all of it is looked at.
    fn try_log(self, node: NodeId, terms: &[u64]) -> Result<Self, Box<Violation>> {
        self.try_tail(node, 1, 0, terms)
    }

    fn log(self, node: NodeId, terms: &[u64]) -> Self {
        self.try_log(node, terms).expect("a lawful log")
    }

    /// `node`'s log has entries of these terms from `first` on, right after one of `previous_term`.
    fn try_tail(mut self, node: NodeId, first: u64, previous_term: u64, terms: &[u64]) -> Result<Self, Box<Violation>> {
        let previous_terms = std::iter::once(&previous_term).chain(terms);
        for (index, (term, previous_term)) in (first..).zip(terms.iter().zip(previous_terms)) {
            self.0.appended(node, index, entry(index, *term), *previous_term)?;
        }
        Ok(self)
    }
}

#[test]
fn another_command_at_the_same_index_and_term_is_rejected() {
    let mut logs = Logs::default().log(N1, &[1, 1, 2]);
    assert_rejected(logs.0.appended(N2, 2, forged(2, 1), 1), NAME, &["n2", "term 1 at 2", "differs"]);
}

#[test]
fn another_first_entry_of_the_same_term_is_rejected() {
    let mut logs = Logs::default().log(N1, &[1]);
    assert_rejected(logs.0.appended(N2, 1, forged(1, 1), 0), NAME, &["n2", "term 1 at 1", "differs"]);
}

#[test]
fn an_entry_after_one_of_another_term_is_rejected() {
    let logs = Logs::default().log(N1, &[1, 1, 3]).log(N2, &[1, 2]);
    let words = ["n2", "entry of term 3 at 3", "after one of term 2", "another log after one of term 1"];
    assert_rejected(logs.try_tail(N2, 3, 2, &[3]), NAME, &words);
}

#[test]
fn a_shared_entry_over_an_older_difference_is_rejected_where_the_logs_join() {
    // The logs differ at 1 and share the entry of term 3 at 3. The step from 2 to 3 looks the same in both.
    let logs = Logs::default().log(N1, &[1, 2, 3]);
    assert_rejected(logs.try_log(N2, &[2, 2, 3]), NAME, &["n2", "term 2 at 2", "after one of term 2", "of term 1"]);
}

#[test]
fn a_log_is_held_against_logs_that_are_long_gone() {
    let logs = Logs::default().log(N1, &[1, 1]).log(N1, &[1, 2]).log(N2, &[1, 2]).log(N3, &[1, 2, 4]);
    let mut logs = logs.log(N1, &[1, 2, 4]);
    assert_rejected(logs.0.appended(N4, 2, forged(2, 1), 1), NAME, &["n4", "term 1 at 2"]);
}

#[test]
fn a_server_is_held_against_its_own_past() {
    let mut logs = Logs::default().log(N1, &[1, 1]).log(N1, &[1, 2]);
    assert_rejected(logs.0.appended(N1, 2, forged(2, 1), 1), NAME, &["n1", "term 1 at 2"]);
}

#[test]
fn the_third_term_seen_at_an_index_is_remembered_too() {
    let mut logs = Logs::default().log(N1, &[1, 2]).log(N2, &[1, 3]).log(N3, &[1, 4]);
    assert_rejected(logs.0.appended(N5, 2, forged(2, 4), 1), NAME, &["n5", "term 4 at 2"]);
}

#[test]
fn a_command_where_another_log_has_none_is_rejected() {
    let mut logs = Logs::default();
    let no_command = sim::LogEntry { term: 2, digest: sim::LogEntry::NO_COMMAND };
    logs.0.appended(N1, 1, no_command, 0).expect("the first log");
    assert_rejected(logs.0.appended(N2, 1, entry(1, 2), 0), NAME, &["n2", "term 2 at 1"]);
}

#[test]
fn equal_logs_match() {
    assert!(Logs::default().log(N1, &[1, 1, 2]).try_log(N2, &[1, 1, 2]).is_ok());
}

#[test]
fn the_logs_of_figure_7_match() {
    let leader = [1, 1, 1, 4, 4, 5, 5, 6, 6, 6];
    let logs = Logs::default().log(N1, &leader).log(N2, &leader[..9]).log(N3, &leader[..4]);
    let logs = logs.log(N4, &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 6]).log(N5, &[1, 1, 1, 4, 4, 5, 5, 6, 6, 6, 7, 7]);
    let logs = logs.log(NodeId(5), &[1, 1, 1, 4, 4, 4, 4]);
    assert!(logs.try_log(NodeId(6), &[1, 1, 1, 2, 2, 2, 3, 3, 3, 3, 3]).is_ok());
}

#[test]
fn logs_may_have_different_terms_at_one_index() {
    assert!(Logs::default().log(N1, &[1, 2]).log(N2, &[1, 3]).try_log(N3, &[4]).is_ok());
}

#[test]
fn an_uncommitted_tail_may_be_truncated_and_replaced() {
    let logs = Logs::default().log(N1, &[1, 2, 2, 2]).log(N2, &[1, 3]);
    assert!(logs.try_tail(N1, 2, 1, &[3, 3]).is_ok());
}

#[test]
fn a_truncated_tail_may_come_back() {
    // Its leader restarts nowhere: another server has kept the tail, and leads with it later.
    let logs = Logs::default().log(N1, &[1, 2, 2]).log(N2, &[1, 2, 2]).log(N1, &[1, 3]);
    assert!(logs.try_log(N1, &[1, 2, 2, 4]).is_ok());
}

#[test]
fn a_log_may_be_read_again_after_a_restart() {
    assert!(Logs::default().log(N1, &[1, 2, 2]).log(N1, &[1, 2, 2]).try_log(N1, &[1, 2, 2]).is_ok());
}

#[test]
fn a_restart_may_lose_a_tail_that_another_log_keeps() {
    assert!(Logs::default().log(N1, &[1, 2, 2]).log(N2, &[1, 2]).log(N2, &[1, 4]).try_log(N1, &[1, 2, 2]).is_ok());
}

#[test]
fn one_term_may_stand_at_different_indexes_of_different_logs_if_they_share_none() {
    // Whether the leader of term 2 may do so is for others to say. The logs share no entry.
    assert!(Logs::default().log(N1, &[1, 2]).try_log(N2, &[2]).is_ok());
}

#[test]
fn the_same_command_may_stand_at_two_indexes() {
    // A client that asks twice is served twice: exactly once is the business of the service.
    let mut logs = Logs::default().log(N1, &[1]);
    assert!(logs.0.appended(N1, 2, entry(1, 1), 1).is_ok());
}

#[test]
fn a_log_that_changes_without_a_word_is_rejected() {
    let words = ["n1's entry 4", "without a word"];
    assert_rejected(unchanged(N1, 4, entry(4, 2), Some(entry(4, 3))), NAME, &words);
    assert_rejected(unchanged(N1, 4, entry(4, 2), None), NAME, &words);
    unchanged(N1, 4, entry(4, 2), Some(entry(4, 2))).expect("the same entry");
}

#[test]
fn a_log_with_a_hole_is_rejected() {
    assert_rejected(present(N2, 3, 5, None), NAME, &["n2", "ends at 5", "no entry at 3"]);
    assert_eq!(present(N2, 3, 5, Some(entry(3, 1))), Ok(entry(3, 1)));
}

#[test]
fn an_entry_that_is_forgotten_may_be_another_and_its_neighbours_may_not() {
    // The last that was ever seen, one with others behind it, and one that came second at its index.
    for seen in [&[&[1, 2][..]][..], &[&[1, 2, 2]], &[&[1, 1], &[1, 2]]] {
        let mut logs = seen.iter().fold(Logs::default(), |logs, terms| logs.log(N1, terms));
        logs.0.forget(2, 2);
        assert_rejected(logs.0.appended(N2, 1, forged(1, 1), 0), NAME, &["n2", "term 1 at 1", "differs"]);
        assert!(logs.0.appended(N2, 2, forged(2, 2), 1).is_ok_and(|is_new| is_new), "{seen:?}");
        assert_rejected(logs.0.appended(N3, 2, entry(2, 2), 1), NAME, &["n3", "term 2 at 2", "differs"]);
    }
}

#[test]
fn what_else_was_seen_at_the_index_of_a_forgotten_entry_stays() {
    let mut logs = Logs::default().log(N1, &[1, 2]).log(N2, &[1, 1]);
    logs.0.forget(2, 2);
    assert_rejected(logs.0.appended(N3, 2, forged(2, 1), 1), NAME, &["n3", "term 1 at 2", "differs"]);
}
