//! A node's own clock: a little fast or slow, and now and then set anew or standing still.

/// Maps the world's time to a node's and back. Fixed-point: 2^32 is one local nanosecond a nanosecond.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    rate: u64,
    /// How far it was set forward, all in all; negative: back.
    offset_ns: i64,
    /// What it shows as long as it stands still.
    frozen_ns: Option<u64>,
    /// What it showed before it was set back.
    highest_ns: u64,
}

const ONE: u64 = 1 << 32;

impl Clock {
    /// A clock that gains `drift_ppm` microseconds a second, or loses them where negative.
    pub(crate) fn new(drift_ppm: i32) -> Self {
        let rate = i128::from(ONE) * (1_000_000 + i128::from(drift_ppm)) / 1_000_000;
        let rate = u64::try_from(rate).unwrap_or(ONE).max(1);
        Self { rate, offset_ns: 0, frozen_ns: None, highest_ns: 0 }
    }

    pub(crate) fn local_ns(self, world_ns: u64) -> u64 {
        match self.frozen_ns {
            Some(frozen_ns) => frozen_ns,
            None => self.running_ns(world_ns).saturating_add_signed(self.offset_ns),
        }
    }

    fn running_ns(self, world_ns: u64) -> u64 {
        if self.rate == ONE {
            return world_ns;
        }
        u64::try_from((u128::from(world_ns) * u128::from(self.rate)) >> 32).unwrap_or(u64::MAX)
    }

    /// The first instant of the world's time at which the node's clock shows at least `local_ns`; never, as long as it
    /// stands still before that.
    pub(crate) fn world_ns(self, local_ns: u64) -> u64 {
        if self.frozen_ns.is_some_and(|frozen_ns| frozen_ns < local_ns) {
            return u64::MAX;
        }
        let running_ns = local_ns.saturating_sub_signed(self.offset_ns);
        if self.rate == ONE {
            return running_ns;
        }
        u64::try_from((u128::from(running_ns) << 32).div_ceil(u128::from(self.rate))).unwrap_or(u64::MAX)
    }

    /// The clock is set forward by `by_ns`, or back where negative, but not to before the start of the run.
    pub(crate) fn step(&mut self, world_ns: u64, by_ns: i64) {
        let now_ns = self.local_ns(world_ns);
        self.highest_ns = self.highest_ns.max(now_ns);
        let by_ns = by_ns.max(i64::try_from(now_ns).map_or(i64::MIN, |now_ns| -now_ns));
        self.offset_ns = self.offset_ns.saturating_add(by_ns);
        self.frozen_ns = self.frozen_ns.map(|frozen_ns| frozen_ns.saturating_add_signed(by_ns));
    }

    /// The clock stands still from now on.
    pub(crate) fn freeze(&mut self, world_ns: u64) {
        self.frozen_ns = Some(self.local_ns(world_ns));
    }

    /// It goes on from where it stood.
    pub(crate) fn thaw(&mut self, world_ns: u64) {
        if let Some(frozen_ns) = self.frozen_ns.take() {
            self.offset_ns = i64::try_from(i128::from(frozen_ns) - i128::from(self.running_ns(world_ns))).unwrap_or(0);
        }
    }

    /// How far it is behind what it has shown before. A node that never lets time run back stands still for so long.
    pub(crate) fn lag_ns(self, world_ns: u64) -> u64 {
        self.highest_ns.saturating_sub(self.local_ns(world_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: u64 = 1_000_000_000;

    proptest! {
        #[test]
        fn a_deadline_is_reached_at_its_world_time_and_not_before(
            drift in -100_000i32..100_000, local in 1u64 << 42..1 << 50, by in -(1i64 << 40)..1 << 40
        ) {
            let mut clock = Clock::new(drift);
            clock.step(1 << 41, by);
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

    #[test]
    fn a_clock_that_was_set_shows_the_difference_from_then_on() {
        let mut clock = Clock::new(0);
        clock.step(10 * S, 3 * S as i64);
        assert_eq!((clock.local_ns(10 * S), clock.lag_ns(10 * S)), (13 * S, 0));
        clock.step(10 * S, -(5 * S as i64));
        assert_eq!((clock.local_ns(11 * S), clock.lag_ns(11 * S)), (9 * S, 4 * S));
        assert_eq!(clock.lag_ns(15 * S), 0);
    }

    #[test]
    fn no_clock_shows_less_than_nothing_or_lags_by_more_than_it_has_shown() {
        let mut clock = Clock::new(0);
        clock.step(S, -(5 * S as i64));
        clock.step(S, -(5 * S as i64));
        assert_eq!((clock.local_ns(S), clock.lag_ns(S)), (0, S));
        assert_eq!((clock.local_ns(2 * S), clock.lag_ns(2 * S)), (S, 0));
    }

    #[test]
    fn a_frozen_clock_reaches_nothing_and_goes_on_from_where_it_stood() {
        let mut clock = Clock::new(0);
        clock.freeze(10 * S);
        assert_eq!((clock.local_ns(20 * S), clock.world_ns(11 * S)), (10 * S, u64::MAX));
        clock.thaw(20 * S);
        assert_eq!((clock.local_ns(21 * S), clock.world_ns(11 * S)), (11 * S, 21 * S));
    }
}
