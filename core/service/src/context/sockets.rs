//! The raw layer of sockets, for services that forward at line rate. Events arrive as `KIND_SOCKET` messages; see
//! [`RawMessage::socket_event`](crate::RawMessage::socket_event) and [`Service::on_socket`](crate::Service::on_socket).
#![allow(unsafe_code)]

use std::net::SocketAddr;
use std::time::Duration;

use skynet_abi as abi;
use skynet_abi::SocketPart;

use crate::socket::{OutputPolicy, SocketError, SocketId};
use crate::{Buffer, Context, Payload, host};

/// The most parts of one [`Context::socket_write_parts`].
pub(crate) const MAX_PARTS: usize = 8;

impl Context {
    /// Listens on `host:port`. An `Open` or `Error` event follows; [`socket_start`](Self::socket_start) takes
    /// connections. `backlog` 0 takes the default. *Any thread*, as all of these.
    ///
    /// # Errors
    /// The node refuses.
    pub fn socket_listen(&self, address: &str, backlog: u32) -> Result<SocketId, SocketError> {
        host::socket_listen(self.token(), address, backlog)
            .map(SocketId)
            .map_err(|status| SocketError::host(format!("listen on {address}"), status))
    }

    /// Connects to `host:port` within `timeout` (zero for the default). An `Open` or `Error` event follows.
    ///
    /// # Errors
    /// The node refuses.
    pub fn socket_connect(
        &self,
        address: &str,
        timeout: Duration,
    ) -> Result<SocketId, SocketError> {
        let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        host::socket_connect(self.token(), address, timeout)
            .map(SocketId)
            .map_err(|status| SocketError::host(format!("connect to {address}"), status))
    }

    /// Makes this service the owner, and starts or resumes reading or taking connections.
    ///
    /// # Errors
    /// There is no such socket (any more).
    pub fn socket_start(&self, socket: SocketId) -> Result<(), SocketError> {
        check("start", socket, host::socket_start(self.token(), socket.0))
    }

    /// Stops reading or taking connections.
    ///
    /// # Errors
    /// There is no such socket (any more).
    pub fn socket_pause(&self, socket: SocketId) -> Result<(), SocketError> {
        check("pause", socket, host::socket_pause(self.token(), socket.0))
    }

