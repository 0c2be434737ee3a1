//! Waiting for time to pass.

use std::future::Future;
use std::pin::Pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::call::CountedMap;
use crate::shared::Garbage;
use crate::{Context, HostError, host};

/// One running timer of a service.
pub(crate) enum Timer {
    /// The node's id, and who waits.
    Pending(u64, Option<Waker>),
    Fired,
}

impl Timer {
    pub(crate) const fn pending_id(&self) -> Option<u64> {
        match self {
            Self::Pending(id, _) => Some(*id),
            Self::Fired => None,
        }
    }
}

/// The timers of a service, by the value that their messages carry.
#[derive(Default)]
pub(crate) struct Timers {
    next: u64,
    running: CountedMap<u64, Timer>,
}

impl Timers {
    /// Values of the SDK's own timers; a service may give its raw timers those below.
    pub(crate) const FIRST: u64 = 1 << 63;

    fn next_key(&mut self) -> u64 {
        self.next += 1;
        Self::FIRST | self.next
    }

    pub(crate) fn remove(&mut self, key: u64) -> Option<Timer> {
        self.running.remove(&key)
    }

    /// Marks as fired; returns whom to wake.
    pub(crate) fn fire(&mut self, key: u64) -> Option<Waker> {
        let timer = self.running.get_mut(&key)?;
        match std::mem::replace(timer, Timer::Fired) {
            Timer::Pending(_, waker) => waker,
            Timer::Fired => None,
        }
    }
}

/// Whole milliseconds, rounded up: a timer is never early.
fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn set(cx: &Context, duration: Duration) -> Result<u64, HostError> {
    let shared = cx.shared();
    if !shared.is_current() {
        return Err(HostError::new("set a timer", skynet_abi::STATUS_WRONG_TURN));
    }
    let timers = &shared.tasks().timers;
    let key = timers.with(|timers| timers.get().next_key());
    let id = host::timer_set(cx.token(), milliseconds(duration), key)
        .map_err(|status| HostError::new("set a timer", status))?;
    let timer = Timer::Pending(id, None);
    timers.with(|timers| timers.get().running.insert(key, timer));
    Ok(key)
}

/// Resolves when its time has passed, counted from when it was made. Dropping it cancels it.
#[must_use = "a sleep does nothing unless it is awaited"]
#[derive(Debug)]
pub struct Sleep<'cx> {
    cx: &'cx Context,
    /// Of the running timer; `None` when it could not be set or is over.
    key: Option<u64>,
    error: Option<HostError>,
}

impl<'cx> Sleep<'cx> {
    pub(crate) fn new(cx: &'cx Context, duration: Duration) -> Self {
        match set(cx, duration) {
            Ok(key) => Self {
                cx,
                key: Some(key),
                error: None,
            },
            Err(error) => Self {
                cx,
                key: None,
                error: Some(error),
            },
        }
    }

    /// Starts over with another duration.
    pub fn reset(&mut self, duration: Duration) {
        *self = Self::new(self.cx, duration);
    }
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut std::task::Context<'_>) -> Poll<()> {
        if let Some(error) = &self.error {
            panic!("cannot sleep: {error}");
        }
        let Some(key) = self.key else {
            return Poll::Ready(());
        };
        let mut old = None;
        let timers = &self.cx.shared().tasks().timers;
        let fired = timers.with(|timers| match timers.get().running.get_mut(&key) {
            Some(Timer::Pending(_, waker)) => {
                old = waker.replace(task.waker().clone());
                false
            }
            _ => {
                timers.get().remove(key);
                true
            }
        });
        drop(old);
        if fired {
            self.key = None;
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.cx.shared().discard(Garbage::Timer(key));
        }
    }
}

/// Ticks again and again, without drift. Dropping it cancels it.
#[derive(Debug)]
pub struct Interval<'cx> {
    cx: &'cx Context,
    period: Duration,
    /// When the next tick is due.
    next: Duration,
}

impl<'cx> Interval<'cx> {
    pub(crate) fn new(cx: &'cx Context, period: Duration) -> Self {
        assert!(
            !period.is_zero(),
            "the period of an interval must not be zero"
        );
        Self {
            cx,
            period,
            next: cx.now() + period,
        }
    }

    /// Waits for the next tick. Ticks that nobody waited for in time are made up for once, not one by one.
    pub async fn tick(&mut self) {
        let now = self.cx.now();
        if let Some(rest) = self.next.checked_sub(now).filter(|rest| !rest.is_zero()) {
            self.cx.sleep(rest).await;
        }
        let now = self.cx.now();
        self.next += self.period;
        if self.next <= now {
            let missed = (now - self.next).as_nanos() / self.period.as_nanos() + 1;
            self.next += self
                .period
                .saturating_mul(u32::try_from(missed).unwrap_or(u32::MAX));
        }
    }
}

/// A time-out passed before the future was done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elapsed {
    pub(crate) limit: Duration,
}

impl std::fmt::Display for Elapsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "not done within {}", crate::error::Seconds(self.limit))
    }
}

impl std::error::Error for Elapsed {}
