//! How two servers begin to talk: both show that they know the secret of the cluster.
//!
//! ```text
//! dialer ─▶ HELLO    magic, version, who dials, whom it wants, a nonce
//! dialer ◀─ WELCOME  magic, version, who answers, a nonce, and a proof over both
//! dialer ─▶ PROOF    the dialer's own
//! dialer ─▶ frames
//! ```

use std::fmt;

use raft_core::NodeId;

use super::frame::{Refusal, Seal, VERSION};

const MAGIC: [u8; 6] = *b"kvpeer";

/// How many bytes a hello, a welcome and a proof have.
pub const HELLO: usize = 6 + 2 + 8 + 8 + NONCE;
/// See [`HELLO`].
pub const WELCOME: usize = 6 + 2 + 8 + NONCE + PROOF;
/// See [`HELLO`].
pub const PROOF: usize = 32;
const NONCE: usize = 16;

/// What all servers of a cluster know and nobody else.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

impl Secret {
    /// The secret that these bytes are.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        Self(blake3::derive_key("kvstore 2026 secret of a cluster", bytes))
    }

    /// Whether `text` is it, in as much time whether or not.
    #[must_use]
    pub fn is(&self, text: &[u8]) -> bool {
        blake3::Hash::from_bytes(self.0) == blake3::Hash::from_bytes(Self::new(text).0)
    }

    fn prove(&self, who: &[u8], hello: &[u8; HELLO], welcome: &[u8]) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.0).update(who).update(hello).update(welcome).finalize()
    }

    fn session(&self, hello: &[u8; HELLO], welcome: &[u8; WELCOME]) -> [u8; 32] {
        *self.prove(b"session", hello, welcome).as_bytes()
    }
}

/// The first thing that a dialer says.
#[must_use]
pub fn hello(from: NodeId, to: NodeId, nonce: [u8; NONCE]) -> [u8; HELLO] {
    let mut bytes = [0; HELLO];
    bytes[..6].copy_from_slice(&MAGIC);
    bytes[6..8].copy_from_slice(&VERSION.to_le_bytes());
    bytes[8..16].copy_from_slice(&from.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&to.0.to_le_bytes());
    bytes[24..].copy_from_slice(&nonce);
    bytes
}

fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn check_magic(bytes: &[u8]) -> Result<(), Refusal> {
    if bytes[..6] != MAGIC {
        return Err(Refusal::Stranger);
    }
    let version = u16::from_le_bytes([bytes[6], bytes[7]]);
    if version == VERSION { Ok(()) } else { Err(Refusal::Version(version)) }
}

/// Who dials, where the hello wants server `own`.
///
/// # Errors
/// Where it is no hello, or wants another server.
pub fn read_hello(own: NodeId, hello: &[u8; HELLO]) -> Result<NodeId, Refusal> {
    check_magic(hello)?;
    let (from, to) = (NodeId(number(&hello[8..])), NodeId(number(&hello[16..])));
    if to != own {
        return Err(Refusal::WrongServer(to));
    }
    if from == own { Err(Refusal::Unknown(from)) } else { Ok(from) }
}

/// The answer to a hello.
#[must_use]
pub fn welcome(secret: &Secret, own: NodeId, hello: &[u8; HELLO], nonce: [u8; NONCE]) -> [u8; WELCOME] {
    let mut bytes = [0; WELCOME];
    bytes[..6].copy_from_slice(&MAGIC);
    bytes[6..8].copy_from_slice(&VERSION.to_le_bytes());
    bytes[8..16].copy_from_slice(&own.0.to_le_bytes());
    bytes[16..32].copy_from_slice(&nonce);
    let proof = secret.prove(b"answers", hello, &bytes[..32]);
    bytes[32..].copy_from_slice(proof.as_bytes());
    bytes
}

/// What the dialer says to a welcome, and how it seals its frames then.
///
/// # Errors
/// Where the other side is not the server wanted, or does not know the secret.
pub fn accept_welcome(
    secret: &Secret,
    to: NodeId,
    hello: &[u8; HELLO],
    welcome: &[u8; WELCOME],
) -> Result<([u8; PROOF], Seal), Refusal> {
    check_magic(welcome)?;
    let id = NodeId(number(&welcome[8..]));
    if id != to {
        return Err(Refusal::WrongServer(id));
    }
    // Compared in constant time.
    if secret.prove(b"answers", hello, &welcome[..32]) != hash(&welcome[32..]) {
        return Err(Refusal::Proof);
    }
    Ok((proof(secret, hello, welcome), Seal::new(secret.session(hello, welcome))))
}

/// How a dialer shows that it knows the secret.
#[must_use]
pub fn proof(secret: &Secret, hello: &[u8; HELLO], welcome: &[u8; WELCOME]) -> [u8; PROOF] {
    *secret.prove(b"dials", hello, welcome).as_bytes()
}

fn hash(bytes: &[u8]) -> blake3::Hash {
    blake3::Hash::from_bytes(bytes.first_chunk().copied().unwrap_or_default())
}

/// Whether the dialer knows the secret, and how its frames are sealed then.
///
/// # Errors
/// Where it does not.
pub fn accept_proof(
    secret: &Secret,
    hello: &[u8; HELLO],
    welcome: &[u8; WELCOME],
    proof: &[u8; PROOF],
) -> Result<Seal, Refusal> {
    if secret.prove(b"dials", hello, welcome) != hash(proof) {
        return Err(Refusal::Proof);
    }
    Ok(Seal::new(secret.session(hello, welcome)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::server) const DIALER: NodeId = NodeId(1);
    pub(in crate::server) const OWN: NodeId = NodeId(2);

    pub(in crate::server) fn handshake(dialers: &Secret, own: &Secret) -> Result<(Seal, Seal), Refusal> {
        let hello = hello(DIALER, OWN, [1; NONCE]);
        assert_eq!(read_hello(OWN, &hello), Ok(DIALER));
        let welcome = welcome(own, OWN, &hello, [2; NONCE]);
        let (proof, seal) = accept_welcome(dialers, OWN, &hello, &welcome)?;
        Ok((seal, accept_proof(own, &hello, &welcome, &proof)?))
    }

    #[test]
    fn who_does_not_know_the_secret_is_refused_by_either_side() {
        let (one, other) = (Secret::new(b"a secret"), Secret::new(b"another"));
        assert_eq!(handshake(&one, &other).err(), Some(Refusal::Proof));
        let hello = hello(DIALER, OWN, [1; NONCE]);
        let welcome = welcome(&one, OWN, &hello, [2; NONCE]);
        assert_eq!(accept_proof(&one, &hello, &welcome, &[0; PROOF]).err(), Some(Refusal::Proof));
    }

    #[test]
    fn other_versions_other_servers_and_strangers_are_refused() {
        let mut bytes = hello(DIALER, OWN, [1; NONCE]);
        assert_eq!(read_hello(NodeId(3), &bytes), Err(Refusal::WrongServer(OWN)));
        assert_eq!(read_hello(OWN, &hello(OWN, OWN, [1; NONCE])), Err(Refusal::Unknown(OWN)));
        bytes[6] = 9;
        assert_eq!(read_hello(OWN, &bytes), Err(Refusal::Version(9)));
        assert_eq!(read_hello(OWN, &[b'x'; HELLO]), Err(Refusal::Stranger));
    }
}
