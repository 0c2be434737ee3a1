//! Run queues: which service runs next, and who wakes up for it.
//!
//! Each worker has a *seat* with a queue of its own; services made runnable by a turn go there. Everybody else's go
//! into the common injector. A worker that runs dry takes from the injector, then from other seats, oldest first, but
//! leaves a lone service to a seat that makes progress: its worker will run it at once, and two services that feed
//! each other stay together.
//!
//! # Waking
//! A worker announces that it will sleep, then looks once more, then sleeps. Somebody who puts work where *only* a
//! sleeper could take it (the injector) therefore adds the work first and looks for sleepers second, with a full fence
//! between on both sides. Work in a seat's own queue is never lost without a wake-up, because its worker gets to it;
//! there sleepers are woken to share it when at least two services wait, or when the current turn is known to be long.

#![allow(unsafe_code)]

use std::collections::VecDeque;
use std::ptr;
use std::sync::atomic::{
    AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering, fence,
};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crossbeam_deque::{Injector, Steal, Stealer, Worker};

use crate::loader::PluginInfo;
use crate::park::Parker;
use crate::service::Service;

/// A service that was marked scheduled and lies in exactly one queue.
pub(crate) type Runnable = &'static Service;
/// A worker's own end of its queue.
pub(crate) type Queue = Worker<Runnable>;

/// The owner's end of a seat's queue.
#[derive(Debug)]
struct OwnEnd(Queue);

// SAFETY: only the thread that sits on the seat uses it (`Seat::queue`).
unsafe impl Sync for OwnEnd {}

/// The most services taken from another seat at once: batches hoard.
const STEAL_LIMIT: usize = 16;

/// Whose code a seat's thread runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Running {
    service: u32,
    plugin: *mut PluginInfo,
}

/// One place for a worker thread. Aligned so that no two share a cache line, nor a pair of lines fetched together.
#[derive(Debug)]
#[repr(align(128))]
pub(crate) struct Seat {
    stealer: Stealer<Runnable>,
    queue: OwnEnd,
    taken: AtomicBool,
    pub(crate) parker: Parker,
    /// When the current turn began, in nanoseconds; 0 between turns.
    pub(crate) turn_began: AtomicU64,
    /// Counts turns: the same number twice is the same turn.
    pub(crate) turns: AtomicU64,
    /// Whose turn, and whose message.
    pub(crate) service: AtomicU32,
    pub(crate) source: AtomicU32,
    plugin: AtomicPtr<PluginInfo>,
    /// Even a lone service may be taken: the current turn is, or will be, long.
    pub(crate) open: AtomicBool,
    /// Sleeps in the poller rather than in the parker.
    in_poller: AtomicBool,
    /// A thread sits here and is not asleep.
    pub(crate) busy: AtomicBool,
    /// Another thread has taken over for the worker, which leaves when its turn ends.
    pub(crate) replaced: AtomicBool,
    /// Somebody is starting that other thread, or has.
    pub(crate) replacing: AtomicBool,
}

impl Seat {
    fn new() -> Self {
        let queue = Worker::new_fifo();
        Self {
            stealer: queue.stealer(),
            queue: OwnEnd(queue),
            taken: AtomicBool::new(false),
            parker: Parker::default(),
            turn_began: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            service: AtomicU32::new(0),
            source: AtomicU32::new(0),
            plugin: AtomicPtr::new(ptr::null_mut()),
            open: AtomicBool::new(false),
            in_poller: AtomicBool::new(false),
            busy: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
            replacing: AtomicBool::new(false),
        }
    }

    /// Sits down. False: somebody sits here.
    pub(crate) fn sit(&self) -> bool {
        // Acquire: sees what the former thread did to the queue.
        let free = !self.taken.swap(true, Ordering::Acquire);
        if free {
            self.busy.store(true, Ordering::SeqCst);
        }
        free
    }

    /// Leaves the seat to the next thread.
    pub(crate) fn leave(&self) {
        self.busy.store(false, Ordering::SeqCst);
        self.taken.store(false, Ordering::Release);
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.taken.load(Ordering::Relaxed)
    }

    /// The owner's end of the queue.
    ///
    /// # Safety
    /// The calling thread sits on this seat.
    pub(crate) unsafe fn queue(&self) -> &Queue {
        &self.queue.0
    }

