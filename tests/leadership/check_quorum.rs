//! Dissertation §6.2 and §4.2.3: a leader without a quorum steps down, and whoever is in touch with a leader does not
//! listen to those who campaign against it.

use std::time::Duration;

use raft_core::{Config, Input, MemberChange, Message, NodeId, RequestVote, RoleName, Term, Time};

use tests::by_hand::cluster::Cluster;
use tests::by_hand::lone_node::{Builder, LoneNode, node};
use tests::by_hand::messages::{
    Command, accepted, at, conflict, heard, heartbeat, pre_vote, pre_vote_granted, pre_vote_refused, refusal,
    request_vote, snapshot, snapshot_received, stale, vote,
};

const SHORTEST: Duration = Duration::from_millis(150);
const LONGEST: Duration = Duration::from_millis(300);
const NANOSECOND: Duration = Duration::from_nanos(1);

/// Node 1 of three voters, which checks the quorum and asks for no pre-votes.
fn watchful() -> Builder {
    node().configured(|config| config.check_quorum = true)
}

fn after(time: Time, duration: Duration) -> Time {
    Time(time.0 + u64::try_from(duration.as_nanos()).expect("a short time"))
}

/// For how long `leader` leads, the others saying `voices` every 50 ms; at most two seconds.
fn reign(mut leader: LoneNode, voices: &[(u64, Message<Command>)]) -> Duration {
    let began = leader.now;
    let end = after(began, Duration::from_secs(2));
    let mut next_voice = began;
    while leader.role() == RoleName::Leader && leader.now < end {
        let deadline = leader.raft.next_deadline().unwrap_or(end);
        leader.now = deadline.min(next_voice);
        if leader.now == next_voice {
            for (from, voice) in voices {
                leader.receive(*from, voice.clone());
            }
            next_voice = after(next_voice, Duration::from_millis(50));
        } else {
            leader.step(Input::DeadlineReached);
        }
    }
    Duration::from_nanos(leader.now.0 - began.0)
}

fn keeps_leading(leader: LoneNode, voices: &[(u64, Message<Command>)]) -> bool {
    let reign = reign(leader, voices);
    assert!(reign == LONGEST || reign >= Duration::from_secs(2), "neither at once nor never: {reign:?}");
    reign > LONGEST
}

#[test]
fn a_leader_that_hears_nobody_steps_down_after_the_longest_election_timeout() {
    assert_eq!(reign(watchful().leader(), &[]), LONGEST);
}

#[test]
fn a_leader_that_does_not_check_its_quorum_goes_on_alone() {
    assert!(keeps_leading(node().leader(), &[]));
}

#[test]
fn a_leader_needs_to_hear_a_majority_in_clusters_of_every_size() {
    for voters in 2..=7 {
        for speaking in 0..voters {
            let voices: Vec<_> = (2..2 + speaking).map(|follower| (follower, heard(1))).collect();
            let is_quorum = 2 * (speaking + 1) > voters;
            let leader = watchful().of(voters).leader();
            assert_eq!(keeps_leading(leader, &voices), is_quorum, "{speaking} others of {voters}");
        }
    }
}

#[test]
fn followers_that_take_turns_are_a_quorum() {
    let mut leader = watchful().of(5).leader();
    for turn in 0..20 {
        leader.wait_ms(140);
        leader.receive(2 + turn % 4, heard(1));
        leader.step(Input::DeadlineReached);
        assert_eq!(leader.role(), RoleName::Leader, "two others within 280 ms");
    }
}

#[test]
fn whatever_a_follower_answers_shows_that_it_is_there() {
    let image = snapshot(at(1, 1), 1..=3, 9).id();
    for voice in [heard(2), accepted(2, 0), conflict(2, 1, at(0, 0)), snapshot_received(2, image, 3)] {
        assert!(keeps_leading(watchful().term(2).leader(), &[(2, voice.clone())]), "{voice:?}");
    }
}

#[test]
fn what_is_no_answer_to_a_leader_does_not_show_that_anybody_follows() {
    for voice in [vote(2), refusal(2), accepted(1, 0), pre_vote(3, at(0, 0)), request_vote(3, at(0, 0))] {
        assert!(!keeps_leading(watchful().term(2).leader(), &[(2, voice.clone()), (3, voice.clone())]), "{voice:?}");
    }
}

#[test]
fn a_leader_that_is_asked_a_moment_too_early_goes_on() {
    let mut leader = watchful().leader();
    leader.now = after(leader.now, LONGEST - NANOSECOND);
    leader.step(Input::DeadlineReached);
    assert_eq!(leader.role(), RoleName::Leader);
}

