//! Figure 2: "Persistent state on all servers: updated on stable storage before responding to RPCs". What may leave
//! before a write is durable, what must wait, and what becomes of what waited.

use raft_core::{Input, LogIndex, Message, NodeId, RoleName, Sequence, Term};

use tests::by_hand::cluster::Cluster;
use tests::by_hand::effects::Effects;
use tests::by_hand::lone_node::node;
use tests::by_hand::messages::{accepted, append, at, conflict, heard, heartbeat, refusal, request_vote, stale, vote};

/// The match indexes that these effects claim.
fn claims(effects: &Effects) -> Vec<u64> {
    let claim = |(_, message)| match message {
        Message::AppendEntriesReply(reply) => match reply.outcome {
            raft_core::AppendOutcome::Accepted { match_index } => Some(match_index.0),
            _ => None,
        },
        _ => None,
    };
    effects.sends().into_iter().filter_map(claim).collect()
}

// RequestVote promises the candidate's own vote.
#[test]
fn a_vote_request_waits_for_the_candidates_own_vote() {
    let mut server = node().term(1).follower();
    let effects = server.deadline();
    assert_eq!(effects.sends(), []);
    let written = effects.writes()[0].term_and_vote.expect("the term changed");
    assert_eq!((written.term, written.voted_for), (Term(2), Some(NodeId(1))));
    assert_eq!(server.persist().receivers(), [2, 3]);
}

// A candidate's own vote counts like any other: once it is durable.
#[test]
fn an_own_vote_does_not_count_before_it_is_durable() {
    let mut server = node().term(2).candidate_with_unwritten_vote();
    server.receive(2, vote(2));
    assert_eq!(server.role(), RoleName::Candidate);
    server.persist();
    assert_eq!(server.role(), RoleName::Leader);
}

#[test]
fn a_single_voter_leads_once_its_own_vote_is_durable() {
    let mut server = node().of(1).follower();
    server.deadline();
    assert_eq!(server.role(), RoleName::Candidate);
    server.persist_oldest();
    assert_eq!(server.role(), RoleName::Leader);
}

// Writes complete in order: the log that the request speaks of is durable when the vote is.
#[test]
fn a_vote_request_speaks_of_a_durable_log() {
    let mut server = node().log([1]).follower_of(2);
    server.receive(2, append(1, at(1, 1), [1, 1], 0));
    server.deadline();
    assert_eq!(server.persist_oldest().receivers(), [0; 0], "the entries are durable, the vote is not");
    assert_eq!(server.persist_oldest().sends_to(3), [request_vote(2, at(3, 1))]);
    assert_eq!(server.durable(), 3);
}

// The write of the first campaign completes during the second.
#[test]
fn only_the_latest_campaign_asks_for_votes() {
    let mut server = node().term(2).candidate_with_unwritten_vote();
    server.deadline();
    assert_eq!(server.persist_oldest().sends(), []);
    assert_eq!(server.persist_oldest().sends_to(2), [request_vote(3, at(0, 0))]);
}

#[test]
fn a_granted_vote_waits_until_it_is_durable() {
    let mut voter = node().term(1).follower();
    assert_eq!(voter.receive(2, request_vote(2, at(0, 0))).sends(), []);
    assert_eq!(voter.persist().sends(), [(2, vote(2))]);
}

// A crash between two writes would leave a term without its vote: room for a second one.
#[test]
fn a_granted_vote_and_its_term_are_one_record() {
    let mut voter = node().term(1).follower();
    let effects = voter.receive(2, request_vote(2, at(0, 0)));
    assert_eq!(effects.writes().len(), 1);
    let written = effects.writes()[0].term_and_vote.expect("the term changed");
    assert_eq!((written.term, written.voted_for), (Term(2), Some(NodeId(2))));
}

// A vote in a term that is durable already is a write of its own.
#[test]
fn a_granted_vote_waits_also_where_the_term_is_durable() {
    let mut voter = node().term(2).follower();
    assert_eq!(voter.receive(2, request_vote(2, at(0, 0))).sends(), []);
    assert_eq!(voter.persist().sends(), [(2, vote(2))]);
}

