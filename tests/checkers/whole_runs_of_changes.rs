//! Whole runs, like those of `whole_runs`, of servers that change who votes, compact their logs and answer reads.

use sim::linearizability::{Access, Value, Verb};
use sim::{Failure, Membership, NodeId, Promise};

use crate::configurations::{joint, voters, with_learners};
use crate::entries::{entry, log};
use crate::puppets::Act::{
    Crashes, Follows, IsAsked, IsWiped, LosesLog, Promises, Shows, Snapshots, Stores, Tells, Votes,
};
use crate::puppets::{Act, Shown, play, play_access, play_from, shows, wipes};
use crate::verdicts::{N1, N2, N3};

type Acts = Vec<(NodeId, Act)>;

fn then(mut acts: Acts, more: impl IntoIterator<Item = (NodeId, Act)>) -> Acts {
    acts.extend(more);
    acts
}

/// The run ended in this checker, in a detail that has all these words.
#[track_caller]
fn assert_failed(failure: Option<Failure>, checker: &str, words: &[&str]) {
    let failure = failure.expect("a failure");
    assert_eq!(failure.checker, checker, "{}", failure.detail);
    for words in words {
        assert!(failure.detail.contains(words), "\"{words}\" is not in \"{}\"", failure.detail);
    }
}

/// `node` as the leader of `term`, with the log of these terms.
fn leader(node: NodeId, term: u64, terms: &[u64]) -> Shown {
    shows(term).voted_for(node).leads().log(terms)
}

/// `node` gets these votes in `term`, and then looks like this.
fn elects(node: NodeId, term: u64, voters: &[NodeId], shown: Shown) -> Acts {
    let votes = voters.iter().map(|voter| (*voter, Votes(term, Some(node))));
    then(votes.collect(), [(node, Shows(shown))])
}

/// All disks have the log of these terms, in term 1.
fn stores(terms: &'static [u64]) -> Acts {
    [N1, N2, N3].into_iter().flat_map(|node| [(node, Votes(1, Some(N1))), (node, Stores(1, terms))]).collect()
}

// ---- Membership ----

/// n1 goes by the one configuration, with its own vote on its disk, and leads within a step that ends with the other. Neither
/// is in its log.
fn leads_and_applies(before: &[NodeId], after: &[NodeId]) -> Option<Failure> {
    let follows = shows(1).goes_by(voters(before));
    play(vec![(N1, Shows(follows)), (N1, Votes(2, Some(N1))), (N1, Shows(leader(N1, 2, &[2]).goes_by(voters(after))))])
}

#[test]
fn who_wins_and_applies_a_change_in_one_step_is_judged_by_the_configuration_that_it_won_by() {
    assert_eq!(leads_and_applies(&[N1], &[N1, N2]), None);
    assert_failed(leads_and_applies(&[N1, N2, N3], &[N1]), "election_safety", &["no majority of {n1 n2 n3}"]);
}

/// n1 leads term 1 and has committed an entry of its own. All of three vote.
fn of_three() -> Acts {
    let acts = elects(N1, 1, &[N1, N2], leader(N1, 1, &[1]).goes_by(Membership::of_all(3)));
    then(then(acts, stores(&[1])), [(N1, Shows(leader(N1, 1, &[1]).committed(1).goes_by(Membership::of_all(3))))])
}

/// Then it appends that n3 leaves.
fn without_n3() -> Acts {
    then(of_three(), [(N1, Shows(leader(N1, 1, &[1, 1]).committed(1).holds(2, voters(&[N1, N2]))))])
}

fn play_three(acts: Acts) -> Option<Failure> {
    play_from(Some(Membership::of_all(3)), acts)
}

#[test]
fn a_lawful_change_is_refused_by_nobody() {
    let two = voters(&[N1, N2]);
    let acts = then(
        without_n3(),
        [
            (N1, Stores(2, &[1, 1])),
            (N2, Stores(2, &[1, 1])),
            (N2, Shows(shows(1).voted_for(N1).log(&[1, 1]).holds(2, two))),
            (N1, Shows(leader(N1, 1, &[1, 1]).committed(2).holds(2, two))),
            (N2, Crashes),
            (N2, Shows(shows(1).voted_for(N1).log(&[1, 1]).committed(2).holds(2, two))),
        ],
    );
    assert_eq!(play_three(acts), None);
}