#[test]
fn a_voice_at_the_last_moment_buys_a_whole_timeout_more() {
    for early in [Duration::ZERO, NANOSECOND] {
        let mut leader = watchful().leader();
        leader.now = after(leader.now, LONGEST - early);
        leader.receive(2, heard(1));
        assert_eq!(reign(leader, &[]), LONGEST);
    }
}

#[test]
fn a_voice_after_the_deadline_comes_too_late() {
    let mut leader = watchful().leader();
    leader.now = after(leader.now, LONGEST);
    leader.step(Input::DeadlineReached);
    assert_eq!(leader.role(), RoleName::Follower);
    leader.receive(2, heard(1));
    assert_eq!(leader.role(), RoleName::Follower);
}

/// Half way from voters 1, 2, 3 to voters 1, 4, 5.
fn joint_leader() -> LoneNode {
    let mut leader = watchful().steady_leader();
    let added = [4, 5].map(|id| MemberChange::AddVoter(NodeId(id)));
    let removed = [2, 3].map(|id| MemberChange::Remove(NodeId(id)));
    leader.change_membership(7, &[added, removed].concat());
    leader.persist();
    assert!(leader.raft.membership().is_joint());
    leader
}

// Dissertation §4.3
#[test]
fn in_a_joint_configuration_both_halves_must_be_heard() {
    for (speaking, is_quorum) in
        [(vec![2, 4], true), (vec![3, 5], true), (vec![2, 3], false), (vec![4, 5], false), (vec![2], false)]
    {
        let voices: Vec<_> = speaking.iter().map(|&follower| (follower, heard(1))).collect();
        assert_eq!(keeps_leading(joint_leader(), &voices), is_quorum, "{speaking:?}");
    }
}

#[test]
fn learners_do_not_count() {
    let learners = |config: &mut Config| config.learners = vec![NodeId(4), NodeId(5)];
    let leader = watchful().configured(learners).leader();
    assert!(!keeps_leading(leader.clone(), &[(4, heard(1)), (5, heard(1))]));
    assert!(keeps_leading(leader, &[(2, heard(1))]));
}

#[test]
fn a_lone_voter_needs_nobody() {
    assert_eq!(watchful().of(1).leader().raft.next_deadline(), None);
    let learner = |config: &mut Config| config.learners = vec![NodeId(4)];
    assert!(keeps_leading(watchful().of(1).configured(learner).leader(), &[]));
}

#[test]
fn a_voter_that_is_added_gets_a_whole_timeout_to_be_heard() {
    let mut leader = watchful().of(1).steady_leader();
    leader.wait_ms(10_000);
    leader.change_membership(7, &[MemberChange::AddVoter(NodeId(2))]);
    leader.persist();
    assert_eq!(reign(leader, &[]), LONGEST);
}

#[test]
fn stepping_down_begins_no_term_and_writes_nothing() {
    let mut leader = watchful().term(4).leader();
    leader.now = after(leader.now, LONGEST);
    let effects = leader.step(Input::DeadlineReached);
    assert_eq!(effects.roles(), [(4, RoleName::Follower, None)]);
    assert_eq!((effects.writes().len(), effects.sends().len()), (0, 0));
    assert_eq!((leader.term(), leader.raft.voted_for()), (4, Some(NodeId(1))));
    assert!(leader.patience() >= SHORTEST, "it waits like anybody");
}

#[test]
fn a_vote_is_refused_while_a_leader_is_heard_and_granted_after() {
    let mut voter = watchful().term(4).follower_of(2);
    voter.now = after(voter.now, SHORTEST - NANOSECOND);
    assert_eq!(voter.receive(3, request_vote(5, at(0, 0))).0, [], "it is not even listened to");
    assert_eq!(voter.term(), 4);
    voter.now = after(voter.now, NANOSECOND);
    voter.receive(3, request_vote(5, at(0, 0)));
    assert_eq!(voter.persist().sends(), [(3, vote(5))]);
}

#[test]
fn a_vote_in_the_leaders_own_term_is_refused_too() {
    let mut voter = watchful().term(4).follower_of(2);
    assert_eq!(voter.receive(3, request_vote(4, at(0, 0))).0, []);
}

#[test]
fn each_heartbeat_begins_the_refusal_anew() {
    let mut voter = watchful().term(4).follower_of(2);
    voter.wait_ms(100);
    voter.receive(2, heartbeat(4, at(0, 0), 0));
    voter.wait_ms(100);
    assert_eq!(voter.receive(3, request_vote(5, at(0, 0))).0, []);
}

#[test]
fn a_candidate_of_an_old_term_is_told_so_though_a_leader_is_heard() {
    let mut voter = watchful().term(4).follower_of(2);
    assert_eq!(voter.receive(3, request_vote(3, at(0, 0))).sends(), [(3, refusal(4))]);
}

