//! Giving memory back to the system after a peak of services.
//!
//! The handle table gives pages back by itself. What the services had allocated is freed by then too, but stays with the
//! allocators: with that of the node's own code, of which each thread has a part that only the thread itself can clear up,
//! and with the C library's, which plugins use. So a worker that has nothing left to do after a peak clears up its part and
//! trims the C library's heap, and wakes the others, who may have slept through the end of the peak, to do theirs.
#![allow(unsafe_code)]

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

static COLLECT: OnceLock<fn()> = OnceLock::new();

/// Tells the runtime how the calling thread's part of the program's global allocator is cleared up, so that what was freed
/// goes back to the system. It is called by idle workers, and only after many services have ended. Without it nothing is
/// cleared up; a second call changes nothing. *Any thread.*
pub fn set_collector(collect: fn()) {
    // The first one stays.
    let _ = COLLECT.set(collect);
}

/// How many peaks have passed, and how far the node has come in clearing up after them.
#[derive(Debug, Default)]
pub(crate) struct Peaks {
    passed: AtomicUsize,
    trimmed: AtomicUsize,
}

impl Peaks {
    /// Much was freed.
    pub(crate) fn pass(&self) {
        // Relaxed, here and below: whoever sees it late clears up late.
        self.passed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many there were so far.
    pub(crate) fn passed(&self) -> usize {
        self.passed.load(Ordering::Relaxed)
    }

    /// Clears up after the first `passed` peaks: the calling thread's part, and what belongs to all. True: nobody did so
    /// before, and the other workers have yet to clear up their parts.
    pub(crate) fn clear_up(&self, passed: usize) -> bool {
        if let Some(collect) = COLLECT.get() {
            collect();
        }
        let is_first = self.trimmed.fetch_max(passed, Ordering::Relaxed) < passed;
        if is_first {
            trim();
        }
        is_first
    }
}

/// Gives free memory of the C library's heap back.
fn trim() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: may be called at any time, by any thread.
    unsafe {
        libc::malloc_trim(0)
    };
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn the_first_after_a_peak_has_the_others_called() {
        let peaks = Peaks::default();
        assert_eq!(peaks.passed(), 0);
        peaks.pass();
        peaks.pass();
        assert_eq!(peaks.passed(), 2);
        assert!(peaks.clear_up(2));
        assert!(!peaks.clear_up(2));
        // One that had looked before the last peak passed.
        assert!(!peaks.clear_up(1));
        peaks.pass();
        assert!(peaks.clear_up(peaks.passed()));
    }
}
