//! A timing wheel: the timers of a node as plain data.
//!
//! [`Wheel`] has no thread and no clock. Its owner tells it the time with [`Wheel::advance`] (or
//! [`Wheel::pop`]) and sleeps until [`Wheel::next_deadline`]. One tick is one millisecond, counted
//! from the start of the node.
//!
//! # How it is laid out
//!
//! **Near**: a window of 4096 ticks that begins with the present time and rolls on with it. Each of
//! its ticks has a slot of its own, which a bitmap of two levels finds in a few instructions; empty
//! ticks cost nothing. A timer that is inserted with a deadline inside the window goes to its slot
//! at once and stays there until it fires. So up to four seconds there is no work but that of
//! inserting and of firing, and no tick in which more is to be done than what is due then.
//!
//! **Far**: a deadline beyond the window waits in a [hierarchy of coarser slots](far), down which it
//! is carried slot by slot until it is in the window: not at all if it is cancelled before, mostly
//! once for a delay of seconds, twice for minutes, three times for hours, at most nine times. Nobody
//! is woken for that. It is done ahead of time, from three seconds before a slot begins, in portions
//! of [`PORTION`] timers, whenever the wheel is called anyway and nothing is due any more. What fires
//! when never depends on it: the rest of a slot whose first timer is due is carried at once.
//!
//! That rest is the only burst left. It is nothing as long as the wheel is called each millisecond of
//! the three seconds and has less than 1.5 million timers to carry in them. In a node that sleeps
//! through them it is the whole slot: the timers of one second, or of one minute where delays are
//! minutes, or of 70 minutes where they are hours.
//!
//! # Equal deadlines
//!
//! They fire in the order of insertion. The present time never goes back, so of all timers of one
//! deadline those that were inserted when it was beyond the window are older than those inserted
//! when it was inside. Each slot of the window therefore has two queues: one of timers carried down,
//! which fires first, and one of timers inserted directly. The latter is in the order of insertion.
//! So is the former: far timers of one deadline wait in the same queue, or, while that is being
//! emptied, the oldest of them in one below; they are carried oldest first, always to the end of the
//! next queue.
//!
//! # Never early
//!
//! A timer fires when the time given to the wheel has reached its deadline. The owner keeps the
//! promise towards real time by rounding the clock *down* for `advance` and *up* for `insert`:
//! `deadline = ceil(now) + delay`.

mod far;
mod lists;
mod near;
mod slab;
#[cfg(test)]
mod tests;

use far::Far;
use lists::Lists;
use near::Near;
use slab::{Index, Slab};
use std::fmt;

/// How many timers are carried down in one call at most, as long as they are not due. It takes 0.1 ms
/// at worst, when none of them is in a cache: little against the tick of 1 ms. And in a busy node,
/// whose wheel is called each tick, it makes 512,000 a second: more than twice what it fires.
///
/// Tests use few timers, which are to be found halfway all the same.
const PORTION: usize = if cfg!(test) { 3 } else { 512 };

/// Number of the queue of the first far slot; those of the window, two for each slot, are before.
const FAR_LISTS: usize = 2 * near::SLOTS;
const LISTS: usize = FAR_LISTS + far::SLOTS;

/// The queue of the timers carried down to a slot of the window.
fn carried(slot: usize) -> usize {
    2 * slot
}

/// The queue of the timers inserted directly into a slot of the window.
fn direct(slot: usize) -> usize {
    2 * slot + 1
}

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

/// Timers in order of their deadline, each carrying a `T`.
///
/// Insertion, cancelling and firing are O(1). Memory follows the number of timers, down as well as
/// up (storage is taken and returned in chunks), plus 75 KiB for the slots, which count from when
/// they are first used.
pub(crate) struct Wheel<T> {
    /// The present time of the wheel. All timers that are [`near`](Self::near) are due less than a
    /// window later, and none is due before.
    elapsed: u64,
    generation: u64,
    near: Near,
    far: Far,
    lists: Lists,
    slab: Slab<T>,
}

impl<T> Wheel<T> {
    /// An empty wheel whose present time is tick 0.
    pub(crate) fn new() -> Self {
        Self {
            elapsed: 0,
            generation: 0,
            near: Near::new(),
            far: Far::new(),
            lists: Lists::new(LISTS),
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
        if deadline - self.elapsed < near::WINDOW {
            self.put_near(index, deadline, direct);
        } else {
            self.put_far(index, deadline, self.far.home(deadline));
        }
        id
    }

    /// Takes a timer out before it fires. `None` when it fired or was cancelled before.
    pub(crate) fn cancel(&mut self, id: TimerId) -> Option<T> {
        self.slab.get(id.index()).filter(|node| node.is(id))?;
        self.unlink(id.index());
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
        while let Some(next) = self.next_deadline().filter(|next| *next <= now) {
            self.elapsed = next;
            if self.far.earliest() != Some(next) {
                return self.take_near(near::slot(next));
            }
            self.carry();
        }
        self.elapsed = now;
        for _ in 0..PORTION {
            if !self.carry() {
                break;
            }
        }
        None
    }

    /// The tick until which the owner may sleep; `None` when no timer waits.
    ///
    /// Never later than the earliest deadline. It is exact, however far away that is, unless the
    /// earliest timer of a far slot (1.024 s or more) was cancelled while others stayed in the slot:
    /// then it may be the cancelled deadline. Advancing to it empties that slot and makes its parts
    /// exact, so that a cancelled timer costs at most one wake in vain.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        match (self.near.first(self.elapsed), self.far.earliest()) {
            (Some(near), Some(far)) => Some(near.min(far)),
            (near, far) => near.or(far),
        }
    }

    /// Carries one timer down: the oldest of the first far slot, if the window has reached that.
    fn carry(&mut self) -> bool {
        let Some(from) = self.far.enter(self.elapsed) else {
            return false;
        };
        let Some(index) = self.lists.head(FAR_LISTS + from) else {
            return false;
        };
        self.unlink(index);
        let deadline = self.slab[index].deadline;
        if far::level(from) == 0 {
            self.put_near(index, deadline, carried);
        } else {
            self.put_far(index, deadline, self.far.below(deadline));
        }
        true
    }

    fn put_near(&mut self, index: Index, deadline: u64, queue: fn(usize) -> usize) {
        let slot = near::slot(deadline);
        self.near.occupy(slot);
        self.lists.append(&mut self.slab, queue(slot), index);
    }

    fn put_far(&mut self, index: Index, deadline: u64, slot: usize) {
        self.far.occupy(slot, deadline);
        self.lists.append(&mut self.slab, FAR_LISTS + slot, index);
    }

    /// Takes the oldest timer out of a slot of the window.
    fn take_near(&mut self, slot: usize) -> Option<T> {
        let index = self
            .lists
            .head(carried(slot))
            .or_else(|| self.lists.head(direct(slot)))?;
        self.unlink(index);
        self.slab.remove(index)
    }

    /// Takes a timer out of its queue, wherever that is.
    fn unlink(&mut self, index: Index) {
        let Some(emptied) = self.lists.unlink(&mut self.slab, index) else {
            return;
        };
        match emptied.checked_sub(FAR_LISTS) {
            Some(slot) => self.far.vacate(slot),
            None => {
                let slot = emptied / 2;
                if self.lists.is_empty(carried(slot)) && self.lists.is_empty(direct(slot)) {
                    self.near.vacate(slot);
                }
            }
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
