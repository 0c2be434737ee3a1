//! One timer for the next of many deadlines.

use std::time::Duration;

use skynet_service::{Context, log};

/// The timer of a service that has deadlines. It may ring for nothing, but never late.
#[derive(Default)]
pub(crate) struct Alarm {
    /// When it rings, and the node's number for it.
    armed: Option<(Duration, u64)>,
}

impl Alarm {
    /// It has rung.
    pub(crate) fn rang(&mut self) {
        self.armed = None;
    }

    /// Sees to it that it rings at `deadline`, if there is one.
    pub(crate) fn set(&mut self, cx: &Context, deadline: Option<Duration>) {
        let Some(deadline) = deadline else {
            return;
        };
        if self.armed.is_some_and(|(due, _)| due <= deadline) {
            return;
        }
        if let Some((_, timer)) = self.armed.take() {
            cx.timer_cancel(timer);
        }
        match cx.timer_set(deadline.saturating_sub(cx.now()), 0) {
            Ok(timer) => self.armed = Some((deadline, timer)),
            Err(error) => log::error!("{error}"),
        }
    }
}
