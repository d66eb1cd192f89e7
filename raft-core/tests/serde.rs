//! What a node says of itself, and its messages, survive being written down.

#![cfg(feature = "serde")]

use raft_core::{
    AppendEntries, Config, Effect, Entries, Entry, Input, LogIndex, LogPosition, Membership, Message, NodeId, Payload,
    Raft, Restored, Round, Status, Term, Time,
};
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

fn again<T: serde::Serialize + serde::de::DeserializeOwned>(value: &T) -> T {
    let text = serde_json::to_string(value).expect("it can be written");
    serde_json::from_str(&text).expect("and read again")
}

#[test]
fn a_status_survives() {
    let config = Config::new(NodeId(1), vec![NodeId(1), NodeId(2)]);
    let raft: Raft<String> =
        Raft::new(&config, Restored::default(), Time(0), ChaCha8Rng::seed_from_u64(1)).expect("valid");
    let status: Status = again(&raft.status());
    assert_eq!(status, raft.status());
}

#[test]
fn messages_inputs_and_effects_survive() {
    let entries = Entries::from_iter([
        Entry { term: Term(1), payload: Payload::Command("x = 1".to_owned()) },
        Entry {
            term: Term(2),
            payload: Payload::Membership(Membership::new([NodeId(1)], [NodeId(2)]).expect("valid").into()),
        },
    ]);
    let message = Message::AppendEntries(AppendEntries {
        term: Term(2),
        attempt: 0,
        round: Round(3),
        prev: LogPosition::ORIGIN,
        entries,
        leader_commit: LogIndex(1),
    });
    assert_eq!(again(&message), message);
    let input = Input::Receive { from: NodeId(2), message: message.clone() };
    assert_eq!(again(&input), input);
    let effect = Effect::Send { to: NodeId(3), message };
    assert_eq!(again(&effect), effect);
}

#[test]
fn a_membership_that_names_a_node_twice_is_not_read() {
    let twice = r#"[{"id":1,"role":"Voter"},{"id":1,"role":"Incoming"}]"#;
    let error = serde_json::from_str::<Membership>(twice).expect_err("a node is one thing at a time");
    assert!(error.to_string().contains("node 1 is named twice"), "{error}");
}
