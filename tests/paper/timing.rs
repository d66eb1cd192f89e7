//! §5.2: deadlines. Who waits for what, what moves a deadline, and how timeouts are spread.

use std::time::Duration;

use raft_core::{Input, RoleName, Time};

use tests::by_hand::lone_node::{HEARTBEAT_MS, LoneNode, node};
use tests::by_hand::messages::{append, at, heartbeat, refusal, request_vote, vote};

const SHORTEST: Duration = Duration::from_millis(150);
const LONGEST: Duration = Duration::from_millis(300);

/// Whether `server` still waits for a whole election timeout after 100 ms and `event`.
fn is_postponed_by(mut server: LoneNode, event: impl FnOnce(&mut LoneNode)) -> bool {
    let deadline = server.raft.next_deadline();
    server.wait_ms(100);
    event(&mut server);
    let is_moved = server.raft.next_deadline() != deadline;
    if is_moved {
        assert!(server.patience() >= SHORTEST, "half a postponement");
    }
    is_moved
}

// §5.2: "A server remains in follower state as long as it receives valid RPCs from a leader or candidate."
#[test]
fn a_heartbeat_postpones_the_election() {
    let follower = node().term(2).follower_of(2);
    assert!(is_postponed_by(follower, |server| {
        server.receive(2, heartbeat(2, at(0, 0), 0));
    }));
}

// §5.2
#[test]
fn the_first_append_of_a_new_leader_postpones_the_election() {
    assert!(is_postponed_by(node().term(2).follower_of(2), |server| {
        server.receive(3, append(3, at(0, 0), [3], 0));
    }));
}

// §5.2: the leader is alive, even where the logs do not meet yet.
#[test]
fn an_append_that_does_not_match_postpones_the_election() {
    assert!(is_postponed_by(node().term(2).follower_of(2), |server| {
        server.receive(2, append(2, at(7, 2), [2], 0));
    }));
}

// Figure 2, followers: "without ... granting vote to candidate"
#[test]
fn a_granted_vote_postpones_the_election() {
    assert!(is_postponed_by(node().term(2).follower(), |server| {
        server.receive(2, request_vote(3, at(0, 0)));
    }));
}

// §5.2: a candidate that cannot win must not keep the others from trying.
#[test]
fn a_refused_vote_does_not_postpone_the_election() {
    assert!(!is_postponed_by(node().log([1, 1]).follower(), |server| {
        server.receive(2, request_vote(3, at(1, 1)));
    }));
}

// §5.1: a deposed leader is nobody.
#[test]
fn an_append_of_an_old_term_does_not_postpone_the_election() {
    assert!(!is_postponed_by(node().term(2).follower(), |server| {
        server.receive(2, heartbeat(1, at(0, 0), 0));
    }));
}

// §5.2
#[test]
fn a_vote_reply_does_not_postpone_the_next_campaign() {
    assert!(!is_postponed_by(node().of(5).candidate(), |server| {
        server.receive(2, refusal(1));
        server.receive(3, vote(1));
    }));
}

// §5.2: "If a follower receives no communication over a period of time called the election timeout"
#[test]
fn a_deadline_reported_early_changes_nothing() {
    for mut server in [node().follower(), node().candidate(), node().steady_leader()] {
        server.wait_ms(1);
        assert_eq!(server.step(Input::DeadlineReached).0, []);
    }
}

// §5.2: a deposed leader waits a whole election timeout, not what is left of its heartbeat.
#[test]
fn a_deposed_leader_waits_for_an_election_timeout() {
    let mut server = node().steady_leader();
    server.receive(2, refusal(9));
    assert_eq!(server.role(), RoleName::Follower);
    assert!(server.patience() >= SHORTEST);
}

// §5.2: "chosen randomly from a fixed interval (e.g., 150-300ms)"
#[test]
fn first_timeouts_spread_over_the_whole_range() {
    assert_spread((0..2000).map(|seed| node().seed(seed).follower().patience()));
}

// §5.2: "Each candidate restarts its randomized election timeout at the start of an election"
#[test]
fn each_campaign_draws_a_new_timeout_from_the_whole_range() {
    let mut server = node().candidate();
    assert_spread((0..2000).map(|_| {
        server.deadline();
        server.patience()
    }));
}

/// 2000 draws: each tenth of the range gets its share, give or take seven standard deviations.
fn assert_spread(timeouts: impl Iterator<Item = Duration>) {
    let tenth = (LONGEST - SHORTEST) / 10;
    let mut counts = [0; 10];
    for timeout in timeouts {
        assert!((SHORTEST..LONGEST).contains(&timeout), "{timeout:?}");
        counts[((timeout - SHORTEST).as_nanos() / tenth.as_nanos()) as usize] += 1;
    }
    assert!(counts.iter().all(|count| (100..=300).contains(count)), "{counts:?}");
}

// §5.2: "it waits for the election timeout to elapse before starting the next election", a new one for each campaign
#[test]
fn two_campaigns_in_a_row_hardly_ever_wait_equally_long() {
    let mut server = node().candidate();
    let timeouts: Vec<_> = std::iter::repeat_with(|| (server.deadline(), server.patience()).1).take(100).collect();
    assert!(timeouts.windows(2).all(|pair| pair[0] != pair[1]));
}

// §5.2: of several servers that lose their leader, in most cases one times out well before the others.
#[test]
fn five_servers_rarely_time_out_together() {
    let is_close = |round: u64| {
        let mut timeouts: Vec<_> = (0..5).map(|id| node().seed(round * 5 + id).follower().patience()).collect();
        timeouts.sort_unstable();
        timeouts[1] - timeouts[0] < Duration::from_millis(5)
    };
    // 5 ms apart of 150 with five servers: 16 percent in theory.
    let close = (0..1000).filter(|&round| is_close(round)).count();
    assert!((80..=240).contains(&close), "{close} of 1000");
}

// §5.2: a leader "sends heartbeat messages ... to prevent new elections": well before any follower's timeout.
#[test]
fn a_leader_waits_for_a_heartbeat_interval() {
    assert_eq!(node().new_leader().patience(), Duration::from_millis(HEARTBEAT_MS));
}

// A leader without followers has nobody to reassure.
#[test]
fn a_leader_alone_waits_for_nothing() {
    assert_eq!(node().of(1).steady_leader().raft.next_deadline(), None);
}

// The driver's clock is monotonic; a glitch in it must not bring deadlines forward or back.
#[test]
fn time_that_goes_backwards_counts_as_standing_still() {
    let mut server = node().term(2).follower_of(2);
    server.wait_ms(100);
    server.receive(2, heartbeat(2, at(0, 0), 0));
    let deadline = server.raft.next_deadline();
    server.now = Time(0);
    server.receive(2, heartbeat(2, at(0, 0), 0));
    assert_eq!(server.raft.next_deadline(), deadline);
}
