//! Waiting for events and handling them.

use std::io;
use std::sync::{Arc, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use super::entry::{Kind, Phase, Socket};
use super::os::{Occurrence, Ready, SpareFile};
use super::{Sockets, later};

/// Each datagram must fit.
const MIN_READ: usize = 64 << 10;

/// Bytes that one poll moves before the thread may look after other things. What is left over comes next time, before
/// anything new, so that the order in which the kernel reports sockets favours none.
const BUDGET: usize = 1 << 20;

/// What [`Sockets::poll`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use]
pub(crate) enum Polled {
    /// Another thread polls.
    Busy,
    /// So many events and deadlines were handled; 0 when only the time was over or somebody notified.
    Done(usize),
}

/// What only the thread that polls uses.
pub(super) struct Driver {
    ready: Ready,
    /// What the last wait brought and is not handled yet, last first.
    pending: Vec<Occurrence>,
    buffer: Box<[u8]>,
    spare: SpareFile,
    due: Vec<i32>,
}

impl Driver {
    pub(super) fn new(read_size: usize) -> Self {
        Self {
            ready: Ready::new(),
            pending: Vec::new(),
            buffer: vec![0; read_size.max(MIN_READ)].into_boxed_slice(),
            spare: SpareFile::new(),
            due: Vec::new(),
        }
    }
}

impl Sockets {
    /// Waits at most `timeout` (`None`: for ever) until something happens, and handles it: up to 1,024 events, one read
    /// for each, or about a megabyte; the next call goes on with what is left, without waiting. Returns early for
    /// [`notify`](Self::notify), for signals and for nothing.
    ///
    /// # Errors
    /// Only when the poller itself is broken.
    pub(crate) fn poll(&self, timeout: Option<Duration>) -> io::Result<Polled> {
        let mut driver = match self.driver.try_lock() {
            Ok(driver) => driver,
            Err(TryLockError::WouldBlock) => return Ok(Polled::Busy),
            // A sink panicked; the buffers are as good as before.
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
        };
        let Driver {
            ready,
            pending,
            buffer,
            spare,
            due,
        } = &mut *driver;
        let start = Instant::now();
        // With work left over, only deadlines are looked at.
        let timeout = if pending.is_empty() {
            timeout
        } else {
            Some(Duration::ZERO)
        };
        let until = self
            .deadlines
            .sleep(timeout.map(|timeout| later(start, timeout)));
        let mut now = start;
        let mut waited = Ok(());
        if pending.is_empty() {
            let timeout = until.map(|until| until.saturating_duration_since(start));
            waited = self.selector.wait(ready, timeout);
            now = Instant::now();
            pending.extend(ready.iter());
            pending.reverse();
        }
        self.deadlines.wake(now, due);
        waited?;
        let mut count = due.len();
        let mut moved = 0;
        while moved < BUDGET {
            let Some(occurrence) = pending.pop() else {
                break;
            };
            count += 1;
            moved += self.handle(occurrence, buffer, spare, now);
        }
        for id in due.drain(..) {
            if let Some(socket) = self.table.get(id) {
                self.expire(&socket, now);
            }
        }
        Ok(Polled::Done(count))
    }

    /// Makes a running or the next [`poll`](Self::poll) return early.
    pub(crate) fn notify(&self) {
        self.selector.notify();
    }

    /// Returns how many bytes that moved.
    fn handle(
        &self,
        occurrence: Occurrence,
        buffer: &mut [u8],
        spare: &mut SpareFile,
        now: Instant,
    ) -> usize {
        let Occurrence {
            key,
            readable,
            writable,
        } = occurrence;
        // An event may have been fetched for a socket that is gone: its id is not used again so soon.
        let id = (key & i32::MAX as usize) as i32;
        let Some(socket) = self.table.get(id) else {
            return 0;
        };
        let attempt = key >> 32;
        if attempt > 0 {
            self.attempt_ready(&socket, attempt);
            return 0;
        }
        let mut moved = 0;
        match socket.kind {
            Kind::Listener => self.accept(&socket, spare, now),
            Kind::Stream => {
                if writable {
                    moved += self.flush(&socket);
                }
                if readable {
                    moved += self.read(&socket, buffer, now);
                }
            }
            Kind::Datagram => {
                if writable {
                    moved += self.flush_datagrams(&socket);
                }
                if readable {
                    moved += self.receive(&socket, buffer, now);
                }
            }
        }
        moved
    }

    /// A deadline has passed.
    fn expire(&self, socket: &Arc<Socket>, now: Instant) {
        let mut output = socket.output();
        let mut input = socket.input();
        // It may have been changed since it was taken out; the new one is still to come.
        if input.deadline.is_none_or(|deadline| deadline > now) {
            return;
        }
        input.deadline = None;
        match input.phase {
            Phase::Opening => self.connect_expired(socket, &mut output, &mut input, now),
            // A listener's pause is over.
            Phase::Open => {
                input.throttled = false;
                self.update_interest(socket, &mut input);
            }
            Phase::Flushing => {
                if let Some(fd) = &input.fd {
                    // The peer is to learn that something is missing.
                    let _ = fd.set_linger(Some(Duration::ZERO));
                }
                self.release(socket, &mut output, &mut input);
            }
            Phase::Draining => self.release(socket, &mut output, &mut input),
            Phase::Failed | Phase::Closed => {}
        }
        drop(output);
        self.settle(socket, input);
    }
}
