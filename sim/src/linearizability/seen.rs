//! The places where a search has been.

/// A set of runs of words.
#[derive(Debug)]
pub(super) struct Places {
    /// One after the other, each with its length before it.
    words: Vec<u64>,
    /// Where one begins, and one more; 0: none. An open-addressed table, at most half full.
    slots: Vec<u32>,
    count: usize,
}

impl Places {
    pub(super) fn new() -> Self {
        Self { words: Vec::new(), slots: vec![0; 64], count: 0 }
    }

    /// Whether `place` was not there before.
    pub(super) fn insert(&mut self, place: &[u64]) -> bool {
        if 2 * self.count >= self.slots.len() {
            self.grow();
        }
        let Err(slot) = self.slot(place) else { return false };
        self.slots[slot] = self.words.len() as u32 + 1;
        self.words.push(place.len() as u64);
        self.words.extend_from_slice(place);
        self.count += 1;
        true
    }

    /// Where `place` is, or where it belongs.
    fn slot(&self, place: &[u64]) -> Result<usize, usize> {
        let mask = self.slots.len() - 1;
        let mut slot = hash(place) as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return Err(slot),
                begin if self.at(begin) == place => return Ok(slot),
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    fn at(&self, begin: u32) -> &[u64] {
        let begin = begin as usize;
        &self.words[begin..begin + self.words[begin - 1] as usize]
    }

    fn grow(&mut self) {
        let before = std::mem::take(&mut self.slots);
        self.slots = vec![0; 2 * before.len()];
        for begin in before.into_iter().filter(|begin| *begin != 0) {
            if let Err(slot) = self.slot(self.at(begin)) {
                self.slots[slot] = begin;
            }
        }
    }
}

fn hash(words: &[u64]) -> u64 {
    let mixed = words.iter().fold(0x9E37_79B9_7F4A_7C15_u64, |hash, word| {
        let mixed = (hash ^ word).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed ^ mixed >> 29
    });
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_is_new_once() {
        let mut places = Places::new();
        let all = || (0..1000_u64).flat_map(|number| [vec![number], vec![number; 2], vec![0, number]]);
        let new: Vec<bool> = all().map(|place| places.insert(&place)).collect();
        // [0, 0] comes twice.
        assert_eq!(new.iter().filter(|is_new| **is_new).count(), 2999);
        assert!(!all().any(|place| places.insert(&place)));
        assert!(places.insert(&[]));
    }
}
