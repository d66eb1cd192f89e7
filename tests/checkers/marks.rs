//! States worth reaching: each is counted where it is reached, and not where a run merely comes close.

use sim::{Mark, MarkCounts, Membership, NodeId};

use crate::configurations::{joint, voters};
use crate::puppets::Act::{Crashes, Shows, Snapshots, Stores, Votes};
use crate::puppets::{Act, Shown, marks, shows};
use crate::verdicts::{N1, N2, N3};

type Acts = Vec<(NodeId, Act)>;

const ALL: [NodeId; 3] = [N1, N2, N3];

fn leader(node: NodeId, term: u64, terms: &[u64]) -> Shown {
    shows(term).voted_for(node).leads().log(terms)
}

/// `node` gets these votes in `term`, and then looks like this.
fn elects(node: NodeId, term: u64, voters: &[NodeId], shown: Shown) -> Acts {
    let votes = voters.iter().map(|voter| (*voter, Votes(term, Some(node))));
    votes.chain([(node, Shows(shown))]).collect()
}

fn store(terms: &'static [u64]) -> Acts {
    ALL.into_iter().map(|node| (node, Stores(1, terms))).collect()
}

fn run(parts: impl IntoIterator<Item = Acts>) -> MarkCounts {
    marks(Some(Membership::of_all(3)), parts.into_iter().flatten().collect())
}

/// These and no others.
#[track_caller]
fn assert_reached(reached: &MarkCounts, expected: &[(Mark, u64)]) {
    let reached: Vec<_> =
        Mark::ALL.iter().map(|mark| (*mark, reached[*mark])).filter(|(_, count)| *count > 0).collect();
    assert_eq!(reached, expected);
}

/// n1 leads term 1 and has committed the entry that all have.
fn one_commit() -> Acts {
    let elected = elects(N1, 1, &[N1, N2], leader(N1, 1, &[1]));
    [elected, store(&[1]), vec![(N1, Shows(leader(N1, 1, &[1]).committed(1)))]].concat()
}

#[test]
fn an_undisturbed_leader_reaches_nothing() {
    assert_reached(&run([one_commit()]), &[]);
}

#[test]
fn a_leader_is_deposed_with_a_tail_only_where_it_has_one() {
    let deposed = |last: &[u64]| (N1, Shows(shows(2).log(last).committed(1)));
    assert_reached(&run([one_commit(), vec![deposed(&[1])]]), &[]);
    let appends = (N1, Shows(leader(N1, 1, &[1, 1]).committed(1)));
    assert_reached(&run([one_commit(), vec![appends, deposed(&[1, 1])]]), &[(Mark::DeposedWithTail, 1)]);
}

#[test]
fn a_leader_that_appends_is_superseded_once_a_later_term_has_a_leader() {
    let second = || elects(N2, 2, &[N2, N3], leader(N2, 2, &[1]));
    let appends = || vec![(N1, Shows(leader(N1, 1, &[1, 1]).committed(1)))];
    assert_reached(&run([one_commit(), appends(), second()]), &[]);
    assert_reached(&run([one_commit(), second(), appends()]), &[(Mark::SupersededAppends, 1)]);
}

#[test]
fn a_tail_is_truncated_by_another_entry_and_not_by_a_crash() {
    let lost = vec![(N3, Shows(shows(1).log(&[1, 1]))), (N3, Crashes), (N3, Shows(shows(1).log(&[1])))];
    assert_reached(&run([one_commit(), lost]), &[]);
    let conflicts = vec![(N3, Shows(shows(1).log(&[1, 1]))), (N3, Shows(shows(2).log(&[1, 2])))];
    assert_reached(&run([one_commit(), conflicts]), &[(Mark::TailTruncated, 1)]);
}

#[test]
fn entries_of_earlier_terms_are_committed_by_one_of_a_later_term() {
    let elected = || [elects(N1, 1, &[N1, N2], leader(N1, 1, &[1])), store(&[1])].concat();
    let later = [elects(N2, 2, &[N2, N3], leader(N2, 2, &[1, 2])), store(&[1, 2])].concat();
    let commits = vec![(N2, Shows(leader(N2, 2, &[1, 2]).committed(2)))];
    assert_reached(&run([elected(), later, commits]), &[(Mark::OlderEntriesCommitted, 1)]);
}

