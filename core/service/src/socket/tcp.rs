//! TCP for handlers.

mod halves;
mod listener;

use std::sync::Arc;
use std::time::Duration;

use crate::socket::{OutputPolicy, Owner, SocketError, SocketId, own_turn};
use crate::{Buffer, Context, host};

pub use halves::{ReadHalf, WriteHalf};
pub use listener::{Accepted, TcpListener};

/// A TCP connection. Closed when dropped: what was written is still sent.
#[derive(Debug)]
pub struct TcpStream {
    read: ReadHalf,
    write: WriteHalf,
}

impl TcpStream {
    /// Connects to `host:port`, within the node's default time. *Own turn.*
    ///
    /// # Errors
    /// The name is not found, or nobody answers.
    pub async fn connect(cx: &Context, address: &str) -> Result<Self, SocketError> {
        Self::connect_timeout(cx, address, Duration::ZERO).await
    }

    /// Connects within `timeout`; zero for the node's default. *Own turn.*
    ///
    /// # Errors
    /// The name is not found, or nobody answers.
    pub async fn connect_timeout(
        cx: &Context,
        address: &str,
        timeout: Duration,
    ) -> Result<Self, SocketError> {
        let what = || format!("connect to {address}");
        own_turn(cx, &what())?;
        let timeout = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
        let id = host::socket_connect(cx.token(), address, timeout)
            .map_err(|status| SocketError::host(what(), status))?;
        let owner = Owner::new(cx, id);
        owner.opened().await?;
        Ok(Self::of(owner))
    }

    /// Makes this service the owner of a connection, by its number, and reads it. *Own turn.*
    ///
    /// # Errors
    /// There is no such connection (any more).
    pub fn adopt(cx: &Context, id: SocketId) -> Result<Self, SocketError> {
        own_turn(cx, "adopt a connection")?;
        let owner = Owner::new(cx, id.0);
        owner.check("start a connection", host::socket_start(cx.token(), id.0))?;
        Ok(Self::of(owner))
    }

    fn of(owner: Arc<Owner>) -> Self {
        Self {
            read: ReadHalf(Arc::clone(&owner)),
            write: WriteHalf(owner),
        }
    }

    /// The node's number for it.
    #[must_use]
    pub fn id(&self) -> SocketId {
        self.write.id()
    }

    /// Separates reading from writing. The connection is closed when both are dropped.
    #[must_use]
    pub fn into_split(self) -> (ReadHalf, WriteHalf) {
        (self.read, self.write)
    }

    /// Gives the connection up for another service to [adopt](Self::adopt): its number, and what was received and not
    /// read. *Own turn.*
    ///
    /// # Errors
    /// The connection is gone.
    pub fn detach(self) -> Result<(SocketId, Vec<u8>), SocketError> {
        let owner = &self.read.0;
        owner.check(
            "pause a connection",
            host::socket_pause(owner.context(), owner.id),
        )?;
        let mut rest = Vec::new();
        owner.with(|socket| {
            rest.resize(socket.unread(), 0);
            socket.take(owner.context(), owner.id, &mut rest);
        })?;
        owner
            .cx
            .shared()
            .tasks()
            .sockets
            .with(|sockets| sockets.get().detach(owner.id));
        Ok((SocketId(owner.id), rest))
    }

    /// See [`ReadHalf::read`].
    ///
    /// # Errors
    /// As there.
    pub async fn read(&mut self, into: &mut [u8]) -> Result<usize, SocketError> {
        self.read.read(into).await
    }

    /// See [`ReadHalf::read_chunk`].
    ///
    /// # Errors
    /// As there.
    pub async fn read_chunk(&mut self) -> Result<Option<Buffer>, SocketError> {
        self.read.read_chunk().await
    }

    /// See [`ReadHalf::read_exact`].
    ///
    /// # Errors
    /// As there.
    pub async fn read_exact(&mut self, into: &mut [u8]) -> Result<(), SocketError> {
        self.read.read_exact(into).await
    }

    /// See [`ReadHalf::read_line`].
    ///
    /// # Errors
    /// As there.
    pub async fn read_line(&mut self, limit: usize) -> Result<Option<Vec<u8>>, SocketError> {
        self.read.read_line(limit).await
    }

    /// See [`WriteHalf::write_all`].
    ///
    /// # Errors
    /// As there.
    pub async fn write_all(&self, bytes: &[u8]) -> Result<(), SocketError> {
        self.write.write_all(bytes).await
    }

    /// See [`WriteHalf::write_buffer`].
    ///
    /// # Errors
    /// As there.
    pub async fn write_buffer(&self, buffer: Buffer) -> Result<(), SocketError> {
        self.write.write_buffer(buffer).await
    }

    /// See [`WriteHalf::set_nodelay`].
    ///
    /// # Errors
    /// As there.
    pub fn set_nodelay(&self, on: bool) -> Result<(), SocketError> {
        self.write.set_nodelay(on)
    }

    /// See [`WriteHalf::set_keepalive`].
    ///
    /// # Errors
    /// As there.
    pub fn set_keepalive(&self, on: bool) -> Result<(), SocketError> {
        self.write.set_keepalive(on)
    }

    /// See [`WriteHalf::set_output_limit`].
    ///
    /// # Errors
    /// As there.
    pub fn set_output_limit(&self, bytes: u64, policy: OutputPolicy) -> Result<(), SocketError> {
        self.write.set_output_limit(bytes, policy)
    }

    /// See [`WriteHalf::shutdown`].
    ///
    /// # Errors
    /// As there.
    pub fn shutdown(&self) -> Result<(), SocketError> {
        self.write.shutdown()
    }

    /// Closes, sending what was written for at most `linger`. Dropping does the same with the node's default.
    pub fn close_within(self, linger: Duration) {
        self.write.close_within(linger);
    }

    /// Closes; what was written is still sent.
    pub fn close(self) {
        drop(self);
    }
}
