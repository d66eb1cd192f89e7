//! What a hostile world may say to a server.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use raft_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entry, InstallSnapshot, InstallSnapshotReply, LogIndex, LogLost,
    LogPosition, MemberChange, Membership, Message, Payload, PreVote, PreVoteReply, ReadIndex, ReadIndexReply,
    ReadMode, RequestVote, RequestVoteReply, Round, Snapshot, SnapshotId, Term, TimeoutNow,
};

use crate::start::{any_change, any_membership, any_payload};

/// One thing that happens to the server. What only makes sense in its present state is said relative to that.
#[derive(Clone, Debug)]
pub(crate) enum Stimulus {
    Receive {
        from: u64,
        message: Message<u64>,
    },
    /// An append that fits the server's log: `back` before its end, in its own term and `later` terms on.
    FittingAppend {
        from: u64,
        back: u64,
        later: u64,
        entries: Vec<(u64, Payload<u64>)>,
        commit_back: i64,
        round: u64,
    },
    /// A vote for, or a refusal of, the campaign that is on.
    FittingVote {
        from: u64,
        granted: bool,
    },
    /// The same of a pre-vote.
    FittingPreVote {
        from: u64,
        granted: bool,
    },
    /// A server with a log like this one's asks for its vote.
    FittingRequest {
        from: u64,
        later: u64,
        ahead: u64,
        priority: u32,
        is_transfer: bool,
        is_pre_vote: bool,
    },
    /// An acknowledgement in the present term, of the log up to `back` before its end.
    FittingAcknowledgement {
        from: u64,
        back: u64,
        rounds_back: u64,
    },
    /// A refusal, in the present term, of the append whose predecessor was `back` before the end of the server's log.
    FittingRefusal {
        from: u64,
        back: u64,
        hint_back: u64,
        rounds_back: u64,
    },
    /// A follower has heard of the leader.
    FittingHeard {
        from: u64,
        rounds_back: u64,
    },
    /// A leader begins to send a snapshot that ends `ahead` of the server's log.
    OfferSnapshot {
        ahead: i64,
        terms_back: u64,
        size: u64,
        membership: Arc<Membership>,
    },
    /// A part of it: `skip` bytes after those that were sent.
    SnapshotPart {
        from: u64,
        later: u64,
        skip: i64,
        length: u64,
        round: u64,
    },
    /// Another server has been elected, and sends a whole snapshot that ends `ahead` of the server's log.
    WholeSnapshot {
        from: u64,
        ahead: i64,
        size: u64,
        membership: Arc<Membership>,
    },
    /// A follower says how much it has of the snapshot that it is being sent.
    FittingSnapshotReply {
        from: u64,
        received: u64,
        rounds_back: u64,
    },
    /// The answer to a part that was to be loaded, the wrong one included.
    Loaded {
        place: usize,
        is_gone: bool,
        shift: u64,
        length: Option<u64>,
    },
    Taken {
        back: i64,
        size: u64,
    },
    TimeoutNow {
        from: u64,
    },
    /// A follower asks for a read index.
    FittingReadIndex {
        from: u64,
        number: u64,
        may_use_lease: bool,
    },
    /// The answer to a read that was sent on.
    FittingReadIndexReply {
        from: u64,
        back: usize,
        ahead: i64,
    },
    LogLost {
        from: u64,
        ahead: i64,
    },
    Propose,
    /// Some at once, or none.
    ProposeAll {
        count: u64,
    },
    Read {
        mode: ReadMode,
    },
    ChangeMembership {
        changes: Vec<MemberChange>,
    },
    TransferLeadership {
        to: u64,
    },
    PeerUnreachable {
        peer: u64,
    },
    /// The oldest write that is under way completes.
    PersistOldest,
    PersistAll,
    Persisted {
        sequence: u64,
    },
    /// The clock moves to the deadline.
    Deadline,
    DeadlineReached,
    /// The clock moves on a little.
    Wait {
        ms: u64,
    },
    /// The clock jumps, back too.
    Clock {
        now: u64,
    },
    /// The server loses what is not on its disk, and starts again.
    Restart,
    /// It campaigns, and wins with the votes of all.
    Elect,
    /// All its followers acknowledge all.
    AcknowledgeAll,
}

