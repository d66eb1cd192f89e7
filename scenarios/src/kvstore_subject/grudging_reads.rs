//! A disk that seldom gives all that is asked for at once, and at times nothing but an interruption (EINTR), as `read` is free to: who
//! takes a short read for the end of a file loses what follows, and who takes an interruption for a failure stops without need.

use std::borrow::Borrow;
use std::cell::Cell;
use std::io;

use kvstore::storage::{FileName, Files, MemoryFiles};

/// Files of which a read is interrupted, or gives one byte at least. Which, and how many more, depends on where it begins and on
/// how many came before it: no run draws anything for it.
#[derive(Clone, Debug)]
pub(super) struct GrudgingReads<F> {
    files: F,
    reads: Cell<u64>,
}

impl<F> GrudgingReads<F> {
    pub(super) fn of(files: F) -> Self {
        Self { files, reads: Cell::new(0) }
    }

    pub(super) fn files_mut(&mut self) -> &mut F {
        &mut self.files
    }
}

impl<F: Borrow<MemoryFiles>> Files for GrudgingReads<F> {
    fn list(&self) -> io::Result<Vec<FileName>> {
        self.files.borrow().list()
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let before = self.reads.replace(self.reads.get() + 1);
        if mixed(before).is_multiple_of(4) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let count = buffer.len().min(1 + mixed(offset ^ (buffer.len() as u64).rotate_left(32)) % buffer.len().max(1));
        self.files.borrow().read(file, offset, &mut buffer[..count])
    }

    fn size(&self, file: FileName) -> io::Result<u64> {
        self.files.borrow().size(file)
    }
}

fn mixed(number: u64) -> usize {
    (number.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use kvstore::storage::FileOperation;

    #[test]
    fn reads_are_short_or_interrupted_and_come_to_an_end() {
        let mut files = MemoryFiles::default();
        let (file, bytes) = (FileName::Segment(1), (0..10_000_u32).map(|byte| byte as u8).collect::<Vec<_>>());
        files.carry_out(&FileOperation::Write { file, offset: 0, data: bytes.clone().into() });
        let disk = GrudgingReads::of(&files);
        let (mut read, mut buffer, mut short, mut interrupted) = (Vec::new(), vec![0; bytes.len()], 0, 0);
        while read.len() < bytes.len() {
            let left = bytes.len() - read.len();
            match disk.read(file, read.len() as u64, &mut buffer[..left]) {
                Ok(count) => {
                    assert!((1..=left).contains(&count));
                    read.extend_from_slice(&buffer[..count]);
                    short += u32::from(count < left);
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::Interrupted);
                    interrupted += 1;
                }
            }
        }
        assert!(read == bytes && short > 0 && interrupted > 0);
        let at_end = (0..8).filter_map(|_| disk.read(file, bytes.len() as u64, &mut buffer).ok());
        assert!(at_end.into_iter().all(|count| count == 0));
    }
}
