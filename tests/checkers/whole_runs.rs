//! What a checker can refuse is of no use if the world does not tell it: for each, a run of servers that break its
//! property and nothing that is looked at before it.

use sim::{Failure, LogEntry, NodeId, Promise};

use crate::entries::{entry, log};
use crate::puppets::Act::{
    Answers, Crashes, Follows, HandsOver, IsAsked, Promises, Refuses, Rewrites, Shows, Stores, Votes, WakesWith,
    WouldVote,
};
use crate::puppets::{ACT_NS, Act, Manners, play, play_with, shows};
use crate::verdicts::{N1, N2, N3};

/// The acts after `node` was elected in `term` with the votes of itself and `voter`, and leads with the log of these
/// terms.
fn elected(node: NodeId, term: u64, voter: NodeId, terms: &'static [u64]) -> Vec<(NodeId, Act)> {
    vec![
        (node, Votes(term, Some(node))),
        (voter, Votes(term, Some(node))),
        (voter, Shows(shows(term).voted_for(node))),
        (node, Shows(shows(term).voted_for(node).leads().log(terms))),
    ]
}

/// n1 leads term 1 and has committed the log of this one entry, which is on all disks.
fn one_commit() -> Vec<(NodeId, Act)> {
    let mut acts = elected(N1, 1, N2, &[1]);
    acts.push((N3, Votes(1, None)));
    acts.extend([N1, N2, N3].map(|node| (node, Stores(1, &[1]))));
    acts.push((N1, Shows(shows(1).voted_for(N1).leads().log(&[1]).committed(1))));
    acts
}

/// The same, with a second entry.
fn two_commits() -> Vec<(NodeId, Act)> {
    let mut acts = one_commit();
    acts.push((N1, Shows(shows(1).voted_for(N1).leads().log(&[1, 1]).committed(1))));
    acts.extend([N1, N2, N3].map(|node| (node, Stores(2, &[1, 1]))));
    acts.push((N1, Shows(shows(1).voted_for(N1).leads().log(&[1, 1]).committed(2))));
    acts
}

fn then(mut acts: Vec<(NodeId, Act)>, more: impl IntoIterator<Item = (NodeId, Act)>) -> Vec<(NodeId, Act)> {
    acts.extend(more);
    acts
}

/// The checker that ended the run.
fn refused_by(acts: Vec<(NodeId, Act)>) -> String {
    play(acts).map_or_else(|| "nobody".to_owned(), |Failure { checker, .. }| checker)
}

/// The run ends in this checker, in a detail that has all these words.
#[track_caller]
fn assert_refused(acts: impl IntoIterator<Item = (NodeId, Act)>, checker: &str, words: &[&str]) {
    let failure = play(acts.into_iter().collect()).expect("a failure");
    assert_eq!(failure.checker, checker, "{}", failure.detail);
    for words in words {
        assert!(failure.detail.contains(words), "\"{words}\" is not in \"{}\"", failure.detail);
    }
}

#[test]
fn a_lawful_run_is_refused_by_nobody() {
    let acts = then(
        then(one_commit(), elected(N2, 2, N3, &[1])),
        [
            (N2, Shows(shows(2).voted_for(N2).leads().log(&[1, 2]))),
            (N2, Follows(N1, 1, 2)),
            (N1, Votes(2, None)),
            (N1, Shows(shows(2).log(&[1]).committed(1).applied(1))),
            (N1, Stores(1, &[1, 2])),
            (N1, Shows(shows(2).log(&[1, 2]).committed(1).applied(1))),
            (N1, Promises(Promise::Log { term: 2, index: 2 })),
            (N2, Stores(2, &[1, 2])),
            (N2, Shows(shows(2).voted_for(N2).leads().log(&[1, 2]).committed(2))),
            (N1, Crashes),
            (N1, Shows(shows(2).log(&[1, 2]).committed(2).applied(2))),
        ],
    );
    assert_eq!(play(acts), None);
}

