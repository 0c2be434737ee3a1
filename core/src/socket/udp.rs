//! UDP sockets.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use skynet_abi::{Context, SOCKET_UDP};
use smallvec::SmallVec;
use socket2::{Domain, Protocol, SockAddr, Type};

use super::connect::canonical;
use super::entry::{Fd, Input, Kind, Output, Phase, Policy, Socket, Writable};
use super::listen::{first_that_works, local_address};
use super::os::{self, SEND_FLAGS};
use super::{SocketError, Sockets, host_or};
use crate::resolver::{Resolution, parse_address};

/// The most that fits into a datagram over IPv4.
const MAX_DATAGRAM: usize = 65_507;

/// Datagrams that one socket receives, or sends from its queue, in one round of the poller.
const BATCH: usize = 64;

/// What each queued datagram counts for besides its bytes, so that empty ones are not free.
const OVERHEAD: usize = 64;

/// The first byte of an address that comes with a datagram.
const IPV4: u8 = 1;
const IPV6: u8 = 2;

/// The part of a UDP socket that senders need.
#[derive(Default)]
pub(super) struct Datagrams {
    destination: Option<SocketAddr>,
    /// Look-ups under way of a default destination: what goes there waits for the last one.
    looking_up: u32,
    /// To `None`: the default destination, once it is known.
    queue: VecDeque<(Option<SocketAddr>, Box<[u8]>)>,
    bytes: usize,
}

impl Datagrams {
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn destination(&self) -> Option<SocketAddr> {
        self.destination
    }

    pub(super) fn look_up(&mut self) {
        self.looking_up += 1;
    }

    fn push(&mut self, to: Option<SocketAddr>, data: &[u8]) {
        self.bytes += data.len() + OVERHEAD;
        self.queue.push_back((to, data.into()));
    }

    fn remove(&mut self, at: usize) {
        if let Some((_, data)) = self.queue.remove(at) {
            self.bytes -= data.len() + OVERHEAD;
        }
    }

    /// The first datagram that can be sent now.
    fn first(&self) -> Option<(usize, SocketAddr, &[u8])> {
        let mut queue = self.queue.iter().enumerate();
        queue.find_map(|(at, (to, data))| to.map(|to| (at, to, &**data)))
    }
}

impl Sockets {
    /// Opens a UDP socket, bound to `address` (`host:port`; without a host on all of IPv4), or unbound if that is
    /// empty. `SOCKET_OPEN` or `SOCKET_ERROR` follows, for an empty or numeric address before this returns. It receives
    /// at once. An unbound socket becomes one of IPv4 or IPv6 with its first destination.
    ///
    /// # Errors
    /// `Address`; `TooMany`.
    pub(crate) fn udp(&self, owner: Context, address: &str) -> Result<i32, SocketError> {
        let parsed = match address {
            "" => None,
            text => Some(parse_address(text)?),
        };
        let socket = self.open(owner, Kind::Datagram)?;
        let mut output = socket.output();
        let mut input = socket.input();
        if input.phase != Phase::Opening {
            // Its service has ended in the meantime.
            return Err(SocketError::Dead { socket: socket.id });
        }
        input.reading = true;
        output.datagrams = Some(Box::default());
        let Some(parsed) = parsed else {
            output.state = Writable::Yes;
            input.phase = Phase::Open;
            input.address = Some((Ipv4Addr::UNSPECIFIED, 0).into());
            self.tell_open(&socket, &mut input);
            drop(output);
            let id = socket.id;
            self.settle(&socket, input);
            return Ok(id);
        };
        drop(input);
        drop(output);
        let target = address.to_owned();
        self.look_up(
            &socket,
            host_or(&parsed, "0.0.0.0"),
            parsed.port,
            move |this, socket, found| {
                this.udp_bound(socket, found, &target);
            },
        );
        Ok(socket.id)
    }

    fn udp_bound(&self, socket: &Arc<Socket>, found: Resolution, target: &str) {
        let mut output = socket.output();
        let mut input = socket.input();
        if input.phase != Phase::Opening {
            return;
        }
        match found.and_then(|addresses| first_that_works(&addresses, open)) {
            Ok(opened) => {
                self.udp_opened(&mut output, &mut input, opened);
                input.phase = Phase::Open;
                self.tell_open(socket, &mut input);
                self.update_interest(socket, &mut input);
            }
            Err(error) => {
                let text = format!("cannot bind {target}: {error}");
                self.fail(socket, &mut output, &mut input, &text);
            }
        }
        drop(output);
        self.settle(socket, input);
    }

