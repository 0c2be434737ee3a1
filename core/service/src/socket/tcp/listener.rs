//! Taking connections.

use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;

use crate::socket::{Owner, SocketError, SocketId, TcpStream, own_turn};
use crate::{Context, host};

/// Where no address is known.
const NOWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), 0);

fn parse(address: &str) -> SocketAddr {
    address.parse().unwrap_or(NOWHERE)
}

/// Takes connections. Closed when dropped.
#[derive(Debug)]
pub struct TcpListener {
    owner: Arc<Owner>,
    address: SocketAddr,
}

impl TcpListener {
    /// Listens on `host:port` (port 0 picks one). *Own turn.*
    ///
    /// # Errors
    /// The address is not one of this machine, or taken.
    pub async fn bind(cx: &Context, address: &str) -> Result<Self, SocketError> {
        let what = || format!("listen on {address}");
        own_turn(cx, &what())?;
        let id = host::socket_listen(cx.token(), address, 0)
            .map_err(|status| SocketError::host(what(), status))?;
        let owner = Owner::new(cx, id);
        let bound = owner.opened().await?;
        owner.check("take connections", host::socket_start(cx.token(), id))?;
        Ok(Self {
            owner,
            address: parse(&bound),
        })
    }

    /// Where it listens.
    #[must_use]
    pub const fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The next connection, and who it is.
    ///
    /// # Errors
    /// A connection was lost (out of files, for example; the listener goes on), or the listener is closed.
    pub async fn accept(&self) -> Result<(TcpStream, SocketAddr), SocketError> {
        let accepted = self.accept_unstarted().await?;
        let peer = accepted.peer;
        Ok((accepted.start()?, peer))
    }

    /// The next connection, of which nothing is read yet, so that it can be handed to another service.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub async fn accept_unstarted(&self) -> Result<Accepted, SocketError> {
        let owner = &self.owner;
        let (id, peer) = std::future::poll_fn(|task| {
            owner
                .with(|socket| socket.poll_accept(owner.context(), owner.id, task.waker()))
                .unwrap_or_else(|error| Poll::Ready(Err(error)))
        })
        .await?;
        Ok(Accepted {
            cx: owner.cx.clone(),
            id,
            peer: parse(&peer),
        })
    }
}

/// A connection that nobody reads yet. Closed when dropped.
#[derive(Debug)]
pub struct Accepted {
    cx: Context,
    id: i32,
    peer: SocketAddr,
}

impl Accepted {
    /// Who it is.
    #[must_use]
    pub const fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Reads it in this service. *Own turn.*
    ///
    /// # Errors
    /// The connection is gone.
    pub fn start(self) -> Result<TcpStream, SocketError> {
        let id = self.id;
        let cx = self.cx.clone();
        let adopted = TcpStream::adopt(&cx, SocketId(id));
        let _ = self.into_id();
        adopted
    }

    /// Its number, for another service to [adopt](TcpStream::adopt). It is no longer closed by this.
    #[must_use = "the connection stays open until somebody adopts or closes it"]
    pub fn into_id(mut self) -> SocketId {
        SocketId(std::mem::take(&mut self.id))
    }
}

impl Drop for Accepted {
    fn drop(&mut self) {
        if self.id != 0 {
            host::socket_close(self.cx.token(), self.id, 0);
        }
    }
}