#[test]
fn election_safety_is_told_of_leaders() {
    assert_eq!(refused_by(then(elected(N1, 4, N2, &[]), [(N3, Shows(shows(4).leads()))])), "election_safety");
}

#[test]
fn election_safety_is_told_of_votes() {
    assert_eq!(refused_by(vec![(N1, Votes(4, Some(N1))), (N1, Shows(shows(4).leads()))]), "election_safety");
}

/// n2's disk went from an earlier term to term 5, and never had its vote in term 4: nobody else gets that any more.
#[test]
fn a_vote_that_was_superseded_before_it_was_written_counts_once_it_is_given() {
    let leads = [(N1, Votes(4, Some(N1))), (N1, Shows(shows(4).leads().voted_for(N1)))];
    let gives = |durable| vec![(N2, Votes(durable, None)), (N2, Promises(Promise::Vote { term: 4, candidate: N1 }))];
    let elected = |mut acts: Vec<(NodeId, Act)>| {
        acts.extend(leads.clone());
        refused_by(acts)
    };
    assert_eq!(elected(gives(5)), "nobody");
    // Not where the disk may still go on in term 4, nor where nothing was given.
    assert_eq!(elected(gives(3)), "promises");
    assert_eq!(elected(vec![(N2, Votes(5, None))]), "election_safety");
}

#[test]
fn one_vote_is_told_of_promises() {
    let vote = |candidate| Promises(Promise::Vote { term: 4, candidate });
    let acts = [
        (N2, Votes(4, Some(N1))),
        (N2, vote(N1)),
        // Term 5 on its disk hides from other checkers what it says of term 4.
        (N2, Votes(5, None)),
        (N2, vote(N3)),
    ];
    assert_eq!(refused_by(acts.to_vec()), "one_vote");
}

#[test]
fn one_vote_is_told_of_what_memory_says() {
    let acts = [(N2, Shows(shows(4).voted_for(N1))), (N2, Shows(shows(4).voted_for(N3)))];
    assert_eq!(refused_by(acts.to_vec()), "one_vote");
}

#[test]
fn one_vote_is_told_of_restarts() {
    assert_eq!(refused_by(vec![(N2, Votes(4, Some(N1))), (N2, WakesWith(4, None))]), "one_vote");
}

#[test]
fn one_vote_is_told_of_a_vote_that_a_restart_makes_up() {
    let acts = [(N2, Votes(4, None)), (N2, WakesWith(4, Some(N1)))];
    assert_refused(acts, "one_vote", &["n2 restarts with a vote for n1", "term 4"]);
}

#[test]
fn one_vote_is_told_of_a_vote_that_the_disk_forgets() {
    // The restart without a vote agrees with the disk, and n1 may vote again.
    let acts = [
        (N1, Votes(5, Some(N1))),
        (N1, Shows(shows(5).voted_for(N1))),
        (N1, Votes(5, None)),
        (N1, Crashes),
        (N1, Votes(5, Some(N2))),
        (N1, Promises(Promise::Vote { term: 5, candidate: N2 })),
    ];
    assert_refused(acts, "one_vote", &["n1 forgets", "voted for n1", "term 5"]);
}

#[test]
fn one_vote_is_told_of_a_vote_that_moves_on_the_disk() {
    let acts = [(N3, Votes(4, Some(N1))), (N3, Votes(4, Some(N2)))];
    assert_refused(acts, "one_vote", &["n3 moves its vote", "term 4", "from n1 to n2"]);
}

#[test]
fn leader_append_only_is_told_of_logs() {
    let acts = then(elected(N1, 1, N2, &[1, 1]), [(N1, Shows(shows(1).voted_for(N1).leads().log(&[1])))]);
    assert_eq!(refused_by(acts), "leader_append_only");
}

