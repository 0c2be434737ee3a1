//! What all services of this plugin may do now, and where they were seen last.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

/// What is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Everything is brought to its end, and nothing begun.
    Rest,
    /// Nobody dies and no call times out, so that everything can be counted.
    Peaceful,
    /// Everything.
    Wild,
}

static MODE: AtomicU8 = AtomicU8::new(0);

pub(crate) fn mode() -> Mode {
    match MODE.load(Ordering::Relaxed) {
        0 => Mode::Rest,
        1 => Mode::Peaceful,
        _ => Mode::Wild,
    }
}

pub(crate) fn set(mode: Mode) {
    MODE.store(mode as u8, Ordering::Relaxed);
}

/// Places of actors there may be.
const MOST: usize = 64;

/// When each actor had its last tick, in nanoseconds of the node's clock.
static TICKS: [AtomicU64; MOST] = [const { AtomicU64::new(0) }; MOST];

/// The actor at this place goes on.
pub(crate) fn ticked(place: u64, now: Duration) {
    TICKS[place as usize % MOST].store(now.as_nanos() as u64, Ordering::Relaxed);
}

/// How long the actor at this place has not had a tick.
pub(crate) fn since_tick(place: u64, now: Duration) -> Duration {
    let last = TICKS[place as usize % MOST].load(Ordering::Relaxed);
    now.saturating_sub(Duration::from_nanos(last))
}
