//! One socket: what is known of it, in two halves with a lock each, so that a write does not wait for a read.
//!
//! Locks are taken in the order output, input, then those of the table and the deadlines. The events of a socket are
//! handed out under its input lock, which keeps them in order.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use skynet_abi::{Context, SOCKET_POLICY_CLOSE, SOCKET_POLICY_PAUSE, SOCKET_POLICY_WARN};

use super::connect::Connecting;
use super::os::Interest;
use super::queue::Queue;
use super::udp::Datagrams;

/// A socket of the system. Both halves have it, and it is closed when both have given it up.
pub(super) type Fd = Arc<socket2::Socket>;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Listener,
    Stream,
    Datagram,
}

pub(super) struct Socket {
    pub(super) id: i32,
    pub(super) kind: Kind,
    output: Mutex<Output>,
    input: Mutex<Input>,
}

// Ten thousand idle connections are to cost little.
const _: () = assert!(size_of::<Socket>() <= 304);

impl Socket {
    pub(super) fn new(id: i32, kind: Kind, owner: Context) -> Self {
        Self {
            id,
            kind,
            output: Mutex::new(Output {
                fd: None,
                state: Writable::Later,
                policy: None,
                limit: 0,
                shut: false,
                queue: None,
                datagrams: None,
                written: 0,
                last_write: None,
            }),
            input: Mutex::new(Input {
                phase: Phase::Opening,
                fd: None,
                owner,
                address: None,
                registered: Interest::NONE,
                reading: false,
                throttled: false,
                flooded: false,
                unhandled: 0,
                writing: false,
                ended: false,
                told_error: false,
                orphan: false,
                nodelay: false,
                keepalive: true,
                deadline: None,
                connecting: None,
                accepted: 0,
                read: 0,
                last_read: None,
            }),
        }
    }

    /// Makes a new socket the connection that a listener took. It does not read until it is started.
    pub(super) fn accepted(&self, fd: Fd, peer: Option<SocketAddr>, listener: &Input) {
        let mut output = self.output();
        let mut input = self.input();
        output.fd = Some(Arc::clone(&fd));
        output.state = Writable::Yes;
        input.fd = Some(fd);
        input.address = peer;
        input.nodelay = listener.nodelay;
        input.keepalive = listener.keepalive;
        input.phase = Phase::Open;
    }

    /// To be taken before the input, if both are needed.
    pub(super) fn output(&self) -> MutexGuard<'_, Output> {
        self.output.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn input(&self) -> MutexGuard<'_, Input> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether a socket takes data to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Writable {
    /// Not connected yet: what is written waits.
    Later,
    Yes,
    /// Shut down or failed.
    No,
    /// The id is void.
    Void,
}

/// The half of a socket that writers need.
pub(super) struct Output {
    pub(super) fd: Option<Fd>,
    pub(super) state: Writable,
    /// `None`: the node's.
    pub(super) policy: Option<Policy>,
    /// 0: the node's.
    pub(super) limit: usize,
    /// No more writes once the queue is sent.
    pub(super) shut: bool,
    pub(super) queue: Option<Box<Queue>>,
    pub(super) datagrams: Option<Box<Datagrams>>,
    pub(super) written: u64,
    pub(super) last_write: Option<Instant>,
}

impl Output {
    /// Bytes that wait to be sent.
    pub(super) fn queued(&self) -> usize {
        let stream = self.queue.as_ref().map_or(0, |queue| queue.bytes());
        let datagrams = self
            .datagrams
            .as_ref()
            .map_or(0, |datagrams| datagrams.bytes());
        stream + datagrams
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// Being resolved, bound or connected.
    Opening,
    Open,
    /// It failed, which the owner was told; the id stays until the owner closes it.
    Failed,
    /// The id is void; what is queued is being sent.
    Flushing,
    /// Everything is sent; what the peer still sends is thrown away, until it stops.
    Draining,
    Closed,
}

/// The half of a socket that its events come from.
pub(super) struct Input {
    pub(super) phase: Phase,
    pub(super) fd: Option<Fd>,
    pub(super) owner: Context,
    /// Of the peer, or of what is listening.
    pub(super) address: Option<SocketAddr>,
    /// What the poller was asked for.
    pub(super) registered: Interest,
    /// The owner wants what arrives.
    pub(super) reading: bool,
    /// The output queue is too long to go on reading.
    pub(super) throttled: bool,
    /// Too many bytes wait in the owner's mailbox to go on reading.
    pub(super) flooded: bool,
    /// Something waits to be sent.
    pub(super) writing: bool,
    /// The peer will send no more, which the owner was told.
    pub(super) ended: bool,
    /// The owner was told that nothing can be sent any more.
    pub(super) told_error: bool,
    /// The last event found the owner dead.
    pub(super) orphan: bool,
    pub(super) nodelay: bool,
    pub(super) keepalive: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) connecting: Option<Box<Connecting>>,
    pub(super) accepted: u64,
    /// Bytes of events that the owner has not handled yet; while draining, bytes thrown away.
    pub(super) unhandled: u32,
    pub(super) read: u64,
    pub(super) last_read: Option<Instant>,
}

impl Input {
    /// What the poller should be asked for.
    pub(super) fn wanted(&self) -> Interest {
        match self.phase {
            Phase::Open => Interest {
                read: self.reading && !self.throttled && !self.flooded && !self.ended,
                write: self.writing,
            },
            Phase::Flushing => Interest::WRITE,
            Phase::Draining => Interest::READ,
            // Attempts to connect have registrations of their own.
            Phase::Opening | Phase::Failed | Phase::Closed => Interest::NONE,
        }
    }

    /// Whether the id is void, so that no more events may come.
    pub(super) fn is_void(&self) -> bool {
        matches!(
            self.phase,
            Phase::Flushing | Phase::Draining | Phase::Closed
        )
    }
}

/// What happens when the output queue has reached its limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Policy {
    /// A warning.
    Warn,
    /// A warning, and no more reading until half of it is sent; twice the limit is never passed.
    Pause,
    /// The connection is reset.
    Close,
}

impl Policy {
    /// From `SOCKET_POLICY_*`.
    pub(super) fn from_abi(value: u64) -> Option<Self> {
        match value {
            SOCKET_POLICY_WARN => Some(Self::Warn),
            SOCKET_POLICY_PAUSE => Some(Self::Pause),
            SOCKET_POLICY_CLOSE => Some(Self::Close),
            _ => None,
        }
    }
}
