//! Where timers wait that were beyond the window when they were inserted.
//!
//! Deadlines count here in units of 1.024 s, read as nine digits of six bits, which is all of `u64`.
//! A timer lives on the level of the highest digit in which its unit differs from the present unit,
//! in the slot named by that digit. So every timer of a level is due before every timer of the
//! levels above, within a level the slots are due in order, and equal deadlines are always in the
//! same slot.
//!
//! When the present unit enters a slot, the timers of the slot are carried one by one, oldest
//! first: from level 0 to the window, else to the levels below. Until that slot is empty the present
//! unit stands still, and a new timer that belongs below the slot queues up at its end. This keeps
//! equal deadlines in order, however long it takes.

/// Ticks of a unit, as a power of two.
const UNIT_BITS: u32 = 10;
const DIGIT_BITS: u32 = 6;
const DIGITS: usize = 1 << DIGIT_BITS;
pub(super) const LEVELS: usize = (u64::BITS - UNIT_BITS).div_ceil(DIGIT_BITS) as usize;

/// Number of slots: slot `64 l + d` is that of digit `d` on level `l`.
pub(super) const SLOTS: usize = LEVELS * DIGITS;

/// The level of a slot.
pub(super) fn level(slot: usize) -> usize {
    slot / DIGITS
}

/// The last unit that lies inside the window from `elapsed` on.
fn last_inside(elapsed: u64) -> u64 {
    const UNITS: u64 = super::near::WINDOW >> UNIT_BITS;
    // At the end of time this is beyond the last unit of all. No far timer can be inserted then.
    (elapsed >> UNIT_BITS) + UNITS - 1
}

/// Which slots are occupied, and from when on they are due.
pub(super) struct Far {
    /// The present unit. No timer here is due before it.
    unit: u64,
    /// The slot that is being emptied, if it is not empty yet. No timer in another slot is due
    /// before its `earliest`.
    entered: Option<usize>,
    /// Bit `l` is set when level `l` has an occupied slot.
    levels: u32,
    /// Bit `d` of entry `l` is set when slot `d` of level `l` is occupied.
    occupied: [u64; LEVELS],
    /// No timer of an occupied slot is due before this, which is in the slot, too. Exact unless the
    /// timer it came from was cancelled or carried on.
    earliest: Box<[u64]>,
}

impl Far {
    pub(super) fn new() -> Self {
        Self {
            unit: 0,
            entered: None,
            levels: 0,
            occupied: [0; LEVELS],
            earliest: vec![0; SLOTS].into_boxed_slice(),
        }
    }

    /// No timer here is due before this tick. `None` when there is none.
    pub(super) fn earliest(&self) -> Option<u64> {
        self.first().map(|slot| self.earliest[slot])
    }

    /// The slot for a new timer, which is beyond the window.
    pub(super) fn home(&self, deadline: u64) -> usize {
        let slot = self.below(deadline);
        match self.entered {
            Some(entered) if level(entered) > level(slot) => entered,
            _ => slot,
        }
    }

    /// The slot for a timer that is carried down from the entered slot.
    pub(super) fn below(&self, deadline: u64) -> usize {
        let unit = deadline >> UNIT_BITS;
        let differs = (unit ^ self.unit) | (DIGITS as u64 - 1);
        let level = (u64::BITS - 1 - differs.leading_zeros()) / DIGIT_BITS;
        let digit = (unit >> (level * DIGIT_BITS)) as usize % DIGITS;
        level as usize * DIGITS + digit
    }

    /// Notes that a timer was put into a slot.
    pub(super) fn occupy(&mut self, slot: usize, deadline: u64) {
        let (level, bit) = (level(slot), 1 << (slot % DIGITS));
        let earliest = &mut self.earliest[slot];
        if self.occupied[level] & bit == 0 {
            *earliest = deadline;
        } else {
            *earliest = deadline.min(*earliest);
        }
        self.occupied[level] |= bit;
        self.levels |= 1 << level;
    }

    /// Notes that a slot is empty.
    pub(super) fn vacate(&mut self, slot: usize) {
        let level = level(slot);
        self.occupied[level] &= !(1 << (slot % DIGITS));
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
        if self.entered == Some(slot) {
            self.entered = None;
        }
    }

    /// The occupied slot from which timers are to be carried down, if the end of the window from
    /// `elapsed` on has reached one. Moves the present unit on, as far as nothing waits.
    pub(super) fn enter(&mut self, elapsed: u64) -> Option<usize> {
        if self.entered.is_some() {
            return self.entered;
        }
        let reached = last_inside(elapsed);
        self.unit = match self.first() {
            None => reached,
            Some(slot) => {
                let unit = self.earliest[slot] >> UNIT_BITS;
                let shift = level(slot) as u32 * DIGIT_BITS;
                if unit >> shift << shift <= reached {
                    self.entered = Some(slot);
                }
                // Nothing is due before `unit`: so the timers of the slot go as low as they can.
                unit.min(reached)
            }
        };
        self.entered
    }

    /// The occupied slot that is due first.
    fn first(&self) -> Option<usize> {
        if self.entered.is_some() || self.levels == 0 {
            return self.entered;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some(level * DIGITS + self.occupied[level].trailing_zeros() as usize)
    }

    /// Checks what is noted of a slot against the deadlines of its timers.
    #[cfg(test)]
    pub(super) fn assert_sound(&self, slot: usize, deadlines: &[u64]) {
        let (level, digit) = (level(slot), slot % DIGITS);
        assert_eq!(self.levels >> level & 1 == 1, self.occupied[level] != 0);
        let occupied = self.occupied[level] >> digit & 1 == 1;
        assert_eq!(occupied, !deadlines.is_empty());
        for &deadline in deadlines {
            assert!(deadline >= self.earliest[slot] && deadline >> UNIT_BITS >= self.unit);
            assert!(Some(deadline) >= self.earliest());
            if self.entered == Some(slot) {
                let shift = UNIT_BITS + level as u32 * DIGIT_BITS;
                assert_eq!((deadline >> shift) as usize % DIGITS, digit);
                assert_eq!(deadline >> shift, self.earliest[slot] >> shift);
            } else {
                assert_eq!(self.below(deadline), slot);
            }
        }
        assert!(occupied || self.entered != Some(slot));
    }
}
