//! Dissertation §9.6: a server asks around before it begins a term, so that one that would not be elected disturbs
//! nobody.

use raft_core::{Config, MemberChange, NodeId, RoleName, Time};

use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{Builder, LoneNode, node, voters};
use tests::by_hand::messages::{
    append, at, heartbeat, pre_vote, pre_vote_granted, pre_vote_refused, refusal, request_vote, stale, timeout_now,
    vote,
};

/// Node 1 of three voters, which asks for pre-votes and does not check the quorum.
fn polite() -> Builder {
    node().configured(|config| config.pre_vote = true)
}

/// A server in term 3 in each of the four roles, with an entry of term 1 and with or without pre-votes.
fn every_role_in_term_3() -> Vec<LoneNode> {
    let of = |builder: fn() -> Builder| {
        let server = || builder().log([1]);
        [server().term(3).follower_of(2), server().term(3).candidate(), server().term(3).leader()]
    };
    let mut servers: Vec<_> = [of(node), of(polite)].into_iter().flatten().collect();
    servers.push(polite().log([1]).term(3).pre_candidate());
    servers
}

#[test]
fn pre_votes_and_the_check_of_the_quorum_are_on_unless_switched_off() {
    let config = Config::new(NodeId(1), voters(3));
    assert!(config.pre_vote && config.check_quorum);
}

#[test]
fn without_pre_votes_silence_starts_a_campaign() {
    let mut server = node().with_defaults().configured(|config| config.pre_vote = false).term(4).follower();
    server.deadline();
    assert_eq!((server.role(), server.term()), (RoleName::Candidate, 5));
}

#[test]
fn silence_makes_a_follower_ask_around_in_the_term_it_is_in() {
    let mut server = polite().term(4).follower_of(2);
    let announced = server.deadline().roles();
    assert_eq!(announced, [(4, RoleName::PreCandidate, None)]);
    assert_eq!((server.role(), server.term(), server.leader()), (RoleName::PreCandidate, 4, None));
}

#[test]
fn every_other_voter_is_asked_once_about_the_next_term() {
    let mut server = polite().of(5).log([1, 2]).term(4).follower();
    let expected: Vec<_> = (2..=5).map(|voter| (voter, pre_vote(5, at(2, 2)))).collect();
    assert_eq!(server.deadline().sends(), expected);
}

#[test]
fn asking_changes_neither_term_nor_vote_and_writes_nothing() {
    let mut server = polite().term(4).voted_for(3).follower();
    for _timeout in 0..3 {
        assert_eq!(server.deadline().writes().len(), 0);
        assert_eq!((server.term(), server.raft.voted_for()), (4, Some(NodeId(3))));
    }
}

#[test]
fn answering_leaves_a_voter_as_it_is() {
    for mut voter in every_role_in_term_3() {
        voter.persist();
        let before = voter.portrait();
        // The first is granted, the others are refused.
        for request in [pre_vote(9, at(9, 8)), pre_vote(9, at(0, 0)), pre_vote(3, at(9, 2)), pre_vote(1, at(0, 0))] {
            assert_eq!(voter.receive(3, request).0.len(), 1, "an answer and nothing else");
            assert_eq!(voter.portrait(), before);
        }
    }
}

#[test]
fn a_granted_pre_vote_names_the_term_asked_about() {
    for asked in [3, 4, 9] {
        let mut voter = polite().log([1]).term(2).follower();
        assert_eq!(voter.receive(3, pre_vote(asked, at(1, 1))).sends(), [(3, pre_vote_granted(asked))]);
    }
}

#[test]
fn a_refused_pre_vote_names_the_voters_own_term() {
    // Too short a log; a term that has begun; one that is over.
    for request in [pre_vote(9, at(0, 0)), pre_vote(5, at(1, 1)), pre_vote(2, at(1, 1))] {
        let mut voter = polite().log([1]).term(5).follower();
        assert_eq!(voter.receive(3, request).sends(), [(3, pre_vote_refused(5))]);
    }
}

// A message of term 0 would be refused.
#[test]
fn a_voter_that_is_in_no_term_yet_refuses_in_silence() {
    let mut voter = polite().configured(|config| config.priority = 1).follower();
    assert_eq!(voter.receive(3, pre_vote(1, at(0, 0))).0, []);
}