#[test]
fn a_change_may_be_lost_with_its_leader() {
    // Nothing of it was on a disk.
    let acts = then(
        without_n3(),
        [(N1, Crashes), (N1, Shows(shows(1).voted_for(N1).log(&[1]).goes_by(Membership::of_all(3))))],
    );
    assert_eq!(play_three(acts), None);
}

#[test]
fn membership_is_told_of_configurations_that_do_not_follow() {
    let acts = then(of_three(), [(N1, Shows(leader(N1, 1, &[1, 1]).committed(1).holds(2, voters(&[N1]))))]);
    assert_failed(play_three(acts), "membership", &["n1 appends at 2", "{n1} after {n1 n2 n3}"]);
}

#[test]
fn membership_is_told_of_changes_that_do_not_wait() {
    let shown = leader(N1, 1, &[1, 1, 1]).committed(1).holds(2, voters(&[N1, N2])).holds(3, voters(&[N1]));
    let acts = then(without_n3(), [(N1, Shows(shown))]);
    assert_failed(play_three(acts), "membership", &["{n1} at 3", "that at 2 is not committed"]);
}

#[test]
fn membership_is_told_of_changes_in_a_term_without_a_commit() {
    let shown = leader(N1, 1, &[1]).holds(1, voters(&[N1, N2]));
    assert_failed(play_three(elects(N1, 1, &[N1, N2], shown)), "membership", &["before it has committed in term 1"]);
}

#[test]
fn membership_is_told_of_a_configuration_that_does_not_take_effect() {
    let three = Membership::of_all(3);
    let shown = leader(N1, 1, &[1, 1]).committed(1).holds(2, voters(&[N1, N2])).goes_by(three);
    let words = ["n1 goes by the configuration {n1 n2 n3}", "last of its log is {n1 n2}"];
    assert_failed(play_three(then(of_three(), [(N1, Shows(shown))])), "membership", &words);
}

#[test]
fn membership_is_told_of_a_configuration_that_outlives_its_entry() {
    let follower = shows(1).log(&[1, 1]).holds(2, voters(&[N1, N2]));
    let truncated = shows(2).log(&[1, 2]).goes_by(voters(&[N1, N2]));
    let acts = then(without_n3(), [(N2, Shows(follower)), (N2, Shows(truncated))]);
    assert_failed(play_three(acts), "membership", &["n2 goes by the configuration {n1 n2}", "is {n1 n2 n3}"]);
}

#[test]
fn a_configuration_may_be_rolled_back() {
    let follower = shows(1).log(&[1, 1]).holds(2, voters(&[N1, N2]));
    let truncated = shows(2).log(&[1, 2]).goes_by(Membership::of_all(3));
    assert_eq!(play_three(then(without_n3(), [(N2, Shows(follower)), (N2, Shows(truncated))])), None);
}

#[test]
fn membership_is_told_of_another_configuration_in_the_same_entry() {
    let follower = shows(1).log(&[1, 1]).holds(2, voters(&[N1, N3]));
    let acts = then(without_n3(), [(N2, Shows(follower))]);
    assert_failed(play_three(acts), "membership", &["n2's entry 2", "{n1 n2}, and now {n1 n3}"]);
}

#[test]
fn membership_is_told_of_learners_that_campaign() {
    let two = with_learners(voters(&[N1, N2]), &[N3]);
    let acts = vec![(N3, Shows(shows(1).goes_by(two))), (N3, Shows(shows(2).campaigns().goes_by(two)))];
    assert_failed(play_from(Some(two), acts), "membership", &["n3 stands for election", "learner"]);
}

