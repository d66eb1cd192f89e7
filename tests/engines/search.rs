//! Exhaustive search: it visits what there is, each state once, and finds the shortest way to what must not be.

use scenarios::explored;
use scenarios::kvstore_go::KvstoreGo;
use scenarios::raft_core_subject::RaftCore;
use sim::engine::{Bounds, Exploration, Verdict};
use sim::{FailureKind, explore};

use crate::toys::{GAMES, Game, Toy, plan};

fn search(game: Game, nodes: u8, bounds: Bounds) -> Exploration {
    explore::<Toy>(&plan(game, nodes), &bounds).expect("a plan")
}

/// How many events the shortest violation takes.
fn length(found: &Exploration) -> Option<usize> {
    match &found.verdict {
        Verdict::Violated(_, steps) => Some(steps.len()),
        Verdict::Clean { .. } | Verdict::Unknown => None,
    }
}

const WHOLE: Verdict = Verdict::Clean { is_whole: true };

/// Three timers, each fired or not, are the corners of a cube; its edges are the moves, and a tree of the corners has seven.
#[test]
fn three_timers_have_eight_states_and_twelve_moves_seven_of_which_will_do() {
    let found = search(Game::Nothing, 3, Bounds::to_depth(9));
    assert_eq!((found.states, found.moves, &found.verdict), (8, 7, &WHOLE));
    let found = search(Game::Nothing, 3, Bounds { reduction: false, ..Bounds::to_depth(9) });
    assert_eq!((found.states, found.moves, &found.verdict), (8, 12, &WHOLE));
}

/// The token is not sent, on its way to the second or to the third, or there: four states, beside two timers of two.
#[test]
fn a_token_has_sixteen_states() {
    for reduction in [true, false] {
        let found = search(Game::Token, 3, Bounds { reduction, ..Bounds::to_depth(9) });
        assert_eq!((found.states, &found.verdict), (16, &WHOLE));
    }
}

/// Up to two events: none; three; and three pairs of timers, or the token sent and at the second.
#[test]
fn a_depth_is_kept_to() {
    let states = |depth| search(Game::Token, 3, Bounds::to_depth(depth)).states;
    assert_eq!((states(1), states(2)), (1 + 3, 1 + 3 + 3 + 1));
    let found = search(Game::Token, 3, Bounds::to_depth(2));
    assert_eq!((found.depth, found.verdict), (2, Verdict::Clean { is_whole: false }));
}

#[test]
fn the_first_violation_found_is_a_shortest_one() {
    // Two timers, and two names in the wrong order.
    assert_eq!(length(&search(Game::Names, 4, Bounds::to_depth(12))), Some(4));
    assert_eq!(length(&search(Game::Names, 4, Bounds::to_depth(3))), None);
    // Two timers, nine balls, and a shout.
    assert_eq!(length(&search(Game::ShoutAfter, 3, Bounds::to_depth(20))), Some(2 + 9 + 1));
}

#[test]
fn a_violation_comes_with_its_run_in_words() {
    let Verdict::Violated(failure, steps) = search(Game::Names, 3, Bounds::to_depth(9)).verdict else {
        panic!("it is found")
    };
    assert_eq!((failure.kind, failure.event), (FailureKind::Crash, 4));
    assert!(failure.detail.contains("the game is lost"), "{}", failure.detail);
    let words: Vec<String> = steps.iter().map(|record| record.what.to_string()).collect();
    assert_eq!(words, ["deadline", "deadline", "n3 ──▶ n1  2", "n2 ──▶ n1  1"]);
}

#[test]
fn what_needs_a_fault_is_found_only_with_it() {
    assert_eq!(search(Game::Twice, 2, Bounds::to_depth(9)).verdict, WHOLE);
    let twice = Bounds { duplications: 1, ..Bounds::to_depth(9) };
    // A timer, and the letter twice.
    assert_eq!(length(&search(Game::Twice, 2, twice)), Some(3));
    assert_eq!(search(Game::Forgets, 2, Bounds::to_depth(9)).verdict, WHOLE);
    let crash = Bounds { crashes: 1, ..Bounds::to_depth(9) };
    // Two timers, a crash, a start, and the letter.
    assert_eq!(length(&search(Game::Forgets, 2, crash)), Some(5));
}

