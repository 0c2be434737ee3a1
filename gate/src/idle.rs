//! Idle time-outs with one timer for all connections, which runs only while there are any.
//!
//! Time is counted in ticks of a quarter of the time-out. A connection that heard something in tick `n` is idle in tick
//! `n + 5`: then at least four whole ticks have passed, so nobody is closed early, and nobody lives longer than five
//! quarters of the time-out.

use std::time::Duration;

use skynet_service::Context;

/// Ticks in a time-out.
const PARTS: u32 = 4;

/// The clock of idle time-outs.
#[derive(Debug, Default)]
pub(crate) struct Idle {
    tick: Duration,
    now: u32,
    /// Of the running timer: its id, and the number that its message will carry.
    timer: Option<(u64, u64)>,
    /// The last number that a timer was given.
    numbered: u64,
}

impl Idle {
    /// Changes the time-out; `None` takes it away. The timer begins with the next connection.
    pub(crate) fn set(&mut self, cx: &Context, timeout: Option<Duration>) {
        self.stop(cx);
        self.tick = timeout.map_or(Duration::ZERO, |timeout| timeout / PARTS);
    }

    /// The current tick, for [`is_idle`](Self::is_idle).
    #[inline]
    pub(crate) const fn now(&self) -> u32 {
        self.now
    }

    /// Whether a connection that was last heard in this tick has been silent for too long.
    pub(crate) const fn is_idle(&self, last_heard: u32) -> bool {
        self.now.wrapping_sub(last_heard) > PARTS
    }

    /// There is a connection.
    pub(crate) fn run(&mut self, cx: &Context) {
        if self.timer.is_some() || self.tick.is_zero() {
            return;
        }
        self.numbered += 1;
        match cx.timer_set(self.tick, self.numbered) {
            Ok(timer) => self.timer = Some((timer, self.numbered)),
            Err(error) => skynet_service::log::error!("no idle time-outs: {error}"),
        }
    }

    /// A timer's message came. Returns whether it was the running one: then it is a tick later, and connections are to be
    /// looked at.
    pub(crate) fn fired(&mut self, number: u64) -> bool {
        let fired = self.timer.take_if(|(_, running)| *running == number);
        if fired.is_some() {
            self.now = self.now.wrapping_add(1);
        }
        fired.is_some()
    }

    fn stop(&mut self, cx: &Context) {
        if let Some((timer, _)) = self.timer.take() {
            // A message that is on its way already carries an old number.
            cx.timer_cancel(timer);
        }
    }
}