// Dissertation §6.4.1: a lease rests on what its holder's followers promised, in whatever term they are since.
#[test]
fn the_refusal_survives_a_later_term_that_is_learned_another_way() {
    for lesson in [refusal(6), stale(6), pre_vote_refused(6)] {
        let mut voter = watchful().term(4).follower_of(2);
        voter.receive(3, lesson.clone());
        assert_eq!((voter.term(), voter.leader()), (6, None));
        voter.persist();
        for term in [6, 7] {
            assert_eq!(voter.receive(3, request_vote(term, at(0, 0))).0, [], "{lesson:?}");
        }
        voter.now = after(voter.now, SHORTEST);
        voter.receive(3, request_vote(7, at(0, 0)));
        assert_eq!(voter.persist().sends(), [(3, vote(7))], "{lesson:?}");
    }
}

#[test]
fn without_the_check_a_vote_is_granted_though_a_leader_is_heard() {
    let mut voter = node().term(4).follower_of(2);
    voter.receive(3, request_vote(5, at(0, 0)));
    assert_eq!(voter.persist().sends(), [(3, vote(5))]);
}

#[test]
fn a_server_that_never_heard_a_leader_votes_at_once() {
    let mut voter = watchful().term(4).follower();
    voter.receive(3, request_vote(5, at(0, 0)));
    assert_eq!(voter.persist().sends(), [(3, vote(5))]);
}

#[test]
fn a_pre_vote_is_refused_while_a_leader_is_heard_and_granted_after() {
    let mut voter = node().with_defaults().term(4).follower_of(2);
    voter.now = after(voter.now, SHORTEST - NANOSECOND);
    assert_eq!(voter.receive(3, pre_vote(5, at(9, 4))).sends(), [(3, pre_vote_refused(4))]);
    voter.now = after(voter.now, NANOSECOND);
    assert_eq!(voter.receive(3, pre_vote(5, at(9, 4))).sends(), [(3, pre_vote_granted(5))]);
}

/// A vote that the leader itself wants for the sender.
fn transfer_vote(term: u64) -> Message<Command> {
    Message::RequestVote(RequestVote { term: Term(term), last: at(9, 4), priority: 0, is_transfer: true })
}

// Dissertation §4.2.3: "a server should ... accept a RequestVote ... if the candidate has permission to disrupt".
#[test]
fn a_vote_that_the_leader_wants_is_not_refused() {
    for mut voter in [watchful().term(4).follower_of(2), watchful().term(4).leader()] {
        voter.receive(3, transfer_vote(5));
        assert_eq!(voter.persist().sends_to(3), [vote(5)]);
        assert_eq!(voter.role(), RoleName::Follower);
    }
}

#[test]
fn a_leader_does_not_listen_to_candidates_while_it_leads() {
    let mut leader = node().with_defaults().term(4).leader();
    let before = leader.portrait();
    for term in [4, 5, 9] {
        assert_eq!(leader.receive(3, request_vote(term, at(9, 3))).0, []);
    }
    assert_eq!(leader.receive(3, pre_vote(5, at(9, 3))).sends(), [(3, pre_vote_refused(4))]);
    assert_eq!(leader.portrait(), before);
}

#[test]
fn a_leader_that_does_not_check_its_quorum_gives_way_to_a_candidate() {
    let mut leader = node().term(4).leader();
    leader.receive(3, request_vote(5, at(9, 4)));
    assert_eq!(leader.persist().sends_to(3), [vote(5)]);
}

#[test]
fn a_leader_that_has_stepped_down_listens_to_candidates() {
    let mut server = watchful().term(4).leader();
    server.now = after(server.now, LONGEST);
    server.step(Input::DeadlineReached);
    server.receive(3, request_vote(5, at(9, 4)));
    assert_eq!(server.persist().sends_to(3), [vote(5)]);
}

// What it said before the restart may be what a lease rests on.
#[test]
fn with_leases_a_server_that_restarts_votes_for_nobody_at_first() {
    let leased = |config: &mut Config| config.lease_clock_drift_ppm = Some(100);
    let mut voter = watchful().configured(leased).term(4).follower();
    voter.now = after(voter.now, SHORTEST);
    assert_eq!(voter.receive(3, request_vote(5, at(0, 0))).0, []);
    voter.now = after(Time(0), LONGEST);
    voter.receive(3, request_vote(5, at(0, 0)));
    assert_eq!(voter.persist().sends(), [(3, vote(5))]);
}

#[test]
fn a_cluster_that_loses_its_leader_elects_another() {
    for size in [3, 4, 5, 7] {
        let mut cluster = Cluster::of(size).with_defaults();
        cluster.elect(1);
        cluster.crash(1);
        cluster.run_for_ms(3_000);
        assert_eq!(cluster.leaders().len(), 1, "{size} servers");
    }
}