#[test]
fn the_up_to_date_rule_decides_a_pre_vote() {
    let cases: [(&[u64], (u64, u64), bool); 8] = [
        (&[], (0, 0), true),
        (&[1], (0, 0), false),
        (&[1], (1, 1), true),
        (&[1, 1], (1, 1), false),
        (&[1, 1, 1], (1, 2), true),
        (&[1, 2], (9, 1), false),
        (&[1, 2, 2, 3], (3, 3), false),
        (&[1, 1, 3], (3, 3), true),
    ];
    for (log, (index, term), is_granted) in cases {
        let mut voter = polite().term(5).log(log).follower();
        let expected = if is_granted { pre_vote_granted(6) } else { pre_vote_refused(5) };
        assert_eq!(voter.receive(2, pre_vote(6, at(index, term))).sends(), [(2, expected)], "{log:?} {index}/{term}");
    }
}

#[test]
fn a_pre_vote_binds_nobody() {
    let mut voter = polite().term(4).follower();
    for asking in [2, 3] {
        assert_eq!(voter.receive(asking, pre_vote(5, at(0, 0))).sends(), [(asking, pre_vote_granted(5))]);
    }
    voter.receive(3, request_vote(5, at(0, 0)));
    assert_eq!(voter.persist().sends(), [(3, vote(5))]);
}

#[test]
fn a_vote_given_in_this_term_does_not_stand_in_the_way_of_a_pre_vote_for_the_next() {
    let mut voter = polite().term(4).voted_for(2).follower();
    assert_eq!(voter.receive(3, pre_vote(5, at(0, 0))).sends(), [(3, pre_vote_granted(5))]);
}

// Whoever is asked about a term that has begun has it in its own hands to begin the next.
#[test]
fn a_free_vote_in_the_term_asked_about_earns_no_pre_vote() {
    let mut voter = polite().term(5).follower();
    assert_eq!(voter.raft.voted_for(), None);
    assert_eq!(voter.receive(3, pre_vote(5, at(0, 0))).sends(), [(3, pre_vote_refused(5))]);
}

#[test]
fn a_refusal_teaches_a_server_that_is_behind_the_later_term() {
    let mut server = polite().term(2).pre_candidate();
    server.receive(3, pre_vote_refused(7));
    assert_eq!((server.role(), server.term()), (RoleName::Follower, 7));
    server.persist();
    assert_eq!(server.deadline().sends_to(2), [pre_vote(8, at(0, 0))]);
}

#[test]
fn a_grant_teaches_no_term() {
    for server in [polite().term(2).pre_candidate(), polite().term(2).follower(), polite().term(2).leader()] {
        let mut server = server;
        let before = server.portrait();
        server.receive(3, pre_vote_granted(7));
        assert_eq!(server.portrait(), before);
    }
}

#[test]
fn a_request_teaches_no_term() {
    let mut voter = polite().term(2).follower();
    voter.receive(3, pre_vote(9, at(0, 0)));
    assert_eq!(voter.term(), 2);
}

#[test]
fn a_majority_of_pre_votes_starts_the_campaign() {
    for voters in 2..=7 {
        for granted in 0..voters {
            let mut server = polite().of(voters).term(4).pre_candidate();
            for voter in 2..2 + granted {
                server.receive(voter, pre_vote_granted(5));
            }
            let is_enough = 2 * (granted + 1) > voters;
            let expected = if is_enough { (RoleName::Candidate, 5) } else { (RoleName::PreCandidate, 4) };
            assert_eq!((server.role(), server.term()), expected, "{granted} others of {voters}");
        }
    }
}

#[test]
fn the_campaign_itself_is_as_without_pre_votes() {
    let mut server = polite().log([1]).term(4).pre_candidate();
    let effects = server.receive(2, pre_vote_granted(5));
    assert_eq!(effects.sends(), [], "its own vote is not durable");
    assert_eq!(effects.writes().len(), 1);
    assert_eq!(server.persist().sends_to(3), [request_vote(5, at(1, 1))]);
    server.receive(3, vote(5));
    assert_eq!(server.role(), RoleName::Leader);
}

