//! §7, from end to end: a snapshot arrives whatever happens to its parts, to the one that sends it and to the one that gets
//! it; and no more of it is sent again than must be.

use raft_core::{Input, Message, RoleName, TransferOutcome};
use tests::by_hand::cluster::{Cluster, Envelope, Order};
use tests::by_hand::messages::{add_voter, at};

/// Servers 1 and 2 know so many commands, in snapshots alone; server 3, which is back, knows nothing.
fn far_behind(commands: u64, part: u64) -> Cluster {
    let mut cluster = Cluster::of(3).configured(|config| {
        config.trailing_entries = 0;
        config.snapshot_chunk_bytes = part;
        config.snapshot_bytes_in_flight = 4 * part;
    });
    cluster.partition(&[&[1, 2], &[3]]);
    cluster.elect(1);
    (1..=commands).for_each(|command| cluster.propose(1, command));
    cluster.settle();
    cluster.beat(1);
    for id in [1, 2] {
        cluster.take_snapshot(id);
    }
    cluster.settle();
    cluster.heal();
    cluster
}

fn is_caught_up(cluster: &Cluster, commands: u64) -> bool {
    cluster.applied(3) == (1..=commands).collect::<Vec<_>>()
}

/// Where a part begins, if the message is one.
fn offset(envelope: &Envelope) -> Option<u64> {
    match &envelope.message {
        Message::InstallSnapshot(part) => Some(part.offset),
        _ => None,
    }
}

fn take_oldest(cluster: &mut Cluster) -> Option<Envelope> {
    let mut wires = cluster.take(|_| true).into_iter();
    let oldest = wires.next();
    wires.for_each(|later| cluster.put_back(later));
    oldest
}

/// One exchange between the leader and server 3; a heartbeat where all is quiet. Returns where the parts sent begin.
fn exchange(cluster: &mut Cluster, leader: u64) -> Vec<u64> {
    if cluster.on_the_wires().next().is_none() {
        cluster.deadline(leader);
    }
    let offsets = cluster.on_the_wires().filter_map(offset).collect();
    for id in cluster.ids().into_iter().filter(|id| *id != leader) {
        cluster.deliver_from_to(leader, id);
        cluster.persist(id);
    }
    for id in cluster.ids() {
        cluster.deliver_from_to(id, leader);
    }
    cluster.persist(leader);
    offsets
}

/// Exchanges until server 3 has installed a snapshot. Returns where the parts that were sent began.
fn finish(cluster: &mut Cluster, leader: u64) -> Vec<u64> {
    let mut offsets = Vec::new();
    for _exchange in 0..500 {
        if !cluster.restored_snapshots(3).is_empty() {
            return offsets;
        }
        offsets.extend(exchange(cluster, leader));
    }
    panic!("it never arrives: {offsets:?}");
}

/// Exchanges until so many bytes are on server 3's disk.
fn exchange_until_staged(cluster: &mut Cluster, leader: u64, bytes: usize) {
    for _exchange in 0..500 {
        if cluster.disk(3).staged.as_ref().is_some_and(|(_, staged)| staged.len() >= bytes) {
            return cluster.drop_all();
        }
        exchange(cluster, leader);
    }
    panic!("so much never arrives");
}

// 20 commands are 160 bytes.
#[test]
fn a_snapshot_arrives_in_parts_of_any_size() {
    for (commands, part) in [(20, 1), (20, 8), (20, 160), (20, 159), (20, 161), (20, 1000), (0, 1), (0, 1000)] {
        let mut cluster = far_behind(commands, part);
        for _beat in 0..3 {
            cluster.beat(1);
        }
        assert!(is_caught_up(&cluster, commands), "{commands} commands by {part} bytes");
        assert_eq!(cluster.restored_snapshots(3).len(), 1);
        assert_eq!(cluster.commit(3), cluster.commit(1));
    }
}

