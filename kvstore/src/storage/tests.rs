use std::sync::Arc;

use raft_core::{
    Entries, Entry, LogIndex, LogPosition, LogWrite, Membership, NodeId, Payload, Persist, Sequence, Snapshot,
    SnapshotWrite, Term, TermAndVote,
};

use super::*;
use crate::bytes::Bytes;
use crate::{Command, Operation, StateMachine, checksum};

const SERVER: u64 = 1;
/// Room for a few batches only.
const SEGMENT: u64 = 8 * SECTOR as u64;

fn entry(term: u64, text: &str) -> Entry<Bytes> {
    let command = Command::new(Operation::Insert { key: "k".into(), value: text.into() });
    Entry { term: Term(term), payload: Payload::Command(command.encode()) }
}

fn append(first: u64, texts: &[&str]) -> Persist<Bytes> {
    let entries: Entries<Bytes> = texts.iter().map(|text| entry(1, text)).collect();
    let term_and_vote = Some(TermAndVote { term: Term(1), voted_for: Some(NodeId(2)) });
    Persist {
        sequence: Sequence(0),
        term_and_vote,
        snapshot: None,
        log: Some(LogWrite { first: LogIndex(first), entries }),
    }
}

fn snapshot_write(snapshot: SnapshotWrite) -> Persist<Bytes> {
    Persist { sequence: Sequence(0), term_and_vote: None, snapshot: Some(Box::new(snapshot)), log: None }
}

fn snapshot_of(machine: &StateMachine, index: u64) -> (Arc<Snapshot>, Arc<[u8]>) {
    let bytes: Arc<[u8]> = machine.snapshot().into();
    let membership = Arc::new(Membership::new([NodeId(1), NodeId(2)], []).expect("two"));
    let last = LogPosition { index: LogIndex(index), term: Term(1) };
    (Arc::new(Snapshot { last, membership, size: bytes.len() as u64, checksum: checksum(&bytes) }), bytes)
}

fn some_state() -> StateMachine {
    let mut machine = StateMachine::default();
    for index in 1..100 {
        let insert = Operation::Insert { key: format!("{index}").as_str().into(), value: "value".into() };
        machine.apply(index, Some(&Command::new(insert).encode()));
    }
    machine
}

/// A disk that does all it is told, with the server that writes to it.
struct Bench {
    files: MemoryFiles,
    log: Log,
}

impl Bench {
    fn new() -> Self {
        let files = MemoryFiles::default();
        let log = recover(&files, SERVER, SEGMENT).expect("an empty disk").log;
        Self { files, log }
    }

    fn write(&mut self, writes: &[Persist<Bytes>]) -> Batch {
        let batch = self.log.batch(writes, |_| false).expect("writes that fit");
        self.files.carry_out_all(&batch);
        batch
    }

    fn texts(&self) -> Vec<String> {
        texts(&recover(&self.files, SERVER, SEGMENT).expect("whole"))
    }
}

fn texts(recovered: &Recovered) -> Vec<String> {
    let text = |entry: &Entry<Bytes>| match &entry.payload {
        Payload::Command(command) => match Command::decode(command).expect("a command").operation {
            Operation::Insert { value, .. } => value.display().to_string(),
            other => other.to_string(),
        },
        other => format!("{other:?}"),
    };
    recovered.restored.entries.iter().map(text).collect()
}

fn write_sectors(batch: &Batch) -> Vec<FileOperation> {
    let mut pieces = Vec::new();
    for operation in &batch.log {
        match operation {
            FileOperation::Write { file, offset, data } => {
                for (place, sector) in data.chunks(SECTOR).enumerate() {
                    let offset = offset + (place * SECTOR) as u64;
                    pieces.push(FileOperation::Write { file: *file, offset, data: sector.into() });
                }
            }
            other => pieces.push(other.clone()),
        }
    }
    pieces
}

#[test]
fn what_was_written_is_found_again_through_any_number_of_segments() {
    let mut bench = Bench::new();
    let mut expected = Vec::new();
    for index in 1..=40 {
        let text = format!("text {index}");
        bench.write(&[append(index, &[&text])]);
        expected.push(text);
        assert_eq!(bench.texts(), expected);
    }
    let recovered = recover(&bench.files, SERVER, SEGMENT).expect("whole");
    assert!(recovered.report.segments > 3);
    assert_eq!(recovered.restored.term_and_vote, TermAndVote { term: Term(1), voted_for: Some(NodeId(2)) });
}

#[test]
fn a_restarted_server_goes_on_where_it_was() {
    let mut bench = Bench::new();
    for index in 1..=20_u64 {
        bench.write(&[append(index, &["x"])]);
        if index.is_multiple_of(3) {
            bench.log = recover(&bench.files, SERVER, SEGMENT).expect("whole").log;
        }
    }
    assert_eq!(bench.texts().len(), 20);
}

#[test]
fn entries_that_are_overwritten_are_gone() {
    let mut bench = Bench::new();
    bench.write(&[append(1, &["a", "b", "c"]), append(2, &["d"])]);
    assert_eq!(bench.texts(), ["a", "d"]);
    bench.write(&[append(2, &[])]);
    assert_eq!(bench.texts(), ["a"]);
}

