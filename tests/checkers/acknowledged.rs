//! What a client was told is so, of what took effect and of what never will.

use sim::checkers::acknowledged::Acknowledged;
use sim::{NodeId, RequestId, Violation};

use crate::entries::{entry, forged, log};
use crate::verdicts::assert_rejected;

const NAME: &str = "acknowledged";

/// Client `client`'s request `number`.
fn request(client: u16, number: u32) -> RequestId {
    RequestId { client, number }
}

/// Clients and the committed log behind them: the entry at each index is the command of the request that asks for it.
#[derive(Default, Debug)]
struct Service {
    checker: Acknowledged,
    committed: Vec<sim::LogEntry>,
}

impl Service {
    /// The log of these terms is committed.
    fn committed(mut self, terms: &[u64]) -> Self {
        self.committed = log(terms);
        self
    }

    /// A client asks for the command that, if all goes well, is the entry of `term` at `index`.
    fn asks(mut self, id: RequestId, (index, term): (u64, u64)) -> Self {
        self.checker.invoked(id, entry(index, term).digest, false);
        self
    }

    /// The client is told that its command stands at `index`.
    fn try_tells(mut self, id: RequestId, index: u64) -> Result<Self, Box<Violation>> {
        self.checker.done(id, index, &self.committed)?;
        Ok(self)
    }

    fn tells(self, id: RequestId, index: u64) -> Self {
        self.try_tells(id, index).expect("it is so")
    }

    /// The same, of a command that is known for a write or a read.
    fn asks_for(mut self, id: RequestId, is_write: bool, (index, term): (u64, u64)) -> Self {
        self.checker.invoked(id, entry(index, term).digest, is_write);
        self
    }

    /// The client is told that its command took effect, and not where.
    fn try_tells_no_index(mut self, id: RequestId) -> Result<Self, Box<Violation>> {
        self.checker.done_somewhere(id, &self.committed)?;
        Ok(self)
    }

    /// The client is told that its command has no effect and never will.
    fn try_refuses(mut self, id: RequestId) -> Result<Self, Box<Violation>> {
        self.checker.refused(id, &self.committed)?;
        Ok(self)
    }

    fn refuses(self, id: RequestId) -> Self {
        self.try_refuses(id).expect("it is not committed")
    }

    /// The entry of `term` at `index` is newly committed.
    fn try_commits(&self, (index, term): (u64, u64)) -> Result<(), Box<Violation>> {
        self.checker.committed(entry(index, term))
    }
}

#[test]
fn an_acknowledgement_of_what_is_not_committed_yet_is_rejected() {
    let service = Service::default().committed(&[1]).asks(request(3, 8), (2, 1));
    assert_rejected(service.try_tells(request(3, 8), 2), NAME, &["client 3", "command 8", "committed at 2"]);
}

#[test]
fn an_acknowledgement_at_the_index_of_another_command_is_rejected() {
    let service = Service::default().committed(&[1, 1]).asks(request(3, 8), (2, 1));
    assert_rejected(service.try_tells(request(3, 8), 1), NAME, &["client 3", "command 8", "committed at 1"]);
}

#[test]
fn an_acknowledgement_of_a_command_that_another_leader_overwrote_is_rejected() {
    // The leader of term 1 was deposed before its entry 2 was committed; that of term 2 has another there.
    let service = Service::default().committed(&[1, 2]).asks(request(3, 8), (2, 1));
    assert_rejected(service.try_tells(request(3, 8), 2), NAME, &["client 3", "command 8", "committed at 2"]);
}

#[test]
fn an_acknowledgement_at_no_index_is_rejected() {
    let service = Service::default().committed(&[1]).asks(request(3, 8), (1, 1));
    assert_rejected(service.try_tells(request(3, 8), 0), NAME, &["client 3", "command 8", "committed at 0"]);
}

#[test]
fn an_acknowledgement_with_an_empty_log_is_rejected() {
    let service = Service::default().asks(request(3, 8), (1, 1));
    assert_rejected(service.try_tells(request(3, 8), 1), NAME, &["client 3", "command 8", "committed at 1"]);
}

#[test]
fn an_acknowledgement_of_anothers_command_is_rejected() {
    let service = Service::default().committed(&[1, 1]).asks(request(1, 0), (1, 1)).asks(request(2, 0), (2, 1));
    assert_rejected(service.try_tells(request(2, 0), 1), NAME, &["client 2", "command 0", "committed at 1"]);
}

