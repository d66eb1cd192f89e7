//! Where a command of the Redis protocol (RESP2) ends, found before anything is believed of it: the length of a bulk string, the
//! number of arguments, and arrays in arrays come from strangers.

use std::fmt;

use bytes::{Bytes, BytesMut};
use redis_protocol::resp2::types::BytesFrame;

use crate::command::LONGEST_VALUE;

/// The most arguments of one command.
pub const MOST_ARGUMENTS: usize = 4_096;
/// The longest argument, in bytes.
pub const LONGEST_ARGUMENT: usize = LONGEST_VALUE;
/// The most bytes of one command.
pub const LONGEST_COMMAND: usize = 8 << 20;
/// The longest line: of a length, or of a command as people type it.
const LONGEST_LINE: usize = 16 << 10;

/// Why a connection is closed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Refusal {
    /// What came is no command.
    NoCommand(&'static str),
    /// It is larger than any may be.
    TooLarge(&'static str),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoCommand(what) => write!(f, "Protocol error: {what}"),
            Self::TooLarge(what) => write!(f, "Protocol error: {what}"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Finds commands in what comes, a piece at a time.
#[derive(Clone, Debug, Default)]
pub struct Splitter {
    /// Up to here the buffer is known to hold whole arguments, of which so many are missing still.
    scanned: usize,
    missing: Option<usize>,
}

impl Splitter {
    /// The arguments of the next command in `buffer`, which loses it; `None` where it is not complete. A command without any
    /// is an empty line.
    ///
    /// # Errors
    /// Where it is none, or too large.
    pub fn next(&mut self, buffer: &mut BytesMut) -> Result<Option<Vec<Bytes>>, Refusal> {
        match buffer.first() {
            None => return Ok(None),
            Some(b'*') => {}
            Some(_) => {
                return Ok(line(buffer, 0)?.map(|(line, end)| typed(line).map(|words| (words, end))).transpose()?.map(
                    |(words, end)| {
                        let _ = buffer.split_to(end);
                        words
                    },
                ));
            }
        }
        let Some(end) = self.scan(buffer)? else { return Ok(None) };
        *self = Self::default();
        let whole = buffer.split_to(end).freeze();
        arguments(&whole).map(Some)
    }

    /// Where the command ends that `buffer` begins with.
    fn scan(&mut self, buffer: &[u8]) -> Result<Option<usize>, Refusal> {
        let mut missing = match self.missing {
            Some(missing) => missing,
            None => {
                let Some((count, end)) = number(buffer, 0, MOST_ARGUMENTS, "too many arguments")? else {
                    return Ok(None);
                };
                self.scanned = end;
                count
            }
        };
        while missing > 0 {
            self.missing = Some(missing);
            match buffer.get(self.scanned) {
                None => return Ok(None),
                Some(b'$') => {}
                Some(_) => return Err(Refusal::NoCommand("expected '$'")),
            }
            let Some((length, end)) = number(buffer, self.scanned, LONGEST_ARGUMENT, "an argument is too long")? else {
                return Ok(None);
            };
            if end + length + 2 > LONGEST_COMMAND {
                return Err(Refusal::TooLarge("the command is too long"));
            }
            match buffer.get(end + length..end + length + 2) {
                None => return Ok(None),
                Some(b"\r\n") => {}
                Some(_) => return Err(Refusal::NoCommand("an argument is longer than it says")),
            }
            self.scanned = end + length + 2;
            missing -= 1;
        }
        self.missing = Some(0);
        Ok(Some(self.scanned))
    }
}

/// The line at `start` without its end, and where the next begins.
fn line(buffer: &[u8], start: usize) -> Result<Option<(&[u8], usize)>, Refusal> {
    let rest = &buffer[start..];
    let longest = &rest[..rest.len().min(LONGEST_LINE)];
    match longest.iter().position(|byte| *byte == b'\n') {
        Some(end) => Ok(Some((longest[..end].strip_suffix(b"\r").unwrap_or(&longest[..end]), start + end + 1))),
        None if rest.len() >= LONGEST_LINE => Err(Refusal::TooLarge("a line is too long")),
        None => Ok(None),
    }
}

/// The number that the line at `start` holds after its first byte, and where the next line begins.
fn number(buffer: &[u8], start: usize, most: usize, what: &'static str) -> Result<Option<(usize, usize)>, Refusal> {
    let Some((line, end)) = line(buffer, start)? else { return Ok(None) };
    let digits = std::str::from_utf8(&line[1..]).ok().filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse::<usize>().ok()) {
        Some(number) if number <= most => Ok(Some((number, end))),
        Some(_) => Err(Refusal::TooLarge(what)),
        None => Err(Refusal::NoCommand("a length is no number")),
    }
}

/// A command as people type it: words.
fn typed(line: &[u8]) -> Result<Vec<Bytes>, Refusal> {
    let words: Vec<_> = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).collect();
    if words.len() > MOST_ARGUMENTS || !line.iter().all(|byte| (b' '..=b'~').contains(byte) || *byte == b'\t') {
        return Err(Refusal::NoCommand("neither a command nor text"));
    }
    Ok(words.into_iter().map(Bytes::copy_from_slice).collect())
}

/// The bulk strings of a whole array.
fn arguments(whole: &Bytes) -> Result<Vec<Bytes>, Refusal> {
    let decoded = redis_protocol::resp2::decode::decode_bytes(whole);
    let Ok(Some((BytesFrame::Array(frames), _))) = decoded else {
        return Err(Refusal::NoCommand("not an array of bulk strings"));
    };
    let argument = |frame| match frame {
        BytesFrame::BulkString(bytes) => Ok(bytes),
        _ => Err(Refusal::NoCommand("an argument is no bulk string")),
    };
    frames.into_iter().map(argument).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(input: &[u8]) -> Result<Vec<Vec<Bytes>>, Refusal> {
        let (mut splitter, mut buffer) = (Splitter::default(), BytesMut::from(input));
        let mut commands = Vec::new();
        while let Some(command) = splitter.next(&mut buffer)? {
            commands.push(command);
        }
        Ok(commands)
    }

    #[test]
    fn commands_come_out_however_they_are_cut_on_the_way() {
        let input = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\r\nb\n\r\n*1\r\n$4\r\nPING\r\nget  k\r\n*0\r\n";
        let expected = [vec!["SET", "k", "a\r\nb\n"], vec!["PING"], vec!["get", "k"], vec![]];
        for size in 1..input.len() {
            let (mut splitter, mut buffer) = (Splitter::default(), BytesMut::new());
            let mut commands = Vec::new();
            for piece in input.chunks(size) {
                buffer.extend_from_slice(piece);
                while let Some(command) = splitter.next(&mut buffer).unwrap() {
                    commands.push(command);
                }
            }
            assert_eq!(commands, expected, "{size}");
        }
    }

    #[test]
    fn what_claims_too_much_is_refused_before_it_has_come() {
        for claim in ["*4097\r\n", "*1\r\n$4194305\r\n", "*99999999999999999999999999\r\n", "*-1\r\n", "*1\r\n$-1\r\n"]
        {
            assert!(all(claim.as_bytes()).is_err(), "{claim}");
        }
        let many = format!("*3\r\n{}", format!("$3000000\r\n{}\r\n", "x".repeat(3_000_000)).repeat(3));
        assert_eq!(all(many.as_bytes()), Err(Refusal::TooLarge("the command is too long")));
        assert!(all(&[b'x'; LONGEST_LINE]).is_err());
    }

    #[test]
    fn arrays_in_arrays_never_reach_the_parser() {
        let nested = "*1\r\n".repeat(100_000);
        assert_eq!(all(nested.as_bytes()), Err(Refusal::NoCommand("expected '$'")));
    }

    #[test]
    fn noise_is_refused_and_no_panic() {
        for seed in 0..2_000_u64 {
            let mut state = seed;
            let noise: Vec<u8> = (0..64)
                .map(|_| {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    b"*$1\r\n0PING\xff"[(state >> 40) as usize % 11]
                })
                .collect();
            let _ = all(&noise);
        }
    }
}