/// Every toy, with faults and without: the same states, the same verdict, and no longer a way to it.
#[test]
fn leaving_out_orders_that_commute_changes_no_verdict_and_no_state() {
    for game in GAMES {
        for faults in [0, 1] {
            let bounds = Bounds { crashes: faults, duplications: faults, ..Bounds::to_depth(8) };
            let reduced = search(game, 3, bounds);
            let all = search(game, 3, Bounds { reduction: false, ..bounds });
            assert_eq!(length(&reduced), length(&all), "{game:?}");
            assert!(reduced.moves < all.moves, "{game:?}");
            if length(&all).is_none() {
                assert_eq!((reduced.states, &reduced.verdict), (all.states, &all.verdict), "{game:?}");
            }
        }
    }
}

#[test]
fn more_states_than_are_kept_in_mind_leave_no_verdict() {
    let found = search(Game::Names, 4, Bounds { states: 10, ..Bounds::to_depth(3) });
    assert_eq!((found.verdict, found.states, found.depth), (Verdict::Unknown, 10, 1));
}

#[test]
fn clocks_that_drift_are_refused() {
    let mut plan = plan(Game::Token, 3);
    plan.clock_drift_ppm[1] = 10;
    assert_eq!(explore::<Toy>(&plan, &Bounds::to_depth(1)).expect_err("it is refused").field, "clock_drift_ppm");
}

fn raft(bounds: Bounds) -> Exploration {
    explore::<RaftCore>(&explored::plan::<RaftCore>(3, false, false), &bounds).expect("a plan")
}

/// The claim in small: `raft-sim explore --depth 10` is the same, further.
#[test]
fn three_nodes_are_searched_to_where_two_terms_have_leaders() {
    let found = raft(Bounds::to_depth(6));
    assert_eq!(found.verdict, Verdict::Clean { is_whole: false });
    // A timer, a vote and its reply for each term: any node leads first, and any other after it.
    assert_eq!(found.by_elections.get(2), Some(&6));
    let shorter = raft(Bounds::to_depth(5));
    assert_eq!(shorter.by_elections.len(), 2);
    let all = raft(Bounds { reduction: false, ..Bounds::to_depth(6) });
    assert_eq!((all.states, &all.by_elections), (found.states, &found.by_elections));
    assert_eq!(found, raft(Bounds::to_depth(6)));
}

#[test]
fn with_crashes_duplicates_and_commands_a_small_cluster_is_clean() {
    let bounds = Bounds { crashes: 1, duplications: 1, commands: 1, ..Bounds::to_depth(5) };
    let found = raft(bounds);
    assert_eq!(found.verdict, Verdict::Clean { is_whole: false });
    let all = raft(Bounds { reduction: false, ..bounds });
    assert_eq!((all.states, all.verdict), (found.states, found.verdict));
}

/// A lone node commits by itself: a write for each of its term, its first entry and its command, each before or after a crash.
#[test]
fn writes_that_take_time_are_events_and_a_crash_may_lose_them() {
    let plan = explored::plan::<RaftCore>(1, true, false);
    let bounds = Bounds { crashes: 2, commands: 1, terms: Some(2), ..Bounds::to_depth(12) };
    let found = explore::<RaftCore>(&plan, &bounds).expect("a plan");
    assert_eq!(length(&found), None, "{:?}", found.verdict);
    assert!(found.by_elections.get(2).is_some_and(|states| *states > 0), "{found:?}");
    let at_once = explore::<RaftCore>(&explored::plan::<RaftCore>(1, false, false), &bounds).expect("a plan");
    assert!(found.states > 2 * at_once.states, "{} and {}", found.states, at_once.states);
}

/// A deadline, a vote and its answer; a crash and a start; and all of that without the vote's being remembered.
#[test]
fn a_server_whose_votes_no_disk_remembers_has_two_leaders_of_a_term_in_eight_events() {
    let search =
        |bounds: Bounds| explore::<KvstoreGo>(&explored::plan::<KvstoreGo>(3, false, false), &bounds).expect("a plan");
    let found = search(Bounds { crashes: 1, ..Bounds::to_depth(8) });
    assert_eq!(length(&found), Some(8));
    let Verdict::Violated(failure, _) = &found.verdict else { panic!("it is found") };
    assert_eq!(failure.checker, "election_safety", "{}", failure.detail);
    let (some, all) = (search(Bounds::to_depth(5)), search(Bounds { reduction: false, ..Bounds::to_depth(5) }));
    assert_eq!((some.states, &some.verdict), (all.states, &all.verdict));
    assert_eq!(some.verdict, Verdict::Clean { is_whole: false });
}
