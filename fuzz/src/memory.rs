//! How much memory the current thread holds, and held at most.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, which also counts. Programs that check bounds have it as their global allocator; without
/// it every figure is 0.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counting;

thread_local! {
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

fn account(bytes: isize) {
    // A thread that ends may free memory after its counters have gone.
    let _ = HELD.try_with(|held| {
        held.set(held.get() + bytes);
        let _ = MOST.try_with(|most| most.set(most.get().max(held.get())));
    });
}

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        account(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        account(layout.size() as isize);
        // SAFETY: the caller keeps the contract of `alloc_zeroed`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        account(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // As if it moved: then both exist for a moment.
        account(size as isize);
        account(-(layout.size() as isize));
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// Runs `work`; the most bytes that it held at a time, what it returns included. May be nested.
pub fn most_held<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = HELD.get();
    let outer = MOST.replace(before);
    let result = work();
    let most = MOST.get();
    MOST.set(most.max(outer));
    (result, usize::try_from(most - before).unwrap_or(0))
}

/// Runs `work` and checks that it held at most `bound` bytes at a time.
pub fn within<T>(bound: usize, what: &str, work: impl FnOnce() -> T) -> T {
    let (result, most) = most_held(work);
    assert!(
        most <= bound,
        "{what} held {most} bytes, at most {bound} are allowed"
    );
    result
}
