//! Connecting: all addresses of a name, of both families in turn, each a little after the one before.

use std::collections::VecDeque;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use skynet_abi::Context;
use smallvec::SmallVec;
use socket2::{Domain, Protocol, SockAddr, Type};

use super::close::shut;
use super::entry::{Input, Kind, Output, Phase, Socket, Writable};
use super::os::{self, Interest, Selector};
use super::{SocketError, Sockets, later};
use crate::resolver::{Resolution, parse_address};

/// How long an address has before the next one is tried as well (RFC 8305 recommends this).
const HEAD_START: Duration = Duration::from_millis(250);

/// A connection that is being made.
pub(super) struct Connecting {
    /// What the caller asked for, for texts.
    target: String,
    timeout: Duration,
    until: Instant,
    /// Addresses that are still to be tried.
    waiting: VecDeque<SocketAddr>,
    attempts: SmallVec<[Attempt; 1]>,
    /// Attempts started so far: the number of the last.
    started: usize,
    /// Why the last attempt failed.
    error: Option<io::Error>,
}

struct Attempt {
    /// From 1; the upper half of its key in the poller.
    number: usize,
    fd: socket2::Socket,
    address: SocketAddr,
}

impl Connecting {
    #[cfg(test)]
    pub(super) fn add(&mut self, addresses: Vec<SocketAddr>) {
        self.waiting.extend(addresses);
    }

    /// Gives all attempts up.
    pub(super) fn cancel(self, selector: &Selector) {
        for attempt in self.attempts {
            // Closing takes the file out of the poller if this fails.
            let _ = selector.delete(&attempt.fd);
        }
    }
}

impl Sockets {
    /// Connects to `address` (`host:port`) within `timeout` (zero: as the node's settings say). `SOCKET_OPEN` or
    /// `SOCKET_ERROR` follows; reading begins at once. What is written before waits.
    ///
    /// # Errors
    /// `Address`; `Invalid` for an address without host or port; `TooMany`.
    pub(crate) fn connect(
        &self,
        owner: Context,
        address: &str,
        timeout: Duration,
    ) -> Result<i32, SocketError> {
        let parsed = parse_address(address)?;
        let Some(host) = parsed.host.as_deref().filter(|_| parsed.port != 0) else {
            let text = format!("cannot connect to {address:?}: a host and a port are wanted");
            return Err(SocketError::invalid(text));
        };
        let timeout = if timeout.is_zero() {
            self.settings.connect_timeout
        } else {
            timeout
        };
        let until = later(Instant::now(), timeout);
        let socket = self.open(owner, Kind::Stream)?;
        let mut input = socket.input();
        if input.phase != Phase::Opening {
            // Its service has ended in the meantime.
            return Err(SocketError::Dead { socket: socket.id });
        }
        input.reading = true;
        input.connecting = Some(Box::new(Connecting {
            target: address.to_owned(),
            timeout,
            until,
            waiting: VecDeque::new(),
            attempts: SmallVec::new(),
            started: 0,
            error: None,
        }));
        self.set_deadline(&socket, &mut input, Some(until));
        drop(input);
        self.look_up(&socket, host, parsed.port, Self::resolved);
        Ok(socket.id)
    }

    fn resolved(&self, socket: &Arc<Socket>, found: Resolution) {
        let mut output = socket.output();
        let mut input = socket.input();
        if input.phase != Phase::Opening {
            return;
        }
        match found {
            Ok(addresses) => {
                if let Some(connecting) = &mut input.connecting {
                    connecting.waiting = interleave(addresses);
                }
                self.try_next(socket, &mut output, &mut input);
            }
            Err(error) => self.fail(socket, &mut output, &mut input, &error.to_string()),
        }
        drop(output);
        self.settle(socket, input);
    }

    /// Starts attempts until one is under way.
    pub(super) fn try_next(&self, socket: &Socket, output: &mut Output, input: &mut Input) {
        let Some(connecting) = &mut input.connecting else {
            return;
        };
        while let Some(address) = connecting.waiting.pop_front() {
            let number = connecting.started + 1;
            connecting.started = number;
            let (fd, connected) = match dial(address) {
                Ok(dialled) => dialled,
                Err(error) => {
                    connecting.error = Some(error);
                    continue;
                }
            };
            let key = socket.id as usize | number << 32;
            if let Err(error) = self.selector.add(&fd, key, Interest::WRITE) {
                connecting.error = Some(error);
                continue;
            }
            let attempt = Attempt {
                number,
                fd,
                address,
            };
            if connected {
                return self.connected(socket, output, input, attempt);
            }
            connecting.attempts.push(attempt);
            let next = match connecting.waiting.is_empty() {
                true => connecting.until,
                false => connecting.until.min(later(Instant::now(), HEAD_START)),
            };
            return self.set_deadline(socket, input, Some(next));
        }
        let until = connecting.until;
        if !connecting.attempts.is_empty() {
            return self.set_deadline(socket, input, Some(until));
        }
        let text = match &connecting.error {
            Some(error) => format!("cannot connect to {}: {error}", connecting.target),
            None => format!("cannot connect to {}: it has no address", connecting.target),
        };
        self.fail(socket, output, input, &text);
    }