    /// Queues bytes, or a buffer without a copy.
    ///
    /// # Errors
    /// There is no such socket, it takes no more, or its queue is full.
    pub fn socket_write<'a>(
        &self,
        socket: SocketId,
        payload: impl Into<Payload<'a>>,
    ) -> Result<(), SocketError> {
        self.write_payload(socket, payload.into(), 0)
            .map_err(|(status, _)| refused("write to", socket, status))
    }

    /// As [`socket_write`](Self::socket_write), after everything that was queued with it.
    ///
    /// # Errors
    /// As there.
    pub fn socket_write_low<'a>(
        &self,
        socket: SocketId,
        payload: impl Into<Payload<'a>>,
    ) -> Result<(), SocketError> {
        self.write_payload(socket, payload.into(), abi::SOCKET_LOW_PRIORITY)
            .map_err(|(status, _)| refused("write to", socket, status))
    }

    /// Queues `head` and then `body` as one write that no other tears apart: a frame's length and its packet. The body
    /// is not copied if it is a buffer, of which the bytes from `skip` on count.
    ///
    /// # Errors
    /// As [`socket_write`](Self::socket_write); a buffer is freed.
    pub fn socket_write_parts(
        &self,
        socket: SocketId,
        head: &[u8],
        body: Buffer,
        skip: usize,
    ) -> Result<(), SocketError> {
        let skip = skip.min(body.len());
        let (data, len, shared) = body.into_raw();
        let parts = [
            borrowed(head),
            SocketPart {
                // In bounds: `skip` is at most `len`. Wrapping, because there may be no buffer at all.
                data: data.wrapping_add(skip),
                len: len - skip,
                buffer: data,
            },
        ];
        // SAFETY: the head is borrowed for the call, the body is given up.
        let status = unsafe { host::socket_write(self.token(), socket.0, &parts, 0) };
        if status != abi::STATUS_OK {
            // SAFETY: on an error the node has left the buffer with the caller.
            drop(unsafe { Buffer::from_raw(data, len, shared) });
        }
        check("write to", socket, status)
    }

    /// Queues several borrowed parts as one write that no other tears apart.
    ///
    /// # Errors
    /// As [`socket_write`](Self::socket_write).
    ///
    /// # Panics
    /// With more than 8 parts.
    pub fn socket_write_slices(
        &self,
        socket: SocketId,
        slices: &[&[u8]],
    ) -> Result<(), SocketError> {
        assert!(slices.len() <= MAX_PARTS, "at most 8 parts");
        let mut parts = [borrowed(&[]); MAX_PARTS];
        for (part, slice) in parts.iter_mut().zip(slices) {
            *part = borrowed(slice);
        }
        // SAFETY: the slices are borrowed for the call.
        let status =
            unsafe { host::socket_write(self.token(), socket.0, &parts[..slices.len()], 0) };
        check("write to", socket, status)
    }

    /// Writes; on an error the payload comes back.
    pub(crate) fn write_payload<'a>(
        &self,
        socket: SocketId,
        payload: Payload<'a>,
        priority: u32,
    ) -> Result<(), (i32, Payload<'a>)> {
        match payload {
            Payload::Bytes(bytes) => {
                // SAFETY: the bytes are borrowed for the call.
                let status = unsafe {
                    host::socket_write(self.token(), socket.0, &[borrowed(&bytes)], priority)
                };
                host::ok(status).map_err(|status| (status, Payload::Bytes(bytes)))
            }
            Payload::Buffer(buffer) => {
                let (data, len, shared) = buffer.into_raw();
                let part = SocketPart {
                    data,
                    len,
                    buffer: data,
                };
                // SAFETY: the buffer is given up.
                let status =
                    unsafe { host::socket_write(self.token(), socket.0, &[part], priority) };
                host::ok(status).map_err(|status| {
                    // SAFETY: on an error the node has left the buffer with the caller.
                    let buffer = unsafe { Buffer::from_raw(data, len, shared) };
                    (status, Payload::Buffer(buffer))
                })
            }
        }
    }

    /// Closes, after what is queued was sent, for at most `linger` (zero for the default).
    ///
    /// # Errors
    /// There is no such socket (any more).
    pub fn socket_close(&self, socket: SocketId, linger: Duration) -> Result<(), SocketError> {
        let linger = u64::try_from(linger.as_millis()).unwrap_or(u64::MAX);
        check(
            "close",
            socket,
            host::socket_close(self.token(), socket.0, linger),
        )
    }

    /// Shuts down: one of `SOCKET_READ`, `SOCKET_WRITE`, `SOCKET_BOTH`, `SOCKET_ABORT` of the ABI.
    ///
    /// # Errors
    /// There is no such socket (any more).
    pub fn socket_shutdown(&self, socket: SocketId, direction: u32) -> Result<(), SocketError> {
        check(
            "shut down",
            socket,
            host::socket_shutdown(self.token(), socket.0, direction),
        )
    }

    /// Changes a setting: one of `SOCKET_OPTION_*` of the ABI.
    ///
    /// # Errors
    /// There is no such socket (any more), or no such setting.
    pub fn socket_set(&self, socket: SocketId, option: u32, value: u64) -> Result<(), SocketError> {
        check(
            "change a setting of",
            socket,
            host::socket_set(self.token(), socket.0, option, value),
        )
    }

    /// Bounds the output queue of a socket in bytes (0 for the default), and says what happens at the bound.
    ///
    /// # Errors
    /// There is no such socket (any more).
    pub fn socket_output_limit(
        &self,
        socket: SocketId,
        bytes: u64,
        policy: OutputPolicy,
    ) -> Result<(), SocketError> {
        self.socket_set(socket, abi::SOCKET_OPTION_OUTPUT_LIMIT, bytes)?;
        self.socket_set(socket, abi::SOCKET_OPTION_OUTPUT_POLICY, policy.number())
    }

    /// Opens a UDP socket: bound to `address`, or unbound when it is empty. An `Open` or `Error` event follows.
    ///
    /// # Errors
    /// The node refuses.
    pub fn socket_udp(&self, address: &str) -> Result<SocketId, SocketError> {
        host::socket_udp(self.token(), address)
            .map(SocketId)
            .map_err(|status| {
                SocketError::host(format!("open a UDP socket on \"{address}\""), status)
            })
    }

    /// Sets where datagrams without an address go.
    ///
    /// # Errors
    /// The address is not one.
    pub fn socket_udp_connect(&self, socket: SocketId, address: &str) -> Result<(), SocketError> {
        check(
            "connect",
            socket,
            host::socket_udp_connect(self.token(), socket.0, address),
        )
    }

    /// Sends one datagram; without an address to where the socket is connected to.
    ///
    /// # Errors
    /// The datagram is too large, or there is no address.
    pub fn socket_send_to(
        &self,
        socket: SocketId,
        address: Option<SocketAddr>,
        data: &[u8],
    ) -> Result<(), SocketError> {
        let (bytes, len) = address.map_or(([0; 19], 0), crate::socket::encode_address);
        check(
            "send a datagram from",
            socket,
            host::socket_send_to(self.token(), socket.0, &bytes[..len], data),
        )
    }
}

fn borrowed(bytes: &[u8]) -> SocketPart {
    SocketPart {
        data: bytes.as_ptr(),
        len: bytes.len(),
        buffer: std::ptr::null_mut(),
    }
}

fn check(what: &str, socket: SocketId, status: i32) -> Result<(), SocketError> {
    host::ok(status).map_err(|status| refused(what, socket, status))
}

fn refused(what: &str, socket: SocketId, status: i32) -> SocketError {
    SocketError::host(format!("{what} socket {socket}"), status)
}
