//! §5.3, Figure 2 (nextIndex, matchIndex): how much a leader sends ahead, when it repeats itself, and what it makes of
//! replies that arrive late, twice or in the wrong order.

use raft_core::LogIndex;
use tests::by_hand::lone_node::{HEARTBEAT_MS, LoneNode, node};
use tests::by_hand::messages::{accepted, at, conflict, conflict_in};

/// A leader of term 3 whose log holds `[1, 1, 1, 3]`, known to match everywhere, and then ten proposals.
fn leader_ten_ahead() -> LoneNode {
    let mut leader = node().term(3).log([1, 1, 1]).steady_leader();
    for command in 0..10 {
        leader.propose(command);
    }
    leader
}

// §5.3: until the logs are known to meet, entries sent ahead would most likely be refused.
#[test]
fn a_follower_whose_log_is_unknown_gets_one_append_at_a_time() {
    let mut leader = node().leader();
    assert_eq!(leader.propose(7).sends_to(2), []);
    assert_eq!(leader.propose(8).sends_to(2), []);
    assert_eq!(leader.receive(2, accepted(1, 1)).batches_to(2), [2], "all that it missed, in one");
}

// §5.3: a leader need not wait for one append's reply before it sends the next.
#[test]
fn entries_are_sent_ahead_of_their_acknowledgements() {
    let mut leader = node().steady_leader();
    for (command, prev) in [(7, 1), (8, 2), (9, 3)] {
        let appends = leader.propose(command).appends_to(2);
        assert_eq!((appends.len(), appends[0].prev), (1, at(prev, 1)));
    }
}

#[test]
fn nothing_is_sent_beyond_the_window() {
    let mut leader = node().max_appends_in_flight(3).steady_leader();
    let sent: Vec<_> = (0..5).map(|command| leader.propose(command).batches_to(2).len()).collect();
    assert_eq!(sent, [1, 1, 1, 0, 0]);
}

#[test]
fn an_acknowledgement_moves_the_window_forward() {
    let mut leader = node().max_appends_in_flight(3).steady_leader();
    (0..8).for_each(|command| drop(leader.propose(command)));
    let appends = leader.receive(2, accepted(1, 3)).appends_to(2);
    // Entries 2 to 4, an append each, filled the window; 2 and 3 are acknowledged, and all that waited goes in one.
    assert_eq!((appends.len(), appends[0].prev, appends[0].entries.len()), (1, at(4, 1), 5));
    assert_eq!(leader.propose(8).batches_to(2), [1], "of the two places one is left");
    assert_eq!(leader.propose(9).batches_to(2).len(), 0);
}

#[test]
fn an_acknowledgement_makes_room_for_as_many_appends_as_it_covers() {
    let mut leader = node().max_entries_per_append(1).max_appends_in_flight(3).steady_leader();
    (0..8).for_each(|command| drop(leader.propose(command)));
    assert_eq!(leader.receive(2, accepted(1, 3)).batches_to(2), [1, 1]);
}

// A window in bytes, whatever the number of appends: of an entry's size here, 24 bytes, one more fits as long as it is
// not full.
#[test]
fn nothing_is_sent_beyond_the_window_of_bytes() {
    let mut leader = node().configured(|config| config.max_bytes_in_flight = 25).steady_leader();
    let sent: Vec<_> = (0..4).map(|command| leader.propose(command).batches_to(2).len()).collect();
    assert_eq!(sent, [1, 1, 0, 0]);
    assert_eq!(leader.receive(2, accepted(1, 3)).batches_to(2), [2]);
}

// However small the most that an append may carry, one entry goes.
#[test]
fn an_append_carries_no_more_than_its_bytes_allow() {
    for (bytes, expected) in [(1, vec![1; 4]), (47, vec![1; 4]), (48, vec![2, 2]), (96, vec![4])] {
        let mut leader = node().configured(|config| config.max_bytes_per_append = bytes).leader();
        (0..4).for_each(|command| drop(leader.propose(command)));
        assert_eq!(leader.receive(2, accepted(1, 1)).batches_to(2), expected, "{bytes} bytes");
    }
}

