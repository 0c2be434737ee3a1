//! Messages as raw services get them: borrowed.
#![allow(unsafe_code)]

use std::fmt;
use std::slice;

use skynet_abi as abi;

use crate::message::{Head, Owner};
use crate::socket::SocketEvent;
use crate::turn::Orphan;
use crate::{Buffer, Handle, Message, Reason};

/// What has become of the payload of a delivered message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Payload {
    /// The node's.
    Borrowed,
    /// Ours: `deliver` must say so.
    Kept,
}

/// One received message, borrowed from the node for the duration of [`RawService::on_message`].
///
/// [`RawService::on_message`]: crate::RawService::on_message
pub struct RawMessage<'a> {
    raw: &'a abi::Message,
    owner: &'a Owner,
    payload: Payload,
    owed: bool,
}

impl<'a> RawMessage<'a> {
    /// Views a delivered message.
    ///
    /// # Safety
    /// `raw` is as the node delivers it, with what it points to.
    #[inline]
    pub(crate) unsafe fn new(raw: &'a abi::Message, owner: &'a Owner) -> Self {
        // What the harbor service carries for others wants an answer, too, but that comes from elsewhere: it is for the
        // harbor service to arrange.
        let owed = raw.flags & (abi::FLAG_CALL | abi::FLAG_REPLY) == abi::FLAG_CALL;
        Self {
            raw,
            owner,
            payload: Payload::Borrowed,
            owed,
        }
    }

    /// The payload; empty once it was kept.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        if self.payload == Payload::Kept {
            return &[];
        }
        // SAFETY: the node lends `len` bytes at `data` for the call.
        unsafe { bytes(self.raw.data, self.raw.len) }
    }

    /// The payload as text.
    ///
    /// # Errors
    /// It is not UTF-8.
    pub fn text(&self) -> Result<&str, std::str::Utf8Error> {
        std::str::from_utf8(self.bytes())
    }

    /// One of `KIND_*`, or a number of the sender's own.
    #[inline]
    #[must_use]
    pub const fn kind(&self) -> u32 {
        self.raw.kind
    }

    /// Who sent it, or on whose behalf.
    #[inline]
    #[must_use]
    pub const fn source(&self) -> Handle {
        Handle(self.raw.source)
    }

    /// Who gets it: this service; for the harbor service also services of other nodes.
    #[inline]
    #[must_use]
    pub const fn destination(&self) -> Handle {
        Handle(self.raw.destination)
    }

    /// The global name it was sent to, for the harbor service, without the zeros behind it.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        if self.raw.flags & abi::FLAG_BY_NAME == 0 {
            return None;
        }
        // SAFETY: the node lends `name_len` bytes at `name` for the call.
        let name = unsafe { bytes(self.raw.name, self.raw.name_len as usize) };
        let end = name.iter().position(|byte| *byte == 0);
        std::str::from_utf8(&name[..end.unwrap_or(name.len())]).ok()
    }

    /// Pairs a reply with its call; else a number of the sender's choice; of a socket event the socket.
    #[inline]
    #[must_use]
    pub const fn session(&self) -> i32 {
        self.raw.session
    }

    /// Any of `FLAG_*`.
    #[inline]
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.raw.flags
    }

    /// Of an error or an exit: why.
    #[must_use]
    pub const fn reason(&self) -> Reason {
        Reason(self.raw.reason)
    }

    /// The number that a timer or a wake-up carries.
    #[inline]
    #[must_use]
    pub const fn value(&self) -> u64 {
        self.raw.value
    }

    /// Follows a request through services; 0 when not traced.
    #[must_use]
    pub const fn trace(&self) -> u64 {
        self.raw.trace
    }

    /// When the caller stops waiting, in nanoseconds of [`Context::now`](crate::Context::now); 0 for the default.
    #[must_use]
    pub const fn deadline(&self) -> u64 {
        self.raw.deadline
    }

    /// Whether the sender waits for an answer.
    #[inline]
    #[must_use]
    pub const fn is_call(&self) -> bool {
        self.raw.flags & abi::FLAG_CALL != 0
    }

    /// The event, if this is one of a socket.
    #[must_use]
    pub fn socket_event(&self) -> Option<SocketEvent<'_>> {
        (self.raw.kind == abi::KIND_SOCKET).then(|| {
            SocketEvent::parse(
                self.raw.session,
                self.raw.reason,
                self.raw.value,
                self.bytes(),
            )
        })
    }

    /// Takes the payload: the node will not free it, and it can be sent on without a copy. Empty the second time.
    #[inline]
    #[must_use = "the payload is freed if it is not used"]
    pub fn keep_buffer(&mut self) -> Buffer {
        if self.payload == Payload::Kept || self.raw.data.is_null() {
            return Buffer::new();
        }
        self.payload = Payload::Kept;
        let shared = self.raw.flags & abi::FLAG_SHARED != 0;
        // SAFETY: the node gives the buffer up when `deliver` answers that it was kept, which `is_kept` makes it do.
        unsafe { Buffer::from_raw(self.raw.data, self.raw.len, shared) }
    }

    /// Takes the whole message, with the duty to answer it.
    #[must_use = "dropping a request answers it with an error"]
    pub fn keep(&mut self) -> Message {
        self.take()
    }

    /// As [`keep`](Self::keep). Always a part of the caller, so that the message is made where it is needed.
    #[inline(always)]
    pub(crate) fn take(&mut self) -> Message {
        let name = if self.raw.flags & abi::FLAG_BY_NAME == 0 {
            None
        } else {
            self.owned_name()
        };
        let buffer = self.keep_buffer();
        let owed = std::mem::take(&mut self.owed);
        Message::new(self.head(), buffer, name, *self.owner, owed)
    }

    #[cold]
    fn owned_name(&self) -> Option<Box<str>> {
        self.name().map(Box::from)
    }

    /// The answer is given elsewhere, for example by the service that a raw copy of this request went to. Without
    /// this, a request that was neither answered nor kept is answered with [`Reason::DROPPED`].
    #[inline]
    pub fn set_answered(&mut self) {
        self.owed = false;
    }

    /// Marks as answered; returns whether an answer was due.
    #[inline]
    pub(crate) fn settle(&mut self) -> bool {
        std::mem::take(&mut self.owed)
    }

    pub(crate) fn unsettle(&mut self) {
        self.owed = true;
    }

    /// This message, if it is a request, as what becomes of those that are not answered.
    pub(crate) const fn orphan(&self) -> Orphan {
        Orphan {
            caller: self.raw.source,
            session: self.raw.session,
        }
    }

    #[inline]
    pub(crate) const fn is_owed(&self) -> bool {
        self.owed
    }

    #[inline]
    pub(crate) const fn is_kept(&self) -> bool {
        matches!(self.payload, Payload::Kept)
    }

    #[inline]
    pub(crate) const fn head(&self) -> Head {
        Head {
            source: Handle(self.raw.source),
            destination: Handle(self.raw.destination),
            session: self.raw.session,
            kind: self.raw.kind,
            flags: self.raw.flags,
            reason: self.raw.reason,
            value: self.raw.value,
            trace: self.raw.trace,
            deadline: self.raw.deadline,
        }
    }
}

/// # Safety
/// `data` is null or readable for `len` bytes as long as the result is used.
#[inline]
unsafe fn bytes<'a>(data: *const u8, len: usize) -> &'a [u8] {
    if data.is_null() || len == 0 {
        return &[];
    }
    // SAFETY: not null, and the caller's promise.
    unsafe { slice::from_raw_parts(data, len) }
}

impl fmt::Debug for RawMessage<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RawMessage").field(self.raw).finish()
    }
}
