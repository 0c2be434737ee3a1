//! A worker: takes services from run queues and runs their turns; drives the poller and the timers when nobody else does.
#![allow(unsafe_code)]

use std::io;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::accounting::Stopwatch;
use crate::crash::{self, SignalStack};
use crate::current;
use crate::monitor;
use crate::node::{Node, node};
use crate::scheduler::{Queue, Runnable, Seat};
use crate::turn::{self, After};

/// After so many turns the injector goes first, so that a busy seat cannot starve it.
const INJECTOR_TURNS: u32 = 61;
/// How often busy workers look after sockets, in nanoseconds.
const POLL_NS: u64 = 100_000;
/// How long there must be work for two before a sleeper is woken, in nanoseconds: about what it takes to wake one. What is
/// done sooner is done sooner by one alone.
const SHARE_NS: u64 = 50_000;
/// How often an idle worker looks for work before it sleeps.
const SPINS: u32 = 32;

/// Starts a worker on a free seat. `Ok(false)`: all seats are taken.
pub(crate) fn start() -> io::Result<bool> {
    let node = node();
    let Some(index) = node.scheduler.seats.iter().position(Seat::sit) else {
        return Ok(false);
    };
    let spawned = thread::Builder::new()
        .name(format!("worker-{index}"))
        .spawn(move || Worker::new(index).run());
    match spawned {
        // Detached: the seat says whether somebody still sits there.
        Ok(_) => Ok(true),
        Err(error) => {
            node.scheduler.seats[index].leave();
            Err(error)
        }
    }
}

/// Queues a service with the worker that this thread is, or gives it back: when the thread is none, or when a long turn
/// keeps it from its queue and somebody else should have the service at once.
#[inline(always)]
pub(crate) fn queue_locally(service: Runnable) -> Option<Runnable> {
    let Some(seat) = current::seat() else {
        return Some(service);
    };
    if seat.open.load(Ordering::Relaxed) {
        return Some(service);
    }
    // SAFETY: `current::seat` is the seat this very thread sits on.
    unsafe { seat.push_next(service) };
    None
}

/// The turn of this thread is about to block: another worker takes its place. False: there is none to be had, or this
/// thread is no worker.
pub(crate) fn hand_over(node: &Node) -> bool {
    let Some(seat) = current::seat() else {
        return false;
    };
    loop {
        if seat.replaced.load(Ordering::Relaxed) {
            return true;
        }
        monitor::replace(node, seat);
        if !seat.replaced.load(Ordering::SeqCst) {
            if !seat.replacing.load(Ordering::SeqCst) {
                return false;
            }
            // The monitor is about to do so.
            thread::yield_now();
        }
    }
}

struct Worker {
    node: &'static Node,
    index: usize,
    seat: &'static Seat,
    queue: &'static Queue,
    watch: Stopwatch,
    next_poll: u64,
    /// Since when, as far as known, two services or more have waited here while somebody slept.
    crowded_since: Option<u64>,
    turns: u32,
    /// As [`Seat::pop`] counts.
    streak: u32,
    /// Of how many peaks of memory it has cleared up the rest.
    peaks: usize,
    /// Without it a stack overflow would not be reported.
    _stack: Option<SignalStack>,
}

impl Worker {
    fn new(index: usize) -> Self {
        let node = node();
        let seat = &node.scheduler.seats[index];
        current::set_seat(Some(seat));
        node.scheduler.sleepers.join();
        node.monitor.poke();
        let stack = crash::prepare_thread().ok();
        // SAFETY: `start` sat down for this thread.
        let queue = unsafe { seat.queue() };
        Self {
            node,
            index,
            seat,
            queue,
            watch: Stopwatch::start(),
            next_poll: 0,
            crowded_since: None,
            turns: 0,
            streak: 0,
            peaks: 0,
            _stack: stack,
        }
    }

    fn run(mut self) {
        while !self.node.scheduler.stopping.load(Ordering::Relaxed) {
            match self.next() {
                Some(service) => self.run_turn(service),
                None => self.sleep(),
            }
            if self.seat.replaced.load(Ordering::Relaxed) {
                break;
            }
        }
        self.leave();
    }

