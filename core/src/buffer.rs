//! Message memory: payload buffers, each with the envelope that carries it through mailboxes hidden in front.
//!
//! ```text
//!   allocation: | Envelope (80 B) | payload (capacity) | 0 |
//!                                  ^ what a plugin holds, 16-byte aligned
//! ```
//! Because the envelope is already there, a buffer goes from the sender's serialiser through the mailbox to the
//! receiver's callback with one allocation and no copy. A payload in several mailboxes is counted, and each member gets
//! an envelope of its own without payload space.
#![allow(unsafe_code)]

use std::alloc::{Layout, alloc, dealloc};
use std::fmt;
use std::mem::{align_of, size_of};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering, fence};

use skynet_abi::{FLAG_BY_NAME, FLAG_SHARED, Message, NAME_SIZE};

/// Larger requests are refused before they reach the allocator.
const MAX_CAPACITY: usize = 1 << 40;

/// Internal flag: the payload was kept by the service `destination`, whose kept bytes count it.
pub(crate) const FLAG_KEPT: u16 = 0x8000;
/// Internal flag of an answer from another node: only a call that waits on that node takes it.
pub(crate) const FLAG_MATCHED: u16 = 0x4000;
/// The flags that a message carries to its receiver.
const PUBLIC_FLAGS: u16 = !(FLAG_KEPT | FLAG_MATCHED);

/// The queue node of one message.
#[repr(C, align(16))]
pub(crate) struct Envelope {
    /// Next in the mailbox; whoever owns the envelope, or the mailbox's consumer, may touch it.
    pub(crate) next: *mut Envelope,
    /// The payload: behind this envelope, or in a shared buffer of which this envelope owns one count, or null.
    pub(crate) data: *mut u8,
    pub(crate) len: usize,
    /// Bytes allocated behind this envelope; 0 for an envelope without payload space.
    capacity: usize,
    pub(crate) value: u64,
    pub(crate) trace: u64,
    pub(crate) deadline: u64,
    pub(crate) source: u32,
    pub(crate) destination: u32,
    pub(crate) session: i32,
    pub(crate) kind: u16,
    pub(crate) flags: u16,
    pub(crate) reason: u16,
    reserved: u16,
    /// Owners of the payload behind this envelope.
    refs: AtomicU32,
}

const ENVELOPE: usize = size_of::<Envelope>();
const _: () = assert!(ENVELOPE == 80 && ENVELOPE.is_multiple_of(align_of::<Envelope>()));

fn layout(capacity: usize) -> Layout {
    // One byte more: the hidden 0 behind the payload.
    Layout::from_size_align(ENVELOPE + capacity + 1, align_of::<Envelope>())
        .expect("capacity is checked against MAX_CAPACITY")
}

#[inline]
fn allocate(capacity: usize) -> Option<NonNull<Envelope>> {
    if capacity > MAX_CAPACITY {
        return None;
    }
    // SAFETY: the layout is never empty.
    let raw = unsafe { alloc(layout(capacity)) };
    let envelope = NonNull::new(raw.cast::<Envelope>())?;
    // SAFETY: the allocation holds at least ENVELOPE bytes, so the end of the envelope is inside or one past.
    let data = unsafe { raw.add(ENVELOPE) };
    // SAFETY: fresh memory, aligned by the layout, large enough for an envelope.
    unsafe {
        envelope.as_ptr().write(Envelope {
            next: ptr::null_mut(),
            data,
            len: 0,
            capacity,
            value: 0,
            trace: 0,
            deadline: 0,
            source: 0,
            destination: 0,
            session: 0,
            kind: 0,
            flags: 0,
            reason: 0,
            reserved: 0,
            refs: AtomicU32::new(1),
        });
    }
    Some(envelope)
}

/// # Safety
/// `envelope` came from [`allocate`] and nobody uses it any more.
unsafe fn deallocate(envelope: NonNull<Envelope>) {
    // SAFETY: the caller owns it.
    let capacity = unsafe { envelope.as_ref() }.capacity;
    // SAFETY: allocated with this very layout.
    unsafe { dealloc(envelope.as_ptr().cast(), layout(capacity)) };
}

/// The allocation failed or the size is beyond any use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct NoMemory;

/// One ownership of a payload buffer.
pub(crate) struct Buffer {
    data: NonNull<u8>,
}

// SAFETY: the payload is plain memory; the count is atomic; a shared payload is only read.
unsafe impl Send for Buffer {}
// SAFETY: `&Buffer` only reads.
unsafe impl Sync for Buffer {}

