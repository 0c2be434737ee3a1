//! Connections: listening, dialling, and what becomes of a socket.

use std::borrow::Cow;
use std::time::Duration;

use skynet_service::abi::{
    SOCKET_ABORT, SOCKET_DATA, SOCKET_OPTION_DEAD_AFTER, SOCKET_OPTION_NODELAY,
};
use skynet_service::socket::{SocketEvent, SocketId};
use skynet_service::{Context, RawMessage, log};

use crate::connection::{Connection, Role, Stage};
use crate::harbor::Harbor;
use crate::peer::{Kind, Peer, State};
use crate::timer::Timer;

/// How long a connection may take to prove who is at its other end.
pub(crate) const PROOF: Duration = Duration::from_secs(3);
/// What still waits for a peer when this node closes its connection.
const LINGER: Duration = Duration::from_secs(1);
/// Strangers that the log is told of in a second.
const MOST_STRANGERS: u32 = 16;

impl Harbor {
    pub(crate) fn on_socket(&mut self, cx: &Context, message: &RawMessage<'_>) {
        if message.reason().0 == SOCKET_DATA {
            return self.on_data(cx, SocketId(message.session()), message.bytes());
        }
        match message.socket_event() {
            Some(SocketEvent::Open {
                socket, address, ..
            }) => self.on_open(cx, socket, &address),
            Some(SocketEvent::Accept {
                connection, peer, ..
            }) => {
                self.on_accept(cx, connection, &peer);
            }
            Some(SocketEvent::Close { socket }) => {
                self.on_end(cx, socket, Cow::Borrowed("its connection was closed"));
            }
            Some(SocketEvent::Error { socket, text }) => self.on_end(cx, socket, text),
            Some(SocketEvent::Warning { socket, kib }) => self.on_warning(cx, socket, kib),
            _ => {}
        }
    }

    fn on_open(&mut self, cx: &Context, socket: SocketId, address: &str) {
        if let Some(listener) = &mut self.listener
            && listener.socket == socket
        {
            if listener.address.is_empty() {
                address.clone_into(&mut listener.address);
                if let Some(asked) = listener.asked.take() {
                    self.answer(asked, &(address,));
                }
                self.start_listening(cx);
            }
            return;
        }
        let Some(mut connection) = self.connections.remove(&socket) else {
            return;
        };
        if connection.stage != Stage::Connecting {
            self.connections.insert(socket, connection);
            return;
        }
        if connection.role == Role::Probe {
            // It lives, and will dial.
            let _ = cx.socket_close(socket, LINGER);
            if let Some(peer) = self.peers.get(connection.peer) {
                peer.attempt = None;
            }
            self.dial_later(cx, connection.peer);
            return;
        }
        connection.stage = Stage::IdByte;
        Timer::Proof(socket.0).set(cx, PROOF);
        self.tune(cx, socket);
        let id = self.my_id();
        let written = cx.socket_write(socket, &[id][..]);
        self.connections.insert(socket, connection);
        if let Err(error) = written {
            log::debug!("{error}");
        }
    }

    /// Takes connections, once there is an id to answer with.
    pub(crate) fn start_listening(&mut self, cx: &Context) {
        if let (Some(listener), Some(_)) = (&self.listener, self.me)
            && !listener.address.is_empty()
            && let Err(error) = cx.socket_start(listener.socket)
        {
            log::error!("the harbor takes no connections: {error}");
        }
    }

    /// Takes no more connections.
    pub(crate) fn stop_listening(&mut self, cx: &Context) {
        if let Some(listener) = self.listener.take() {
            let _ = cx.socket_close(listener.socket, Duration::ZERO);
        }
    }

    fn on_accept(&mut self, cx: &Context, socket: SocketId, from: &str) {
        let unproven = self.connections.values().filter(|connection| {
            connection.role == Role::Acceptor && connection.stage != Stage::Up
        });
        let unproven = unproven.count();
        if unproven >= self.settings.unproven {
            self.complain(cx, || {
                format!("a connection from {from} is turned away: {unproven} have not proven yet who they are")
            });
            let _ = cx.socket_shutdown(socket, SOCKET_ABORT);
            return;
        }
        let Some(nonce) = self.nonce() else {
            let _ = cx.socket_shutdown(socket, SOCKET_ABORT);
            return;
        };
        self.connections
            .insert(socket, Connection::new(Role::Acceptor, 0, nonce));
        Timer::Proof(socket.0).set(cx, PROOF);
        self.tune(cx, socket);
        if let Err(error) = cx.socket_start(socket) {
            log::debug!("{error}");
        }
    }

