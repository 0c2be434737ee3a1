//! Memory of the node that messages are made of.
#![allow(unsafe_code)]

use std::fmt;
use std::io;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::ptr::NonNull;
use std::slice;

use skynet_abi as abi;

use crate::host;

/// An owned buffer of the node: what a payload lives in.
///
/// Sending it hands it over without a copy, and so does writing it to a socket. It grows like a `Vec<u8>`; bytes are
/// added with [`io::Write`], [`Extend`] or [`extend_from_slice`](Self::extend_from_slice). A [`share`](Self::share)d
/// buffer is read-only: the first change makes a copy.
///
/// May be made, used and dropped on any thread.
#[derive(Default)]
pub struct Buffer {
    /// The start of a host buffer; `None` holds nothing and owns nothing.
    data: Option<NonNull<u8>>,
    len: usize,
    /// Writable bytes; 0 when not known yet, [`SHARED`] when others own the buffer, too. One number, so that a buffer
    /// moves as three words.
    room: usize,
}

/// The room of a shared buffer.
const SHARED: usize = usize::MAX;

// SAFETY: an owned buffer, or counted read-only bytes; the ABI lets any thread use the functions for them.
unsafe impl Send for Buffer {}
// SAFETY: `&Buffer` only reads.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A buffer of no bytes, which allocates nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            data: None,
            len: 0,
            room: 0,
        }
    }

    /// An empty buffer with room for `capacity` bytes.
    ///
    /// # Panics
    /// When the node has no memory for it, or `capacity` is above 2^40.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        match Self::try_with_capacity(capacity) {
            Some(buffer) => buffer,
            None => no_memory(capacity),
        }
    }

    /// Like [`with_capacity`](Self::with_capacity), but `None` when there is no memory.
    #[must_use]
    pub fn try_with_capacity(capacity: usize) -> Option<Self> {
        if capacity == 0 {
            return Some(Self::new());
        }
        let data = host::buffer_alloc(capacity)?;
        Some(Self {
            data: Some(data),
            len: 0,
            room: capacity,
        })
    }

    /// What the node handed over; `None` for a null pointer.
    ///
    /// # Safety
    /// `raw` is null or a buffer that the caller owns.
    pub(crate) unsafe fn from_host(raw: abi::Buffer) -> Option<Self> {
        let data = NonNull::new(raw.data)?;
        Some(Self {
            data: Some(data),
            len: raw.len,
            room: 0,
        })
    }

    /// A payload that the node handed over.
    ///
    /// # Safety
    /// `data` is null and `len` 0, or `data` is a buffer of `len` bytes that the caller owns; `shared` says whether
    /// others do too.
    #[inline]
    pub(crate) unsafe fn from_raw(data: *mut u8, len: usize, shared: bool) -> Self {
        Self {
            data: NonNull::new(data),
            len,
            room: if shared { SHARED } else { 0 },
        }
    }

    /// Gives the buffer up: its start (null if there is none), its length, and whether it is shared.
    #[inline]
    pub(crate) fn into_raw(self) -> (*mut u8, usize, bool) {
        let this = ManuallyDrop::new(self);
        let data = this.data.map_or(std::ptr::null_mut(), |data| data.as_ptr());
        (data, this.len, this.is_shared())
    }

    /// The bytes.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        match self.data {
            // SAFETY: an owned buffer has `len` initialised bytes, and nobody writes to it while it is borrowed.
            Some(data) => unsafe { slice::from_raw_parts(data.as_ptr(), self.len) },
            None => &[],
        }
    }

    /// The bytes, to change. Copies them first if the buffer is shared.
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        self.make_unique();
        match self.data {
            // SAFETY: as in `as_slice`; `make_unique` made this the only owner.
            Some(data) => unsafe { slice::from_raw_parts_mut(data.as_ptr(), self.len) },
            None => &mut [],
        }
    }

    /// Bytes that fit without another allocation.
    pub fn capacity(&mut self) -> usize {
        match self.room {
            SHARED => 0,
            0 => {
                // SAFETY: the buffer is owned.
                self.room = self
                    .data
                    .map_or(0, |data| unsafe { host::buffer_capacity(data) });
                self.room
            }
            room => room,
        }
    }

    /// Makes room for `additional` bytes more.
    ///
    /// # Panics
    /// When the node has no memory for it.
    pub fn reserve(&mut self, additional: usize) {
        let Some(wanted) = self.len.checked_add(additional) else {
            no_memory(usize::MAX)
        };
        self.make_unique();
        if wanted > self.capacity() {
            self.grow(wanted);
        }
    }

    #[cold]
    fn grow(&mut self, wanted: usize) {
        let capacity = wanted.max(self.room.saturating_mul(2)).max(64);
        let grown = match self.data {
            // SAFETY: owned alone after `make_unique`; the old pointer is forgotten if a new one comes.
            Some(data) => unsafe { host::buffer_grow(data, self.len, capacity) },
            None => host::buffer_alloc(capacity),
        };
        match grown {
            Some(data) => self.data = Some(data),
            None => no_memory(capacity),
        }
        self.room = capacity;
    }

    /// Appends `bytes`.
    ///
    /// # Panics
    /// When the node has no memory for it.
    #[inline]
    pub fn extend_from_slice(&mut self, bytes: &[u8]) {
        if bytes.is_empty() {
            return;
        }
        self.reserve(bytes.len());
        if let Some(data) = self.data {
            // SAFETY: `reserve` made room for `len + bytes.len()` bytes.
            let end = unsafe { data.as_ptr().add(self.len) };
            // SAFETY: as above; `bytes` cannot lie in a buffer that is mutably borrowed.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), end, bytes.len()) };
            self.len += bytes.len();
        }
    }

    /// Keeps the first `len` bytes.
    pub fn truncate(&mut self, len: usize) {
        self.len = self.len.min(len);
    }

    /// Drops all bytes, keeps the memory.
    pub fn clear(&mut self) {
        self.len = 0;
    }

    /// Another owner of the same bytes. From now on both are read-only; a change copies.
    #[must_use]
    pub fn share(&mut self) -> Self {
        if let Some(data) = self.data {
            // SAFETY: owned; both sides are marked as shared and do not write.
            if unsafe { host::buffer_ref(data) }.is_none() {
                return Self::from(self.as_slice());
            }
            self.room = SHARED;
        }
        Self {
            data: self.data,
            len: self.len,
            room: if self.is_shared() { SHARED } else { 0 },
        }
    }

    /// Whether others may own the same bytes.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        self.room == SHARED
    }

    fn make_unique(&mut self) {
        if !self.is_shared() {
            return;
        }
        if let Some(data) = self.data {
            // SAFETY: owned; the old pointer is forgotten if a new one comes.
            match unsafe { host::buffer_unique(data, self.len) } {
                Some(unique) => self.data = Some(unique),
                None => no_memory(self.len),
            }
        }
        self.room = 0;
    }
}

