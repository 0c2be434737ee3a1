//! UDP for handlers.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use crate::socket::event::encode_address;
use crate::socket::{Owner, SocketError, SocketId, own_turn};
use crate::{Buffer, Context, host};

/// Sends and receives datagrams. Closed when dropped. Unread datagrams beyond 1 MiB are dropped.
#[derive(Debug)]
pub struct UdpSocket {
    owner: Arc<Owner>,
    address: Box<str>,
}

impl UdpSocket {
    /// Binds to `host:port` (port 0 picks one); an empty address binds when the first datagram is sent. *Own turn.*
    ///
    /// # Errors
    /// The address is not one of this machine, or taken.
    pub async fn bind(cx: &Context, address: &str) -> Result<Self, SocketError> {
        let what = || format!("open a UDP socket on \"{address}\"");
        own_turn(cx, &what())?;
        let id = host::socket_udp(cx.token(), address)
            .map_err(|status| SocketError::host(what(), status))?;
        let owner = Owner::new(cx, id);
        let address = owner.opened().await?;
        Ok(Self { owner, address })
    }

    /// The node's number for it.
    #[must_use]
    pub fn id(&self) -> SocketId {
        SocketId(self.owner.id)
    }

    /// Where it is bound, if it is.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.address.parse().ok()
    }

    /// Sets where [`send`](Self::send) goes.
    ///
    /// # Errors
    /// The address is not one.
    pub fn connect(&self, address: &str) -> Result<(), SocketError> {
        let status = host::socket_udp_connect(self.owner.context(), self.owner.id, address);
        self.owner.check("connect a UDP socket", status)
    }

    /// Sends one datagram to where it is [connected](Self::connect) to.
    ///
    /// # Errors
    /// It is connected to nothing, or the datagram is too large.
    pub fn send(&self, data: &[u8]) -> Result<(), SocketError> {
        let status = host::socket_send_to(self.owner.context(), self.owner.id, &[], data);
        self.owner.check("send a datagram", status)
    }

    /// Sends one datagram to `address`.
    ///
    /// # Errors
    /// The datagram is too large.
    pub fn send_to(&self, data: &[u8], address: SocketAddr) -> Result<(), SocketError> {
        let (bytes, len) = encode_address(address);
        let status = host::socket_send_to(self.owner.context(), self.owner.id, &bytes[..len], data);
        self.owner.check("send a datagram", status)
    }

    /// Receives one datagram, and who sent it.
    ///
    /// # Errors
    /// The socket failed.
    pub async fn recv_from(&self) -> Result<(Buffer, SocketAddr), SocketError> {
        std::future::poll_fn(|task| {
            self.owner
                .with(|socket| socket.poll_datagram(task.waker()))
                .unwrap_or_else(|error| Poll::Ready(Err(error)))
        })
        .await
    }
}