#[test]
fn each_follower_has_a_window_of_its_own() {
    let mut leader = node().max_appends_in_flight(2).steady_leader();
    (0..2).for_each(|command| drop(leader.propose(command)));
    leader.receive(3, accepted(1, 3));
    let effects = leader.propose(7);
    assert_eq!((effects.sends_to(2).len(), effects.sends_to(3).len()), (0, 1));
}

// The window is full and all its messages are lost: the reply to a heartbeat says where the follower stands.
#[test]
fn a_heartbeats_reply_frees_a_full_window() {
    let mut leader = node().max_appends_in_flight(2).steady_leader();
    (0..4).for_each(|command| drop(leader.propose(command)));
    let beat = leader.deadline().appends_to(2);
    assert_eq!((beat[0].prev, beat[0].entries.len()), (at(3, 1), 0));
    assert_eq!(leader.receive(2, conflict(1, 3, at(1, 1))).appends_to(2)[0].prev, at(1, 1));
}

// A probe that is large, or repeated, says no more about where the logs meet.
#[test]
fn a_probe_is_one_append_whatever_the_window() {
    let mut leader = node().log(vec![1; 10]).max_entries_per_append(2).max_appends_in_flight(5).leader();
    assert_eq!(leader.receive(2, conflict(2, 10, at(0, 0))).batches_to(2), [2]);
    assert_eq!(leader.receive(2, accepted(2, 2)).batches_to(2), [2, 2, 2, 2, 1], "once they meet, the window counts");
}

#[test]
fn an_append_carries_no_more_than_a_batch() {
    let mut leader = node().log(vec![1; 10]).max_entries_per_append(4).leader();
    // The first one that a probe of an empty log gets, then the rest as fast as the window allows.
    assert_eq!(leader.receive(2, conflict(2, 10, at(0, 0))).batches_to(2), [4]);
    assert_eq!(leader.receive(2, accepted(2, 4)).batches_to(2), [4, 3]);
}

#[test]
fn full_batches_fill_a_window() {
    let mut leader = node().log(vec![1; 20]).max_entries_per_append(4).max_appends_in_flight(3).leader();
    leader.receive(2, conflict(2, 20, at(0, 0)));
    assert_eq!(leader.receive(2, accepted(2, 4)).batches_to(2), [4, 4, 4]);
}

// §5.3: "the leader retries AppendEntries RPCs indefinitely"
#[test]
fn a_lost_probe_is_repeated_after_the_next_heartbeat() {
    let mut leader = node().log([1, 1, 1]).leader();
    leader.receive(2, conflict(2, 3, at(1, 1)));
    let beat = leader.deadline().appends_to(2);
    assert_eq!(beat[0].prev, at(1, 1));
    let appends = leader.receive(2, accepted(2, 1)).appends_to(2);
    assert_eq!((appends[0].prev, appends[0].entries.len()), (at(1, 1), 3));
}

// §5.3: an append in a pipeline was lost, so those behind it are refused.
#[test]
fn a_gap_in_the_pipeline_is_filled_from_where_the_follower_stands() {
    let mut leader = leader_ten_ahead();
    let appends = leader.receive(2, conflict(3, 6, at(5, 3))).appends_to(2);
    assert_eq!((appends.len(), appends[0].prev), (1, at(5, 3)));
    assert_eq!(appends[0].entries.len(), 9, "entries 6 to 14");
}

// §5.3: one gap makes as many refusals as there were appends behind it.
#[test]
fn the_other_refusals_of_the_same_gap_are_not_answered_again() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, conflict(3, 6, at(5, 3)));
    for prev in 7..14 {
        assert_eq!(leader.receive(2, conflict(3, prev, at(5, 3))).0, [], "refusal of {prev}");
    }
}

