//! §5.2: the candidate's side of an election, and elections in a whole cluster.

use raft_core::{LogPosition, Message, NodeId, Payload, RoleName, Term};

use tests::by_hand::cluster::{Cluster, Order};
use tests::by_hand::lone_node::node;
use tests::by_hand::messages::{accepted, append, at, heartbeat, refusal, request_vote, timeout_now, vote};

// §5.2: "To begin an election, a follower increments its current term and transitions to candidate state."
#[test]
fn silence_makes_a_follower_a_candidate_of_the_next_term() {
    let mut server = node().term(4).follower_of(2);
    server.deadline();
    assert_eq!((server.role(), server.term(), server.leader()), (RoleName::Candidate, 5, None));
}

// §5.2: "It then votes for itself"
#[test]
fn a_candidate_votes_for_itself() {
    let server = node().term(5).candidate();
    assert_eq!(server.raft.voted_for(), Some(NodeId(1)));
}

// §5.2: "and issues RequestVote RPCs in parallel to each of the other servers in the cluster."
#[test]
fn a_candidate_asks_every_other_voter_once() {
    let mut server = node().of(5).term(5).candidate_with_unwritten_vote();
    let expected: Vec<_> = (2..=5).map(|voter| (voter, request_vote(5, LogPosition::ORIGIN))).collect();
    assert_eq!(server.persist().sends(), expected);
}

// §5.4.1, Figure 2: lastLogIndex and lastLogTerm
#[test]
fn a_vote_request_says_where_the_log_ends() {
    let mut server = node().log([1, 2, 2]).term(5).candidate_with_unwritten_vote();
    assert_eq!(server.persist().sends_to(2), [request_vote(5, at(3, 2))]);
}

// §5.2: "each candidate will time out and start a new election by incrementing its term"
#[test]
fn an_undecided_candidate_campaigns_again_in_the_next_term() {
    let mut server = node().term(5).candidate();
    server.deadline();
    assert_eq!((server.role(), server.term()), (RoleName::Candidate, 6));
    assert_eq!(server.persist().sends_to(2), [request_vote(6, at(0, 0))]);
}

// §5.2: "A candidate wins an election if it receives votes from a majority of the servers in the full cluster"
#[test]
fn a_majority_of_votes_decides_an_election() {
    // Voters, votes of others, refusals: does the candidate lead?
    let cases = [
        (1, 0, 0, true),
        (2, 0, 0, false),
        (2, 0, 1, false),
        (2, 1, 0, true),
        (3, 0, 2, false),
        (3, 1, 0, true),
        (3, 1, 1, true),
        (4, 1, 0, false),
        (4, 1, 2, false),
        (4, 2, 0, true),
        (4, 2, 1, true),
        (5, 1, 0, false),
        (5, 1, 3, false),
        (5, 2, 2, true),
        (6, 2, 3, false),
        (6, 3, 2, true),
        (7, 2, 4, false),
        (7, 3, 0, true),
        (7, 3, 3, true),
    ];
    for (voters, granted, refused, is_won) in cases {
        let mut server = node().of(voters).candidate();
        // The refusals first: a lost majority of them must not keep later votes from counting.
        (0..refused).for_each(|place| drop(server.receive(voters - place, refusal(1))));
        (0..granted).for_each(|place| drop(server.receive(2 + place, vote(1))));
        let expected = if is_won { RoleName::Leader } else { RoleName::Candidate };
        assert_eq!(server.role(), expected, "{granted} for and {refused} against of {voters}");
    }
}

// §5.2: a majority of the servers, not of the replies.
#[test]
fn a_vote_that_arrives_twice_counts_once() {
    let mut server = node().of(5).candidate();
    for _copy in 0..3 {
        server.receive(2, vote(1));
    }
    assert_eq!(server.role(), RoleName::Candidate);
}

// §5.2: "from a majority of the servers ... for the same term"
#[test]
fn a_vote_of_an_earlier_term_does_not_count() {
    let mut server = node().term(5).candidate();
    server.deadline();
    server.persist();
    server.receive(2, vote(5));
    server.receive(3, vote(5));
    assert_eq!((server.role(), server.term()), (RoleName::Candidate, 6));
}

// §5.2: votes for the last campaign are not carried into the next.
#[test]
fn each_campaign_counts_from_zero() {
    let mut server = node().of(5).term(5).candidate();
    server.receive(2, vote(5));
    server.deadline();
    server.persist();
    server.receive(3, vote(6));
    assert_eq!(server.role(), RoleName::Candidate);
}

// §5.2: "it sends heartbeat messages to all of the other servers to establish its authority"
#[test]
fn a_new_leader_speaks_to_every_follower_at_once() {
    let mut server = node().of(5).term(2).log([1]).candidate();
    server.receive(2, vote(2));
    let effects = server.receive(3, vote(2));
    assert_eq!(effects.receivers(), [2, 3, 4, 5]);
    assert_eq!(effects.appends_to(4)[0].prev, at(1, 1));
}

