//! Where bugs are built in: a copy of the project in a folder of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::zoo::Bug;

/// A copy of the project, into which one bug after the other is put and taken out again: all builds share one target
/// folder, so that a bug costs the time to compile what it touches.
#[derive(Debug)]
pub(super) struct Workshop {
    copy: PathBuf,
    target: PathBuf,
    programs: PathBuf,
}

/// Why there is no program with a bug.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NoProgram {
    /// The patch does not fit the code of today.
    DoesNotApply(String),
    /// What comes of it is no Rust.
    DoesNotBuild(String),
}

impl NoProgram {
    /// What is wrong, and the first complaint of whoever noticed.
    pub(super) fn in_a_line(&self) -> String {
        let (what, complaint) = match self {
            Self::DoesNotApply(complaint) => ("the patch does not apply", complaint),
            Self::DoesNotBuild(complaint) => ("failed to build", complaint),
        };
        let is_error = |line: &&str| line.starts_with("error");
        let line = complaint.lines().find(is_error).or_else(|| complaint.trim().lines().next()).unwrap_or_default();
        format!("{what}: {line}")
    }
}

impl Workshop {
    /// A workshop for the project in `source`, within its target folder. A copy that is there already is brought up to
    /// date, file by file, so that what did not change is not built anew.
    pub(super) fn new(source: &Path) -> Result<Self, String> {
        let place = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| source.join("target"), PathBuf::from);
        let place = std::path::absolute(place.join("score")).map_err(|error| format!("the working folder: {error}"))?;
        let workshop =
            Self { copy: place.join("source"), target: place.join("target"), programs: place.join("programs") };
        let wrong = |error: io::Error| format!("{}: {error}", place.display());
        fs::create_dir_all(&workshop.copy).map_err(wrong)?;
        fs::create_dir_all(&workshop.programs).map_err(wrong)?;
        mirror(source, &workshop.copy).map_err(|error| format!("copying {}: {error}", source.display()))?;
        Ok(workshop)
    }

    /// The program without any bug.
    pub(super) fn sound(&self) -> Result<PathBuf, String> {
        self.build("control").map_err(|complaint| format!("the project does not build:\n{complaint}"))
    }

    /// The program with `bug` in it. The copy is as it was afterwards.
    pub(super) fn with(&self, bug: &Bug) -> Result<PathBuf, NoProgram> {
        self.apply(bug, &[]).map_err(NoProgram::DoesNotApply)?;
        let built = self.build(&bug.name).map_err(NoProgram::DoesNotBuild);
        self.apply(bug, &["--reverse"]).map_err(NoProgram::DoesNotApply)?;
        built
    }

    fn apply(&self, bug: &Bug, options: &[&str]) -> Result<(), String> {
        let patch = std::path::absolute(&bug.patch).map_err(|error| error.to_string())?;
        let mut git = Command::new("git");
        // The copy lies within the project, whose repository has no say here.
        git.current_dir(&self.copy).env("GIT_CEILING_DIRECTORIES", self.copy.parent().unwrap_or(&self.copy));
        git.args(["apply", "--recount", "--whitespace=nowarn"]).args(options).arg(patch);
        let output = git.output().map_err(|error| format!("git: {error}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(complaint) }
    }

    fn build(&self, name: &str) -> Result<PathBuf, String> {
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(&self.copy).arg("build").arg("--target-dir").arg(&self.target);
        cargo.args(["--quiet", "--profile", "quick", "--package", "scenarios", "--bin", "raft-sim"]);
        // The Rafts of others have none of these bugs, and take time to build.
        cargo.arg("--no-default-features");
        // A bug may leave something unused behind, which is no reason to refuse it.
        let flags = std::env::var("RUSTFLAGS").unwrap_or_default() + " --cap-lints warn";
        cargo.env("RUSTFLAGS", flags.trim_start());
        let output = cargo.output().map_err(|error| format!("cargo: {error}"))?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned());
        }
        let program = self.programs.join(name);
        fs::copy(self.target.join("quick").join("raft-sim"), &program).map_err(|error| error.to_string())?;
        Ok(program)
    }
}

/// The nearest folder from here upwards that is a checkout of the project.
pub(super) fn find_source() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|error| format!("the working folder: {error}"))?;
    let is_project =
        |folder: &&Path| folder.join("scenarios/Cargo.toml").is_file() && folder.join("raft-core").is_dir();
    let found = here.ancestors().find(is_project);
    found.map(Path::to_owned).ok_or_else(|| format!("--source: {} is not within the project", here.display()))
}

/// Makes `to` hold what `from` holds, but for what is built and what belongs to version control. Files that are equal
/// are left alone.
fn mirror(from: &Path, to: &Path) -> io::Result<()> {
    let mut names = Vec::new();
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        if name == "target" || name == ".git" || kind.is_symlink() {
            continue;
        }
        let copy = to.join(&name);
        if kind.is_dir() {
            fs::create_dir_all(&copy)?;
            mirror(&entry.path(), &copy)?;
        } else {
            let content = fs::read(entry.path())?;
            if fs::read(&copy).ok().as_ref() != Some(&content) {
                fs::write(&copy, content)?;
            }
        }
        names.push(name);
    }
    for entry in fs::read_dir(to)? {
        let entry = entry?;
        if names.contains(&entry.file_name()) {
            continue;
        }
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_a_compiler_says_the_first_error_is_told() {
        let complaint = "warning: unused\n\nerror[E0308]: mismatched types\n --> raft-core/src/log.rs:3:4\n".to_owned();
        let line = NoProgram::DoesNotBuild(complaint).in_a_line();
        assert_eq!(line, "failed to build: error[E0308]: mismatched types");
        let line = NoProgram::DoesNotApply("error: patch failed: raft-core/src/log.rs:3\n".to_owned()).in_a_line();
        assert_eq!(line, "the patch does not apply: error: patch failed: raft-core/src/log.rs:3");
    }
}
