//! What is known of each socket, for those who look after a node.

use std::net::SocketAddr;
use std::time::Instant;

use skynet_abi::Context;

use super::Sockets;
use super::entry::{Kind, Phase};

/// What a socket is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SocketKind {
    /// Takes connections.
    Listener,
    /// A TCP connection, also one that is being made.
    Tcp,
    /// A UDP socket.
    Udp,
    /// Its id is void; it is sending its last bytes.
    Closing,
    /// It failed and waits for its owner to close it.
    Failed,
}

/// One socket's figures.
#[derive(Clone, Debug)]
pub(crate) struct SocketStat {
    /// Its id.
    pub(crate) socket: i32,
    /// The service that gets its events.
    pub(crate) owner: Context,
    /// What it is.
    pub(crate) kind: SocketKind,
    /// Its own end, once it has one.
    pub(crate) local: Option<SocketAddr>,
    /// The other end of a connection, the default destination of a UDP socket.
    pub(crate) peer: Option<SocketAddr>,
    /// Bytes received.
    pub(crate) read: u64,
    /// Bytes handed to the kernel.
    pub(crate) written: u64,
    /// When bytes were last received.
    pub(crate) last_read: Option<Instant>,
    /// When bytes were last handed to the kernel.
    pub(crate) last_write: Option<Instant>,
    /// Bytes that wait to be sent.
    pub(crate) queued: usize,
    /// Not reading or accepting: its owner paused it or has not started it, or its output queue is too long, or a
    /// listener cannot take connections at the moment.
    pub(crate) paused: bool,
    /// The peer will send no more.
    pub(crate) ended: bool,
    /// Connections taken.
    pub(crate) accepted: u64,
}

impl Sockets {
    /// The figures of all sockets, in the order of their ids.
    pub(crate) fn stat(&self) -> Vec<SocketStat> {
        let all = self.table.all();
        all.iter()
            .filter_map(|socket| {
                let output = socket.output();
                let input = socket.input();
                let kind = match (input.phase, socket.kind) {
                    (Phase::Closed, _) => return None,
                    (Phase::Failed, _) => SocketKind::Failed,
                    (Phase::Flushing | Phase::Draining, _) => SocketKind::Closing,
                    (_, Kind::Listener) => SocketKind::Listener,
                    (_, Kind::Stream) => SocketKind::Tcp,
                    (_, Kind::Datagram) => SocketKind::Udp,
                };
                let (local, peer) = match socket.kind {
                    Kind::Listener => (input.address, None),
                    Kind::Stream => {
                        let local = input.fd.as_ref().and_then(|fd| fd.local_addr().ok());
                        (local.and_then(|local| local.as_socket()), input.address)
                    }
                    Kind::Datagram => {
                        let peer = output.datagrams.as_ref().and_then(|d| d.destination());
                        (input.address, peer)
                    }
                };
                Some(SocketStat {
                    socket: socket.id,
                    owner: input.owner,
                    kind,
                    local,
                    peer,
                    read: input.read,
                    written: output.written,
                    last_read: input.last_read,
                    last_write: output.last_write,
                    queued: output.queued(),
                    paused: !input.reading || input.throttled || input.flooded,
                    ended: input.ended,
                    accepted: input.accepted,
                })
            })
            .collect()
    }
}
