//! What a service knows of its sockets between their events.

use std::collections::{HashSet, VecDeque};
use std::hash::BuildHasherDefault;
use std::net::SocketAddr;
use std::task::{Poll, Waker};

use skynet_abi as abi;

use crate::call::{CountedHasher, CountedMap};
use crate::message::Head;
use crate::socket::SocketError;
use crate::socket::event::datagram;
use crate::{Buffer, host};

/// Reading pauses when more than this is unread, in bytes.
pub(crate) const HIGH_MARK: usize = 128 * 1024;
/// Reading resumes when less than this is unread, in bytes.
const LOW_MARK: usize = 64 * 1024;
/// A listener pauses when this many connections wait to be accepted.
const WAITING_CONNECTIONS: usize = 1024;
/// Datagrams are dropped when more than this is unread, in bytes.
const DATAGRAM_MARK: usize = 1024 * 1024;

/// Whom to wake, outside the borrow.
#[derive(Default)]
#[must_use]
pub(crate) struct Wakers {
    first: Option<Waker>,
    more: Vec<Waker>,
}

impl Wakers {
    pub(crate) fn wake(self) {
        if let Some(waker) = self.first {
            waker.wake();
        }
        for waker in self.more {
            waker.wake();
        }
    }
}

/// One socket.
#[derive(Default)]
pub(crate) struct Socket {
    /// The address once it is open.
    open: Option<Box<str>>,
    failure: Option<Box<str>>,
    /// The peer sends no more.
    ended: bool,
    chunks: VecDeque<Buffer>,
    /// Bytes of the first chunk that were read.
    taken: usize,
    unread: usize,
    /// Bytes known to hold no line end.
    scanned: usize,
    paused: bool,
    accepted: VecDeque<(i32, Box<str>)>,
    datagrams: VecDeque<(Buffer, SocketAddr)>,
    /// The output queue passed a mark and has not drained.
    pub(crate) congested: bool,
    reader: Option<Waker>,
    writers: Vec<Waker>,
}

/// The sockets of a service.
#[derive(Default)]
pub(crate) struct Sockets {
    open: CountedMap<i32, Socket>,
    /// Closed here; their last event is still to come.
    closing: HashSet<i32, BuildHasherDefault<CountedHasher>>,
}

impl Sockets {
    pub(crate) fn add(&mut self, id: i32) {
        self.open.entry(id).or_default();
    }

    pub(crate) fn get(&mut self, id: i32) -> Option<&mut Socket> {
        self.open.get_mut(&id)
    }

    /// Forgets a socket that is about to be closed.
    pub(crate) fn remove(&mut self, id: i32) -> Option<Socket> {
        let socket = self.open.remove(&id)?;
        if !socket.ended && socket.failure.is_none() {
            self.closing.insert(id);
        }
        Some(socket)
    }

    /// Forgets a socket that goes to another service.
    pub(crate) fn detach(&mut self, id: i32) -> Option<Socket> {
        self.open.remove(&id)
    }

    /// Takes in an event. The payload comes back if the socket is none of these.
    pub(crate) fn event(
        &mut self,
        context: abi::Context,
        head: &Head,
        payload: Buffer,
    ) -> Result<Wakers, Buffer> {
        let id = head.session;
        let Some(socket) = self.open.get_mut(&id) else {
            if self.closing.contains(&id) {
                if matches!(head.reason, abi::SOCKET_CLOSE | abi::SOCKET_ERROR) {
                    self.closing.remove(&id);
                }
                return Ok(Wakers::default());
            }
            return Err(payload);
        };
        Ok(socket.event(context, head, payload))
    }
}

impl Socket {
    fn event(&mut self, context: abi::Context, head: &Head, payload: Buffer) -> Wakers {
        match head.reason {
            abi::SOCKET_DATA => self.data(context, head.session, payload),
            abi::SOCKET_OPEN => {
                if self.open.is_none() {
                    self.open = Some(String::from_utf8_lossy(&payload).into());
                }
                self.wake_reader()
            }
            abi::SOCKET_CLOSE => {
                self.ended = true;
                self.wake_all()
            }
            abi::SOCKET_ERROR => {
                self.failure = Some(String::from_utf8_lossy(&payload).into());
                self.wake_all()
            }
            abi::SOCKET_ACCEPT => {
                let peer = String::from_utf8_lossy(&payload).into();
                let id = i32::try_from(head.value).unwrap_or(0);
                self.accepted.push_back((id, peer));
                if self.accepted.len() >= WAITING_CONNECTIONS && !self.paused {
                    self.paused = true;
                    host::socket_pause(context, head.session);
                }
                self.wake_reader()
            }
            abi::SOCKET_UDP => {
                if let Some((data, from)) = datagram(&payload, head.value) {
                    let len = data.len();
                    if self.unread + len <= DATAGRAM_MARK {
                        let mut payload = payload;
                        payload.truncate(len);
                        self.unread += len;
                        self.datagrams.push_back((payload, from));
                    }
                }
                self.wake_reader()
            }
            abi::SOCKET_WARNING => {
                self.congested = head.value != 0;
                Wakers {
                    first: None,
                    more: if self.congested {
                        Vec::new()
                    } else {
                        std::mem::take(&mut self.writers)
                    },
                }
            }
            _ => Wakers::default(),
        }
    }

    fn data(&mut self, context: abi::Context, id: i32, payload: Buffer) -> Wakers {
        if !payload.is_empty() {
            self.unread += payload.len();
            self.chunks.push_back(payload);
        }
        if self.unread > HIGH_MARK && !self.paused {
            self.paused = true;
            host::socket_pause(context, id);
        }
        self.wake_reader()
    }

