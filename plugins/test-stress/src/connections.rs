//! An actor's connections through the door: what comes back must be what was sent.

use std::collections::HashMap;
use std::time::Duration;

use skynet_service::socket::{SocketEvent, SocketId};
use skynet_service::{Context, abi};

use crate::door;
use crate::figures;
use crate::promises::{PATIENCE, violation};
use crate::random::Random;

/// Connections of one actor at a time.
const MOST: usize = 3;
/// Bytes of the longest write.
const LONGEST: u64 = 100_000;

#[derive(Debug)]
struct Connection {
    sent: u64,
    received: u64,
    /// The last event.
    since: Duration,
}

/// All of one actor.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    open: HashMap<SocketId, Connection>,
}

/// The byte at this place of every stream.
fn byte_at(place: u64) -> u8 {
    (place.wrapping_mul(31) ^ place >> 8) as u8
}

impl Connections {
    pub(crate) fn connect(&mut self, cx: &Context) {
        let Some(port) = door::port().filter(|_| self.open.len() < MOST) else {
            return;
        };
        let address = format!("127.0.0.1:{port}");
        if let Ok(socket) = cx.socket_connect(&address, Duration::from_secs(10)) {
            let connection = Connection {
                sent: 0,
                received: 0,
                since: cx.now(),
            };
            if self.open.insert(socket, connection).is_some() {
                violation(format_args!(
                    "socket {socket} was given out while it was open"
                ));
            }
        }
    }

    /// Writes to one, or gives one up.
    pub(crate) fn go_on(&mut self, cx: &Context, random: &mut Random) {
        let Some(&socket) = self.open.keys().next() else {
            return;
        };
        match random.below(8) {
            0 => self.close(cx, socket),
            1 => {
                self.open.remove(&socket);
                // It may have failed, which its event will say too late.
                let _ = cx.socket_shutdown(socket, abi::SOCKET_ABORT);
            }
            _ => self.write(cx, socket, random),
        }
    }

    fn write(&mut self, cx: &Context, socket: SocketId, random: &mut Random) {
        let Some(connection) = self.open.get_mut(&socket) else {
            return;
        };
        let len = 1 + random.below(LONGEST);
        let bytes: Vec<u8> = (connection.sent..connection.sent + len)
            .map(byte_at)
            .collect();
        if cx.socket_write(socket, bytes.as_slice()).is_ok() {
            connection.sent += len;
        }
    }

    fn close(&mut self, cx: &Context, socket: SocketId) {
        self.open.remove(&socket);
        // It may have failed.
        let _ = cx.socket_close(socket, Duration::from_secs(2));
    }

    pub(crate) fn event(&mut self, cx: &Context, event: &SocketEvent<'_>, random: &mut Random) {
        // Of one that was closed meanwhile.
        let Some(connection) = self.open.get_mut(&event.socket()) else {
            return;
        };
        connection.since = cx.now();
        match event {
            SocketEvent::Open { socket, .. } => {
                // An opened connection reads once it is started.
                let _ = cx.socket_start(*socket);
                if connection.sent == 0 {
                    self.write(cx, *socket, random);
                }
            }
            SocketEvent::Data { socket, data } => {
                let first = connection.received;
                if let Some(wrong) = data
                    .iter()
                    .zip(first..)
                    .find(|&(&byte, place)| byte != byte_at(place))
                {
                    violation(format_args!("byte {} of an echo is wrong", wrong.1));
                }
                connection.received += data.len() as u64;
                if connection.received > connection.sent {
                    violation(format_args!(
                        "{} bytes came back of {}",
                        connection.received, connection.sent
                    ));
                }
                if connection.received == connection.sent {
                    figures::ECHOES.count();
                    match random.below(3) {
                        0 => self.close(cx, *socket),
                        _ => self.write(cx, *socket, random),
                    }
                }
            }
            SocketEvent::Close { socket } | SocketEvent::Error { socket, .. } => {
                self.close(cx, *socket);
            }
            _ => {}
        }
    }

    pub(crate) fn check_overdue(&self, now: Duration) {
        for (socket, connection) in &self.open {
            if connection.received < connection.sent
                && now.saturating_sub(connection.since) > PATIENCE
            {
                violation(format_args!(
                    "socket {socket} stands still: {} bytes of {} came back",
                    connection.received, connection.sent
                ));
            }
        }
    }
}