    fn tune(&self, cx: &Context, socket: SocketId) {
        // Both hold or the connection is about to end.
        let _ = cx.socket_set(socket, SOCKET_OPTION_NODELAY, 1);
        let silence = u64::try_from(self.settings.heartbeat.as_millis()).unwrap_or(u64::MAX);
        let _ = cx.socket_set(socket, SOCKET_OPTION_DEAD_AFTER, silence);
    }

    fn on_data(&mut self, cx: &Context, socket: SocketId, bytes: &[u8]) {
        // Taken out while it is read, because what comes may end any connection.
        let Some(mut connection) = self.connections.remove(&socket) else {
            return;
        };
        let read = if connection.stage == Stage::Up {
            self.read_link(cx, &mut connection, socket, bytes)
        } else {
            self.read_greeting(cx, &mut connection, socket, bytes)
        };
        let id = connection.peer;
        match read {
            Ok(()) if self.is_dropped(socket, &connection) => {
                let _ = cx.socket_close(socket, LINGER);
            }
            Ok(()) => {
                self.connections.insert(socket, connection);
            }
            Err(text) => {
                let who = if id == 0 {
                    "somebody".to_owned()
                } else {
                    format!("node {id}")
                };
                let news = format!("the connection of {who} is closed: {text}");
                if connection.stage == Stage::Up {
                    log::warn!("{news}");
                } else {
                    self.tell_of_stranger(cx, &news);
                }
                let _ = cx.socket_shutdown(socket, SOCKET_ABORT);
                self.broken(cx, socket, id, &text);
            }
        }
    }

    /// What came makes no sense.
    fn broken(&mut self, cx: &Context, socket: SocketId, id: u8, why: &str) {
        let is_link = self
            .peers
            .get(id)
            .is_some_and(|peer| peer.link == Some(socket));
        if is_link {
            // What was counted on this link cannot be trusted: the next one begins anew.
            self.end_life(cx, id, why);
        }
        self.ended(cx, socket, id, why);
    }

    /// Whether a proven connection was replaced or given up while it was read.
    fn is_dropped(&mut self, socket: SocketId, connection: &Connection) -> bool {
        connection.stage == Stage::Up
            && self.peers.get(connection.peer).and_then(|peer| peer.link) != Some(socket)
    }

    /// Closes a connection that is not needed any more.
    pub(crate) fn drop_connection(&mut self, cx: &Context, socket: SocketId) {
        self.connections.remove(&socket);
        if let Err(error) = cx.socket_close(socket, LINGER) {
            log::debug!("{error}");
        }
    }

    fn on_end(&mut self, cx: &Context, socket: SocketId, text: Cow<'_, str>) {
        if self
            .listener
            .as_ref()
            .is_some_and(|listener| listener.socket == socket)
        {
            return self.on_listener_error(cx, &text);
        }
        let Some(connection) = self.connections.remove(&socket) else {
            return;
        };
        let _ = cx.socket_close(socket, Duration::ZERO);
        let id = connection.peer;
        if connection.role == Role::Probe {
            return self.probed(cx, id, &text);
        }
        if connection.stage == Stage::Connecting {
            self.not_reached(cx, id, &text);
        }
        self.ended(cx, socket, id, &text);
    }

    fn on_listener_error(&mut self, cx: &Context, text: &str) {
        let Some(listener) = &mut self.listener else {
            return;
        };
        if listener.address.is_empty() {
            if let Some(asked) = listener.asked.take() {
                asked.reply_error(skynet_service::Reason::FAILED, text);
            }
            self.listener = None;
        } else {
            self.complain(cx, || format!("a connection cannot be taken: {text}"));
        }
    }

