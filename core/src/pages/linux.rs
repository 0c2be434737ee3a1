//! Linux takes the pages of a private mapping back and gives zeroed ones in their place at the next use.

use std::ptr;
use std::sync::OnceLock;

use super::Zero;

pub(super) const GIVES_BACK: bool = true;

pub(super) fn table<T: Zero>(count: usize) -> Option<&'static [T]> {
    let bytes = count.checked_mul(size_of::<T>())?;
    // SAFETY: a new mapping of its own, wherever there is room, touches nothing that exists.
    let start = unsafe {
        libc::mmap(
            ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return None;
    }
    const { assert!(align_of::<T>() <= 4096, "mappings begin with a page") };
    // SAFETY: the mapping is readable and writable for so many bytes, is never unmapped, begins with a page, and is
    // all zero, which is a value of `T`.
    Some(unsafe { std::slice::from_raw_parts(start.cast(), count) })
}

/// # Safety
/// As [`super::give_back`].
pub(super) unsafe fn give_back<T: Zero>(part: &'static [T]) {
    let range = part.as_ptr_range();
    let page = page_size();
    // Inwards: the system would round outwards, and take what belongs to others.
    let start = range.start.cast::<u8>();
    let start = start.wrapping_add(start.align_offset(page));
    let end = range.end.addr() & !(page - 1);
    if start.addr() >= end {
        return;
    }
    // SAFETY: whole pages of a mapping of `table`, which is private and of no file; the caller vouches for what lies
    // there. A failure (as when the pages are locked into memory) changes nothing.
    unsafe {
        libc::madvise(
            start.cast_mut().cast(),
            end - start.addr(),
            libc::MADV_DONTNEED,
        )
    };
}

fn page_size() -> usize {
    static SIZE: OnceLock<usize> = OnceLock::new();
    *SIZE.get_or_init(|| {
        // SAFETY: a question without side effects.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        usize::try_from(size).expect("there is a page size")
    })
}
