//! A set of numbers that finds its least and its greatest member in a few steps.

/// Numbers below this.
pub(super) const MOST: usize = 64 * 64 * 64;

/// A set of numbers below [`MOST`]: a bit for each, above that a bit for each word of 64 that is not 0, and so on.
#[derive(Debug)]
pub(super) struct Bits {
    top: u64,
    middle: [u64; 64],
    members: Box<[u64]>,
}

impl Bits {
    pub(super) fn new() -> Self {
        Self {
            top: 0,
            middle: [0; 64],
            members: vec![0; MOST / 64].into_boxed_slice(),
        }
    }

    pub(super) fn insert(&mut self, number: usize) {
        self.members[number / 64] |= 1 << (number % 64);
        self.middle[number / 4096] |= 1 << (number / 64 % 64);
        self.top |= 1 << (number / 4096);
    }

    pub(super) fn remove(&mut self, number: usize) {
        self.members[number / 64] &= !(1 << (number % 64));
        if self.members[number / 64] == 0 {
            self.middle[number / 4096] &= !(1 << (number / 64 % 64));
            if self.middle[number / 4096] == 0 {
                self.top &= !(1 << (number / 4096));
            }
        }
    }

    pub(super) fn contains(&self, number: usize) -> bool {
        self.members[number / 64] & 1 << (number % 64) != 0
    }

    pub(super) fn least(&self) -> Option<usize> {
        self.follow(|word| word.trailing_zeros())
    }

    pub(super) fn greatest(&self) -> Option<usize> {
        self.follow(|word| 63 - word.leading_zeros())
    }

    fn follow(&self, which: impl Fn(u64) -> u32) -> Option<usize> {
        if self.top == 0 {
            return None;
        }
        let word = which(self.top) as usize;
        let word = word * 64 + which(self.middle[word]) as usize;
        Some(word * 64 + which(self.members[word]) as usize)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn it_is_a_set_that_knows_its_ends() {
        let (mut bits, mut expected) = (Bits::new(), BTreeSet::new());
        assert_eq!((bits.least(), bits.greatest()), (None, None));
        let mut random = 1_u32;
        for _ in 0..if cfg!(miri) { 500 } else { 20_000 } {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Few different ones, all over the range.
            let number = (random >> 8) as usize % 97 * (MOST - 1) / 96;
            if random >> 31 == 0 {
                bits.insert(number);
                expected.insert(number);
            } else {
                bits.remove(number);
                expected.remove(&number);
            }
            assert_eq!(bits.contains(number), expected.contains(&number));
            assert_eq!(bits.least(), expected.first().copied());
            assert_eq!(bits.greatest(), expected.last().copied());
        }
    }
}
