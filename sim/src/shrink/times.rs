//! Shorter and rounder times.

use super::tries::{Candidate, Found, Tries};
use crate::plan::Plan;
use crate::subject::Subject;

const MS: u64 = 1_000_000;

/// Puts what happens into as short a time as the protocol's own deadlines allow, at full milliseconds.
pub(super) fn shorter<S: Subject>(tries: &mut Tries<'_, S>, mut found: Found<S::Settings>) -> Found<S::Settings> {
    // All at once if that goes, and else one gap after the other, the longest first.
    let instants = found.script_before_heal().instants();
    let all = |gap_ns: u64| {
        let mut at_ns = 0;
        let moved = instants.windows(2).map(|pair| (pair[1] - pair[0]).min(gap_ns).next_multiple_of(MS));
        let mut ends = vec![instants.first().copied().unwrap_or(0).min(gap_ns).next_multiple_of(MS)];
        at_ns += ends[0];
        for gap_ns in moved {
            at_ns += gap_ns;
            ends.push(at_ns);
        }
        ends
    };
    for gap_ns in [MS, 10 * MS, 100 * MS, u64::MAX >> 1] {
        if let Some(shorter) = retimed(tries, &found, &instants, &all(gap_ns)) {
            found = shorter;
            break;
        }
    }
    one_by_one(tries, found)
}

fn one_by_one<S: Subject>(tries: &mut Tries<'_, S>, mut found: Found<S::Settings>) -> Found<S::Settings> {
    let count = found.script_before_heal().instants().len();
    for place in 0..count {
        for gap_ns in [0, MS, 10 * MS, 100 * MS] {
            let instants = found.script_before_heal().instants();
            let Some(gap_now_ns) = instants.get(place).map(|at_ns| {
                at_ns - place.checked_sub(1).and_then(|before| instants.get(before)).copied().unwrap_or(0)
            }) else {
                return found;
            };
            if gap_now_ns <= gap_ns || tries.are_over() {
                break;
            }
            let earlier_ns = gap_now_ns - gap_ns;
            let moved: Vec<u64> = (0..)
                .zip(&instants)
                .map(|(number, at_ns)| if number < place { *at_ns } else { at_ns - earlier_ns })
                .collect();
            if let Some(shorter) = retimed(tries, &found, &instants, &moved) {
                found = shorter;
                break;
            }
        }
    }
    found
}

fn retimed<S: Subject>(
    tries: &mut Tries<'_, S>,
    found: &Found<S::Settings>,
    from: &[u64],
    to: &[u64],
) -> Option<Found<S::Settings>> {
    let moved = |at_ns: u64| {
        let place = from.partition_point(|instant| *instant <= at_ns);
        let Some(before) = place.checked_sub(1) else { return at_ns.min(to.first().copied().unwrap_or(at_ns)) };
        let later_ns = to[before].saturating_add(at_ns - from[before]);
        to.get(place).map_or(later_ns, |next| later_ns.min(*next))
    };
    let (plan, script) = found.script_before_heal().retimed(&found.plan, moved);
    let last_ns = found.script.steps.last().filter(|_| found.plan.heal.is_none()).map_or(0, |step| step.at_ns + 1);
    let duration_ns = moved(found.plan.duration_ns.max(last_ns));
    let shorter = tries.first(vec![Candidate::of(&Plan { duration_ns: duration_ns.max(1), ..plan }, &script)])?;
    (shorter.before_heal() <= found.before_heal()).then_some(shorter)
}
