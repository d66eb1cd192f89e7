//! What is no proper input is refused, and leaves the server as it was; what contradicts a committed entry stops it.

use std::time::Duration;

use raft_core::{
    AppendEntries, Config, ConfigError, Effect, Entries, FatalError, Input, InputError, InstallSnapshotReply, LogIndex,
    LogPosition, MembershipError, Message, NodeId, ProposalId, RoleName, Round, Sequence, Term,
};

use tests::by_hand::lone_node::{Builder, LoneNode, node};
use tests::by_hand::messages::{
    accepted, accepted_in, append, at, conflict, entry, heartbeat, refusal, request_vote, snapshot, stale, vote,
};

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
    Message::AppendEntries(AppendEntries {
        term: Term(term),
        attempt: 0,
        round: Round(0),
        prev,
        entries,
        leader_commit: LogIndex(0),
    })
}

// Dissertation §4.1: a server accepts appends from a leader, and votes for a candidate, that its configuration lacks.
#[test]
fn a_server_outside_the_configuration_is_listened_to() {
    let mut server = node().term(2).follower();
    server.receive(4, heartbeat(2, at(0, 0), 0));
    assert_eq!(server.leader(), Some(4));
    let mut server = node().term(2).follower();
    server.receive(4, request_vote(3, at(0, 0)));
    assert_eq!(server.persist().sends(), [(4, vote(3))]);
}

// Dissertation §4.1, the other side of it: who is outside counts towards no majority.
#[test]
fn a_server_outside_the_configuration_does_not_count() {
    let mut candidate = node().term(2).candidate();
    candidate.receive(4, vote(2));
    assert_eq!(candidate.role(), RoleName::Candidate);
    let mut leader = node().term(2).leader();
    leader.receive(4, accepted(2, 1));
    assert_eq!(leader.commit(), 0);
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
        (5, at(LogIndex::LIMIT.0, 1), &[6], LogIndex::LIMIT.0 + 1),
        (5, at(2, 6), &[], 2),
        (5, at(2, 6), &[6], 2),
        (1, at(2, 4), &[], 2),
    ];
    for &(term, prev, entries, index) in cases {
        let error = InputError::EntryTermsOutOfOrder { index: LogIndex(index) };
        assert_refused(node().log([1, 4]).follower(), from(2, append_of(term, prev, entries)), error);
    }
}