#[test]
fn log_matching_is_told_of_logs() {
    let acts = [(N1, Shows(shows(3).log(&[1, 3]))), (N2, Shows(shows(3).log(&[2, 3])))];
    assert_eq!(refused_by(acts.to_vec()), "log_matching");
}

#[test]
fn log_matching_is_told_at_the_end_of_a_log_that_has_changed_without_a_word() {
    let acts = [(N2, Shows(shows(2).log(&[1, 1, 2]))), (N2, Rewrites(&[1, 2, 2]))];
    assert_refused(acts, "log_matching", &["n2's entry 2", "changed without a word"]);
}

#[test]
fn log_matching_is_told_at_the_end_of_the_first_entry_and_of_the_last() {
    let first = [(N3, Shows(shows(2).log(&[1, 1]))), (N3, Rewrites(&[2, 1]))];
    assert_refused(first, "log_matching", &["n3's entry 1"]);
    let last = [(N3, Shows(shows(2).log(&[1, 1]))), (N3, Rewrites(&[1, 2]))];
    assert_refused(last, "log_matching", &["n3's entry 2"]);
}

#[test]
fn log_matching_is_told_at_the_end_of_an_entry_that_is_gone_without_a_word() {
    let acts = [(N1, Shows(shows(2).log(&[1, 1]))), (N1, Rewrites(&[1]))];
    assert_refused(acts, "log_matching", &["n1's entry 2", "changed without a word"]);
}

#[test]
fn a_log_that_changes_may_say_so() {
    let acts = [(N2, Shows(shows(2).log(&[1, 1, 1]))), (N2, Shows(shows(2).log(&[1, 2])))];
    assert_eq!(play(acts.to_vec()), None);
}

#[test]
fn a_log_that_a_crash_took_need_not_say_so() {
    // Nothing of it was on the disk.
    let acts = [(N2, Shows(shows(2).log(&[1, 1]))), (N2, Crashes), (N2, Shows(shows(2)))];
    assert_eq!(play(acts.to_vec()), None);
}

#[test]
fn leader_completeness_is_told_of_leaders() {
    assert_eq!(refused_by(then(one_commit(), elected(N3, 2, N2, &[]))), "leader_completeness");
}

#[test]
fn leader_completeness_is_told_of_what_a_restart_lost() {
    // n3 had the committed entry in memory alone.
    let acts = then(elected(N1, 1, N2, &[1]), [(N3, Shows(shows(1).log(&[1])))]);
    let acts = then(acts, [N1, N2].map(|node| (node, Stores(1, &[1]))));
    let acts = then(acts, [(N1, Shows(shows(1).voted_for(N1).leads().log(&[1]).committed(1))), (N3, Crashes)]);
    assert_eq!(refused_by(then(acts, elected(N3, 2, N2, &[]))), "leader_completeness");
}

#[test]
fn leader_completeness_is_told_of_commits() {
    let acts = then(elected(N1, 1, N3, &[1]), elected(N2, 2, N3, &[]));
    let acts = then(acts, [(N1, Shows(shows(1).voted_for(N1).leads().log(&[1]).committed(1)))]);
    assert_eq!(refused_by(acts), "leader_completeness");
}

#[test]
fn state_machine_safety_is_told_of_commits() {
    let acts = then(one_commit(), [(N3, Shows(shows(2).log(&[2]).committed(1)))]);
    assert_eq!(refused_by(acts), "state_machine_safety");
}

#[test]
fn state_machine_safety_is_told_when_a_committed_entry_changes() {
    let acts = then(
        one_commit(),
        [(N3, Shows(shows(1).log(&[1]).committed(1))), (N3, Shows(shows(2).log(&[2]).committed(1)))],
    );
    assert_eq!(refused_by(acts), "state_machine_safety");
}

#[test]
fn state_machine_safety_is_told_when_a_committed_entry_is_dropped() {
    let acts =
        then(one_commit(), [(N3, Shows(shows(1).log(&[1]).committed(1))), (N3, Shows(shows(2).log(&[]).committed(1)))]);
    assert_refused(acts, "state_machine_safety", &["n3 drops entries", "from 1 on"]);
}