// §8: "each leader commit a blank no-op entry into the log at the start of its term"
#[test]
fn a_new_leader_starts_its_term_with_an_entry_without_command() {
    let server = node().term(2).log([1]).new_leader();
    assert_eq!(server.log(), [1, 2]);
    let entry = server.raft.log().entry(raft_core::LogIndex(2)).expect("it is there");
    assert_eq!(entry.payload, Payload::Noop);
}

// §5.2: a vote that arrives after the victory changes nothing.
#[test]
fn a_late_vote_leaves_a_leader_as_it_is() {
    let mut server = node().term(2).leader();
    let before = server.portrait();
    assert_eq!(server.receive(3, vote(2)).0, []);
    assert_eq!(server.receive(3, refusal(2)).0, []);
    assert_eq!(server.portrait(), before);
}

// §5.2: a vote reply of a term in which this server has turned to somebody else.
#[test]
fn a_late_vote_after_a_lost_election_is_ignored() {
    let mut server = node().term(2).candidate();
    server.receive(3, append(2, at(0, 0), [2], 0));
    server.persist();
    let before = server.portrait();
    assert_eq!(server.receive(2, vote(2)).0, []);
    assert_eq!(server.receive(3, vote(2)).0, []);
    assert_eq!(server.portrait(), before);
}

// §5.2: a candidate's own vote may become durable after it has lost: it then asks nobody.
#[test]
fn a_candidates_own_vote_after_a_lost_election_is_ignored() {
    let mut server = node().term(2).candidate_with_unwritten_vote();
    server.receive(3, heartbeat(2, at(0, 0), 0));
    let effects = server.persist();
    assert!(!effects.sends().iter().any(|(_, message)| matches!(message, Message::RequestVote(_))));
    assert_eq!((server.role(), server.leader()), (RoleName::Follower, Some(3)));
}

// §5.2: "If the leader's term is at least as large as the candidate's current term, then the candidate recognizes
// the leader as legitimate and returns to follower state."
#[test]
fn a_candidate_follows_the_leader_of_its_own_or_a_later_term() {
    for term in [2, 3] {
        for message in [heartbeat(term, at(0, 0), 0), append(term, at(0, 0), [term], 0)] {
            let mut server = node().term(2).candidate();
            server.receive(3, message);
            assert_eq!((server.role(), server.term(), server.leader()), (RoleName::Follower, term, Some(3)));
        }
    }
}

// §5.2: "If the term in the RPC is smaller ..., then the candidate rejects the RPC and continues in candidate state."
#[test]
fn a_candidate_goes_on_after_an_append_of_an_old_term() {
    let mut server = node().term(2).candidate();
    server.receive(3, heartbeat(1, at(0, 0), 0));
    assert_eq!((server.role(), server.term()), (RoleName::Candidate, 2));
}

// §5.2: a candidate of a lost election keeps its vote: it may not support its rival in the same term.
#[test]
fn a_candidate_that_fell_back_votes_for_nobody_else_in_its_term() {
    let mut server = node().term(2).candidate();
    server.receive(3, heartbeat(2, at(0, 0), 0));
    assert_eq!(server.receive(2, request_vote(2, at(9, 1))).sends(), [(2, refusal(2))]);
}

// §5.2, at the core's own limit: there is no next term.
#[test]
fn nobody_campaigns_beyond_the_last_term() {
    let mut server = node().term(Term::LIMIT.0).follower();
    for _timeout in 0..3 {
        assert_eq!(server.deadline().sends(), []);
        assert_eq!((server.role(), server.term()), (RoleName::Follower, Term::LIMIT.0));
    }
}

// Figure 4: a candidate that discovers a later term in a reply gives up.
#[test]
fn a_refusal_from_a_later_term_ends_the_campaign() {
    let mut server = node().term(2).candidate();
    server.receive(2, refusal(7));
    assert_eq!((server.role(), server.term()), (RoleName::Follower, 7));
}

// §5.2, a whole election in clusters of every size
#[test]
fn a_cluster_of_any_size_elects_the_server_that_asks() {
    for size in 1..=7 {
        let mut cluster = Cluster::of(size);
        cluster.deadline(1);
        cluster.settle();
        assert_eq!(cluster.role(1), RoleName::Leader, "{size} servers");
        assert!(cluster.ids().iter().all(|&id| cluster.raft(id).leader() == Some(NodeId(1))), "{size} servers");
    }
}

// §5.2: "if many followers become candidates at the same time, votes could be split"
#[test]
fn a_split_vote_elects_nobody_and_the_next_campaign_does() {
    let mut cluster = Cluster::of(4);
    cluster.deadline(1);
    cluster.deadline(2);
    cluster.persist(1);
    cluster.persist(2);
    // 1 gets the vote of 3, and 2 that of 4.
    cluster.deliver_from_to(1, 3);
    cluster.deliver_from_to(2, 4);
    cluster.settle();
    assert!(cluster.ids().iter().all(|&id| cluster.role(id) != RoleName::Leader));
    cluster.deadline(2);
    cluster.settle();
    assert_eq!((cluster.role(2), cluster.term(2)), (RoleName::Leader, 2));
    assert_eq!(cluster.role(1), RoleName::Follower);
}

