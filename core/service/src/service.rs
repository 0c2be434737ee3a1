//! What a plugin author implements.

use std::future::Future;

use crate::socket::SocketEvent;
use crate::{Context, Handle, Message, RawMessage, Reason, Result};

/// What a panic in one of a service's tasks ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum OnPanic {
    /// The service: its state may be half changed. Everybody who waits on it is told.
    Service,
    /// Only the request (or the spawned task) that panicked. For services whose state cannot be left half changed.
    Request,
}

/// A service with async handlers.
///
/// Each request runs as a task of its own: while one waits in `.await`, others go on. All of them run in the service's
/// own turns, one at a time; state they share lives in [`Local`](crate::Local).
pub trait Service: Sized + Send + Sync + 'static {
    /// What a panic ends.
    const ON_PANIC: OnPanic = OnPanic::Service;

    /// Makes the service. `args` is the text behind the module's name in the launch line. Requests that arrive before
    /// this has finished wait.
    ///
    /// # Errors
    /// The service is not launched, and its launcher gets the error.
    fn start(cx: &Context, args: &str) -> impl Future<Output = Result<Self>> + Send;

    /// Handles one message. A request is answered with [`Context::reply`], mostly in the last line:
    /// `Ok(cx.reply(&message, "done")?)`.
    ///
    /// # Errors
    /// Go to the caller if the message is a request that was not answered, else to the log.
    fn handle(&self, cx: &Context, message: Message) -> impl Future<Output = Result<()>> + Send;

    /// A task that begins when the service has started, such as a loop that accepts connections. Ending is fine.
    ///
    /// # Errors
    /// End the service.
    fn run(&self, cx: &Context) -> impl Future<Output = Result<()>> + Send {
        let _ = cx;
        async { Ok(()) }
    }

    /// A service that is [monitored](Context::monitor) has ended.
    ///
    /// # Errors
    /// Go to the log.
    fn on_exit(&self, cx: &Context, exit: Exit) -> impl Future<Output = Result<()>> + Send {
        let _ = (cx, exit);
        async { Ok(()) }
    }

    /// An event of a socket that was made with the `socket_*` functions of [`Context`], not by [`TcpStream`] and its
    /// like.
    ///
    /// [`TcpStream`]: crate::TcpStream
    fn on_socket(&self, cx: &Context, event: SocketEvent<'_>) {
        let _ = (cx, event);
    }

    /// The service ends: all its tasks are gone, this is its last turn. Messages can still be sent.
    fn on_stop(&self, cx: &Context) {
        let _ = cx;
    }
}

/// How a service ended.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Exit {
    /// Who.
    pub handle: Handle,
    /// Why; `NONE` for a normal end.
    pub reason: Reason,
    /// What it said about it; may be empty.
    pub text: String,
}

/// A service without tasks, for forwarding at line rate: each message is handled where it arrives, borrowed, without
/// any allocation by the SDK.
///
/// Replies to calls made with [`Context::call_raw`], timers and socket events arrive here as messages too.
pub trait RawService: Sized + Send + 'static {
    /// Makes the service. If it cannot tell yet whether that works, see [`Context::start_later`].
    ///
    /// # Errors
    /// The service is not launched, and its launcher gets the error.
    fn start(cx: &Context, args: &str) -> Result<Self>;

    /// Handles one message. To own its payload, [`keep`](RawMessage::keep) it.
    ///
    /// # Errors
    /// Go to the caller if the message is a request that was not answered, else to the log.
    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()>;

    /// The service ends: this is its last turn. Messages can still be sent.
    fn on_stop(&mut self, cx: &Context) {
        let _ = cx;
    }
}