/// Sequences in which `plausible` of every `plausible + 1` numbers are small.
pub(crate) fn stimuli(plausible: u32) -> impl Strategy<Value = Vec<Stimulus>> {
    let of_a_leader = prop_oneof![4 => to_a_leader().boxed(), 1 => stimulus(plausible).boxed()];
    let as_leader = vec(of_a_leader, 1..60).prop_map(|mut stimuli| {
        stimuli.splice(0..0, [Stimulus::Elect, Stimulus::PersistAll]);
        stimuli
    });
    prop_oneof![vec(stimulus(plausible), 1..60).boxed(), as_leader.boxed()]
}

/// What happens to a leader and leaves it in its place, most often.
fn to_a_leader() -> impl Strategy<Value = Stimulus> {
    let mode = prop_oneof![Just(ReadMode::ReadIndex), Just(ReadMode::Lease)];
    // Mostly small: 2 to 4 are followers in most clusters.
    let follower = || prop_oneof![3 => 2u64..=4, 1 => 5u64..=6];
    prop_oneof![
        6 => Just(Stimulus::Propose),
        3 => (0u64..6).prop_map(|count| Stimulus::ProposeAll { count }),
        2 => mode.prop_map(|mode| Stimulus::Read { mode }),
        2 => vec(any_change(), 1..3).prop_map(|changes| Stimulus::ChangeMembership { changes }),
        1 => (1u64..8).prop_map(|to| Stimulus::TransferLeadership { to }),
        1 => follower().prop_map(|peer| Stimulus::PeerUnreachable { peer }),
        2 => Just(Stimulus::AcknowledgeAll),
        6 => (follower(), 0u64..3, 0u64..2).prop_map(|(from, back, rounds_back)| {
            Stimulus::FittingAcknowledgement { from, back, rounds_back }
        }),
        4 => (follower(), 0u64..6, 0u64..9, 0u64..2).prop_map(|(from, back, hint_back, rounds_back)| {
            Stimulus::FittingRefusal { from, back, hint_back, rounds_back }
        }),
        1 => (follower(), 0u64..3).prop_map(|(from, rounds_back)| Stimulus::FittingHeard { from, rounds_back }),
        4 => (0i64..3, 0u64..20).prop_map(|(back, size)| Stimulus::Taken { back, size }),
        6 => loaded(),
        3 => (follower(), 0u64..24, 0u64..2).prop_map(|(from, received, rounds_back)| {
            Stimulus::FittingSnapshotReply { from, received, rounds_back }
        }),
        1 => (follower(), 0u64..4, any::<bool>()).prop_map(|(from, number, may_use_lease)| {
            Stimulus::FittingReadIndex { from, number, may_use_lease }
        }),
        1 => whole_snapshot(),
        1 => (follower(), 1u64..4, -2i64..2).prop_map(|(from, back, commit_back)| {
            let entries = vec![(1, Payload::Noop); 3];
            Stimulus::FittingAppend { from, back, later: 1, entries, commit_back, round: 1 }
        }),
        4 => Just(Stimulus::PersistAll),
        1 => Just(Stimulus::PersistOldest),
        4 => Just(Stimulus::Deadline),
        1 => (0u64..100).prop_map(|ms| Stimulus::Wait { ms }),
    ]
}

fn whole_snapshot() -> impl Strategy<Value = Stimulus> {
    (sender(), 0i64..4, 0u64..12, any_membership())
        .prop_map(|(from, ahead, size, membership)| Stimulus::WholeSnapshot { from, ahead, size, membership })
}

/// The answer to what the server wanted loaded, most often the right one.
fn loaded() -> impl Strategy<Value = Stimulus> {
    let is_gone = prop::bool::weighted(0.2);
    let shift = prop_oneof![5 => Just(0u64), 1 => Just(1)];
    (0usize..4, is_gone, shift, option::weighted(0.2, 0u64..24))
        .prop_map(|(place, is_gone, shift, length)| Stimulus::Loaded { place, is_gone, shift, length })
}

fn number(plausible: u32) -> impl Strategy<Value = u64> + Clone {
    let edge = prop_oneof![
        Just(u64::MAX),
        Just(u64::MAX - 1),
        Just(Term::LIMIT.0),
        Just(Term::LIMIT.0 - 1),
        Just(Term::LIMIT.0 + 1),
        any::<u64>(),
    ];
    prop_oneof![plausible => 0u64..6, 1 => edge]
}

fn sender() -> impl Strategy<Value = u64> + Clone {
    // 1 is the server itself, 7 and beyond nobody.
    prop_oneof![20 => 2u64..=6, 1 => Just(1), 1 => 7u64..9, 1 => any::<u64>()]
}