#[test]
fn a_pre_vote_is_no_vote() {
    let mut server = polite().of(5).term(4).pre_candidate();
    server.receive(2, pre_vote_granted(5));
    server.receive(3, pre_vote_granted(5));
    server.persist();
    server.receive(4, vote(5));
    assert_eq!(server.role(), RoleName::Candidate, "two of five");
}

#[test]
fn a_server_that_is_refused_asks_again_after_a_timeout_about_the_same_term() {
    let mut server = polite().term(4).pre_candidate();
    server.receive(2, pre_vote_refused(4));
    server.receive(3, pre_vote_refused(4));
    assert_eq!((server.role(), server.term()), (RoleName::PreCandidate, 4));
    assert_eq!(server.deadline().sends_to(2), [pre_vote(5, at(0, 0))]);
}

#[test]
fn each_time_of_asking_counts_from_zero() {
    let mut server = polite().of(5).pre_candidate();
    server.receive(2, pre_vote_granted(1));
    server.deadline();
    server.receive(3, pre_vote_granted(1));
    assert_eq!(server.role(), RoleName::PreCandidate);
}

#[test]
fn a_pre_vote_that_arrives_twice_counts_once() {
    let mut server = polite().of(5).pre_candidate();
    for _copy in 0..3 {
        server.receive(2, pre_vote_granted(1));
    }
    assert_eq!(server.role(), RoleName::PreCandidate);
}

#[test]
fn a_pre_vote_for_an_earlier_term_does_not_count() {
    let mut server = polite().term(4).pre_candidate();
    server.receive(2, pre_vote_granted(4));
    assert_eq!(server.role(), RoleName::PreCandidate);
}

#[test]
fn pre_votes_that_come_too_late_change_nothing() {
    let mut server = polite().term(4).pre_candidate();
    server.receive(3, heartbeat(4, at(0, 0), 0));
    for mut server in [server, polite().term(5).candidate(), polite().term(5).leader()] {
        let before = server.portrait();
        for reply in [pre_vote_granted(5), pre_vote_refused(4)] {
            assert_eq!(server.receive(2, reply).0, []);
            assert_eq!(server.portrait(), before);
        }
    }
}

#[test]
fn a_pre_candidate_follows_the_leader_of_its_own_or_a_later_term() {
    for term in [4, 5] {
        for message in [heartbeat(term, at(0, 0), 0), append(term, at(0, 0), [term], 0)] {
            let mut server = polite().term(4).pre_candidate();
            server.receive(3, message);
            assert_eq!((server.role(), server.term(), server.leader()), (RoleName::Follower, term, Some(3)));
        }
    }
}

#[test]
fn a_pre_candidate_goes_on_after_an_append_of_an_old_term() {
    let mut server = polite().term(4).pre_candidate();
    assert_eq!(server.receive(3, heartbeat(3, at(0, 0), 0)).sends(), [(3, stale(4))]);
    assert_eq!(server.role(), RoleName::PreCandidate);
}

#[test]
fn a_pre_candidate_that_votes_for_another_stops_asking() {
    let mut server = polite().term(4).pre_candidate();
    server.receive(2, request_vote(4, at(0, 0)));
    assert_eq!(server.persist().sends(), [(2, vote(4))]);
    server.receive(3, pre_vote_granted(5));
    assert_eq!((server.role(), server.term()), (RoleName::Follower, 4));
}

#[test]
fn a_pre_candidate_that_refuses_its_vote_goes_on_asking() {
    let mut server = polite().log([1]).term(4).pre_candidate();
    assert_eq!(server.receive(2, request_vote(4, at(0, 0))).sends(), [(2, refusal(4))]);
    assert_eq!(server.role(), RoleName::PreCandidate);
}

#[test]
fn a_pre_candidate_helps_another_on() {
    let mut server = polite().term(4).pre_candidate();
    assert_eq!(server.receive(2, pre_vote(5, at(0, 0))).sends(), [(2, pre_vote_granted(5))]);
}

#[test]
fn every_role_grants_a_vote_in_a_later_term() {
    for mut server in every_role_in_term_3() {
        let role = server.role();
        server.receive(3, request_vote(4, at(9, 3)));
        assert_eq!(server.persist().sends_to(3), [vote(4)], "{role:?}");
        assert_eq!((server.role(), server.term()), (RoleName::Follower, 4), "{role:?}");
    }
}

