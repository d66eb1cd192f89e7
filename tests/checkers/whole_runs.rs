//! What a checker can refuse is of no use if the world does not tell it: for each, a run of servers that break its
//! property and nothing that is looked at before it.

use sim::{Failure, NodeId, Promise};

use crate::puppets::Act::{Answers, Crashes, Follows, Promises, Refuses, Shows, Stores, Votes, WakesWith};
use crate::puppets::{Act, play, shows};
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

fn then(mut acts: Vec<(NodeId, Act)>, more: impl IntoIterator<Item = (NodeId, Act)>) -> Vec<(NodeId, Act)> {
    acts.extend(more);
    acts
}

/// The checker that ended the run.
fn refused_by(acts: Vec<(NodeId, Act)>) -> String {
    play(acts).map_or_else(|| "nobody".to_owned(), |Failure { checker, .. }| checker)
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
            (N2, Answers(1)),
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
    assert_eq!(refused_by(acts), "state_machine_safety");
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
fn progress_order_is_told_of_followers() {
    let acts = then(elected(N1, 1, N2, &[1]), [(N1, Follows(N2, 1, 2)), (N1, Follows(N2, 0, 2))]);
    assert_eq!(refused_by(acts), "progress_order");
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
fn monotonic_is_told_of_commits() {
    let acts = then(one_commit(), [(N1, Shows(shows(1).voted_for(N1).leads().log(&[1])))]);
    assert_eq!(refused_by(acts), "monotonic_commit");
}

#[test]
fn promises_is_told_of_messages() {
    let acts = [(N2, Votes(1, None)), (N2, Promises(Promise::Log { term: 1, index: 1 }))];
    assert_eq!(refused_by(acts.to_vec()), "promises");
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

#[test]
fn acknowledged_is_told_of_answers() {
    let acts = then(elected(N1, 1, N2, &[1]), [(N1, Answers(1))]);
    assert_eq!(refused_by(acts), "acknowledged");
}

#[test]
fn honest_peers_is_told_of_refusals() {
    assert_eq!(refused_by(vec![(N1, Refuses)]), "honest_peers");
}