    /// A turn begins; `is_long`: as far as known, it will keep the worker for long.
    pub(crate) fn begin_turn(&self, began: u64, is_long: bool) {
        self.turn_began.store(began, Ordering::Relaxed);
        self.turns.store(
            self.turns.load(Ordering::Relaxed).wrapping_add(1),
            Ordering::Relaxed,
        );
        if is_long {
            self.open.store(true, Ordering::Relaxed);
        }
    }

    /// Notes whose code runs from here on; returns whose ran before.
    pub(crate) fn enter(&self, service: u32, plugin: &'static PluginInfo) -> Running {
        let before = Running {
            service: self.service.load(Ordering::Relaxed),
            plugin: self.plugin.load(Ordering::Relaxed),
        };
        self.service.store(service, Ordering::Relaxed);
        self.plugin
            .store(ptr::from_ref(plugin).cast_mut(), Ordering::Relaxed);
        before
    }

    /// The code noted by [`enter`](Self::enter) has returned to what it was called from.
    pub(crate) fn go_back_to(&self, before: Running) {
        self.service.store(before.service, Ordering::Relaxed);
        self.plugin.store(before.plugin, Ordering::Relaxed);
    }

    /// The plugin whose code runs, or ran last.
    pub(crate) fn plugin(&self) -> Option<&'static PluginInfo> {
        // SAFETY: only `enter` and `go_back_to` store here, and plugins live for ever.
        unsafe { self.plugin.load(Ordering::Relaxed).as_ref() }
    }

    pub(crate) fn end_turn(&self) {
        self.turn_began.store(0, Ordering::Relaxed);
        if self.open.load(Ordering::Relaxed) {
            self.open.store(false, Ordering::Relaxed);
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.stealer.len()
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Scheduler {
    pub(crate) seats: Box<[Seat]>,
    injector: Injector<Runnable>,
    sleepers: Mutex<VecDeque<usize>>,
    sleeping: AtomicUsize,
    /// Somebody drives the poller.
    polling: AtomicBool,
    pub(crate) stopping: AtomicBool,
}

/// How a woken sleeper must be woken.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Woken {
    /// Nobody sleeps, or the sleeper is awake again.
    Done,
    /// The sleeper is inside the poller: notify it.
    NotifyPoller,
}

impl Scheduler {
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            seats: (0..seats).map(|_| Seat::new()).collect(),
            injector: Injector::new(),
            sleepers: Mutex::new(VecDeque::with_capacity(seats)),
            sleeping: AtomicUsize::new(0),
            polling: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
        }
    }

    /// Queues a service from outside any worker.
    pub(crate) fn inject(&self, service: Runnable) -> Woken {
        self.injector.push(service);
        self.wake_one()
    }

    /// Puts a service into the injector without waking anybody: for workers on their way out.
    pub(crate) fn inject_silently(&self, service: Runnable) {
        self.injector.push(service);
    }

    /// Whether sharing would find a taker. A hint: no fence.
    pub(crate) fn has_sleepers(&self) -> bool {
        self.sleeping.load(Ordering::Relaxed) != 0
    }

    /// Wakes one sleeper, if there is one.
    pub(crate) fn wake_one(&self) -> Woken {
        // Pairs with the fence in `announce_sleep`: either the sleeper sees our work, or we see the sleeper.
        fence(Ordering::SeqCst);
        if !self.has_sleepers() {
            return Woken::Done;
        }
        let index = {
            let mut sleepers = self.lock_sleepers();
            // One in its parker rather than the one in the poller, which would have to be replaced.
            let parked = sleepers
                .iter()
                .rposition(|&index| !self.seats[index].in_poller.load(Ordering::Relaxed));
            let index = match parked {
                Some(position) => sleepers.remove(position),
                None => sleepers.pop_back(),
            };
            self.sleeping.store(sleepers.len(), Ordering::SeqCst);
            index
        };
        match index {
            Some(index) => self.wake_seat(index),
            None => Woken::Done,
        }
    }

    fn wake_seat(&self, index: usize) -> Woken {
        let seat = &self.seats[index];
        if seat.in_poller.load(Ordering::SeqCst) {
            return Woken::NotifyPoller;
        }
        seat.parker.unpark();
        Woken::Done
    }

    /// Wakes everybody, to stop.
    pub(crate) fn wake_all(&self) {
        for seat in &self.seats {
            seat.parker.unpark();
        }
    }

    fn lock_sleepers(&self) -> MutexGuard<'_, VecDeque<usize>> {
        self.sleepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tries to become the thread that drives the poller.
    pub(crate) fn take_poller(&self) -> bool {
        !self.polling.load(Ordering::Relaxed) && !self.polling.swap(true, Ordering::SeqCst)
    }

    pub(crate) fn release_poller(&self) {
        self.polling.store(false, Ordering::SeqCst);
    }

    pub(crate) fn is_polled(&self) -> bool {
        self.polling.load(Ordering::Relaxed)
    }

    /// The worker of `seat` will sleep, in the poller or in its parker. False: there is work after all, and it is
    /// listed no more.
    pub(crate) fn announce_sleep(&self, seat: usize, in_poller: bool) -> bool {
        self.seats[seat].parker.reset();
        self.seats[seat]
            .in_poller
            .store(in_poller, Ordering::SeqCst);
        {
            let mut sleepers = self.lock_sleepers();
            sleepers.push_back(seat);
            self.sleeping.store(sleepers.len(), Ordering::SeqCst);
        }
        // Pairs with the fence in `wake_one`.
        fence(Ordering::SeqCst);
        // Whoever drove the poller when this worker asked may have left it since, and seen no sleeper.
        let is_poller_free = !in_poller && !self.polling.load(Ordering::SeqCst);
        if self.has_work(seat) || is_poller_free || self.stopping.load(Ordering::SeqCst) {
            self.end_sleep(seat);
            return false;
        }
        self.seats[seat].busy.store(false, Ordering::SeqCst);
        true
    }

    /// The worker of `seat` is awake.
    pub(crate) fn end_sleep(&self, seat: usize) {
        self.seats[seat].busy.store(true, Ordering::SeqCst);
        let mut sleepers = self.lock_sleepers();
        if let Some(position) = sleepers.iter().position(|&index| index == seat) {
            sleepers.remove(position);
            self.sleeping.store(sleepers.len(), Ordering::SeqCst);
        }
        self.seats[seat].in_poller.store(false, Ordering::SeqCst);
    }

    fn has_work(&self, seat: usize) -> bool {
        !self.injector.is_empty()
            || self.seats.iter().enumerate().any(|(index, other)| {
                other.waiting()
                    >= if index == seat {
                        1
                    } else {
                        self.least_to_steal(other)
                    }
            })
    }

    fn least_to_steal(&self, victim: &Seat) -> usize {
        if victim.open.load(Ordering::Relaxed) {
            1
        } else {
            2
        }
    }

    /// The oldest service that came from outside.
    pub(crate) fn injected(&self, queue: &Queue) -> Option<Runnable> {
        retry(|| {
            self.injector
                .steal_batch_with_limit_and_pop(queue, STEAL_LIMIT)
        })
    }

    /// Work of others, for a worker that has none.
    pub(crate) fn steal(&self, seat: usize, queue: &Queue) -> Option<Runnable> {
        let count = self.seats.len();
        (1..count)
            .map(|step| &self.seats[(seat + step) % count])
            .find_map(|victim| {
                let waiting = victim.waiting();
                if waiting < self.least_to_steal(victim) {
                    return None;
                }
                let limit = (waiting / 2).clamp(1, STEAL_LIMIT);
                retry(|| victim.stealer.steal_batch_with_limit_and_pop(queue, limit))
            })
    }

    /// Any service from any queue, for the stop of the node.
    pub(crate) fn take_any(&self) -> Option<Runnable> {
        retry(|| self.injector.steal()).or_else(|| {
            self.seats
                .iter()
                .find_map(|seat| retry(|| seat.stealer.steal()))
        })
    }

    /// Services in queues, roughly.
    pub(crate) fn backlog(&self) -> usize {
        self.injector.len() + self.seats.iter().map(Seat::waiting).sum::<usize>()
    }
}

fn retry(mut attempt: impl FnMut() -> Steal<Runnable>) -> Option<Runnable> {
    loop {
        match attempt() {
            Steal::Success(service) => return Some(service),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}
