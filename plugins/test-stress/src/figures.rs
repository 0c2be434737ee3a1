//! What all services of this plugin did, so that somebody sees whether they still do something, and whether what was
//! sent has come.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! figures {
    ($($name:ident $key:literal)*) => {
        $(pub(crate) static $name: Figure = Figure::new($key);)*

        const ALL: &[&Figure] = &[$(&$name),*];
    };
}

figures! {
    ACTIONS "actions"
    HANDLED "handled"
    SENDS "sends"
    FULL "full"
    CALLS "calls"
    REPLIES "replies"
    ERRORS "errors"
    TIMEOUTS "timeouts"
    PASSED_ON "passed_on"
    TIMERS "timers"
    CANCELS "cancels"
    CONNECTS "connects"
    ECHOES "echoes"
    HALF_CLOSES "half_closes"
    REFUSALS "refusals"
    BLOCKS_SENT "blocks_sent"
    BLOCKS_CAME "blocks_came"
    SHARED_SENT "shared_sent"
    SHARED_CAME "shared_came"
    WAKES_SENT "wakes_sent"
    WAKES_CAME "wakes_came"
    FOREIGN_REPLIES "foreign_replies"
    CLAIMS "claims"
    UNBORN_KILLS "unborn_kills"
    CROWDS "crowds"
    LIVES "lives"
    KILLS "kills"
    ENDS "ends"
}

/// One figure of the whole plugin.
#[derive(Debug)]
pub(crate) struct Figure {
    key: &'static str,
    value: AtomicU64,
}

impl Figure {
    const fn new(key: &'static str) -> Self {
        Self {
            key,
            value: AtomicU64::new(0),
        }
    }

    pub(crate) fn count(&self) {
        self.add(1);
    }

    pub(crate) fn add(&self, more: u64) {
        self.value.fetch_add(more, Ordering::Relaxed);
    }
}

/// One line with all of them.
pub(crate) fn line() -> String {
    let words: Vec<String> = ALL
        .iter()
        .map(|figure| format!("{}={}", figure.key, figure.value.load(Ordering::Relaxed)))
        .collect();
    words.join(" ")
}
