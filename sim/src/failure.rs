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

    /// The same, told off the path of those who find nothing: whatever `detail` names is to be moved into it, since what
    /// is lent to it must lie in memory on that path too.
    #[cold]
    #[inline(never)]
    pub(crate) fn found(checker: &'static str, detail: impl FnOnce() -> String) -> Box<Self> {
        Self::new(checker, detail())
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
    /// The checker and the first line of the detail without its numbers: the same for the same bug, most often.
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
        let signature = format!("{checker}: {}", without_numbers(detail.lines().next().unwrap_or_default()));
        Self { kind, checker: checker.to_owned(), signature, detail, event, virtual_ms: at_ns / 1_000_000 }
    }
}

/// `text` with every run of digits made one `#`, and every list of what is then alike one of it: how many nodes a set has
/// is a number too.
fn without_numbers(text: &str) -> String {
    let mut plain = without_digits(text);
    for (list, one) in [("{}", "{n#}"), ("n# n#", "n#"), ("#, #", "#")] {
        while plain.contains(list) {
            plain = plain.replace(list, one);
        }
    }
    plain
}

/// `text` with every run of digits (and hexadecimal digits after `0x`) made one `#`.
fn without_digits(text: &str) -> String {
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

    #[test]
    fn a_signature_does_not_say_how_many_nodes_a_set_has() {
        let led_by = |voters| without_numbers(&format!("n1 leads term 7 and only {voters} have sent it their votes"));
        assert_eq!(led_by("{n1}"), "n# leads term # and only {n#} have sent it their votes");
        for voters in ["{}", "{n1 n2}", "{n1 n2 n7}"] {
            assert_eq!(led_by(voters), led_by("{n1}"));
        }
        assert_eq!(without_numbers("entries 3, 4, 17 of n1, n2"), "entries # of n#, n#");
    }
}