#[test]
fn a_cluster_whose_servers_are_all_well_keeps_its_leader() {
    let mut cluster = Cluster::of(5).with_defaults();
    cluster.elect(1);
    cluster.run_for_ms(10_000);
    assert_eq!((cluster.leaders(), cluster.term(1)), (vec![1], 1));
}

#[test]
fn a_leader_that_is_cut_off_makes_room_before_it_hears_of_another() {
    let mut cluster = Cluster::of(5).with_defaults();
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3, 4, 5]]);
    cluster.run_for_ms(2_000);
    assert_eq!(cluster.leaders().len(), 1);
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleName::PreCandidate, 1));
    let leader = cluster.leaders()[0];
    cluster.heal();
    cluster.run_for_ms(1_000);
    assert_eq!(cluster.leaders(), [leader]);
    assert_eq!(cluster.raft(1).leader(), Some(NodeId(leader)));
}

#[test]
fn a_follower_that_hears_its_leader_too_late_does_not_disturb() {
    for is_pre_vote in [true, false] {
        let mut cluster = Cluster::of(3).with_defaults().configured(|config| config.pre_vote = is_pre_vote);
        cluster.elect(1);
        cluster.cut(1, 3);
        cluster.run_for_ms(3_000);
        assert_eq!(cluster.leaders(), [1], "pre-vote {is_pre_vote}");
        assert_eq!((cluster.term(1), cluster.term(2)), (1, 1), "pre-vote {is_pre_vote}");
        assert_eq!(cluster.term(3) == 1, is_pre_vote);
    }
}

// It is told of terms by none of those that ignore it: its answer to the leader's append has to be heard.
#[test]
fn a_candidate_whom_nobody_listens_to_is_not_stuck() {
    let mut cluster = Cluster::of(3).configured(|config| config.check_quorum = true);
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3]]);
    cluster.run_for_ms(2_000);
    assert!(cluster.term(3) > 1);
    cluster.heal();
    cluster.run_for_ms(2_000);
    assert_eq!(cluster.leaders().len(), 1);
    assert!(cluster.ids().iter().all(|&id| cluster.term(id) == cluster.term(3)));
    assert!(cluster.ids().iter().all(|&id| cluster.raft(id).leader().is_some()));
}

#[test]
fn a_bridge_between_two_sides_does_not_keep_a_dead_quorum_alive() {
    let mut cluster = Cluster::of(5).with_defaults();
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.settle();
    // 3 hears both sides; only those right of it are a quorum with it.
    cluster.partition(&[&[1, 3], &[3, 4, 5], &[2]]);
    cluster.run_for_ms(2_000);
    let leaders = cluster.leaders();
    assert!(leaders.len() == 1 && [3, 4, 5].contains(&leaders[0]), "{leaders:?}");
    let term = cluster.term(3);
    cluster.propose(leaders[0], 8);
    cluster.run_for_ms(3_000);
    assert_eq!((cluster.leaders(), cluster.term(3)), (leaders, term), "and then there is peace");
    assert_eq!(cluster.applied(4), [7, 8]);
}

#[test]
fn a_bridge_that_leads_both_sides_is_left_in_peace() {
    let mut cluster = Cluster::of(5).with_defaults();
    cluster.elect(3);
    cluster.partition(&[&[1, 2, 3], &[3, 4, 5]]);
    cluster.run_for_ms(3_000);
    assert_eq!((cluster.leaders(), cluster.term(3)), (vec![3], 1));
}

#[test]
fn a_server_with_a_smaller_term_can_still_complete_an_election() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3]]);
    for (leader, other) in [(2, 1), (1, 2)] {
        cluster.transfer_leadership(other, leader);
        cluster.settle();
    }
    cluster.run_for_ms(1_000);
    assert_eq!((cluster.leaders(), cluster.term(1), cluster.term(3)), (vec![1], 3, 1));
    // 3 has the same log as 2 but for the starts of two terms, and is two terms behind.
    cluster.crash(1);
    cluster.heal();
    cluster.run_for_ms(3_000);
    assert_eq!(cluster.leaders(), [2]);
    assert_eq!(cluster.raft(3).leader(), Some(NodeId(2)));
}

#[test]
fn a_server_with_a_smaller_term_and_the_longer_log_is_elected() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.persist(1);
    cluster.deliver_from_to(1, 2);
    cluster.drop_all();
    // 3 lacks the command, and has been campaigning.
    cluster.crash(1);
    cluster.configure(3, |config| config.pre_vote = false);
    cluster.partition(&[&[2], &[3]]);
    cluster.run_for_ms(1_000);
    assert!(cluster.term(3) > cluster.term(2));
    cluster.heal();
    cluster.configure(3, |config| config.pre_vote = true);
    cluster.run_for_ms(3_000);
    assert_eq!(cluster.leaders(), [2]);
    assert_eq!(cluster.applied(3), [7]);
}
