//! The two directions of a connection.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use skynet_abi as abi;

use crate::socket::{OutputPolicy, Owner, SocketError, SocketId};
use crate::{Buffer, Payload, host};

/// The reading side of a [`TcpStream`](crate::TcpStream).
#[derive(Debug)]
pub struct ReadHalf(pub(super) Arc<Owner>);

impl ReadHalf {
    /// Waits until something is there: false when nothing will come any more.
    async fn readable(&self) -> Result<bool, SocketError> {
        self.more_than(0).await
    }

    fn take(&self, into: &mut [u8]) -> Result<usize, SocketError> {
        self.0
            .with(|socket| socket.take(self.0.context(), self.0.id, into))
    }

    /// Reads what is there, at least one byte; 0 when the peer has closed.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn read(&mut self, into: &mut [u8]) -> Result<usize, SocketError> {
        if into.is_empty() || !self.readable().await? {
            return Ok(0);
        }
        self.take(into)
    }

    /// Reads what came in one piece, without a copy; `None` when the peer has closed.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn read_chunk(&mut self) -> Result<Option<Buffer>, SocketError> {
        if !self.readable().await? {
            return Ok(None);
        }
        self.0
            .with(|socket| socket.take_chunk(self.0.context(), self.0.id))
    }

    /// Fills `into`.
    ///
    /// # Errors
    /// The connection failed, or the peer closed before.
    pub async fn read_exact(&mut self, into: &mut [u8]) -> Result<(), SocketError> {
        let mut done = 0;
        while done < into.len() {
            if !self.readable().await? {
                return Err(SocketError::UnexpectedEnd {
                    found: done,
                    wanted: into.len(),
                });
            }
            done += self.take(&mut into[done..])?;
        }
        Ok(())
    }

    /// Reads a line of at most `limit` bytes, without its end (`\n` or `\r\n`); `None` when the peer has closed. A last
    /// line needs no end.
    ///
    /// # Errors
    /// The connection failed, or the line is longer.
    pub async fn read_line(&mut self, limit: usize) -> Result<Option<Vec<u8>>, SocketError> {
        let length = loop {
            let (found, unread, ended) = self.0.with(|socket| {
                let found = socket.line_length();
                (found, socket.unread(), socket.is_ended())
            })?;
            match found {
                // The end of a line does not count.
                Some(length) if length <= limit.saturating_add(2) => break length,
                Some(_) => return Err(SocketError::LineTooLong { limit }),
                None if unread > limit.saturating_add(1) => {
                    return Err(SocketError::LineTooLong { limit });
                }
                None if ended && unread == 0 => return Ok(None),
                None if ended => break unread,
                None => {}
            }
            self.more_than(unread).await?;
        };
        let mut line = vec![0; length];
        self.take(&mut line)?;
        if line.last() == Some(&b'\n') {
            line.pop();
            if line.last() == Some(&b'\r') {
                line.pop();
            }
        }
        if line.len() > limit {
            return Err(SocketError::LineTooLong { limit });
        }
        Ok(Some(line))
    }

    /// Waits until there is more than `seen` bytes, or nothing will come any more.
    async fn more_than(&self, seen: usize) -> Result<bool, SocketError> {
        std::future::poll_fn(|task| {
            self.0
                .with(|socket| socket.poll_more(seen, task.waker()))
                .unwrap_or_else(|error| Poll::Ready(Err(error)))
        })
        .await
    }
}

/// The writing side of a [`TcpStream`](crate::TcpStream). Writing takes `&self`: several tasks may do it, and no write is
/// torn apart.
#[derive(Debug)]
pub struct WriteHalf(pub(super) Arc<Owner>);

impl WriteHalf {
    /// The node's number for the connection.
    #[must_use]
    pub fn id(&self) -> SocketId {
        SocketId(self.0.id)
    }

    /// Waits until the output queue has drained, if it passed its warning mark.
    ///
    /// # Errors
    /// The connection failed.
    pub async fn writable(&self) -> Result<(), SocketError> {
        std::future::poll_fn(|task| {
            self.0
                .with(|socket| socket.poll_writable(task.waker()))
                .unwrap_or_else(|error| Poll::Ready(Err(error)))
        })
        .await
    }

    /// Writes all bytes: they are queued when this returns. Waits first if the queue is too long.
    ///
    /// # Errors
    /// The connection failed or takes no more.
    pub async fn write_all(&self, bytes: &[u8]) -> Result<(), SocketError> {
        self.write(Payload::from(bytes)).await
    }

    /// Writes a buffer without copying it.
    ///
    /// # Errors
    /// The connection failed or takes no more.
    pub async fn write_buffer(&self, buffer: Buffer) -> Result<(), SocketError> {
        self.write(Payload::from(buffer)).await
    }

    async fn write(&self, mut payload: Payload<'_>) -> Result<(), SocketError> {
        let mut patience = 3;
        loop {
            self.writable().await?;
            let cx = &self.0.cx;
            match cx.write_payload(self.id(), payload, 0) {
                Ok(()) => return Ok(()),
                Err((abi::STATUS_FULL, back)) if patience > 0 => {
                    // The warning that says so may still be on its way.
                    payload = back;
                    patience -= 1;
                    cx.sleep(Duration::from_millis(1)).await;
                }
                Err((status, _)) => {
                    return Err(SocketError::host("write to a connection", status));
                }
            }
        }
    }

    /// Sends small writes at once.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn set_nodelay(&self, on: bool) -> Result<(), SocketError> {
        self.set(abi::SOCKET_OPTION_NODELAY, u64::from(on))
    }

    /// Probes the connection when it is idle.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn set_keepalive(&self, on: bool) -> Result<(), SocketError> {
        self.set(abi::SOCKET_OPTION_KEEPALIVE, u64::from(on))
    }

    /// Bounds the output queue, 0 for the node's default, and says what happens at the bound.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn set_output_limit(&self, bytes: u64, policy: OutputPolicy) -> Result<(), SocketError> {
        self.set(abi::SOCKET_OPTION_OUTPUT_LIMIT, bytes)?;
        self.set(abi::SOCKET_OPTION_OUTPUT_POLICY, policy.number())
    }

    fn set(&self, option: u32, value: u64) -> Result<(), SocketError> {
        let status = host::socket_set(self.0.context(), self.0.id, option, value);
        self.0.check("set an option of a connection", status)
    }

    /// Tells the peer that nothing more will be written, once what was written is sent.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn shutdown(&self) -> Result<(), SocketError> {
        let status = host::socket_shutdown(self.0.context(), self.0.id, abi::SOCKET_WRITE);
        self.0.check("shut a connection down", status)
    }

    /// Closes the connection, both halves, sending what was written for at most `linger`.
    pub fn close_within(&self, linger: Duration) {
        self.0.close_within(linger);
    }

    /// Closes the connection, both halves. What was written is still sent.
    pub fn close(&self) {
        self.0
            .cx
            .shared()
            .discard(crate::shared::Garbage::Socket(self.0.id));
    }

    /// Resets the connection; what was not sent is lost.
    pub fn abort(&self) {
        host::socket_shutdown(self.0.context(), self.0.id, abi::SOCKET_ABORT);
        self.close();
    }
}
