//! What comes from disks, peers and clients is decoded without a panic whatever it is, and what was encoded comes back.

#[expect(unreachable_pub, reason = "a library of the fuzz targets as well")]
#[path = "../fuzz/src/lib.rs"]
mod any_bytes;

use bytes::BytesMut;
use kvstore::server::resp::Splitter;
use kvstore::storage::{MemoryFiles, SECTOR};
use kvstore::{Bytes, Command, Condition, Operation, Stamp, decode_message, encode_message};
use proptest::collection::vec;
use proptest::prelude::*;
use raft_core::{
    AppendEntries, AppendEntriesReply, AppendOutcome, Entry, InstallSnapshot, LogIndex, LogPosition, Membership,
    Message, NodeId, Payload, Round, Snapshot, Term,
};

fn some_bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..200).prop_map(Bytes::from)
}

fn position() -> impl Strategy<Value = LogPosition> {
    (any::<u64>(), any::<u64>()).prop_map(|(index, term)| LogPosition { index: LogIndex(index), term: Term(term) })
}

fn membership() -> impl Strategy<Value = Membership> {
    vec(1..50_u64, 1..6).prop_map(|mut ids| {
        ids.sort_unstable();
        ids.dedup();
        let learners = ids.iter().map(|id| NodeId(id + 100)).collect::<Vec<_>>();
        Membership::new(ids.into_iter().map(NodeId), learners).expect("each once")
    })
}

fn entry() -> impl Strategy<Value = Entry<Bytes>> {
    let payload = prop_oneof![
        Just(Payload::Noop),
        some_bytes().prop_map(Payload::Command),
        membership().prop_map(|members| Payload::Membership(members.into())),
    ];
    (any::<u64>(), payload).prop_map(|(term, payload)| Entry { term: Term(term), payload })
}

fn message() -> impl Strategy<Value = Message<Bytes>> {
    let append = (any::<[u64; 4]>(), position(), vec(entry(), 0..5)).prop_map(|(numbers, prev, entries)| {
        Message::AppendEntries(AppendEntries {
            term: Term(numbers[0]),
            attempt: numbers[1],
            round: Round(numbers[2]),
            prev,
            entries: entries.as_slice().into(),
            leader_commit: LogIndex(numbers[3]),
        })
    });
    let conflict = (any::<[u64; 4]>(), position()).prop_map(|(numbers, hint)| {
        let outcome = AppendOutcome::Conflict { attempt: numbers[0], prev_index: LogIndex(numbers[1]), hint };
        Message::AppendEntriesReply(AppendEntriesReply { term: Term(numbers[2]), round: Round(numbers[3]), outcome })
    });
    let install = (any::<[u64; 5]>(), position(), membership(), vec(any::<u8>(), 0..300)).prop_map(
        |(numbers, last, members, data)| {
            let snapshot = Snapshot { last, membership: members.into(), size: numbers[0], checksum: numbers[1] };
            Message::InstallSnapshot(InstallSnapshot {
                term: Term(numbers[2]),
                round: Round(numbers[3]),
                snapshot: snapshot.into(),
                offset: numbers[4],
                data: data.into(),
            })
        },
    );
    prop_oneof![append, conflict, install]
}

fn command() -> impl Strategy<Value = Command> {
    let operation =
        (some_bytes(), some_bytes(), any::<bool>(), 0..3_u8).prop_map(|(key, value, wants_old, which)| match which {
            0 => Operation::Put { key, value, condition: Condition::IfAbsent, wants_old },
            1 => Operation::CompareAndSet { key, expected: wants_old.then(Bytes::new), value },
            _ => Operation::Remove { keys: vec![key, value] },
        });
    (any::<Option<[u64; 3]>>(), any::<[u64; 2]>(), operation).prop_map(|(stamp, [time_ms, trace], operation)| Command {
        stamp: stamp.map(|[session, sequence, unanswered_from]| Stamp { session, sequence, unanswered_from }),
        time_ms,
        trace,
        operation,
    })
}

/// All that the fuzz targets hold of any bytes.
fn hold(bytes: &[u8]) {
    any_bytes::peers(bytes);
    any_bytes::clients(bytes);
    any_bytes::disk(bytes);
}

fn changed(mut bytes: Vec<u8>, changes: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    for (place, byte) in changes {
        let place = place.index(bytes.len());
        bytes[place] = *byte;
    }
    bytes
}

proptest! {
    #[test]
    fn messages_come_back(message in message()) {
        let bytes = encode_message(&message);
        prop_assert_eq!(bytes[0], message.kind());
        prop_assert_eq!(decode_message(&bytes), Ok(message));
    }

    #[test]
    fn commands_come_back(command in command()) {
        prop_assert_eq!(Command::decode(&command.encode()), Ok(command));
    }

    #[test]
    fn a_message_with_a_byte_changed_is_another_or_none(message in message(), place: prop::sample::Index, bits in 1..=255_u8) {
        let mut bytes = encode_message(&message);
        let place = place.index(bytes.len());
        bytes[place] ^= bits;
        prop_assert_ne!(decode_message(&bytes), Ok(message));
    }

    #[test]
    fn what_holds_of_any_bytes_holds_of_noise(noise in vec(any::<u8>(), 0..2_000)) {
        hold(&noise);
    }

    #[test]
    fn what_holds_of_any_bytes_holds_of_messages_with_some_changed(
        message in message(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        hold(&changed(encode_message(&message), &changes));
    }

    #[test]
    fn what_holds_of_any_bytes_holds_of_commands_of_the_log_with_some_changed(
        command in command(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
    ) {
        hold(&changed(command.encode().to_vec(), &changes));
    }

    #[test]
    fn what_holds_of_any_bytes_holds_of_what_looks_like_redis(text in "(\\*[0-9]{0,3}\r\n|\\$[0-9]{0,3}\r\n|[a-zA-Z \"']{0,9}|\r\n|\\*-?1\r\n){0,20}") {
        hold(text.as_bytes());
    }

    #[test]
    fn noise_in_the_place_of_a_log_is_refused_or_empty_without_a_panic(noise in vec(any::<u8>(), 0..4 * SECTOR)) {
        use kvstore::storage::{FileName, FileOperation, recover};
        let mut files = MemoryFiles::default();
        files.carry_out(&FileOperation::Write { file: FileName::Segment(1), offset: 0, data: noise.into() });
        if let Ok(recovered) = recover(&files, 1, 1 << 16) {
            prop_assert!(recovered.restored.entries.is_empty());
        }
    }

    #[test]
    fn commands_of_clients_come_out_however_they_are_cut(
        words in vec(vec(any::<u8>(), 0..50), 1..6),
        cuts in vec(1..20_usize, 1..10),
    ) {
        let mut input = format!("*{}\r\n", words.len()).into_bytes();
        for word in &words {
            input.extend(format!("${}\r\n", word.len()).into_bytes());
            input.extend(word);
            input.extend(b"\r\n");
        }
        let (mut splitter, mut buffer) = (Splitter::default(), BytesMut::new());
        let (mut rest, mut cuts) = (input.as_slice(), cuts.iter().cycle());
        let mut found = None;
        while !rest.is_empty() {
            let (piece, after) = rest.split_at(rest.len().min(*cuts.next().expect("at least one")));
            buffer.extend_from_slice(piece);
            prop_assert!(found.is_none(), "complete before its end");
            found = splitter.next(&mut buffer).expect("a command");
            rest = after;
        }
        prop_assert_eq!(found.map(|found| found.iter().map(|word| word.to_vec()).collect::<Vec<_>>()), Some(words));
    }
}
