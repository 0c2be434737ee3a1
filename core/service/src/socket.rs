//! Sockets: streams, listeners and datagrams for handlers, events for raw services.

mod error;
mod event;
pub(crate) mod state;
mod tcp;
mod udp;

use std::sync::Arc;
use std::time::Duration;

use skynet_abi as abi;

use crate::shared::Garbage;
use crate::socket::state::Socket;
use crate::{Context, host};

pub use error::SocketError;
pub(crate) use event::encode_address;
pub use event::{SocketEvent, SocketId};
pub use tcp::{Accepted, ReadHalf, TcpListener, TcpStream, WriteHalf};
pub use udp::UdpSocket;

/// What happens when a socket's output queue reaches its [limit](TcpStream::set_output_limit).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OutputPolicy {
    /// A warning; the queue grows on.
    Warn,
    /// Reading stops until the queue has drained to half.
    Pause,
    /// The connection is reset.
    Close,
}

impl OutputPolicy {
    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Warn => abi::SOCKET_POLICY_WARN,
            Self::Pause => abi::SOCKET_POLICY_PAUSE,
            Self::Close => abi::SOCKET_POLICY_CLOSE,
        }
    }
}

/// One open socket of this service; closes it when the last half goes.
#[derive(Debug)]
pub(crate) struct Owner {
    cx: Context,
    id: i32,
}

impl Owner {
    /// Takes care of a socket that the node has just made for this service.
    fn new(cx: &Context, id: i32) -> Arc<Self> {
        let sockets = &cx.shared().tasks().sockets;
        sockets.with(|sockets| sockets.get().add(id));
        Arc::new(Self { cx: cx.clone(), id })
    }

    fn context(&self) -> abi::Context {
        self.cx.token()
    }

    /// Works on the socket's state, then wakes whoever that concerns.
    fn with<R>(&self, f: impl FnOnce(&mut Socket) -> R) -> Result<R, SocketError> {
        self.cx
            .shared()
            .tasks()
            .sockets
            .try_with(|sockets| sockets.get().get(self.id).map(f))
            .flatten()
            .ok_or(SocketError::Closed)
    }

    /// Waits until `SOCKET_OPEN` or `SOCKET_ERROR` has come. Returns the address.
    async fn opened(&self) -> Result<Box<str>, SocketError> {
        std::future::poll_fn(|task| {
            let outcome = self.with(|socket| socket.poll_open(task.waker()));
            outcome.unwrap_or_else(|error| std::task::Poll::Ready(Err(error)))
        })
        .await
    }

    fn close_within(&self, linger: Duration) {
        let tasks = self.cx.shared().tasks();
        let socket = tasks
            .sockets
            .try_with(|sockets| sockets.get().remove(self.id))
            .flatten();
        if socket.is_some() {
            let linger = u64::try_from(linger.as_millis()).unwrap_or(u64::MAX).max(1);
            host::socket_close(self.context(), self.id, linger);
        }
        if let Some(wakers) = socket.map(Socket::into_wakers) {
            wakers.wake();
        }
    }

    fn check(&self, what: &str, status: i32) -> Result<(), SocketError> {
        host::ok(status).map_err(|status| SocketError::host(what, status))
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.cx.shared().discard(Garbage::Socket(self.id));
    }
}

fn own_turn(cx: &Context, what: &str) -> Result<(), SocketError> {
    if cx.is_own_turn() {
        Ok(())
    } else {
        Err(SocketError::host(what, abi::STATUS_WRONG_TURN))
    }
}
