//! The one way in which everything here becomes bytes: integers little-endian in seven-bit groups, byte strings behind their
//! length. What is read comes from disks and peers: nothing is believed, and nothing is allocated on the word of a length.

use std::fmt;

use crate::bytes::Bytes;

/// What was wrong with bytes that were to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Malformed {
    /// They end in the middle.
    CutShort,
    /// Something follows the end.
    TooLong,
    /// An integer has more than 64 bits, or is not written in the shortest way.
    Integer,
    /// A number stands for nothing known here.
    Unknown {
        /// Of what.
        what: &'static str,
        /// The number.
        number: u64,
    },
    /// They were written by another version of this program, and this one does not read it.
    Version {
        /// The version found.
        found: u64,
        /// The version that is read.
        known: u64,
    },
    /// The checksum over them is another than the one that stands there.
    Checksum,
    /// Something that must not be: which.
    Nonsense(&'static str),
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CutShort => write!(f, "cut short"),
            Self::TooLong => write!(f, "something follows the end"),
            Self::Integer => write!(f, "an integer is not well-formed"),
            Self::Unknown { what, number } => write!(f, "{number} is no known {what}"),
            Self::Version { found, known } => write!(f, "version {found}, and version {known} is what is read here"),
            Self::Checksum => write!(f, "the checksum does not match"),
            Self::Nonsense(what) => write!(f, "{what}"),
        }
    }
}

impl std::error::Error for Malformed {}

/// The checksum used everywhere: 64 bits of XXH3.
#[must_use]
pub fn checksum(bytes: &[u8]) -> u64 {
    xxhash_rust::xxh3::xxh3_64(bytes)
}

/// Appends to a buffer.
pub(crate) trait Write {
    fn integer(&mut self, value: u64);
    fn bytes(&mut self, bytes: &[u8]);
    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T));

    fn flag(&mut self, value: bool) {
        self.integer(u64::from(value));
    }
}

impl Write for Vec<u8> {
    fn integer(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.integer(bytes.len() as u64);
        self.extend_from_slice(bytes);
    }

    fn option<T>(&mut self, value: Option<T>, write: impl FnOnce(&mut Self, T)) {
        self.flag(value.is_some());
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Reads from the front of some bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (&byte, rest) = self.0.split_first().ok_or(Malformed::CutShort)?;
        self.0 = rest;
        Ok(byte)
    }

    pub(crate) fn integer(&mut self) -> Result<u64, Malformed> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let group = u64::from(byte & 0x7F);
            if shift == 63 && group > 1 || shift > 0 && byte == 0 {
                return Err(Malformed::Integer);
            }
            value |= group << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(Malformed::Integer)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            number => Err(Malformed::Unknown { what: "flag", number: number.into() }),
        }
    }

    pub(crate) fn slice(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.integer()?;
        self.exactly(usize::try_from(length).map_err(|_| Malformed::CutShort)?)
    }

    pub(crate) fn exactly(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Malformed::CutShort)?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn fixed(&mut self) -> Result<u64, Malformed> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or(Malformed::CutShort)?;
        self.0 = rest;
        Ok(u64::from_le_bytes(*bytes))
    }

    pub(crate) fn bytes(&mut self) -> Result<Bytes, Malformed> {
        self.slice().map(Bytes::from)
    }

    pub(crate) fn option<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Malformed>,
    ) -> Result<Option<T>, Malformed> {
        if self.flag()? { read(self).map(Some) } else { Ok(None) }
    }

    /// How many things follow, each of which takes a byte at least.
    pub(crate) fn count(&mut self) -> Result<usize, Malformed> {
        let count = usize::try_from(self.integer()?).map_err(|_| Malformed::CutShort)?;
        if count > self.0.len() { Err(Malformed::CutShort) } else { Ok(count) }
    }

    pub(crate) fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed::TooLong) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_of_every_size_come_back() {
        for shift in 0..64 {
            for value in [(1_u64 << shift) - 1, 1 << shift, u64::MAX >> shift] {
                let mut bytes = Vec::new();
                bytes.integer(value);
                let mut reader = Reader::new(&bytes);
                assert_eq!(reader.integer(), Ok(value));
                assert_eq!(reader.end(), Ok(()));
            }
        }
    }

    #[test]
    fn one_integer_has_one_encoding() {
        assert_eq!(Reader::new(&[0x80, 0x00]).integer(), Err(Malformed::Integer), "longer than needed");
        assert_eq!(Reader::new(&[0xFF; 10]).integer(), Err(Malformed::Integer), "more than 64 bits");
        assert_eq!(Reader::new(&[0x80]).integer(), Err(Malformed::CutShort));
    }

    #[test]
    fn a_huge_length_is_refused_and_not_believed() {
        let mut bytes = Vec::new();
        bytes.integer(u64::MAX);
        assert_eq!(Reader::new(&bytes).slice(), Err(Malformed::CutShort));
        assert_eq!(Reader::new(&bytes).count(), Err(Malformed::CutShort));
    }
}
