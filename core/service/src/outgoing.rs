//! Messages on their way out.
#![allow(unsafe_code)]

use std::fmt;

use skynet_abi as abi;

use crate::{Buffer, Destination, Handle, Payload, Peer, Reason, SendError, host};

/// A message with all its fields, for services that carry messages for others; see
/// [`Context::send_message`](crate::Context::send_message).
pub struct Outgoing<'a> {
    destination: Destination<'a>,
    payload: Payload<'a>,
    message: abi::Message,
}

// SAFETY: the pointers in `message` are null until the message is sent, which consumes this.
unsafe impl Send for Outgoing<'_> {}
// SAFETY: as above.
unsafe impl Sync for Outgoing<'_> {}

impl<'a> Outgoing<'a> {
    /// A message of `kind` to `destination`.
    #[inline]
    pub fn new(
        destination: impl Into<Destination<'a>>,
        kind: u32,
        payload: impl Into<Payload<'a>>,
    ) -> Self {
        let message = abi::Message {
            kind,
            ..abi::Message::EMPTY
        };
        Self {
            destination: destination.into(),
            payload: payload.into(),
            message,
        }
    }

    pub(crate) const fn destination(&self) -> Destination<'a> {
        self.destination
    }

    /// With a session of the sender's choice. It does not make a call of it.
    #[inline]
    #[must_use]
    pub fn session(mut self, session: i32) -> Self {
        self.message.session = session;
        self
    }

    /// With another source than the sender.
    #[must_use]
    pub fn source(mut self, source: Handle) -> Self {
        self.message.source = source.0;
        self.message.flags |= abi::FLAG_REDIRECTED;
        self
    }

    /// From the harbor service, an answer whose [source](Self::source) may be on another node than the one called: the
    /// request was redirected from node to node.
    #[must_use]
    pub fn foreign(mut self) -> Self {
        self.message.flags |= abi::FLAG_FOREIGN;
        self
    }

    /// As a call: `session` is that of the source, and the destination owes it the answer. To wait for an answer
    /// oneself, use [`Context::call`](crate::Context::call).
    #[must_use]
    pub fn call_flag(mut self) -> Self {
        self.message.flags |= abi::FLAG_CALL;
        self
    }

    /// With the reason of an error.
    #[must_use]
    pub fn reason(mut self, reason: Reason) -> Self {
        self.message.reason = reason.0;
        self
    }

    /// With a trace id.
    #[must_use]
    pub fn trace(mut self, trace: u64) -> Self {
        self.message.trace = trace;
        self
    }

    /// With a deadline, in nanoseconds of [`Context::now`](crate::Context::now).
    #[must_use]
    pub fn deadline(mut self, deadline: u64) -> Self {
        self.message.deadline = deadline;
        self
    }
}

impl fmt::Debug for Outgoing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outgoing")
            .field("to", &self.destination)
            .field("message", &self.message)
            .finish_non_exhaustive()
    }
}

/// Sends; returns the session.
///
/// Always a part of the caller: there it is known what the payload is, and most of this vanishes.
#[inline(always)]
pub(crate) fn deliver(context: abi::Context, outgoing: Outgoing<'_>) -> Result<i32, SendError> {
    let Outgoing {
        destination,
        payload,
        mut message,
    } = outgoing;
    match destination {
        Destination::Handle(handle) => message.destination = handle.0,
        Destination::Name(name) => {
            message.flags |= abi::FLAG_BY_NAME;
            message.name = name.as_ptr();
            message.name_len = u32::try_from(name.len()).unwrap_or(u32::MAX);
        }
    }
    let mut session = 0;
    match payload {
        Payload::Bytes(bytes) => {
            message.data = bytes.as_ptr().cast_mut();
            message.len = bytes.len();
            // SAFETY: payload and name are borrowed for the call; the node only reads them.
            let status = unsafe { host::send(context, &message, Some(&mut session)) };
            if status != abi::STATUS_OK {
                return Err(refused(destination, status, None));
            }
        }
        Payload::Buffer(buffer) => {
            let shared = give(&mut message, buffer);
            // SAFETY: the name is borrowed for the call, the buffer is given up.
            let status = unsafe { host::send(context, &message, Some(&mut session)) };
            if status != abi::STATUS_OK {
                // SAFETY: on an error the node has left the buffer with the caller.
                let buffer = unsafe { Buffer::from_raw(message.data, message.len, shared) };
                return Err(refused(destination, status, Some(buffer)));
            }
        }
    }
    Ok(session)
}

#[cold]
fn refused(destination: Destination<'_>, status: i32, buffer: Option<Buffer>) -> SendError {
    SendError {
        peer: Peer::from(destination),
        status,
        buffer,
    }
}

/// Puts a buffer into a message, to be handed over. Returns whether it is shared.
#[inline]
fn give(message: &mut abi::Message, buffer: Buffer) -> bool {
    let (data, len, shared) = buffer.into_raw();
    message.data = data;
    message.len = len;
    if !data.is_null() {
        message.flags |= abi::FLAG_OWNED;
    }
    if shared {
        message.flags |= abi::FLAG_SHARED;
    }
    shared
}

/// Sends an answer. That the caller has ended is no error: nobody waits.
#[inline(always)]
pub(crate) fn answer(context: abi::Context, outgoing: Outgoing<'_>) -> Result<(), SendError> {
    match deliver(context, outgoing) {
        Err(error) if !error.is_gone() && !error.is_node_lost() => Err(error),
        _ => Ok(()),
    }
}

/// Sends one payload to many. Returns how many mailboxes took it.
pub(crate) fn deliver_many(
    context: abi::Context,
    destinations: &[Handle],
    kind: u32,
    session: i32,
    payload: Payload<'_>,
) -> Result<usize, SendError> {
    let mut message = abi::Message {
        kind,
        session,
        ..abi::Message::EMPTY
    };
    let mut delivered = 0;
    let (status, back) = match payload {
        Payload::Bytes(bytes) => {
            message.data = bytes.as_ptr().cast_mut();
            message.len = bytes.len();
            // SAFETY: the payload is borrowed for the call; the node only reads it.
            let status =
                unsafe { host::send_many(context, &message, destinations, &mut delivered) };
            (status, None)
        }
        Payload::Buffer(buffer) => {
            let shared = give(&mut message, buffer);
            // SAFETY: the buffer is given up.
            let status =
                unsafe { host::send_many(context, &message, destinations, &mut delivered) };
            if status == abi::STATUS_OK {
                (status, None)
            } else {
                // SAFETY: on an error the node has left the buffer with the caller.
                let buffer = unsafe { Buffer::from_raw(message.data, message.len, shared) };
                (status, Some(buffer))
            }
        }
    };
    if status == abi::STATUS_OK {
        return Ok(delivered);
    }
    let peer = Peer {
        name: Some(format!("{} services", destinations.len()).into()),
        handle: None,
    };
    Err(SendError {
        peer,
        status,
        buffer: back,
    })
}
