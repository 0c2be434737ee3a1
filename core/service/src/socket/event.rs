//! Events of sockets, as raw services and hooks get them.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use skynet_abi as abi;

/// The node's number for a socket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SocketId(pub i32);

impl fmt::Display for SocketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What happened to a socket.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum SocketEvent<'a> {
    /// Bytes arrived.
    Data {
        /// Where.
        socket: SocketId,
        /// The bytes.
        data: &'a [u8],
    },
    /// A listener is bound, a connection made, or a socket started.
    Open {
        /// Which.
        socket: SocketId,
        /// `ip:port`.
        address: Cow<'a, str>,
        /// The port.
        port: u16,
    },
    /// The peer will send no more.
    Close {
        /// Which.
        socket: SocketId,
    },
    /// A listener took a connection. It reads nothing before it is started.
    Accept {
        /// The listener.
        socket: SocketId,
        /// The new connection.
        connection: SocketId,
        /// The peer's `ip:port`.
        peer: Cow<'a, str>,
    },
    /// Something failed. A connection is of no further use; a listener goes on.
    Error {
        /// Which.
        socket: SocketId,
        /// What.
        text: Cow<'a, str>,
    },
    /// A datagram arrived.
    Udp {
        /// Where.
        socket: SocketId,
        /// The bytes.
        data: &'a [u8],
        /// The sender.
        from: SocketAddr,
    },
    /// The output queue passed a mark.
    Warning {
        /// Which.
        socket: SocketId,
        /// Its size in KiB, 0 when it has drained.
        kib: u64,
    },
    /// An event that this version does not know.
    Unknown {
        /// Which.
        socket: SocketId,
        /// The event's number.
        event: u32,
    },
}

impl<'a> SocketEvent<'a> {
    /// The event of a `KIND_SOCKET` message: its session, reason, value and payload.
    #[must_use]
    pub fn parse(session: i32, reason: u32, value: u64, payload: &'a [u8]) -> Self {
        let socket = SocketId(session);
        match reason {
            abi::SOCKET_DATA => Self::Data {
                socket,
                data: payload,
            },
            abi::SOCKET_OPEN => Self::Open {
                socket,
                address: String::from_utf8_lossy(payload),
                port: u16::try_from(value).unwrap_or(0),
            },
            abi::SOCKET_CLOSE => Self::Close { socket },
            abi::SOCKET_ACCEPT => Self::Accept {
                socket,
                connection: SocketId(i32::try_from(value).unwrap_or(0)),
                peer: String::from_utf8_lossy(payload),
            },
            abi::SOCKET_ERROR => Self::Error {
                socket,
                text: String::from_utf8_lossy(payload),
            },
            abi::SOCKET_WARNING => Self::Warning { socket, kib: value },
            abi::SOCKET_UDP => match datagram(payload, value) {
                Some((data, from)) => Self::Udp { socket, data, from },
                None => Self::Unknown {
                    socket,
                    event: reason,
                },
            },
            event => Self::Unknown { socket, event },
        }
    }

    /// Which socket.
    #[must_use]
    pub const fn socket(&self) -> SocketId {
        match self {
            Self::Data { socket, .. }
            | Self::Open { socket, .. }
            | Self::Close { socket }
            | Self::Accept { socket, .. }
            | Self::Error { socket, .. }
            | Self::Udp { socket, .. }
            | Self::Warning { socket, .. }
            | Self::Unknown { socket, .. } => *socket,
        }
    }
}

/// Splits a datagram from its sender's address.
pub(crate) fn datagram(payload: &[u8], len: u64) -> Option<(&[u8], SocketAddr)> {
    let (data, address) = payload.split_at_checked(usize::try_from(len).ok()?)?;
    Some((data, decode_address(address)?))
}

/// Reads an address: one byte of family, two of port, 4 or 16 of address.
fn decode_address(bytes: &[u8]) -> Option<SocketAddr> {
    let (&[family, high, low], ip) = bytes.split_first_chunk::<3>()?;
    let port = u16::from_be_bytes([high, low]);
    let ip = match family {
        1 => IpAddr::from(Ipv4Addr::from(<[u8; 4]>::try_from(ip).ok()?)),
        2 => IpAddr::from(Ipv6Addr::from(<[u8; 16]>::try_from(ip).ok()?)),
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Writes an address as [`decode_address`] reads it; returns the bytes and how many count.
pub(crate) fn encode_address(address: SocketAddr) -> ([u8; 19], usize) {
    let mut bytes = [0; 19];
    bytes[1..3].copy_from_slice(&address.port().to_be_bytes());
    match address.ip() {
        IpAddr::V4(ip) => {
            bytes[0] = 1;
            bytes[3..7].copy_from_slice(&ip.octets());
            (bytes, 7)
        }
        IpAddr::V6(ip) => {
            bytes[0] = 2;
            bytes[3..].copy_from_slice(&ip.octets());
            (bytes, 19)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str) {
        let address: SocketAddr = address.parse().unwrap();
        let (bytes, len) = encode_address(address);
        let mut payload = b"data".to_vec();
        payload.extend_from_slice(&bytes[..len]);
        assert_eq!(datagram(&payload, 4), Some((&b"data"[..], address)));
        assert_eq!(datagram(&payload, 5), None);
        assert_eq!(datagram(&payload, u64::MAX), None);
    }

    #[test]
    fn addresses_survive() {
        check("127.0.0.1:80");
        check("[::1]:65535");
    }

    #[test]
    fn strange_events_are_unknown() {
        let event = SocketEvent::parse(7, 99, 0, b"");
        assert_eq!(
            event,
            SocketEvent::Unknown {
                socket: SocketId(7),
                event: 99
            }
        );
        assert_eq!(
            SocketEvent::parse(7, abi::SOCKET_UDP, 9, b"short").socket(),
            SocketId(7)
        );
    }
}