#[test]
fn a_command_that_takes_effect_before_one_acknowledged_before_it_was_asked_for_is_rejected() {
    let service = Service::default().committed(&[1, 1]).asks(request(1, 0), (2, 1)).tells(request(1, 0), 2);
    let service = service.asks(request(2, 5), (1, 1));
    let words = ["client 2", "command 5", "took effect at 1", "before 2"];
    assert_rejected(service.try_tells(request(2, 5), 1), NAME, &words);
}

#[test]
fn one_clients_commands_take_effect_in_the_order_in_which_it_asks() {
    let service = Service::default().committed(&[1, 1, 1]).asks(request(1, 0), (3, 1)).tells(request(1, 0), 3);
    let service = service.asks(request(1, 1), (2, 1));
    let words = ["client 1", "command 1", "took effect at 2", "before 3"];
    assert_rejected(service.try_tells(request(1, 1), 2), NAME, &words);
}

#[test]
fn a_command_that_takes_effect_where_an_acknowledged_one_did_is_rejected() {
    // Two requests with one digest would be a subject's mistake; that both are served by one entry is noticed.
    let service = Service::default().committed(&[1]).asks(request(1, 0), (1, 1)).tells(request(1, 0), 1);
    let service = service.asks(request(2, 0), (1, 1));
    assert_rejected(service.try_tells(request(2, 0), 1), NAME, &["client 2", "took effect at 1", "before 1"]);
}

#[test]
fn the_highest_acknowledged_index_counts_and_not_the_latest() {
    let service = Service::default().committed(&[1, 1, 1]).asks(request(1, 0), (1, 1)).asks(request(2, 0), (3, 1));
    let service = service.tells(request(2, 0), 3).tells(request(1, 0), 1).asks(request(3, 0), (2, 1));
    let words = ["client 3", "command 0", "took effect at 2", "before 3"];
    assert_rejected(service.try_tells(request(3, 0), 2), NAME, &words);
}

#[test]
fn another_command_of_the_same_term_is_not_the_one_asked_for() {
    let mut service = Service::default().asks(request(1, 0), (1, 1));
    service.committed = vec![forged(1, 1)];
    assert_rejected(service.try_tells(request(1, 0), 1), NAME, &["client 1", "committed at 1"]);
}

#[test]
fn a_committed_command_may_be_acknowledged() {
    let service = Service::default().committed(&[1, 1]).asks(request(1, 0), (2, 1));
    assert!(service.try_tells(request(1, 0), 2).is_ok());
}

#[test]
fn a_command_may_be_acknowledged_long_after_it_was_committed() {
    let service = Service::default().asks(request(1, 0), (1, 1)).committed(&[1, 2, 5, 5]);
    assert!(service.try_tells(request(1, 0), 1).is_ok());
}

#[test]
fn commands_that_were_asked_for_at_the_same_time_may_take_effect_in_any_order() {
    let service = Service::default().committed(&[1, 1]).asks(request(1, 0), (2, 1)).asks(request(2, 0), (1, 1));
    assert!(service.tells(request(1, 0), 2).try_tells(request(2, 0), 1).is_ok());
}

#[test]
fn a_command_may_take_effect_before_one_that_nobody_was_told_of() {
    let service = Service::default().committed(&[1, 1]).asks(request(1, 0), (2, 1));
    assert!(service.asks(request(2, 0), (1, 1)).try_tells(request(2, 0), 1).is_ok());
}

#[test]
fn an_acknowledgement_may_reach_its_client_twice() {
    let service = Service::default().committed(&[1]).asks(request(1, 0), (1, 1)).tells(request(1, 0), 1);
    assert!(service.try_tells(request(1, 0), 1).is_ok());
}

#[test]
fn one_client_may_be_told_of_one_command_after_the_other() {
    let service = Service::default().committed(&[1, 2]).asks(request(1, 0), (1, 1)).tells(request(1, 0), 1);
    assert!(service.asks(request(1, 1), (2, 2)).try_tells(request(1, 1), 2).is_ok());
}

// ---- Refusals ----

const COMMITTED_AFTER_ALL: &str = "has no effect, and it is committed";

