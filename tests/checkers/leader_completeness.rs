//! Leader Completeness: what was committed in a term is in the logs of the leaders of all later ones. It must be
//! noticed whichever becomes known first, the commit or the leader.

use sim::checkers::leader_completeness::LeaderCompleteness;
use sim::checkers::log_matching::LogMatching;
use sim::{LogEntry, NodeId, Violation};

use crate::entries::log;
use crate::verdicts::{N1, N2, N3, N4, N5, assert_rejected};

const NAME: &str = "leader_completeness";

/// A cluster's leaders and commits, in the order in which they became known.
#[derive(Default, Debug)]
struct Leaders {
    checker: LeaderCompleteness,
    logs: LogMatching,
    committed: Vec<LogEntry>,
}

impl Leaders {
    /// `node` is elected in `term` with the log of these terms.
    fn try_elects(mut self, node: NodeId, term: u64, terms: &[u64]) -> Result<Self, Box<Violation>> {
        let log = self.sees(node, terms);
        self.checker.elected(node, term, &log, &self.committed)?;
        Ok(self)
    }

    fn elects(self, node: NodeId, term: u64, terms: &[u64]) -> Self {
        self.try_elects(node, term, terms).expect("a leader that has everything")
    }

    /// The log of these terms is committed whole in `term`; a part of it may be known to be already.
    fn try_commits(mut self, term: u64, terms: &[u64]) -> Result<Self, Box<Violation>> {
        let log = self.sees(N1, terms);
        for (index, entry) in (1..).zip(log).skip(self.committed.len()) {
            self.committed.push(entry);
            self.checker.committed(term, index, entry, &self.logs)?;
        }
        Ok(self)
    }

    fn commits(self, term: u64, terms: &[u64]) -> Self {
        self.try_commits(term, terms).expect("every later leader has it")
    }

    /// A follower appends entries of these terms up to the end of its log.
    fn follower(mut self, node: NodeId, terms: &[u64]) -> Self {
        self.sees(node, terms);
        self
    }

    fn sees(&mut self, node: NodeId, terms: &[u64]) -> Vec<LogEntry> {
        let log = log(terms);
        let mut previous_term = 0;
        for (index, entry) in (1..).zip(&log) {
            self.logs.appended(node, index, *entry, previous_term).expect("logs that match");
            previous_term = entry.term;
        }
        log
    }
}

// ---- The commit is known first ----

#[test]
fn a_leader_elected_with_a_log_that_ends_before_the_commit_is_rejected() {
    let history = Leaders::default().elects(N1, 1, &[]).commits(1, &[1, 1]);
    let words = ["n2 leads term 2", "without entry 2", "committed in term 1"];
    assert_rejected(history.try_elects(N2, 2, &[1]), NAME, &words);
}

#[test]
fn a_leader_elected_with_an_empty_log_is_rejected() {
    let history = Leaders::default().elects(N1, 1, &[]).commits(1, &[1]);
    let words = ["n3 leads term 4", "without entry 1", "committed in term 1"];
    assert_rejected(history.try_elects(N3, 4, &[]), NAME, &words);
}

#[test]
fn a_leader_elected_with_another_entry_at_the_commit_is_rejected() {
    // Figure 8 (d), had the entry of term 2 been committed: S5 comes with its entry of term 3.
    let history = Leaders::default().elects(N1, 2, &[1]).commits(2, &[1, 2]);
    let words = ["n5 leads term 5", "without entry 2", "committed in term 2"];
    assert_rejected(history.try_elects(N5, 5, &[1, 3]), NAME, &words);
}

#[test]
fn a_longer_log_with_another_entry_at_the_commit_is_rejected() {
    let history = Leaders::default().elects(N1, 2, &[1]).commits(2, &[1, 2]);
    let words = ["n5 leads term 5", "without entry 2", "committed in term 2"];
    assert_rejected(history.try_elects(N5, 5, &[1, 3, 3, 4]), NAME, &words);
}

#[test]
fn a_leader_many_terms_after_the_commit_is_rejected() {
    let history = Leaders::default().elects(N1, 1, &[]).commits(1, &[1, 1]).elects(N2, 2, &[1, 1]);
    let words = ["n3 leads term 9", "without entry 2", "committed in term 1"];
    assert_rejected(history.try_elects(N3, 9, &[1]), NAME, &words);
}

#[test]
fn a_leader_between_two_commits_is_held_to_the_first() {
    let history = Leaders::default().elects(N1, 2, &[]).commits(2, &[2]).elects(N2, 5, &[2]).commits(5, &[2, 5, 5]);
    let words = ["n3 leads term 4", "without entry 1", "committed in term 2"];
    assert_rejected(history.try_elects(N3, 4, &[]), NAME, &words);
}