// §5.2: of two candidates that cannot hear each other, the one with a majority wins and the other falls in line.
#[test]
fn duelling_candidates_end_with_one_leader() {
    let mut cluster = Cluster::of(3);
    cluster.partition(&[&[1, 2], &[2, 3]]);
    cluster.deadline(1);
    cluster.deadline(3);
    cluster.settle();
    assert_eq!((cluster.role(1), cluster.role(3)), (RoleName::Leader, RoleName::Candidate));
    // The loser's next term deposes the winner, but its log is too short to win.
    cluster.heal();
    cluster.deadline(3);
    cluster.settle();
    assert_eq!((cluster.role(1), cluster.role(3)), (RoleName::Follower, RoleName::Candidate));
    cluster.elect(1);
    assert!([2, 3].iter().all(|&id| cluster.raft(id).leader() == Some(NodeId(1))));
}

// §5.2: "at most one candidate can win the election for a particular term", whoever else keeps its old role.
#[test]
fn a_deposed_leader_steps_down_once_it_hears_of_its_successor() {
    let mut cluster = Cluster::of(5);
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3, 4, 5]]);
    cluster.elect(3);
    assert_eq!(cluster.role(1), RoleName::Leader, "it cannot know");
    assert!(cluster.term(3) > cluster.term(1));
    cluster.heal();
    cluster.beat(3);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleName::Follower, cluster.term(3)));
}

// §5.2
#[test]
fn a_minority_elects_nobody() {
    let mut cluster = Cluster::of(4);
    cluster.partition(&[&[1, 2], &[3, 4]]);
    for _attempt in 0..5 {
        cluster.deadline(1);
        cluster.settle();
        assert_eq!(cluster.role(1), RoleName::Candidate);
    }
}

// §5.2: messages that arrive late, twice and in the wrong order elect nobody a second time.
#[test]
fn an_election_survives_reordered_and_duplicated_messages() {
    let mut cluster = Cluster::of(5);
    for candidate in [1, 2, 3] {
        cluster.deadline(candidate);
    }
    cluster.settle_in(Order::NewestFirst, 2);
    let leaders: Vec<_> = cluster.ids().into_iter().filter(|&id| cluster.role(id) == RoleName::Leader).collect();
    assert!(leaders.len() <= 1, "all are in term 1, yet {leaders:?} lead");
}

// §5.4.1: "The voter denies its vote if its own log is more up-to-date than that of the candidate."
#[test]
fn a_server_without_all_committed_entries_cannot_win() {
    let mut cluster = Cluster::with_logs(&[&[1, 1], &[1, 1], &[1]]);
    for _attempt in 0..5 {
        cluster.deadline(3);
        cluster.settle();
        assert_ne!(cluster.role(3), RoleName::Leader);
    }
    cluster.elect(2);
    assert_eq!(cluster.log(3), cluster.log(2));
}

// §5.4.1: the request of a campaign is the same for all, and says what the log is now.
#[test]
fn a_new_campaign_says_where_the_log_ends_by_then() {
    let mut server = node().log([1]).follower_of(2);
    server.receive(2, append(1, at(1, 1), [1, 1], 0));
    server.deadline();
    let asked = server.persist().sends_to(3);
    assert_eq!(asked.last(), Some(&request_vote(2, at(3, 1))));
}

// §5.2: the followers' acknowledgements of the last term's appends are no votes and no matches in this one.
#[test]
fn an_acknowledgement_of_an_earlier_leadership_is_ignored() {
    let mut server = node().term(2).steady_leader();
    server.propose(7);
    server.receive(3, refusal(3));
    server.persist();
    server.deadline();
    server.persist();
    server.receive(3, vote(4));
    assert_eq!(server.role(), RoleName::Leader);
    server.receive(2, accepted(2, 2));
    assert_eq!(server.progress_of(2).0, 0);
}

// A candidate writes for other reasons too.
#[test]
fn a_candidate_asks_for_each_vote_once() {
    let mut server = node().log([1, 1]).follower_of(2);
    server.receive(2, heartbeat(1, at(2, 1), 2));
    server.deadline();
    assert_eq!(server.persist().receivers(), [2, 3]);
    server.snapshot_taken(2, 8);
    assert_eq!(server.persist().sends(), []);
}

#[test]
fn a_server_in_the_last_term_is_not_talked_into_a_later_one() {
    let mut server = node().term(Term::LIMIT.0).follower_of(2);
    server.receive(2, timeout_now(Term::LIMIT.0));
    assert_eq!((server.role(), server.term()), (RoleName::Follower, Term::LIMIT.0));
}
