//! What must hold of any bytes that strangers send, and disks give back: a body for each fuzz target. `kvstore/tests/codecs.rs` runs
//! them on bytes of proptest's.
//!
//! `cargo +nightly fuzz run peers --fuzz-dir kvstore/fuzz` from the project's folder; or `clients`, or `disk`.

use bytes::BytesMut;
use kvstore::server::resp::{LONGEST_COMMAND, Splitter};
use kvstore::server::{frame, handshake};
use kvstore::storage::{FileName, FileOperation, MemoryFiles, Record, batch_in, recover};
use kvstore::{Command, StateMachine, decode_message, encode_message};
use raft_core::NodeId;

/// What comes in on the peers' port: a handshake, the header of a frame, and what a frame holds.
///
/// # Panics
/// Where a message that was read is another one after it was written, or a frame may be longer than any is.
pub fn peers(bytes: &[u8]) {
    if let Some(hello) = bytes.first_chunk() {
        let _ = handshake::read_hello(NodeId(1), hello);
    }
    if let Some(header) = bytes.first_chunk()
        && let Ok(rest) = frame::rest_of_frame(*header)
    {
        assert!(rest <= frame::LONGEST_FRAME + 64, "{rest} bytes are waited for");
    }
    // The other side has a key of its own: nothing that was not sealed with it is read.
    let secret = handshake::Secret::new(b"a secret");
    let hello = handshake::hello(NodeId(2), NodeId(1), [1; 16]);
    let welcome = handshake::welcome(&secret, NodeId(1), &hello, [2; 16]);
    if let Ok((_, mut seal)) = handshake::accept_welcome(&secret, NodeId(1), &hello, &welcome) {
        assert!(seal.read(bytes).is_err(), "a frame that nobody sealed");
    }
    if let Ok(message) = decode_message(bytes) {
        assert_eq!(decode_message(&encode_message(&message)).as_ref(), Ok(&message));
    }
}

/// What comes in on the clients' port: the same commands and the same refusal however the bytes are cut.
///
/// # Panics
/// Where they are not, or where more is kept than a command may have.
pub fn clients(bytes: &[u8]) {
    let (whole, is_refused) = commands(bytes, bytes.len().max(1));
    for piece in [1, 7] {
        let (cut, is_cut_refused) = commands(bytes, piece);
        assert_eq!((cut, is_cut_refused), (whole.clone(), is_refused), "in pieces of {piece}");
    }
}

/// The commands that come out where `bytes` come in pieces, and whether the connection is closed after them.
fn commands(bytes: &[u8], piece: usize) -> (Vec<Vec<Vec<u8>>>, bool) {
    let (mut splitter, mut buffer, mut commands) = (Splitter::default(), BytesMut::new(), Vec::new());
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        loop {
            match splitter.next(&mut buffer) {
                Ok(Some(command)) => commands.push(command.iter().map(|word| word.to_vec()).collect()),
                Ok(None) => break,
                Err(_) => return (commands, true),
            }
        }
        assert!(buffer.len() <= LONGEST_COMMAND + bytes.len(), "{} bytes are kept", buffer.len());
    }
    (commands, false)
}

/// What a disk gives back: records, commands, snapshots and whole segments.
///
/// # Panics
/// Where entries come out of bytes that no server wrote, or what was read is another after it was written.
pub fn disk(bytes: &[u8]) {
    let _ = (Record::all_in(bytes), batch_in(bytes));
    if let Ok(command) = Command::decode(bytes) {
        assert_eq!(Command::decode(&command.encode()).as_ref(), Ok(&command));
    }
    if let Ok(machine) = StateMachine::restore(bytes) {
        assert_eq!(StateMachine::restore(&machine.snapshot()).as_ref(), Ok(&machine));
    }
    let mut files = MemoryFiles::default();
    files.carry_out(&FileOperation::Write { file: FileName::Segment(1), offset: 0, data: bytes.into() });
    // Whatever is wrong with it, an error says so.
    let _ = recover(&files, 1, 1 << 16);
}
