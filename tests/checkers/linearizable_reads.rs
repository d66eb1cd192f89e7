//! A read finds what its key held at one moment between its call and its answer, and time does not run back.

use sim::checkers::linearizable_reads::LinearizableReads;
use sim::{Access, LogEntry, RequestId, Violation};

use crate::verdicts::{N2, assert_rejected};

const NAME: &str = "linearizable_reads";

/// Clients and the log behind them. Everybody reads and writes key 7 unless said otherwise.
#[derive(Default, Debug)]
struct Service {
    checker: LinearizableReads,
    digests: u64,
}

fn read(number: u32) -> RequestId {
    RequestId { client: 4, number }
}

impl Service {
    /// The log gets this write, of a client that is never told.
    fn commits(mut self, key: u64, value: Option<u64>) -> Self {
        self.digests += 1;
        let id = RequestId { client: 1, number: self.digests as u32 };
        self.checker.invoked(id, self.digests, Access::Write { key, value });
        self.checker.committed(LogEntry { term: 1, digest: self.digests });
        self
    }

    fn writes(self, value: u64) -> Self {
        self.commits(7, Some(value))
    }

    fn removes(self) -> Self {
        self.commits(7, None)
    }

    /// The log gets an entry of no client.
    fn commits_nothing(mut self) -> Self {
        self.checker.committed(LogEntry { term: 1, digest: LogEntry::NO_COMMAND });
        self
    }

    /// The client of a write hears that it stands at `index`.
    fn tells(mut self, index: u64) -> Self {
        let id = RequestId { client: 1, number: index as u32 };
        self.checker.done(id, Some(index), || panic!("a write is not asked for a value")).expect("a write");
        self
    }

    fn asks(mut self, number: u32) -> Self {
        self.checker.invoked(read(number), 0, Access::Read { key: 7 });
        self
    }

    fn try_finds(mut self, number: u32, value: Option<u64>) -> Result<Self, Box<Violation>> {
        self.checker.done(read(number), None, || value)?;
        Ok(self)
    }

    fn finds(self, number: u32, value: Option<u64>) -> Self {
        self.try_finds(number, value).expect("a lawful read")
    }

    /// The same for a read that is in the log, at `index`.
    fn try_finds_at(mut self, number: u32, index: u64, value: Option<u64>) -> Result<Self, Box<Violation>> {
        self.checker.done(read(number), Some(index), || value)?;
        Ok(self)
    }
}

#[test]
fn a_read_of_what_was_overwritten_before_it_was_asked_for_is_rejected() {
    let history = Service::default().writes(1).writes(2).tells(2).asks(0);
    let words = ["client 4's read 0", "key 7", "before 2"];
    assert_rejected(history.try_finds(0, Some(1)), NAME, &words);
}

#[test]
fn a_read_of_a_key_that_was_there_before_it_was_asked_for_is_rejected_where_it_finds_nothing() {
    let history = Service::default().writes(1).tells(1).asks(0);
    assert_rejected(history.try_finds(0, None), NAME, &["read 0", "before 1"]);
}

#[test]
fn a_read_of_a_key_that_was_removed_before_it_was_asked_for_is_rejected() {
    let history = Service::default().writes(1).removes().tells(2).asks(0);
    assert_rejected(history.try_finds(0, Some(1)), NAME, &["read 0", "before 2"]);
}

#[test]
fn a_read_of_what_nobody_has_committed_is_rejected() {
    let history = Service::default().writes(1).asks(0);
    assert_rejected(history.try_finds(0, Some(2)), NAME, &["read 0", "key 7", "nobody has committed"]);
}

#[test]
fn a_read_of_what_is_committed_only_after_its_answer_is_rejected() {
    // The leader answers with a value that is in its log alone.
    let mut history = Service::default().writes(1).asks(0);
    assert_rejected(history.checker.done(read(0), None, || Some(2)), NAME, &["nobody has committed"]);
    assert!(history.writes(2).asks(1).try_finds(1, Some(2)).is_ok());
}

#[test]
fn a_read_of_another_keys_value_is_rejected() {
    let history = Service::default().commits(8, Some(5)).asks(0);
    assert_rejected(history.try_finds(0, Some(5)), NAME, &["key 7", "nobody has committed"]);
}

#[test]
fn a_read_that_goes_back_behind_another_read_is_rejected() {
    // Nobody was told of the second write, but a read has seen it.
    let history = Service::default().writes(1).writes(2).asks(0).finds(0, Some(2)).asks(1);
    assert_rejected(history.try_finds(1, Some(1)), NAME, &["read 1", "before 2"]);
}

#[test]
fn a_read_that_goes_back_behind_what_another_key_shows_is_rejected() {
    // Key 8 was written after key 7, and its new value was seen.
    let mut history = Service::default().writes(1).writes(2).commits(8, Some(5));
    history.checker.invoked(read(0), 0, Access::Read { key: 8 });
    let history = history.finds(0, Some(5)).asks(1);
    assert_rejected(history.try_finds(1, Some(1)), NAME, &["read 1", "key 7", "before 3"]);
}

#[test]
fn a_read_in_the_log_that_finds_an_older_value_is_rejected() {
    let history = Service::default().writes(1).writes(2).asks(0).commits_nothing();
    assert_rejected(history.try_finds_at(0, 3, Some(1)), NAME, &["read 0", "at 3", "the log says otherwise"]);
}