/// The parts are boxed: their shrinking trees would not all fit on a test's stack.
fn stimulus(plausible: u32) -> impl Strategy<Value = Stimulus> {
    prop_oneof![
        16 => fitting().boxed(),
        6 => (sender(), message(plausible)).prop_map(|(from, message)| Stimulus::Receive { from, message }).boxed(),
        12 => of_the_driver(plausible).boxed(),
    ]
}

/// What makes sense in the server's present state, or nearly.
fn fitting() -> impl Strategy<Value = Stimulus> {
    let entries = vec((0u64..2, any_payload()), 0..4);
    let append = (sender(), 0u64..4, 0u64..2, entries, -2i64..4, 0u64..4);
    let request = (sender(), 0u64..2, 0u64..2, 0u32..3, any::<bool>(), any::<bool>());
    prop_oneof![
        6 => append.prop_map(|(from, back, later, entries, commit_back, round)| {
            Stimulus::FittingAppend { from, back, later, entries, commit_back, round }
        }),
        3 => (sender(), any::<bool>()).prop_map(|(from, granted)| Stimulus::FittingVote { from, granted }),
        2 => (sender(), any::<bool>()).prop_map(|(from, granted)| Stimulus::FittingPreVote { from, granted }),
        2 => request.prop_map(|(from, later, ahead, priority, is_transfer, is_pre_vote)| {
            Stimulus::FittingRequest { from, later, ahead, priority, is_transfer, is_pre_vote }
        }),
        4 => (sender(), 0u64..4, 0u64..3).prop_map(|(from, back, rounds_back)| {
            Stimulus::FittingAcknowledgement { from, back, rounds_back }
        }),
        3 => (sender(), 0u64..5, 0u64..5, 0u64..2).prop_map(|(from, back, hint_back, rounds_back)| {
            Stimulus::FittingRefusal { from, back, hint_back, rounds_back }
        }),
        1 => (sender(), 0u64..3).prop_map(|(from, rounds_back)| Stimulus::FittingHeard { from, rounds_back }),
        2 => (-3i64..4, 0u64..2, 0u64..12, any_membership()).prop_map(|(ahead, terms_back, size, membership)| {
            Stimulus::OfferSnapshot { ahead, terms_back, size, membership }
        }),
        4 => (sender(), 0u64..2, -1i64..2, 0u64..12, 0u64..4).prop_map(|(from, later, skip, length, round)| {
            // Most often the next one.
            Stimulus::SnapshotPart { from, later, skip: skip * i64::from(length % 3 == 0), length, round }
        }),
        2 => (sender(), 0u64..24, 0u64..2).prop_map(|(from, received, rounds_back)| {
            Stimulus::FittingSnapshotReply { from, received, rounds_back }
        }),
        1 => whole_snapshot(),
        3 => loaded(),
        4 => (-1i64..3, 0u64..20).prop_map(|(back, size)| Stimulus::Taken { back, size }),
        1 => sender().prop_map(|from| Stimulus::TimeoutNow { from }),
        2 => (sender(), 0u64..4, any::<bool>()).prop_map(|(from, number, may_use_lease)| {
            Stimulus::FittingReadIndex { from, number, may_use_lease }
        }),
        2 => (sender(), 0usize..2, -2i64..3).prop_map(|(from, back, ahead)| {
            Stimulus::FittingReadIndexReply { from, back, ahead }
        }),
        1 => (sender(), prop_oneof![9 => -3i64..=0, 1 => Just(1)])
            .prop_map(|(from, ahead)| Stimulus::LogLost { from, ahead }),
        3 => Just(Stimulus::Elect),
        3 => Just(Stimulus::AcknowledgeAll),
    ]
}

/// What the driver says of its own accord.
fn of_the_driver(plausible: u32) -> impl Strategy<Value = Stimulus> {
    let mode = prop_oneof![Just(ReadMode::ReadIndex), Just(ReadMode::Lease)];
    prop_oneof![
        4 => Just(Stimulus::Propose),
        3 => mode.prop_map(|mode| Stimulus::Read { mode }),
        3 => vec(any_change(), 0..4).prop_map(|changes| Stimulus::ChangeMembership { changes }),
        2 => (1u64..8).prop_map(|to| Stimulus::TransferLeadership { to }),
        1 => sender().prop_map(|peer| Stimulus::PeerUnreachable { peer }),
        4 => Just(Stimulus::PersistOldest),
        5 => Just(Stimulus::PersistAll),
        1 => number(plausible).prop_map(|sequence| Stimulus::Persisted { sequence }),
        6 => Just(Stimulus::Deadline),
        1 => Just(Stimulus::DeadlineReached),
        2 => (0u64..400).prop_map(|ms| Stimulus::Wait { ms }),
        1 => any::<u64>().prop_map(|now| Stimulus::Clock { now }),
        2 => Just(Stimulus::Restart),
    ]
}