    #[inline]
    fn next(&mut self) -> Option<Runnable> {
        self.turns = self.turns.wrapping_add(1);
        if self.turns.is_multiple_of(INJECTOR_TURNS)
            && let Some(service) = self.injected()
        {
            return Some(service);
        }
        self.pop().or_else(|| self.next_of_others())
    }

    #[inline(never)]
    fn next_of_others(&self) -> Option<Runnable> {
        let scheduler = &self.node.scheduler;
        self.injected()
            .or_else(|| scheduler.steal(self.index, self.queue))
    }

    #[inline(never)]
    fn injected(&self) -> Option<Runnable> {
        self.node.scheduler.injected(self.queue)
    }

    #[inline]
    fn pop(&mut self) -> Option<Runnable> {
        // SAFETY: this thread sits on its seat.
        unsafe { self.seat.pop(&mut self.streak) }
    }

    fn run_turn(&mut self, service: Runnable) {
        if turn::run(service, Some(self.seat), &mut self.watch) == After::Again {
            // SAFETY: as in `pop`.
            unsafe { self.seat.push_last(service) };
        }
        self.share();
        if self.watch.now() >= self.next_poll {
            self.poll();
        }
    }

    /// Wakes a sleeper when there has been work for two for a while.
    fn share(&mut self) {
        // SAFETY: as in `pop`.
        let is_needed =
            self.node.scheduler.sleepers.has_any() && unsafe { self.seat.own_waiting() } >= 2;
        if !is_needed {
            self.crowded_since = None;
            return;
        }
        let now = self.watch.now();
        let since = *self.crowded_since.get_or_insert(now);
        if now - since >= SHARE_NS {
            self.crowded_since = None;
            self.node.share();
        }
    }

    /// Looks after timers and sockets without waiting.
    fn poll(&mut self) {
        self.next_poll = self.watch.now() + POLL_NS;
        self.node.timers.fire();
        let sleepers = &self.node.scheduler.sleepers;
        if !self.node.sockets.is_idle() && sleepers.take_poller() {
            self.poll_sockets(Some(Duration::ZERO));
            sleepers.release_poller();
        }
    }

    fn poll_sockets(&self, timeout: Option<Duration>) {
        if let Err(error) = self.node.sockets.poll(timeout) {
            self.node
                .log
                .error(0, &format!("polling sockets failed: {error}"));
        }
    }

    fn sleep(&mut self) {
        for _ in 0..SPINS {
            std::hint::spin_loop();
            if let Some(service) = self.next() {
                self.watch.restart();
                return self.run_turn(service);
            }
        }
        self.clear_up();
        let (scheduler, peaks) = (&self.node.scheduler, &self.node.registry.peaks);
        let slept = scheduler.sleepers.sleep(
            self.index,
            || scheduler.needs(self.index) || peaks.passed() != self.peaks,
            || {
                let timeout = self.node.timers.sleep();
                self.poll_sockets(timeout);
                self.node.timers.awake();
            },
        );
        if slept {
            self.node.monitor.poke();
        }
        self.node.timers.fire();
        self.watch.restart();
        self.next_poll = self.watch.now() + POLL_NS;
        self.share();
    }

    /// Gives memory back after a peak. Two looks if there was none.
    fn clear_up(&mut self) {
        let registry = &self.node.registry;
        registry.tidy();
        let passed = registry.peaks.passed();
        if passed != self.peaks {
            self.peaks = passed;
            if registry.peaks.clear_up(passed) {
                self.node.wake_all();
            }
        }
    }

    /// Leaves what is queued to others.
    fn leave(mut self) {
        while let Some(service) = self.pop() {
            self.node.scheduler.inject_silently(service);
        }
        current::set_seat(None);
        self.seat.replaced.store(false, Ordering::SeqCst);
        self.seat.replacing.store(false, Ordering::SeqCst);
        self.node.scheduler.sleepers.part();
        self.seat.leave();
        if self.node.scheduler.stopping.load(Ordering::SeqCst) {
            self.node.stop.parker.unpark();
        }
        // Nobody else may know of what was queued here, or that the poller has nobody now.
        if self.node.scheduler.backlog() != 0 || !self.node.scheduler.sleepers.is_polled() {
            self.node.share();
        }
    }
}
