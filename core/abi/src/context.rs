//! The small values that cross by value: the context token and byte ranges.

use core::fmt;

/// Names one life of one service. A token, never a pointer: it may be copied, kept by threads and used after the
/// service has ended, when every function of the host answers [`STATUS_DEAD`](crate::STATUS_DEAD).
#[repr(C)]
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Context {
    /// The service's 32-bit handle: harbor id in the top byte, local number below. 0 is the node itself.
    pub handle: u32,
    /// Tells this life of the handle from later ones.
    pub generation: u32,
}

/// Borrowed bytes, UTF-8 where the function says text. Valid for the call only. `data` may be null when `len` is 0.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Text {
    /// First byte, or null when `len` is 0.
    pub data: *const u8,
    /// Length in bytes.
    pub len: usize,
}

impl Text {
    /// No bytes.
    pub const EMPTY: Text = Text {
        data: core::ptr::null(),
        len: 0,
    };

    /// Borrows `bytes`; the value must not outlive them.
    #[must_use]
    pub const fn new(bytes: &[u8]) -> Self {
        Self {
            data: bytes.as_ptr(),
            len: bytes.len(),
        }
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes)", self.len)
    }
}

/// Bytes in a host buffer that change hands: whoever receives a non-null `data` frees it with
/// [`Host::buffer_free`](crate::Host::buffer_free).
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Buffer {
    /// Start of a host buffer, or null: no result.
    pub data: *mut u8,
    /// Bytes in use.
    pub len: usize,
}

impl Buffer {
    /// No buffer.
    pub const NULL: Buffer = Buffer {
        data: core::ptr::null_mut(),
        len: 0,
    };
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}