// The same gap once more: the refusals that arrive after it was filled would each set off the whole window again.
#[test]
fn a_late_refusal_of_a_gap_that_was_filled_is_ignored() {
    let mut leader = leader_ten_ahead();
    assert_eq!(leader.receive(2, conflict(3, 6, at(5, 3))).appends_to(2)[0].attempt, 1);
    leader.receive(2, accepted(3, 8));
    let before = leader.progress_of(2);
    for prev in 9..14 {
        assert_eq!(leader.receive(2, conflict(3, prev, at(5, 3))).0, [], "refusal of {prev}");
    }
    assert_eq!(leader.progress_of(2), before);
}

// A gap in what was sent since is another matter.
#[test]
fn a_refusal_of_the_attempt_under_way_is_answered() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, conflict(3, 6, at(5, 3)));
    leader.receive(2, accepted(3, 8));
    leader.receive(2, accepted(3, 14));
    leader.propose(1);
    leader.propose(2);
    let appends = leader.receive(2, conflict_in(1, 0, 3, 15, at(14, 3))).appends_to(2);
    assert_eq!((appends[0].prev, appends[0].attempt), (at(14, 3), 2));
}

// Figure 2: matchIndex "increases monotonically"
#[test]
fn an_old_acknowledgement_takes_nothing_back() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, accepted(3, 9));
    let before = leader.progress_of(2);
    for late in [4, 5, 8, 9] {
        leader.receive(2, accepted(3, late));
        assert_eq!(leader.progress_of(2), before, "after a late {late}");
    }
}

// Figure 2: replies overtake each other.
#[test]
fn an_acknowledgement_stands_for_all_before_it() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, accepted(3, 14));
    assert_eq!(leader.progress_of(2), (14, 15));
}

// §5.3: a refusal of something that has been acknowledged since.
#[test]
fn an_old_refusal_takes_nothing_back() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, accepted(3, 9));
    let before = leader.progress_of(2);
    for late in [0, 1, 4, 9] {
        assert_eq!(leader.receive(2, conflict(3, late, at(0, 0))).0, [], "refusal of {late}");
        assert_eq!(leader.progress_of(2), before, "refusal of {late}");
    }
}

/// How many appends the follower is sent in answer to five refusals, in `attempt`, of what it has acknowledged.
fn answers_to_refusals(leader: &mut LoneNode, attempt: u64) -> usize {
    let refusals = (0..5).map(|_| leader.receive(2, conflict_in(attempt, 0, 3, 9, at(0, 0))).sends_to(2).len());
    refusals.sum()
}

// §5.3: "a log inconsistency" is a follower's that has said nothing yet. One that refuses what it has acknowledged has
// lost its disk, and asking again at once would go on for ever.
#[test]
fn a_follower_that_refuses_what_it_acknowledged_is_not_asked_again_at_line_rate() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, accepted(3, 9));
    assert_eq!(answers_to_refusals(&mut leader, 0), 0);
}

// The same while the search is on: the probe stands right behind what matches, and cannot go further back.
#[test]
fn a_follower_that_refuses_a_probe_of_what_it_acknowledged_is_not_asked_again_at_line_rate() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, accepted(3, 9));
    assert_eq!(leader.receive(2, conflict(3, 12, at(3, 1))).appends_to(2)[0].prev, at(9, 3));
    let before = leader.progress_of(2);
    assert_eq!(answers_to_refusals(&mut leader, 1), 0);
    assert_eq!(leader.progress_of(2), before);
}

// What makes no progress is ignored, and the next heartbeat asks as ever: the follower may come to its senses.
#[test]
fn a_follower_that_refused_what_it_acknowledged_may_still_catch_up() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, accepted(3, 9));
    leader.receive(2, conflict(3, 12, at(3, 1)));
    answers_to_refusals(&mut leader, 1);
    assert_eq!(leader.deadline().appends_to(2)[0].prev, at(9, 3));
    leader.receive(2, accepted(3, 14));
    assert_eq!(leader.progress_of(2), (14, 15));
}

