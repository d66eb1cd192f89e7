//! A register of which no value is written twice: Gibbons and Korach, "Testing shared memories" (SIAM J. Computing 26, 1997).
//!
//! A write and the reads of its value are together in any order, so that only these clusters are to be ordered. The zone
//! of a cluster lies between the first return in it and the last call: if that return comes first, the register has the
//! value all that time (a forward zone); if not, one moment there is enough (a backward zone).
//!
//! ```text
//!   forward    ├─write─┤                        ├─write───────┤       backward
//!                        ├─read──┤                  ├─read─────┤
//!                     [the value]                    any moment
//! ```
//!
//! So there is an order if and only if every read returns after its write was called, no two forward zones overlap, and no
//! backward zone lies within a forward one. What only touches may be ordered either way.

use super::ops::Ops;

#[derive(Clone, Copy)]
struct Zone {
    first_end: u64,
    last_call: u64,
    /// When its write was called: at the end of time where there is none.
    written: u64,
}

impl Zone {
    fn is_forward(&self) -> bool {
        self.first_end < self.last_call
    }
}

/// By value.
fn zones<State>(ops: &Ops<State>) -> Vec<Zone> {
    let mut zones = vec![Zone { first_end: u64::MAX, last_call: 0, written: u64::MAX }; ops.states.len()];
    zones[ops.initial as usize] = Zone { first_end: 0, last_call: 0, written: 0 };
    for op in &ops.list {
        let zone = if op.is_read() {
            &mut zones[op.needs as usize]
        } else {
            let zone = &mut zones[op.leaves as usize];
            zone.written = op.called;
            zone
        };
        zone.first_end = zone.first_end.min(op.ended);
        zone.last_call = zone.last_call.max(op.called);
    }
    zones
}

/// From first return to last call, in order; `None` where there is no order of the operations.
fn forward_zones(zones: &[Zone]) -> Option<Vec<(u64, u64)>> {
    if zones.iter().any(|zone| zone.first_end < zone.written) {
        return None;
    }
    let is_forward = |zone: &&Zone| zone.is_forward();
    let mut forward: Vec<(u64, u64)> =
        zones.iter().filter(is_forward).map(|zone| (zone.first_end, zone.last_call)).collect();
    forward.sort_unstable();
    if forward.windows(2).any(|pair| pair[1].0 < pair[0].1) {
        return None;
    }
    let is_free =
        |zone: &Zone| zone.is_forward() || around(&forward, zone.last_call).is_none_or(|end| end <= zone.first_end);
    zones.iter().all(is_free).then_some(forward)
}

/// When the forward zone ends that is under way at `moment`, or was the last before it.
fn around(forward: &[(u64, u64)], moment: u64) -> Option<u64> {
    let begun = forward.partition_point(|(first, _)| *first < moment);
    begun.checked_sub(1).map(|last| forward[last].1)
}

/// Whether there is an order.
pub(super) fn have_order<State>(ops: &Ops<State>) -> bool {
    forward_zones(&zones(ops)).is_some()
}

/// An order of all of `ops`, by their places.
pub(super) fn order<State>(ops: &Ops<State>) -> Option<Vec<u32>> {
    let zones = zones(ops);
    let forward = forward_zones(&zones)?;
    // A backward zone gets its earliest moment outside of the forward zones, and whatever begins there comes after it.
    let position = |zone: &Zone| match zone.is_forward() {
        true => (zone.first_end, true),
        false => (around(&forward, zone.last_call).unwrap_or(0).max(zone.last_call), false),
    };
    let mut order: Vec<_> = (0_u32..)
        .zip(&ops.list)
        .map(|(number, op)| {
            let value = if op.is_read() { op.needs } else { op.leaves };
            (position(&zones[value as usize]), value, op.is_read(), number, op.place)
        })
        .collect();
    order.sort_unstable();
    Some(order.into_iter().map(|(_, _, _, _, place)| place).collect())
}
