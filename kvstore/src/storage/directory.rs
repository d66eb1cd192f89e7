//! A directory of the file system.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::files::{Batch, FileName, FileOperation, Files};

/// The directory of one server. While it is open, nobody else opens it.
#[derive(Debug)]
pub struct Directory {
    path: PathBuf,
    /// To make names durable.
    itself: File,
    _lock: File,
    /// The file that was written last, which most often is the one that is written next.
    open: Option<(FileName, File)>,
    spare: Option<Spare>,
}

/// The next segment, made ready ahead of time: to fill it with zeros takes longer than anyone should wait.
#[derive(Debug)]
struct Spare {
    size: u64,
    thread: std::thread::JoinHandle<io::Result<()>>,
}

const SPARE: &str = "spare";

impl Directory {
    /// The directory at `path`, which is made where there is none.
    ///
    /// # Errors
    /// Where it cannot be made or read, or another server has it.
    pub fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        let lock = OpenOptions::new().create(true).write(true).truncate(false).open(path.join("lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(io::Error::new(io::ErrorKind::ResourceBusy, "another server runs on this directory"));
            }
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Self { path: path.to_owned(), itself: File::open(path)?, _lock: lock, open: None, spare: None })
    }

    /// A second handle on the files, to read from while the first writes.
    #[must_use]
    pub fn reader(&self) -> DirectoryReader {
        DirectoryReader { path: self.path.clone() }
    }

    /// Carries out a batch, and returns when it is durable.
    ///
    /// # Errors
    /// Where the disk fails. Nothing is known then of what is on it: the server must stop, and find out when it starts again.
    pub fn carry_out(&mut self, batch: &Batch) -> io::Result<()> {
        for step in [&batch.files, &batch.log] {
            self.write(step)?;
        }
        for operation in &batch.cleanup {
            if let FileOperation::Remove { file } = operation {
                self.remove(*file)?;
            }
        }
        Ok(())
    }

    fn write(&mut self, operations: &[FileOperation]) -> io::Result<()> {
        let mut has_new_names = false;
        for operation in operations {
            match operation {
                FileOperation::Create { file, size } => {
                    self.close()?;
                    let created = self.create(*file, *size)?;
                    self.open = Some((*file, created));
                    has_new_names = true;
                }
                FileOperation::Write { file, offset, data } => {
                    if self.open.as_ref().is_none_or(|(open, _)| open != file) {
                        self.close()?;
                        let path = self.path.join(file.to_string());
                        let opened = OpenOptions::new().create(true).write(true).truncate(false).open(path)?;
                        self.open = Some((*file, opened));
                    }
                    if let Some((_, open)) = &self.open {
                        open.write_all_at(data, *offset)?;
                    }
                }
                FileOperation::Remove { file } => self.remove(*file)?,
            }
        }
        if let Some((_, open)) = &self.open
            && !operations.is_empty()
        {
            open.sync_data()?;
        }
        if has_new_names { self.itself.sync_all() } else { Ok(()) }
    }

    /// What was written to the open file is durable, and another takes its place.
    fn close(&mut self) -> io::Result<()> {
        match self.open.take() {
            Some((_, open)) => open.sync_data(),
            None => Ok(()),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "a real disk, which no run of the simulator reaches")]
    fn create(&mut self, file: FileName, size: u64) -> io::Result<File> {
        let path = self.path.join(file.to_string());
        let spare = self.spare.take().filter(|spare| spare.size == size);
        let is_ready = spare.is_some_and(|spare| matches!(spare.thread.join(), Ok(Ok(()))));
        if is_ready {
            fs::rename(self.path.join(SPARE), &path)?;
        } else {
            // The log waits for it.
            fill(&path, size, Haste::Now)?;
        }
        if let FileName::Segment(_) = file {
            let path = self.path.join(SPARE);
            self.spare = Some(Spare { size, thread: std::thread::spawn(move || fill(&path, size, Haste::Beside)) });
        }
        OpenOptions::new().write(true).open(path)
    }

    fn remove(&mut self, file: FileName) -> io::Result<()> {
        self.open.take_if(|(open, _)| *open == file);
        match fs::remove_file(self.path.join(file.to_string())) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// Whether anybody waits for what is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Haste {
    Now,
    /// The log goes on beside it, and is not to wait for the disk: every piece is durable before the next, and then there is a
    /// pause as long as that took.
    Beside,
}

const PIECE: usize = 1 << 20;

/// A file of `size` zeros, which are on the disk: to write over them changes nothing about the file but its bytes.
fn fill(path: &Path, size: u64, haste: Haste) -> io::Result<()> {
    let mut file = File::create(path)?;
    let zeros = vec![0; PIECE];
    let mut left = size;
    while left > 0 {
        let count = left.min(zeros.len() as u64);
        write_piece(&mut file, &zeros[..count as usize], haste)?;
        left -= count;
    }
    file.sync_all()
}

#[expect(clippy::disallowed_methods, reason = "a real disk, which no run of the simulator reaches")]
fn write_piece(file: &mut File, piece: &[u8], haste: Haste) -> io::Result<()> {
    let begun = Instant::now();
    file.write_all(piece)?;
    if haste == Haste::Beside {
        file.sync_data()?;
        std::thread::sleep(begun.elapsed());
    }
    Ok(())
}

/// Reads the files of a [`Directory`] that another writes.
#[derive(Clone, Debug)]
pub struct DirectoryReader {
    path: PathBuf,
}

impl DirectoryReader {
    /// Writes a file of its own beside the log, and returns when it is durable: a snapshot that was taken here.
    ///
    /// # Errors
    /// Where the disk fails.
    pub fn write_beside(&self, file: FileName, bytes: &[u8]) -> io::Result<()> {
        let mut new = File::create(self.path.join(file.to_string()))?;
        for piece in bytes.chunks(PIECE) {
            write_piece(&mut new, piece, Haste::Beside)?;
        }
        new.sync_all()?;
        File::open(&self.path)?.sync_all()
    }
}

impl Files for DirectoryReader {
    fn list(&self) -> io::Result<Vec<FileName>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            names.extend(entry?.file_name().to_str().and_then(FileName::parse));
        }
        Ok(names)
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        File::open(self.path.join(file.to_string()))?.read_at(buffer, offset)
    }

    fn size(&self, file: FileName) -> io::Result<u64> {
        Ok(fs::metadata(self.path.join(file.to_string()))?.len())
    }
}

impl Files for Directory {
    fn list(&self) -> io::Result<Vec<FileName>> {
        self.reader().list()
    }

    fn read(&self, file: FileName, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.reader().read(file, offset, buffer)
    }

    fn size(&self, file: FileName) -> io::Result<u64> {
        self.reader().size(file)
    }
}
