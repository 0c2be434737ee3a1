//! Buffers: allocating, sharing and freeing payloads.
#![allow(unsafe_code)]

use std::ptr::{self, NonNull};

use super::owned;
use crate::buffer::Buffer;

pub(super) unsafe extern "C" fn buffer_alloc(capacity: usize) -> *mut u8 {
    Buffer::with_capacity(capacity).map_or(ptr::null_mut(), |buffer| buffer.into_raw().as_ptr())
}

pub(super) unsafe extern "C" fn buffer_grow(data: *mut u8, len: usize, capacity: usize) -> *mut u8 {
    let Some(data) = NonNull::new(data) else {
        return ptr::null_mut();
    };
    // SAFETY: the plugin owns it, by the ABI.
    let buffer = unsafe { owned(data) };
    if len > buffer.capacity() {
        let _ = buffer.into_raw();
        return ptr::null_mut();
    }
    // SAFETY: the plugin has written `len` bytes, by the ABI.
    match unsafe { buffer.grow(len, capacity) } {
        Ok(larger) => larger.into_raw().as_ptr(),
        Err(same) => {
            let _ = same.into_raw();
            ptr::null_mut()
        }
    }
}

pub(super) unsafe extern "C" fn buffer_capacity(data: *mut u8) -> usize {
    let Some(data) = NonNull::new(data) else {
        return 0;
    };
    // SAFETY: a live buffer, by the ABI; the ownership goes back at once.
    let buffer = unsafe { Buffer::from_raw(data) };
    let capacity = buffer.capacity();
    let _ = buffer.into_raw();
    capacity
}

pub(super) unsafe extern "C" fn buffer_free(data: *mut u8) {
    if let Some(data) = NonNull::new(data) {
        // SAFETY: the plugin owns it, by the ABI.
        drop(unsafe { owned(data) });
    }
}

pub(super) unsafe extern "C" fn buffer_ref(data: *mut u8) -> *mut u8 {
    let Some(pointer) = NonNull::new(data) else {
        return data;
    };
    // SAFETY: the plugin owns it, by the ABI.
    let buffer = unsafe { owned(pointer) };
    let _ = buffer.share().into_raw();
    let _ = buffer.into_raw();
    data
}

pub(super) unsafe extern "C" fn buffer_unique(data: *mut u8, len: usize) -> *mut u8 {
    let Some(data) = NonNull::new(data) else {
        return ptr::null_mut();
    };
    // SAFETY: the plugin owns it, by the ABI.
    let buffer = unsafe { owned(data) };
    if len > buffer.capacity() {
        let _ = buffer.into_raw();
        return ptr::null_mut();
    }
    // SAFETY: `len` bytes were written, by the ABI.
    match unsafe { buffer.unique(len) } {
        Ok(unique) => unique.into_raw().as_ptr(),
        Err(shared) => {
            let _ = shared.into_raw();
            ptr::null_mut()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_beyond_the_capacity_are_refused() {
        // SAFETY: any capacity may be asked for.
        let data = unsafe { buffer_alloc(8) };
        // SAFETY: a live buffer.
        assert!(unsafe { buffer_grow(data, 9, 16) }.is_null());
        // SAFETY: a live buffer.
        assert_eq!(unsafe { buffer_ref(data) }, data);
        for len in [9, usize::MAX] {
            // SAFETY: a live buffer, of which nothing was given up.
            assert!(unsafe { buffer_unique(data, len) }.is_null());
        }
        // SAFETY: one of two ownerships.
        unsafe { buffer_free(data) };
        // SAFETY: the other one.
        unsafe { buffer_free(data) };
    }
}
