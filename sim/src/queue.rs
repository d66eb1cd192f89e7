//! What has yet to happen, in order of time.
//!
//! A calendar of short buckets, with a heap for what lies beyond it. Nearly all events of a run (messages,
//! writes) lie a few milliseconds ahead, where finding the next one is a scan of a bitmap and no comparison
//! of keys. The order is exact all the same: by time, then by the order of insertion.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// log2 of a bucket's width in nanoseconds: 524 µs. Wide enough that the calendar stays in the nearest cache, narrow
/// enough that a bucket seldom holds more than a few events.
const BUCKET_BITS: u32 = 19;
/// The calendar covers as many buckets as a word has bits: 34 ms.
const BUCKETS: u64 = u64::BITS as u64;
const NONE: u32 = u32::MAX;

/// A priority queue of events by time in nanoseconds; first in, first out where times are equal.
///
/// Times must not lie before the last one popped.
#[derive(Clone, Debug)]
pub struct Queue<T> {
    slots: Vec<Slot<T>>,
    free: u32,
    /// The first and the last slot of each bucket's list, which is sorted.
    buckets: [(u32, u32); BUCKETS as usize],
    /// Which buckets hold something.
    occupied: u64,
    /// The bucket of the last event popped; the calendar covers `BUCKETS` from here on.
    base: u64,
    near: usize,
    far: BinaryHeap<Reverse<(u64, u64, u32)>>,
    /// The earliest time in the heap; `u64::MAX` where it is empty.
    far_ns: u64,
    /// How many events have gone through the heap, which keeps no order of its own among equal times.
    pushed_far: u64,
}

