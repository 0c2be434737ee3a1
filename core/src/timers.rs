//! The node's timers: the wheel behind a lock, and what its entries mean.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Duration;

use skynet_abi::{Context, FLAG_REPLY, KIND_ERROR, KIND_RESPONSE, KIND_TIMER, REASON_TIMED_OUT};

use crate::buffer::Letter;
use crate::clock;
use crate::node::node;
use crate::send;
use crate::timer::{TimerId, Wheel};

/// What happens when a timer fires.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// A `KIND_TIMER` message with this number.
    Timer { owner: Context, value: u64 },
    /// The answer to `TIMEOUT`.
    Response { owner: Context, session: i32 },
    /// A call is over.
    CallDeadline { owner: Context, session: i32 },
}

/// Timers that may be outstanding.
const MOST: usize = 1 << 27;
/// Events that the list of what is due keeps room for.
const KEPT: usize = 4096;
/// Nothing is due, ever.
const NEVER: u64 = u64::MAX;

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Timers {
    wheel: Mutex<Wheel<Event>>,
    /// Held while timers fire, so that they fire in order: what is due and not delivered yet.
    firing: Mutex<Vec<Event>>,
    /// When the next timer is due at the earliest, in milliseconds: a look without the lock.
    next: AtomicU64,
    /// Until when the sleeping poller sleeps; changed under the wheel's lock.
    asleep_until: AtomicU64,
}

impl Timers {
    pub(crate) fn new() -> Self {
        Self {
            wheel: Mutex::new(Wheel::new()),
            firing: Mutex::default(),
            next: AtomicU64::new(NEVER),
            asleep_until: AtomicU64::new(0),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Wheel<Event>> {
        self.wheel.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets a timer that fires not before `delay_ms` have passed. `None`: there are too many.
    pub(crate) fn set(&self, delay_ms: u64, event: Event) -> Option<u64> {
        let deadline = clock::deadline_ms(delay_ms);
        let (id, wake) = {
            let mut wheel = self.lock();
            if wheel.len() >= MOST {
                return None;
            }
            let id = wheel.insert(deadline, event);
            if deadline < self.next.load(Ordering::Relaxed) {
                self.next.store(deadline, Ordering::Relaxed);
            }
            (id, deadline < self.asleep_until.load(Ordering::Relaxed))
        };
        if wake {
            node().sockets.notify();
        }
        Some(id.to_bits())
    }

    /// False: it has fired, or never was.
    pub(crate) fn cancel(&self, timer: u64) -> bool {
        self.lock().cancel(TimerId::from_bits(timer)).is_some()
    }

    /// Fires what is due, unless another thread is at it: timers fire in order. What has become due meanwhile fires when a
    /// worker comes here the next time, before it sleeps at the latest.
    pub(crate) fn fire(&self) {
        let now = clock::elapsed_ms();
        if now < self.next.load(Ordering::Relaxed) {
            return;
        }
        let mut due = match self.firing.try_lock() {
            Ok(due) => due,
            Err(TryLockError::WouldBlock) => return,
            // The list is empty, or holds what was due.
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
        };
        {
            let mut wheel = self.lock();
            wheel.advance(now, &mut |event| due.push(event));
            self.next
                .store(wheel.next_deadline().unwrap_or(NEVER), Ordering::Relaxed);
        }
        due.drain(..).for_each(deliver);
        due.shrink_to(KEPT);
    }

    /// How long the poller may sleep; `None` for as long as nothing happens. From then on a nearer timer wakes it, until
    /// [`awake`](Self::awake).
    pub(crate) fn sleep(&self) -> Option<Duration> {
        let wheel = self.lock();
        let next = wheel.next_deadline();
        self.asleep_until
            .store(next.unwrap_or(NEVER), Ordering::Relaxed);
        let next = Duration::from_millis(next?);
        Some(next.saturating_sub(Duration::from_nanos(clock::now_ns())))
    }

    /// The poller is awake again.
    pub(crate) fn awake(&self) {
        // Relaxed: at worst one notification too many.
        self.asleep_until.store(0, Ordering::Relaxed);
    }

    /// Outstanding timers.
    pub(crate) fn len(&self) -> usize {
        self.lock().len()
    }
}

fn deliver(event: Event) {
    let (owner, kind, session, value) = match event {
        Event::Timer { owner, value } => (owner, KIND_TIMER, 0, value),
        Event::Response { owner, session } => (owner, KIND_RESPONSE, session, 0),
        Event::CallDeadline { owner, session } => (owner, KIND_ERROR, session, 0),
    };
    if node().find(owner).is_none() {
        return;
    }
    let Ok(mut letter) = Letter::empty() else {
        return;
    };
    letter.kind = kind as u16;
    letter.session = session;
    letter.value = value;
    if kind == KIND_ERROR {
        let caller = node().registry.visit(owner.handle);
        let Some(call) = caller.and_then(|caller| caller.shared().calls.get(session)) else {
            return;
        };
        letter.source = call.callee;
        letter.flags |= FLAG_REPLY as u16;
        letter.reason = REASON_TIMED_OUT as u16;
    }
    send::post(owner.handle, letter);
}
