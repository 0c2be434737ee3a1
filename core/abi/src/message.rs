//! Messages: kinds, flags, reasons and the struct that crosses.

use core::fmt;

/// Kinds 0 to 255 travel on the wire between nodes; their numbers are Skynet's.
pub const KIND_TEXT: u32 = 0;
/// The answer to a call or to `TIMEOUT`.
pub const KIND_RESPONSE: u32 = 1;
/// A published message; its session is the channel.
pub const KIND_MULTICAST: u32 = 2;
/// A packet of an outside client; its session is the socket id.
pub const KIND_CLIENT: u32 = 3;
/// Control messages of the node. Cannot be sent to another node.
pub const KIND_SYSTEM: u32 = 4;
/// Control messages of the harbor service. Cannot be sent to another node.
pub const KIND_HARBOR: u32 = 5;
/// Skynet's number for socket events. Ours are host-only: [`KIND_SOCKET`].
pub const KIND_SOCKET_WIRE: u32 = 6;
/// A call failed: `session` is the call's, `reason` says why, the payload may hold a text.
pub const KIND_ERROR: u32 = 7;
/// Skynet's message queues.
pub const KIND_QUEUE: u32 = 8;
/// Skynet's debug protocol.
pub const KIND_DEBUG: u32 = 9;
/// Values in the `skynet.pack` encoding: the protocol most services speak.
pub const KIND_LUA: u32 = 10;
/// Skynet's snax services.
pub const KIND_SNAX: u32 = 11;
/// The tag of the next request of the same source.
pub const KIND_TRACE: u32 = 12;

/// Host-only: a watched service has ended. `source` is its handle, `reason` why, the payload may hold a text.
pub const KIND_EXIT: u32 = 256;
/// Host-only: a timer fired. `value` is what [`Host::timer_set`](crate::Host::timer_set) was given.
pub const KIND_TIMER: u32 = 257;
/// Host-only: [`Host::wake`](crate::Host::wake) was called. `value` is what it was given.
pub const KIND_WAKE: u32 = 258;
/// Host-only: an event of a socket. `session` is the socket id, `reason` one of `SOCKET_*`, `value` the event's number.
pub const KIND_SOCKET: u32 = 259;

/// The sender waits for exactly one reply with this session. Sent with `session` 0, the host allocates one.
pub const FLAG_CALL: u32 = 1;
/// Answers the call `session` of `destination`. Set by the host itself on kinds [`KIND_RESPONSE`] and [`KIND_ERROR`].
pub const FLAG_REPLY: u32 = 2;
/// The payload is read-only and counted: several mailboxes may hold it.
pub const FLAG_SHARED: u32 = 4;
/// The destination is `name`: `.local`, `:hex`, or a global name that the harbor service resolves.
pub const FLAG_BY_NAME: u32 = 8;
/// `source` is not the sender. With [`FLAG_CALL`] the debt of answering passes to the destination.
pub const FLAG_REDIRECTED: u32 = 16;
/// Sending only: `data` is a host buffer whose ownership passes to the host if the function succeeds.
pub const FLAG_OWNED: u32 = 32;
/// With [`FLAG_REDIRECTED`] on a reply: it answers a request that was redirected from node to node, so that its source
/// need not be on the node that was called. From the harbor service only; of others it means nothing.
pub const FLAG_FOREIGN: u32 = 64;

/// No reason given.
pub const REASON_NONE: u32 = 0;
/// The handler failed; the payload is its text.
pub const REASON_FAILED: u32 = 1;
/// The handler panicked.
pub const REASON_PANICKED: u32 = 2;
/// The callee ended before it answered.
pub const REASON_DEAD: u32 = 3;
/// The callee was killed before it answered.
pub const REASON_KILLED: u32 = 4;
/// There is no such service or name.
pub const REASON_UNKNOWN: u32 = 5;
/// The callee or the node refused the request; the payload may say why.
pub const REASON_REFUSED: u32 = 6;
/// The deadline passed.
pub const REASON_TIMED_OUT: u32 = 7;
/// The node of the callee was lost.
pub const REASON_NODE_LOST: u32 = 8;
/// The callee dropped the request without an answer.
pub const REASON_DROPPED: u32 = 9;
/// The message is larger than what can be sent.
pub const REASON_TOO_LARGE: u32 = 10;
/// The callee has no handler for messages of this kind.
pub const REASON_UNSUPPORTED: u32 = 11;