#[test]
fn membership_is_told_of_learners_that_win() {
    let two = with_learners(voters(&[N1, N2]), &[N3]);
    let acts = elects(N3, 2, &[N1, N2, N3], leader(N3, 2, &[]).goes_by(two));
    assert_failed(play_from(Some(two), acts), "membership", &["n3 stands for election", "learner"]);
}

#[test]
fn election_safety_is_told_of_configurations() {
    let two = with_learners(voters(&[N1, N2]), &[N3]);
    let acts = elects(N1, 2, &[N1, N3], leader(N1, 2, &[]).goes_by(two));
    assert_failed(play_from(Some(two), acts), "election_safety", &["{n1 n3}", "no majority of {n1 n2}"]);
}

#[test]
fn election_quorum_is_told_of_votes() {
    // n2's vote is on its disk, and its answer has not left: n1 has counted another twice.
    let vote = || Promises(Promise::Vote { term: 2, candidate: N1 });
    let acts = vec![(N1, Votes(2, Some(N1))), (N1, vote()), (N2, Votes(2, Some(N1)))];
    let lost = then(acts.clone(), [(N1, Shows(leader(N1, 2, &[])))]);
    assert_failed(play(lost), "election_quorum", &["n1 leads term 2", "only {n1}"]);
    assert_eq!(play(then(acts, [(N2, vote()), (N1, Shows(leader(N1, 2, &[])))])), None);
}

#[test]
fn durability_is_told_of_configurations() {
    // n3 has left by the leader's own log, so its disk does not count.
    let two = voters(&[N1, N2]);
    let acts = [
        (N1, Stores(2, &[1, 1])),
        (N3, Stores(2, &[1, 1])),
        (N1, Shows(leader(N1, 1, &[1, 1]).committed(2).holds(2, two))),
    ];
    assert_failed(play_three(then(without_n3(), acts)), "durability", &["entry 2", "only 1 of 2 voters"]);
}

#[test]
fn durability_is_told_of_joint_configurations() {
    let two = joint(&[N1, N2, N3], &[N1]);
    let acts = [
        (N1, Shows(leader(N1, 1, &[1, 1]).committed(1).holds(2, two))),
        (N1, Stores(2, &[1, 1])),
        (N1, Shows(leader(N1, 1, &[1, 1]).committed(2).holds(2, two))),
    ];
    assert_failed(play_three(then(of_three(), acts)), "durability", &["entry 2", "1 of 1 and 1 of 3"]);
}

/// All of three commit the entry that ends the joint configuration on the way from {n2 n3} to {n1}; n1 and n3 go by what comes
/// next, and n2 by `last`. Then n3's disk is destroyed: how many are.
fn wiped_after_a_joint_configuration(last: Membership) -> u64 {
    let (both, alone) = (joint(&[N2, N3], &[N1]), voters(&[N1]));
    let first = leader(N1, 1, &[1]).goes_by(both);
    let acts = then(elects(N1, 1, &[N1, N2, N3], first.clone()), stores(&[1]));
    let follows = |membership| follower(1, &[1], 1).voted_for(N1).goes_by(membership);
    let acts = then(
        acts,
        [
            (N1, Shows(first.committed(1))),
            (N1, Shows(leader(N1, 1, &[1]).committed(1).goes_by(alone))),
            (N2, Shows(follows(last))),
            (N3, Shows(follows(alone))),
            (N3, IsWiped),
            (N1, Shows(leader(N1, 1, &[1]).committed(1).goes_by(alone))),
        ],
    );
    wipes(both, acts)
}

#[test]
fn what_was_committed_under_a_joint_configuration_outlives_its_old_voters_once_nobody_goes_by_it() {
    assert_eq!(wiped_after_a_joint_configuration(voters(&[N1])), 1);
    assert_eq!(wiped_after_a_joint_configuration(joint(&[N2, N3], &[N1])), 0);
}

