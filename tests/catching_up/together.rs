//! Commands that are proposed together: one write, one append to each follower, and an outcome for each.

use raft_core::{Entry, Input, Payload, ProposalId, ProposalOutcome, RejectReason};
use tests::by_hand::effects::Effects;
use tests::by_hand::lone_node::{LoneNode, node};
use tests::by_hand::messages::accepted;

/// What an entry with a command counts.
const ENTRY_BYTES: u64 = 24;

fn propose(server: &mut LoneNode, commands: &[u64]) -> Effects {
    let proposals = commands.iter().map(|command| (ProposalId(*command), *command)).collect();
    server.step(Input::ProposeAll { proposals })
}

fn commands(entries: &[Entry<u64>]) -> Vec<u64> {
    let command = |entry: &Entry<u64>| match entry.payload {
        Payload::Command(command) => Some(command),
        _ => None,
    };
    entries.iter().filter_map(command).collect()
}

#[test]
fn they_are_one_write_and_one_append_to_each_follower() {
    let mut leader = node().steady_leader();
    let effects = propose(&mut leader, &[5, 6, 7]);
    let [write] = effects.writes()[..] else { panic!("{effects:?}") };
    assert_eq!(commands(&write.log.as_ref().expect("entries").entries), [5, 6, 7]);
    for follower in [2, 3] {
        let [append] = &effects.appends_to(follower)[..] else { panic!("{effects:?}") };
        assert_eq!(commands(&append.entries), [5, 6, 7]);
    }
}

#[test]
fn each_ends_in_an_outcome_of_its_own_in_their_order() {
    let mut leader = node().steady_leader();
    let first = leader.last() + 1;
    propose(&mut leader, &[5, 6]);
    leader.persist();
    let outcomes = leader.receive(2, accepted(leader.term(), first)).outcomes();
    assert!(matches!(outcomes[..], [(5, ProposalOutcome::Committed { .. })]), "{outcomes:?}");
    let outcomes = leader.receive(2, accepted(leader.term(), first + 1)).outcomes();
    assert!(matches!(outcomes[..], [(6, ProposalOutcome::Committed { .. })]), "{outcomes:?}");
}

#[test]
fn what_is_too_much_of_them_is_refused_and_the_rest_is_taken() {
    let mut leader = node().configured(|config| config.max_uncommitted_bytes = 2 * ENTRY_BYTES).steady_leader();
    let effects = propose(&mut leader, &[5, 6, 7]);
    let refused = ProposalOutcome::Rejected(RejectReason::TooMuchUncommitted { uncommitted_bytes: 2 * ENTRY_BYTES });
    assert_eq!(effects.outcomes(), [(7, refused)]);
    assert_eq!(effects.batches_to(2), [2]);
}

#[test]
fn an_append_carries_no_more_of_them_than_it_may() {
    let mut leader = node().max_entries_per_append(2).steady_leader();
    assert_eq!(propose(&mut leader, &[5, 6, 7]).batches_to(2), [2, 1]);
}

#[test]
fn a_follower_refuses_each_and_writes_nothing() {
    let mut follower = node().term(1).follower_of(2);
    let effects = propose(&mut follower, &[5, 6]);
    let ids: Vec<u64> = effects.outcomes().iter().map(|(id, _)| *id).collect();
    assert_eq!((ids, effects.writes().len()), (vec![5, 6], 0));
}

#[test]
fn none_at_all_are_no_write_and_no_message() {
    let mut leader = node().steady_leader();
    let effects = propose(&mut leader, &[]);
    assert_eq!((effects.writes().len(), effects.sends().len()), (0, 0));
}
