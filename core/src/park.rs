//! Putting one thread to sleep until another one wakes it.

use std::sync::PoisonError;
#[cfg(not(loom))]
use std::sync::{Condvar, Mutex, MutexGuard};
use std::time::Duration;

#[cfg(loom)]
use loom::sync::{Condvar, Mutex, MutexGuard};

/// A place for one thread to sleep. A wake-up that comes first is kept.
#[derive(Debug, Default)]
pub(crate) struct Parker {
    woken: Mutex<bool>,
    condition: Condvar,
}

impl Parker {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.woken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a wake-up that nobody has used.
    pub(crate) fn reset(&self) {
        *self.lock() = false;
    }

    /// Sleeps until [`unpark`](Self::unpark).
    pub(crate) fn park(&self) {
        let mut woken = self.lock();
        while !*woken {
            woken = self
                .condition
                .wait(woken)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *woken = false;
    }

    /// Sleeps until `unpark` or for `timeout`. True: woken.
    #[cfg(not(loom))]
    pub(crate) fn park_timeout(&self, timeout: Duration) -> bool {
        let (mut woken, _) = self
            .condition
            .wait_timeout_while(self.lock(), timeout, |woken| !*woken)
            .unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *woken)
    }

    /// The model checker knows no time: it passes at once.
    #[cfg(loom)]
    pub(crate) fn park_timeout(&self, _: Duration) -> bool {
        loom::thread::yield_now();
        std::mem::take(&mut *self.lock())
    }

    /// Wakes the thread that sleeps here, or the next one that comes.
    pub(crate) fn unpark(&self) {
        *self.lock() = true;
        self.condition.notify_one();
    }
}
