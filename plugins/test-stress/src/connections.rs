//! An actor's connections through the door: what comes back must be what was sent.

use std::collections::HashMap;
use std::time::Duration;

use skynet_service::socket::{SocketEvent, SocketId};
use skynet_service::{Context, Handle, abi};

use crate::door;
use crate::figures;
use crate::promises::{PATIENCE, violation};
use crate::random::Random;
use crate::trail::note;

/// Connections of one actor at a time.
const MOST: usize = 3;
/// Bytes of the longest write.
const LONGEST: u64 = 100_000;
/// Nobody listens there.
const NOBODY: &str = "127.0.0.1:1";

#[derive(Debug)]
struct Connection {
    sent: u64,
    received: u64,
    /// The last event.
    since: Duration,
    /// The door that it leads to.
    door: Option<Handle>,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// To a place where nobody listens.
    ToNobody,
    Open,
    /// It has said that it sends no more: all bytes come back, then the end.
    HalfClosed,
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
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    pub(crate) fn connect(&mut self, cx: &Context, random: &mut Random) {
        if self.open.len() >= MOST {
            return;
        }
        let (address, door, state) = if random.once_in(8) {
            (NOBODY.to_owned(), None, State::ToNobody)
        } else {
            let Some((address, door)) = door::address() else {
                return;
            };
            (address, Some(door), State::Open)
        };
        let Ok(socket) = cx.socket_connect(&address, Duration::from_secs(10)) else {
            return;
        };
        figures::CONNECTS.count();
        note(cx, "connects", 0, socket.0 as u64);
        let connection = Connection {
            sent: 0,
            received: 0,
            since: cx.now(),
            door,
            state,
        };
        if self.open.insert(socket, connection).is_some() {
            violation(
                cx,
                "sockets",
                0,
                format_args!("socket {socket} was given out while it was open"),
            );
        }
    }

    /// Writes to one, says that it was all, or gives one up.
    pub(crate) fn go_on(&mut self, cx: &Context, random: &mut Random) {
        let Some((&socket, connection)) = self.open.iter_mut().next() else {
            return;
        };
        if connection.state != State::Open {
            return;
        }
        match random.below(8) {
            0 => self.close(cx, socket),
            1 => {
                note(cx, "resets", 0, socket.0 as u64);
                self.open.remove(&socket);
                // It may have failed, which its event will say too late.
                let _ = cx.socket_shutdown(socket, abi::SOCKET_ABORT);
            }
            2 => {
                note(cx, "half-closes", 0, socket.0 as u64);
                if cx.socket_shutdown(socket, abi::SOCKET_WRITE).is_ok() {
                    connection.state = State::HalfClosed;
                    connection.since = cx.now();
                }
            }
            _ => self.write(cx, socket, random),
        }
    }

    fn write(&mut self, cx: &Context, socket: SocketId, random: &mut Random) {
        let Some(connection) = self.open.get_mut(&socket) else {
            return;
        };
        if connection.state != State::Open {
            return;
        }
        let len = 1 + random.below(LONGEST);
        let bytes: Vec<u8> = (connection.sent..connection.sent + len)
            .map(byte_at)
            .collect();
        if cx.socket_write(socket, bytes.as_slice()).is_ok() {
            connection.sent += len;
            connection.since = cx.now();
        }
    }

    fn close(&mut self, cx: &Context, socket: SocketId) {
        note(cx, "closes", 0, socket.0 as u64);
        self.open.remove(&socket);
        // It may have failed.
        let _ = cx.socket_close(socket, Duration::from_secs(2));
    }

    /// Closes those that do not come to their end by themselves.
    pub(crate) fn close_open(&mut self, cx: &Context) {
        let is_open = |(&socket, connection): (&SocketId, &Connection)| {
            (connection.state == State::Open).then_some(socket)
        };
        let open: Vec<SocketId> = self.open.iter().filter_map(is_open).collect();
        for socket in open {
            self.close(cx, socket);
        }
    }

    pub(crate) fn event(&mut self, cx: &Context, event: &SocketEvent<'_>, random: &mut Random) {
        // Of one that was closed meanwhile.
        let Some(connection) = self.open.get_mut(&event.socket()) else {
            return;
        };
        connection.since = cx.now();
        match event {
            SocketEvent::Open { socket, .. } => {
                if connection.state == State::ToNobody {
                    violation(
                        cx,
                        "sockets",
                        0,
                        format_args!("somebody listens at {NOBODY}, or nobody and it seems so"),
                    );
                }
                if connection.sent == 0 {
                    self.write(cx, *socket, random);
                }
            }
            SocketEvent::Data { socket, data } => self.data(cx, *socket, data, random),
            SocketEvent::Close { socket } => {
                connection.ended(cx, *socket);
                self.close(cx, *socket);
            }
            SocketEvent::Error { socket, .. } => {
                if connection.state == State::ToNobody {
                    figures::REFUSALS.count();
                }
                self.close(cx, *socket);
            }
            _ => {}
        }
    }

    fn data(&mut self, cx: &Context, socket: SocketId, data: &[u8], random: &mut Random) {
        let Some(connection) = self.open.get_mut(&socket) else {
            return;
        };
        let first = connection.received;
        if let Some(wrong) = data
            .iter()
            .zip(first..)
            .find(|&(&byte, place)| byte != byte_at(place))
        {
            let text = format_args!("byte {} of the echo of socket {socket} is wrong", wrong.1);
            violation(cx, "sockets", 0, text);
        }
        connection.received += data.len() as u64;
        if connection.received > connection.sent {
            violation(
                cx,
                "sockets",
                0,
                format_args!(
                    "{} bytes came back of {}",
                    connection.received, connection.sent
                ),
            );
        }
        if connection.received == connection.sent {
            figures::ECHOES.count();
            match random.below(3) {
                _ if connection.state == State::HalfClosed => {}
                0 => self.close(cx, socket),
                _ => self.write(cx, socket, random),
            }
        }
    }

    pub(crate) fn check_overdue(&self, cx: &Context) {
        for (socket, connection) in &self.open {
            let waits = connection.received < connection.sent || connection.state != State::Open;
            if waits && cx.now().saturating_sub(connection.since) > PATIENCE {
                violation(
                    cx,
                    "sockets",
                    0,
                    format_args!("socket {socket} stands still: {connection:?}"),
                );
            }
        }
    }
}

impl Connection {
    /// The peer sends no more.
    fn ended(&self, cx: &Context, socket: SocketId) {
        if self.state != State::HalfClosed {
            return;
        }
        figures::HALF_CLOSES.count();
        // A door that was told to end may leave its connections at any time.
        let is_door_alive = self.door.is_some_and(|door| door::is_alive(cx, door));
        if self.received != self.sent && is_door_alive {
            violation(
                cx,
                "sockets",
                0,
                format_args!("socket {socket} ended too early: {self:?}"),
            );
        }
    }
}
