//! What travels between two servers once they have shaken hands: frames of a length, a version, a kind, a content, and a checksum
//! with a key that only this connection has.
//!
//! The checksum covers the frame's number too, so none can be left out, changed, or sent again. Without a secret (`--insecure`)
//! the key comes of the empty one, and what is left is a checksum.

use std::fmt;

use raft_core::{Message, NodeId};

use crate::bytes::Bytes;
use crate::codec::{Malformed, Reader, Write};
use crate::raft_codec::Coded;

/// The version of this protocol.
pub const VERSION: u16 = 1;
/// The most bytes of a frame's content.
pub const LONGEST_FRAME: usize = 16 << 20;

/// A length, a version and a kind.
pub const HEADER: usize = 4 + 1 + 1;
const TAG: usize = 16;

/// Why a connection is closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// The other side does not speak this protocol.
    Stranger,
    /// Nor this version of it.
    Version(u16),
    /// It wanted another server.
    WrongServer(NodeId),
    /// A server of that id is not known here.
    Unknown(NodeId),
    /// It does not know the secret, or the bytes were changed on their way.
    Proof,
    /// A frame's checksum does not match: changed, left out, or sent again.
    Checksum,
    /// A frame claims to be longer than any may be.
    TooLong(u32),
    /// A frame's content makes no sense.
    Content(Malformed),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stranger => write!(f, "it does not speak the peers' protocol"),
            Self::Version(version) => write!(f, "it speaks version {version}, and version {VERSION} is spoken here"),
            Self::WrongServer(id) => write!(f, "it wanted server {id}"),
            Self::Unknown(id) => write!(f, "server {id} is not known here"),
            Self::Proof => write!(f, "it does not know the secret"),
            Self::Checksum => write!(f, "a frame was changed, left out or sent again"),
            Self::TooLong(length) => write!(f, "a frame of {length} bytes, and {LONGEST_FRAME} is the most"),
            Self::Content(problem) => write!(f, "a frame's content: {problem}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// One side's part of a connection's key, and how many frames there were.
#[derive(Clone, Debug)]
pub struct Seal {
    key: [u8; 32],
    number: u64,
}

impl Seal {
    pub(super) fn new(key: [u8; 32]) -> Self {
        Self { key, number: 0 }
    }

    fn next_tag(&mut self, frame: &[u8]) -> [u8; TAG] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        let hash = hasher.update(&self.number.to_le_bytes()).update(frame).finalize();
        self.number += 1;
        *hash.as_bytes().first_chunk().unwrap_or(&[0; TAG])
    }

    /// Appends a frame.
    pub fn write(&mut self, content: &Content, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend([0; 4]);
        out.push(VERSION as u8);
        match content {
            Content::Raft(message) => {
                out.push(0);
                message.encode(out);
            }
            Content::Introduction { clients } => {
                out.push(1);
                out.bytes(clients.as_bytes());
            }
        }
        let length = (out.len() - start - HEADER) as u32;
        out[start..start + 4].copy_from_slice(&length.to_le_bytes());
        let tag = self.next_tag(&out[start..]);
        out.extend(tag);
    }

    /// The content of the next frame: its header, its content and its tag, all of it.
    ///
    /// # Errors
    /// Where it is not the next frame as it was sent.
    pub fn read(&mut self, frame: &[u8]) -> Result<Content, Refusal> {
        let (sealed, tag) = frame.split_last_chunk::<TAG>().ok_or(Refusal::Checksum)?;
        let expected = self.next_tag(sealed);
        // Whoever guesses wrong once is cut off: how long the comparison takes helps nobody.
        if expected != *tag || sealed.len() < HEADER {
            return Err(Refusal::Checksum);
        }
        Content::decode(sealed[5], &sealed[HEADER..]).map_err(Refusal::Content)
    }
}

/// How many bytes follow a frame's header.
///
/// # Errors
/// Where it is of another version, or claims to be longer than any may be.
pub fn rest_of_frame(header: [u8; HEADER]) -> Result<usize, Refusal> {
    let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]);
    if u16::from(header[4]) != VERSION {
        return Err(Refusal::Version(header[4].into()));
    }
    if length as usize > LONGEST_FRAME {
        return Err(Refusal::TooLong(length));
    }
    Ok(length as usize + TAG)
}

/// What a frame says.
#[derive(Clone, PartialEq, Debug)]
pub enum Content {
    /// For the replica.
    Raft(Message<Bytes>),
    /// What the sender wants known of itself.
    Introduction {
        /// Where it listens for clients.
        clients: String,
    },
}

impl Content {
    fn decode(kind: u8, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(bytes);
        let content = match kind {
            0 => Self::Raft(Message::decode(&mut reader)?),
            1 => {
                let clients = std::str::from_utf8(reader.slice()?).map_err(|_| Malformed::Nonsense("not text"))?;
                if clients.len() > 256 {
                    return Err(Malformed::Nonsense("an address is longer than 256 bytes"));
                }
                Self::Introduction { clients: clients.to_owned() }
            }
            number => return Err(Malformed::Unknown { what: "kind of frame", number: number.into() }),
        };
        reader.end()?;
        Ok(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::handshake::tests::{DIALER, OWN, handshake};
    use crate::server::handshake::{Secret, accept_proof, accept_welcome, hello, welcome};
    use raft_core::{Term, TimeoutNow};

    fn message(term: u64) -> Content {
        Content::Raft(Message::TimeoutNow(TimeoutNow { term: Term(term) }))
    }

    #[test]
    fn frames_come_back_in_their_order() {
        let secret = Secret::new(b"a secret");
        let (mut sender, mut receiver) = handshake(&secret, &secret).unwrap();
        for term in 1..5 {
            let mut frame = Vec::new();
            sender.write(&message(term), &mut frame);
            let rest = rest_of_frame(*frame.first_chunk().unwrap()).unwrap();
            assert_eq!(HEADER + rest, frame.len());
            assert_eq!(receiver.read(&frame), Ok(message(term)));
        }
    }

    #[test]
    fn a_frame_that_is_changed_left_out_or_sent_again_is_refused() {
        let secret = Secret::new(b"a secret");
        let (mut sender, receiver) = handshake(&secret, &secret).unwrap();
        let (mut first, mut second) = (Vec::new(), Vec::new());
        sender.write(&message(1), &mut first);
        sender.write(&message(2), &mut second);
        for place in 0..first.len() {
            let mut changed = first.clone();
            changed[place] ^= 1;
            assert_eq!(receiver.clone().read(&changed), Err(Refusal::Checksum), "byte {place}");
        }
        assert_eq!(receiver.clone().read(&second), Err(Refusal::Checksum), "the first was left out");
        let mut again = receiver.clone();
        assert!(again.read(&first).is_ok());
        assert_eq!(again.read(&first), Err(Refusal::Checksum), "sent again");
        let (_, mut elsewhere) = {
            let hello = hello(DIALER, OWN, [9; 16]);
            let welcome = welcome(&secret, OWN, &hello, [2; 16]);
            let (proof, seal) = accept_welcome(&secret, OWN, &hello, &welcome).unwrap();
            (seal, accept_proof(&secret, &hello, &welcome, &proof).unwrap())
        };
        assert_eq!(elsewhere.read(&first), Err(Refusal::Checksum), "another connection's");
    }

    #[test]
    fn other_versions_and_lengths_that_none_may_have_are_refused() {
        assert_eq!(rest_of_frame([255, 255, 255, 255, 1, 0]), Err(Refusal::TooLong(u32::MAX)));
        assert_eq!(rest_of_frame([0, 0, 0, 0, 2, 0]), Err(Refusal::Version(2)));
    }
}
