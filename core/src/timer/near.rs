//! Which ticks of the window that begins with the present time have a timer.

/// Ticks in the window, each with a slot of its own: tick `t` has slot `t % WINDOW`.
pub(super) const WINDOW: u64 = 64 * 64;

/// Number of slots.
pub(super) const SLOTS: usize = WINDOW as usize;

/// The slot of a tick.
pub(super) fn slot(tick: u64) -> usize {
    (tick % WINDOW) as usize
}

/// The occupied slots of the window.
pub(super) struct Near {
    /// Bit `w` is set when word `w` is not 0.
    summary: u64,
    /// Bit `b` of word `w` is set when slot `64 w + b` is occupied.
    words: [u64; 64],
}

impl Near {
    pub(super) fn new() -> Self {
        Self {
            summary: 0,
            words: [0; 64],
        }
    }

    pub(super) fn occupy(&mut self, slot: usize) {
        self.words[slot / 64] |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
    }

    pub(super) fn vacate(&mut self, slot: usize) {
        let word = &mut self.words[slot / 64];
        *word &= !(1 << (slot % 64));
        if *word == 0 {
            self.summary &= !(1 << (slot / 64));
        }
    }

    /// The earliest tick of the window from `elapsed` on whose slot is occupied.
    pub(super) fn first(&self, elapsed: u64) -> Option<u64> {
        let from = slot(elapsed);
        let (word, bit) = (from / 64, from % 64);
        let ahead = self.words[word] >> bit;
        if ahead != 0 {
            return Some(elapsed + u64::from(ahead.trailing_zeros()));
        }
        if self.summary == 0 {
            return None;
        }
        // Round the ring from the word behind, this one last: of it only the bits before `from` are
        // left, the end of the window.
        let after = (word + 1) % 64;
        let words = self.summary.rotate_right(after as u32).trailing_zeros() as usize;
        let word = (after + words) % 64;
        let found = word * 64 + self.words[word].trailing_zeros() as usize;
        Some(elapsed + (found + SLOTS - from) as u64 % WINDOW)
    }

    #[cfg(test)]
    pub(super) fn is_occupied(&self, slot: usize) -> bool {
        let word = self.words[slot / 64];
        assert_eq!(self.summary >> (slot / 64) & 1 == 1, word != 0);
        word >> (slot % 64) & 1 == 1
    }
}
