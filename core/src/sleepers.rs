//! Who sleeps, where, and who is woken.
//!
//! A worker that has nothing to do *announces* that it will sleep, then looks once more for a reason not to, then
//! sleeps. Whoever has such a reason makes it visible first and looks for sleepers second. With a full fence between
//! the two steps on both sides, at least one of them sees the other, so no reason to run is ever slept through.
//!
//! One worker at a time drives the poller: one that falls asleep does it if nobody else does, and sleeps there until
//! something happens; the others sleep in their parkers. When all sleep, one of them sleeps in the poller.

use std::collections::VecDeque;

#[cfg(loom)]
use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering, fence},
};
use std::sync::PoisonError;
#[cfg(not(loom))]
use std::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicBool, AtomicUsize, Ordering, fence},
};

use crate::park::Parker;

/// What became of the attempt to wake somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Woken {
    /// Nobody sleeps.
    Nobody,
    /// A sleeper was woken.
    Unparked,
    /// The sleeper is inside the poller, or on its way there: the caller must notify the poller.
    NotifyPoller,
}

/// Where one worker sleeps. Aligned so that no two share a cache line, nor a pair of lines fetched together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Bed {
    parker: Parker,
}

/// A worker that has announced its sleep and was not chosen to be woken yet.
#[derive(Clone, Copy, Debug)]
struct Sleeper {
    seat: usize,
    in_poller: bool,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Sleepers {
    /// One for each seat.
    beds: Box<[Bed]>,
    list: Mutex<VecDeque<Sleeper>>,
    /// The length of `list`.
    listed: AtomicUsize,
    /// Workers that do not sleep.
    awake: AtomicUsize,
    /// Somebody drives the poller.
    polling: AtomicBool,
}

impl Sleepers {
    /// Nobody sits on any of the `seats`.
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            beds: (0..seats).map(|_| Bed::default()).collect(),
            list: Mutex::new(VecDeque::with_capacity(seats)),
            listed: AtomicUsize::new(0),
            awake: AtomicUsize::new(0),
            polling: AtomicBool::new(false),
        }
    }

    /// A worker has begun.
    pub(crate) fn join(&self) {
        self.awake.fetch_add(1, Ordering::Relaxed);
    }

    /// A worker is about to end.
    pub(crate) fn part(&self) {
        self.awake.fetch_sub(1, Ordering::Relaxed);
    }

    /// Whether any worker does not sleep. A hint: no fence.
    pub(crate) fn is_anybody_awake(&self) -> bool {
        self.awake.load(Ordering::Relaxed) != 0
    }

    /// Whether somebody could be woken. A hint: no fence.
    pub(crate) fn has_any(&self) -> bool {
        self.listed.load(Ordering::Relaxed) != 0
    }

    /// Puts the worker of `seat` to sleep until somebody wakes it: inside `drive_poller` if nobody else drives the
    /// poller, else in its parker. False: `is_needed` after all, or nobody drives the poller any more, and it did not
    /// sleep.
    pub(crate) fn sleep(
        &self,
        seat: usize,
        is_needed: impl FnOnce() -> bool,
        drive_poller: impl FnOnce(),
    ) -> bool {
        let in_poller = self.take_poller();
        let sleeps = self.announce(Sleeper { seat, in_poller }, is_needed);
        if sleeps {
            self.awake.fetch_sub(1, Ordering::Relaxed);
            if in_poller {
                drive_poller();
            } else {
                self.beds[seat].parker.park();
            }
            self.awake.fetch_add(1, Ordering::Relaxed);
            self.withdraw(seat);
        }
        if in_poller {
            self.release_poller();
        }
        sleeps
    }

    /// Lists a sleeper. False: there is a reason to stay awake, and it is not listed.
    fn announce(&self, sleeper: Sleeper, is_needed: impl FnOnce() -> bool) -> bool {
        // A wake-up may have come when this worker was awake already.
        self.beds[sleeper.seat].parker.reset();
        {
            let mut list = self.lock();
            list.push_back(sleeper);
            self.listed.store(list.len(), Ordering::Relaxed);
        }
        // Pairs with the fence in `wake_one`: either we see why we are needed, or we are seen.
        fence(Ordering::SeqCst);
        // Whoever drove the poller when this worker asked may have left it since, and seen no sleeper.
        let is_poller_free = !sleeper.in_poller && !self.is_polled();
        let stays_awake = is_poller_free || is_needed();
        if stays_awake {
            self.withdraw(sleeper.seat);
        }
        !stays_awake
    }

    /// The worker of `seat` is awake. It is listed still unless it was chosen to be woken.
    fn withdraw(&self, seat: usize) {
        let mut list = self.lock();
        if let Some(position) = list.iter().position(|sleeper| sleeper.seat == seat) {
            list.remove(position);
            self.listed.store(list.len(), Ordering::Relaxed);
        }
    }

    /// Wakes one sleeper, if there is one. The caller has made visible before why.
    pub(crate) fn wake_one(&self) -> Woken {
        // Pairs with the fence in `announce`.
        fence(Ordering::SeqCst);
        if !self.has_any() {
            return Woken::Nobody;
        }
        match self.choose() {
            None => Woken::Nobody,
            Some(sleeper) if sleeper.in_poller => Woken::NotifyPoller,
            Some(sleeper) => {
                self.beds[sleeper.seat].parker.unpark();
                Woken::Unparked
            }
        }
    }

    /// Takes from the list who fell asleep last, but one in its parker rather than the one in the poller, which would
    /// have to be replaced.
    fn choose(&self) -> Option<Sleeper> {
        let mut list = self.lock();
        let parked = list.iter().rposition(|sleeper| !sleeper.in_poller);
        let chosen = match parked {
            Some(position) => list.remove(position),
            None => list.pop_back(),
        };
        self.listed.store(list.len(), Ordering::Relaxed);
        chosen
    }

    /// Wakes everybody who sleeps in a parker.
    pub(crate) fn wake_all(&self) {
        self.beds.iter().for_each(|bed| bed.parker.unpark());
    }

    /// Tries to become the worker that drives the poller.
    pub(crate) fn take_poller(&self) -> bool {
        // Acquire: sees what the one before did there.
        let exchange = || {
            self.polling
                .compare_exchange(false, true, Ordering::Acquire, Ordering::Relaxed)
        };
        !self.is_polled() && exchange().is_ok()
    }

    /// Nobody drives the poller from now on.
    pub(crate) fn release_poller(&self) {
        self.polling.store(false, Ordering::Release);
    }

    /// Whether somebody drives the poller. A hint: no fence.
    pub(crate) fn is_polled(&self) -> bool {
        self.polling.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Sleeper>> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, loom))]
mod models;
#[cfg(all(test, not(loom)))]
mod tests;
