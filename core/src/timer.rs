//! A hierarchical timing wheel: the timers of a node as plain data.
//!
//! [`Wheel`] has no thread and no clock. Its owner tells it the time with [`Wheel::advance`] (or
//! [`Wheel::pop`]) and sleeps until [`Wheel::next_deadline`]. One tick is one millisecond, counted
//! from the start of the node.
//!
//! # How it is laid out
//!
//! A deadline is read as eleven digits of six bits. A timer lives on the level of the highest digit
//! in which its deadline differs from the wheel's present time, in the slot named by that digit.
//! Eleven levels cover all of `u64`, so there is no far future to overflow into. From this rule
//! follows everything else:
//!
//! - Every timer of a level is due before every timer of the levels above, and within a level the
//!   slots are due in order. The earliest timers are therefore in the first occupied slot of the
//!   lowest occupied level, which two bitmaps find in two instructions; empty ticks cost nothing,
//!   however many of them a late process has to catch up with.
//! - Timers of equal deadline are always in the same slot. New ones go to the end of its list and a
//!   slot keeps its order when it is spread over the levels below, so equal deadlines fire in the
//!   order of their insertion.
//! - A slot of a level above 0 is spread when time enters it. Each timer moves down at least one
//!   level, so it moves at most ten times, and seldom more than three for a delay of hours.
//!
//! # Never early
//!
//! A timer fires when the time given to the wheel has reached its deadline. The owner keeps the
//! promise towards real time by rounding the clock *down* for `advance` and *up* for `insert`:
//! `deadline = ceil(now) + delay`.

mod slab;
#[cfg(test)]
mod tests;

use slab::{Index, NIL, Slab};
use std::fmt;

const DIGIT_BITS: u32 = 6;
const SLOTS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = u64::BITS.div_ceil(DIGIT_BITS) as usize;

/// Names one timer of one [`Wheel`]: where it is stored, and which insertion put it there.
///
/// The id of a timer that fired or was cancelled names nothing from then on. That is certain for
/// the next 2^36 insertions (four days at 200,000 a second); an id kept for longer meets a timer
/// that is not its own with a probability below 2^-36.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TimerId(u64);

impl TimerId {
    const INDEX_BITS: u32 = slab::INDEX_BITS;
    const LAST_GENERATION: u64 = u64::MAX >> Self::INDEX_BITS;

    fn new(generation: u64, index: Index) -> Self {
        Self(generation << Self::INDEX_BITS | u64::from(index))
    }

    fn index(self) -> Index {
        (self.0 & ((1 << Self::INDEX_BITS) - 1)) as Index
    }

    /// The id as a number, to be carried through an interface that knows only numbers. Never 0.
    pub(crate) fn to_bits(self) -> u64 {
        self.0
    }

    /// The id back from [`to_bits`](Self::to_bits). Any number may be given: one that no insertion
    /// returned names nothing.
    pub(crate) fn from_bits(bits: u64) -> Self {
        Self(bits)
    }
}

impl fmt::Debug for TimerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TimerId({}.{})",
            self.0 >> Self::INDEX_BITS,
            self.index()
        )
    }
}

/// The timers that share one slot: a list through the slab, oldest insertion first.
#[derive(Clone, Copy)]
struct Slot {
    head: Index,
    tail: Index,
    /// No timer of the slot is due before this. Exact unless the timer it came from was cancelled.
    earliest: u64,
}

impl Slot {
    const EMPTY: Self = Self {
        head: NIL,
        tail: NIL,
        earliest: u64::MAX,
    };
}

/// Where a slot is: level and digit.
#[derive(Clone, Copy)]
struct Place {
    level: usize,
    digit: usize,
}

impl Place {
    fn slot(self) -> usize {
        self.level * SLOTS + self.digit
    }

    /// The first tick of this slot, given any tick in it.
    fn start(self, tick: u64) -> u64 {
        let shift = self.level as u32 * DIGIT_BITS;
        tick >> shift << shift
    }
}

/// Timers in order of their deadline, each carrying a `T`.
///
/// Insertion, cancelling and firing are O(1). Memory follows the number of timers, down as well as
/// up (storage is taken and returned in chunks), plus 11 KiB for the slots.
pub(crate) struct Wheel<T> {
    /// The present time of the wheel. Every timer is in the slot that [`Wheel::place`] computes from
    /// its deadline and this.
    elapsed: u64,
    generation: u64,
    /// Bit `l` is set when level `l` has an occupied slot.
    levels: u32,
    /// Bit `d` of entry `l` is set when slot `d` of level `l` is occupied.
    occupied: [u64; LEVELS],
    slots: Box<[Slot; LEVELS * SLOTS]>,
    slab: Slab<T>,
}

impl<T> Wheel<T> {
    /// An empty wheel whose present time is tick 0.
    pub(crate) fn new() -> Self {
        Self {
            elapsed: 0,
            generation: 0,
            levels: 0,
            occupied: [0; LEVELS],
            slots: Box::new([Slot::EMPTY; LEVELS * SLOTS]),
            slab: Slab::new(),
        }
    }

    /// The number of timers that wait.
    pub(crate) fn len(&self) -> usize {
        self.slab.len()
    }

