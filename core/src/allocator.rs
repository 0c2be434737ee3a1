//! The allocator of the node's own code: mimalloc.
//!
//! Messages are freed by other threads than those that allocated them all the time, and after a peak the memory should go
//! back: the system's allocator is slow at the first and bad at the second.
#![allow(unsafe_code)]

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Gives memory back that the calling thread holds and does not use, and what all threads have left at once rather than
/// after a while: an idle node has no later moment.
pub(crate) fn collect() {
    // SAFETY: may be called at any time, by any thread.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