/// What a reason means, for error texts.
#[must_use]
pub const fn reason_text(reason: u32) -> &'static str {
    match reason {
        REASON_NONE => "no reason given",
        REASON_FAILED => "the handler failed",
        REASON_PANICKED => "the handler panicked",
        REASON_DEAD => "the service ended before it answered",
        REASON_KILLED => "the service was killed before it answered",
        REASON_UNKNOWN => "no such service",
        REASON_REFUSED => "refused",
        REASON_TIMED_OUT => "timed out",
        REASON_NODE_LOST => "the node was lost",
        REASON_DROPPED => "the request was dropped without an answer",
        REASON_TOO_LARGE => "the message is too large",
        REASON_UNSUPPORTED => "the service does not handle messages of this kind",
        _ => "unknown reason",
    }
}

/// Bytes of a global name on the wire, zero padded.
pub const NAME_SIZE: usize = 16;
/// The most bytes of a payload that can go to another node. Larger ones are refused with
/// [`STATUS_TOO_LARGE`](crate::STATUS_TOO_LARGE).
pub const REMOTE_PAYLOAD: usize = 0x00ff_ffff - 12;

/// One message, as it is sent and as it is delivered.
///
/// **Delivered**: `data` is borrowed for the call. A `deliver` that returns [`DELIVER_KEEP`](crate::DELIVER_KEEP) owns
/// the buffer behind `data` and may change it (unless [`FLAG_SHARED`]), send it on with [`FLAG_OWNED`] or free it, from
/// inside the call on. The struct itself is valid for the call only.
///
/// **Sent**: fields that a sender need not know are 0. `source` is ignored unless [`FLAG_REDIRECTED`]. With
/// [`FLAG_OWNED`] `data` must be the start of a host buffer; the host owns it once the function has succeeded, and the
/// sender still owns it if the function failed. Otherwise `len` bytes are copied.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Message {
    /// The payload: 16-byte aligned, a hidden 0 byte behind it. May be null when `len` is 0 and nothing is owned.
    pub data: *mut u8,
    /// Length of the payload in bytes.
    pub len: usize,
    /// The name, when [`FLAG_BY_NAME`]; not terminated.
    pub name: *const u8,
    /// Length of `name` in bytes.
    pub name_len: u32,
    /// Who sent it, or on whose behalf.
    pub source: u32,
    /// Who gets it. A service sees its own handle; only the harbor service sees handles of other nodes.
    pub destination: u32,
    /// Pairs a reply with its call; for other kinds a number of the sender's choice.
    pub session: i32,
    /// One of `KIND_*`, or a user's own number in 13..=255.
    pub kind: u32,
    /// Any of `FLAG_*`.
    pub flags: u32,
    /// Of an error: one of `REASON_*`. Of a socket event: one of `SOCKET_*`.
    pub reason: u32,
    /// 0.
    pub reserved: u32,
    /// The number that a host-only kind carries.
    pub value: u64,
    /// Follows a request through services; 0 when not traced. Carried, never interpreted.
    pub trace: u64,
    /// Of a call: when it fails with [`REASON_TIMED_OUT`], in nanoseconds of [`Host::now`](crate::Host::now); 0 for
    /// the node's default. The receiver sees it and may give up early.
    pub deadline: u64,
}

impl Message {
    /// A message of nothing, to fill in.
    pub const EMPTY: Message = Message {
        data: core::ptr::null_mut(),
        len: 0,
        name: core::ptr::null(),
        name_len: 0,
        source: 0,
        destination: 0,
        session: 0,
        kind: KIND_TEXT,
        flags: 0,
        reason: REASON_NONE,
        reserved: 0,
        value: 0,
        trace: 0,
        deadline: 0,
    };
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("kind", &self.kind)
            .field("source", &format_args!(":{:08x}", self.source))
            .field("destination", &format_args!(":{:08x}", self.destination))
            .field("session", &self.session)
            .field("flags", &self.flags)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