#[test]
fn a_repeated_request_does_not_hasten_an_unwritten_vote() {
    let mut voter = node().term(1).follower();
    voter.receive(2, request_vote(2, at(0, 0)));
    assert_eq!(voter.receive(2, request_vote(2, at(0, 0))).sends(), []);
    assert!(voter.persist().sends().contains(&(2, vote(2))));
}

// The write of an earlier term is no write of the vote.
#[test]
fn a_granted_vote_waits_for_its_own_write() {
    let mut voter = node().term(1).follower();
    voter.receive(3, refusal(2));
    voter.receive(2, request_vote(2, at(0, 0)));
    assert_eq!(voter.persist_oldest().sends(), [], "the term is durable, the vote is not");
    assert_eq!(voter.persist_oldest().sends(), [(2, vote(2))]);
}

#[test]
fn a_withheld_vote_is_dropped_when_the_term_changes() {
    let mut voter = node().term(1).follower();
    voter.receive(2, request_vote(2, at(0, 0)));
    voter.receive(3, heartbeat(3, at(0, 0), 0));
    assert_eq!(voter.persist_oldest().sends(), []);
    assert_eq!(voter.persist_oldest().sends(), [(3, accepted(3, 0))]);
}

#[test]
fn a_withheld_vote_is_dropped_when_the_voter_campaigns() {
    let mut voter = node().term(1).follower();
    voter.receive(2, request_vote(2, at(0, 0)));
    voter.deadline();
    let sends = voter.persist().sends();
    assert_eq!(sends, [(2, request_vote(3, at(0, 0))), (3, request_vote(3, at(0, 0)))]);
}

// A refusal promises nothing.
#[test]
fn a_refused_vote_goes_at_once() {
    let mut voter = node().log([1, 1]).follower();
    let effects = voter.receive(2, request_vote(2, at(1, 1)));
    assert_eq!((effects.sends(), effects.writes().len()), (vec![(2, refusal(2))], 1));
}

#[test]
fn a_refused_append_goes_at_once() {
    let mut follower = node().term(2).log([1]).follower();
    assert_eq!(follower.receive(2, append(2, at(3, 1), [1], 0)).sends(), [(2, conflict(2, 3, at(1, 1)))]);
    assert_eq!(follower.receive(3, append(1, at(0, 0), [1], 0)).sends(), [(3, stale(2))]);
}

// §5.3: an acknowledgement counts towards a commit.
#[test]
fn an_acknowledgement_waits_until_its_entries_are_durable() {
    let mut follower = node().term(1).follower_of(2);
    assert_eq!(follower.receive(2, append(1, at(0, 0), [1, 1], 0)).sends(), []);
    assert_eq!(follower.persist().sends(), [(2, accepted(1, 2))]);
}

// A server that forgets the term could vote in it for another leader, and acknowledge that one too.
#[test]
fn an_acknowledgement_waits_until_its_term_is_durable() {
    let mut follower = node().log([1]).follower();
    assert_eq!(claims(&follower.receive(2, heartbeat(2, at(1, 1), 0))), [0; 0]);
    assert_eq!(follower.persist().sends(), [(2, accepted(2, 1))]);
}

// That it is followed, a leader may know at once: however slow the disk, nothing in that is taken back by a crash.
#[test]
fn a_heartbeat_that_cannot_be_acknowledged_yet_is_answered_without_a_claim() {
    let mut follower = node().log([1]).follower();
    assert_eq!(follower.receive(2, heartbeat(2, at(1, 1), 0)).sends(), [(2, heard(2))]);
    assert_eq!(follower.receive(2, append(2, at(1, 1), [2], 0)).sends(), [], "entries are acknowledged, or nothing is");
    assert_eq!(follower.receive(2, heartbeat(2, at(2, 2), 0)).sends(), [(2, heard(2))]);
}

