//! A disk that seldom gives all that is asked for at once, as `read` is free to: who takes one short read for the end of a file loses
//! what follows.

use std::borrow::Borrow;
use std::io;

use kvstore::storage::{FileName, Files, MemoryFiles};

/// Files of which every read gives one byte at least, and how many more depends on where it begins: no run draws anything
/// for it.
#[derive(Clone, Debug)]
pub(super) struct ShortReads<F>(pub(super) F);

impl<F: Borrow<MemoryFiles>> Files for ShortReads<F> {
    fn list(&self) -> io::Result<Vec<FileName>> {
        self.0.borrow().list()
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let count = short(offset, buffer.len());
        self.0.borrow().read(file, offset, &mut buffer[..count])
    }

    fn size(&self, file: FileName) -> io::Result<u64> {
        self.0.borrow().size(file)
    }
}

/// Between 1 and `length`, where that is not 0.
fn short(offset: u64, length: usize) -> usize {
    let mixed = (offset ^ (length as u64).rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
    length.min(1 + mixed as usize % length.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvstore::storage::FileOperation;

    #[test]
    fn reads_are_short_and_come_to_an_end() {
        let mut files = MemoryFiles::default();
        let (file, bytes) = (FileName::Segment(1), (0..10_000_u32).map(|byte| byte as u8).collect::<Vec<_>>());
        files.carry_out(&FileOperation::Write { file, offset: 0, data: bytes.clone().into() });
        let short = ShortReads(&files);
        let (mut read, mut buffer, mut reads) = (Vec::new(), vec![0; bytes.len()], 0);
        while read.len() < bytes.len() {
            let left = bytes.len() - read.len();
            let count = short.read(file, read.len() as u64, &mut buffer[..left]).unwrap();
            assert!((1..=left).contains(&count));
            read.extend_from_slice(&buffer[..count]);
            reads += 1;
        }
        assert!(read == bytes && reads > 1);
        assert_eq!(short.read(file, bytes.len() as u64, &mut buffer).unwrap(), 0);
    }
}