#[test]
fn state_machine_safety_is_told_when_entries_are_dropped_and_the_commit_index_with_them() {
    let acts = then(one_commit(), [(N3, Shows(shows(1).log(&[1]).committed(1))), (N3, Shows(shows(2).log(&[])))]);
    assert_refused(acts, "state_machine_safety", &["n3 drops entries", "from 1 on"]);
}

#[test]
fn state_machine_safety_is_told_when_the_last_of_the_committed_entries_is_dropped() {
    let acts = then(two_commits(), [(N2, Shows(shows(1).voted_for(N1).log(&[1, 1]).committed(2)))]);
    let acts = then(acts, [(N2, Shows(shows(2).log(&[1]).committed(2)))]);
    assert_refused(acts, "state_machine_safety", &["n2 drops entries", "from 2 on"]);
}

#[test]
fn entries_that_nobody_committed_may_be_dropped() {
    let acts = [(N3, Shows(shows(1).log(&[1, 1, 1]).committed(1))), (N3, Shows(shows(2).log(&[1]).committed(1)))];
    assert_eq!(play(then(one_commit(), acts)), None);
}

#[test]
fn what_was_held_for_committed_may_be_forgotten_in_a_crash() {
    // Two disks of three have it, and n3 is not one of them.
    let acts = then(elected(N1, 1, N2, &[1]), [N1, N2].map(|node| (node, Stores(1, &[1]))));
    let acts = then(
        acts,
        [
            (N1, Shows(shows(1).voted_for(N1).leads().log(&[1]).committed(1))),
            (N3, Votes(1, None)),
            (N3, Shows(shows(1).log(&[1]).committed(1))),
            (N3, Crashes),
            (N3, Shows(shows(1))),
        ],
    );
    assert_eq!(play(acts), None);
}

#[test]
fn state_machine_safety_is_told_what_is_applied() {
    assert_eq!(refused_by(vec![(N1, Shows(shows(1).log(&[1]).applied(1)))]), "state_machine_safety");
}

#[test]
fn the_commit_rule_is_told_of_commits() {
    let acts = then(elected(N1, 2, N2, &[1]), [N1, N2, N3].map(|node| (node, Stores(1, &[1]))));
    let acts = then(acts, [(N1, Shows(shows(2).voted_for(N1).leads().log(&[1]).committed(1)))]);
    assert_eq!(refused_by(acts), "commit_rule");
}

#[test]
fn the_commit_rule_is_told_of_commits_in_the_step_of_the_election() {
    // Figure 8 (c), one step earlier: nothing but counting replicas can have moved the commit index there.
    let acts = [
        (N1, Stores(1, &[1])),
        (N2, Stores(1, &[1])),
        (N1, Votes(2, Some(N1))),
        (N2, Votes(2, Some(N1))),
        (N1, Shows(shows(2).voted_for(N1).log(&[1]))),
        (N1, Shows(shows(2).voted_for(N1).leads().log(&[1]).committed(1))),
    ];
    assert_refused(acts, "commit_rule", &["n1 leads term 2", "entry 1 of term 1"]);
}

#[test]
fn progress_order_is_told_of_followers() {
    let acts = then(elected(N1, 1, N2, &[1]), [(N1, Follows(N2, 1, 2)), (N1, Follows(N2, 0, 2))]);
    assert_eq!(refused_by(acts), "progress_order");
}

/// n2 has acknowledged entry 1 to n1, which leads term 1 and has not heard of it.
fn one_acknowledgement() -> Vec<(NodeId, Act)> {
    then(
        elected(N1, 1, N2, &[1]),
        [
            (N2, Stores(1, &[1])),
            (N2, Shows(shows(1).voted_for(N1).log(&[1]))),
            (N2, Promises(Promise::Log { term: 1, index: 1 })),
        ],
    )
}