#[test]
fn parts_in_the_wrong_order_and_several_times_harm_nothing() {
    for (order, times) in [(Order::NewestFirst, 1), (Order::NewestFirst, 3), (Order::OldestFirst, 3)] {
        let mut cluster = far_behind(20, 8);
        for _beat in 0..40 {
            cluster.deadline(1);
            cluster.settle_in(order, times);
        }
        assert!(is_caught_up(&cluster, 20), "{times} copies");
        assert_eq!(cluster.restored_snapshots(3).len(), 1);
    }
}

#[test]
fn a_snapshot_arrives_where_every_third_message_is_lost() {
    let mut cluster = far_behind(20, 8);
    let mut count = 0;
    for _beat in 0..300 {
        cluster.deadline(1);
        while let Some(envelope) = take_oldest(&mut cluster) {
            count += 1;
            if count % 3 != 0 {
                cluster.deliver(envelope);
            }
            cluster.ids().into_iter().for_each(|id| cluster.persist(id));
        }
    }
    assert!(is_caught_up(&cluster, 20));
}

#[test]
fn an_undisturbed_snapshot_is_sent_once() {
    let mut cluster = far_behind(20, 8);
    assert_eq!(finish(&mut cluster, 1), (0..20).map(|part| 8 * part).collect::<Vec<_>>());
}

#[test]
fn after_a_restart_of_the_receiver_only_what_it_lacks_is_sent() {
    let mut cluster = far_behind(20, 8);
    exchange_until_staged(&mut cluster, 1, 96);
    let staged = cluster.disk(3).staged.as_ref().map_or(0, |(_, bytes)| bytes.len() as u64);
    cluster.restart(3);
    let offsets = finish(&mut cluster, 1);
    assert!(offsets.iter().all(|offset| offset + 32 >= staged), "{offsets:?} after {staged}");
    assert!(is_caught_up(&cluster, 20));
}

#[test]
fn a_receiver_that_lost_its_staged_bytes_gets_them_again() {
    let mut cluster = far_behind(20, 8);
    exchange_until_staged(&mut cluster, 1, 96);
    cluster.wipe(3);
    finish(&mut cluster, 1);
    assert!(is_caught_up(&cluster, 20));
}

#[test]
fn after_a_restart_of_the_sender_only_what_is_lacking_is_sent() {
    let mut cluster = far_behind(20, 8);
    exchange_until_staged(&mut cluster, 1, 96);
    cluster.restart(1);
    cluster.elect_by(1, [2, 3]);
    let mut offsets = finish(&mut cluster, 1);
    offsets.retain(|offset| *offset >= 32);
    assert!(offsets[0] >= 96, "beyond the first window it goes on where it was: {offsets:?}");
    assert!(is_caught_up(&cluster, 20));
}

#[test]
fn a_new_leader_with_the_same_snapshot_goes_on_where_the_old_one_was() {
    let mut cluster = far_behind(20, 8);
    exchange_until_staged(&mut cluster, 1, 96);
    cluster.crash(1);
    cluster.elect_by(2, [3, 3]);
    let mut offsets = finish(&mut cluster, 2);
    offsets.retain(|offset| *offset >= 32);
    assert!(offsets[0] >= 96, "{offsets:?}");
    assert!(is_caught_up(&cluster, 20));
}

#[test]
fn a_new_leader_with_another_snapshot_starts_over() {
    let mut cluster = far_behind(20, 8);
    exchange_until_staged(&mut cluster, 1, 96);
    // Server 2 alone takes the lead, and another snapshot.
    cluster.partition(&[&[1, 2], &[3]]);
    cluster.elect(2);
    cluster.propose(2, 21);
    cluster.settle();
    cluster.take_snapshot(2);
    cluster.settle();
    cluster.heal();
    cluster.crash(1);
    cluster.drop_all();
    let offsets = finish(&mut cluster, 2);
    assert_eq!(offsets.iter().filter(|offset| (32..96).contains(*offset)).count(), 8, "{offsets:?}");
    assert!(is_caught_up(&cluster, 21));
}

