//! Keys, values and encoded commands: bytes that are cheap to copy.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

/// Some bytes: a few are stored in place, more are shared. A copy never copies more than [`Bytes::INLINE`] of them.
#[derive(Clone)]
pub struct Bytes(Repr);

#[derive(Clone)]
enum Repr {
    Inline { length: u8, bytes: [u8; Bytes::INLINE] },
    Shared(Arc<[u8]>),
}

impl Bytes {
    /// So many are stored in place.
    pub const INLINE: usize = 22;

    /// No bytes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Repr::Inline { length: 0, bytes: [0; Self::INLINE] })
    }

    /// The bytes as text, and what is no text as an escape.
    #[must_use]
    pub fn display(&self) -> impl fmt::Display + '_ {
        self.escape_ascii()
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.0 {
            Repr::Inline { length, bytes } => &bytes[..usize::from(*length)],
            Repr::Shared(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(from: &[u8]) -> Self {
        if from.len() > Self::INLINE {
            return Self(Repr::Shared(from.into()));
        }
        let mut bytes = [0; Self::INLINE];
        bytes[..from.len()].copy_from_slice(from);
        Self(Repr::Inline { length: from.len() as u8, bytes })
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(from: Vec<u8>) -> Self {
        if from.len() > Self::INLINE { Self(Repr::Shared(from.into())) } else { Self::from(from.as_slice()) }
    }
}

impl From<&str> for Bytes {
    fn from(from: &str) -> Self {
        Self::from(from.as_bytes())
    }
}

impl<const N: usize> From<&[u8; N]> for Bytes {
    fn from(from: &[u8; N]) -> Self {
        Self::from(from.as_slice())
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl Borrow<[u8]> for Bytes {
    fn borrow(&self) -> &[u8] {
        self
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl PartialOrd for Bytes {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Bytes {
    fn cmp(&self, other: &Self) -> Ordering {
        (**self).cmp(&**other)
    }
}

impl Hash for Bytes {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.display())
    }
}

/// What the log replicates: a command in bytes.
impl raft_core::Command for Bytes {
    fn size_bytes(&self) -> usize {
        self.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_long_bytes_compare_by_content() {
        for length in [0, 1, Bytes::INLINE, Bytes::INLINE + 1, 1000] {
            let content = vec![b'x'; length];
            let bytes = Bytes::from(content.clone());
            assert_eq!(*bytes, *content);
            assert_eq!(bytes, Bytes::from(content.as_slice()));
            assert!(bytes < Bytes::from([content.as_slice(), b"y"].concat()));
        }
        assert_eq!(size_of::<Bytes>(), 24);
        assert_eq!(size_of::<Option<Bytes>>(), 24);
    }
}
