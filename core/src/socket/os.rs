//! What differs between systems: waiting for events, flags of a send, closing a connection that had no file left.
//!
//! Registration is level-triggered everywhere, through [`polling::Poller`]. A socket of which nothing is wanted is not
//! registered at all, because a hang-up is reported whether or not one asks for it and would wake the node for ever.

use std::fs::File;
use std::io;
use std::net::SocketAddr;

use self::uninit::as_uninit;

#[cfg(target_os = "linux")]
mod linux;
#[cfg(any(test, not(target_os = "linux")))]
mod other;
#[cfg(test)]
mod tests;
mod uninit;

#[cfg(target_os = "linux")]
use linux as system;
#[cfg(not(target_os = "linux"))]
use other as system;

pub(super) use system::{Ready, SEND_FLAGS, Selector, accept, set_dead_after};

// Keys carry an id and the number of a connection attempt.
const _: () = assert!(usize::BITS >= 64, "poller keys need 64 bits");

/// What is wanted of a socket.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Interest {
    pub(super) read: bool,
    pub(super) write: bool,
}

impl Interest {
    pub(super) const NONE: Self = Self {
        read: false,
        write: false,
    };
    pub(super) const READ: Self = Self {
        read: true,
        write: false,
    };
    pub(super) const WRITE: Self = Self {
        read: false,
        write: true,
    };

    fn event(self, key: usize) -> polling::Event {
        polling::Event::new(key, self.read, self.write)
    }
}

/// What happened to a registered socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Occurrence {
    /// The key it was registered with.
    pub(super) key: usize,
    /// A read would not block; it may tell of an error or the end.
    pub(super) readable: bool,
    /// A write would not block; it may tell of an error.
    pub(super) writable: bool,
}

/// A file held open only to be given up when the process has no other left, so that a connection that cannot be served
/// can still be taken and closed.
#[derive(Debug)]
pub(super) struct SpareFile(Option<File>);

impl SpareFile {
    pub(super) fn new() -> Self {
        let mut spare = Self(None);
        spare.reopen();
        spare
    }

    /// Runs `work` while the spare file is closed.
    pub(super) fn lend(&mut self, work: impl FnOnce()) {
        self.0 = None;
        work();
        self.reopen();
    }

    fn reopen(&mut self) {
        // Without a spare file refused connections wait in the backlog instead: no reason to fail.
        self.0 = File::open("/dev/null").ok();
    }
}

/// Whether the error says that the process or the system has no file or memory left for a socket.
pub(super) fn is_exhausted(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)
    )
}

/// Whether only one connection or datagram failed, and the socket itself is well.
pub(super) fn is_passing(error: &io::Error) -> bool {
    // Linux hands network errors that are pending on a new connection to `accept`.
    matches!(
        error.raw_os_error(),
        Some(
            libc::EINTR
                | libc::ECONNABORTED
                | libc::ECONNREFUSED
                | libc::ECONNRESET
                | libc::EPROTO
                | libc::ENOPROTOOPT
                | libc::ENETDOWN
                | libc::ENETUNREACH
                | libc::EHOSTDOWN
                | libc::EHOSTUNREACH
                | libc::EOPNOTSUPP
                | libc::EPERM
                | libc::ETIMEDOUT
        )
    )
}

/// Whether a connect that returned this goes on.
pub(super) fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EINPROGRESS) || error.kind() == io::ErrorKind::WouldBlock
}

/// Receives one datagram.
pub(super) fn receive_from(
    fd: &socket2::Socket,
    buffer: &mut [u8],
) -> io::Result<(usize, SocketAddr)> {
    let (count, from) = fd.recv_from(as_uninit(buffer))?;
    match from.as_socket() {
        Some(from) => Ok((count, from)),
        None => Err(io::Error::other("a datagram without an IP address")),
    }
}