fn message(plausible: u32) -> impl Strategy<Value = Message<u64>> {
    let number = move || number(plausible);
    let term = move || number().prop_map(Term);
    let index = move || number().prop_map(LogIndex);
    let round = move || number().prop_map(Round);
    let position = move || (index(), term()).prop_map(|(index, term)| LogPosition { index, term });
    let priority = || prop_oneof![3 => 0u32..2, 1 => Just(u32::MAX)];
    let id =
        move || (position(), number(), number()).prop_map(|(last, size, checksum)| SnapshotId { last, size, checksum });
    let elections = prop_oneof![
        (term(), position(), priority()).prop_map(|(term, last, priority)| Message::PreVote(PreVote {
            term,
            last,
            priority
        })),
        (term(), any::<bool>()).prop_map(|(term, granted)| Message::PreVoteReply(PreVoteReply { term, granted })),
        (term(), position(), priority(), any::<bool>()).prop_map(|(term, last, priority, is_transfer)| {
            Message::RequestVote(RequestVote { term, last, priority, is_transfer })
        }),
        (term(), any::<bool>())
            .prop_map(|(term, granted)| Message::RequestVoteReply(RequestVoteReply { term, granted })),
        term().prop_map(|term| Message::TimeoutNow(TimeoutNow { term })),
    ];
    let append = (term(), number(), round(), position(), vec(entry(plausible), 0..4), index());
    let replication = prop_oneof![
        append.prop_map(|(term, attempt, round, prev, entries, leader_commit)| {
            let entries = entries.into_iter().collect();
            Message::AppendEntries(AppendEntries { term, attempt, round, prev, entries, leader_commit })
        }),
        (term(), round(), outcome(plausible)).prop_map(|(term, round, outcome)| {
            Message::AppendEntriesReply(AppendEntriesReply { term, round, outcome })
        }),
        (term(), index()).prop_map(|(term, acknowledged)| Message::LogLost(LogLost { term, acknowledged })),
    ];
    let part = (term(), round(), id(), any_membership(), number(), vec(any::<u8>(), 0..6));
    let rest = prop_oneof![
        part.prop_map(|(term, round, id, membership, offset, data)| {
            let SnapshotId { last, size, checksum } = id;
            let snapshot = Arc::new(Snapshot { last, membership, size, checksum });
            Message::InstallSnapshot(InstallSnapshot { term, round, snapshot, offset, data: data.into() })
        }),
        (term(), round(), id(), number()).prop_map(|(term, round, snapshot, received)| {
            Message::InstallSnapshotReply(InstallSnapshotReply { term, round, snapshot, received })
        }),
        (term(), number(), any::<bool>()).prop_map(|(term, number, may_use_lease)| {
            Message::ReadIndex(ReadIndex { term, number, may_use_lease })
        }),
        (term(), number(), index()).prop_map(|(term, number, index)| Message::ReadIndexReply(ReadIndexReply {
            term,
            number,
            index
        })),
    ];
    prop_oneof![elections.boxed(), replication.boxed(), rest.boxed()]
}

fn outcome(plausible: u32) -> impl Strategy<Value = AppendOutcome> {
    let number = move || number(plausible);
    prop_oneof![
        number().prop_map(|index| AppendOutcome::Accepted { match_index: LogIndex(index) }),
        (number(), number(), number(), number()).prop_map(|(attempt, prev_index, index, term)| {
            let hint = LogPosition { index: LogIndex(index), term: Term(term) };
            AppendOutcome::Conflict { attempt, prev_index: LogIndex(prev_index), hint }
        }),
        Just(AppendOutcome::Heard),
        Just(AppendOutcome::StaleTerm),
    ]
}

fn entry(plausible: u32) -> impl Strategy<Value = Entry<u64>> {
    (number(plausible), any_payload()).prop_map(|(term, payload)| Entry { term: Term(term), payload })
}