    fn wake_reader(&mut self) -> Wakers {
        Wakers {
            first: self.reader.take(),
            more: Vec::new(),
        }
    }

    fn wake_all(&mut self) -> Wakers {
        Wakers {
            first: self.reader.take(),
            more: std::mem::take(&mut self.writers),
        }
    }

    pub(crate) fn into_wakers(mut self) -> Wakers {
        self.wake_all()
    }

    fn failed(&self) -> Option<SocketError> {
        self.failure
            .clone()
            .map(|text| SocketError::Failed { text })
    }

    pub(crate) fn poll_open(&mut self, waker: &Waker) -> Poll<Result<Box<str>, SocketError>> {
        if let Some(error) = self.failed() {
            return Poll::Ready(Err(error));
        }
        match &self.open {
            Some(address) => Poll::Ready(Ok(address.clone())),
            None if self.ended => Poll::Ready(Err(SocketError::Closed)),
            None => {
                self.reader = Some(waker.clone());
                Poll::Pending
            }
        }
    }

    /// Ready when there are more than `seen` bytes to read (true) or nothing will come (false).
    pub(crate) fn poll_more(
        &mut self,
        seen: usize,
        waker: &Waker,
    ) -> Poll<Result<bool, SocketError>> {
        if self.unread > seen {
            return Poll::Ready(Ok(true));
        }
        if let Some(error) = self.failed() {
            return Poll::Ready(Err(error));
        }
        if self.ended {
            return Poll::Ready(Ok(false));
        }
        self.reader = Some(waker.clone());
        Poll::Pending
    }

    /// Ready when output may be queued.
    pub(crate) fn poll_writable(&mut self, waker: &Waker) -> Poll<Result<(), SocketError>> {
        if let Some(error) = self.failed() {
            return Poll::Ready(Err(error));
        }
        if !self.congested {
            return Poll::Ready(Ok(()));
        }
        if !self.writers.iter().any(|known| known.will_wake(waker)) {
            self.writers.push(waker.clone());
        }
        Poll::Pending
    }

    /// The next connection of a listener. One error of a listener is told once; it goes on.
    pub(crate) fn poll_accept(
        &mut self,
        context: abi::Context,
        id: i32,
        waker: &Waker,
    ) -> Poll<Result<(i32, Box<str>), SocketError>> {
        if let Some(connection) = self.accepted.pop_front() {
            if self.paused && self.accepted.len() <= WAITING_CONNECTIONS / 2 {
                self.paused = false;
                host::socket_start(context, id);
            }
            return Poll::Ready(Ok(connection));
        }
        if let Some(text) = self.failure.take() {
            return Poll::Ready(Err(SocketError::Failed { text }));
        }
        if self.ended {
            return Poll::Ready(Err(SocketError::Closed));
        }
        self.reader = Some(waker.clone());
        Poll::Pending
    }

    pub(crate) fn poll_datagram(
        &mut self,
        waker: &Waker,
    ) -> Poll<Result<(Buffer, SocketAddr), SocketError>> {
        if let Some((data, from)) = self.datagrams.pop_front() {
            self.unread -= data.len();
            return Poll::Ready(Ok((data, from)));
        }
        if let Some(text) = self.failure.take() {
            return Poll::Ready(Err(SocketError::Failed { text }));
        }
        if self.ended {
            return Poll::Ready(Err(SocketError::Closed));
        }
        self.reader = Some(waker.clone());
        Poll::Pending
    }

    /// Bytes to read at once.
    pub(crate) const fn unread(&self) -> usize {
        self.unread
    }

    /// Whether the peer will send no more.
    pub(crate) const fn is_ended(&self) -> bool {
        self.ended
    }

    /// Copies what is there; returns how much.
    pub(crate) fn take(&mut self, context: abi::Context, id: i32, into: &mut [u8]) -> usize {
        let mut done = 0;
        while done < into.len() {
            let Some(chunk) = self.chunks.front() else {
                break;
            };
            let rest = &chunk[self.taken..];
            let count = rest.len().min(into.len() - done);
            into[done..done + count].copy_from_slice(&rest[..count]);
            done += count;
            self.taken += count;
            if self.taken == chunk.len() {
                self.chunks.pop_front();
                self.taken = 0;
            }
        }
        self.consumed(context, id, done);
        done
    }

    /// Takes the first chunk, whole if nothing of it was read.
    pub(crate) fn take_chunk(&mut self, context: abi::Context, id: i32) -> Option<Buffer> {
        let chunk = self.chunks.pop_front()?;
        let taken = std::mem::take(&mut self.taken);
        let count = chunk.len() - taken;
        self.consumed(context, id, count);
        if taken == 0 {
            return Some(chunk);
        }
        Some(Buffer::from(&chunk[taken..]))
    }

    /// Bytes up to and with the next line end, or `None` if none has come. What was searched is not searched again.
    pub(crate) fn line_length(&mut self) -> Option<usize> {
        let mut skip = self.taken + self.scanned;
        let mut before = 0;
        for chunk in &self.chunks {
            if skip >= chunk.len() {
                skip -= chunk.len();
            } else if let Some(at) = chunk[skip..].iter().position(|&byte| byte == b'\n') {
                return Some(before + skip + at + 1 - self.taken);
            } else {
                skip = 0;
            }
            before += chunk.len();
        }
        self.scanned = self.unread;
        None
    }

    fn consumed(&mut self, context: abi::Context, id: i32, count: usize) {
        self.unread -= count;
        self.scanned = self.scanned.saturating_sub(count);
        if self.paused && self.unread < LOW_MARK && !self.ended && self.failure.is_none() {
            self.paused = false;
            host::socket_start(context, id);
        }
    }
}
