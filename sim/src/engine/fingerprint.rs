//! States in one number each, by which a search knows them again.

use std::fmt;
use std::hash::{Hash, Hasher};

/// Takes in whatever tells one state from another, and makes 64 bits of it. The same on every machine.
#[derive(Clone, Debug, Default)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// Of `value` alone.
    #[must_use]
    pub fn of(value: impl Hash) -> u64 {
        let mut fingerprint = Self::default();
        value.hash(&mut fingerprint);
        fingerprint.finish()
    }

    /// Of all that `value` prints.
    #[must_use]
    pub fn of_words(value: &impl fmt::Debug) -> u64 {
        let mut fingerprint = Self::default();
        fingerprint.words(value);
        fingerprint.finish()
    }

    /// Takes in all that `value` prints.
    pub fn words(&mut self, value: &impl fmt::Debug) {
        // Nothing in here fails.
        let _ = fmt::Write::write_fmt(self, format_args!("{value:?}"));
    }
}

/// One number for items whose order makes no difference. Equal ones count as often as they are there.
pub(crate) fn unordered(items: impl IntoIterator<Item = impl Hash>) -> u64 {
    items.into_iter().fold(0, |sum, item| sum.wrapping_add(Fingerprint::of(item)))
}

impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        mix(self.0 ^ 0x2545_F491_4F6C_DD1D, 0x9E37_79B9_7F4A_7C15)
    }

    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.write_u64(u64::from_le_bytes(word));
        }
        self.write_u64(bytes.len() as u64);
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(value.into());
    }

    fn write_u16(&mut self, value: u16) {
        self.write_u64(value.into());
    }

    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = mix(self.0 ^ value ^ 0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB).wrapping_add(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.write_u64(value as u64);
    }
}

impl fmt::Write for Fingerprint {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.write(text.as_bytes());
        Ok(())
    }
}

/// Both halves of a product: every bit of the one factor reaches every bit of the result.
fn mix(one: u64, other: u64) -> u64 {
    let product = u128::from(one) * u128::from(other);
    (product as u64) ^ (product >> 64) as u64
}

/// Numbers that were seen, in a table with open places.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    /// 0 where it is open.
    places: Vec<u64>,
    count: usize,
}

impl Seen {
    pub(crate) fn new() -> Self {
        Self { places: vec![0; 1 << 10], count: 0 }
    }

    /// Returns whether `number` is new.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        if 10 * (self.count + 1) > 7 * self.places.len() {
            let grown = vec![0; 2 * self.places.len()];
            for known in std::mem::replace(&mut self.places, grown).into_iter().filter(|known| *known != 0) {
                let place = self.find(known);
                self.places[place] = known;
            }
        }
        let number = number.max(1);
        let place = self.find(number);
        let is_new = self.places[place] == 0;
        self.count += usize::from(is_new);
        self.places[place] = number;
        is_new
    }

    /// Where `number` is, or would be.
    fn find(&self, number: u64) -> usize {
        let last = self.places.len() - 1;
        let mut place = number as usize & last;
        while self.places[place] != 0 && self.places[place] != number {
            place = (place + 1) & last;
        }
        place
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn order_and_length_count_where_they_should() {
        assert_ne!(Fingerprint::of((1u64, 2u64)), Fingerprint::of((2u64, 1u64)));
        assert_ne!(Fingerprint::of([1u8, 0]), Fingerprint::of([1u8]));
        assert_ne!(Fingerprint::of_words(&"a"), Fingerprint::of_words(&"b"));
        assert_eq!(unordered([1u64, 2, 2]), unordered([2u64, 1, 2]));
        assert_ne!(unordered([1u64, 2]), unordered([1u64, 2, 2]));
    }

    proptest! {
        // The deliberately dumb twin: a set of the standard library.
        #[test]
        fn a_number_is_new_once(numbers in prop::collection::vec(1u64..3000, 0..3000)) {
            let (mut seen, mut twin) = (Seen::new(), BTreeSet::new());
            for number in numbers {
                let spread = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
                prop_assert_eq!(seen.insert(spread), twin.insert(spread));
            }
        }
    }
}
