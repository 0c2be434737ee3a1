//! Run queues: which service runs next, and who wakes up for it.
//!
//! Each worker has a *seat* with a queue of its own; services made runnable by a turn go there. Everybody else's go
//! into the common injector. A worker that runs dry takes from the injector, then from other seats, oldest first, but
//! leaves a lone service to a seat that makes progress: its worker will run it at once, and two services that feed
//! each other stay together.
//!
//! # Waking
//! Somebody who puts work where *only* a sleeper could take it (the injector) wakes one (see [`Sleepers`]). What a turn that
//! is known to be long makes runnable goes there, too. Work in a seat's own queue is never lost without a wake-up, because
//! its worker gets to it; there a sleeper is woken to share it when two services or more have waited for a while.

#![allow(unsafe_code)]

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, Ordering};

use crossbeam_deque::{Injector, Steal, Stealer, Worker};

use crate::loader::PluginInfo;
use crate::service::Service;
use crate::sleepers::{Sleepers, Woken};
use crate::slot::Slot;

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

/// The most services that run in a row ahead of a seat's queue, each made runnable by the one before.
const STREAK: u32 = 4;

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
    /// The service that runs next, made runnable by the turn before. So two services that feed each other stay warm and
    /// seldom need the queue, whose own end costs a locked instruction; [`STREAK`] bounds how long others wait for them.
    slot: Slot<Service>,
    stealer: Stealer<Runnable>,
    queue: OwnEnd,
    taken: AtomicBool,
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
    /// Another thread has taken over for the worker, which leaves when its turn ends.
    pub(crate) replaced: AtomicBool,
    /// Somebody is starting that other thread, or has.
    pub(crate) replacing: AtomicBool,
}

impl Seat {
    fn new() -> Self {
        let queue = Worker::new_fifo();
        Self {
            slot: Slot::empty(),
            stealer: queue.stealer(),
            queue: OwnEnd(queue),
            taken: AtomicBool::new(false),
            turn_began: AtomicU64::new(0),
            turns: AtomicU64::new(0),
            service: AtomicU32::new(0),
            source: AtomicU32::new(0),
            plugin: AtomicPtr::new(ptr::null_mut()),
            open: AtomicBool::new(false),
            replaced: AtomicBool::new(false),
            replacing: AtomicBool::new(false),
        }
    }

    /// Sits down. False: somebody sits here.
    pub(crate) fn sit(&self) -> bool {
        // Acquire: sees what the former thread did to the queue.
        !self.taken.swap(true, Ordering::Acquire)
    }

