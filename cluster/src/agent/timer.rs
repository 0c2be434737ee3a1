//! Timers, told apart by the number that their message carries.

use std::time::Duration;

use skynet_service::{Context, log};

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// The other end must have proven by now who it is.
    Proof,
    /// Look whether one of ours is still heard.
    Silence,
}

impl Timer {
    pub(super) const fn from_number(number: u64) -> Self {
        if number == Self::Proof as u64 {
            Self::Proof
        } else {
            Self::Silence
        }
    }

    pub(super) fn set(self, cx: &Context, delay: Duration) {
        if let Err(error) = cx.timer_set(delay, self as u64) {
            log::error!("a timer of a cluster agent cannot be set: {error}");
        }
    }
}