#[test]
fn progress_order_is_told_of_matches_that_nobody_acknowledged() {
    let acts = then(one_acknowledgement(), [(N1, Follows(N3, 1, 2))]);
    assert_refused(acts, "progress_order", &["n1 holds n3 to match up to 1", "term 1", "has said 0"]);
}

#[test]
fn progress_order_is_told_of_matches_beyond_what_was_acknowledged() {
    let acts = then(one_acknowledgement(), [(N1, Follows(N2, 2, 3))]);
    assert_refused(acts, "progress_order", &["n1 holds n2 to match up to 2", "term 1", "has said 1"]);
}

#[test]
fn progress_order_is_told_of_matches_that_were_acknowledged_in_an_earlier_term() {
    let acts = then(one_acknowledgement(), elected(N1, 2, N3, &[1]));
    let acts = then(acts, [(N1, Follows(N2, 1, 2))]);
    assert_refused(acts, "progress_order", &["n1 holds n2 to match up to 1", "term 2", "has said 0"]);
}

#[test]
fn a_match_may_follow_its_acknowledgement() {
    assert_eq!(play(then(one_acknowledgement(), [(N1, Follows(N2, 1, 2))])), None);
}

#[test]
fn a_deposed_leader_may_hear_late_of_an_acknowledgement_of_its_own_term() {
    // n2 leads term 2 by now, and has acknowledged nothing in it; n3 has acknowledged nothing but the term.
    let acts = then(one_acknowledgement(), elected(N2, 2, N3, &[1]));
    let acts = then(acts, [(N3, Promises(Promise::Log { term: 2, index: 0 })), (N1, Follows(N2, 1, 2))]);
    assert_eq!(play(acts), None);
}

#[test]
fn an_acknowledgement_outlives_the_crash_of_who_made_it() {
    let acts = then(one_acknowledgement(), [(N2, Crashes), (N1, Follows(N2, 1, 2))]);
    assert_eq!(play(acts), None);
}

/// n2 has committed both of two entries, applied up to `index`, and its state machine was given these.
fn applies(index: u64, given: &[LogEntry]) -> Vec<(NodeId, Act)> {
    let shown = shows(1).voted_for(N1).log(&[1, 1]).committed(2).applied(index).given(given);
    then(two_commits(), [(N2, Shows(shown))])
}

#[test]
fn applied_is_told_of_an_entry_that_is_applied_twice() {
    assert_refused(applies(1, &[entry(1, 1), entry(1, 1)]), "applied", &["n2 has applied up to 1"]);
}

#[test]
fn applied_is_told_of_an_entry_that_is_skipped() {
    assert_refused(applies(2, &[entry(2, 1)]), "applied", &["n2 has applied up to 2"]);
}

#[test]
fn applied_is_told_of_entries_that_are_applied_out_of_order() {
    assert_refused(applies(2, &[entry(2, 1), entry(1, 1)]), "applied", &["n2 has applied up to 2"]);
}

#[test]
fn applied_is_told_of_an_entry_that_is_applied_again() {
    let shown =
        shows(1).voted_for(N1).log(&[1, 1]).committed(2).applied(2).given(&[entry(1, 1), entry(2, 1), entry(2, 1)]);
    let acts = then(applies(2, &log(&[1, 1])), [(N2, Shows(shown))]);
    assert_refused(acts, "applied", &["n2 has applied up to 2"]);
}

#[test]
fn applied_is_told_of_an_entry_that_is_counted_and_not_given() {
    let shown = shows(1).voted_for(N1).log(&[1, 1]).committed(2).applied(2).given(&log(&[1]));
    let acts = then(applies(1, &log(&[1])), [(N2, Shows(shown))]);
    assert_refused(acts, "applied", &["n2 has applied up to 2"]);
}

#[test]
fn a_state_machine_may_be_given_the_committed_log() {
    assert_eq!(play(applies(2, &log(&[1, 1]))), None);
}