#[test]
fn an_acknowledgement_claims_no_more_than_is_durable() {
    let mut follower = node().log([1]).follower_of(2);
    follower.receive(2, append(1, at(1, 1), [1], 0));
    follower.receive(2, append(1, at(2, 1), [1], 0));
    assert_eq!(claims(&follower.receive(2, heartbeat(1, at(3, 1), 0))), [1]);
    assert_eq!(claims(&follower.persist_oldest()), [2]);
    assert_eq!(claims(&follower.persist_oldest()), [3]);
}

#[test]
fn an_acknowledgement_claims_no_more_than_matches() {
    let mut follower = node().log([1, 1, 1]).term(2).follower();
    assert_eq!(claims(&follower.receive(2, append(2, at(1, 1), [1], 0))), [2]);
}

// "Cumulative": one report for many writes.
#[test]
fn one_report_covers_all_writes_before_it() {
    let mut follower = node().term(1).follower_of(2);
    let first = follower.receive(2, append(1, at(0, 0), [1], 0)).writes()[0].sequence;
    let second = follower.receive(2, append(1, at(1, 1), [1], 0)).writes()[0].sequence;
    assert_eq!(second, Sequence(first.0 + 1));
    assert_eq!(follower.step(Input::Persisted { sequence: second }).sends(), [(2, accepted(1, 2))]);
    let before = follower.portrait();
    assert_eq!(follower.step(Input::Persisted { sequence: first }).0, [], "old news");
    assert_eq!(follower.portrait(), before);
}

// A write for another reason completes: here of a vote, which was still free in the leader's term.
#[test]
fn a_finished_acknowledgement_is_not_repeated() {
    let mut follower = node().log([1]).term(2).follower_of(2);
    follower.receive(2, append(2, at(0, 0), [1], 0));
    follower.receive(3, request_vote(2, at(1, 1)));
    assert_eq!(follower.persist().sends(), [(3, vote(2))]);
}

#[test]
fn a_vote_that_was_sent_is_not_repeated() {
    let mut follower = node().term(1).follower_of(2);
    follower.receive(3, request_vote(1, at(0, 0)));
    follower.persist();
    follower.receive(2, append(1, at(0, 0), [1], 0));
    assert_eq!(follower.persist().sends(), [(2, accepted(1, 1))]);
}

// What is dropped from the log is not durable, whatever the disk still holds.
#[test]
fn a_truncation_lowers_the_durable_index_at_once() {
    let mut follower = node().log([1, 1, 1]).term(2).follower_of(2);
    assert_eq!(follower.durable(), 3);
    follower.receive(3, append(3, at(1, 1), [3], 0));
    assert_eq!(follower.durable(), 1);
    follower.persist();
    assert_eq!(follower.durable(), 2);
}

// The entries of a write under way are dropped before it completes: it makes nothing durable that is in the log.
#[test]
fn a_write_of_truncated_entries_does_not_count() {
    let mut follower = node().term(1).follower_of(2);
    follower.receive(2, append(1, at(0, 0), [1, 1], 0));
    follower.receive(3, append(2, at(0, 0), [2, 2], 0));
    let effects = follower.persist_oldest();
    assert_eq!((effects.sends(), follower.durable()), (vec![], 0));
    assert_eq!(follower.persist_oldest().sends(), [(3, accepted(2, 2))]);
}

// The prefix that the two leaders' entries share stays durable.
#[test]
fn a_write_counts_up_to_where_it_was_truncated() {
    let mut follower = node().term(1).follower_of(2);
    follower.receive(2, append(1, at(0, 0), [1, 1, 1], 0));
    follower.receive(3, append(2, at(1, 1), [2], 0));
    follower.persist_oldest();
    assert_eq!(follower.durable(), 1);
    follower.persist_oldest();
    assert_eq!(follower.durable(), 2);
}

#[test]
fn a_truncation_and_the_new_entries_are_one_write() {
    let mut follower = node().log([1, 1, 1]).term(2).follower();
    let effects = follower.receive(2, append(2, at(1, 1), [2], 0));
    assert_eq!(effects.writes().len(), 1);
    assert_eq!(effects.writes()[0].log.as_ref().map(|log| (log.first, log.entries.len())), Some((LogIndex(2), 1)));
}

