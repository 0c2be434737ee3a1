//! The monitor: looks after workers that stay in one callback. Asleep while all workers are.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

#[cfg(loom)]
use loom::sync::atomic::{AtomicBool, Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{AtomicBool, Ordering, fence};

use skynet_abi::Context;

use crate::clock;
use crate::end;
use crate::node::{Node, node};
use crate::park::Parker;
use crate::scheduler::Seat;
use crate::worker;

/// How often it looks while somebody works.
const TICK: Duration = Duration::from_millis(1);
/// A turn of this length keeps others waiting: another worker must take over what the seat has queued.
const SLOW_NS: u64 = 1_000_000;
/// A turn of this length gets its worker replaced, if nobody else is free.
const STUCK_NS: u64 = 50_000_000;
/// How long a killed service may stay in its callback before those who wait on it are told.
const ABANDON_NS: u64 = 500_000_000;

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Monitor {
    parker: Parker,
    asleep: AtomicBool,
    stopping: AtomicBool,
    killed: Mutex<Vec<Killed>>,
}

#[derive(Debug)]
struct Killed {
    context: Context,
    since: u64,
}

/// What the monitor remembers of one seat.
#[derive(Debug, Default, Clone, Copy)]
struct Seen {
    turn: u64,
    reports: u64,
}

impl Monitor {
    /// A worker has said that it is awake.
    pub(crate) fn poke(&self) {
        // Pairs with the fence in `wait`: either the monitor sees that worker, or we see that the monitor sleeps.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) {
            self.parker.unpark();
        }
    }

    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::SeqCst);
        self.parker.unpark();
    }

    /// Looks whether a service that was killed inside its turn gets out of it.
    pub(crate) fn watch_killed(&self, context: Context) {
        self.lock_killed().push(Killed {
            context,
            since: clock::turn_ns(),
        });
        self.poke();
    }

    fn lock_killed(&self) -> MutexGuard<'_, Vec<Killed>> {
        self.killed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The monitor's thread.
    pub(crate) fn run(&self) {
        let node = node();
        let mut seen = vec![Seen::default(); node.scheduler.seats.len()];
        while !self.stopping.load(Ordering::SeqCst) {
            self.wait(|| node.scheduler.sleepers.is_anybody_awake());
            let now = clock::turn_ns();
            for (seat, seen) in node.scheduler.seats.iter().zip(&mut seen) {
                look(node, seat, seen, now);
            }
            self.abandon_stuck(now);
        }
    }

    fn wait(&self, is_anybody_awake: impl FnOnce() -> bool) {
        self.asleep.store(true, Ordering::Relaxed);
        // Pairs with the fence in `poke`.
        fence(Ordering::SeqCst);
        if is_anybody_awake() || self.stopping.load(Ordering::SeqCst) {
            self.asleep.store(false, Ordering::Relaxed);
            self.parker.park_timeout(TICK);
        } else {
            self.parker.park();
            self.asleep.store(false, Ordering::Relaxed);
        }
    }

    fn abandon_stuck(&self, now: u64) {
        let mut stuck = Vec::new();
        self.lock_killed().retain(|killed| {
            let in_turn = node().scheduler.seats.iter().any(|seat| {
                seat.service.load(Ordering::Relaxed) == killed.context.handle
                    && seat.turn_began.load(Ordering::Relaxed) != 0
            });
            let is_stuck = in_turn && now.saturating_sub(killed.since) >= ABANDON_NS;
            if is_stuck {
                stuck.push(killed.context.handle);
            }
            in_turn && !is_stuck
        });
        for handle in stuck {
            node().log.error(
                handle,
                "was killed and does not leave its callback: those who wait on it are told",
            );
            end::abandon(handle);
        }
    }
}

fn look(node: &Node, seat: &'static Seat, seen: &mut Seen, now: u64) {
    let began = seat.turn_began.load(Ordering::Relaxed);
    let turn = seat.turns.load(Ordering::Relaxed);
    if turn != seen.turn {
        *seen = Seen { turn, reports: 0 };
    }
    if began == 0 || !seat.is_taken() {
        return;
    }
    let spent = now.saturating_sub(began);
    if spent >= SLOW_NS {
        seat.open.store(true, Ordering::Relaxed);
        let waiting = node.scheduler.backlog() != 0 || !node.scheduler.sleepers.is_polled();
        if waiting && node.scheduler.sleepers.has_any() {
            node.share();
        } else if waiting && spent >= STUCK_NS && !seat.replaced.load(Ordering::Relaxed) {
            replace(node, seat);
        }
    }
    let limit = node.config.endless_limit.as_nanos() as u64;
    let reports = spent / limit.max(1);
    if reports > seen.reports {
        seen.reports = reports;
        report(node, seat, spent);
    }
}

/// Gives the seat's worker a successor; the worker itself leaves when its turn ends.
pub(crate) fn replace(node: &Node, seat: &Seat) {
    // The monitor and the turn itself may both find that it is time.
    if seat.replacing.swap(true, Ordering::SeqCst) {
        return;
    }
    match worker::start() {
        // Only now: a worker without a successor must not leave.
        Ok(true) => return seat.replaced.store(true, Ordering::SeqCst),
        Ok(false) => {}
        Err(error) => {
            let text = format!("cannot start a replacement worker: {error}");
            node.log.error(0, &text);
        }
    }
    seat.replacing.store(false, Ordering::SeqCst);
}

fn report(node: &Node, seat: &Seat, spent: u64) {
    let handle = seat.service.load(Ordering::Relaxed);
    let source = seat.source.load(Ordering::Relaxed);
    let mut what = seat
        .plugin()
        .map(|plugin| format!(" ({})", plugin.name))
        .unwrap_or_default();
    if let Some(service) = node.registry.visit(handle) {
        service.endless.store(true, Ordering::Relaxed);
        what = format!(" ({})", service.shared().command);
    }
    node.log.error(
        handle,
        &format!(
            "A message from [ :{source:08x} ] to [ :{handle:08x} ]{what} maybe in an endless loop: \
             in its callback for {:.1} s",
            spent as f64 / 1e9
        ),
    );
}

#[cfg(all(test, loom))]
mod models;
