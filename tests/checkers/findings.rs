//! Histories that a checker ought to reject by its own words, and accepts.

use sim::checkers::election_safety::ElectionSafety;
use sim::checkers::one_vote::OneVote;
use sim::{Failure, Promise, TermAndVote};

use crate::leader_completeness::Leaders;
use crate::puppets::Act::{Crashes, Promises, Shows, Stores, Votes};
use crate::puppets::{Act, play, shows};
use crate::verdicts::{N1, N2, N3, assert_rejected};

/// The checker that ended the run.
fn refused_by(acts: Vec<(sim::NodeId, Act)>) -> String {
    play(acts).map_or_else(|| "nobody".to_owned(), |Failure { checker, .. }| checker)
}

/// promises: "A server does not answer on the strength of what a crash can take back."
///
/// n2's disk ends at entry 2 of term 1. The leader of term 2 has another entry 2, which n2 has in memory, and
/// acknowledges before it is written. A crash takes it back; the disk is long enough to hide that.
#[test]
fn an_acknowledgement_on_the_strength_of_a_stale_tail_is_rejected() {
    let acts = [
        (N2, Votes(2, None)),
        (N2, Stores(1, &[1, 1])),
        (N2, Shows(shows(2).log(&[1, 1]))),
        (N2, Shows(shows(2).log(&[1, 2]))),
        (N2, Promises(Promise::Log { term: 2, index: 2 })),
    ];
    assert_eq!(refused_by(acts.to_vec()), "promises");
}

/// monotonic: a server's term only ever grows "over its whole life", "not even across a crash" does it fall.
///
/// The disk itself goes back from term 5 to term 3, so that the restart in term 3 agrees with it.
#[test]
fn a_term_that_falls_on_the_disk_is_rejected() {
    let acts =
        [(N1, Votes(5, None)), (N1, Shows(shows(5))), (N1, Votes(3, None)), (N1, Crashes), (N1, Shows(shows(3)))];
    assert_eq!(refused_by(acts.to_vec()), "monotonic_term");
}

/// one_vote: "A server votes for at most one candidate in a term", "and remembers it".
///
/// The disk forgets that n1 voted for itself, so that the restart without a vote agrees with it; n1 votes again.
#[test]
fn a_vote_that_the_disk_forgets_is_rejected() {
    let acts = [
        (N1, Votes(5, Some(N1))),
        (N1, Shows(shows(5).voted_for(N1))),
        (N1, Votes(5, None)),
        (N1, Crashes),
        (N1, Votes(5, Some(N2))),
        (N1, Promises(Promise::Vote { term: 5, candidate: N2 })),
    ];
    assert_eq!(refused_by(acts.to_vec()), "one_vote");
}

/// election_safety: "a leader has the votes of a majority, each of them such that a crash cannot take it back".
///
/// n3's disk says by now that its vote is n2's. It is counted for both.
#[test]
fn a_vote_that_has_moved_on_the_disk_is_not_counted_for_the_first_candidate() {
    let mut checker = ElectionSafety::default();
    checker.vote_durable(N1, 4, N1);
    checker.vote_durable(N3, 4, N1);
    checker.vote_durable(N3, 4, N2);
    assert_rejected(checker.leader(N1, 4, 2), "election_safety", &["n1", "term 4", "{n1}"]);
}

/// one_vote: an error "where the vote on disk is not the one that the node goes on with".
#[test]
fn a_vote_that_a_restart_makes_up_is_rejected() {
    let durable = TermAndVote { term: 5, voted_for: None };
    let found = TermAndVote { term: 5, voted_for: Some(N2) };
    assert_rejected(OneVote::default().restarted(N1, durable, found), "one_vote", &["n1", "n2", "term 5"]);
}

/// commit_rule: "A leader commits by counting replicas only entries of its own term."
///
/// The leader's commit index moves in the very step that makes it a leader: Figure 8 (c), one step earlier. Nothing
/// but counting replicas can have moved it there.
#[test]
fn an_old_entry_committed_in_the_step_of_the_election_is_rejected() {
    let acts = [
        (N1, Stores(1, &[1])),
        (N2, Stores(1, &[1])),
        (N1, Votes(2, Some(N1))),
        (N2, Votes(2, Some(N1))),
        (N1, Shows(shows(2).voted_for(N1).log(&[1]))),
        (N1, Shows(shows(2).voted_for(N1).leads().log(&[1]).committed(1))),
    ];
    assert_eq!(refused_by(acts.to_vec()), "commit_rule");
}

/// leader_completeness: an error "where a leader of a later term, elected before this became known, lacks it".
///
/// The later leader's log has term 1 at index 1, and term 2 at index 2 only. `LogMatching::holds` finds term 2 at the
/// end of it and takes the rest on trust, though Log Matching, which is all that is claimed, holds here: the two logs
/// share no entry. With the commit known first the same history is rejected.
#[test]
fn a_later_leader_with_the_term_of_the_commit_at_a_later_index_only_is_rejected() {
    let history = Leaders::default().elects(N1, 2, &[]).elects(N3, 3, &[1, 2]);
    let words = ["entry 1", "committed in term 2", "n3 leads term 3 without it"];
    assert_rejected(history.try_commits(2, &[2]), "leader_completeness", &words);
}