#[test]
fn a_batch_that_a_crash_cut_anywhere_is_left_out_whole_and_nothing_before_it() {
    let long = "x".repeat(1_200);
    for begins_segment in [false, true] {
        let mut bench = Bench::new();
        bench.write(&[append(1, &["first"])]);
        if begins_segment {
            bench.log = recover(&bench.files, SERVER, SEGMENT).expect("whole").log;
        }
        let before = bench.files.clone();
        let batch = bench.log.batch(&[append(2, &[&long])], |_| false).expect("a write");
        let pieces = write_sectors(&batch);
        assert!(pieces.len() >= 3);
        // Any subset of its sectors, in any order: what matters is which are there.
        for there in 0..1_u32 << pieces.len() {
            let mut files = before.clone();
            for (place, piece) in pieces.iter().enumerate() {
                if there & 1 << place != 0 {
                    files.carry_out(piece);
                }
            }
            let is_whole = pieces
                .iter()
                .enumerate()
                .all(|(place, piece)| there & 1 << place != 0 || matches!(piece, FileOperation::Create { .. }));
            let recovered = recover(&files, SERVER, SEGMENT).expect("a torn tail is no damage");
            let expected: &[&str] = if is_whole { &["first", &long] } else { &["first"] };
            assert_eq!(texts(&recovered), expected, "{there:b}");
            // And it goes on from there, over a second crash.
            let mut log = recovered.log;
            let next = expected.len() as u64 + 1;
            files.carry_out_all(&log.batch(&[append(next, &["next"])], |_| false).expect("a write"));
            let recovered = recover(&files, SERVER, SEGMENT).expect("whole");
            assert_eq!(texts(&recovered).last().map(String::as_str), Some("next"), "{there:b}");
        }
    }
}

#[test]
fn one_flipped_bit_in_what_was_durable_is_never_taken_for_a_torn_tail() {
    let mut bench = Bench::new();
    let mut refused = 0;
    for index in 1..=12_u64 {
        bench.write(&[append(index, &["some text"])]);
        if index == 6 {
            bench.log = recover(&bench.files, SERVER, SEGMENT).expect("whole").log;
        }
        refused += refused_of_all_flips(&bench);
    }
    assert!(refused > 10_000);
}

fn refused_of_all_flips(bench: &Bench) -> u32 {
    let whole = bench.texts();
    let names: Vec<_> = bench.files.iter().map(|(file, bytes)| (file, bytes.len())).collect();
    let mut refused = 0;
    for (file, length) in names {
        for place in 0..length {
            let mut files = bench.files.clone();
            files.bytes_mut(file).expect("there")[place] ^= 1 << ((place ^ whole.len()) % 8);
            match recover(&files, SERVER, SEGMENT) {
                // Where nothing was ever written, or what a batch does not fill of its sector.
                Ok(recovered) => assert_eq!(texts(&recovered), whole, "{file}, byte {place}"),
                Err(StorageError::Damaged { .. }) => refused += 1,
                Err(other) => panic!("{other}"),
            }
        }
    }
    refused
}

#[test]
fn a_durable_sector_that_is_empty_before_a_later_batch_is_damage() {
    let mut bench = Bench::new();
    for index in 1..=3 {
        bench.write(&[append(index, &["x"])]);
    }
    for sector in 0..3 {
        let mut files = bench.files.clone();
        files.bytes_mut(FileName::Segment(1)).expect("there")[sector * SECTOR..][..SECTOR].fill(0);
        assert!(matches!(recover(&files, SERVER, SEGMENT), Err(StorageError::Damaged { .. })), "sector {sector}");
    }
}

#[test]
fn a_segment_or_snapshot_that_is_missing_is_damage() {
    let mut bench = Bench::new();
    for index in 1..=20 {
        bench.write(&[append(index, &["x"])]);
    }
    let names: Vec<_> = bench.files.iter().map(|(file, _)| file).collect();
    for file in &names[..names.len() - 1] {
        let mut files = bench.files.clone();
        files.carry_out(&FileOperation::Remove { file: *file });
        assert!(recover(&files, SERVER, SEGMENT).is_err(), "{file}");
    }
}

#[test]
fn the_files_of_another_server_are_refused() {
    let mut bench = Bench::new();
    bench.write(&[append(1, &["x"])]);
    let refused = recover(&bench.files, 2, SEGMENT);
    assert!(matches!(refused, Err(StorageError::OtherServer { found: 1, expected: 2 })));
}