/// n1 has n3 leave, commits that, and takes it back in as a learner, of which it then knows this match.
fn n3_comes_back(match_index: u64) -> Acts {
    let two = voters(&[N1, N2]);
    let back = with_learners(two, &[N3]);
    let acts = [
        (N3, Shows(shows(1).log(&[1]))),
        (N3, Promises(Promise::Log { term: 1, index: 1 })),
        (N1, Follows(N3, 1, 2)),
        (N1, Shows(leader(N1, 1, &[1, 1]).committed(1).holds(2, two))),
        (N1, Follows(N3, 0, 2)),
        (N1, Stores(2, &[1, 1])),
        (N2, Stores(2, &[1, 1])),
        (N1, Shows(leader(N1, 1, &[1, 1]).committed(2).holds(2, two))),
        (N1, Shows(leader(N1, 1, &[1, 1, 1]).committed(2).holds(2, two).holds(3, back))),
        (N1, Follows(N3, match_index, 2)),
    ];
    then(of_three(), acts)
}

#[test]
fn of_a_follower_that_was_away_nothing_need_be_known() {
    assert_eq!(play_three(n3_comes_back(0)), None);
}

#[test]
fn progress_order_is_told_of_configurations() {
    let acts = then(n3_comes_back(1), [(N1, Follows(N3, 0, 2))]);
    assert_failed(play_three(acts), "progress_order", &["n3's match index back from 1 to 0"]);
}

// ---- Snapshots ----

/// n1 leads term 1 and has committed three entries that all disks have.
fn three_commits() -> Acts {
    let acts = then(elects(N1, 1, &[N1, N2], leader(N1, 1, &[1, 1, 1])), stores(&[1, 1, 1]));
    then(acts, [(N1, Shows(leader(N1, 1, &[1, 1, 1]).committed(3)))])
}

/// A follower with the log of these terms, which has applied what it has committed.
fn follower(term: u64, terms: &[u64], committed: u64) -> Shown {
    let shown = if term == 1 { shows(1).voted_for(N1) } else { shows(term) };
    shown.log(terms).committed(committed).applied(committed).given(&log(&terms[..committed as usize]))
}

#[test]
fn lawful_snapshots_are_refused_by_nobody() {
    let acts = [
        // n2 has nothing and is sent a snapshot, then the entry behind it; n3 compacts its own log.
        (N2, Shows(follower(1, &[1, 1], 2).compacted_in(2, 1))),
        (N2, Snapshots(2, &[1, 1])),
        (N2, Promises(Promise::Log { term: 1, index: 2 })),
        (N2, Shows(follower(1, &[1, 1, 1], 3).compacted_in(2, 1))),
        (N2, Stores(3, &[1, 1, 1])),
        (N2, Promises(Promise::Log { term: 1, index: 3 })),
        (N1, Follows(N2, 3, 4)),
        (N3, Shows(follower(1, &[1, 1, 1], 3))),
        (N3, Shows(follower(1, &[1, 1, 1], 3).compacted(3))),
        (N3, Promises(Promise::Log { term: 1, index: 3 })),
        (N3, Snapshots(3, &[1, 1, 1])),
        (N3, Crashes),
        (N3, Shows(follower(1, &[1, 1, 1], 3).compacted(3))),
        (N2, Crashes),
        (N2, Shows(follower(1, &[1, 1, 1], 3).compacted(2))),
    ];
    assert_eq!(play(then(three_commits(), acts)), None);
}

#[test]
fn a_leader_may_commit_apply_and_compact_in_one_step() {
    let acts = then(elects(N1, 1, &[N1, N2], leader(N1, 1, &[1, 1])), stores(&[1, 1]));
    let acts = then(acts, [(N1, Shows(leader(N1, 1, &[1, 1]).committed(2).applied(2).compacted_in(2, 1)))]);
    assert_eq!(play(acts), None);
}

#[test]
fn a_snapshot_may_replace_a_log_that_conflicts() {
    // n2 led term 2 for a moment, and nobody heard of it.
    let acts = [
        (N2, Shows(shows(2).log(&[1, 2, 2, 2]))),
        (N2, Shows(follower(3, &[1, 1, 1], 3).compacted_in(3, 1))),
        (N2, Snapshots(3, &[1, 1, 1])),
    ];
    assert_eq!(play(then(three_commits(), acts)), None);
}