#[test]
fn a_state_machine_may_be_given_one_entry_after_the_other() {
    let shown = shows(1).voted_for(N1).log(&[1, 1]).committed(2).applied(2).given(&log(&[1, 1]));
    assert_eq!(play(then(applies(1, &log(&[1])), [(N2, Shows(shown))])), None);
}

#[test]
fn a_state_machine_may_start_anew_after_a_crash() {
    let anew = shows(1).voted_for(N1).log(&[1, 1]);
    let acts = [
        (N2, Crashes),
        (N2, Shows(anew.clone().given(&[]))),
        (N2, Shows(anew.committed(1).applied(1).given(&log(&[1])))),
    ];
    assert_eq!(play(then(applies(2, &log(&[1, 1])), acts)), None);
}

#[test]
fn monotonic_is_told_of_terms() {
    assert_eq!(refused_by(vec![(N1, Shows(shows(3))), (N1, Shows(shows(2)))]), "monotonic_term");
}

#[test]
fn monotonic_is_told_of_restarts() {
    assert_eq!(refused_by(vec![(N1, Votes(3, None)), (N1, WakesWith(2, None))]), "monotonic_term");
}

#[test]
fn monotonic_is_told_of_a_term_that_falls_on_the_disk() {
    // The restart in term 3 agrees with the disk.
    let acts =
        [(N1, Votes(5, None)), (N1, Shows(shows(5))), (N1, Votes(3, None)), (N1, Crashes), (N1, Shows(shows(3)))];
    assert_refused(acts, "monotonic_term", &["the term on n1's disk", "from 5 to 3"]);
}

#[test]
fn monotonic_is_told_of_commits() {
    let acts = then(one_commit(), [(N1, Shows(shows(1).voted_for(N1).leads().log(&[1])))]);
    assert_eq!(refused_by(acts), "monotonic_commit");
}

#[test]
fn promises_is_told_of_messages() {
    let acts = [(N2, Votes(1, None)), (N2, Promises(Promise::Log { term: 1, index: 1 }))];
    assert_eq!(refused_by(acts.to_vec()), "promises");
}

/// n2 acknowledged entry 2 of term 1, then a later leader cut it off in memory: the disk has had it when the message leaves at last.
#[test]
fn an_acknowledgement_may_leave_after_a_later_leader_cut_its_entry_off() {
    let late = |disk: &'static [u64], term_now| {
        let acts = [
            (N2, Votes(1, None)),
            (N2, Shows(shows(1).log(&[1, 1]))),
            (N2, Stores(1, disk)),
            (N2, Shows(shows(term_now).log(&[1]))),
            (N2, Promises(Promise::Log { term: 1, index: 2 })),
        ];
        refused_by(acts.to_vec())
    };
    assert_eq!(late(&[1, 1], 2), "nobody");
    // Not where the disk never had it, nor where no later term excuses that the log ends before it.
    assert_eq!(late(&[1], 2), "promises");
    assert_eq!(late(&[1, 1], 1), "promises");
}

/// n1 and n2 have applied an entry, and are in these states.
fn states(of_n1: u64, of_n2: u64) -> Vec<(NodeId, Act)> {
    let shown = |state| shows(1).voted_for(N1).log(&[1]).committed(1).applied(1).in_state(state);
    then(one_commit(), [(N1, Shows(shown(of_n1).leads())), (N2, Shows(shown(of_n2)))])
}

#[test]
fn same_state_is_told_of_what_was_applied() {
    assert_refused(states(7, 8), "same_state", &["after entry 1 the state of n2 is not that of n1"]);
    assert_eq!(play(states(7, 7)), None);
}