#[test]
fn a_leader_is_held_to_the_last_of_several_commits() {
    let history = Leaders::default().elects(N1, 2, &[]).commits(2, &[2]).elects(N2, 5, &[2]).commits(5, &[2, 5]);
    let words = ["n3 leads term 6", "without entry 2", "committed in term 5"];
    assert_rejected(history.try_elects(N3, 6, &[2]), NAME, &words);
}

#[test]
fn a_commit_of_an_older_term_that_becomes_known_late_still_binds() {
    // Term 4 is known to have committed entry 1, and then term 2 to have committed entry 2 before.
    let history = Leaders::default().commits(4, &[1]).commits(2, &[1, 2]);
    assert_rejected(history.try_elects(N3, 3, &[1]), NAME, &["n3 leads term 3", "without entry 2", "in term 2"]);
}

#[test]
fn a_commit_of_an_older_term_that_becomes_known_late_binds_later_terms_too() {
    let history = Leaders::default().commits(4, &[1]).commits(2, &[1, 2]);
    assert_rejected(history.try_elects(N3, 5, &[1]), NAME, &["n3 leads term 5", "without entry 2"]);
}

// ---- The leader is known first ----

#[test]
fn a_commit_behind_the_back_of_a_later_leader_with_a_shorter_log_is_rejected() {
    let history = Leaders::default().elects(N1, 1, &[]).follower(N1, &[1, 1]).elects(N2, 2, &[1]);
    let words = ["entry 2", "committed in term 1", "n2 leads term 2 without it"];
    assert_rejected(history.try_commits(1, &[1, 1]), NAME, &words);
}

#[test]
fn a_commit_behind_the_back_of_a_later_leader_with_an_empty_log_is_rejected() {
    let history = Leaders::default().elects(N1, 1, &[]).elects(N2, 2, &[]);
    let words = ["entry 1", "committed in term 1", "n2 leads term 2 without it"];
    assert_rejected(history.try_commits(1, &[1]), NAME, &words);
}

#[test]
fn a_commit_behind_the_back_of_a_later_leader_with_another_entry_is_rejected() {
    let history = Leaders::default().elects(N1, 2, &[1]).follower(N5, &[1, 3]).elects(N5, 5, &[1, 3]);
    let words = ["entry 2", "committed in term 2", "n5 leads term 5 without it"];
    assert_rejected(history.try_commits(2, &[1, 2]), NAME, &words);
}

#[test]
fn a_commit_is_looked_for_down_a_chain_of_many_terms() {
    // The log of the leader of term 9 grew under five leaders, and none of them had the entry of term 2.
    let history = Leaders::default().elects(N1, 2, &[1]).elects(N5, 9, &[1, 3, 4, 4, 6, 7, 8]);
    let words = ["entry 2", "committed in term 2", "n5 leads term 9 without it"];
    assert_rejected(history.try_commits(2, &[1, 2]), NAME, &words);
}

#[test]
fn a_later_leader_that_has_only_the_first_of_two_commits_is_rejected_at_the_second() {
    let history = Leaders::default().elects(N1, 2, &[1]).elects(N2, 3, &[1, 2]).commits(2, &[1, 2]);
    let words = ["entry 3", "committed in term 2", "n2 leads term 3 without it"];
    assert_rejected(history.try_commits(2, &[1, 2, 2]), NAME, &words);
}

#[test]
fn every_later_leader_is_looked_at_and_not_the_next_alone() {
    let history = Leaders::default().elects(N1, 2, &[1]).elects(N2, 3, &[1, 2]).elects(N3, 6, &[1]);
    let words = ["entry 2", "committed in term 2", "n3 leads term 6 without it"];
    assert_rejected(history.try_commits(2, &[1, 2]), NAME, &words);
}

#[test]
fn a_later_leader_with_the_term_of_the_commit_at_a_later_index_only_is_rejected() {
    // The two logs share no entry, so Log Matching has nothing to say.
    let history = Leaders::default().elects(N1, 2, &[]).elects(N3, 3, &[1, 2]);
    let words = ["entry 1", "committed in term 2", "n3 leads term 3 without it"];
    assert_rejected(history.try_commits(2, &[2]), NAME, &words);
}

#[test]
fn what_a_later_leader_appends_after_its_election_does_not_make_it_complete() {
    let history = Leaders::default().elects(N1, 2, &[1]).elects(N2, 3, &[1]).follower(N2, &[1, 3, 3]);
    let words = ["entry 2", "committed in term 2", "n2 leads term 3 without it"];
    assert_rejected(history.try_commits(2, &[1, 2]), NAME, &words);
}

