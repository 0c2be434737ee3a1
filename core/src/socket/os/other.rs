//! Waiting on systems other than Linux: [`polling::Poller`] as it is.
#![allow(unsafe_code)]

use std::io;
use std::time::Duration;

use polling::{AsSource, Events, PollMode, Poller};
use socket2::SockAddr;

use super::{Interest, Occurrence};

/// Rust's runtime ignores the signal that a write to a closed connection raises.
#[cfg_attr(
    target_os = "linux",
    expect(dead_code, reason = "compiled there only for its test")
)]
pub(in crate::socket) const SEND_FLAGS: i32 = 0;

/// Takes a waiting connection and gives it the options of the listener.
#[cfg_attr(
    target_os = "linux",
    expect(dead_code, reason = "compiled there only for its test")
)]
pub(in crate::socket) fn accept(
    listener: &socket2::Socket,
) -> io::Result<(socket2::Socket, SockAddr)> {
    let (connection, peer) = listener.accept()?;
    connection.set_nonblocking(true)?;
    connection.set_keepalive(listener.keepalive()?)?;
    connection.set_tcp_nodelay(listener.tcp_nodelay()?)?;
    Ok((connection, peer))
}

/// Has silence of the peer noticed after about so many milliseconds; 0: after the system's own times.
pub(in crate::socket) fn set_dead_after(
    connection: &socket2::Socket,
    milliseconds: u64,
) -> io::Result<()> {
    if milliseconds == 0 {
        return Ok(());
    }
    let probe = Duration::from_millis(milliseconds / 3).max(Duration::from_secs(1));
    connection.set_tcp_keepalive(&socket2::TcpKeepalive::new().with_time(probe))
}

pub(in crate::socket) struct Selector {
    poller: Poller,
}

impl Selector {
    pub(in crate::socket) fn new() -> io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
        })
    }

    /// Registers a socket. The caller takes it out with [`delete`](Self::delete) before it closes it.
    pub(in crate::socket) fn add(
        &self,
        socket: &impl AsSource,
        key: usize,
        interest: Interest,
    ) -> io::Result<()> {
        // SAFETY: the descriptor is open, as the caller holds its owner, who deletes it before closing.
        unsafe {
            self.poller
                .add_with_mode(&socket.source(), interest.event(key), PollMode::Level)
        }
    }

    /// Changes the key and what is wanted of a registered socket.
    pub(in crate::socket) fn modify(
        &self,
        socket: &impl AsSource,
        key: usize,
        interest: Interest,
    ) -> io::Result<()> {
        self.poller
            .modify_with_mode(socket, interest.event(key), PollMode::Level)
    }

    pub(in crate::socket) fn delete(&self, socket: &impl AsSource) -> io::Result<()> {
        self.poller.delete(socket)
    }

    /// Makes a running or the next [`wait`](Self::wait) return early.
    pub(in crate::socket) fn notify(&self) {
        // It fails only if the poller's own descriptor is broken, which the wait then reports.
        let _ = self.poller.notify();
    }

    /// Waits until something happens, somebody notifies or `timeout` is over.
    pub(in crate::socket) fn wait(
        &self,
        ready: &mut Ready,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        ready.events.clear();
        self.poller.wait(&mut ready.events, timeout).map(drop)
    }
}

/// What a wait brought.
pub(in crate::socket) struct Ready {
    events: Events,
}

impl Ready {
    pub(in crate::socket) fn new() -> Self {
        Self {
            events: Events::new(),
        }
    }

    pub(in crate::socket) fn iter(&self) -> impl Iterator<Item = Occurrence> + '_ {
        self.events.iter().map(|event| Occurrence {
            key: event.key,
            readable: event.readable,
            writable: event.writable,
        })
    }
}