#[test]
fn a_refusal_of_a_committed_command_is_rejected() {
    let service = Service::default().asks(request(3, 8), (2, 1)).committed(&[1, 1]);
    let words = ["client 3", "command 8", "has no effect", "it is committed"];
    assert_rejected(service.try_refuses(request(3, 8)), NAME, &words);
}

#[test]
fn a_refusal_of_the_first_of_many_committed_commands_is_rejected() {
    let service = Service::default().asks(request(3, 8), (1, 1)).committed(&[1, 1, 2, 2]);
    assert_rejected(service.try_refuses(request(3, 8)), NAME, &["client 3", "command 8", "it is committed"]);
}

#[test]
fn a_refusal_of_a_command_committed_right_after_an_acknowledged_one_is_rejected() {
    let service = Service::default().committed(&[1, 1]).asks(request(1, 0), (2, 1)).tells(request(1, 0), 2);
    let service = service.asks(request(2, 5), (3, 1)).committed(&[1, 1, 1]);
    assert_rejected(service.try_refuses(request(2, 5)), NAME, &["client 2", "command 5", "it is committed"]);
}

#[test]
fn a_refused_command_that_is_committed_later_is_rejected() {
    let service = Service::default().asks(request(3, 8), (1, 1)).refuses(request(3, 8));
    assert_rejected(service.try_commits((1, 1)), NAME, &["client 3", "command 8", COMMITTED_AFTER_ALL]);
}

#[test]
fn a_refused_command_that_is_committed_long_after_is_rejected() {
    let service = Service::default().asks(request(3, 8), (4, 1)).refuses(request(3, 8));
    let service = service.asks(request(3, 9), (1, 1)).committed(&[1]).tells(request(3, 9), 1);
    assert!(service.try_commits((2, 1)).is_ok());
    assert!(service.try_commits((3, 1)).is_ok());
    assert_rejected(service.try_commits((4, 1)), NAME, &["client 3", "command 8", COMMITTED_AFTER_ALL]);
}

#[test]
fn the_first_of_several_refused_commands_may_not_be_committed_either() {
    let service = Service::default().asks(request(1, 0), (1, 1)).asks(request(2, 0), (2, 1));
    let service = service.refuses(request(1, 0)).refuses(request(2, 0));
    assert_rejected(service.try_commits((1, 1)), NAME, &["client 1", "command 0", COMMITTED_AFTER_ALL]);
    assert_rejected(service.try_commits((2, 1)), NAME, &["client 2", "command 0", COMMITTED_AFTER_ALL]);
}

#[test]
fn a_command_that_is_nowhere_may_be_refused() {
    let service = Service::default().asks(request(3, 8), (2, 1));
    assert!(service.try_refuses(request(3, 8)).is_ok());
}

#[test]
fn a_command_whose_place_another_has_taken_may_be_refused() {
    // A deposed leader had it at index 2, where the leader of term 2 has committed another.
    let service = Service::default().asks(request(3, 8), (2, 1)).committed(&[1, 2]);
    assert!(service.try_refuses(request(3, 8)).is_ok());
}

#[test]
fn other_commands_may_be_committed_after_a_refusal() {
    let service = Service::default().asks(request(3, 8), (1, 1)).refuses(request(3, 8));
    assert!(service.try_commits((1, 2)).is_ok());
}

#[test]
fn a_command_that_was_not_refused_may_be_committed() {
    let service = Service::default().asks(request(1, 0), (1, 1)).asks(request(2, 0), (2, 1)).refuses(request(1, 0));
    assert!(service.try_commits((2, 1)).is_ok());
}

#[test]
fn a_command_that_was_never_answered_may_be_committed() {
    let service = Service::default().asks(request(1, 0), (1, 1));
    assert!(service.try_commits((1, 1)).is_ok());
}

#[test]
fn a_client_may_ask_again_after_a_refusal() {
    let service = Service::default().asks(request(1, 0), (7, 1)).refuses(request(1, 0));
    let service = service.asks(request(1, 1), (1, 1)).committed(&[1]);
    assert!(service.try_commits((1, 1)).is_ok());
    assert!(service.try_tells(request(1, 1), 1).is_ok());
}

// ---- Answers that name no index ----

const WRITE: bool = true;