#[test]
fn the_entry_of_figure_8_c_may_not_be_committed_before_the_election_of_d() {
    // S1 leads term 4 and counts the entry of term 2 for committed; S5 leads term 5 with its entry of term 3.
    let history = Leaders::default().elects(N1, 2, &[1]).elects(N5, 3, &[1]).elects(N1, 4, &[1, 2]);
    let history = history.commits(4, &[1, 2]);
    let words = ["n5 leads term 5", "without entry 2", "committed in term 4"];
    assert_rejected(history.try_elects(N5, 5, &[1, 3]), NAME, &words);
}

// ---- Lawful ----

#[test]
fn figure_8_d_is_lawful() {
    // Nothing but the first entry was committed: S5 may overwrite the entry of term 2, though it is on a majority.
    let history = Leaders::default().elects(N1, 2, &[1]).elects(N5, 3, &[1]).elects(N1, 4, &[1, 2]).commits(4, &[1]);
    assert!(history.elects(N5, 5, &[1, 3]).try_commits(5, &[1, 3, 5]).is_ok());
}

#[test]
fn figure_8_e_is_lawful() {
    // S1 has committed an entry of its own term 4, and the one of term 2 with it: S5 led term 3, and not since.
    let history = Leaders::default().elects(N1, 2, &[1]).elects(N5, 3, &[1]).elects(N1, 4, &[1, 2]);
    assert!(history.commits(4, &[1, 2, 4]).try_elects(N2, 5, &[1, 2, 4]).is_ok());
}

#[test]
fn an_old_entry_committed_in_a_later_term_does_not_bind_the_terms_between() {
    let history = Leaders::default().elects(N1, 2, &[1]).elects(N1, 4, &[1, 2]).commits(4, &[1, 2, 4]);
    assert!(history.try_elects(N5, 3, &[1]).is_ok());
}

#[test]
fn the_leader_of_the_commits_own_term_may_have_been_elected_without_it() {
    assert!(Leaders::default().elects(N1, 3, &[]).try_commits(3, &[3, 3]).is_ok());
}

#[test]
fn a_leader_that_is_seen_late_is_not_held_to_what_its_own_term_committed() {
    // "the leaders of all higher-numbered terms": its own is not among them.
    assert!(Leaders::default().commits(3, &[3]).try_elects(N1, 3, &[]).is_ok());
}

#[test]
fn earlier_leaders_may_lack_what_is_committed_later() {
    let history = Leaders::default().elects(N1, 1, &[]).elects(N2, 2, &[]);
    assert!(history.elects(N3, 3, &[]).try_commits(3, &[3]).is_ok());
}

#[test]
fn a_stale_leader_may_be_elected_late_in_an_old_term() {
    let history = Leaders::default().elects(N2, 5, &[]).commits(5, &[5, 5]);
    assert!(history.try_elects(N1, 3, &[]).is_ok());
}

#[test]
fn a_deposed_leader_may_learn_late_that_its_entries_are_committed() {
    // The answers that make the majority were on their way when the next leader was elected, which has the entry.
    let history = Leaders::default().elects(N1, 1, &[]).follower(N2, &[1, 1]).elects(N2, 2, &[1, 1]);
    assert!(history.try_commits(1, &[1, 1]).is_ok());
}

#[test]
fn a_later_leader_may_have_the_commit_under_a_chain_of_many_terms() {
    let history = Leaders::default().elects(N1, 2, &[1]).elects(N5, 9, &[1, 2, 4, 4, 6, 7, 8]);
    assert!(history.try_commits(2, &[1, 2]).is_ok());
}

#[test]
fn a_later_leader_may_have_the_commit_as_the_first_of_many_entries_of_one_term() {
    assert!(Leaders::default().elects(N1, 2, &[]).elects(N2, 3, &[2, 2, 2, 2]).try_commits(2, &[2]).is_ok());
}

#[test]
fn a_leader_elected_after_the_commit_may_have_more() {
    let history = Leaders::default().elects(N1, 1, &[]).commits(1, &[1]);
    assert!(history.try_elects(N2, 3, &[1, 1, 2]).is_ok());
}

#[test]
fn a_leader_may_be_shown_with_an_entry_of_its_own_already() {
    // A subject that appends in the step that makes it a leader.
    let history = Leaders::default().elects(N1, 1, &[]).follower(N1, &[1]).elects(N2, 2, &[1, 2]);
    assert!(history.try_commits(1, &[1]).is_ok());
}

#[test]
fn one_node_may_lead_again_with_what_it_committed() {
    let history = Leaders::default().elects(N4, 1, &[]).commits(1, &[1]).elects(N4, 2, &[1]).commits(2, &[1, 2]);
    assert!(history.try_elects(N4, 7, &[1, 2]).is_ok());
}

#[test]
fn the_first_leader_may_have_nothing() {
    assert!(Leaders::default().try_elects(N1, 1, &[]).is_ok());
}