    fn udp_opened(
        &self,
        output: &mut Output,
        input: &mut Input,
        (fd, local): (socket2::Socket, SocketAddr),
    ) {
        let fd = Arc::new(fd);
        output.fd = Some(Arc::clone(&fd));
        output.state = Writable::Yes;
        input.fd = Some(fd);
        input.address = Some(local);
        input.writing = output
            .datagrams
            .as_ref()
            .is_some_and(|queued| queued.first().is_some());
    }

    /// Sets the default destination to `address` (`host:port`). Datagrams from anybody still arrive. Until a name is
    /// resolved, datagrams for it wait; if it cannot be, they are dropped and `SOCKET_ERROR` says so: the socket goes
    /// on.
    ///
    /// # Errors
    /// `Dead`; `Closed`; `Address`; `Invalid` for an address without host or port, and for a socket that is not UDP.
    pub(crate) fn udp_connect(&self, socket: i32, address: &str) -> Result<(), SocketError> {
        let parsed = parse_address(address)?;
        let Some(host) = parsed.host.as_deref().filter(|_| parsed.port != 0) else {
            let text = format!("cannot send to {address:?}: a host and a port are wanted");
            return Err(SocketError::invalid(text));
        };
        let socket = self.get(socket)?;
        {
            let mut output = socket.output();
            check(&socket, &output)?;
            let Some(datagrams) = &mut output.datagrams else {
                return Err(SocketError::Closed { socket: socket.id });
            };
            datagrams.look_up();
        }
        let target = address.to_owned();
        self.look_up(&socket, host, parsed.port, move |this, socket, found| {
            this.udp_resolved(socket, found, &target);
        });
        Ok(())
    }

    fn udp_resolved(&self, socket: &Arc<Socket>, found: Resolution, target: &str) {
        let mut output = socket.output();
        let mut input = socket.input();
        // Of the family that the socket has, if it has one.
        let family = output.fd.as_ref().and(input.address);
        let Some(datagrams) = &mut output.datagrams else {
            return;
        };
        datagrams.looking_up -= 1;
        let usable = found.and_then(|addresses| {
            let mut addresses = addresses.into_iter();
            addresses
                .find(|&address| family.is_none_or(|local| reachable(local, address).is_some()))
                .ok_or_else(|| io::Error::other("it has no address of the socket's family"))
        });
        match usable {
            Ok(address) => datagrams.destination = Some(address),
            Err(error) => {
                let text = format!("cannot send to {target}: {error}");
                self.tell_error(socket, &mut input, &text);
            }
        }
        if datagrams.looking_up == 0 {
            // What waited for it goes there, or nowhere.
            let Some(destination) = datagrams.destination else {
                for at in (0..datagrams.queue.len()).rev() {
                    if datagrams.queue[at].0.is_none() {
                        datagrams.remove(at);
                    }
                }
                drop(output);
                return self.settle(socket, input);
            };
            for (to, _) in &mut datagrams.queue {
                to.get_or_insert(destination);
            }
            // One that is still to be bound begins to send then.
            if !datagrams.queue.is_empty() && input.phase == Phase::Open {
                input.writing = true;
                match self.udp_file(socket, &mut output, &mut input, destination) {
                    Ok(_) => self.update_interest(socket, &mut input),
                    Err(error) => {
                        let text = format!("cannot send to {target}: {error}");
                        self.fail(socket, &mut output, &mut input, &text);
                    }
                }
            }
        }
        drop(output);
        self.settle(socket, input);
    }

