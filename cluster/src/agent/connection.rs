//! The socket of an agent.

use std::time::Duration;

use skynet_cluster_wire::{Framer, Limits, MAX_FRAME, Reassembler, Request};
use skynet_seri::pack;
use skynet_service::abi::{SOCKET_DATA, SOCKET_OPTION_DEAD_AFTER, SOCKET_OPTION_NODELAY};
use skynet_service::socket::{SocketEvent, SocketId};
use skynet_service::{Context, KIND_LUA, RawMessage, log};

use super::Agent;
use super::greeting::Stage;
use super::requests::Begun;
use crate::bytes::Bytes;
use crate::transport::Transport;

/// How long the other end may take to prove who it is.
const PROOF: Duration = Duration::from_secs(3);
/// The longest frame of somebody who has proven nothing: far more than a proof needs.
const UNPROVEN_FRAME: usize = 4096;
/// Requests that come in parts at a time.
const OPEN_REQUESTS: usize = 64;
/// Bytes that are written before others have their turn.
const BURST: usize = 256 << 10;
/// How long what was written may take to leave when this end closes.
const LINGER: Duration = Duration::from_secs(1);

/// Requests that come in parts.
pub(super) type Requests = Reassembler<Bytes, Begun>;

/// A connection of another node.
#[derive(Debug)]
pub(super) struct Connection {
    socket: SocketId,
    transport: Transport,
    framer: Framer,
    requests: Requests,
    /// When something came last.
    heard: Duration,
    /// When that was last looked at.
    watched: Duration,
}

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timer {
    /// The other end must have proven by now who it is.
    Proof,
    /// Look whether one of ours is still heard.
    Silence,
}

impl Timer {
    pub(super) const fn from_number(number: u64) -> Self {
        if number == Self::Proof as u64 {
            Self::Proof
        } else {
            Self::Silence
        }
    }

    pub(super) fn set(self, cx: &Context, delay: Duration) {
        if let Err(error) = cx.timer_set(delay, self as u64) {
            log::error!("a timer of a cluster agent cannot be set: {error}");
        }
    }
}

impl Agent {
    /// Takes a connection over.
    pub(super) fn begin(&mut self, cx: &Context, socket: SocketId, tls: bool) {
        let transport = if tls {
            Transport::server(cx)
        } else {
            Ok(Transport::Plain)
        };
        let transport = match transport {
            Ok(transport) => transport,
            Err(text) => {
                log::error!(
                    "a cluster connection from {} is turned away: {text}",
                    self.from
                );
                let _ = cx.socket_close(socket, Duration::ZERO);
                return cx.exit();
            }
        };
        // Both hold, or the connection is about to end.
        let _ = cx.socket_set(socket, SOCKET_OPTION_NODELAY, 1);
        let silence = u64::try_from(self.settings.heartbeat.as_millis()).unwrap_or(u64::MAX);
        let _ = cx.socket_set(socket, SOCKET_OPTION_DEAD_AFTER, silence);
        let now = cx.now();
        let mut connection = Connection {
            socket,
            transport,
            framer: Framer::new(),
            requests: Reassembler::new(Limits {
                message: self.settings.max_message,
                open: OPEN_REQUESTS,
                bytes: self.settings.reassembly,
            }),
            heard: now,
            watched: now,
        };
        connection.framer.limit(UNPROVEN_FRAME);
        if self.wants_proof || tls {
            Timer::Proof.set(cx, PROOF);
        }
        self.after_transport(cx, &mut connection);
        self.connection = Some(Box::new(connection));
        if let Err(error) = cx.socket_start(socket) {
            self.end(cx, &error.to_string());
        }
    }

    /// Goes on when the transport is ready.
    fn after_transport(&mut self, cx: &Context, connection: &mut Connection) {
        if self.stage != Stage::Transport || !connection.transport.is_ready() {
            return;
        }
        self.binding = connection.transport.binding();
        if self.wants_proof {
            self.stage = Stage::Unproven;
        } else {
            self.open(cx, &mut connection.framer);
        }
    }

    /// The other end has proven what it has to.
    fn open(&mut self, cx: &Context, framer: &mut Framer) {
        self.stage = Stage::Open;
        framer.limit(MAX_FRAME);
        let told = pack!("proven").map(|body| cx.send(self.clusterd, KIND_LUA, body));
        if let Ok(Err(error)) = told {
            log::debug!("{error}");
        }
    }

    #[inline]
    pub(super) fn on_socket(&mut self, cx: &Context, message: &RawMessage<'_>) {
        if message.reason().0 == SOCKET_DATA {
            return self.on_data(cx, message.bytes());
        }
        match message.socket_event() {
            Some(SocketEvent::Close { .. }) => self.end(cx, "it has closed the connection"),
            Some(SocketEvent::Error { text, .. }) => self.end(cx, &text),
            Some(SocketEvent::Warning { socket, kib }) => self.on_warning(cx, socket, kib),
            _ => {}
        }
    }

    /// Who takes no answers is asked for no more questions until that is over.
    fn on_warning(&mut self, cx: &Context, socket: SocketId, kib: u64) {
        let was_congested = std::mem::replace(&mut self.congested, kib > 0);
        if self.congested != was_congested {
            let paused = if self.congested {
                cx.socket_pause(socket)
            } else {
                cx.socket_start(socket)
            };
            if let Err(error) = paused {
                log::debug!("{error}");
            }
        }
        if let Some(connection) = &mut self.connection {
            connection.heard = cx.now();
        }
        self.flush(cx);
    }