#[test]
fn pre_vote_is_told_of_campaigns_and_of_what_was_said_before() {
    let asks_first = Manners { asks_first: true, ..Manners::default() };
    let campaign = [(N1, Votes(2, Some(N1))), (N1, Shows(shows(2).voted_for(N1).campaigns()))];
    let refusal = play_with(asks_first, campaign.to_vec()).expect("nobody would vote for it");
    assert_eq!(refusal.checker, "pre_vote", "{}", refusal.detail);
    assert_eq!(play(campaign.to_vec()), None, "who asks nobody first");
    for term in [1, 2] {
        let failure = play_with(asks_first, then(vec![(N2, WouldVote(term, N1))], campaign.clone()));
        assert_eq!(failure.is_none(), term == 2, "{failure:?}");
    }
    // A leader that wants it to campaign is enough.
    let led = [
        (N1, Stores(1, &[1])),
        (N1, Shows(shows(1).voted_for(N2).log(&[1]))),
        (N1, Promises(Promise::Log { term: 1, index: 1 })),
        (N2, HandsOver(1, N1)),
    ];
    assert_eq!(play_with(asks_first, then(then(elected(N2, 1, N1, &[1]), led), campaign)), None);
}

#[test]
fn check_quorum_is_told_of_messages_and_of_deadlines() {
    let patient = Manners { patience_ns: Some(2 * ACT_NS), ..Manners::default() };
    let waits = || vec![(N1, Follows(N2, 0, 1)); 4];
    let alone = then(elected(N1, 1, N2, &[]), waits());
    let refusal = play_with(patient, alone.clone()).expect("it goes on alone");
    assert_eq!(refusal.checker, "check_quorum", "{}", refusal.detail);
    assert_eq!(play(alone), None, "who waits for ever");
    let hears =
        then(elected(N1, 1, N2, &[]), [(N1, Follows(N2, 0, 1)), (N2, Promises(Promise::Log { term: 1, index: 0 }))]);
    assert_eq!(play_with(patient, then(hears, vec![(N1, Follows(N2, 0, 1)); 2])), None);
}

#[test]
fn handovers_is_told_of_messages_and_of_what_was_acknowledged() {
    let hand_over = (N1, HandsOver(1, N2));
    let acts = elected(N1, 1, N2, &[1]);
    assert_refused(then(acts.clone(), [hand_over.clone()]), "handovers", &["n1, whose log ends at 1, asks n2"]);
    // In an earlier term, it is as if nothing had been said.
    let acknowledges = |term| {
        [
            (N2, Stores(1, &[1])),
            (N2, Shows(shows(1).voted_for(N1).log(&[1]))),
            (N2, Promises(Promise::Log { term, index: 1 })),
        ]
    };
    assert_eq!(refused_by(then(then(acts.clone(), acknowledges(0)), [hand_over.clone()])), "handovers");
    assert_eq!(refused_by(then(then(acts, acknowledges(1)), [hand_over])), "nobody");
}

#[test]
fn promises_is_told_what_memory_holds() {
    // n2's disk ends with an entry 2 of term 1. That of term 2 is in memory alone, and acknowledged.
    let acts = [
        (N2, Votes(2, None)),
        (N2, Stores(1, &[1, 1])),
        (N2, Shows(shows(2).log(&[1, 1]))),
        (N2, Shows(shows(2).log(&[1, 2]))),
        (N2, Promises(Promise::Log { term: 2, index: 2 })),
    ];
    assert_refused(acts, "promises", &["n2 acknowledges entry 2 in term 2", "ends at 2"]);
}

#[test]
fn durability_is_told_of_commits() {
    let acts = then(elected(N1, 1, N2, &[1]), [(N1, Stores(1, &[1]))]);
    let acts = then(acts, [(N1, Shows(shows(1).voted_for(N1).leads().log(&[1]).committed(1)))]);
    assert_eq!(refused_by(acts), "durability");
}

#[test]
fn durability_is_told_of_writes() {
    assert_eq!(refused_by(then(one_commit(), [(N1, Stores(1, &[])), (N3, Stores(1, &[]))])), "durability");
}