#[test]
fn a_snapshot_taken_here_lets_old_segments_go() {
    let mut bench = Bench::new();
    for index in 1..=30 {
        bench.write(&[append(index, &["x"])]);
    }
    let machine = some_state();
    let (snapshot, bytes) = snapshot_of(&machine, 28);
    let file = FileName::of_snapshot(snapshot.id());
    bench.files.carry_out(&FileOperation::Write { file, offset: 0, data: bytes });
    let base = LogPosition { index: LogIndex(25), term: Term(1) };
    bench.write(&[snapshot_write(SnapshotWrite::Taken { snapshot: snapshot.clone(), base })]);
    let recovered = recover(&bench.files, SERVER, SEGMENT).expect("whole");
    assert!(recovered.machine == machine);
    assert_eq!((recovered.restored.base, recovered.restored.entries.len()), (base, 5));
    assert!(recovered.report.segments <= 3, "{:?}", recovered.report);
    // The bytes of a snapshot are durable too.
    for place in (0..snapshot.size as usize).step_by(7) {
        let mut files = bench.files.clone();
        files.bytes_mut(file).expect("there")[place] ^= 4;
        assert!(matches!(recover(&files, SERVER, SEGMENT), Err(StorageError::Damaged { .. })));
    }
}

#[test]
fn a_snapshot_from_the_leader_comes_in_parts_survives_restarts_and_takes_the_place_of_the_log() {
    let mut bench = Bench::new();
    bench.write(&[append(1, &["old"])]);
    let machine = some_state();
    let (snapshot, bytes) = snapshot_of(&machine, 500);
    let mut offset = 0;
    for data in bytes.chunks(300) {
        let is_complete = offset + data.len() == bytes.len();
        let chunk =
            SnapshotWrite::Chunk { snapshot: snapshot.clone(), offset: offset as u64, data: data.into(), is_complete };
        bench.write(&[snapshot_write(chunk)]);
        offset += data.len();
        let recovered = recover(&bench.files, SERVER, SEGMENT).expect("whole");
        if !is_complete {
            let staged = recovered.restored.staged.as_ref().map(|(_, received)| *received);
            assert_eq!(staged, Some(offset as u64));
        }
        bench.log = recovered.log;
    }
    bench.write(&[append(501, &["new"])]);
    let recovered = recover(&bench.files, SERVER, SEGMENT).expect("whole");
    assert!(recovered.machine == machine);
    assert_eq!((recovered.restored.base, texts(&recovered)), (snapshot.last, vec!["new".to_owned()]));
}

#[test]
fn what_a_crash_left_of_a_snapshot_is_not_removed_once_it_comes_again() {
    let mut bench = Bench::new();
    let machine = some_state();
    let (snapshot, bytes) = snapshot_of(&machine, 500);
    // A crash came after some of its bytes and before the log spoke of them.
    let file = FileName::of_snapshot(snapshot.id());
    bench.files.carry_out(&FileOperation::Write { file, offset: 0, data: bytes[..9].into() });
    bench.log = recover(&bench.files, SERVER, SEGMENT).expect("whole").log;
    for (offset, end, is_complete) in [(0, 100, false), (100, bytes.len(), true)] {
        let (snapshot, data) = (snapshot.clone(), bytes[offset..end].into());
        let chunk = SnapshotWrite::Chunk { snapshot, offset: offset as u64, data, is_complete };
        bench.write(&[snapshot_write(chunk)]);
    }
    assert!(recover(&bench.files, SERVER, SEGMENT).expect("whole").machine == machine);
}

#[test]
fn a_damaged_part_of_a_snapshot_on_its_way_is_fetched_again() {
    let mut bench = Bench::new();
    let (snapshot, bytes) = snapshot_of(&some_state(), 500);
    let data: Arc<[u8]> = bytes[..100].into();
    bench.write(&[snapshot_write(SnapshotWrite::Chunk {
        snapshot: snapshot.clone(),
        offset: 0,
        data,
        is_complete: false,
    })]);
    bench.files.bytes_mut(FileName::of_snapshot(snapshot.id())).expect("there")[50] ^= 1;
    let recovered = recover(&bench.files, SERVER, SEGMENT).expect("not damage");
    assert!(recovered.restored.staged.is_none() && recovered.report.dropped_staged);
}

#[test]
fn a_snapshot_whose_bytes_are_not_those_it_promises_is_never_installed() {
    let mut bench = Bench::new();
    let (snapshot, bytes) = snapshot_of(&some_state(), 500);
    let mut data = bytes.to_vec();
    data[9] ^= 1;
    let chunk = SnapshotWrite::Chunk { snapshot, offset: 0, data: data.into(), is_complete: true };
    assert!(bench.log.batch(&[snapshot_write(chunk)], |_| false).is_err());
}

#[test]
fn a_directory_holds_what_memory_holds() {
    let path = std::env::temp_dir().join(format!("kvstore-directory-{}", std::process::id()));
    let mut bench = Bench::new();
    {
        let mut directory = Directory::open(&path).expect("a new directory");
        assert!(Directory::open(&path).is_err(), "one server at a time");
        for index in 1..=20 {
            directory.carry_out(&bench.write(&[append(index, &["x"])])).expect("a disk that works");
        }
    }
    let directory = Directory::open(&path).expect("the same again");
    let recovered = recover(&directory, SERVER, SEGMENT).expect("whole");
    assert_eq!(texts(&recovered), bench.texts());
    drop(directory);
    std::fs::remove_dir_all(&path).expect("ours");
}
