//! Timers, told apart by the number that their message carries.

use std::time::Duration;

use skynet_service::{Context, log};

/// What a timer is for. All but the last belong to one connection, attempt or pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// The other end must have said by now what it is.
    Greeting(u32),
    /// Ask whether it lives.
    Beat(u32),
    /// Dial again.
    Dial(u32),
    /// A call has waited long enough.
    Limit,
}

impl Timer {
    const fn number(self) -> u64 {
        let (what, generation) = match self {
            Self::Greeting(generation) => (0, generation),
            Self::Beat(generation) => (1, generation),
            Self::Dial(generation) => (2, generation),
            Self::Limit => (3, 0),
        };
        (what as u64) << 32 | generation as u64
    }

    pub(super) const fn from_number(number: u64) -> Self {
        let generation = number as u32;
        match number >> 32 {
            0 => Self::Greeting(generation),
            1 => Self::Beat(generation),
            2 => Self::Dial(generation),
            _ => Self::Limit,
        }
    }

    /// Has it fire once, after `delay`. Returns what it can be cancelled by.
    pub(super) fn set(self, cx: &Context, delay: Duration) -> Option<u64> {
        cx.timer_set(delay, self.number())
            .inspect_err(|error| log::error!("a timer of a cluster sender cannot be set: {error}"))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_what_a_timer_is_for() {
        for timer in [
            Timer::Greeting(7),
            Timer::Beat(u32::MAX),
            Timer::Dial(0),
            Timer::Limit,
        ] {
            assert_eq!(Timer::from_number(timer.number()), timer);
        }
    }
}
