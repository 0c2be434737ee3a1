//! The parts of a write: bytes of the caller, or of a message buffer whose ownership comes along.
#![allow(unsafe_code)]

use std::fmt;

use smallvec::SmallVec;

use crate::buffer::Buffer;

/// What one write sends, in order.
pub(crate) type Parts<'a> = SmallVec<[Part<'a>; 4]>;

/// One part of a write.
#[derive(Debug)]
pub(crate) enum Part<'a> {
    /// Bytes borrowed for the call, copied where they cannot be sent at once.
    Borrowed(&'a [u8]),
    /// Bytes in a message buffer that is kept until they are sent.
    Owned(OwnedPart),
}

impl Part<'_> {
    /// What is to be sent.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Owned(part) => part.bytes(),
        }
    }
}

/// Some bytes of a message buffer, and one ownership of it.
pub(crate) struct OwnedPart {
    buffer: Buffer,
    start: usize,
    len: usize,
}

impl OwnedPart {
    /// `len` bytes of `buffer` from offset `start` on.
    ///
    /// # Safety
    /// They lie within the buffer, were written, and nobody writes to them as long as the part lives.
    pub(crate) unsafe fn new(buffer: Buffer, start: usize, len: usize) -> Self {
        debug_assert!(
            start
                .checked_add(len)
                .is_some_and(|end| end <= buffer.capacity())
        );
        Self { buffer, start, len }
    }

    /// A part with these bytes, behind `start` others in its buffer.
    #[cfg(test)]
    pub(super) fn copy_of(bytes: &[u8], start: usize) -> Self {
        let buffer = Buffer::concat(&[&vec![0xee; start], bytes]).unwrap();
        // SAFETY: just written, and nobody else has the buffer.
        unsafe { Self::new(buffer, start, bytes.len()) }
    }

    /// What is to be sent.
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: within the buffer, as the maker of the part vouched.
        let first = unsafe { self.buffer.as_ptr().add(self.start) };
        // SAFETY: written and no more changed, as the maker of the part vouched; the part keeps the buffer alive.
        unsafe { std::slice::from_raw_parts(first, self.len) }
    }

    /// Leaves out the first `count` bytes.
    pub(super) fn skip(&mut self, count: usize) {
        assert!(count <= self.len);
        self.start += count;
        self.len -= count;
    }

    /// The ownership back.
    pub(crate) fn into_buffer(self) -> Buffer {
        self.buffer
    }
}

impl fmt::Debug for OwnedPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnedPart({} bytes)", self.len)
    }
}
