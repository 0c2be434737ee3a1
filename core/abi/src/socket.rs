//! Sockets: events, options and the parts of a write.

use core::fmt;

/// Bytes arrived. The payload is the bytes, `value` their number.
pub const SOCKET_DATA: u32 = 1;
/// A listener is bound, a connection is made, or a socket was started. The payload is the address `ip:port`, `value`
/// the port.
pub const SOCKET_OPEN: u32 = 2;
/// The peer will send no more (exactly once per socket). What is queued for it is still sent until the owner closes.
pub const SOCKET_CLOSE: u32 = 3;
/// A listener took a connection. `value` is the new socket's id, the payload the peer's `ip:port`. The new socket
/// reads nothing until somebody calls [`Host::socket_start`](crate::Host::socket_start) with its id.
pub const SOCKET_ACCEPT: u32 = 4;
/// Something failed; the payload is a text. A connection is of no further use; a listener goes on.
pub const SOCKET_ERROR: u32 = 5;
/// A datagram arrived. The payload is `value` bytes of data followed by the sender's address: one byte (1 IPv4,
/// 2 IPv6), two bytes of port in network order, 4 or 16 bytes of address.
pub const SOCKET_UDP: u32 = 6;
/// The output queue passed a mark; `value` is its size in KiB, 0 when it has drained.
pub const SOCKET_WARNING: u32 = 7;

/// For [`Host::socket_shutdown`](crate::Host::socket_shutdown): no more reads.
pub const SOCKET_READ: u32 = 1;
/// For `socket_shutdown`: no more writes once the queue is sent.
pub const SOCKET_WRITE: u32 = 2;
/// For `socket_shutdown`: both directions.
pub const SOCKET_BOTH: u32 = 3;
/// For `socket_shutdown`: drop what is queued and reset the connection at once.
pub const SOCKET_ABORT: u32 = 4;

/// For [`Host::socket_write`](crate::Host::socket_write): after everything queued without this flag.
pub const SOCKET_LOW_PRIORITY: u32 = 1;

/// For [`Host::socket_set`](crate::Host::socket_set): 1 sends small writes at once.
pub const SOCKET_OPTION_NODELAY: u32 = 1;
/// For `socket_set`: 1 probes idle connections.
pub const SOCKET_OPTION_KEEPALIVE: u32 = 2;
/// For `socket_set`: cap of the output queue in bytes, 0 for the node's default.
pub const SOCKET_OPTION_OUTPUT_LIMIT: u32 = 3;
/// For `socket_set`: what happens at the cap, one of `SOCKET_POLICY_*`.
pub const SOCKET_OPTION_OUTPUT_POLICY: u32 = 4;
/// For `socket_set`: milliseconds after which a connection whose peer acknowledges nothing has failed, whether
/// something waits to be sent or not. 0 takes the system's own times. It does not notice a peer that is only stopped.
pub const SOCKET_OPTION_DEAD_AFTER: u32 = 5;

/// At the cap: warn, and go on queueing.
pub const SOCKET_POLICY_WARN: u64 = 0;
/// At the cap: reading from the socket stops until the queue has drained to half, so that a request-driven service
/// slows down; a write that would pass twice the cap is refused with [`STATUS_FULL`](crate::STATUS_FULL).
pub const SOCKET_POLICY_PAUSE: u64 = 1;
/// At the cap: the connection is reset and an error event tells the owner.
pub const SOCKET_POLICY_CLOSE: u64 = 2;

/// One part of a write.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SocketPart {
    /// First byte to send.
    pub data: *const u8,
    /// Bytes to send.
    pub len: usize,
    /// The start of the host buffer that `data` lies in: its ownership passes to the host if the function succeeds.
    /// Null: `data` is borrowed for the call, and copied where it cannot be sent at once.
    pub buffer: *mut u8,
}

impl fmt::Debug for SocketPart {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SocketPart({} bytes, owned: {})",
            self.len,
            !self.buffer.is_null()
        )
    }
}