#[test]
fn an_acknowledgement_of_a_write_that_is_nowhere_is_rejected() {
    let service = Service::default().asks_for(request(3, 8), WRITE, (2, 1)).committed(&[1]);
    let words = ["client 3", "command 8 took effect", "not committed"];
    assert_rejected(service.try_tells_no_index(request(3, 8)), NAME, &words);
}

#[test]
fn a_write_that_was_acknowledged_without_an_index_counts_for_those_that_follow() {
    let service = Service::default().asks_for(request(1, 0), WRITE, (2, 1)).committed(&[1, 1]);
    let service = service.try_tells_no_index(request(1, 0)).expect("it is there").asks(request(2, 0), (1, 1));
    assert_rejected(service.try_tells(request(2, 0), 1), NAME, &["client 2", "took effect at 1", "before 2"]);
}

#[test]
fn a_write_that_is_committed_may_be_acknowledged_without_an_index() {
    let service = Service::default().asks_for(request(3, 8), WRITE, (2, 1)).committed(&[1, 1]);
    assert!(service.try_tells_no_index(request(3, 8)).is_ok());
}

#[test]
fn a_read_need_not_be_in_the_log() {
    let service = Service::default().committed(&[1]).asks_for(request(3, 8), !WRITE, (2, 1));
    assert!(service.try_tells_no_index(request(3, 8)).is_ok());
}

#[test]
fn of_a_command_that_nobody_explains_nothing_is_known() {
    let service = Service::default().committed(&[1]).asks(request(3, 8), (2, 1));
    assert!(service.try_tells_no_index(request(3, 8)).is_ok());
}

// ---- Requests that are repeated ----

#[test]
fn a_command_of_which_one_attempt_was_refused_may_be_committed_by_another() {
    let mut service = Service::default().asks(request(1, 0), (1, 1));
    service.checker.asked_again(request(1, 0), entry(1, 1).digest);
    let service = service.refuses(request(1, 0)).committed(&[1]);
    assert!(service.try_commits((1, 1)).is_ok());
    assert!(service.try_tells(request(1, 0), 1).is_ok());
}

#[test]
fn a_command_of_which_every_attempt_was_refused_is_never_committed() {
    let mut service = Service::default().asks(request(1, 0), (1, 1));
    service.checker.asked_again(request(1, 0), entry(1, 1).digest);
    let service = service.refuses(request(1, 0)).refuses(request(1, 0)).committed(&[1]);
    assert_rejected(service.try_commits((1, 1)), NAME, &["client 1", "command 0", "no effect"]);
}

#[test]
fn a_command_that_is_asked_for_again_after_a_refusal_on_its_way_may_be_committed() {
    let mut service = Service::default().asks(request(1, 0), (1, 1)).refuses(request(1, 0));
    service.checker.asked_again(request(1, 0), entry(1, 1).digest);
    let service = service.committed(&[1]);
    assert!(service.try_commits((1, 1)).is_ok());
    assert!(service.try_tells(request(1, 0), 1).is_ok());
}

#[test]
fn a_refusal_of_what_somebody_may_still_commit_is_rejected() {
    // n2 has all that is committed, and the command behind it.
    let told = |committed: &[u64], held: &[u64]| {
        let (committed, held) = (log(committed), log(held));
        Acknowledged::buried(request(3, 8), entry(3, 2).digest, NodeId(1), &held, &committed)
    };
    let words = &["client 3", "command 8", "n2", "may yet commit it"];
    assert_rejected(told(&[1, 1], &[1, 1, 2]), NAME, words);
    assert_rejected(told(&[1], &[1, 1, 2, 2]), NAME, words);
    assert_rejected(told(&[], &[1, 1, 2]), NAME, words);
}

#[test]
fn a_refusal_of_what_nobody_can_commit_any_more_is_accepted() {
    let told = |committed: &[u64], held: &[u64]| {
        let (committed, held) = (log(committed), log(held));
        Acknowledged::buried(request(3, 8), entry(3, 2).digest, NodeId(1), &held, &committed)
    };
    told(&[1, 1, 3], &[1, 1, 2]).expect("another entry is committed in its place");
    told(&[1, 3], &[1, 1, 2]).expect("n2 lacks a committed entry of a later term, and so cannot lead");
    told(&[1, 1], &[1, 1, 3]).expect("another command stands there");
    told(&[1, 1, 2, 2], &[1, 1, 2]).expect("n2 lacks what is committed; whether the command is, is another question");
}
