//! A pair of fences of unequal cost: what [`light`] and [`heavy`] order is ordered as if both were full fences.
//!
//! For two threads of which each says something and then looks for what the other one said, at least one must see the
//! other. Full fences give that; but where one side does it millions of times a second and the other hardly ever, the
//! kernel can run a fence on all threads of the process on behalf of the rare side, and the frequent one needs only keep
//! the compiler from reordering.
#![allow(unsafe_code)]

#[cfg(loom)]
use loom::sync::atomic::{Ordering, fence};
#[cfg(not(loom))]
use std::sync::atomic::{Ordering, fence};

#[cfg(all(target_os = "linux", not(any(loom, miri))))]
mod kernel {
    use std::sync::atomic::{AtomicBool, Ordering};

    /// The kernel has agreed to run fences for this process.
    static READY: AtomicBool = AtomicBool::new(false);

    pub(super) fn prepare() {
        let command = libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED;
        READY.store(membarrier(command), Ordering::SeqCst);
    }

    pub(super) fn is_ready() -> bool {
        READY.load(Ordering::Relaxed)
    }

    pub(super) fn heavy() {
        let done = membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
        // It is documented not to fail for a process that has registered.
        assert!(done, "the kernel refuses a memory barrier");
    }

    fn membarrier(command: libc::c_int) -> bool {
        // SAFETY: the call has no other arguments that matter, and touches no memory of ours.
        unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
    }
}

#[cfg(not(all(target_os = "linux", not(any(loom, miri)))))]
mod kernel {
    pub(super) fn prepare() {}

    pub(super) fn is_ready() -> bool {
        false
    }

    pub(super) fn heavy() {}
}

/// Asks the kernel for its help. To be called once, before there are other threads; without it, or where the kernel
/// refuses, both fences are full ones.
pub(crate) fn prepare() {
    kernel::prepare();
}

/// The frequent side's fence.
#[inline]
pub(crate) fn light() {
    if kernel::is_ready() {
        std::sync::atomic::compiler_fence(std::sync::atomic::Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The rare side's fence: about a microsecond, and more with many threads running.
pub(crate) fn heavy() {
    if kernel::is_ready() {
        kernel::heavy();
    } else {
        fence(Ordering::SeqCst);
    }
}