#[test]
fn every_role_takes_up_the_term_of_a_vote_that_it_refuses() {
    for mut server in every_role_in_term_3() {
        let role = server.role();
        assert_eq!(server.receive(3, request_vote(4, at(0, 0))).sends_to(3), [refusal(4)], "{role:?}");
        assert_eq!((server.role(), server.term()), (RoleName::Follower, 4), "{role:?}");
    }
}

#[test]
fn a_late_vote_of_the_own_disk_opens_no_polls_once_the_server_asks_for_pre_votes_again() {
    let mut server = polite().term(4).candidate_with_unwritten_vote();
    server.deadline();
    assert_eq!((server.role(), server.term()), (RoleName::PreCandidate, 4));
    assert_eq!(server.persist().sends(), []);
    server.receive(2, vote(4));
    server.receive(3, vote(4));
    assert_eq!(server.role(), RoleName::PreCandidate);
}

#[test]
fn an_undecided_candidate_asks_for_pre_votes_before_it_begins_another_term() {
    let mut server = polite().term(4).candidate();
    assert_eq!(server.deadline().sends_to(2), [pre_vote(5, at(0, 0))]);
    assert_eq!((server.role(), server.term()), (RoleName::PreCandidate, 4));
}

#[test]
fn a_single_voter_skips_the_pre_vote() {
    let learner = |config: &mut Config| config.learners = vec![NodeId(4)];
    for alone in [polite().of(1), polite().of(1).configured(learner)] {
        let mut server = alone.follower();
        assert_eq!(server.deadline().roles(), [(1, RoleName::Candidate, None)]);
        server.persist();
        assert_eq!(server.role(), RoleName::Leader);
    }
}

/// Says nothing and begins no term, though it is asked to take over and however long it waits.
fn never_campaigns(mut server: LoneNode) -> bool {
    let term = server.term().max(1);
    let mut sent = server.receive(2, timeout_now(term)).sends();
    sent.extend(server.persist().sends());
    for _timeout in 0..3 {
        if server.raft.next_deadline().is_some() {
            sent.extend(server.deadline().sends());
            sent.extend(server.persist().sends());
        }
    }
    sent.is_empty() && (server.role(), server.term()) == (RoleName::Follower, term)
}

#[test]
fn a_server_that_does_not_vote_never_campaigns() {
    for builder in [node(), polite()] {
        let learner = builder.clone().id(4).configured(|config| config.learners = vec![NodeId(4)]);
        let not_added_yet = builder.id(4).configured(|config| config.voters = Vec::new());
        assert!(never_campaigns(learner.term(3).follower()), "a learner");
        assert!(never_campaigns(not_added_yet.follower()), "a server that waits to be added");
    }
    assert!(!never_campaigns(polite().term(3).follower()), "a voter does");
}

#[test]
fn a_server_that_was_removed_or_demoted_never_campaigns() {
    for change in [MemberChange::Remove(NodeId(3)), MemberChange::AddLearner(NodeId(3))] {
        let mut cluster = Cluster::of(3);
        cluster.elect(1);
        cluster.change_membership(1, 7, &[change]);
        cluster.settle();
        cluster.run_for_ms(1_000);
        cluster.partition(&[&[1, 2], &[3]]);
        cluster.run_for_ms(3_000);
        assert_eq!((cluster.role(3), cluster.term(3)), (RoleName::Follower, cluster.term(1)), "{change:?}");
        assert_eq!(cluster.raft(3).next_deadline(), None);
    }
}

#[test]
fn the_longest_log_and_the_highest_term_do_not_block_each_other() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3]]);
    cluster.run_for_ms(2_000);
    cluster.propose(1, 7);
    cluster.settle();
    // 1 has the longest log, 3 the highest term; 2 is gone.
    cluster.crash(2);
    cluster.configure(1, |config| config.pre_vote = true);
    cluster.configure(3, |config| config.pre_vote = true);
    assert!(cluster.term(3) > cluster.term(1) && cluster.log(1).len() > cluster.log(3).len());
    cluster.heal();
    cluster.run_for_ms(2_000);
    assert_eq!(cluster.leaders(), [1]);
    assert_eq!(cluster.log(3), cluster.log(1));
}

