use super::*;
use crate::codec::Malformed;
use crate::command::Stamp;

/// A state machine, and a log that grows.
#[derive(Clone, Default)]
struct Log {
    machine: StateMachine,
    index: u64,
}

impl Log {
    fn apply(&mut self, command: &Command) -> Answer {
        self.index += 1;
        self.machine.apply(self.index, Some(&command.encode()))
    }

    fn ask(&mut self, operation: Operation) -> String {
        self.apply(&Command::new(operation)).to_string()
    }

    fn open(&mut self, time_ms: u64) -> u64 {
        let open = Operation::OpenSession { client: 5, expires_after_ms: 1_000 };
        match self.apply(&Command { time_ms, ..Command::new(open) }) {
            Answer::Session(id) => id,
            other => panic!("{other:?}"),
        }
    }
}

fn append(session: u64, sequence: u64, unanswered_from: u64, time_ms: u64) -> Command {
    let operation = Operation::Append { key: "k".into(), value: "x".into() };
    Command { stamp: Some(Stamp { session, sequence, unanswered_from }), time_ms, ..Command::new(operation) }
}

#[test]
fn the_four_verbs_answer_as_the_seed_does() {
    let mut log = Log::default();
    let key = || Bytes::from("1");
    assert_eq!(log.ask(Operation::View { key: key() }), "Not_Found");
    assert_eq!(log.ask(Operation::Insert { key: key(), value: "hello".into() }), "Done");
    assert_eq!(log.ask(Operation::View { key: key() }), "hello");
    assert_eq!(log.ask(Operation::Update { key: key(), value: "world".into() }), "Done");
    assert_eq!(log.ask(Operation::View { key: key() }), "world");
    assert_eq!(log.ask(Operation::Delete { key: key() }), "Deleted");
    assert_eq!(log.ask(Operation::View { key: key() }), "Not_Found");
    assert_eq!(log.ask(Operation::Delete { key: key() }), "Deleted");
}

#[test]
fn a_put_heeds_its_condition_and_tells_what_was_there() {
    let mut log = Log::default();
    let mut put = |value: &str, condition, wants_old| {
        let (key, value) = ("k".into(), value.into());
        log.apply(&Command::new(Operation::Put { key, value, condition, wants_old }))
    };
    assert_eq!(put("a", Condition::IfPresent, false), Answer::NotSet);
    assert_eq!(put("a", Condition::IfAbsent, true), Answer::Old { value: None, is_set: true });
    assert_eq!(put("b", Condition::IfAbsent, true), Answer::Old { value: Some("a".into()), is_set: false });
    assert_eq!(put("b", Condition::IfPresent, false), Answer::Done);
    assert_eq!(put("c", Condition::Always, true), Answer::Old { value: Some("b".into()), is_set: true });
    assert_eq!(log.machine.view(b"k"), Answer::Value("c".into()));
}

#[test]
fn compare_and_set_sets_only_what_it_expected() {
    let mut log = Log::default();
    let mut swap = |expected: Option<&str>, value: &str| {
        let (expected, value) = (expected.map(Bytes::from), value.into());
        log.apply(&Command::new(Operation::CompareAndSet { key: "k".into(), expected, value }))
    };
    assert_eq!(swap(Some("a"), "b"), Answer::Differs(None));
    assert_eq!(swap(None, "a"), Answer::Done);
    assert_eq!(swap(None, "b"), Answer::Differs(Some("a".into())));
    assert_eq!(swap(Some("a"), "b"), Answer::Done);
}

#[test]
fn removing_counts_what_was_there() {
    let mut log = Log::default();
    log.ask(Operation::Append { key: "a".into(), value: "1".into() });
    assert_eq!(log.ask(Operation::Append { key: "a".into(), value: "23".into() }), "3 bytes");
    assert_eq!(log.ask(Operation::Remove { keys: vec!["a".into(), "b".into(), "a".into()] }), "1 removed");
    assert!(log.machine.is_empty());
}

#[test]
fn a_command_that_is_sent_again_takes_effect_once_and_is_answered_alike() {
    let mut log = Log::default();
    let session = log.open(0);
    for _ in 0..3 {
        assert_eq!(log.apply(&append(session, 1, 1, 0)), Answer::Length(1));
    }
    assert_eq!(log.apply(&append(session, 2, 1, 0)), Answer::Length(2));
    assert_eq!(log.apply(&append(session, 1, 1, 0)), Answer::Length(1), "the answer of then");
}