impl Buffer {
    /// A buffer with room for `capacity` bytes, not initialised.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub(crate) fn with_capacity(capacity: usize) -> Result<Self, NoMemory> {
        let envelope = allocate(capacity).ok_or(NoMemory)?;
        // SAFETY: `allocate` has just written it.
        let data = unsafe { envelope.as_ref() }.data;
        NonNull::new(data).map(|data| Self { data }).ok_or(NoMemory)
    }

    /// A buffer that holds the parts one after the other.
    ///
    /// # Errors
    /// [`NoMemory`].
    pub(crate) fn concat(parts: &[&[u8]]) -> Result<Self, NoMemory> {
        let len = parts.iter().map(|part| part.len()).sum();
        let buffer = Self::with_capacity(len)?;
        let mut at = buffer.data.as_ptr();
        for part in parts {
            // SAFETY: the capacity is the sum of all parts, and the buffer is new, so it does not overlap.
            unsafe { ptr::copy_nonoverlapping(part.as_ptr(), at, part.len()) };
            // SAFETY: stays within the capacity.
            at = unsafe { at.add(part.len()) };
        }
        Ok(buffer)
    }

    /// Takes over one ownership that [`into_raw`](Self::into_raw) gave out.
    ///
    /// # Safety
    /// `data` is the start of a live buffer of this module and the caller owns one count of it.
    #[must_use]
    pub(crate) unsafe fn from_raw(data: NonNull<u8>) -> Self {
        Self { data }
    }

    /// Gives the ownership out as a pointer to the payload.
    #[must_use]
    pub(crate) fn into_raw(self) -> NonNull<u8> {
        let data = self.data;
        std::mem::forget(self);
        data
    }

    /// Start of the payload.
    #[must_use]
    pub(crate) fn as_ptr(&self) -> *mut u8 {
        self.data.as_ptr()
    }

    /// Writable bytes.
    #[must_use]
    pub(crate) fn capacity(&self) -> usize {
        self.head().capacity
    }

    fn envelope(&self) -> NonNull<Envelope> {
        // SAFETY: an envelope lies in front of each payload in the same allocation.
        unsafe { self.data.byte_sub(ENVELOPE) }.cast()
    }

    fn head(&self) -> &Envelope {
        // SAFETY: this ownership keeps the allocation alive.
        unsafe { self.envelope().as_ref() }
    }

    /// Whether others own the payload too, so that it is read-only.
    #[must_use]
    pub(crate) fn is_shared(&self) -> bool {
        // Acquire: pairs with the Release of a former owner's drop, before the payload is written again.
        self.head().refs.load(Ordering::Acquire) > 1
    }

    /// Adds one ownership.
    #[must_use]
    pub(crate) fn share(&self) -> Self {
        // Relaxed: this ownership already keeps the payload alive, as with every reference count.
        let before = self.head().refs.fetch_add(1, Ordering::Relaxed);
        assert!(before < u32::MAX / 2, "a payload has 2^31 owners");
        Self { data: self.data }
    }

    /// The first `len` bytes.
    ///
    /// # Safety
    /// They were written.
    #[must_use]
    pub(crate) unsafe fn bytes(&self, len: usize) -> &[u8] {
        debug_assert!(len <= self.capacity());
        // SAFETY: inside the allocation; the caller vouches that they are written.
        unsafe { std::slice::from_raw_parts(self.data.as_ptr(), len) }
    }

    /// Sole ownership of the first `len` bytes: this buffer, or a copy when it is shared.
    ///
    /// # Errors
    /// The buffer itself, when there is no memory for a copy.
    ///
    /// # Safety
    /// The first `len` bytes were written.
    pub(crate) unsafe fn unique(self, len: usize) -> Result<Self, Self> {
        if !self.is_shared() {
            return Ok(self);
        }
        // SAFETY: the caller vouches for `len`.
        match Self::concat(&[unsafe { self.bytes(len) }]) {
            Ok(copy) => Ok(copy),
            Err(NoMemory) => Err(self),
        }
    }

    /// Room for `capacity` bytes with the first `len` kept.
    ///
    /// # Errors
    /// The buffer itself, when there is no memory.
    ///
    /// # Safety
    /// The first `len` bytes were written.
    pub(crate) unsafe fn grow(self, len: usize, capacity: usize) -> Result<Self, Self> {
        if capacity <= self.capacity() && !self.is_shared() {
            return Ok(self);
        }
        let Ok(larger) = Self::with_capacity(capacity.max(len)) else {
            return Err(self);
        };
        // SAFETY: both have room for `len` bytes and are different allocations.
        unsafe { ptr::copy_nonoverlapping(self.as_ptr(), larger.as_ptr(), len) };
        Ok(larger)
    }

    /// Takes the note away that a service keeps this buffer: whose kept bytes shrink by how much.
    pub(crate) fn take_kept(&self) -> Option<(u32, usize)> {
        let envelope = self.envelope().as_ptr();
        // SAFETY: the allocation is alive; a kept payload has one owner, the caller, so nobody else looks.
        let head = unsafe { &mut *envelope };
        if head.flags & FLAG_KEPT == 0 {
            return None;
        }
        // The message's own flags are of the past too: the payload may become another one's.
        head.flags = 0;
        Some((head.destination, head.capacity))
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        let refs = &self.head().refs;
        // A sole owner needs no locked instruction: nobody else can add a count.
        if refs.load(Ordering::Acquire) != 1 {
            // Release: our reads of the payload happen before the last owner frees it.
            if refs.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            fence(Ordering::Acquire);
        }
        // SAFETY: the last ownership has just ended.
        unsafe { deallocate(self.envelope()) };
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} bytes)", self.capacity())
    }
}

