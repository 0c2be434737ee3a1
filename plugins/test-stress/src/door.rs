//! An echo server: what actors connect to.

use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use skynet_service::{Context, RawMessage, RawService, Result, socket::SocketEvent};

/// Where the door listens; 0: nowhere.
static PORT: AtomicU16 = AtomicU16::new(0);

/// See the module.
pub(crate) struct Door;

/// Where the door listens.
pub(crate) fn port() -> Option<u16> {
    Some(PORT.load(Ordering::Relaxed)).filter(|&port| port != 0)
}

impl RawService for Door {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.register(".door")?;
        cx.socket_listen("127.0.0.1:0", 0)?;
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.socket_event() {
            Some(SocketEvent::Open { socket, port, .. }) if PORT.load(Ordering::Relaxed) == 0 => {
                PORT.store(port, Ordering::Relaxed);
                cx.socket_start(socket)?;
            }
            // It may be gone already: the peer resets some.
            Some(SocketEvent::Accept { connection, .. }) => drop(cx.socket_start(connection)),
            Some(SocketEvent::Data { socket, data }) => drop(cx.socket_write(socket, data)),
            Some(SocketEvent::Close { socket } | SocketEvent::Error { socket, .. }) => {
                drop(cx.socket_close(socket, Duration::from_secs(2)));
            }
            _ => {}
        }
        Ok(())
    }

    fn on_stop(&mut self, _cx: &Context) {
        PORT.store(0, Ordering::Relaxed);
    }
}
