//! The buffers of the fake node.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering, fence};

/// In front of each payload, which keeps the payload 16-byte aligned.
#[repr(C, align(16))]
struct Header {
    owners: AtomicUsize,
    capacity: usize,
    magic: u64,
}

const MAGIC: u64 = 0x5ce9_11e7_b0f0_0d5e;
/// The most that can be asked for.
const LIMIT: usize = 1 << 40;

fn layout(capacity: usize) -> Layout {
    let size = size_of::<Header>() + capacity + 1;
    match Layout::from_size_align(size, align_of::<Header>()) {
        Ok(layout) => layout,
        Err(_) => unreachable!("the capacity is bounded"),
    }
}

/// # Safety
/// `data` came from `buffer_alloc` and is owned.
unsafe fn header<'a>(data: *mut u8) -> &'a Header {
    // SAFETY: the header lies in front of each payload.
    let header = unsafe { data.sub(size_of::<Header>()) };
    // SAFETY: as above; it is only changed through atomics.
    let header = unsafe { &*header.cast::<Header>() };
    assert!(
        header.magic == MAGIC,
        "not a live buffer of the node: {data:p}"
    );
    header
}

pub(super) unsafe extern "C" fn buffer_alloc(capacity: usize) -> *mut u8 {
    super::count("buffer_alloc");
    allocate(capacity)
}

fn allocate(capacity: usize) -> *mut u8 {
    if capacity > LIMIT {
        return ptr::null_mut();
    }
    // SAFETY: the layout is not empty.
    let base = unsafe { alloc(layout(capacity)) };
    if base.is_null() {
        return base;
    }
    let header = Header {
        owners: AtomicUsize::new(1),
        capacity,
        magic: MAGIC,
    };
    // SAFETY: room for the header is there, aligned.
    unsafe { base.cast::<Header>().write(header) };
    // SAFETY: as above.
    let data = unsafe { base.add(size_of::<Header>()) };
    // SAFETY: the byte behind the payload is ours.
    let end = unsafe { data.add(capacity) };
    // SAFETY: as above.
    unsafe { end.write(0) };
    data
}

pub(super) unsafe extern "C" fn buffer_capacity(data: *mut u8) -> usize {
    super::count("buffer_capacity");
    // SAFETY: the caller's promise.
    unsafe { header(data) }.capacity
}

pub(super) unsafe extern "C" fn buffer_free(data: *mut u8) {
    super::count("buffer_free");
    // SAFETY: the caller's promise.
    unsafe { release(data) };
}

/// # Safety
/// `data` is null or owned by the caller, and given up.
unsafe fn release(data: *mut u8) {
    if data.is_null() {
        return;
    }
    // SAFETY: the caller's promise.
    let header = unsafe { header(data) };
    if header.owners.fetch_sub(1, Ordering::Release) != 1 {
        return;
    }
    fence(Ordering::Acquire);
    let layout = layout(header.capacity);
    // SAFETY: the header lies in front of the payload.
    let base = unsafe { data.sub(size_of::<Header>()) };
    let void = Header {
        owners: AtomicUsize::new(0),
        capacity: 0,
        magic: 0,
    };
    // SAFETY: the last owner. A later use may find that the magic is gone.
    unsafe { base.cast::<Header>().write(void) };
    // SAFETY: allocated with this layout.
    unsafe { dealloc(base, layout) };
}

pub(super) unsafe extern "C" fn buffer_grow(data: *mut u8, len: usize, capacity: usize) -> *mut u8 {
    super::count("buffer_grow");
    // SAFETY: the caller's promise.
    unsafe { copy(data, len, capacity.max(len)) }
}

/// # Safety
/// `data` is owned by the caller, with `len` bytes in use; given up if a buffer is returned.
unsafe fn copy(data: *mut u8, len: usize, capacity: usize) -> *mut u8 {
    let new = allocate(capacity);
    if !new.is_null() {
        // SAFETY: `len` bytes are in use there, and fit here.
        unsafe { ptr::copy_nonoverlapping(data, new, len) };
        // SAFETY: the caller gives it up.
        unsafe { release(data) };
    }
    new
}

pub(super) unsafe extern "C" fn buffer_ref(data: *mut u8) -> *mut u8 {
    super::count("buffer_ref");
    // SAFETY: the caller's promise.
    let header = unsafe { header(data) };
    header.owners.fetch_add(1, Ordering::Relaxed);
    data
}

pub(super) unsafe extern "C" fn buffer_unique(data: *mut u8, len: usize) -> *mut u8 {
    super::count("buffer_unique");
    // SAFETY: the caller's promise.
    let owners = unsafe { header(data) }.owners.load(Ordering::Acquire);
    if owners == 1 {
        return data;
    }
    // SAFETY: as above.
    unsafe { copy(data, len, len) }
}