// Only what was sent can be refused: a refusal of a place beyond that says nothing.
#[test]
fn a_refusal_of_what_was_never_sent_is_ignored() {
    let mut leader = leader_ten_ahead();
    let before = leader.progress_of(2);
    for prev in [15, 16, LogIndex::LIMIT.0] {
        assert_eq!(leader.receive(2, conflict(3, prev, at(14, 3))).0, [], "refusal of {prev}");
        assert_eq!(leader.progress_of(2), before, "refusal of {prev}");
    }
}

// §5.3: while probing, only the refusal of the last probe counts.
#[test]
fn a_duplicated_refusal_of_a_probe_is_ignored() {
    let mut leader = node().log([1, 1, 1, 2, 2, 2]).leader();
    leader.receive(2, conflict(3, 6, at(3, 1)));
    let before = leader.progress_of(2);
    assert_eq!(leader.receive(2, conflict(3, 6, at(3, 1))).0, []);
    assert_eq!(leader.progress_of(2), before);
}

// §5.3: an acknowledgement from before the gap says nothing about where the search has got to.
#[test]
fn a_late_acknowledgement_does_not_end_the_search() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, conflict(3, 10, at(9, 3)));
    assert_eq!(leader.receive(2, accepted(3, 6)).sends_to(2), []);
    assert_eq!(leader.propose(10).sends_to(2), []);
}

// Figure 2: matchIndex < nextIndex, whatever a refusal says.
#[test]
fn the_next_entry_to_send_stays_above_what_matches() {
    let mut leader = leader_ten_ahead();
    leader.receive(2, accepted(3, 6));
    leader.receive(2, conflict(3, 9, at(2, 1)));
    let (matched, next) = leader.progress_of(2);
    assert_eq!((matched, next), (6, 7));
}

// §5.2: "repeat during idle periods to prevent election timeouts" (Figure 2)
#[test]
fn an_idle_leader_sends_heartbeats_to_all_again_and_again() {
    let mut leader = node().of(5).steady_leader();
    for _interval in 0..3 {
        let effects = leader.deadline();
        assert_eq!(effects.receivers(), [2, 3, 4, 5]);
        assert!((2..=5).all(|follower| effects.batches_to(follower) == [0]));
        assert_eq!(leader.patience().as_millis(), u128::from(HEARTBEAT_MS));
    }
}

// Figure 2: "during idle periods": what carries entries tells the follower as well that the leader is there.
#[test]
fn a_follower_that_has_just_been_sent_entries_gets_no_heartbeat() {
    let mut leader = node().steady_leader();
    leader.wait_ms(HEARTBEAT_MS / 2);
    leader.propose(7);
    let effects = leader.deadline();
    assert_eq!(effects.sends(), []);
    assert_eq!(leader.patience().as_millis(), u128::from(HEARTBEAT_MS / 2));
    assert_eq!(leader.deadline().receivers(), [2, 3]);
}

// The same, follower by follower: 2 is not sent the proposal, since nothing is known of its log.
#[test]
fn a_busy_follower_does_not_silence_the_heartbeat_of_another() {
    let mut leader = node().leader();
    leader.receive(3, accepted(1, 1));
    leader.wait_ms(HEARTBEAT_MS / 2);
    assert_eq!(leader.propose(7).receivers(), [3]);
    assert_eq!(leader.deadline().receivers(), [2]);
}

// An unreachable follower costs a heartbeat an interval, not the whole log.
#[test]
fn a_silent_follower_is_sent_heartbeats_only() {
    let mut leader = node().log(vec![1; 20]).leader();
    for command in 0..20 {
        assert_eq!(leader.propose(command).sends_to(2), []);
        leader.persist();
        assert_eq!(leader.deadline().batches_to(2), [0]);
    }
}

// §5.3: acknowledged, durable or not, only what is known to match is skipped for good.
#[test]
fn an_acknowledgement_below_what_was_sent_leaves_the_rest_on_its_way() {
    let mut leader = leader_ten_ahead();
    assert_eq!(leader.receive(2, accepted(3, 5)).sends_to(2), []);
    assert_eq!(leader.progress_of(2), (5, 15));
}