#[test]
fn a_read_in_the_log_that_finds_a_later_value_is_rejected() {
    let history = Service::default().writes(1).asks(0).commits_nothing().writes(2);
    assert_rejected(history.try_finds_at(0, 2, Some(2)), NAME, &["at 2", "the log says otherwise"]);
}

#[test]
fn a_read_that_goes_back_behind_one_in_the_log_is_rejected() {
    let history = Service::default().writes(1).asks(0).writes(2).commits_nothing();
    let history = history.try_finds_at(0, 3, Some(2)).expect("what the log says").asks(1);
    assert_rejected(history.try_finds(1, Some(1)), NAME, &["read 1", "before 3"]);
}

#[test]
fn a_read_may_find_what_was_there_when_it_was_asked_for() {
    assert!(Service::default().writes(1).tells(1).asks(0).writes(2).tells(2).try_finds(0, Some(1)).is_ok());
}

#[test]
fn a_read_may_find_what_came_while_it_was_waiting() {
    assert!(Service::default().writes(1).tells(1).asks(0).writes(2).writes(3).try_finds(0, Some(2)).is_ok());
}

#[test]
fn a_read_may_find_nothing_where_nothing_was_written() {
    assert!(Service::default().commits(8, Some(1)).asks(0).try_finds(0, None).is_ok());
}

#[test]
fn a_read_may_find_nothing_where_the_key_is_removed_while_it_waits() {
    assert!(Service::default().writes(1).tells(1).asks(0).removes().writes(2).try_finds(0, None).is_ok());
}

#[test]
fn a_read_may_miss_a_write_that_nobody_was_told_of() {
    assert!(Service::default().writes(1).tells(1).writes(2).asks(0).try_finds(0, Some(1)).is_ok());
}

#[test]
fn reads_at_the_same_time_may_see_different_moments() {
    let history = Service::default().writes(1).asks(0).asks(1).writes(2).finds(0, Some(2));
    assert!(history.try_finds(1, Some(1)).is_ok());
}

#[test]
fn a_value_that_is_written_again_is_found_at_its_earliest() {
    // The first read may have been before the 2 came, and so may what follows it.
    let history = Service::default().writes(1).tells(1).asks(0).writes(2).writes(1).finds(0, Some(1)).asks(1);
    assert!(history.try_finds(1, Some(2)).is_ok());
}

#[test]
fn a_value_that_is_written_again_is_found_where_it_came_back() {
    assert!(Service::default().writes(1).writes(2).tells(2).asks(0).writes(1).try_finds(0, Some(1)).is_ok());
}

#[test]
fn a_read_may_go_through_the_log() {
    let history = Service::default().writes(1).asks(0).writes(2).commits_nothing().writes(3);
    assert!(history.try_finds_at(0, 3, Some(2)).is_ok());
}

#[test]
fn a_read_may_be_refused() {
    let mut history = Service::default().writes(1).asks(0);
    history.checker.refused(read(0));
    assert!(history.try_finds(0, Some(9)).is_ok(), "nobody waits for it any more");
}

#[test]
fn entries_of_no_client_change_nothing() {
    assert!(Service::default().writes(1).commits_nothing().asks(0).commits_nothing().try_finds(0, Some(1)).is_ok());
}

#[test]
fn commands_may_have_any_digests_in_any_order() {
    let mut checker = LinearizableReads::default();
    let digests: Vec<u64> =
        (1..200u64).map(|number| number.wrapping_mul(0x0003_1415_9265_3589) >> (number % 40)).collect();
    let id = |number: usize| RequestId { client: 1, number: number as u32 };
    for (number, digest) in digests.iter().enumerate() {
        checker.invoked(id(number), *digest, Access::Write { key: *digest, value: Some(*digest) });
    }
    for digest in digests.iter().rev() {
        checker.committed(LogEntry { term: 1, digest: *digest });
    }
    for (number, digest) in digests.iter().enumerate() {
        checker.invoked(read(number as u32), 0, Access::Read { key: *digest });
        assert!(checker.done(read(number as u32), None, || Some(*digest)).is_ok(), "{digest}");
    }
}

// ---- Who is fit to answer ----

/// A read that came when three entries were committed, and term 4 had had a leader.
fn arrived() -> LinearizableReads {
    let mut service = Service::default().writes(1).writes(2).writes(3).asks(0);
    service.checker.arrived(read(0), 4);
    service.checker
}

#[test]
fn an_answer_from_before_what_was_committed_when_the_read_came_is_rejected() {
    let words = &["n2 answers a read with 2 entries applied", "3 were committed"];
    assert_rejected(arrived().served(N2, read(0), 2, None), NAME, words);
}

#[test]
fn an_answer_of_a_leader_that_had_a_successor_when_the_read_came_is_rejected() {
    let words = &["n2 answers a read as leader of term 3", "term 4 had one"];
    assert_rejected(arrived().served(N2, read(0), 3, Some(3)), NAME, words);
}

#[test]
fn answers_of_those_who_know_enough_are_accepted() {
    for (applied, leads) in [(3, None), (9, None), (3, Some(4)), (5, Some(6))] {
        arrived().served(N2, read(0), applied, leads).expect("fit to answer");
    }
    arrived().served(N2, read(1), 0, Some(1)).expect("nobody asked for it");
}

#[test]
fn what_is_committed_after_the_read_came_need_not_be_in_the_answer() {
    let mut checker = arrived();
    checker.committed(LogEntry { term: 4, digest: LogEntry::NO_COMMAND });
    checker.served(N2, read(0), 3, Some(4)).expect("the read may come before it");
}
