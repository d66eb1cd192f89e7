//! What is no proper input is refused, and leaves the server as it was; what contradicts a committed entry stops it.

use std::time::Duration;

use raft_core::{
    AppendEntries, Config, ConfigError, Effect, Entries, FatalError, Input, InputError, LogIndex, LogPosition, Message,
    NodeId, ProposalId, Sequence, Term,
};

use crate::lone_node::{Builder, LoneNode, node};
use crate::messages::{accepted, append, at, conflict, entry, heartbeat, refusal, request_vote, stale, vote};

fn assert_refused(mut server: LoneNode, input: Input<u64>, expected: InputError) {
    let before = server.portrait();
    // The clock too: a refused input must not even move time.
    server.wait_ms(10);
    assert_eq!(server.try_step(input), Err(expected));
    assert_eq!(server.portrait(), before, "{expected}");
}

fn from(sender: u64, message: Message<u64>) -> Input<u64> {
    Input::Receive { from: NodeId(sender), message }
}

fn append_of(term: u64, prev: LogPosition, terms: &[u64]) -> Message<u64> {
    let entries: Entries<u64> = terms.iter().copied().map(entry).collect();
    Message::AppendEntries(AppendEntries { term: Term(term), attempt: 0, prev, entries, leader_commit: LogIndex(0) })
}

#[test]
fn a_sender_outside_the_cluster_is_refused() {
    for message in [request_vote(9, at(9, 8)), vote(2), append(9, at(0, 0), [9], 1), accepted(2, 1), stale(9)] {
        for server in [node().term(2).follower(), node().term(2).candidate(), node().term(2).leader()] {
            assert_refused(server, from(4, message.clone()), InputError::UnknownSender(NodeId(4)));
        }
    }
}

#[test]
fn a_message_from_the_server_itself_is_refused() {
    for server in [node().term(2).follower(), node().term(2).candidate(), node().term(2).leader()] {
        assert_refused(server, from(1, vote(2)), InputError::SentByItself);
    }
}

#[test]
fn a_term_beyond_the_limit_is_refused() {
    for term in [Term::LIMIT.0 + 1, u64::MAX] {
        for message in [request_vote(term, at(0, 0)), vote(term), heartbeat(term, at(0, 0), 0), stale(term)] {
            assert_refused(node().follower(), from(2, message), InputError::TermOutOfRange(Term(term)));
        }
    }
}

// §5.1: terms count elections, so nobody says anything in the term before the first of them.
#[test]
fn a_message_of_the_term_before_any_election_is_refused() {
    for message in [
        request_vote(0, at(0, 0)),
        vote(0),
        refusal(0),
        heartbeat(0, at(0, 0), 0),
        append(0, at(0, 0), [0], 0),
        accepted(0, 1),
        conflict(0, 1, at(0, 0)),
        stale(0),
    ] {
        for server in [node().follower(), node().term(2).follower(), node().candidate(), node().leader()] {
            assert_refused(server, from(2, message.clone()), InputError::TermOutOfRange(Term(0)));
        }
    }
}

#[test]
fn the_first_term_is_a_proper_term() {
    for message in [request_vote(1, at(0, 0)), heartbeat(1, at(0, 0), 0), stale(1)] {
        let mut server = node().follower();
        server.receive(2, message);
        assert_eq!(server.term(), 1);
    }
}

// §5.1, §5.4.1: a server's term is the latest it has seen, those in its log included.
#[test]
fn a_candidate_with_an_entry_of_a_later_term_than_its_own_is_refused() {
    for (term, last) in [(1, 2), (4, 5), (4, u64::MAX)] {
        let error = InputError::CandidateAheadOfItself { last: Term(last), term: Term(term) };
        for server in [node().term(4).follower(), node().term(4).candidate(), node().term(4).leader()] {
            assert_refused(server, from(2, request_vote(term, at(9, last))), error);
        }
    }
}

#[test]
fn a_candidate_may_have_an_entry_of_the_term_just_before_its_own() {
    let mut server = node().term(4).follower();
    server.receive(2, request_vote(4, at(9, 3)));
    assert_eq!(server.persist().sends(), [(2, vote(4))]);
}