    /// How many timers the memory now held has room for.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.slab.capacity()
    }

    /// Adds a timer that is due at tick `deadline_ms`, any `u64`.
    ///
    /// A deadline in the past counts as the present time of the wheel: the timer fires at the next
    /// [`advance`](Self::advance), behind those already due.
    ///
    /// # Panics
    ///
    /// When 2^28 timers wait already.
    pub(crate) fn insert(&mut self, deadline_ms: u64, value: T) -> TimerId {
        // The generation 0 is left out so that no id is 0.
        self.generation = if self.generation == TimerId::LAST_GENERATION {
            1
        } else {
            self.generation + 1
        };
        let deadline = deadline_ms.max(self.elapsed);
        let generation = self.generation;
        let (index, id) = self
            .slab
            .insert(deadline, value, |index| TimerId::new(generation, index));
        self.link(index, deadline);
        id
    }

    /// Takes a timer out before it fires. `None` when it fired or was cancelled before.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Option<T> {
        let node = self.slab.get(id.index()).filter(|node| node.is(id))?;
        let (deadline, prev, next) = (node.deadline, node.prev, node.next);
        let place = self.place(deadline);
        let slot = &mut self.slots[place.slot()];
        match prev {
            NIL => slot.head = next,
            prev => self.slab[prev].next = next,
        }
        match next {
            NIL => slot.tail = prev,
            next => self.slab[next].prev = prev,
        }
        if slot.head == NIL {
            self.vacate(place);
        }
        self.slab.remove(id.index())
    }

    /// Moves the present time to `now_ms` and hands every timer due by then to `fire`: earlier ticks
    /// first, equal ticks in order of insertion. Returns how many fired.
    ///
    /// A `now_ms` before the present time counts as the present time. When `fire` panics, its timer
    /// is gone and the others that are due fire at the next call.
    pub(crate) fn advance(&mut self, now_ms: u64, fire: &mut impl FnMut(T)) -> usize {
        let mut fired = 0;
        while let Some(value) = self.pop(now_ms) {
            fired += 1;
            fire(value);
        }
        fired
    }

    /// Takes out the next timer that is due at `now_ms`, in the order of [`advance`](Self::advance).
    /// `None` when none is due any more; the present time is `now_ms` then.
    ///
    /// For an owner that may not run the timers while it holds the wheel. Between two calls the
    /// present time stands at the deadline of the timer taken out.
    pub(crate) fn pop(&mut self, now_ms: u64) -> Option<T> {
        let now = now_ms.max(self.elapsed);
        while let Some(place) = self.first() {
            let slot = self.slots[place.slot()];
            if place.start(slot.earliest) > now {
                break;
            }
            // Nothing is due before `earliest`, so time may go there at once, and timers in this
            // slot land as low as they can.
            self.elapsed = slot.earliest.min(now);
            if place.level == 0 {
                return self.take_head(place);
            }
            self.spread(place);
        }
        // Time has not entered the first occupied slot, so every timer is still where it belongs.
        self.elapsed = now;
        None
    }

    /// The tick until which the owner may sleep; `None` when no timer waits.
    ///
    /// Never later than the earliest deadline. It is exact, however far away that is, unless the
    /// earliest timer of a slot above level 0 (64 ms) was cancelled while others stayed in the slot:
    /// then it may be the cancelled deadline. Advancing to it spreads that slot and makes its parts
    /// exact, so that a cancelled timer costs at most one wake in vain.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.first().map(|place| self.slots[place.slot()].earliest)
    }

    /// The slot in which a deadline belongs at the present time.
    fn place(&self, deadline: u64) -> Place {
        let differs = (deadline ^ self.elapsed) | (SLOTS as u64 - 1);
        let level = (u64::BITS - 1 - differs.leading_zeros()) / DIGIT_BITS;
        let digit = (deadline >> (level * DIGIT_BITS)) as usize % SLOTS;
        Place {
            level: level as usize,
            digit,
        }
    }

    /// The occupied slot that is due first.
    fn first(&self) -> Option<Place> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some(Place {
            level,
            digit: self.occupied[level].trailing_zeros() as usize,
        })
    }

    /// Appends a stored timer to the slot in which it belongs.
    fn link(&mut self, index: Index, deadline: u64) {
        let place = self.place(deadline);
        let slot = &mut self.slots[place.slot()];
        let tail = slot.tail;
        slot.tail = index;
        slot.earliest = slot.earliest.min(deadline);
        match tail {
            NIL => {
                slot.head = index;
                self.occupied[place.level] |= 1 << place.digit;
                self.levels |= 1 << place.level;
            }
            tail => self.slab[tail].next = index,
        }
        let node = &mut self.slab[index];
        node.prev = tail;
        node.next = NIL;
    }

    /// Marks a slot whose list has become empty.
    fn vacate(&mut self, place: Place) {
        self.slots[place.slot()] = Slot::EMPTY;
        self.occupied[place.level] &= !(1 << place.digit);
        if self.occupied[place.level] == 0 {
            self.levels &= !(1 << place.level);
        }
    }

    /// Takes the oldest timer out of an occupied slot.
    fn take_head(&mut self, place: Place) -> Option<T> {
        let slot = &mut self.slots[place.slot()];
        let head = slot.head;
        let next = self.slab[head].next;
        slot.head = next;
        match next {
            NIL => self.vacate(place),
            next => self.slab[next].prev = NIL,
        }
        self.slab.remove(head)
    }

    /// Moves the timers of a slot that time has entered to the levels below, which are empty.
    fn spread(&mut self, place: Place) {
        let mut index = self.slots[place.slot()].head;
        self.vacate(place);
        while index != NIL {
            let node = &self.slab[index];
            let (deadline, next) = (node.deadline, node.next);
            self.link(index, deadline);
            index = next;
        }
    }
}

impl<T> Default for Wheel<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Wheel<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wheel")
            .field("elapsed", &self.elapsed)
            .field("len", &self.len())
            .field("next_deadline", &self.next_deadline())
            .finish_non_exhaustive()
    }
}