    fn on_data(&mut self, cx: &Context, chunk: &[u8]) {
        // Taken out while it is read.
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let read = self.read(cx, &mut connection, chunk);
        connection.heard = cx.now();
        self.connection = Some(connection);
        if let Err(text) = read {
            self.end(cx, &text);
        }
    }

    fn read(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        chunk: &[u8],
    ) -> Result<(), String> {
        if self.stage != Stage::Open {
            return self.read_unproven(cx, connection, chunk);
        }
        let Connection {
            socket,
            transport,
            framer,
            requests,
            ..
        } = connection;
        let plain = transport.read(cx, *socket, chunk)?;
        self.read_requests(cx, framer, requests, plain)
    }

    #[inline]
    fn read_requests(
        &mut self,
        cx: &Context,
        framer: &mut Framer,
        requests: &mut Requests,
        mut bytes: &[u8],
    ) -> Result<(), String> {
        while let Some(frame) = framer.next(&mut bytes).map_err(|error| error.to_string())? {
            match Request::parse(frame) {
                Ok(request) if self.is_ours || !request.is_extension() => {
                    self.on_request(cx, requests, request);
                }
                // As an unmodified node does: what follows may be right.
                Ok(_) => self.complain(cx, || "a frame of an unknown type is skipped".to_owned()),
                Err(error) => self.complain(cx, || format!("a frame is skipped: {error}")),
            }
        }
        Ok(())
    }

    /// Reads what comes before a proof.
    fn read_unproven(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        chunk: &[u8],
    ) -> Result<(), String> {
        // Copied, because it is answered while it is read.
        let plain = connection.transport.read(cx, connection.socket, chunk)?;
        let plain = plain.to_vec();
        let mut plain = &plain[..];
        self.after_transport(cx, connection);
        if self.stage == Stage::Transport {
            return Ok(());
        }
        let Connection {
            framer, requests, ..
        } = connection;
        while self.stage == Stage::Unproven {
            let frame = framer.next(&mut plain).map_err(|error| error.to_string())?;
            let Some(frame) = frame else {
                return Ok(());
            };
            let request = Request::parse(frame).map_err(|error| error.to_string())?;
            if self.on_unproven(cx, &request)? {
                self.open(cx, framer);
            }
        }
        self.read_requests(cx, framer, requests, plain)
    }

    pub(super) fn on_timer(&mut self, cx: &Context, timer: Timer) {
        match timer {
            Timer::Proof if self.stage == Stage::Open => {}
            Timer::Proof => self.end(cx, "it has not proven in time who it is"),
            Timer::Silence => self.watch_silence(cx),
        }
    }

    /// Looks whether the other end, one of ours, is still heard.
    fn watch_silence(&mut self, cx: &Context) {
        let now = cx.now();
        let heartbeat = self.heartbeat;
        let Some(connection) = &mut self.connection else {
            return;
        };
        let pause = heartbeat / 2;
        // This node was stopped, or very busy: what has come meanwhile may not have been read yet.
        if now.saturating_sub(connection.watched) > pause * 2 {
            connection.heard = connection.heard.max(now.saturating_sub(pause));
        }
        connection.watched = now;
        let silence = now.saturating_sub(connection.heard);
        // While it is not read, it is for TCP to notice.
        if silence >= heartbeat && !self.congested {
            let text = format!("it was silent for {} ms", silence.as_millis());
            return self.end(cx, &text);
        }
        Timer::Silence.set(
            cx,
            pause.min(heartbeat.saturating_sub(silence)).max(pause / 4),
        );
    }

    /// The connection is over, and so is the agent. What was asked goes on, and is answered to nobody.
    pub(super) fn end(&mut self, cx: &Context, why: &str) {
        log::info!("cluster connection from {} ends: {why}", self.from);
        while !self.congested && self.write_chunk(cx) {}
        if let Some(mut connection) = self.connection.take() {
            connection.transport.end(cx, connection.socket);
            let _ = cx.socket_close(connection.socket, LINGER);
        }
        cx.exit();
    }

    /// Something waits to be written: soon, together with what comes until then.
    #[inline]
    pub(super) fn mark(&mut self, cx: &Context) {
        if self.outbox.is_batch() && !self.congested {
            self.write_chunk(cx);
        }
        if !self.flushing {
            // It goes to the end of the mailbox: what is there already is written together.
            self.flushing = cx.wake(0);
        }
    }

    /// Writes what there is, as far as the connection takes it and others have waited.
    pub(super) fn flush(&mut self, cx: &Context) {
        if self.outbox.bytes() > self.settings.queue_bytes {
            let text = format!(
                "it asks and does not take the answers: {} bytes wait, cluster_queue_bytes is {}",
                self.outbox.bytes(),
                self.settings.queue_bytes
            );
            self.congested = true;
            return self.end(cx, &text);
        }
        let mut written = 0;
        while !self.congested && written < BURST {
            let before = self.outbox.bytes();
            if !self.write_chunk(cx) {
                return;
            }
            written += before - self.outbox.bytes();
        }
        if !self.congested && !self.flushing {
            self.flushing = cx.wake(0);
        }
    }

    /// Writes the next bytes; false if there is nothing to write, or nowhere.
    pub(super) fn write_chunk(&mut self, cx: &Context) -> bool {
        let Some(connection) = &mut self.connection else {
            return false;
        };
        if !connection.transport.is_ready() {
            return false;
        }
        let Some(chunk) = self.outbox.next_chunk() else {
            return false;
        };
        let written = connection.transport.write(cx, connection.socket, chunk);
        if let Err(error) = written {
            // Its end comes as an event of its own.
            log::debug!("cluster connection from {}: {error}", self.from);
            return false;
        }
        true
    }
}