    /// Sends one datagram to `address`, as it comes with `SOCKET_UDP`, or if that is empty to the default destination:
    /// now, or when the kernel can take it.
    ///
    /// # Errors
    /// `Dead`; `Closed`; `TooLarge`; `Invalid` for an address that is none or of the other family, when there is no
    /// default destination, and for a socket that is not UDP; `Full` when the output limit is reached, whatever the
    /// policy; `Failed` when the system refuses.
    pub(crate) fn send_to(
        &self,
        socket: i32,
        address: &[u8],
        data: &[u8],
    ) -> Result<(), SocketError> {
        let to = match address {
            [] => None,
            blob => Some(decode(blob).ok_or_else(|| {
                let text = format!("{} bytes that are no datagram address", blob.len());
                SocketError::invalid(text)
            })?),
        };
        if data.len() > MAX_DATAGRAM {
            return Err(SocketError::TooLarge { len: data.len() });
        }
        let socket = self.get(socket)?;
        let mut output = socket.output();
        check(&socket, &output)?;
        let (limit, policy) = self.limit_of(&output);
        let Some(datagrams) = &output.datagrams else {
            return Err(SocketError::Closed { socket: socket.id });
        };
        let waits = to.is_none() && datagrams.looking_up > 0;
        let to = match to.or(datagrams.destination) {
            None if !waits => {
                let text = format!("UDP socket {} has no default destination", socket.id);
                return Err(SocketError::invalid(text));
            }
            to => to.filter(|_| !waits),
        };
        let mut queue = waits || output.state == Writable::Later || datagrams.first().is_some();
        if let (Some(to), false) = (to, queue) {
            let (fd, local) = self.udp_file(&socket, &mut output, &mut socket.input(), to)?;
            queue = !send_now(&socket, &fd, local, to, data)?;
            if !queue {
                output.written += data.len() as u64;
                output.last_write = Some(Instant::now());
                return Ok(());
            }
        }
        let Some(datagrams) = &mut output.datagrams else {
            return Ok(());
        };
        let limit = if policy == Policy::Pause {
            limit.saturating_mul(2)
        } else {
            limit
        };
        let queued = datagrams.bytes;
        if queued.saturating_add(data.len() + OVERHEAD) > limit {
            return Err(SocketError::Full {
                socket: socket.id,
                queued,
            });
        }
        datagrams.push(to, data);
        if to.is_some() {
            let mut input = socket.input();
            input.writing = true;
            self.update_interest(&socket, &mut input);
        }
        Ok(())
    }