#[test]
fn what_a_client_has_marked_as_answered_is_forgotten_and_not_done_again() {
    let mut log = Log::default();
    let session = log.open(0);
    log.apply(&append(session, 1, 1, 0));
    log.apply(&append(session, 2, 2, 0));
    assert_eq!(log.apply(&append(session, 1, 1, 0)), Answer::AnsweredBefore);
    assert_eq!(log.machine.view(b"k"), Answer::Value("xx".into()));
}

#[test]
fn sessions_expire_by_the_logs_own_time() {
    let mut log = Log::default();
    let (silent, busy) = (log.open(10_000), log.open(10_000));
    assert_eq!(log.apply(&append(busy, 1, 1, 11_000)), Answer::Length(1));
    assert_eq!(log.apply(&append(silent, 1, 1, 9_000)), Answer::Length(2), "a clock that is behind moves nothing");
    assert_eq!(log.apply(&append(busy, 2, 1, 12_001)), Answer::SessionExpired);
    assert_eq!(log.apply(&append(silent, 2, 1, 12_001)), Answer::SessionExpired);
    assert_eq!(log.machine.open_sessions(), 0);
    assert_eq!(log.machine.view(b"k"), Answer::Value("xx".into()), "what came too late had no effect");
}

#[test]
fn a_session_keeps_so_many_answers_and_no_more() {
    let mut log = Log::default();
    let session = log.open(0);
    for sequence in 1..=1_024 {
        log.apply(&append(session, sequence, 1, 0));
    }
    assert_eq!(log.apply(&append(session, 1_025, 1, 0)), Answer::TooManyUnanswered);
    assert_eq!(log.apply(&append(session, 1_025, 1_025, 0)), Answer::Length(1_025));
}

#[test]
fn a_snapshot_holds_everything_and_sessions_too() {
    let mut log = Log::default();
    let session = log.open(1_000);
    log.apply(&append(session, 1, 1, 1_200));
    for key in 0..500 {
        log.ask(Operation::Insert { key: format!("key {key}").as_str().into(), value: vec![1; key].into() });
    }
    let bytes = log.machine.snapshot();
    let mut restored = Log { machine: StateMachine::restore(&bytes).expect("its own bytes"), index: log.index };
    assert!(restored.machine == log.machine);
    assert_eq!(restored.machine.snapshot(), bytes);
    assert_eq!(restored.apply(&append(session, 1, 1, 1_300)), Answer::Length(1), "sent again, and not done again");
    assert_eq!(restored.apply(&append(session, 2, 1, 9_999)), Answer::SessionExpired);
}

#[test]
fn a_snapshot_with_any_byte_changed_or_missing_is_refused() {
    let mut log = Log::default();
    let session = log.open(0);
    log.apply(&append(session, 1, 1, 0));
    let bytes = log.machine.snapshot();
    for place in 0..bytes.len() {
        let mut flipped = bytes.clone();
        flipped[place] ^= 1 << (place % 8);
        assert_eq!(StateMachine::restore(&flipped).err(), Some(Malformed::Checksum));
        assert!(StateMachine::restore(&bytes[..place]).is_err());
    }
}

#[test]
fn equal_logs_have_equal_histories_and_other_orders_others() {
    let (mut one, mut two) = (Log::default(), Log::default());
    let put = |value: &str| Operation::Insert { key: "k".into(), value: value.into() };
    for value in ["a", "b"] {
        one.ask(put(value));
    }
    for value in ["b", "a"] {
        two.ask(put(value));
    }
    assert_ne!(one.machine.history(), two.machine.history());
    assert_eq!(one.machine.history(), one.clone().machine.history());
}

#[test]
fn bytes_that_are_no_command_change_nothing_but_the_history() {
    let mut log = Log::default();
    log.ask(Operation::Insert { key: "k".into(), value: "v".into() });
    assert_eq!(log.machine.apply(2, Some(b"nonsense")), Answer::Malformed);
    assert_eq!(log.machine.view(b"k"), Answer::Value("v".into()));
}