#[derive(Clone, Debug)]
struct Slot<T> {
    at_ns: u64,
    next: u32,
    item: Option<T>,
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Queue<T> {
    /// An empty queue at time 0.
    #[must_use]
    pub fn new() -> Self {
        Self {
            slots: Vec::with_capacity(64),
            free: NONE,
            buckets: [(NONE, NONE); BUCKETS as usize],
            occupied: 0,
            base: 0,
            near: 0,
            far: BinaryHeap::new(),
            far_ns: u64::MAX,
            pushed_far: 0,
        }
    }

    /// How many events wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.near + self.far.len()
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds `item` at `at_ns`, behind whatever is there already.
    pub fn push(&mut self, at_ns: u64, item: T) {
        let slot = self.fill_slot(Slot { at_ns, next: NONE, item: Some(item) });
        let bucket = at_ns >> BUCKET_BITS;
        debug_assert!(bucket >= self.base, "an event in the past");
        if bucket < self.base + BUCKETS {
            self.link(bucket, slot);
        } else {
            self.pushed_far += 1;
            self.far.push(Reverse((at_ns, self.pushed_far, slot)));
            self.far_ns = self.far_ns.min(at_ns);
        }
    }

    /// The time of the next event.
    #[must_use]
    pub fn peek_ns(&self) -> Option<u64> {
        if self.near > 0 {
            let bucket = self.first_occupied();
            return Some(self.slots[self.buckets[bucket].0 as usize].at_ns);
        }
        (!self.far.is_empty()).then_some(self.far_ns)
    }

    /// Takes the next event, with its time.
    pub fn pop(&mut self) -> Option<(u64, T)> {
        self.pop_until(u64::MAX)
    }

    /// Takes the next event, with its time, unless it lies after `last_ns`.
    #[inline(always)]
    pub fn pop_until(&mut self, last_ns: u64) -> Option<(u64, T)> {
        if self.near == 0 {
            if self.far_ns > last_ns || self.far.is_empty() {
                return None;
            }
            self.advance(self.far_ns >> BUCKET_BITS);
        }
        let bucket = self.first_occupied();
        let (head, tail) = self.buckets[bucket];
        let slot = &mut self.slots[head as usize];
        let at_ns = slot.at_ns;
        if at_ns > last_ns {
            return None;
        }
        let item = slot.item.take();
        self.buckets[bucket].0 = slot.next;
        slot.next = self.free;
        self.free = head;
        self.near -= 1;
        if head == tail {
            self.occupied &= !(1 << bucket);
        }
        self.advance(at_ns >> BUCKET_BITS);
        item.map(|item| (at_ns, item))
    }

    /// Takes everything, in order. Times may begin at 0 again.
    pub fn drain(&mut self, mut taken: impl FnMut(u64, T)) {
        while let Some((at_ns, item)) = self.pop() {
            taken(at_ns, item);
        }
        self.base = 0;
    }

    /// The calendar now starts at `bucket`: what it newly covers moves in from the heap.
    fn advance(&mut self, bucket: u64) {
        self.base = bucket;
        if self.far_ns >> BUCKET_BITS < bucket + BUCKETS {
            self.move_in();
        }
    }

    #[cold]
    fn move_in(&mut self) {
        self.far_ns = u64::MAX;
        while let Some(Reverse((at_ns, _, slot))) = self.far.peek().copied() {
            let bucket = at_ns >> BUCKET_BITS;
            if bucket >= self.base + BUCKETS {
                self.far_ns = at_ns;
                break;
            }
            self.far.pop();
            self.link(bucket, slot);
        }
    }

    fn fill_slot(&mut self, slot: Slot<T>) -> u32 {
        if self.free == NONE {
            self.slots.push(slot);
            return (self.slots.len() - 1) as u32;
        }
        let place = self.free;
        self.free = self.slots[place as usize].next;
        self.slots[place as usize] = slot;
        place
    }

    /// Puts a slot into its bucket's sorted list, behind those of its time: what comes from the heap comes before
    /// anything is pushed into the bucket.
    fn link(&mut self, bucket: u64, slot: u32) {
        let bucket = (bucket % BUCKETS) as usize;
        let at_ns = self.slots[slot as usize].at_ns;
        let (head, tail) = self.buckets[bucket];
        let mut previous = NONE;
        let mut next = head;
        if head != NONE && self.slots[tail as usize].at_ns <= at_ns {
            // The usual case of a full bucket, many events of one instant, needs no search.
            (previous, next) = (tail, NONE);
        }
        while next != NONE && self.slots[next as usize].at_ns <= at_ns {
            previous = next;
            next = self.slots[next as usize].next;
        }
        self.slots[slot as usize].next = next;
        if previous == NONE {
            self.buckets[bucket].0 = slot;
        } else {
            self.slots[previous as usize].next = slot;
        }
        if next == NONE {
            self.buckets[bucket].1 = slot;
        }
        self.occupied |= 1 << bucket;
        self.near += 1;
    }

    /// The first occupied bucket at or after `base`, around the ring. There must be one.
    fn first_occupied(&self) -> usize {
        let start = (self.base % BUCKETS) as u32;
        let ahead = self.occupied.rotate_right(start).trailing_zeros();
        (u64::from(start + ahead) % BUCKETS) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // The deliberately dumb twin: a sorted list.
        #[test]
        fn pops_by_time_then_insertion_like_a_sorted_list(
            steps in prop::collection::vec((0u8..5, 0u64..200_000_000, any::<bool>()), 1..400)
        ) {
            let mut queue = Queue::new();
            let mut twin: Vec<(u64, usize)> = Vec::new();
            let mut now = 0;
            for (number, (action, ahead, near)) in steps.into_iter().enumerate() {
                if action < 3 {
                    let at = now + if near { ahead % 40_000 } else { ahead };
                    queue.push(at, number);
                    twin.push((at, number));
                } else {
                    twin.sort_unstable();
                    prop_assert_eq!(queue.peek_ns(), twin.first().map(|first| first.0));
                    let expected = (!twin.is_empty()).then(|| twin.remove(0));
                    prop_assert_eq!(queue.pop(), expected);
                    now = expected.map_or(now, |(at, _)| at);
                }
                prop_assert_eq!(queue.len(), twin.len());
            }
            twin.sort_unstable();
            for expected in twin {
                prop_assert_eq!(queue.pop(), Some(expected));
            }
            prop_assert_eq!(queue.pop(), None);
        }
    }
}