#[test]
fn snapshots_is_told_of_what_was_never_committed() {
    let acts = [(N2, Shows(follower(1, &[1, 1, 1, 1], 4).compacted(4)))];
    assert_failed(play(then(three_commits(), acts)), "snapshots", &["n2", "snapshot of 4", "only 3 are committed"]);
}

#[test]
fn snapshots_is_told_of_the_last_term() {
    let acts = [(N2, Shows(follower(2, &[1, 1], 2).compacted_in(2, 2)))];
    assert_failed(play(then(three_commits(), acts)), "snapshots", &["n2", "term 2, not 1"]);
}

#[test]
fn snapshots_is_told_of_the_last_term_of_a_leader_that_compacts_in_the_step_of_the_commit() {
    let acts = then(elects(N1, 1, &[N1, N2], leader(N1, 1, &[1, 1])), stores(&[1, 1]));
    let acts = then(acts, [(N1, Shows(leader(N1, 1, &[1, 1]).committed(2).applied(2).compacted_in(2, 3)))]);
    assert_failed(play(acts), "snapshots", &["n1", "term 3, not 1"]);
}

#[test]
fn snapshots_is_told_of_logs_that_are_compacted_too_far() {
    let acts = [(N1, Shows(leader(N1, 1, &[1, 1, 1]).committed(3).applied(2).compacted(3)))];
    assert_failed(play(then(three_commits(), acts)), "snapshots", &["n1", "up to 3", "applied only 2"]);
}

#[test]
fn snapshots_is_told_of_entries_that_a_snapshot_takes() {
    let acts = [(N2, Shows(shows(1).log(&[1, 1, 1]))), (N2, Shows(follower(1, &[1, 1], 2).compacted(2)))];
    assert_failed(play(then(three_commits(), acts)), "snapshots", &["n2 drops its entries up to 3"]);
}

#[test]
fn snapshots_is_told_of_snapshots_that_fall() {
    let acts =
        [(N2, Shows(follower(1, &[1, 1, 1], 3).compacted(3))), (N2, Shows(follower(1, &[1, 1, 1], 3).compacted(1)))];
    assert_failed(play(then(three_commits(), acts)), "snapshots", &["n2 goes back", "of 3 to one of 1"]);
}

#[test]
fn snapshots_is_told_of_disks() {
    let fallen = [(N3, Snapshots(2, &[1, 1, 1])), (N3, Snapshots(1, &[1, 1, 1]))];
    assert_failed(play(then(three_commits(), fallen)), "snapshots", &["n3's disk", "from 2 to 1"]);
    let acknowledged = [
        (N2, Shows(shows(1).log(&[1, 1, 1]))),
        (N2, Promises(Promise::Log { term: 1, index: 3 })),
        (N2, Snapshots(2, &[1, 1])),
    ];
    assert_failed(play(then(three_commits(), acknowledged)), "snapshots", &["n2's disk", "acknowledged 3"]);
}

#[test]
fn snapshots_is_told_of_disks_that_lost_what_was_acknowledged() {
    let acknowledges =
        |term| [(N2, Shows(shows(term).log(&[1, 1, 1]))), (N2, Promises(Promise::Log { term, index: 3 }))];
    let compacts = || (N2, Snapshots(2, &[1, 1]));
    let loses = then(three_commits(), then(acknowledges(1).to_vec(), [(N2, LosesLog)]));
    assert_eq!(play(then(loses.clone(), [compacts()])), None);
    // In a later term it has had a chance to find out.
    let acts = then(vec![(N2, Votes(2, None)), (N2, Stores(1, &[1, 1, 1]))], acknowledges(2));
    let again = then(then(loses, acts), [compacts()]);
    assert_failed(play(again), "snapshots", &["n2's disk", "acknowledged 3"]);
}