/// n1 leaves: the joint configuration is at 2, and n1's term ends before it is committed or after.
fn joint_at_2() -> Membership {
    joint(&ALL, &[N2, N3])
}

#[test]
fn a_leader_leaves_with_the_commit_of_the_configuration_that_leaves_it_out() {
    let of_two = voters(&[N2, N3]);
    let enters = leader(N1, 1, &[1, 1]).holds(2, joint_at_2());
    let leaves = || leader(N1, 1, &[1, 1, 1]).holds(2, joint_at_2()).holds(3, of_two);
    let acts = vec![(N1, Shows(enters.clone().committed(1)))];
    let acts = [acts, store(&[1, 1]), vec![(N1, Shows(enters.committed(2)))]].concat();
    let acts = [acts, vec![(N1, Shows(leaves().committed(2)))], store(&[1, 1, 1])].concat();
    assert_reached(&run([one_commit(), acts.clone()]), &[]);
    // It steps down in the very step.
    let ends =
        vec![(N1, Shows(shows(1).voted_for(N1).log(&[1, 1, 1]).holds(2, joint_at_2()).holds(3, of_two).committed(3)))];
    assert_reached(&run([one_commit(), acts, ends]), &[(Mark::LeaderLeaves, 1)]);
}

#[test]
fn a_later_leader_is_elected_in_a_joint_configuration_and_leaves_it() {
    let enters = vec![(N1, Shows(leader(N1, 1, &[1, 1]).committed(1).holds(2, joint_at_2())))];
    let follows = vec![(N2, Shows(shows(1).log(&[1, 1]).holds(2, joint_at_2())))];
    let second = |terms: &[u64]| leader(N2, 2, terms).holds(2, joint_at_2());
    let elected = [enters, follows, elects(N2, 2, &[N2, N3], second(&[1, 1]))].concat();
    assert_reached(&run([one_commit(), elected.clone()]), &[(Mark::ElectedWhileJoint, 1)]);
    let stored = [store(&[1, 1, 2]), vec![(N2, Shows(second(&[1, 1, 2]).committed(3)))]].concat();
    let leaves = vec![(N2, Shows(second(&[1, 1, 2, 2]).holds(4, voters(&[N2, N3])).committed(3)))];
    let expected = [(Mark::OlderEntriesCommitted, 1), (Mark::JointTakenOver, 1), (Mark::ElectedWhileJoint, 1)];
    assert_reached(&run([one_commit(), elected, stored, leaves]), &expected);
}

/// n3, which has nothing, is sent a snapshot of the first entry, while the log of n1 ends with `last`.
fn installs(last: Option<Membership>) -> Acts {
    let changes = last.map(|last| (N1, Shows(leader(N1, 1, &[1, 1]).committed(1).holds(2, last))));
    let installed = shows(1).log(&[1]).committed(1).applied(1).compacted_in(1, 1);
    changes.into_iter().chain([(N3, Shows(installed))]).collect()
}

#[test]
fn a_snapshot_is_installed_during_a_change_only_while_one_is_under_way() {
    assert_reached(&run([one_commit(), installs(None)]), &[]);
    let reached = run([one_commit(), installs(Some(joint_at_2()))]);
    assert_reached(&reached, &[(Mark::InstalledDuringChange, 1)]);
}

#[test]
fn a_snapshot_is_installed_where_a_joint_configuration_is_in_force() {
    let had = vec![(N3, Shows(shows(1).log(&[2, 2]).holds(2, joint_at_2())))];
    let conflicting = [one_commit(), had, installs(None)];
    assert_reached(&run(conflicting), &[(Mark::InstalledWhileJoint, 1), (Mark::InstalledDuringChange, 1)]);
}

#[test]
fn a_snapshot_that_a_restart_finds_is_not_installed() {
    let change = (N1, Shows(leader(N1, 1, &[1, 1]).committed(1).holds(2, joint_at_2())));
    let compacts = [
        (N3, Shows(shows(1).log(&[1]).committed(1).applied(1))),
        (N3, Shows(shows(1).log(&[1]).committed(1).applied(1).compacted(1))),
        (N3, Snapshots(1, &[1])),
        (N3, Crashes),
    ];
    assert_reached(&run([one_commit(), [vec![change], compacts.to_vec()].concat()]), &[]);
}