#[test]
fn the_limit_itself_is_a_proper_term() {
    let mut server = node().follower();
    server.receive(2, heartbeat(Term::LIMIT.0, at(0, 0), 0));
    assert_eq!(server.term(), Term::LIMIT.0);
}

// §5.3, Figure 3 (Log Matching): terms never fall along a log, and a leader has no entry of a later term than its own.
#[test]
fn an_append_with_terms_out_of_order_is_refused() {
    let cases: &[(u64, LogPosition, &[u64], u64)] = &[
        (5, at(1, 1), &[3, 2], 3),
        (5, at(1, 1), &[1, 1, 4, 3], 5),
        (5, at(2, 4), &[3], 3),
        (5, at(1, 1), &[6], 2),
        (5, at(1, 1), &[1, 5, 6], 4),
        (5, at(u64::MAX, 1), &[6], u64::MAX),
        (5, at(2, 6), &[], 2),
        (5, at(2, 6), &[6], 2),
        (1, at(2, 4), &[], 2),
    ];
    for &(term, prev, entries, index) in cases {
        let error = InputError::EntryTermsOutOfOrder { index: LogIndex(index) };
        assert_refused(node().log([1, 4]).follower(), from(2, append_of(term, prev, entries)), error);
    }
}

// §5.2: "at most one leader can be elected in a given term"
#[test]
fn a_second_leader_of_a_term_is_refused() {
    let error = InputError::SecondLeader { term: Term(2), from: NodeId(3) };
    assert_refused(node().term(2).follower_of(2), from(3, heartbeat(2, at(0, 0), 0)), error);
    assert_refused(node().term(2).leader(), from(3, append(2, at(0, 0), [2], 0)), error);
}

// §5.3: a follower can match no more than the leader has.
#[test]
fn an_acknowledgement_of_what_the_leader_never_had_is_refused() {
    for claimed in [3, u64::MAX] {
        let error = InputError::MatchBeyondLog { match_index: LogIndex(claimed), last_index: LogIndex(2) };
        assert_refused(node().log([1]).leader(), from(2, accepted(2, claimed)), error);
    }
}

// A claim about another term says nothing about this leader's log, and is merely old.
#[test]
fn an_old_acknowledgement_may_be_of_entries_that_are_gone() {
    let mut leader = node().log([1]).leader();
    assert_eq!(leader.receive(2, accepted(1, 9)).0, []);
}

#[test]
fn a_write_that_was_not_asked_for_is_refused() {
    for sequence in [1, u64::MAX] {
        let error = InputError::UnknownSequence(Sequence(sequence));
        assert_refused(node().follower(), Input::Persisted { sequence: Sequence(sequence) }, error);
    }
}

#[test]
fn the_error_names_the_value_that_was_wrong() {
    assert!(InputError::UnknownSender(NodeId(4)).to_string().contains('4'));
    assert!(InputError::TermOutOfRange(Term(77)).to_string().contains("77"));
    assert!(InputError::EntryTermsOutOfOrder { index: LogIndex(31) }.to_string().contains("31"));
    assert!(InputError::LeaderContradictsItself { index: LogIndex(31) }.to_string().contains("31"));
    let ahead = InputError::CandidateAheadOfItself { last: Term(78), term: Term(77) }.to_string();
    assert!(ahead.contains("77") && ahead.contains("78"));
    assert!(ConfigError::DuplicateVoter(NodeId(12)).to_string().contains("12"));
    assert!(FatalError::CommittedEntryConflict { index: LogIndex(5) }.to_string().contains('5'));
}

fn with(change: impl FnOnce(&mut Config)) -> Builder {
    let mut builder = node();
    change(&mut builder.config);
    builder
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let ms = Duration::from_millis;
    let cases = [
        (node().id(4), ConfigError::NotAVoter(NodeId(4))),
        (with(|config| config.voters.clear()), ConfigError::NotAVoter(NodeId(1))),
        (with(|config| config.voters.push(NodeId(2))), ConfigError::DuplicateVoter(NodeId(2))),
        (with(|config| config.heartbeat_interval = Duration::ZERO), ConfigError::HeartbeatIntervalZero),
        (with(|config| config.election_timeout = ms(200)..ms(200)), ConfigError::ElectionTimeoutEmpty),
        (with(|config| config.election_timeout = ms(300)..ms(200)), ConfigError::ElectionTimeoutEmpty),
        (with(|config| config.heartbeat_interval = ms(150)), ConfigError::HeartbeatTooSlow),
        (with(|config| config.heartbeat_interval = Duration::MAX), ConfigError::HeartbeatTooSlow),
        (with(|config| config.max_entries_per_append = 0), ConfigError::NothingInFlight),
        (with(|config| config.max_entries_in_flight = 0), ConfigError::NothingInFlight),
    ];
    for (builder, expected) in cases {
        assert_eq!(builder.try_start().err(), Some(expected));
    }
}