#[test]
fn a_withheld_acknowledgement_is_dropped_when_the_term_changes() {
    let mut follower = node().term(1).follower_of(2);
    follower.receive(2, append(1, at(0, 0), [1], 0));
    follower.receive(3, request_vote(2, at(9, 1)));
    assert_eq!(follower.persist().sends(), [(3, vote(2))]);
}

#[test]
fn a_withheld_acknowledgement_is_dropped_when_the_follower_campaigns() {
    let mut follower = node().term(1).follower_of(2);
    follower.receive(2, append(1, at(0, 0), [1], 0));
    follower.deadline();
    assert_eq!(claims(&follower.persist()), [0; 0]);
}

// The new leader's log may differ from what the old one's append said.
#[test]
fn a_withheld_acknowledgement_is_judged_again_under_a_new_leader() {
    let mut follower = node().term(1).follower_of(2);
    follower.receive(2, append(1, at(0, 0), [1, 1, 1], 0));
    follower.receive(3, heartbeat(2, at(1, 1), 0));
    follower.persist_oldest();
    let effects = follower.persist_oldest();
    assert_eq!(effects.sends(), [(3, accepted(2, 1))]);
}

// §5.3: the leader's appends promise nothing of its own disk (dissertation §10.2.1).
#[test]
fn a_leaders_appends_do_not_wait_for_its_own_write() {
    let mut leader = node().steady_leader();
    let effects = leader.propose(7);
    assert_eq!((effects.receivers(), effects.writes().len()), (vec![2, 3], 1));
}

// A leader's own disk counts like any other.
#[test]
fn a_leader_does_not_count_its_own_unwritten_entry() {
    let mut leader = node().steady_leader();
    leader.propose(7);
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.commit(), 1);
    leader.persist();
    assert_eq!(leader.commit(), 2);
}

// Dissertation §10.2.1: "The leader may even commit an entry before it has been written to its own disk"
#[test]
fn a_majority_of_the_others_commits_without_the_leaders_own_disk() {
    for voters in 2..=7 {
        for acknowledged in 0..voters {
            let mut leader = node().of(voters).steady_leader();
            leader.propose(7);
            for follower in 0..acknowledged {
                leader.receive(2 + follower, accepted(1, 2));
            }
            let is_majority = 2 * acknowledged > voters;
            assert_eq!(leader.commit() == 2, is_majority, "{acknowledged} followers of {voters} voters");
        }
    }
}

// A state machine ahead of the own log could not be brought back after a crash.
#[test]
fn a_leader_applies_only_what_is_on_its_own_disk() {
    let mut leader = node().steady_leader();
    leader.propose(7);
    leader.receive(2, accepted(1, 2));
    assert_eq!(leader.receive(3, accepted(1, 2)).applies(), []);
    assert_eq!(leader.commit(), 2);
    assert_eq!(leader.persist().applies(), [(2, 2)]);
}

#[test]
fn a_follower_applies_only_what_is_on_its_own_disk() {
    let mut follower = node().term(1).follower_of(2);
    let effects = follower.receive(2, append(1, at(0, 0), [1, 1], 2));
    assert_eq!((follower.commit(), effects.applies()), (2, vec![]));
    assert_eq!(follower.persist().applies(), [(1, 2)]);
}

// What is committed and durable is to be applied in every role: a candidate may stay one for long.
#[test]
fn a_candidate_applies_what_becomes_durable() {
    let mut server = node().term(1).follower_of(2);
    server.receive(2, append(1, at(0, 0), [1, 1], 2));
    server.deadline();
    let effects = server.persist_oldest();
    assert_eq!((server.role(), server.commit(), server.durable()), (RoleName::Candidate, 2, 2));
    assert_eq!(effects.applies(), [(1, 2)]);
}

#[test]
fn a_single_voter_commits_only_what_is_durable() {
    let mut leader = node().of(1).steady_leader();
    let effects = leader.propose(7);
    assert_eq!((leader.commit(), effects.applies()), (1, vec![]));
    assert_eq!(leader.persist().applies(), [(2, 2)]);
}

