//! What a run that went wrong says.

use std::fmt;

use serde::Serialize;

/// A property that does not hold.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Violation {
    /// The checker that noticed.
    pub checker: &'static str,
    /// What is wrong, with the numbers.
    pub detail: String,
}

impl Violation {
    /// Boxed, so that the verdict of a checker that is content fits a register.
    #[cold]
    pub(crate) fn new(checker: &'static str, detail: String) -> Box<Self> {
        Box::new(Self { checker, detail })
    }
}

/// The kinds of failures.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// Something happened that must never happen.
    Safety,
    /// Something did not happen that must happen.
    Liveness,
    /// A node panicked or stopped by itself.
    Crash,
    /// The same seed did not give the same run.
    Divergence,
}

impl fmt::Display for FailureKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Safety => "safety",
            Self::Liveness => "liveness",
            Self::Crash => "crash",
            Self::Divergence => "divergence",
        })
    }
}

/// The end of a run that went wrong.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Failure {
    /// What kind.
    pub kind: FailureKind,
    /// The checker that noticed; `crash` for crashes.
    pub checker: String,
    /// The checker and the detail without its numbers: the same for the same bug, most often.
    pub signature: String,
    /// What is wrong, with the numbers.
    pub detail: String,
    /// The event after which it was noticed, counted from 1.
    pub event: u64,
    /// The time of that event, in milliseconds of virtual time.
    pub virtual_ms: u64,
}

impl Failure {
    pub(crate) fn new(kind: FailureKind, checker: &str, detail: String, event: u64, at_ns: u64) -> Self {
        let signature = format!("{checker}: {}", without_numbers(&detail));
        Self { kind, checker: checker.to_owned(), signature, detail, event, virtual_ms: at_ns / 1_000_000 }
    }
}

/// `text` with every run of digits (and hexadecimal digits after `0x`) made one `#`.
fn without_numbers(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        if !c.is_ascii_digit() {
            plain.push(c);
            continue;
        }
        plain.push('#');
        let is_hex = c == '0' && rest.next_if_eq(&'x').is_some();
        while rest.next_if(|c| c.is_ascii_digit() || is_hex && c.is_ascii_hexdigit()).is_some() {}
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_has_no_numbers() {
        assert_eq!(without_numbers("n1 and n23 lead term 7 (0x1f)"), "n# and n# lead term # (#)");
    }
}
