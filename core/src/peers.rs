//! What the harbor service has said of other nodes, and the turns that wait until it says something else.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering, fence};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use skynet_abi::{PEER_FULL_BLOCK, PEER_OPEN};

/// The longest that a turn is kept, as the ABI says.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Peers {
    /// One of `PEER_*` for each harbor id.
    states: [AtomicU8; 256],
    /// How many turns wait. Asked at each end of a service, when there is hardly ever one.
    waiting: AtomicUsize,
    lock: Mutex<()>,
    changed: Condvar,
}

impl Default for Peers {
    fn default() -> Self {
        Self {
            states: [const { AtomicU8::new(PEER_OPEN as u8) }; 256],
            waiting: AtomicUsize::new(0),
            lock: Mutex::new(()),
            changed: Condvar::new(),
        }
    }
}

impl Peers {
    /// What becomes of messages for the node of this service: one of `PEER_*`.
    pub(crate) fn state(&self, handle: u32) -> u32 {
        // Relaxed: whoever sends at the moment of a change may see either.
        u32::from(self.states[(handle >> 24) as usize].load(Ordering::Relaxed))
    }

    /// Sets it for the node with this id.
    pub(crate) fn set(&self, harbor: u8, state: u8) {
        self.states[usize::from(harbor)].store(state, Ordering::Relaxed);
        self.wake();
    }

    /// As at first: there is no harbor service any more.
    pub(crate) fn reset(&self) {
        for state in &self.states {
            state.store(PEER_OPEN as u8, Ordering::Relaxed);
        }
        self.wake();
    }

    /// Lets those who wait look again.
    pub(crate) fn wake(&self) {
        // What they look at was changed before this, and they are counted before they look: with a barrier on both
        // sides, either they see the change or are seen here.
        fence(Ordering::SeqCst);
        if self.waiting.load(Ordering::Relaxed) != 0 {
            // Who is counted and has looked has this lock until it waits.
            let _lock = self.lock();
            self.changed.notify_all();
        }
    }

    /// Waits while messages for the node of `handle` are held up, until `is_over`, at most until then. Whoever makes
    /// `is_over` true calls [`wake`](Self::wake) afterwards. True: they are held up no longer.
    pub(crate) fn wait(&self, handle: u32, until: Instant, is_over: impl Fn() -> bool) -> bool {
        let mut lock = self.lock();
        self.waiting.fetch_add(1, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        let is_free = loop {
            if self.state(handle) != PEER_FULL_BLOCK {
                break true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || is_over() {
                break false;
            }
            (lock, _) = self
                .changed
                .wait_timeout(lock, left)
                .unwrap_or_else(PoisonError::into_inner);
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        drop(lock);
        is_free
    }

    /// How many turns wait.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn waiting(&self) -> usize {
        // Looked at under the lock: who is counted has looked, and waits.
        let _lock = self.lock();
        self.waiting.load(Ordering::Relaxed)
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::thread;

    use skynet_abi::{PEER_FULL, PEER_LOST};

    use super::*;

    const HANDLE: u32 = 0x0700_0001;

    fn soon() -> Instant {
        Instant::now() + PATIENCE
    }

    #[test]
    fn each_node_has_a_state() {
        let peers = Peers::default();
        assert_eq!(peers.state(HANDLE), PEER_OPEN);
        peers.set(7, PEER_LOST as u8);
        peers.set(255, PEER_FULL as u8);
        assert_eq!(peers.state(HANDLE), PEER_LOST);
        assert_eq!(peers.state(0xff00_0001), PEER_FULL);
        assert_eq!(peers.state(0x0800_0001), PEER_OPEN);
        peers.reset();
        assert_eq!(peers.state(HANDLE), PEER_OPEN);
    }

    /// Somebody waits, and `end` ends that.
    fn check(end: impl FnOnce(&Peers, &AtomicBool), expected: bool) {
        let (peers, is_over) = (Peers::default(), AtomicBool::new(false));
        peers.set(7, PEER_FULL_BLOCK as u8);
        let is_free = thread::scope(|scope| {
            let waiter =
                scope.spawn(|| peers.wait(HANDLE, soon(), || is_over.load(Ordering::Relaxed)));
            while peers.waiting() == 0 {
                thread::yield_now();
            }
            end(&peers, &is_over);
            waiter.join().expect("it does not panic")
        });
        assert_eq!(is_free, expected);
        assert_eq!(peers.waiting(), 0);
    }

    #[test]
    fn who_waits_is_woken() {
        check(|peers, _| peers.set(7, PEER_OPEN as u8), true);
        check(|peers, _| peers.set(7, PEER_LOST as u8), true);
        check(|peers, _| peers.reset(), true);
        let end = |peers: &Peers, is_over: &AtomicBool| {
            // Another node's state ends nothing.
            peers.set(8, PEER_LOST as u8);
            is_over.store(true, Ordering::Relaxed);
            peers.wake();
        };
        check(end, false);
    }

    #[test]
    fn nobody_waits_for_what_is_over() {
        let peers = Peers::default();
        assert!(peers.wait(HANDLE, soon(), || false));
        peers.set(7, PEER_FULL_BLOCK as u8);
        assert!(!peers.wait(HANDLE, soon(), || true));
        assert!(!peers.wait(HANDLE, Instant::now(), || false));
    }
}
