//! What the log replicates, as far as the core must know it.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// A command of the state machine. The core never looks inside; it only needs to know how much it carries around.
///
/// ```
/// #[derive(Clone)]
/// enum Order { Set(String, Vec<u8>), Delete(String) }
///
/// impl raft_core::Command for Order {
///     fn size_bytes(&self) -> usize {
///         match self {
///             Self::Set(key, value) => key.len() + value.len(),
///             Self::Delete(key) => key.len(),
///         }
///     }
/// }
/// ```
pub trait Command: Clone {
    /// How many bytes the command takes on the wire, roughly. Windows and bounds of the configuration that are in
    /// bytes count these; the answer must always be the same for one command.
    fn size_bytes(&self) -> usize;
}

impl Command for &str {
    fn size_bytes(&self) -> usize {
        self.len()
    }
}

impl Command for String {
    fn size_bytes(&self) -> usize {
        self.len()
    }
}

impl Command for u64 {
    fn size_bytes(&self) -> usize {
        size_of::<u64>()
    }
}

impl Command for Vec<u8> {
    fn size_bytes(&self) -> usize {
        self.len()
    }
}

impl Command for Arc<[u8]> {
    fn size_bytes(&self) -> usize {
        self.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_text_are_as_large_as_they_are_long() {
        let text = "three little words";
        let sizes = [
            text.size_bytes(),
            String::from(text).size_bytes(),
            Vec::from(text).size_bytes(),
            Arc::<[u8]>::from(text.as_bytes()).size_bytes(),
        ];
        assert_eq!(sizes, [18; 4]);
        assert_eq!(7_u64.size_bytes(), 8);
    }
}
