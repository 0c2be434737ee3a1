//! Numbers that look random and depend on the seed alone.

/// xorshift64*.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        // Seeds in sequence would otherwise begin alike.
        let mut random = Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        random
    }

    /// For one decision: depends on the seed and on what is decided, not on what was drawn before.
    pub(crate) fn of(seed: u64, what: [u64; 2]) -> Self {
        let mixed = what.into_iter().fold(seed, |mixed, part| {
            (mixed ^ part)
                .wrapping_mul(0xd129_0b26_3a8b_5f2d)
                .rotate_left(29)
        });
        Self::new(mixed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        (self.next() >> 11) % end
    }

    /// Once in `times`.
    pub(crate) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