/// A message that nobody has received yet: an envelope and its payload.
pub(crate) struct Letter {
    envelope: NonNull<Envelope>,
}

// SAFETY: an owned envelope is plain memory; shared payloads are only read.
unsafe impl Send for Letter {}

impl Letter {
    /// A message without payload.
    pub(crate) fn empty() -> Result<Self, NoMemory> {
        Ok(Self::from_buffer(Buffer::with_capacity(0)?, 0))
    }

    /// A message with a copy of `payload`.
    #[inline]
    pub(crate) fn copy(payload: &[u8]) -> Result<Self, NoMemory> {
        let mut letter = Self {
            envelope: allocate(payload.len()).ok_or(NoMemory)?,
        };
        letter.len = payload.len();
        // SAFETY: the new payload has room for so many bytes.
        unsafe { ptr::copy_nonoverlapping(payload.as_ptr(), letter.data, payload.len()) };
        // SAFETY: one byte more was allocated for the hidden 0.
        let end = unsafe { letter.data.add(payload.len()) };
        // SAFETY: as above.
        unsafe { end.write(0) };
        Ok(letter)
    }

    /// A message whose payload is the first `len` bytes of `buffer`, which the caller has written. The buffer must have
    /// one owner.
    pub(crate) fn from_buffer(buffer: Buffer, len: usize) -> Self {
        debug_assert!(len <= buffer.capacity() && !buffer.is_shared());
        let envelope = buffer.envelope();
        let data = buffer.into_raw().as_ptr();
        // SAFETY: `len <= capacity`, and one byte more was allocated for the hidden 0.
        let end = unsafe { data.add(len) };
        // SAFETY: as above.
        unsafe { end.write(0) };
        let mut letter = Self { envelope };
        letter.len = len;
        letter.next = ptr::null_mut();
        letter.data = data;
        letter
    }

    /// One member's message of a shared payload.
    pub(crate) fn shared(payload: Buffer, len: usize) -> Result<Self, NoMemory> {
        let mut letter = Self {
            envelope: allocate(0).ok_or(NoMemory)?,
        };
        letter.data = payload.into_raw().as_ptr();
        letter.len = len;
        letter.flags = FLAG_SHARED as u16;
        Ok(letter)
    }

    /// Takes over an envelope that [`into_raw`](Self::into_raw) gave out.
    ///
    /// # Safety
    /// The caller owns it.
    pub(crate) unsafe fn from_raw(envelope: NonNull<Envelope>) -> Self {
        Self { envelope }
    }

    pub(crate) fn into_raw(self) -> NonNull<Envelope> {
        let envelope = self.envelope;
        std::mem::forget(self);
        envelope
    }

    /// The name that the message is addressed to, until [`set_name`](Self::set_name)'s box is dropped with the letter.
    pub(crate) fn name(&self) -> Option<&[u8; NAME_SIZE]> {
        if self.flags & FLAG_BY_NAME as u16 == 0 {
            return None;
        }
        // SAFETY: with FLAG_BY_NAME `value` is a box from `set_name` that this letter owns.
        Some(unsafe { &*ptr::with_exposed_provenance(self.value as usize) })
    }

    /// Addresses the message to a global name. It is kept in a box whose address is `value`.
    pub(crate) fn set_name(&mut self, name: [u8; NAME_SIZE]) {
        debug_assert!(self.name().is_none());
        self.value = Box::into_raw(Box::new(name)).expose_provenance() as u64;
        self.flags |= FLAG_BY_NAME as u16;
    }

    /// What a receiver sees of it, but for its [name](Self::take_name).
    #[inline]
    pub(crate) fn message(&self) -> Message {
        Message {
            data: self.data,
            len: self.len,
            name: ptr::null(),
            name_len: 0,
            source: self.source,
            destination: self.destination,
            session: self.session,
            kind: u32::from(self.kind),
            flags: u32::from(self.flags & PUBLIC_FLAGS),
            reason: u32::from(self.reason),
            reserved: 0,
            value: self.value,
            trace: self.trace,
            deadline: self.deadline,
        }
    }

