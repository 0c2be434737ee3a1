//! The one cast that receiving into an initialised buffer takes.
#![allow(unsafe_code)]

use std::mem::MaybeUninit;

/// The buffer as `socket2` wants it. Only for calls that write nothing but received bytes to it.
pub(super) fn as_uninit(buffer: &mut [u8]) -> &mut [MaybeUninit<u8>] {
    // SAFETY: both types have the same layout. The callee could leave the buffer uninitialised only by writing
    // uninitialised bytes to it, which `socket2` promises not to do.
    unsafe { &mut *(std::ptr::from_mut(buffer) as *mut [MaybeUninit<u8>]) }
}
