//! A list that grows without moving what it holds.

use std::ops::Index;

/// How many items a block holds.
const BLOCK: usize = 256;

/// A list in blocks of one size, for the logs of a run.
///
/// A `Vec` that grows copies itself into room twice as large and leaves behind room that is too small for anything: over
/// a run, as much memory again as its logs need. Blocks stay where they are, and those of one run fit the next.
#[derive(Clone, Debug)]
pub struct Blocks<T> {
    /// All full but the last, and none empty.
    blocks: Vec<Vec<T>>,
    /// So many items of the first block, and never all that there are, are held no more.
    dropped: usize,
}

impl<T> Blocks<T> {
    /// An empty list.
    #[must_use]
    pub fn new() -> Self {
        Self { blocks: Vec::new(), dropped: 0 }
    }

    /// How many items it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len() - self.dropped)
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    /// The item at `place`, counted from 0.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<&T> {
        let place = place + self.dropped;
        self.blocks.get(place / BLOCK)?.get(place % BLOCK)
    }

    /// The same, to be changed.
    pub(crate) fn get_mut(&mut self, place: usize) -> Option<&mut T> {
        let place = place + self.dropped;
        self.blocks.get_mut(place / BLOCK)?.get_mut(place % BLOCK)
    }

    /// Adds an item at the end.
    pub fn push(&mut self, item: T) {
        match self.blocks.last_mut() {
            Some(last) if last.len() < BLOCK => last.push(item),
            _ => {
                let mut block = Vec::with_capacity(BLOCK);
                block.push(item);
                self.blocks.push(block);
            }
        }
    }

    /// Drops all items but the first `len`.
    pub fn truncate(&mut self, len: usize) {
        if len == 0 {
            return self.clear();
        }
        let len = len + self.dropped;
        self.blocks.truncate(len.div_ceil(BLOCK));
        let before_last = self.blocks.len().saturating_sub(1) * BLOCK;
        if let Some(last) = self.blocks.last_mut() {
            last.truncate(len - before_last);
        }
    }

    /// Drops the first `count` items. Their room is given back a block at a time.
    pub fn drop_first(&mut self, count: usize) {
        if count >= self.len() {
            return self.clear();
        }
        let dropped = self.dropped + count;
        self.blocks.drain(..dropped / BLOCK);
        self.dropped = dropped % BLOCK;
    }

    /// Drops all items.
    pub fn clear(&mut self) {
        self.blocks.clear();
        self.dropped = 0;
    }

    /// All items, in order.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.blocks.iter().flatten().skip(self.dropped)
    }
}

/// Panics where there is no such item, as a `Vec` does.
impl<T> Index<usize> for Blocks<T> {
    type Output = T;

    fn index(&self, place: usize) -> &T {
        let place = place + self.dropped;
        &self.blocks[place / BLOCK][place % BLOCK]
    }
}

impl<T> Default for Blocks<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Extend<T> for Blocks<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, items: I) {
        items.into_iter().for_each(|item| self.push(item));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        // The deliberately dumb twin: a Vec.
        #[test]
        fn holds_what_a_vec_holds(steps in prop::collection::vec((0usize..700, 0..4), 1..40)) {
            let mut blocks = Blocks::new();
            let mut twin = Vec::new();
            for (number, (count, step)) in steps.into_iter().enumerate() {
                let items = (0..count).map(|item| (number, item));
                match step {
                    0 => {
                        let len = twin.len().saturating_sub(count);
                        blocks.truncate(len);
                        twin.truncate(len);
                    }
                    1 => {
                        blocks.drop_first(count);
                        twin.drain(..count.min(twin.len()));
                    }
                    _ => {
                        blocks.extend(items.clone());
                        twin.extend(items);
                    }
                }
                prop_assert_eq!(blocks.len(), twin.len());
                prop_assert_eq!(blocks.is_empty(), twin.is_empty());
                prop_assert!(blocks.iter().eq(&twin));
                prop_assert_eq!(blocks.get(twin.len() / 2), twin.get(twin.len() / 2));
                prop_assert_eq!(blocks.get(twin.len()), None);
            }
        }
    }
}