#[test]
fn a_snapshot_that_the_sender_threw_away_is_replaced_on_its_way() {
    let mut cluster = far_behind(20, 8);
    exchange_until_staged(&mut cluster, 1, 32);
    cluster.propose(1, 21);
    exchange(&mut cluster, 1);
    cluster.take_snapshot(1);
    cluster.persist(1);
    cluster.clear_shelf(1);
    finish(&mut cluster, 1);
    assert!(is_caught_up(&cluster, 21));
}

#[test]
fn the_log_goes_on_after_a_snapshot() {
    let mut cluster = far_behind(20, 8);
    finish(&mut cluster, 1);
    (21..=25).for_each(|command| cluster.propose(1, command));
    cluster.settle();
    cluster.beat(1);
    assert!(is_caught_up(&cluster, 25));
}

#[test]
fn what_was_installed_survives_a_restart() {
    let mut cluster = far_behind(20, 8);
    finish(&mut cluster, 1);
    cluster.restart(3);
    assert!(is_caught_up(&cluster, 20));
    assert_eq!(cluster.raft(3).log().base(), at(21, 1));
}

#[test]
fn a_server_that_installed_a_snapshot_can_lead_and_send_it_on() {
    let mut cluster = far_behind(20, 8);
    finish(&mut cluster, 1);
    cluster.settle();
    cluster.beat(1);
    cluster.join(4);
    cluster.elect(3);
    cluster.change_membership(3, 70, &[add_voter(4)]);
    cluster.settle();
    for _beat in 0..3 {
        cluster.beat(3);
    }
    assert_eq!(cluster.applied(4), cluster.applied(3));
    assert_eq!(cluster.restored_snapshots(4), [21]);
}

#[test]
fn leadership_is_handed_over_after_a_snapshot() {
    let mut cluster = far_behind(20, 8);
    cluster.transfer_leadership(1, 3);
    cluster.settle();
    for _beat in 0..3 {
        if cluster.role(1) == RoleName::Leader {
            cluster.beat(1);
        }
    }
    assert_eq!(
        (cluster.role(3), cluster.transfer_outcomes(1)),
        (RoleName::Leader, &[(3, TransferOutcome::SteppedDown)][..])
    );
}

#[test]
fn a_snapshot_is_not_sent_faster_than_the_rate() {
    let mut cluster = far_behind(20, 8).configured(|config| config.snapshot_bytes_per_heartbeat = 24);
    cluster.elect_by(1, [2, 2]);
    cluster.settle();
    let mut sent = 0;
    for _beat in 0..3 {
        cluster.deadline(1);
        while let Some(envelope) = take_oldest(&mut cluster) {
            sent += u64::from(offset(&envelope).is_some());
            cluster.deliver(envelope);
            cluster.ids().into_iter().for_each(|id| cluster.persist(id));
        }
    }
    assert!((3..=9).contains(&sent), "{sent} parts of 8 bytes in three intervals");
    assert!(!is_caught_up(&cluster, 20));
    for _beat in 0..10 {
        cluster.beat(1);
    }
    assert!(is_caught_up(&cluster, 20));
}

#[test]
fn a_follower_on_its_way_by_snapshot_does_not_campaign_while_it_hears_the_leader() {
    let mut cluster = far_behind(20, 8).configured(|config| config.snapshot_bytes_per_heartbeat = 1);
    cluster.elect_by(1, [2, 2]);
    cluster.settle();
    let term = cluster.term(1);
    cluster.run_for_ms(2000);
    assert!(!is_caught_up(&cluster, 20), "it takes 160 heartbeats");
    assert_eq!((cluster.role(3), cluster.term(3)), (RoleName::Follower, term));
    cluster.step(3, Input::DeadlineReached);
    assert_eq!(cluster.role(3), RoleName::Follower);
}
