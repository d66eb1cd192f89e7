//! Exit codes.

use sim::{Failure, FailureKind};

/// Everything held.
pub(crate) const CLEAN: u8 = 0;
/// The command line, the environment or a file makes no sense.
pub(crate) const USAGE: u8 = 2;

/// The runs were clean, and met less than their scenario is for.
pub(super) const UNMET: u8 = 6;

/// The code for `failures`: where kinds differ, the gravest decides.
pub(super) fn code<'a>(failures: impl Iterator<Item = &'a Failure>) -> u8 {
    let gravest = failures.map(|failure| failure.kind).min();
    match gravest {
        None => CLEAN,
        Some(FailureKind::Safety) => 1,
        Some(FailureKind::Liveness) => 3,
        Some(FailureKind::Crash) => 4,
        Some(FailureKind::Divergence) => 5,
    }
}
