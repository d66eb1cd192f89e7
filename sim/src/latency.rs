//! How long messages travel where links are not all alike: a distribution a link, in integers.

use serde::{Deserialize, Serialize};

use crate::choices::Choice;

/// How long messages travel on one link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkLatency {
    /// How the times are spread.
    pub shape: LatencyShape,
    /// The shortest time, and the longest that is usual.
    pub latency_ns: (u64, u64),
    /// The longest time of all.
    pub tail_ns: u64,
}

/// How latencies are spread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LatencyShape {
    /// Any usual time alike.
    Uniform,
    /// Exponential, with the mean that the uniform one has: a queue that is mostly short.
    Exponential,
    /// One in two in the first eighth of what is usual, and half as many for every doubling: there is always a slower one.
    HeavyTail,
}

/// -ln(1 - i/64) in 1,024ths; the last stands for 1 - 1/256, so that the tail ends somewhere.
const EXPONENTIAL: [u64; 65] = [
    0, 16, 33, 49, 66, 83, 101, 119, 137, 155, 174, 193, 213, 233, 253, 273, 295, 316, 338, 361, 384, 407, 431, 456,
    481, 507, 534, 561, 589, 618, 648, 678, 710, 742, 776, 811, 847, 884, 922, 963, 1004, 1048, 1093, 1141, 1191, 1244,
    1299, 1357, 1420, 1486, 1556, 1632, 1714, 1803, 1901, 2009, 2129, 2266, 2424, 2611, 2839, 3134, 3549, 4259, 5678,
];

impl LinkLatency {
    /// The time of the next message. Takes exactly one number.
    pub(crate) fn draw_ns(&self, choice: &mut Choice) -> u64 {
        let (least_ns, most_ns) = self.latency_ns;
        let width_ns = most_ns - least_ns;
        let extra_ns = match self.shape {
            LatencyShape::Uniform => choice.below(width_ns.saturating_add(1)),
            LatencyShape::Exponential => scaled(width_ns / 2, exponential(choice.below(64 << 10))),
            LatencyShape::HeavyTail => {
                let drawn = choice.below(u64::MAX);
                let doublings = drawn.leading_zeros().min(30);
                // What follows the leading one is as random as before.
                let fraction = drawn << doublings >> 53 & 0x3FF;
                scaled(width_ns / 16, (1024 + fraction) << doublings)
            }
        };
        (least_ns.saturating_add(extra_ns)).min(self.tail_ns.max(least_ns))
    }
}

/// The exponential's quantile, in 1,024ths of its mean, at `place` of 65,536: straight between the table's.
fn exponential(place: u64) -> u64 {
    let (cell, within) = ((place >> 10) as usize, place & 0x3FF);
    let (from, to) = (EXPONENTIAL[cell], EXPONENTIAL[cell + 1]);
    from + (((to - from) * within) >> 10)
}

fn scaled(ns: u64, in_1024ths: u64) -> u64 {
    u64::try_from((u128::from(ns) * u128::from(in_1024ths)) >> 10).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::choices::Choices;

    const MS: u64 = 1_000_000;

    fn drawn(shape: LatencyShape) -> Vec<u64> {
        let link = LinkLatency { shape, latency_ns: (MS, 9 * MS), tail_ns: 300 * MS };
        let mut choice = Choices::new(7).plan();
        let mut times: Vec<u64> = (0..20_000).map(|_| link.draw_ns(&mut choice)).collect();
        times.sort_unstable();
        times
    }

    fn mean(times: &[u64]) -> u64 {
        times.iter().sum::<u64>() / times.len() as u64
    }

    #[test]
    fn no_message_is_faster_than_its_link_or_slower_than_the_tail() {
        for shape in [LatencyShape::Uniform, LatencyShape::Exponential, LatencyShape::HeavyTail] {
            let times = drawn(shape);
            assert!(times[0] >= MS && times[times.len() - 1] <= 300 * MS, "{shape:?}");
        }
    }

    #[test]
    fn an_exponential_link_has_the_mean_of_a_uniform_one_and_its_median_below() {
        let (uniform, exponential) = (drawn(LatencyShape::Uniform), drawn(LatencyShape::Exponential));
        assert!(mean(&uniform).abs_diff(mean(&exponential)) < MS / 4, "{} {}", mean(&uniform), mean(&exponential));
        // 1 ms and ln 2 of 4 ms.
        assert!(exponential[10_000].abs_diff(3_772_000) < MS / 5, "{}", exponential[10_000]);
        assert!(exponential[19_999] > 15 * MS, "{}", exponential[19_999]);
    }

    #[test]
    fn a_heavy_tail_reaches_its_end_though_half_of_it_is_fast() {
        let times = drawn(LatencyShape::HeavyTail);
        assert!(times[10_000] <= 2 * MS + MS / 100, "{}", times[10_000]);
        assert_eq!(times[19_999], 300 * MS);
        // Half as many for every doubling.
        let slower = |ms: u64| times.iter().filter(|ns| **ns >= MS + ms * MS).count();
        assert!(slower(8).abs_diff(2 * slower(16)) < 200, "{} {}", slower(8), slower(16));
    }
}