// The write of an entry completes when its leader has lost it: the entry in its place is another.
#[test]
fn a_leaders_own_write_does_not_count_after_a_change_of_term() {
    let mut server = node().term(2).steady_leader();
    server.propose(7);
    server.propose(8);
    server.receive(2, append(3, at(1, 2), [3], 0));
    assert_eq!(server.writes_under_way(), 3);
    server.persist_oldest();
    server.persist_oldest();
    assert_eq!(server.durable(), 1, "both writes were of entries that are gone");
    assert_eq!(server.persist_oldest().sends(), [(2, accepted(3, 2))]);
}

// The same, with the server leading again before its first write completes.
#[test]
fn a_leaders_write_of_an_earlier_leadership_does_not_count_in_the_next() {
    let mut server = node().term(2).steady_leader();
    server.propose(7);
    server.receive(2, append(3, at(1, 2), [3], 0));
    server.deadline();
    server.persist_oldest();
    assert_eq!(server.durable(), 1, "the entry at index 2 is one of term 3 by now");
    server.persist_oldest();
    server.persist_oldest();
    server.receive(3, vote(4));
    assert_eq!((server.role(), server.log()), (RoleName::Leader, vec![2, 3, 4]));
    server.receive(3, accepted(4, 3));
    assert_eq!(server.commit(), 1, "its own entry is not durable yet");
    server.persist();
    assert_eq!(server.commit(), 3);
}

// A disk that is slow is no reason to depose the leader (cowsql/raft); this core starts an election like any other,
// and nothing of it is seen outside before the disk is done.
#[test]
fn a_follower_that_is_still_writing_disturbs_nobody() {
    let mut follower = node().term(1).follower_of(2);
    follower.receive(2, append(1, at(0, 0), [1], 0));
    assert_eq!(follower.deadline().sends(), []);
    assert_eq!(follower.deadline().sends(), []);
}

#[test]
fn what_a_server_restarts_with_is_durable() {
    assert_eq!(node().log([1, 1, 1]).follower().durable(), 3);
}

#[test]
fn an_untouched_server_writes_nothing() {
    let mut follower = node().term(2).log([1]).follower_of(2);
    assert_eq!(follower.receive(2, heartbeat(2, at(1, 1), 1)).writes(), Vec::<&_>::new());
    assert_eq!(follower.receive(3, request_vote(1, at(0, 0))).writes(), Vec::<&_>::new());
}

#[test]
fn writes_are_numbered_from_1_without_gaps() {
    let mut server = node().follower();
    let mut sequences = Vec::new();
    for term in 1..=5 {
        let effects = server.receive(2, append(term, at(0, 0), [term], 0));
        sequences.extend(effects.writes().iter().map(|write| write.sequence.0));
    }
    assert_eq!(sequences, [1, 2, 3, 4, 5]);
}

// §5.2 and §5.3 together: nothing that a crash takes back was ever promised.
#[test]
fn a_vote_lost_in_a_crash_was_never_given() {
    let mut cluster = Cluster::of(3);
    cluster.deadline(1);
    cluster.persist(1);
    cluster.deliver_from_to(1, 2);
    cluster.restart(2);
    // 2 knows nothing of 1's request, and votes for 3 in the same term.
    cluster.drop_all();
    cluster.deadline(3);
    cluster.settle();
    assert_eq!((cluster.role(3), cluster.term(3)), (RoleName::Leader, 1));
    assert_eq!((cluster.role(1), cluster.term(1)), (RoleName::Follower, 1));
}

// §5.4.3: a committed entry survives the crash of all, unwritten entries or not.
#[test]
fn a_committed_entry_survives_a_crash_of_all_servers() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.propose(1, 7);
    cluster.settle();
    cluster.propose(1, 8);
    for id in cluster.ids() {
        cluster.restart(id);
    }
    cluster.elect(2);
    cluster.beat(2);
    for id in cluster.ids() {
        assert_eq!(cluster.applied(id), [7], "server {id}");
    }
}