    /// Leaves the seat to the next thread.
    pub(crate) fn leave(&self) {
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

    /// Queues a service that the current turn made runnable: it runs next, if nobody else does.
    ///
    /// # Safety
    /// The calling thread sits on this seat.
    #[inline(always)]
    pub(crate) unsafe fn push_next(&self, service: Runnable) {
        if !self.slot.put(service) {
            self.queue.0.push(service);
        }
    }

    /// Queues a service behind those that wait here.
    ///
    /// # Safety
    /// The calling thread sits on this seat.
    pub(crate) unsafe fn push_last(&self, service: Runnable) {
        let queue = &self.queue.0;
        if !queue.is_empty() || !self.slot.put(service) {
            queue.push(service);
        }
    }

    /// The service to run next. `streak` counts those that did not come from the queue.
    ///
    /// # Safety
    /// The calling thread sits on this seat.
    #[inline]
    pub(crate) unsafe fn pop(&self, streak: &mut u32) -> Option<Runnable> {
        let queue = &self.queue.0;
        let may_jump = *streak < STREAK || queue.is_empty();
        if may_jump && let Some(service) = self.slot.take() {
            *streak += 1;
            return Some(service);
        }
        *streak = 0;
        let Some(oldest) = queue.pop() else {
            // Others have taken what was there.
            return self.slot.take();
        };
        // Those in the queue have waited longer.
        if let Some(service) = self.slot.take() {
            queue.push(service);
        }
        Some(oldest)
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
        self.set_running(service, plugin);
        before
    }

    /// Notes whose code runs from here on.
    #[inline]
    pub(crate) fn set_running(&self, service: u32, plugin: &'static PluginInfo) {
        self.service.store(service, Ordering::Relaxed);
        self.plugin
            .store(ptr::from_ref(plugin).cast_mut(), Ordering::Relaxed);
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

    /// How many services wait here. For its owner this costs no fence.
    ///
    /// # Safety
    /// The calling thread sits on this seat.
    pub(crate) unsafe fn own_waiting(&self) -> usize {
        self.queue.0.len() + usize::from(!self.slot.is_empty())
    }

    /// How many services wait here, roughly.
    pub(crate) fn waiting(&self) -> usize {
        self.stealer.len() + usize::from(!self.slot.is_empty())
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Scheduler {
    pub(crate) seats: Box<[Seat]>,
    injector: Injector<Runnable>,
    pub(crate) sleepers: Sleepers,
    pub(crate) stopping: AtomicBool,
}

impl Scheduler {
    pub(crate) fn new(seats: usize) -> Self {
        Self {
            seats: (0..seats).map(|_| Seat::new()).collect(),
            injector: Injector::new(),
            sleepers: Sleepers::new(seats),
            stopping: AtomicBool::new(false),
        }
    }

    /// Queues a service from outside any worker.
    pub(crate) fn inject(&self, service: Runnable) -> Woken {
        self.injector.push(service);
        self.sleepers.wake_one()
    }

    /// Puts a service into the injector without waking anybody: for workers on their way out.
    pub(crate) fn inject_silently(&self, service: Runnable) {
        self.injector.push(service);
    }

    /// Whether the worker of `seat` has a reason not to sleep.
    pub(crate) fn needs(&self, seat: usize) -> bool {
        self.has_work(seat) || self.stopping.load(Ordering::SeqCst)
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
                retry(|| victim.stealer.steal_batch_with_limit_and_pop(queue, limit)).or_else(
                    || {
                        // Its worker will not come for it soon.
                        let is_open = victim.open.load(Ordering::Relaxed);
                        is_open.then(|| victim.slot.steal()).flatten()
                    },
                )
            })
    }

    /// Any service from any queue, for the stop of the node.
    pub(crate) fn take_any(&self) -> Option<Runnable> {
        retry(|| self.injector.steal()).or_else(|| {
            self.seats
                .iter()
                .find_map(|seat| retry(|| seat.stealer.steal()).or_else(|| seat.slot.steal()))
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

#[cfg(all(test, not(loom)))]
#[expect(unsafe_code, reason = "the tests sit on the seats")]
mod tests {
    use super::*;

    fn services<const COUNT: usize>() -> [Runnable; COUNT] {
        std::array::from_fn(|_| Service::for_test())
    }

    /// Which of the services a seat that nobody else has runs next.
    fn pop(seat: &Seat, streak: &mut u32, services: &[Runnable]) -> Option<usize> {
        // SAFETY: nobody else has this seat.
        let next = unsafe { seat.pop(streak) }?;
        services.iter().position(|service| ptr::eq(*service, next))
    }

    #[test]
    fn services_that_feed_each_other_do_not_starve_the_queue() {
        let seat = Seat::new();
        let services = services::<12>();
        let (fed, queued) = services.split_at(10);
        for service in queued {
            // SAFETY: nobody else has this seat.
            unsafe { seat.queue().push(service) };
        }
        let mut streak = 0;
        let ran: Vec<_> = fed
            .iter()
            .map(|service| {
                // SAFETY: as above.
                unsafe { seat.push_next(service) };
                pop(&seat, &mut streak, &services).expect("services wait")
            })
            .collect();
        // After each streak the oldest of the queue, and the one whose turn it was not goes there.
        assert_eq!(ran, [0, 1, 2, 3, 10, 5, 6, 7, 8, 11]);
        let left = std::iter::from_fn(|| pop(&seat, &mut streak, &services));
        assert_eq!(left.collect::<Vec<_>>(), [4, 9]);
    }

    #[test]
    fn a_lone_pair_never_needs_the_queue() {
        let seat = Seat::new();
        let services = services::<2>();
        let mut streak = 0;
        for round in 0..100 {
            // SAFETY: nobody else has this seat.
            unsafe { seat.push_next(services[round % 2]) };
            // SAFETY: as above.
            assert!(unsafe { seat.queue() }.is_empty());
            assert_eq!(pop(&seat, &mut streak, &services), Some(round % 2));
        }
        assert_eq!(pop(&seat, &mut streak, &services), None);
    }
}