    /// A connection is over; `id` may have lost its link, or the attempt at one.
    fn ended(&mut self, cx: &Context, socket: SocketId, id: u8, why: &str) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if peer.link == Some(socket) {
            return self.cut(cx, id, why);
        }
        if peer.attempt == Some(socket) {
            peer.attempt = None;
            self.dial_later(cx, id);
        }
    }

    /// Nobody listens where a peer did: its process has ended.
    fn not_reached(&mut self, cx: &Context, id: u8, text: &str) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if matches!(peer.state, State::Cut) && is_refused(text) {
            self.lose(cx, id, "its process has ended");
        }
    }

    /// The answer to a probe: nobody listens there.
    fn probed(&mut self, cx: &Context, id: u8, text: &str) {
        if let Some(peer) = self.peers.get(id) {
            peer.attempt = None;
        }
        self.not_reached(cx, id, text);
        self.dial_later(cx, id);
    }

    fn on_warning(&mut self, cx: &Context, socket: SocketId, kib: u64) {
        let Some(connection) = self.connections.get(&socket) else {
            return;
        };
        let id = connection.peer;
        if let Some(peer) = self.peers.get(id)
            && peer.link == Some(socket)
        {
            peer.congested = kib > 0;
            if kib == 0 {
                peer.acknowledge();
                self.flush_peer(cx, id);
            }
        }
    }

    /// Connects to a peer: to link with it, or to see whether it lives.
    pub(crate) fn dial(&mut self, cx: &Context, id: u8, role: Role) {
        let Some(nonce) = self.nonce() else {
            return;
        };
        let timeout = self.settings.heartbeat;
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if peer.attempt.is_some() || peer.address.is_empty() {
            return;
        }
        match cx.socket_connect(&peer.address, timeout) {
            Ok(socket) => {
                peer.attempt = Some(socket);
                self.connections
                    .insert(socket, Connection::new(role, id, nonce));
            }
            Err(error) => {
                log::warn!("node {id}: {error}");
                self.dial_later(cx, id);
            }
        }
    }

    /// Dials a peer again after a pause, if that is for this node to do, or sees again whether it lives.
    pub(crate) fn dial_later(&mut self, cx: &Context, id: u8) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if again(peer).is_some() {
            let pause = peer.next_pause();
            Timer::Dial(id, peer.generation).set(cx, pause);
        }
    }

    /// It is time to dial a peer again.
    pub(crate) fn redial(&mut self, cx: &Context, id: u8, generation: u32) {
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        if peer.generation == generation
            && let Some(role) = again(peer)
        {
            self.dial(cx, id, role);
        }
    }

    /// A connection has had its time to prove who is at its other end.
    pub(crate) fn on_proof_due(&mut self, cx: &Context, socket: SocketId) {
        let is_late = self
            .connections
            .get(&socket)
            .is_some_and(|connection| connection.stage != Stage::Up);
        if !is_late {
            return;
        }
        let Some(connection) = self.connections.remove(&socket) else {
            return;
        };
        let id = connection.peer;
        let news =
            format!("a connection is closed: it has not proven in time that it is node {id}");
        self.tell_of_stranger(cx, &news);
        let _ = cx.socket_shutdown(socket, SOCKET_ABORT);
        self.ended(cx, socket, id, "it has not proven in time who it is");
    }

    /// Tells of somebody who has not proven who it is. Whoever can connect must not be able to fill the log.
    fn tell_of_stranger(&mut self, cx: &Context, news: &str) {
        let (since, told) = &mut self.strangers;
        if cx.now() >= *since + Duration::from_secs(1) {
            (*since, *told) = (cx.now(), 0);
        }
        *told += 1;
        if *told <= MOST_STRANGERS {
            log::warn!("{news}");
        }
    }

    fn nonce(&self) -> Option<[u8; 16]> {
        let mut nonce = [0; 16];
        match getrandom::fill(&mut nonce) {
            Ok(()) => Some(nonce),
            Err(error) => {
                log::error!("no random numbers for a connection: {error}");
                None
            }
        }
    }
}

/// Whether a peer is to be dialled again, and what for.
fn again(peer: &Peer) -> Option<Role> {
    if peer.link.is_some() {
        return None;
    }
    if peer.dials {
        let may_come = peer.kind != Kind::Unmodified || matches!(peer.state, State::Joining);
        return may_come.then_some(Role::Dialer);
    }
    // A process that is being killed may have closed its connection, but not yet the port that it listens on.
    let is_asked = matches!(peer.state, State::Cut) && peer.keeps_listening;
    is_asked.then_some(Role::Probe)
}

/// Whether an error of a connection says that nobody listens there.
fn is_refused(text: &str) -> bool {
    text.contains("refused")
}
