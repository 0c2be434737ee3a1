//! What sockets wait for that no event announces: the end of a connect, of a linger, of a pause in accepting.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// At most one deadline for each socket.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    ordered: BTreeSet<(Instant, i32)>,
    /// Somebody waits in the poller: until when (`None`: for ever).
    asleep: Option<Option<Instant>>,
}

impl Deadlines {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Replaces a socket's deadline. `true`: somebody sleeps for longer than that and must be notified.
    #[must_use]
    pub(super) fn replace(&self, socket: i32, old: Option<Instant>, new: Option<Instant>) -> bool {
        let mut state = self.lock();
        if let Some(old) = old {
            state.ordered.remove(&(old, socket));
        }
        let Some(new) = new else { return false };
        state.ordered.insert((new, socket));
        match state.asleep {
            Some(Some(until)) => new < until,
            Some(None) => true,
            None => false,
        }
    }

    /// Somebody is about to sleep, until `until` if nothing is due earlier. Returns the time to wake up.
    pub(super) fn sleep(&self, until: Option<Instant>) -> Option<Instant> {
        let mut state = self.lock();
        let first = state.ordered.first().map(|&(due, _)| due);
        let until = match (until, first) {
            (Some(until), Some(first)) => Some(until.min(first)),
            (until, first) => until.or(first),
        };
        state.asleep = Some(until);
        until
    }

    /// The sleep is over. Takes out what is due.
    pub(super) fn wake(&self, now: Instant, due: &mut Vec<i32>) {
        let mut state = self.lock();
        state.asleep = None;
        while let Some(&(at, socket)) = state.ordered.first() {
            if at > now {
                return;
            }
            state.ordered.pop_first();
            due.push(socket);
        }
    }
}
