//! Servers of one cluster that are configured differently, as they are while an operator goes from one to the next.

use raft_core::Config;

use tests::by_hand::cluster::Cluster;

/// Pre-votes and the check of the quorum, each on or off.
const SETTINGS: [(bool, bool); 4] = [(false, false), (true, false), (false, true), (true, true)];

fn set((pre_vote, check_quorum): (bool, bool)) -> impl Fn(&mut Config) {
    move |config| (config.pre_vote, config.check_quorum) = (pre_vote, check_quorum)
}

/// Three servers, each in one of the four settings: `code` has them as its digits.
fn mixed(code: usize) -> Cluster {
    let mut cluster = Cluster::of(3);
    for (id, digit) in [(1, code % 4), (2, code / 4 % 4), (3, code / 16)] {
        cluster.configure(id, set(SETTINGS[digit]));
    }
    cluster
}

/// One leader, whom all that are up follow in its term.
fn assert_is_led(cluster: &Cluster, up: &[u64], case: &str) {
    let leaders = cluster.leaders();
    assert_eq!(leaders.len(), 1, "{case}");
    for &id in up {
        assert_eq!(cluster.raft(id).leader().map(|leader| leader.0), Some(leaders[0]), "{case}, server {id}");
        assert_eq!(cluster.term(id), cluster.term(leaders[0]), "{case}, server {id}");
    }
}

#[test]
fn any_mixture_elects_a_leader_and_keeps_it() {
    for code in 0..64 {
        let mut cluster = mixed(code);
        cluster.run_for_ms(2_000);
        assert_is_led(&cluster, &[1, 2, 3], &format!("mixture {code}"));
        let (leaders, term) = (cluster.leaders(), cluster.term(1));
        cluster.run_for_ms(3_000);
        assert_eq!((cluster.leaders(), cluster.term(1)), (leaders, term), "mixture {code}");
    }
}

#[test]
fn any_mixture_elects_another_when_its_leader_is_gone() {
    for code in 0..64 {
        for first in 1..=3 {
            let mut cluster = mixed(code);
            cluster.elect(first);
            cluster.crash(first);
            cluster.run_for_ms(4_000);
            let up: Vec<_> = (1..=3).filter(|&id| id != first).collect();
            assert_is_led(&cluster, &up, &format!("mixture {code} without {first}"));
        }
    }
}

#[test]
fn any_mixture_comes_together_after_a_partition() {
    for code in 0..64 {
        for away in 1..=3 {
            let mut cluster = mixed(code);
            cluster.run_for_ms(2_000);
            let others: Vec<_> = (1..=3).filter(|&id| id != away).collect();
            cluster.partition(&[&others, &[away]]);
            cluster.run_for_ms(2_000);
            cluster.heal();
            cluster.run_for_ms(4_000);
            assert_is_led(&cluster, &[1, 2, 3], &format!("mixture {code}, {away} away"));
            let leader = cluster.leaders()[0];
            cluster.propose(leader, 7);
            cluster.run_for_ms(1_000);
            assert!(cluster.ids().iter().all(|&id| cluster.applied(id) == [7]), "mixture {code}, {away} away");
        }
    }
}

#[test]
fn a_cluster_changes_its_settings_server_by_server_without_losing_anything() {
    for from in SETTINGS {
        for to in SETTINGS {
            let mut cluster = Cluster::of(3).configured(set(from));
            let mut commands = Vec::new();
            for id in 1..=3 {
                cluster.run_for_ms(3_000);
                assert_is_led(&cluster, &[1, 2, 3], &format!("{from:?} to {to:?}, before {id}"));
                cluster.propose(cluster.leaders()[0], id);
                commands.push(id);
                cluster.run_for_ms(200);
                cluster.configure(id, set(to));
            }
            cluster.run_for_ms(3_000);
            assert_is_led(&cluster, &[1, 2, 3], &format!("{from:?} to {to:?}"));
            assert!(cluster.ids().iter().all(|&id| cluster.applied(id) == commands), "{from:?} to {to:?}");
        }
    }
}

#[test]
fn a_change_of_settings_does_not_wait_for_the_servers_to_be_well() {
    for to in SETTINGS {
        let mut cluster = Cluster::of(5);
        cluster.elect(1);
        cluster.crash(5);
        for id in [2, 3, 4, 1] {
            cluster.configure(id, set(to));
            cluster.run_for_ms(3_000);
            assert_is_led(&cluster, &[1, 2, 3, 4], &format!("to {to:?}, after {id}"));
        }
        cluster.restart(5);
        cluster.run_for_ms(3_000);
        assert_is_led(&cluster, &[1, 2, 3, 4, 5], &format!("to {to:?}, with 5 as it was"));
    }
}

// A server that asked for no pre-votes may have run far ahead of the others' terms.
#[test]
fn a_candidate_that_turns_to_pre_votes_in_a_later_term_is_not_stuck() {
    let mut cluster = Cluster::of(3).with_defaults();
    cluster.configure(3, set((false, true)));
    cluster.elect(1);
    cluster.partition(&[&[1, 2], &[3]]);
    cluster.propose(1, 7);
    cluster.run_for_ms(3_000);
    let term = cluster.term(3);
    assert!(term > cluster.term(1));
    cluster.configure(3, set((true, true)));
    cluster.run_for_ms(1_000);
    assert_eq!(cluster.term(3), term);
    cluster.heal();
    cluster.run_for_ms(3_000);
    assert_is_led(&cluster, &[1, 2, 3], "3 is back");
    assert_eq!(cluster.applied(3), [7]);
}
