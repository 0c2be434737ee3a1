//! Waiting on Linux.
//!
//! [`polling::Poller`] keeps the registrations. Its own `wait` makes five system calls (it arms a timer file and
//! clears and re-arms its notifier each time), so this waits on its epoll file directly, with one, and has a notifier
//! that needs neither reading nor re-arming.
#![allow(unsafe_code)]

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use polling::{Event, PollMode, Poller};
use socket2::{SockAddr, TcpKeepalive};

use super::{Interest, Occurrence};

/// A write to a connection that the peer has closed is an error, not a signal.
pub(in crate::socket) const SEND_FLAGS: i32 = libc::MSG_NOSIGNAL;

/// Key of the notifier. `usize::MAX` is taken by the poller itself.
const NOTIFIER: usize = usize::MAX - 1;

/// Events that one wait can bring.
const CAPACITY: usize = 1024;

/// Takes a waiting connection. It inherits the options of the listener, except that it does not block.
pub(in crate::socket) fn accept(
    listener: &socket2::Socket,
) -> io::Result<(socket2::Socket, SockAddr)> {
    listener.accept4(libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK)
}

/// Has a connection fail when its peer has acknowledged nothing for so many milliseconds; 0: the system's own times.
pub(in crate::socket) fn set_dead_after(
    connection: &socket2::Socket,
    milliseconds: u64,
) -> io::Result<()> {
    if milliseconds == 0 {
        return connection.set_tcp_user_timeout(None);
    }
    let after = Duration::from_millis(milliseconds);
    // What was sent is watched by the one, silence by the other, which counts in seconds.
    let probe = (after / 3).max(Duration::from_secs(1));
    let probes = TcpKeepalive::new()
        .with_time(probe)
        .with_interval(probe)
        .with_retries(2);
    connection.set_tcp_keepalive(&probes)?;
    connection.set_tcp_user_timeout(Some(after))
}

pub(in crate::socket) struct Selector {
    poller: Poller,
    /// An event counter, registered edge-triggered: each write makes one event, and nobody reads it.
    notifier: File,
    /// A notification has been written that no wait has returned for.
    notified: AtomicBool,
}

impl Selector {
    pub(in crate::socket) fn new() -> io::Result<Self> {
        let poller = Poller::new()?;
        // SAFETY: no memory is passed.
        let raw = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: a new descriptor that nobody else knows.
        let notifier = File::from(unsafe { OwnedFd::from_raw_fd(raw) });
        let event = Event::readable(NOTIFIER);
        // SAFETY: the notifier lives as long as the poller: both are fields of the selector.
        unsafe { poller.add_with_mode(&notifier, event, PollMode::Edge) }?;
        Ok(Self {
            poller,
            notifier,
            notified: AtomicBool::new(false),
        })
    }

    /// Registers a socket. The caller takes it out with [`delete`](Self::delete) before it closes it.
    pub(in crate::socket) fn add(
        &self,
        socket: &impl AsRawFd,
        key: usize,
        interest: Interest,
    ) -> io::Result<()> {
        // SAFETY: the descriptor is open, as the caller holds its owner; epoll itself forgets closed descriptors.
        unsafe {
            self.poller
                .add_with_mode(socket.as_raw_fd(), interest.event(key), PollMode::Level)
        }
    }

    /// Changes the key and what is wanted of a registered socket.
    pub(in crate::socket) fn modify(
        &self,
        socket: &impl AsFd,
        key: usize,
        interest: Interest,
    ) -> io::Result<()> {
        self.poller
            .modify_with_mode(socket.as_fd(), interest.event(key), PollMode::Level)
    }

    pub(in crate::socket) fn delete(&self, socket: &impl AsFd) -> io::Result<()> {
        self.poller.delete(socket.as_fd())
    }

    /// Makes a running or the next [`wait`](Self::wait) return early.
    pub(in crate::socket) fn notify(&self) {
        // Each call is a read-modify-write, so a wait that clears the flag sees everything written before any of the
        // calls that it answers.
        if !self.notified.swap(true, Ordering::SeqCst) {
            // The counter cannot overflow: that takes 2^64 notifications.
            let _ = (&self.notifier).write(&1u64.to_ne_bytes());
        }
    }

    /// Waits until something happens, somebody notifies, a signal comes or `timeout` is over.
    pub(in crate::socket) fn wait(
        &self,
        ready: &mut Ready,
        timeout: Option<Duration>,
    ) -> io::Result<()> {
        ready.list.clear();
        let epoll = self.poller.as_fd();
        let result = if self.notified.load(Ordering::SeqCst) {
            ready.fill(epoll, Some(Duration::ZERO))
        } else {
            ready.fill(epoll, timeout)
        };
        self.notified.swap(false, Ordering::SeqCst);
        match result {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            other => other,
        }
    }
}

/// What a wait brought.
pub(in crate::socket) struct Ready {
    list: Vec<libc::epoll_event>,
    /// The kernel lacks `epoll_pwait2` (it came with Linux 5.11): waits are rounded up to milliseconds.
    coarse: bool,
}

impl Ready {
    pub(in crate::socket) fn new() -> Self {
        Self {
            list: Vec::with_capacity(CAPACITY),
            coarse: false,
        }
    }

    fn fill(&mut self, epoll: BorrowedFd<'_>, timeout: Option<Duration>) -> io::Result<()> {
        let count = match timeout {
            Some(timeout) if !timeout.is_zero() && !self.coarse => {
                match self.wait_precisely(epoll, timeout) {
                    Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => {
                        self.coarse = true;
                        self.wait_coarsely(epoll, Some(timeout))
                    }
                    other => other,
                }
            }
            _ => self.wait_coarsely(epoll, timeout),
        }?;
        // SAFETY: the kernel has written `count` entries, no more than the capacity it was told.
        unsafe { self.list.set_len(count) };
        Ok(())
    }

    fn wait_coarsely(
        &mut self,
        epoll: BorrowedFd<'_>,
        timeout: Option<Duration>,
    ) -> io::Result<usize> {
        // Rounded up: never early. A wait that is longer than 24 days returns early, which the caller allows for.
        let millis = timeout.map_or(-1, |timeout| {
            i32::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(i32::MAX)
        });
        // SAFETY: the list has room for CAPACITY entries.
        let count = unsafe {
            libc::epoll_wait(
                epoll.as_raw_fd(),
                self.list.as_mut_ptr(),
                CAPACITY as i32,
                millis,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    fn wait_precisely(&mut self, epoll: BorrowedFd<'_>, timeout: Duration) -> io::Result<usize> {
        let timeout = libc::timespec {
            tv_sec: libc::time_t::try_from(timeout.as_secs()).unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: the list has room for CAPACITY entries; the time-out outlives the call; no signal mask is passed.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                epoll.as_raw_fd(),
                self.list.as_mut_ptr(),
                CAPACITY as libc::c_int,
                &raw const timeout,
                ptr::null::<libc::sigset_t>(),
                0usize,
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    pub(in crate::socket) fn iter(&self) -> impl Iterator<Item = Occurrence> + '_ {
        const FAILED: u32 = (libc::EPOLLERR | libc::EPOLLHUP) as u32;
        const READABLE: u32 = libc::EPOLLIN as u32 | FAILED;
        const WRITABLE: u32 = libc::EPOLLOUT as u32 | FAILED;
        let own = |event: &&libc::epoll_event| event.u64 < NOTIFIER as u64;
        self.list.iter().filter(own).map(|event| {
            let flags = event.events;
            Occurrence {
                key: event.u64 as usize,
                readable: flags & READABLE != 0,
                writable: flags & WRITABLE != 0,
            }
        })
    }
}
