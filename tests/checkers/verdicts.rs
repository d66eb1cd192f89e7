//! What a checker says of a history.

use std::fmt::Debug;

use sim::{NodeId, Violation};

pub(crate) const N1: NodeId = NodeId(0);
pub(crate) const N2: NodeId = NodeId(1);
pub(crate) const N3: NodeId = NodeId(2);
pub(crate) const N4: NodeId = NodeId(3);
pub(crate) const N5: NodeId = NodeId(4);

/// The history is refused, by this checker, in a detail that has all these words: whoever reads it must find the
/// numbers that he needs, and not meet others in their place.
#[track_caller]
pub(crate) fn assert_rejected<T: Debug>(result: Result<T, Box<Violation>>, checker: &str, words: &[&str]) {
    let violation = match result {
        Ok(accepted) => panic!("accepted: {accepted:?}"),
        Err(violation) => violation,
    };
    assert_eq!(violation.checker, checker);
    for words in words {
        assert!(violation.detail.contains(words), "\"{words}\" is not in \"{}\"", violation.detail);
    }
}