#[test]
fn durability_is_told_of_snapshots() {
    // The write says nothing of the log, and takes the last entry with it.
    let acts = [(N2, Snapshots(2, &[1, 1])), (N3, Snapshots(2, &[1, 1]))];
    assert_failed(play(then(three_commits(), acts)), "durability", &["entry 3", "only 1 of 3"]);
}

#[test]
fn log_matching_is_told_of_what_is_kept_behind_a_snapshot_that_does_not_match() {
    // n3 shares the entry behind the commit with the leader; n2's log had a conflict before an entry that looks the same.
    let acts = [
        (N3, Shows(shows(4).log(&[1, 1, 1, 4]))),
        (N2, Shows(shows(2).log(&[1, 2, 2, 2]))),
        (N2, Shows(follower(4, &[1, 1, 1, 2], 3).compacted(3))),
    ];
    assert_failed(play(then(three_commits(), acts)), "log_matching", &["n2", "term 2 at 4"]);
}

#[test]
fn applied_is_told_of_what_a_snapshot_brings() {
    let acts = [(N2, Shows(shows(1).log(&[1, 1]).committed(2).applied(2).given(&[entry(2, 1)]).compacted(2)))];
    assert_failed(play(then(three_commits(), acts)), "applied", &["n2 has applied up to 2"]);
}

#[test]
fn monotonic_is_told_of_what_an_old_snapshot_takes_back() {
    let acts = [
        (N2, Shows(follower(1, &[1, 1, 1], 3))),
        (N2, Shows(follower(1, &[1, 1, 1], 3).applied(2).given(&log(&[1, 1])))),
    ];
    assert_failed(play(then(three_commits(), acts)), "monotonic_applied", &["n2", "from 3 to 2"]);
}

#[test]
fn membership_is_told_of_what_a_snapshot_brings() {
    let two = voters(&[N1, N2]);
    let acts = then(
        without_n3(),
        [
            (N1, Stores(2, &[1, 1])),
            (N2, Stores(2, &[1, 1])),
            (N1, Shows(leader(N1, 1, &[1, 1]).committed(2).holds(2, two))),
        ],
    );
    let snapshot = |membership| [(N3, Shows(follower(1, &[1, 1], 2).compacted(2).goes_by(membership)))];
    assert_eq!(play_three(then(acts.clone(), snapshot(two))), None);
    let words = ["n3 goes by the configuration {n1 n2 n3}", "is {n1 n2}"];
    assert_failed(play_three(then(acts, snapshot(Membership::of_all(3)))), "membership", &words);
}

// ---- Reads ----

/// A client has asked n1, which has committed what the client's command is.
fn one_answer(index: Option<u64>, value: Option<u64>) -> Acts {
    let acts = then(elects(N1, 1, &[N1, N2], leader(N1, 1, &[1])), [(N1, IsAsked)]);
    let acts = then(then(acts, stores(&[1])), [(N1, Shows(leader(N1, 1, &[1]).committed(1)))]);
    then(acts, [(N1, Tells(index, value))])
}

#[test]
fn the_history_is_told_of_answers() {
    let read = Access { key: 7, verb: Verb::Get };
    let words = ["key 7", "client 0's request 0", "get", "fits no order"];
    assert_failed(play_access(read, one_answer(None, Some(3))), "linearizability", &words);
    assert_failed(play_access(read, one_answer(Some(1), Some(3))), "linearizability", &words);
    assert_eq!(play_access(read, one_answer(None, None)), None);
    assert_eq!(play_access(read, one_answer(Some(1), None)), None);
}

#[test]
fn acknowledged_is_told_of_writes_without_an_index() {
    let write = Access { key: 7, verb: Verb::Put(Value::EMPTY) };
    assert_eq!(play_access(write, one_answer(None, None)), None);
    let acts = then(elects(N1, 1, &[N1, N2], leader(N1, 1, &[1])), [(N1, IsAsked), (N1, Tells(None, None))]);
    assert_failed(play_access(write, acts.clone()), "acknowledged", &["command 0 took effect", "not committed"]);
    assert_eq!(play(acts), None);
}
