//! What all services of this plugin did, so that somebody sees whether they still do something.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// One figure of the whole plugin.
#[derive(Debug, Default)]
pub(crate) struct Figure(AtomicU64);

impl Figure {
    const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub(crate) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.load(Ordering::Relaxed).fmt(f)
    }
}

pub(crate) static ACTIONS: Figure = Figure::new();
pub(crate) static HANDLED: Figure = Figure::new();
pub(crate) static CALLS: Figure = Figure::new();
pub(crate) static REPLIES: Figure = Figure::new();
pub(crate) static ERRORS: Figure = Figure::new();
pub(crate) static TIMERS: Figure = Figure::new();
pub(crate) static ECHOES: Figure = Figure::new();
pub(crate) static LIVES: Figure = Figure::new();
pub(crate) static KILLS: Figure = Figure::new();

/// One line with all of them.
pub(crate) fn line() -> String {
    format!(
        "actions={ACTIONS} handled={HANDLED} calls={CALLS} replies={REPLIES} errors={ERRORS} timers={TIMERS} \
         echoes={ECHOES} lives={LIVES} kills={KILLS}"
    )
}
