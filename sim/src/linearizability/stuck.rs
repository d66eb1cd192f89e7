//! Why a history is not linearizable, to be read.

use std::fmt::{Debug, Write};

use super::history::Op;

/// How far one gets with a key whose history is not linearizable: a longest order of operations that works, and the one
/// that it ends at. Everything is named by its place in the history.
///
/// The history as it was before that operation returned is linearizable, and with its return it is not.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stuck {
    /// The key.
    pub key: u64,
    /// What fits, one after the other. Some of these had not returned then.
    pub linearized: Vec<usize>,
    /// What fits nowhere.
    pub unplaced: usize,
}

impl Stuck {
    /// The moment that shows it.
    #[must_use]
    pub fn shown_at<I, O>(&self, history: &[Op<I, O>]) -> u64 {
        history[self.unplaced].ended()
    }

    /// The last `most` operations that fit, in their order, and the one that does not, a line each.
    #[must_use]
    pub fn words<I: Debug, O: Debug>(&self, history: &[Op<I, O>], most: usize) -> String {
        let skipped = self.linearized.len().saturating_sub(most);
        let mut words = match skipped {
            0 => String::new(),
            skipped => format!("  ... {skipped} that fit before these\n"),
        };
        for place in &self.linearized[skipped..] {
            words += "  ";
            put_op(&mut words, &history[*place]);
            words += "\n";
        }
        words += "✗ ";
        put_op(&mut words, &history[self.unplaced]);
        words + "  fits nowhere\n"
    }
}

fn put_op<I: Debug, O: Debug>(words: &mut String, op: &Op<I, O>) {
    let Op { client, called, input, returned } = op;
    // To write to a string never fails.
    let _ = match returned {
        Some((at, output)) => write!(words, "client {client} [{called}, {at}]  {input:?} ─▶ {output:?}"),
        None => write!(words, "client {client} [{called}, ?]  {input:?} ─▶ ?"),
    };
}