#[cold]
fn no_memory(capacity: usize) -> ! {
    panic!("no memory for a buffer of {capacity} bytes")
}

impl Drop for Buffer {
    #[inline]
    fn drop(&mut self) {
        if let Some(data) = self.data {
            // SAFETY: owned, and not used again.
            unsafe { host::buffer_free(data) };
        }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        self
    }
}

impl From<&[u8]> for Buffer {
    fn from(bytes: &[u8]) -> Self {
        let mut buffer = Self::with_capacity(bytes.len());
        buffer.extend_from_slice(bytes);
        buffer
    }
}

impl From<&str> for Buffer {
    fn from(text: &str) -> Self {
        Self::from(text.as_bytes())
    }
}

impl Extend<u8> for Buffer {
    fn extend<I: IntoIterator<Item = u8>>(&mut self, bytes: I) {
        let bytes = bytes.into_iter();
        self.reserve(bytes.size_hint().0);
        for byte in bytes {
            self.extend_from_slice(&[byte]);
        }
    }
}

impl<'a> Extend<&'a u8> for Buffer {
    fn extend<I: IntoIterator<Item = &'a u8>>(&mut self, bytes: I) {
        self.extend(bytes.into_iter().copied());
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.len)
    }
}

impl PartialEq<[u8]> for Buffer {
    fn eq(&self, other: &[u8]) -> bool {
        **self == *other
    }
}
