//! What a hostile world may say to a server.

use proptest::collection::vec;
use proptest::prelude::*;
use raft_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entry, LogIndex, LogPosition, Message, Payload, RequestVote,
    RequestVoteReply, Term,
};

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
        terms: Vec<u64>,
        commit: u64,
    },
    /// A vote for, or a refusal of, the campaign that is on.
    FittingVote {
        from: u64,
        granted: bool,
    },
    /// An acknowledgement in the present term.
    FittingAcknowledgement {
        from: u64,
        match_index: u64,
    },
    /// A refusal, in the present term, of the append whose predecessor was `back` before the end of the server's log.
    FittingRefusal {
        from: u64,
        back: u64,
        hint: u64,
    },
    Propose,
    /// The oldest write that is under way completes.
    PersistOldest,
    PersistAll,
    Persisted {
        sequence: u64,
    },
    /// The clock moves to the deadline.
    Deadline,
    DeadlineReached,
    /// The clock jumps, back too.
    Clock {
        now: u64,
    },
}

/// Sequences in which `plausible` of every `plausible + 1` numbers are small.
pub(crate) fn stimuli(plausible: u32) -> impl Strategy<Value = Vec<Stimulus>> {
    vec(stimulus(plausible), 1..60)
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
    // 1 is the server itself, 6 and beyond nobody.
    prop_oneof![20 => 2u64..=5, 1 => Just(1), 1 => 6u64..8, 1 => any::<u64>()]
}

fn stimulus(plausible: u32) -> impl Strategy<Value = Stimulus> {
    prop_oneof![
        6 => (sender(), message(plausible)).prop_map(|(from, message)| Stimulus::Receive { from, message }),
        4 => (sender(), 0u64..4, 0u64..2, vec(0u64..2, 0..4), 0u64..8).prop_map(|(from, back, later, terms, commit)| {
            Stimulus::FittingAppend { from, back, later, terms, commit }
        }),
        3 => (sender(), any::<bool>()).prop_map(|(from, granted)| Stimulus::FittingVote { from, granted }),
        3 => (sender(), 0u64..8).prop_map(|(from, match_index)| Stimulus::FittingAcknowledgement { from, match_index }),
        2 => (sender(), 0u64..5, 0u64..5).prop_map(|(from, back, hint)| Stimulus::FittingRefusal { from, back, hint }),
        3 => Just(Stimulus::Propose),
        3 => Just(Stimulus::PersistOldest),
        3 => Just(Stimulus::PersistAll),
        1 => number(plausible).prop_map(|sequence| Stimulus::Persisted { sequence }),
        4 => Just(Stimulus::Deadline),
        1 => Just(Stimulus::DeadlineReached),
        1 => any::<u64>().prop_map(|now| Stimulus::Clock { now }),
    ]
}

fn message(plausible: u32) -> impl Strategy<Value = Message<u64>> {
    let number = move || number(plausible);
    let term = move || number().prop_map(Term);
    let index = move || number().prop_map(LogIndex);
    let position = move || (index(), term()).prop_map(|(index, term)| LogPosition { index, term });
    let outcome = prop_oneof![
        index().prop_map(|match_index| AppendOutcome::Accepted { match_index }),
        (0u64..3, index(), position()).prop_map(|(attempt, prev_index, hint)| AppendOutcome::Conflict {
            attempt,
            prev_index,
            hint
        }),
        Just(AppendOutcome::StaleTerm),
    ];
    prop_oneof![
        (term(), position()).prop_map(|(term, last)| Message::RequestVote(RequestVote { term, last })),
        (term(), any::<bool>())
            .prop_map(|(term, granted)| Message::RequestVoteReply(RequestVoteReply { term, granted })),
        (term(), position(), vec(entry(plausible), 0..4), index()).prop_map(|(term, prev, entries, leader_commit)| {
            let entries = entries.into_iter().collect();
            Message::AppendEntries(AppendEntries { term, attempt: prev.index.0 % 3, prev, entries, leader_commit })
        }),
        (term(), outcome).prop_map(|(term, outcome)| Message::AppendEntriesReply(AppendEntriesReply { term, outcome })),
    ]
}

fn entry(plausible: u32) -> impl Strategy<Value = Entry<u64>> {
    (number(plausible), any::<bool>()).prop_map(|(term, is_noop)| {
        let payload = if is_noop { Payload::Noop } else { Payload::Command(term) };
        Entry { term: Term(term), payload }
    })
}