/// A client has asked n1, the leader of term 1, for what is its entry 1 and not committed.
fn one_request() -> Vec<(NodeId, Act)> {
    then(elected(N1, 1, N2, &[1]), [(N1, IsAsked)])
}

/// The same, and nothing is in any log yet when n1 says that the command has no effect.
fn refused_before_it_was_in_a_log() -> Vec<(NodeId, Act)> {
    then(elected(N1, 1, N2, &[]), [(N1, IsAsked), (N1, Answers(None))])
}

/// The entry is written everywhere and committed.
fn committed_at_last() -> Vec<(NodeId, Act)> {
    let leader = shows(1).voted_for(N1).leads().log(&[1]).committed(1);
    then(vec![(N3, Votes(1, None))], [N1, N2, N3].map(|node| (node, Stores(1, &[1]))))
        .into_iter()
        .chain([(N1, Shows(leader))])
        .collect()
}

#[test]
fn acknowledged_is_told_of_answers() {
    let words = ["client 0", "command 0", "committed at 1"];
    assert_refused(then(one_request(), [(N1, Answers(Some(1)))]), "acknowledged", &words);
}

#[test]
fn acknowledged_is_told_of_a_request_that_is_answered_twice() {
    let acts = then(then(one_request(), committed_at_last()), [(N1, Answers(Some(1))), (N1, Answers(Some(1)))]);
    assert_refused(acts, "acknowledged", &["n1 answers request 0 of client 0 twice"]);
}

#[test]
fn acknowledged_is_told_of_a_refusal_after_an_answer() {
    let acts = then(then(one_request(), committed_at_last()), [(N1, Answers(Some(1))), (N1, Answers(None))]);
    assert_refused(acts, "acknowledged", &["n1 answers request 0 of client 0 twice"]);
}

#[test]
fn acknowledged_is_told_of_an_answer_by_a_server_that_was_not_asked() {
    let acts = then(then(one_request(), committed_at_last()), [(N2, Answers(Some(1)))]);
    assert_refused(acts, "acknowledged", &["n2 answers request 0 of client 0", "without being asked"]);
}

#[test]
fn acknowledged_is_told_of_an_answer_by_a_later_incarnation() {
    let acts = then(then(one_request(), committed_at_last()), [(N1, Crashes), (N1, Answers(Some(1)))]);
    assert_refused(acts, "acknowledged", &["n1 answers request 0 of client 0", "without being asked"]);
}

#[test]
fn acknowledged_is_told_of_a_refused_command_that_is_committed() {
    let acts = then(refused_before_it_was_in_a_log(), committed_at_last());
    assert_refused(acts, "acknowledged", &["client 0", "command 0 has no effect", "it is committed"]);
}

#[test]
fn acknowledged_is_told_of_a_committed_command_that_is_refused() {
    let acts = then(then(one_request(), committed_at_last()), [(N1, Answers(None))]);
    assert_refused(acts, "acknowledged", &["client 0", "command 0 has no effect", "it is committed"]);
}

#[test]
fn a_committed_command_may_be_acknowledged_once() {
    assert_eq!(play(then(then(one_request(), committed_at_last()), [(N1, Answers(Some(1)))])), None);
}

#[test]
fn acknowledged_is_told_of_a_refusal_of_what_may_yet_be_committed() {
    let acts = then(one_request(), [(N1, Answers(None))]);
    assert_refused(acts, "acknowledged", &["client 0", "command 0 has no effect", "n1 has it", "may yet commit it"]);
}

#[test]
fn a_command_that_is_in_no_log_may_be_refused() {
    assert_eq!(play(refused_before_it_was_in_a_log()), None);
}

#[test]
fn a_request_may_remain_without_an_answer() {
    assert_eq!(play(then(one_request(), committed_at_last())), None);
}

#[test]
fn honest_peers_is_told_of_refusals() {
    assert_eq!(refused_by(vec![(N1, Refuses)]), "honest_peers");
}
