//! Where no system is known that takes pages back: memory is used again, but stays the node's.

use std::alloc::{Layout, alloc_zeroed};

use super::Zero;

pub(super) const GIVES_BACK: bool = false;

pub(super) fn table<T: Zero>(count: usize) -> Option<&'static [T]> {
    let layout = Layout::array::<T>(count).ok()?;
    if layout.size() == 0 {
        return Some(&[]);
    }
    // SAFETY: the size is not 0.
    let start = unsafe { alloc_zeroed(layout) };
    if start.is_null() {
        return None;
    }
    // SAFETY: allocated for so many, never freed, and all zero, which is a value of `T`.
    Some(unsafe { std::slice::from_raw_parts(start.cast(), count) })
}

/// # Safety
/// None.
pub(super) unsafe fn give_back<T: Zero>(_part: &'static [T]) {}
