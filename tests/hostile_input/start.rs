//! What a server may start with: any configuration that is accepted, and any disk that a Raft may have written.

use std::sync::Arc;
use std::time::Duration;

use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use raft_core::{
    Config, Entry, LogIndex, LogPosition, Member, MemberChange, MemberRole, Membership, NodeId, Payload, Restored,
    Snapshot, Term, TermAndVote,
};

pub(crate) const ME: NodeId = NodeId(1);
/// The ids that are members now and then.
const IDS: u64 = 6;

/// A server before its first step.
#[derive(Clone, Debug)]
pub(crate) struct Start {
    pub(crate) config: Config,
    pub(crate) restored: Restored<u64>,
}

pub(crate) fn any_start() -> impl Strategy<Value = Start> {
    (any_config().boxed(), any_restored().boxed()).prop_map(|(config, restored)| Start { config, restored })
}

fn any_config() -> impl Strategy<Value = Config> {
    let voters = prop_oneof![
        6 => (1..=5u64).prop_map(|count| (1..=count).map(NodeId).collect::<Vec<_>>()),
        2 => btree_set((1..=IDS).prop_map(NodeId), 1..4).prop_map(|ids| ids.into_iter().collect()),
        1 => Just(Vec::new()),
    ];
    let learners = prop_oneof![3 => Just(Vec::new()), 1 => vec((1..=IDS).prop_map(NodeId), 1..3)];
    let switches = (any::<bool>(), any::<bool>(), option::of(select(vec![0, 100, 500_000, 999_999])), any::<bool>());
    let priority = select(vec![0, 0, 1, u32::MAX]);
    let appends = (select(vec![1, 2, 1024]), bytes(), select(vec![1, 2, 256]), bytes(), bytes());
    let snapshots = (select(vec![0, 1, 3, u64::MAX]), bytes(), bytes(), bytes());
    (voters, learners, switches, priority, appends, snapshots).prop_map(
        |(voters, mut learners, (pre_vote, check_quorum, drift, forward_reads), priority, appends, snapshots)| {
            learners.sort_unstable();
            learners.dedup();
            learners.retain(|id| !voters.is_empty() && !voters.contains(id));
            Config {
                learners,
                election_timeout: Duration::from_millis(150)..Duration::from_millis(300),
                pre_vote,
                check_quorum,
                lease_clock_drift_ppm: drift.filter(|_| check_quorum),
                priority,
                forward_reads,
                max_entries_per_append: appends.0,
                max_bytes_per_append: appends.1,
                max_appends_in_flight: appends.2,
                max_bytes_in_flight: appends.3,
                max_uncommitted_bytes: appends.4,
                trailing_entries: snapshots.0,
                snapshot_chunk_bytes: snapshots.1,
                snapshot_bytes_in_flight: snapshots.2,
                snapshot_bytes_per_heartbeat: snapshots.3,
                ..Config::new(ME, voters)
            }
        },
    )
}

/// Bounds that let one thing through, a few, or everything.
fn bytes() -> impl Strategy<Value = u64> + Clone {
    select(vec![1, 3, 60, 1 << 20, u64::MAX])
}

/// Memberships joint and not; now and then one in which nobody votes, or nobody is.
pub(crate) fn any_membership() -> impl Strategy<Value = Arc<Membership>> {
    let ids = || btree_set((1..=IDS).prop_map(NodeId), 0..4);
    let sensible = (ids(), ids(), vec(any_change(), 0..4)).prop_map(|(voters, learners, changes)| {
        let learners: Vec<_> = learners.difference(&voters).copied().collect();
        let membership = Membership::new(voters, learners).expect("each is named once");
        // Most often joint, where the changes make sense together.
        Arc::new(membership.changed(&changes).unwrap_or(membership))
    });
    let role = select(vec![
        MemberRole::Voter,
        MemberRole::Incoming,
        MemberRole::Outgoing { becomes_learner: false },
        MemberRole::Outgoing { becomes_learner: true },
        MemberRole::Learner { is_promoted: false },
        MemberRole::Learner { is_promoted: true },
    ]);
    let any = btree_map((1..=IDS).prop_map(NodeId), role, 0..5).prop_map(|members| {
        let members: Vec<_> = members.into_iter().map(|(id, role)| Member { id, role }).collect();
        Arc::new(Membership::try_from(members).expect("each is named once"))
    });
    prop_oneof![3 => sensible, 1 => any].boxed()
}

pub(crate) fn any_change() -> impl Strategy<Value = MemberChange> {
    let id = || (1..=IDS).prop_map(NodeId);
    prop_oneof![
        id().prop_map(MemberChange::AddVoter),
        id().prop_map(MemberChange::AddVoterOnceCaughtUp),
        id().prop_map(MemberChange::AddLearner),
        id().prop_map(MemberChange::Remove),
    ]
}

pub(crate) fn any_payload() -> impl Strategy<Value = Payload<u64>> {
    prop_oneof![
        4 => any::<u64>().prop_map(Payload::Command),
        1 => Just(Payload::Noop),
        2 => any_membership().prop_map(Payload::Membership),
    ]
    .boxed()
}

/// A log whose terms do not fall, a snapshot that ends in it or before it, and whatever else a disk may hold.
fn any_restored() -> impl Strategy<Value = Restored<u64>> {
    // Where the log begins: most often at its first entry, else anywhere up to where indexes end.
    let shift = prop_oneof![4 => Just(0u64), 1 => 1u64..5, 1 => LogIndex::LIMIT.0 - 8..=LogIndex::LIMIT.0 - 4];
    let log = vec((0u64..2, any_payload()), 0..5);
    let cuts = (0usize..5, 0usize..5);
    let later = prop_oneof![8 => 0u64..3, 1 => Just(u64::MAX)];
    let vote = option::of((1..=IDS).prop_map(NodeId));
    let staged = option::of((0u64..8, 0u64..9, any_membership()));
    (shift, log, cuts, any_membership(), 0u64..20, (later, vote, staged)).prop_map(
        |(shift, log, cuts, membership, size, (later, vote, staged))| {
            let mut term = Term(u64::from(shift > 0));
            let mut terms = vec![term];
            let mut entries = Vec::new();
            for (rise, payload) in log {
                // Nobody is elected in term 0.
                term = Term((term.0 + rise).max(1));
                terms.push(term);
                entries.push(Entry { term, payload });
            }
            let (a, b) = (cuts.0.min(entries.len()), cuts.1.min(entries.len()));
            let (cut, taken) = (a.min(b), a.max(b));
            let place = |offset: usize| LogPosition { index: LogIndex(shift + offset as u64), term: terms[offset] };
            let snapshot = |last| Arc::new(Snapshot { last, membership: membership.clone(), size, checksum: 0 });
            let has_snapshot = place(taken) != LogPosition::ORIGIN;
            entries.drain(..cut);
            let term = Term(term.0.saturating_add(later).min(Term::LIMIT.0));
            let staged = staged.map(|(ahead, received, membership)| {
                let last = LogPosition { index: LogIndex(shift + ahead), term: Term(term.0.max(1)) };
                (Arc::new(Snapshot { last, membership, size: 8, checksum: 1 }), received.min(8))
            });
            Restored {
                term_and_vote: TermAndVote { term, voted_for: vote.filter(|_| term > Term(0)) },
                snapshot: has_snapshot.then(|| snapshot(place(taken))),
                base: place(cut),
                entries,
                staged,
            }
        },
    )
}
