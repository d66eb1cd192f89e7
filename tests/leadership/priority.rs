//! [`Config::priority`](raft_core::Config::priority): which of several servers with equally long logs should rather lead.

use raft_core::{Config, LogPosition, Message, NodeId, PreVote, RequestVote, RoleName, Term};

use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{Builder, LoneNode, node};
use tests::by_hand::messages::{Command, at, pre_vote_granted, pre_vote_refused, refusal, vote};

/// A voter with entries of terms 1 and 2, in term 4.
fn voter(priority: u32) -> Builder {
    node().configured(|config| config.priority = priority).log([1, 2]).term(4)
}

/// The requests of a server of this priority, whose log ends at `last`, about term 5.
fn requests(priority: u32, last: LogPosition) -> [Message<Command>; 2] {
    let (term, is_transfer) = (Term(5), false);
    [
        Message::PreVote(PreVote { term, last, priority }),
        Message::RequestVote(RequestVote { term, last, priority, is_transfer }),
    ]
}

/// Whether `voter` grants its vote to a server of this priority whose log ends at `last`, asked either way.
fn grants(voter: &LoneNode, priority: u32, last: LogPosition) -> bool {
    let answers = requests(priority, last).map(|request| {
        let mut voter = voter.clone();
        let mut answers = voter.receive(2, request).sends_to(2);
        answers.extend(voter.persist().sends_to(2));
        answers
    });
    let granted = [[pre_vote_granted(5)], [vote(5)]];
    assert!(answers == granted || answers == [[pre_vote_refused(4)], [refusal(5)]], "{answers:?}");
    answers == granted
}

#[test]
fn a_server_says_its_priority_when_it_asks() {
    let asking = voter(3).configured(|config| config.pre_vote = true);
    let [pre_vote, request_vote] = requests(3, at(2, 2));
    let mut server = asking.follower();
    assert_eq!(server.deadline().sends_to(2), [pre_vote]);
    server.receive(2, pre_vote_granted(5));
    assert_eq!(server.persist().sends_to(2), [request_vote]);
}

#[test]
fn of_equal_logs_the_one_of_lower_priority_is_refused() {
    for priority in [0, 1, 4] {
        assert!(!grants(&voter(5).follower(), priority, at(2, 2)));
    }
}

#[test]
fn of_equal_logs_the_one_of_equal_or_higher_priority_is_granted_the_vote() {
    for priority in [5, 6, u32::MAX] {
        assert!(grants(&voter(5).follower(), priority, at(2, 2)));
    }
}

#[test]
fn without_priorities_nobody_insists() {
    assert!(grants(&voter(0).follower(), 0, at(2, 2)));
}

// Or a server of high priority that lags behind could keep everybody else from leading.
#[test]
fn a_longer_or_later_log_gets_the_vote_whatever_the_priorities() {
    for last in [at(3, 2), at(1, 3), at(2, 3), at(9, 4)] {
        assert!(grants(&voter(u32::MAX).follower(), 0, last), "{last:?}");
    }
}

#[test]
fn a_shorter_or_earlier_log_gets_no_vote_whatever_the_priorities() {
    for last in [at(0, 0), at(1, 2), at(9, 1)] {
        assert!(!grants(&voter(0).follower(), u32::MAX, last), "{last:?}");
    }
}

#[test]
fn a_refusal_for_the_sake_of_priority_leaves_the_vote_free() {
    let mut server = voter(5).follower();
    let [_, request] = requests(0, at(2, 2));
    server.receive(2, request);
    assert_eq!((server.term(), server.raft.voted_for()), (5, None));
    let [_, request] = requests(5, at(2, 2));
    server.receive(3, request);
    assert_eq!(server.persist().sends_to(3), [vote(5)]);
}

// It may be asked because the candidate counts it as a voter already.
#[test]
fn a_server_that_does_not_vote_never_insists() {
    let learner = |config: &mut Config| config.learners = vec![NodeId(4)];
    let outside = |config: &mut Config| config.voters = vec![NodeId(2), NodeId(3)];
    for builder in [voter(5).id(4).configured(learner), voter(5).id(4).configured(outside)] {
        assert!(grants(&builder.follower(), 0, at(2, 2)));
    }
}

#[test]
fn a_transfer_overrides_priority() {
    let mut server = voter(5).follower();
    let (term, last) = (Term(5), at(2, 2));
    server.receive(2, Message::RequestVote(RequestVote { term, last, priority: 0, is_transfer: true }));
    assert_eq!(server.persist().sends_to(2), [vote(5)]);
}

#[test]
fn a_transfer_does_not_override_the_log() {
    let mut server = voter(0).follower();
    let (term, last) = (Term(5), at(1, 1));
    server.receive(2, Message::RequestVote(RequestVote { term, last, priority: 9, is_transfer: true }));
    assert_eq!(server.persist().sends_to(2), []);
    assert_eq!(server.raft.voted_for(), None);
}

/// Servers 1, 2, ... of these priorities.
fn cluster(priorities: &[u32], is_pre_vote: bool) -> Cluster {
    let mut cluster = Cluster::of(priorities.len()).with_defaults();
    for (id, &priority) in (1..).zip(priorities) {
        cluster.configure(id, |config| (config.priority, config.pre_vote) = (priority, is_pre_vote));
    }
    cluster
}

#[test]
fn of_two_candidates_with_equal_logs_the_one_of_higher_priority_is_elected() {
    for is_pre_vote in [true, false] {
        for (first, second) in [(1, 3), (3, 1)] {
            let mut cluster = cluster(&[1, 2, 3], is_pre_vote);
            cluster.deadline(first);
            cluster.deadline(second);
            cluster.settle();
            cluster.run_for_ms(2_000);
            assert!(!cluster.leaders().contains(&1), "{first} asked first");
            assert_eq!(cluster.leaders().len(), 1);
        }
    }
}

#[test]
fn a_server_that_most_outrank_is_not_elected_from_equals() {
    for is_pre_vote in [true, false] {
        for last in 1..=3 {
            let mut priorities = [1; 3];
            priorities[last - 1] = 0;
            let mut cluster = cluster(&priorities, is_pre_vote);
            for _attempt in 0..5 {
                cluster.deadline(last as u64);
                cluster.settle();
                assert_ne!(cluster.role(last as u64), RoleName::Leader);
            }
            cluster.run_for_ms(3_000);
            assert_eq!(cluster.leaders().len(), 1, "and the others get on with it");
        }
    }
}

#[test]
fn a_server_of_the_lowest_priority_leads_where_it_alone_has_the_whole_log() {
    let mut cluster = cluster(&[1, 0, 5], true);
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.persist(1);
    cluster.deliver_from_to(1, 2);
    cluster.persist(2);
    cluster.drop_all();
    cluster.crash(1);
    cluster.run_for_ms(3_000);
    assert_eq!((cluster.leaders(), cluster.applied(3)), (vec![2], [7].as_slice()));
}

#[test]
fn leadership_can_be_handed_to_a_server_of_the_lowest_priority() {
    let mut cluster = cluster(&[5, 0, 5], true);
    cluster.elect(1);
    cluster.transfer_leadership(1, 2);
    cluster.settle();
    assert_eq!(cluster.leaders(), [2]);
    cluster.run_for_ms(3_000);
    assert_eq!(cluster.leaders(), [2], "and it stays there");
}
