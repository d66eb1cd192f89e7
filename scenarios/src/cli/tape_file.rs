//! Files of tapes.

use std::fs;
use std::path::Path;

use scenarios::subjects::SubjectName;
use sim::tape::label;
use sim::{Subject, Tape};

/// The text of a tape, and what it is a tape of.
pub(super) struct TapeFile<'a> {
    path: &'a Path,
    text: String,
    pub(super) subject: SubjectName,
}

impl<'a> TapeFile<'a> {
    /// Reads the file at `path`.
    ///
    /// # Errors
    /// In one line: the file, and what is wrong with it.
    pub(super) fn read(path: &'a Path) -> Result<Self, String> {
        let at = |problem: String| format!("{}: {problem}", path.display());
        let text = fs::read_to_string(path).map_err(|error| at(error.to_string()))?;
        let label = label(&text).map_err(|problem| at(problem.to_string()))?;
        let subject = label.subject.parse().map_err(|problem| at(format!("tape: subject: {problem}")))?;
        Ok(Self { path, text, subject })
    }

    /// The tape, of its own subject.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(super) fn tape<S: Subject>(&self) -> Result<Tape<S::Settings>, String> {
        Tape::read::<S>(&self.text).map_err(|problem| format!("{}: {problem}", self.path.display()))
    }
}
