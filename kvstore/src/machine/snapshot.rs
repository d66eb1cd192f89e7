//! The state machine in bytes: a version, all of the state, and a checksum over both.

use super::StateMachine;
use super::sessions::Sessions;
use crate::codec::{Malformed, Reader, Write, checksum};

const MAGIC: &[u8; 6] = b"kvsnap";
const VERSION: u64 = 1;

impl StateMachine {
    /// All of it, in bytes. Equal states have equal bytes.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.integer(VERSION);
        bytes.integer(self.now_ms);
        bytes.extend(self.history.to_le_bytes());
        self.sessions.encode(&mut bytes);
        bytes.integer(self.addresses.len() as u64);
        for (server, address) in &self.addresses {
            bytes.integer(*server);
            bytes.bytes(address);
        }
        bytes.integer(self.map.len() as u64);
        for (key, value) in &self.map {
            bytes.bytes(key);
            bytes.bytes(value);
        }
        bytes.extend(checksum(&bytes).to_le_bytes());
        bytes
    }

    /// The state that [`snapshot`](Self::snapshot) made `bytes` of.
    ///
    /// # Errors
    /// Where it did not, or another version of it did.
    pub fn restore(bytes: &[u8]) -> Result<Self, Malformed> {
        let (body, sum) = bytes.split_last_chunk().ok_or(Malformed::CutShort)?;
        if checksum(body) != u64::from_le_bytes(*sum) {
            return Err(Malformed::Checksum);
        }
        let mut reader = Reader::new(body);
        if reader.exactly(MAGIC.len())? != MAGIC {
            return Err(Malformed::Nonsense("not a snapshot"));
        }
        let version = reader.integer()?;
        if version != VERSION {
            return Err(Malformed::Version { found: version, known: VERSION });
        }
        let (now_ms, history) = (reader.integer()?, reader.fixed()?);
        let sessions = Sessions::decode(&mut reader)?;
        let count = reader.count()?;
        let addresses =
            (0..count).map(|_| Ok((reader.integer()?, reader.bytes()?))).collect::<Result<_, Malformed>>()?;
        let count = reader.count()?;
        let map = (0..count).map(|_| Ok((reader.bytes()?, reader.bytes()?))).collect::<Result<_, Malformed>>()?;
        reader.end()?;
        Ok(Self { map, sessions, addresses, now_ms, history })
    }
}

impl PartialEq for StateMachine {
    fn eq(&self, other: &Self) -> bool {
        (self.now_ms, self.history) == (other.now_ms, other.history)
            && self.sessions == other.sessions
            && self.addresses == other.addresses
            && self.map == other.map
    }
}
