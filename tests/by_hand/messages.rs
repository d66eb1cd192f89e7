//! Messages know their kinds.

use raft_core::{
    AppendEntriesReply, AppendOutcome, InstallSnapshotReply, LogIndex, LogLost, Message, PreVoteReply, ReadIndex,
    ReadIndexReply, Round, Term,
};
use tests::by_hand::messages::{append, at, install_snapshot, pre_vote, request_vote, snapshot, timeout_now, vote};

#[test]
fn every_message_is_of_the_kind_that_bears_its_name() {
    let (term, number, index, round) = (Term(3), 1, LogIndex(2), Round(0));
    let whole = snapshot(at(2, 1), 1..=3, 4);
    let messages = [
        pre_vote(3, at(0, 0)),
        Message::PreVoteReply(PreVoteReply { term, granted: true }),
        request_vote(3, at(0, 0)),
        vote(3),
        append(3, at(0, 0), [1], 0),
        Message::AppendEntriesReply(AppendEntriesReply { term, round, outcome: AppendOutcome::Heard }),
        install_snapshot(3, &whole, 0, &[0]),
        Message::InstallSnapshotReply(InstallSnapshotReply { term, round, snapshot: whole.id(), received: 1 }),
        timeout_now(3),
        Message::ReadIndex(ReadIndex { term, number, may_use_lease: false }),
        Message::ReadIndexReply(ReadIndexReply { term, number, index }),
        Message::LogLost(LogLost { term, acknowledged: index }),
    ];
    assert_eq!(messages.len(), Message::<u64>::KINDS.len());
    for (message, kind) in messages.iter().zip(0..) {
        assert_eq!(message.kind(), kind, "{message:?}");
        let name = Message::<u64>::KINDS[usize::from(kind)];
        assert!(format!("{message:?}").starts_with(&format!("{name}({name} ")), "{message:?} is no {name}");
    }
}