    /// The file of a socket, which an unbound one gets with its first destination, and its own address.
    fn udp_file(
        &self,
        socket: &Socket,
        output: &mut Output,
        input: &mut Input,
        to: SocketAddr,
    ) -> Result<(Fd, SocketAddr), SocketError> {
        if let (Some(fd), Some(local)) = (&output.fd, input.address) {
            return Ok((Arc::clone(fd), local));
        }
        let any: IpAddr = match to {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let (fd, local) = open((any, 0).into()).map_err(SocketError::Failed)?;
        self.udp_opened(output, input, (fd, local));
        self.update_interest(socket, input);
        match &output.fd {
            Some(fd) => Ok((Arc::clone(fd), local)),
            None => Err(SocketError::Closed { socket: socket.id }),
        }
    }

    /// The socket can be written: sends what is queued. Returns how many bytes went out.
    pub(super) fn flush_datagrams(&self, socket: &Arc<Socket>) -> usize {
        let mut output = socket.output();
        let mut input = socket.input();
        let (Some(fd), Some(local)) = (output.fd.clone(), input.address) else {
            return 0;
        };
        let Some(datagrams) = &mut output.datagrams else {
            return 0;
        };
        let mut written = 0;
        for _ in 0..BATCH {
            let Some((at, to, data)) = datagrams.first() else {
                break;
            };
            match send_now(socket, &fd, local, to, data) {
                Ok(true) => written += data.len(),
                Ok(false) => break,
                // Datagrams may be lost.
                Err(error) => log::debug!("UDP socket {}, to {to}: {error}", socket.id),
            }
            datagrams.remove(at);
        }
        input.writing = datagrams.first().is_some();
        output.written += written as u64;
        output.last_write = Some(Instant::now());
        self.update_interest(socket, &mut input);
        drop(output);
        self.settle(socket, input);
        written
    }

    /// Datagrams have arrived. Returns how many bytes came.
    pub(super) fn receive(&self, socket: &Arc<Socket>, buffer: &mut [u8], now: Instant) -> usize {
        let mut input = socket.input();
        let mut received = 0;
        for _ in 0..BATCH {
            if !input.wanted().read || input.orphan {
                break;
            }
            let Some(fd) = &input.fd else { break };
            match os::receive_from(fd, buffer) {
                Ok((count, from)) => {
                    received += count;
                    input.read += count as u64;
                    input.last_read = Some(now);
                    let from = encode(canonical(from));
                    let payload: [&[u8]; 2] = [&buffer[..count], &from];
                    self.emit(socket, &mut input, SOCKET_UDP, count as u64, &payload);
                    self.charge(socket, &mut input, count + from.len());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if os::is_passing(&error) || os::is_exhausted(&error) => break,
                Err(error) => {
                    drop(input);
                    let mut output = socket.output();
                    let mut input = socket.input();
                    let text = format!("cannot receive: {error}");
                    self.fail(socket, &mut output, &mut input, &text);
                    drop(output);
                    self.settle(socket, input);
                    return received;
                }
            }
        }
        self.settle(socket, input);
        received
    }
}

/// Whether datagrams can be sent on the socket.
fn check(socket: &Socket, output: &Output) -> Result<(), SocketError> {
    match (socket.kind, output.state) {
        (_, Writable::Void) => Err(SocketError::Dead { socket: socket.id }),
        (Kind::Datagram, Writable::No) => Err(SocketError::Closed { socket: socket.id }),
        (Kind::Datagram, _) => Ok(()),
        (kind, _) => {
            let text = format!("socket {} ({kind:?}) is not UDP", socket.id);
            Err(SocketError::invalid(text))
        }
    }
}

fn open(address: SocketAddr) -> io::Result<(socket2::Socket, SocketAddr)> {
    let fd = socket2::Socket::new(
        Domain::for_address(address),
        Type::DGRAM,
        Some(Protocol::UDP),
    )?;
    fd.set_nonblocking(true)?;
    fd.bind(&SockAddr::from(address))?;
    let local = local_address(&fd)?;
    Ok((fd, local))
}

/// Sends a datagram. `false`: the kernel cannot take it now.
fn send_now(
    socket: &Socket,
    fd: &socket2::Socket,
    local: SocketAddr,
    to: SocketAddr,
    data: &[u8],
) -> Result<bool, SocketError> {
    let Some(to) = reachable(local, to) else {
        let text = format!("UDP socket {} on {local} cannot send to {to}", socket.id);
        return Err(SocketError::invalid(text));
    };
    let to = SockAddr::from(to);
    loop {
        match fd.send_to_with_flags(data, &to, SEND_FLAGS) {
            Ok(_) => return Ok(true),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                return Err(SocketError::TooLarge { len: data.len() });
            }
            Err(error) => return Err(SocketError::Failed(error)),
        }
    }
}

/// The address as a socket at `local` can send to it.
fn reachable(local: SocketAddr, to: SocketAddr) -> Option<SocketAddr> {
    match (local, to) {
        (SocketAddr::V4(_), SocketAddr::V6(_)) => match canonical(to) {
            SocketAddr::V6(_) => None,
            v4 => Some(v4),
        },
        // A socket on all of IPv6 serves IPv4, too.
        (SocketAddr::V6(local), SocketAddr::V4(v4)) if local.ip().is_unspecified() => {
            Some((v4.ip().to_ipv6_mapped(), v4.port()).into())
        }
        (SocketAddr::V6(_), SocketAddr::V4(_)) => None,
        _ => Some(to),
    }
}

/// An address as it comes with a datagram.
pub(super) fn encode(address: SocketAddr) -> SmallVec<[u8; 19]> {
    let mut blob = SmallVec::new();
    match address {
        SocketAddr::V4(v4) => {
            blob.push(IPV4);
            blob.extend_from_slice(&v4.port().to_be_bytes());
            blob.extend_from_slice(&v4.ip().octets());
        }
        SocketAddr::V6(v6) => {
            blob.push(IPV6);
            blob.extend_from_slice(&v6.port().to_be_bytes());
            blob.extend_from_slice(&v6.ip().octets());
        }
    }
    blob
}

/// The address that [`encode`] has written.
pub(super) fn decode(blob: &[u8]) -> Option<SocketAddr> {
    let (&[protocol, high, low], ip) = blob.split_first_chunk()?;
    let ip: IpAddr = match protocol {
        IPV4 => <[u8; 4]>::try_from(ip).ok()?.into(),
        IPV6 => <[u8; 16]>::try_from(ip).ok()?.into(),
        _ => return None,
    };
    Some((ip, u16::from_be_bytes([high, low])).into())
}

#[cfg(test)]
mod tests;