    /// An attempt has succeeded or failed.
    pub(super) fn attempt_ready(&self, socket: &Arc<Socket>, number: usize) {
        let mut output = socket.output();
        let mut input = socket.input();
        let Some(connecting) = &mut input.connecting else {
            return;
        };
        let attempts = &mut connecting.attempts;
        // The event may be of an attempt that has been given up since.
        let Some(at) = attempts.iter().position(|attempt| attempt.number == number) else {
            return;
        };
        let error = match attempts[at].fd.take_error() {
            Ok(None) if attempts[at].fd.peer_addr().is_err() => return,
            Ok(None) => None,
            Ok(Some(error)) | Err(error) => Some(error),
        };
        let attempt = attempts.remove(at);
        match error {
            None => self.connected(socket, &mut output, &mut input, attempt),
            Some(error) => {
                let _ = self.selector.delete(&attempt.fd);
                connecting.error = Some(error);
                self.try_next(socket, &mut output, &mut input);
            }
        }
        drop(output);
        self.settle(socket, input);
    }

    fn connected(&self, socket: &Socket, output: &mut Output, input: &mut Input, attempt: Attempt) {
        let Attempt { fd, address, .. } = attempt;
        if let Some(others) = input.connecting.take() {
            others.cancel(&self.selector);
        }
        self.set_deadline(socket, input, None);
        // A connection works without them.
        let _ = fd.set_keepalive(input.keepalive);
        if input.nodelay {
            let _ = fd.set_tcp_nodelay(true);
        }
        input.phase = Phase::Open;
        input.address = Some(canonical(address));
        input.writing = output.queue.is_some();
        let fd = Arc::new(fd);
        output.fd = Some(Arc::clone(&fd));
        output.state = Writable::Yes;
        // Registered under the key of the attempt: from now on under the socket's own.
        let wanted = input.wanted();
        let result = match wanted {
            Interest::NONE => self.selector.delete(&fd),
            _ => self.selector.modify(&fd, socket.id as usize, wanted),
        };
        input.fd = Some(fd);
        input.registered = wanted;
        if let Err(error) = result {
            let text = format!("cannot wait for socket {}: {error}", socket.id);
            return self.fail(socket, output, input, &text);
        }
        if output.shut && output.queue.is_none() {
            output.state = Writable::No;
            shut(input, Shutdown::Write);
        }
        self.tell_open(socket, input);
    }

    /// The head start of the last attempt is over, or the time of all.
    pub(super) fn connect_expired(
        &self,
        socket: &Socket,
        output: &mut Output,
        input: &mut Input,
        now: Instant,
    ) {
        let Some(connecting) = &input.connecting else {
            return;
        };
        if now < connecting.until {
            return self.try_next(socket, output, input);
        }
        let Connecting {
            target, timeout, ..
        } = &**connecting;
        let text = format!("cannot connect to {target}: no answer within {timeout:?}");
        self.fail(socket, output, input, &text);
    }
}

/// A connection under way, and whether it is made already.
fn dial(address: SocketAddr) -> io::Result<(socket2::Socket, bool)> {
    let fd = socket2::Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    fd.set_nonblocking(true)?;
    match fd.connect(&SockAddr::from(address)) {
        Ok(()) => Ok((fd, true)),
        Err(error) if os::is_under_way(&error) => Ok((fd, false)),
        Err(error) => Err(error),
    }
}

/// The addresses in the system's order, but of both families in turn.
fn interleave(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let Some(first) = addresses.first().map(SocketAddr::is_ipv6) else {
        return VecDeque::new();
    };
    let count = addresses.len();
    let (ours, others): (Vec<_>, Vec<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == first);
    let (mut ours, mut others) = (ours.into_iter(), others.into_iter());
    let mut mixed = VecDeque::with_capacity(count);
    while mixed.len() < count {
        mixed.extend(ours.next());
        mixed.extend(others.next());
    }
    mixed
}

/// An IPv4 address as such, also where it came through an IPv6 socket.
pub(super) fn canonical(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V6(v6) => match v6.ip().to_ipv4_mapped() {
            Some(v4) => SocketAddr::new(v4.into(), v6.port()),
            None => address,
        },
        SocketAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::interleave;
    use std::net::SocketAddr;

    #[test]
    fn families_take_turns() {
        fn check(input: &[&str], expected: &[&str]) {
            let parse = |list: &[&str]| -> Vec<SocketAddr> {
                list.iter().map(|text| text.parse().unwrap()).collect()
            };
            assert_eq!(Vec::from(interleave(parse(input))), parse(expected));
        }
        check(&[], &[]);
        check(&["1.1.1.1:1"], &["1.1.1.1:1"]);
        check(
            &["[::1]:1", "[::2]:1", "[::3]:1", "1.1.1.1:1", "1.1.1.2:1"],
            &["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1", "[::3]:1"],
        );
        check(
            &["1.1.1.1:1", "[::1]:1", "[::2]:1"],
            &["1.1.1.1:1", "[::1]:1", "[::2]:1"],
        );
    }
}