// No honest log is so long, and arithmetic on indexes stays within its range.
#[test]
fn an_index_beyond_the_limit_is_refused() {
    for index in [LogIndex::LIMIT.0 + 1, u64::MAX] {
        let error = InputError::IndexOutOfRange(LogIndex(index));
        for message in [heartbeat(2, at(index, 1), 0), append(2, at(index, 1), [1], 0), request_vote(2, at(index, 1))] {
            assert_refused(node().follower(), from(2, message), error);
        }
        for message in [conflict(2, index, at(0, 0)), conflict(2, 1, at(index, 1))] {
            assert_refused(node().term(2).leader(), from(2, message), error);
        }
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

// Reads and leases rest on rounds: nobody can have answered one that is still to come.
#[test]
fn an_answer_to_a_round_that_has_not_begun_is_refused() {
    let leader = || {
        let mut leader = node().term(2).steady_leader();
        leader.deadline();
        leader
    };
    let received = |term, round| {
        let snapshot = snapshot(at(1, 1), 1..=3, 8).id();
        let (term, round) = (Term(term), Round(round));
        Message::InstallSnapshotReply(InstallSnapshotReply { term, round, snapshot, received: 0 })
    };
    for answer in [accepted_in(2, 2, 1), received(2, 2)] {
        assert_refused(leader(), from(2, answer), InputError::RoundNotBegun);
    }
    for answer in [accepted_in(1, 2, 1), received(2, 1), accepted_in(9, 1, 1), received(1, 9)] {
        assert!(leader().try_step(from(2, answer.clone())).is_ok(), "{answer:?}");
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
    assert!(InputError::TermOutOfRange(Term(77)).to_string().contains("77"));
    assert!(InputError::EntryTermsOutOfOrder { index: LogIndex(31) }.to_string().contains("31"));
    assert!(InputError::LeaderContradictsItself { index: LogIndex(31) }.to_string().contains("31"));
    let ahead = InputError::CandidateAheadOfItself { last: Term(78), term: Term(77) }.to_string();
    assert!(ahead.contains("77") && ahead.contains("78"));
    assert!(ConfigError::Membership(MembershipError::Repeated(NodeId(12))).to_string().contains("12"));
    assert!(ConfigError::BoundZero { field: "max_appends_in_flight" }.to_string().contains("max_appends_in_flight"));
    assert!(FatalError::CommittedEntryConflict { index: LogIndex(5) }.to_string().contains('5'));
}

fn with(change: impl FnOnce(&mut Config)) -> Builder {
    node().configured(change)
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let ms = Duration::from_millis;
    let cases = [
        (with(|config| config.voters.push(NodeId(2))), ConfigError::Membership(MembershipError::Repeated(NodeId(2)))),
        (with(|config| config.learners.push(NodeId(2))), ConfigError::Membership(MembershipError::Repeated(NodeId(2)))),
        (learners_alone(), ConfigError::Membership(MembershipError::NoVoterLeft)),
        (with(|config| config.heartbeat_interval = Duration::ZERO), ConfigError::HeartbeatIntervalZero),
        (with(|config| config.election_timeout = ms(200)..ms(200)), ConfigError::ElectionTimeoutEmpty),
        (with(|config| config.election_timeout = ms(300)..ms(200)), ConfigError::ElectionTimeoutEmpty),
        (with(|config| config.heartbeat_interval = ms(150)), ConfigError::HeartbeatTooSlow),
        (with(|config| config.heartbeat_interval = Duration::MAX), ConfigError::HeartbeatTooSlow),
        (with(|config| config.lease_clock_drift_ppm = Some(0)), ConfigError::LeaseWithoutCheckQuorum),
        (with_leases(1_000_000), ConfigError::ClockDriftTooLarge { drift_ppm: 1_000_000 }),
    ];
    for (builder, expected) in cases {
        assert_eq!(builder.try_start().err(), Some(expected));
    }
}

fn learners_alone() -> Builder {
    with(|config| (config.voters, config.learners) = (Vec::new(), vec![NodeId(2)]))
}

fn with_leases(drift_ppm: u32) -> Builder {
    with(|config| (config.check_quorum, config.lease_clock_drift_ppm) = (true, Some(drift_ppm)))
}

#[test]
fn a_configuration_that_lets_nothing_through_is_refused() {
    type Bound = (&'static str, fn(&mut Config));
    let bounds: [Bound; 8] = [
        ("max_entries_per_append", |config| config.max_entries_per_append = 0),
        ("max_bytes_per_append", |config| config.max_bytes_per_append = 0),
        ("max_appends_in_flight", |config| config.max_appends_in_flight = 0),
        ("max_bytes_in_flight", |config| config.max_bytes_in_flight = 0),
        ("max_uncommitted_bytes", |config| config.max_uncommitted_bytes = 0),
        ("snapshot_chunk_bytes", |config| config.snapshot_chunk_bytes = 0),
        ("snapshot_bytes_in_flight", |config| config.snapshot_bytes_in_flight = 0),
        ("snapshot_bytes_per_heartbeat", |config| config.snapshot_bytes_per_heartbeat = 0),
    ];
    for (field, change) in bounds {
        assert_eq!(with(change).try_start().err(), Some(ConfigError::BoundZero { field }));
    }
}

// Dissertation §4.1: a server that waits to be added is in no configuration yet, its own included.
#[test]
fn a_server_outside_its_own_configuration_waits_to_be_added() {
    for builder in [node().id(4), with(|config| config.voters.clear())] {
        let mut server = builder.follower();
        server.deadline();
        assert_eq!((server.role(), server.term()), (RoleName::Follower, 0));
    }
}

#[test]
fn a_configuration_at_its_limits_works() {
    let ms = Duration::from_millis;
    for builder in [
        node().of(1),
        with(|config| config.heartbeat_interval = ms(149)),
        with(|config| config.election_timeout = ms(51)..Duration::MAX),
        node().max_entries_per_append(1).max_appends_in_flight(1),
        with_leases(999_999),
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

// §7: the log begins at or before the end of the snapshot, agrees with it there, and reaches up to it.
#[test]
fn a_stored_log_and_snapshot_that_do_not_meet_are_refused() {
    let taken = || node().term(5).snapshot(snapshot(at(3, 2), [1, 2, 3], 8));
    let apart = |base| Some(ConfigError::RestoredLogApart { base: LogIndex(base), snapshot: LogIndex(3) });
    assert_eq!(taken().base(at(4, 2)).try_start().err(), apart(4));
    assert_eq!(taken().base(at(1, 1)).log([1]).try_start().err(), apart(1));
    let contradiction = Some(ConfigError::RestoredLogContradictsSnapshot { index: LogIndex(3) });
    assert_eq!(taken().base(at(1, 1)).log([1, 3]).try_start().err(), contradiction);
    assert_eq!(taken().base(at(3, 1)).try_start().err(), contradiction);
    for whole in
        [taken(), taken().log([2]), taken().base(at(1, 1)).log([1, 2]), taken().base(at(0, 0)).log([1, 2, 2, 5])]
    {
        assert_eq!(whole.try_start().err(), None);
    }
}

#[test]
fn more_of_a_staged_snapshot_than_there_is_is_refused() {
    let staged = |received| node().staged(snapshot(at(3, 2), [1, 2, 3], 8), received).try_start().err();
    assert_eq!(staged(9), Some(ConfigError::RestoredChunkBeyondEnd { received: 9, size: 8 }));
    assert_eq!(staged(8), None);
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
