//! A node's own clock, which runs a little fast or slow.

/// Maps the world's time to a node's and back. Fixed-point: 2^32 is one local nanosecond a nanosecond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    rate: u64,
}

const ONE: u64 = 1 << 32;

impl Clock {
    /// A clock that gains `drift_ppm` microseconds a second, or loses them where negative.
    pub(crate) fn new(drift_ppm: i32) -> Self {
        let rate = i128::from(ONE) * (1_000_000 + i128::from(drift_ppm)) / 1_000_000;
        Self { rate: u64::try_from(rate).unwrap_or(ONE).max(1) }
    }

    pub(crate) fn local_ns(self, world_ns: u64) -> u64 {
        if self.rate == ONE {
            return world_ns;
        }
        u64::try_from((u128::from(world_ns) * u128::from(self.rate)) >> 32).unwrap_or(u64::MAX)
    }

    /// The first instant of the world's time at which the node's clock shows at least `local_ns`.
    pub(crate) fn world_ns(self, local_ns: u64) -> u64 {
        if self.rate == ONE {
            return local_ns;
        }
        u64::try_from((u128::from(local_ns) << 32).div_ceil(u128::from(self.rate))).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_deadline_is_reached_at_its_world_time_and_not_before(drift in -100_000i32..100_000, local in 1u64..1 << 50) {
            let clock = Clock::new(drift);
            let world = clock.world_ns(local);
            prop_assert!(clock.local_ns(world) >= local);
            prop_assert!(clock.local_ns(world - 1) < local);
        }
    }

    #[test]
    fn drift_is_in_parts_per_million() {
        assert_eq!(Clock::new(500).local_ns(1_000_000_000) / 1000, 1_000_499);
        assert_eq!(Clock::new(0).local_ns(77), 77);
    }
}