    /// The payload.
    pub(crate) fn payload(&self) -> &[u8] {
        if self.data.is_null() {
            return &[];
        }
        // SAFETY: `len` bytes of the payload were written before the letter was made.
        unsafe { std::slice::from_raw_parts(self.data, self.len) }
    }

    /// Takes the message apart into its payload, of which one ownership goes to the caller.
    pub(crate) fn into_buffer(mut self) -> Buffer {
        drop(self.take_name());
        let is_member = self.is_member();
        let data = NonNull::new(self.data).expect("every letter has a payload pointer");
        let envelope = self.into_raw();
        if is_member {
            // SAFETY: the member's envelope is separate from its payload and nobody uses it any more.
            unsafe { deallocate(envelope) };
        }
        // SAFETY: the letter owned one count of this payload.
        unsafe { Buffer::from_raw(data) }
    }

    /// Lends the payload to the receiving service `keeper`, which may keep it: marked as kept already, since whoever
    /// keeps it may have sent it on before it says so.
    #[inline]
    pub(crate) fn lend(mut self, keeper: u32) -> Lent {
        let is_member = self.is_member();
        if !is_member {
            self.flags |= FLAG_KEPT;
            self.destination = keeper;
        }
        Lent {
            bytes: self.capacity,
            envelope: self.into_raw(),
            is_member,
        }
    }

    /// Whether nobody else owns the payload behind this envelope.
    fn is_sole(&self) -> bool {
        // Acquire: the former owners' reads happen before the payload is freed.
        self.refs.load(Ordering::Acquire) == 1
    }

    /// Whether the payload lies in another allocation than the envelope.
    #[inline]
    fn is_member(&self) -> bool {
        // SAFETY: pointer arithmetic within the envelope's own allocation.
        let own = unsafe { self.envelope.as_ptr().cast::<u8>().add(ENVELOPE) };
        !ptr::eq(own, self.data)
    }

    /// The name that the message is addressed to; it is by name no more.
    pub(crate) fn take_name(&mut self) -> Option<Box<[u8; NAME_SIZE]>> {
        if self.flags & FLAG_BY_NAME as u16 == 0 {
            return None;
        }
        self.flags &= !(FLAG_BY_NAME as u16);
        let name = ptr::with_exposed_provenance_mut::<[u8; NAME_SIZE]>(self.value as usize);
        self.value = 0;
        // SAFETY: with FLAG_BY_NAME `value` is a box from `set_name`; the flag is gone, so it is taken once.
        Some(unsafe { Box::from_raw(name) })
    }
}

/// A delivered message while its receiver looks at it.
#[derive(Debug)]
#[must_use]
pub(crate) struct Lent {
    /// Of a member of a shared payload, nobody else can reach it. Any other must not be touched unless the receiver gave
    /// the payload back.
    envelope: NonNull<Envelope>,
    is_member: bool,
    bytes: usize,
}

impl Lent {
    /// The receiver did not keep the payload: it is freed.
    #[inline]
    pub(crate) fn take_back(self) {
        // SAFETY: the receiver gave back what `lend` took out of a letter.
        let mut letter = unsafe { Letter::from_raw(self.envelope) };
        if !self.is_member && letter.is_sole() {
            // SAFETY: the one ownership of the payload ends here.
            unsafe { deallocate(letter.into_raw()) };
            return;
        }
        // Somebody else has the payload, and may send it in another message.
        letter.flags = 0;
    }

    /// The receiver owns the payload now, or has passed it on. Returns the bytes that its kept bytes grow by.
    pub(crate) fn give(self) -> usize {
        if !self.is_member {
            return self.bytes;
        }
        // SAFETY: a member's envelope is the node's, whoever has the payload.
        let member = unsafe { Letter::from_raw(self.envelope) };
        let _ = member.into_buffer().into_raw();
        0
    }
}

impl std::ops::Deref for Letter {
    type Target = Envelope;
    fn deref(&self) -> &Envelope {
        // SAFETY: the letter owns the envelope.
        unsafe { self.envelope.as_ref() }
    }
}

impl std::ops::DerefMut for Letter {
    fn deref_mut(&mut self) -> &mut Envelope {
        // SAFETY: the letter owns the envelope, and nobody else has a reference.
        unsafe { self.envelope.as_mut() }
    }
}

impl Drop for Letter {
    fn drop(&mut self) {
        drop(self.take_name());
        // SAFETY: a copy of an owned pointer: `self` is not used again.
        let letter = unsafe { Self::from_raw(self.envelope) };
        drop(letter.into_buffer());
    }
}

impl fmt::Debug for Letter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

#[cfg(test)]
mod tests;