#[test]
fn a_configuration_at_its_limits_works() {
    let ms = Duration::from_millis;
    for builder in [
        node().of(1),
        with(|config| config.heartbeat_interval = ms(149)),
        with(|config| config.election_timeout = ms(51)..Duration::MAX),
        node().max_entries_per_append(1).max_entries_in_flight(1),
    ] {
        assert_eq!(builder.try_start().err(), None);
    }
}

// Figure 3, Log Matching: no disk that this core wrote holds such a log.
#[test]
fn a_stored_log_that_no_raft_wrote_is_refused() {
    let fall = ConfigError::RestoredTermsOutOfOrder { index: LogIndex(3) };
    assert_eq!(node().log([1, 2, 1]).term(5).try_start().err(), Some(fall));
    assert_eq!(node().log([1, 2]).term(1).try_start().err(), Some(ConfigError::RestoredTermTooOld));
}

/// A follower that has acknowledged `[1, 3, 3]` to node 2, the leader of term 3.
fn follower_in_line() -> LoneNode {
    let mut server = node().term(3).log([1]).follower();
    server.receive(2, append(3, at(1, 1), [3, 3], 0));
    assert_eq!(server.persist().sends(), [(2, accepted(3, 3))]);
    server
}

// Figure 3, Leader Append-Only: what a leader has said once in its term stays.
#[test]
fn a_leader_that_contradicts_itself_is_refused() {
    let cases: &[(LogPosition, &[u64], u64)] = &[
        (at(0, 0), &[2], 1),
        (at(0, 0), &[2, 2, 3], 1),
        (at(1, 1), &[1], 2),
        (at(1, 1), &[2, 2, 2, 2], 2),
        (at(1, 1), &[2, 3], 2),
        (at(0, 0), &[1, 2, 3], 2),
        // The terms after a rise, so that what differs is the last that matched.
        (at(0, 0), &[1, 1, 3], 2),
    ];
    for &(prev, terms, index) in cases {
        let error = InputError::LeaderContradictsItself { index: LogIndex(index) };
        assert_refused(follower_in_line(), from(2, append_of(3, prev, terms)), error);
    }
}

// What matched is refused from then on, and not only once it is durable and acknowledged.
#[test]
fn a_leader_that_contradicts_what_is_still_being_written_is_refused() {
    let mut server = node().term(3).follower();
    server.receive(2, append(3, at(0, 0), [3, 3], 0));
    let error = InputError::LeaderContradictsItself { index: LogIndex(1) };
    assert_refused(server, from(2, append_of(3, at(0, 0), &[2])), error);
}

// A heartbeat says as well that everything up to its place matches.
#[test]
fn a_leader_that_contradicts_its_own_heartbeat_is_refused() {
    let error = InputError::LeaderContradictsItself { index: LogIndex(2) };
    assert_refused(node().term(3).log([1, 1]).follower_of(2), from(2, append_of(3, at(1, 1), &[3])), error);
}

// A commit that the contradiction claims is no excuse: it is refused before it can stop the server.
#[test]
fn a_leader_that_contradicts_what_it_committed_is_refused_and_stops_nobody() {
    let mut server = follower_in_line();
    server.receive(2, heartbeat(3, at(3, 3), 3));
    assert_eq!(server.commit(), 3);
    let error = InputError::LeaderContradictsItself { index: LogIndex(2) };
    assert_refused(server, from(2, append(3, at(1, 1), [2], 9)), error);
}

