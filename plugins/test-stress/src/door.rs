//! An echo server: what actors connect to.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use skynet_service::{Context, Handle, RawMessage, RawService, Result, socket::SocketEvent};

use crate::graves;

/// The door's handle, and where it listens, in the lower 16 bits; 0: nowhere.
static DOOR: AtomicU64 = AtomicU64::new(0);
/// Until when what is not read yet goes on being sent to a peer that sends no more.
const LINGER: Duration = Duration::from_secs(60);

/// See the module.
pub(crate) struct Door;

/// Where a door listens, and whose it is.
pub(crate) fn address() -> Option<(String, Handle)> {
    let door = DOOR.load(Ordering::SeqCst);
    let port = door & 0xffff;
    (port != 0).then(|| (format!("127.0.0.1:{port}"), Handle((door >> 16) as u32)))
}

/// Whether nobody has told that door to end so far.
pub(crate) fn is_alive(cx: &Context, door: Handle) -> bool {
    cx.command("STAT", &format!("mqlen {door}")).is_ok()
}

impl RawService for Door {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        graves::born(cx);
        cx.register(".door")?;
        cx.socket_listen("127.0.0.1:0", 0)?;
        Ok(Self)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.socket_event() {
            Some(SocketEvent::Open { socket, port, .. }) if DOOR.load(Ordering::SeqCst) == 0 => {
                let handle = u64::from(cx.handle().0);
                DOOR.store(handle << 16 | u64::from(port), Ordering::SeqCst);
                cx.socket_start(socket)?;
            }
            // It may be gone already: the peer resets some.
            Some(SocketEvent::Accept { connection, .. }) => drop(cx.socket_start(connection)),
            Some(SocketEvent::Data { socket, data }) => drop(cx.socket_write(socket, data)),
            Some(SocketEvent::Close { socket }) => drop(cx.socket_close(socket, LINGER)),
            Some(SocketEvent::Error { socket, .. }) => {
                drop(cx.socket_close(socket, Duration::from_secs(2)));
            }
            _ => {}
        }
        Ok(())
    }

    fn on_stop(&mut self, _cx: &Context) {
        DOOR.store(0, Ordering::SeqCst);
    }
}