/// Server 3 is away for long while 1 leads, and comes back right when it asks or campaigns again.
fn comes_back(mut cluster: Cluster, is_log_as_long: bool) -> Cluster {
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3]]);
    if !is_log_as_long {
        cluster.propose(1, 7);
        cluster.settle();
    }
    cluster.run_for_ms(3_000);
    let is_close = |cluster: &Cluster| cluster.raft(3).next_deadline() <= Some(Time(cluster.now().0 + 1_000_000));
    while !is_close(&cluster) {
        cluster.run_for_ms(1);
    }
    cluster.heal();
    cluster.run_for_ms(1_000);
    cluster
}

#[test]
fn a_server_that_comes_back_does_not_disturb() {
    for is_log_as_long in [true, false] {
        let cluster = comes_back(Cluster::of(3).with_defaults(), is_log_as_long);
        assert_eq!(cluster.leaders(), [1]);
        assert!(cluster.ids().iter().all(|&id| cluster.term(id) == 1), "no term was begun");
        assert_eq!(cluster.log(3), cluster.log(1));
    }
}

#[test]
fn a_server_that_comes_back_without_what_was_committed_does_not_disturb_though_no_quorum_is_checked() {
    let polite = |config: &mut Config| config.pre_vote = true;
    let cluster = comes_back(Cluster::of(3).configured(polite), false);
    assert!(cluster.ids().iter().all(|&id| cluster.term(id) == 1), "no term was begun");
}

#[test]
fn without_pre_votes_a_server_that_comes_back_disturbs() {
    assert!(comes_back(Cluster::of(3), true).term(1) > 1);
}

#[test]
fn a_split_among_those_with_pre_votes_is_resolved() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.crash(1);
    cluster.deadline(2);
    cluster.deadline(3);
    cluster.settle();
    // Each had the other's pre-vote, and each voted for itself.
    assert_eq!((cluster.role(2), cluster.role(3)), (RoleName::Candidate, RoleName::Candidate));
    assert_eq!((cluster.term(2), cluster.term(3)), (2, 2));
    cluster.run_for_ms(2_000);
    assert_eq!(cluster.leaders().len(), 1);
    assert_eq!(cluster.term(2), cluster.term(3));
}

#[test]
fn duelling_servers_with_and_without_pre_votes_end_with_one_leader() {
    for cluster in [Cluster::of(3), Cluster::of(3).with_defaults()] {
        let mut cluster = cluster;
        cluster.partition(&[&[1, 2], &[2, 3]]);
        cluster.deadline(1);
        cluster.deadline(3);
        cluster.settle();
        cluster.run_for_ms(1_000);
        cluster.heal();
        cluster.run_for_ms(2_000);
        assert_eq!(cluster.leaders().len(), 1);
        assert!(cluster.ids().iter().all(|&id| cluster.term(id) == cluster.term(1)));
    }
}

#[test]
fn the_loser_of_a_duel_does_not_disturb_the_winner_when_it_hears_of_it() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.partition(&[&[1, 2], &[2, 3]]);
    cluster.deadline(1);
    cluster.settle();
    assert_eq!(cluster.role(1), RoleName::Leader);
    cluster.run_for_ms(1_000);
    assert_eq!(cluster.role(3), RoleName::PreCandidate);
    cluster.heal();
    cluster.run_for_ms(1_000);
    assert_eq!(cluster.leaders(), [1]);
    assert!(cluster.ids().iter().all(|&id| cluster.term(id) == 1));
}

#[test]
fn clusters_of_every_size_elect_with_pre_votes() {
    for size in 1..=7 {
        let mut cluster = Cluster::of(size).with_defaults();
        cluster.deadline(1);
        cluster.settle();
        assert_eq!((cluster.leaders(), cluster.term(1)), (vec![1], 1), "{size} servers");
    }
}

#[test]
fn a_minority_with_pre_votes_begins_no_term() {
    let mut cluster = Cluster::of(4).with_defaults();
    cluster.partition(&[&[1, 2], &[3, 4]]);
    cluster.run_for_ms(3_000);
    assert!(cluster.ids().iter().all(|&id| cluster.term(id) == 0));
}

#[test]
fn a_pre_candidate_knows_of_no_leader() {
    let mut server = polite().term(4).follower_of(2);
    server.deadline();
    assert_eq!(server.leader(), None);
}