// In the last term there is, a server whose leader falls silent may not campaign. What it acknowledged still binds it.
#[test]
fn a_leader_that_contradicts_itself_in_the_last_term_is_refused_after_a_timeout_too() {
    let last = Term::LIMIT.0;
    let mut server = node().follower();
    server.receive(2, append(last, at(0, 0), [2, 2], 0));
    assert_eq!(server.persist().sends(), [(2, accepted(last, 2))]);
    server.deadline();
    assert_eq!((server.term(), server.leader()), (last, None));
    let error = InputError::LeaderContradictsItself { index: LogIndex(2) };
    assert_refused(server, from(2, append_of(last, at(1, 2), &[3])), error);
}

// §5.5: "AppendEntries RPCs are idempotent", so what was said may be said again, in other pieces too.
#[test]
fn a_leader_may_repeat_itself() {
    let cases: &[(LogPosition, &[u64])] = &[
        (at(0, 0), &[1, 3, 3]),
        (at(0, 0), &[1]),
        (at(1, 1), &[3]),
        (at(2, 3), &[3]),
        (at(1, 1), &[]),
        (at(3, 3), &[]),
    ];
    for &(prev, terms) in cases {
        let mut server = follower_in_line();
        assert_eq!(server.receive(2, append_of(3, prev, terms)).sends(), [(2, accepted(3, 3))]);
        assert_eq!(server.log(), [1, 3, 3]);
    }
}

#[test]
fn a_leader_may_repeat_itself_and_go_on() {
    let mut server = follower_in_line();
    server.receive(2, append(3, at(1, 1), [3, 3, 3], 0));
    assert_eq!(server.log(), [1, 3, 3, 3]);
}

// §5.3: of what lies behind the last match the leader has said nothing yet.
#[test]
fn a_leader_may_replace_what_it_has_not_vouched_for() {
    let mut server = node().term(3).log([1, 2, 2]).follower();
    server.receive(2, heartbeat(3, at(1, 1), 0));
    server.receive(2, append(3, at(1, 1), [3], 0));
    assert_eq!(server.log(), [1, 3]);
}

// §5.3: the leader of a later term is another, and may have other entries. So may one server in two terms.
#[test]
fn the_leader_of_a_later_term_may_contradict_its_predecessor() {
    for leader in [2, 3] {
        let mut server = follower_in_line();
        server.receive(leader, append(4, at(1, 1), [4], 0));
        assert_eq!(server.log(), [1, 4]);
    }
}

/// A follower of term 1 with one entry, which is committed.
fn follower_with_committed_entry() -> LoneNode {
    let mut server = node().log([1]).follower_of(2);
    server.receive(2, heartbeat(1, at(1, 1), 1));
    assert_eq!(server.commit(), 1);
    server
}

// Figure 3, State Machine Safety: a committed entry is never replaced. Whoever asks for it is wrong, or this server is.
#[test]
fn a_contradicted_committed_entry_stops_the_server() {
    let mut server = follower_with_committed_entry();
    let effects = server.receive(3, append(2, at(0, 0), [2], 1));
    assert_eq!(effects.fatal(), Some(FatalError::CommittedEntryConflict { index: LogIndex(1) }));
    assert_eq!((server.log(), server.commit()), (vec![1], 1));
    assert_eq!(effects.sends(), [], "it acknowledges nothing");
    assert!(effects.writes().iter().all(|write| write.log.is_none()), "it writes no entry");
}

// "Fatal: stop": the driver stops there, so nothing may come behind it.
#[test]
fn nothing_is_asked_of_the_driver_after_a_fatal_effect() {
    let mut server = follower_with_committed_entry();
    let effects = server.receive(3, append(2, at(0, 0), [2], 1));
    assert!(matches!(effects.0.last(), Some(Effect::Fatal(_))), "{effects:?}");
}

#[test]
fn a_stopped_server_refuses_everything_and_waits_for_nothing() {
    let mut stopped = follower_with_committed_entry();
    stopped.receive(3, append(2, at(0, 0), [2], 1));
    assert_eq!(stopped.raft.next_deadline(), None);
    for input in [
        from(2, heartbeat(2, at(0, 0), 0)),
        from(2, request_vote(3, at(9, 2))),
        from(2, refusal(3)),
        Input::Propose { id: ProposalId(7), command: 7 },
        Input::Persisted { sequence: Sequence(0) },
        Input::DeadlineReached,
    ] {
        assert_refused(stopped.clone(), input, InputError::Stopped);
    }
}
