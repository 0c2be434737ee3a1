//! Timers, told apart by the number that their message carries.

use std::time::Duration;

use skynet_service::{Context, log};

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Timer {
    /// A connection must be proven by now.
    Proof(i32),
    /// A node that is not known to be one of ours had its chance to say so.
    Greeting(i32),
    /// Ask a peer whether it lives, and look whether it did.
    Beat(u8, u32),
    /// Dial it again.
    Dial(u8, u32),
    /// What waits for it has waited long enough.
    Deadline(u8, u32),
    /// What waits for a name has waited long enough.
    Names,
}

impl Timer {
    const fn number(self) -> u64 {
        let (what, id, rest) = match self {
            Self::Proof(socket) => (0, 0, socket.cast_unsigned()),
            Self::Greeting(socket) => (1, 0, socket.cast_unsigned()),
            Self::Beat(id, generation) => (2, id, generation),
            Self::Dial(id, generation) => (3, id, generation),
            Self::Deadline(id, generation) => (4, id, generation),
            Self::Names => (5, 0, 0),
        };
        (what as u64) << 48 | (id as u64) << 32 | rest as u64
    }

    /// What the timer whose message carries `number` is for.
    pub(crate) fn from_number(number: u64) -> Option<Self> {
        let [_, _, _, id, ..] = number.to_be_bytes();
        let rest = (number & u64::from(u32::MAX)) as u32;
        Some(match number >> 48 {
            0 => Self::Proof(rest.cast_signed()),
            1 => Self::Greeting(rest.cast_signed()),
            2 => Self::Beat(id, rest),
            3 => Self::Dial(id, rest),
            4 => Self::Deadline(id, rest),
            5 => Self::Names,
            _ => return None,
        })
    }

    /// Has it fire once, after `delay`.
    pub(crate) fn set(self, cx: &Context, delay: Duration) {
        if let Err(error) = cx.timer_set(delay, self.number()) {
            log::error!("a timer of the harbor cannot be set: {error}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_say_what_a_timer_is_for() {
        for timer in [
            Timer::Proof(7),
            Timer::Greeting(i32::MAX),
            Timer::Beat(255, u32::MAX),
            Timer::Dial(1, 0),
            Timer::Deadline(200, 9),
            Timer::Names,
        ] {
            assert_eq!(Timer::from_number(timer.number()), Some(timer));
        }
        assert_eq!(Timer::from_number(u64::MAX), None);
    }
}
