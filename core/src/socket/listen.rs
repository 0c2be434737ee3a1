//! Listening, and taking connections.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use skynet_abi::{Context, SOCKET_ACCEPT};
use socket2::{Domain, Protocol, SockAddr, Type};

use super::connect::canonical;
use super::entry::{Input, Kind, Phase, Socket};
use super::os::{self, SpareFile};
use super::{SocketError, Sockets, host_or, later};
use crate::resolver::{Resolution, parse_address};

/// Connections that one listener takes in one round of the poller.
const ACCEPT_BATCH: usize = 64;

/// How long a listener pauses when it cannot take connections.
const COOL_DOWN: Duration = Duration::from_millis(100);

impl Sockets {
    /// Listens on `address` (`host:port`; without a host on all of IPv4; port 0 picks one). `backlog` 0: as the node's
    /// settings say. `SOCKET_OPEN` or `SOCKET_ERROR` follows, for a numeric address before this returns; connections
    /// are taken after [`start`](Self::start).
    ///
    /// # Errors
    /// `Address`; `TooMany`.
    pub(crate) fn listen(
        &self,
        owner: Context,
        address: &str,
        backlog: u32,
    ) -> Result<i32, SocketError> {
        let parsed = parse_address(address)?;
        let backlog = if backlog == 0 {
            self.settings.backlog
        } else {
            backlog
        };
        let socket = self.open(owner, Kind::Listener)?;
        let target = address.to_owned();
        self.look_up(
            &socket,
            host_or(&parsed, "0.0.0.0"),
            parsed.port,
            move |this, socket, found| {
                this.bound(socket, found, &target, backlog);
            },
        );
        Ok(socket.id)
    }

    fn bound(&self, socket: &Arc<Socket>, found: Resolution, target: &str, backlog: u32) {
        let mut output = socket.output();
        let mut input = socket.input();
        if input.phase != Phase::Opening {
            return;
        }
        let opened = found.and_then(|addresses| first_that_works(&addresses, |a| bind(a, backlog)));
        match opened {
            Ok((fd, local)) => {
                // Connections inherit both.
                let _ = fd.set_keepalive(input.keepalive);
                if input.nodelay {
                    let _ = fd.set_tcp_nodelay(true);
                }
                input.fd = Some(Arc::new(fd));
                input.address = Some(local);
                input.phase = Phase::Open;
                self.tell_open(socket, &mut input);
                self.update_interest(socket, &mut input);
            }
            Err(error) => {
                let text = format!("cannot listen on {target}: {error}");
                self.fail(socket, &mut output, &mut input, &text);
            }
        }
        drop(output);
        self.settle(socket, input);
    }

    /// Connections wait.
    pub(super) fn accept(&self, socket: &Arc<Socket>, spare: &mut SpareFile, now: Instant) {
        let mut input = socket.input();
        for _ in 0..ACCEPT_BATCH {
            if !input.wanted().read || input.orphan {
                break;
            }
            let Some(fd) = &input.fd else { break };
            match os::accept(fd) {
                Ok((connection, peer)) => {
                    let peer = peer.as_socket().map(canonical);
                    if !self.welcome(socket, &mut input, connection, peer) {
                        let text = SocketError::TooMany {
                            max: self.table.max(),
                        }
                        .to_string();
                        self.cool_down(socket, &mut input, &text, now);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if os::is_passing(&error) => {}
                Err(error) => {
                    if os::is_exhausted(&error) {
                        // Else the peer would wait for an answer, and this node would be woken again and again.
                        spare.lend(|| drop(os::accept(fd)));
                    }
                    let text = format!("cannot take a connection: {error}");
                    self.cool_down(socket, &mut input, &text, now);
                }
            }
        }
        self.settle(socket, input);
    }

    /// Makes a socket of a new connection and tells the listener's owner. `false`: there are too many; it was closed.
    fn welcome(
        &self,
        listener: &Socket,
        input: &mut Input,
        fd: socket2::Socket,
        peer: Option<SocketAddr>,
    ) -> bool {
        let owner = input.owner;
        let make = |id| {
            let socket = Socket::new(id, Kind::Stream, owner);
            socket.accepted(Arc::new(fd), peer, input);
            socket
        };
        let Some(socket) = self.table.insert(owner, make) else {
            return false;
        };
        input.accepted += 1;
        let text = peer.map_or_else(String::new, |peer| peer.to_string());
        self.emit(
            listener,
            input,
            SOCKET_ACCEPT,
            socket.id as u64,
            &[text.as_bytes()],
        );
        if input.orphan {
            // Nobody heard of it.
            let mut new_output = socket.output();
            self.release(&socket, &mut new_output, &mut socket.input());
        }
        true
    }

    /// Tells why connections cannot be taken, and stops taking them for a moment, as trying again at once would only
    /// turn in a circle.
    fn cool_down(&self, socket: &Socket, input: &mut Input, text: &str, now: Instant) {
        self.tell_error(socket, input, text);
        input.throttled = true;
        self.set_deadline(socket, input, Some(later(now, COOL_DOWN)));
        self.update_interest(socket, input);
    }
}

fn bind(address: SocketAddr, backlog: u32) -> io::Result<(socket2::Socket, SocketAddr)> {
    let fd = socket2::Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    fd.set_nonblocking(true)?;
    // Connections of a former life that are still ending are no reason to refuse.
    fd.set_reuse_address(true)?;
    fd.bind(&SockAddr::from(address))?;
    fd.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    let local = local_address(&fd)?;
    Ok((fd, local))
}

/// Where a bound socket is.
pub(super) fn local_address(fd: &socket2::Socket) -> io::Result<SocketAddr> {
    let local = fd.local_addr()?;
    local
        .as_socket()
        .ok_or_else(|| io::Error::other("the socket has no IP address"))
}

/// The result for the first address that gives one, or the error of the last.
pub(super) fn first_that_works<T>(
    addresses: &[SocketAddr],
    mut open: impl FnMut(SocketAddr) -> io::Result<T>,
) -> io::Result<T> {
    let mut result = Err(io::Error::other("it has no address"));
    for &address in addresses {
        result = open(address);
        if result.is_ok() {
            break;
        }
    }
    result
}
