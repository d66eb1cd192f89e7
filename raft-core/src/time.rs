//! The node's own monotonic clock.

use core::hash::{Hash, Hasher};
use core::time::Duration;

/// Nanoseconds on the node's own monotonic clock, from an origin that the driver chooses.
/// Two nodes' times are never compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Time(pub u64);

/// All times have the same hash: two states that differ in when they were reached, and in nothing else, are to be found
/// alike. See [`Raft::fingerprint`](crate::Raft::fingerprint).
impl Hash for Time {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

impl Time {
    /// A time that never comes.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// This time plus `span`; saturates at the end of the range (584 years).
    pub(crate) fn after(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// A length of time in nanoseconds: what a [`Duration`] of the configuration becomes once it is checked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Span(pub(crate) u64);

impl Span {
    /// Saturates at the end of the range (584 years).
    pub(crate) fn from_duration(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}
