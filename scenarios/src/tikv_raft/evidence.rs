//! What the crate does by itself, without the simulator: the steps of FINDINGS.md by hand, so that a new version of the
//! crate which mends them is noticed.

use raft::eraftpb::{ConfState, Message, MessageType};
use raft::{Config, RawNode};
use sim::Disk;

use super::store::{Store, Write};

/// Three voters, of whom this is `id`.
fn node(id: u64) -> RawNode<Store> {
    let config = Config { id, batch_append: true, ..Config::default() };
    let store = Store { conf_state: ConfState::from((vec![1, 2, 3], Vec::new())), ..Store::default() };
    RawNode::new(&config, store, &slog::Logger::root(slog::Discard, slog::o!())).expect("the settings make sense")
}

/// Writes all that is ready, and returns what leaves.
fn drained(node: &mut RawNode<Store>) -> Vec<Message> {
    let mut messages = Vec::new();
    while node.has_ready() {
        let mut ready = node.ready();
        messages.extend(ready.take_messages());
        messages.extend(ready.take_persisted_messages());
        let write = Write { hard_state: ready.hs().cloned(), entries: ready.take_entries(), image: None };
        node.mut_store().write(&write);
        messages.extend(node.advance(ready).take_messages());
    }
    messages
}

fn answer(kind: MessageType, from: u64, term: u64, index: u64) -> Message {
    let mut message = Message::default();
    message.set_msg_type(kind);
    (message.from, message.to, message.term, message.index) = (from, 1, term, index);
    message
}

/// Node 1 leads term 1, and its entry 1 is on all.
fn leader() -> RawNode<Store> {
    let mut leader = node(1);
    leader.campaign().expect("it may");
    drained(&mut leader);
    leader.step(answer(MessageType::MsgRequestVoteResponse, 2, 1, 0)).expect("a vote");
    drained(&mut leader);
    for follower in [2, 3] {
        leader.step(answer(MessageType::MsgAppendResponse, follower, 1, 1)).expect("an acknowledgement");
    }
    drained(&mut leader);
    leader
}

/// An append of nothing waits to be sent, behind entry 2; a refusal sets the follower back to entry 2, which then joins
/// that append.
fn misplaced_append(leader: &mut RawNode<Store>) -> Message {
    leader.propose(Vec::new(), b"two".to_vec()).expect("it leads");
    drained(leader);
    leader.step(answer(MessageType::MsgAppendResponse, 3, 1, 2)).expect("an acknowledgement");
    let mut refusal = answer(MessageType::MsgAppendResponse, 2, 1, 2);
    (refusal.reject, refusal.reject_hint) = (true, 1);
    leader.step(refusal).expect("a refusal");
    let is_meant = |message: &Message| message.to == 2 && message.get_msg_type() == MessageType::MsgAppend;
    drained(leader).into_iter().find(is_meant).expect("an append to node 2")
}

#[test]
fn the_crate_batches_entries_into_an_append_that_begins_behind_them() {
    let append = misplaced_append(&mut leader());
    assert_eq!(append.index, 2, "what comes before its entries");
    assert_eq!(append.entries.iter().map(|entry| entry.index).collect::<Vec<_>>(), [2]);
}

#[test]
fn the_crate_then_commits_an_entry_that_the_leader_alone_has() {
    let mut leader = leader();
    let misplaced = misplaced_append(&mut leader);
    let mut follower = node(2);
    // The append of entry 2 was late, and not lost.
    let mut late = answer(MessageType::MsgAppend, 1, 1, 0);
    late.to = 2;
    late.set_entries(leader.store().entries.clone().into());
    follower.step(late).expect("an append");
    drained(&mut follower);
    follower.step(misplaced).expect("an append");
    let acknowledged: Vec<u64> = drained(&mut follower).iter().map(|message| message.index).collect();
    assert_eq!((acknowledged.as_slice(), follower.raft.raft_log.last_index()), ([3].as_slice(), 2));

    leader.propose(Vec::new(), b"three".to_vec()).expect("it leads");
    drained(&mut leader);
    leader.step(answer(MessageType::MsgAppendResponse, 2, 1, 3)).expect("what node 2 has said");
    assert_eq!(leader.raft.raft_log.committed, 3);
}

#[test]
fn the_crate_takes_the_next_index_below_what_matches() {
    let mut leader = leader();
    leader.propose(Vec::new(), b"two".to_vec()).expect("it leads");
    drained(&mut leader);
    let refusal = |index, hint| {
        let mut refusal = answer(MessageType::MsgAppendResponse, 2, 1, index);
        (refusal.reject, refusal.reject_hint) = (true, hint);
        refusal
    };
    // The first sets it back to what matches, 1, and the second is a late one of that very place.
    leader.step(refusal(2, 1)).expect("a refusal");
    leader.step(refusal(1, 0)).expect("a refusal");
    let progress = leader.raft.prs().get(2).expect("a member");
    assert_eq!((progress.matched, progress.next_idx), (1, 1));
}
