//! The socket of an agent.

use std::time::Duration;

use skynet_cluster_wire::{Framer, Limits, MAX_FRAME, Reassembler, Request};
use skynet_seri::pack;
use skynet_service::abi::SOCKET_DATA;
use skynet_service::socket::{SocketEvent, SocketId};
use skynet_service::{Context, KIND_LUA, RawMessage, log};

use super::Agent;
use super::greeting::Stage;
use super::requests::Requests;
use super::timer::Timer;
use crate::line::Line;
use crate::transport::Transport;

/// How long the other end may take to prove who it is.
const PROOF: Duration = Duration::from_secs(3);
/// The longest frame of somebody who has proven nothing: far more than a proof needs.
const UNPROVEN_FRAME: usize = 4096;
/// Requests that come in parts at a time. An unmodified node begins all of them before it sends the first part; what they
/// take up is bounded by itself.
const OPEN_REQUESTS: usize = 1024;

/// A connection of another node.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) line: Line,
    requests: Requests,
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
                if self.may_be_told() {
                    log::error!(
                        "a cluster connection from {} is turned away: {text}",
                        self.from
                    );
                }
                let _ = cx.socket_close(socket, Duration::ZERO);
                return cx.exit();
            }
        };
        let mut connection = Connection {
            line: Line::new(cx, socket, transport, self.settings.heartbeat),
            requests: Reassembler::new(Limits {
                message: self.settings.max_message,
                open: OPEN_REQUESTS,
                bytes: self.settings.reassembly,
            }),
        };
        connection.line.framer.limit(UNPROVEN_FRAME);
        if self.wants_proof || tls {
            Timer::Proof.set(cx, PROOF);
        }
        self.after_transport(cx, &mut connection.line);
        self.connection = Some(Box::new(connection));
        if let Err(error) = cx.socket_start(socket) {
            self.end(cx, &error.to_string());
        }
    }

    /// Goes on when the transport is ready.
    fn after_transport(&mut self, cx: &Context, line: &mut Line) {
        if self.stage != Stage::Transport || !line.transport.is_ready() {
            return;
        }
        self.binding = line.transport.binding();
        if self.wants_proof {
            self.stage = Stage::Unproven;
        } else {
            self.open(cx, &mut line.framer);
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
        let was_congested = std::mem::replace(&mut self.output.congested, kib > 0);
        if self.output.congested != was_congested {
            let paused = if self.output.congested {
                cx.socket_pause(socket)
            } else {
                cx.socket_start(socket)
            };
            if let Err(error) = paused {
                log::debug!("{error}");
            }
        }
        if let Some(connection) = self.connection.as_deref_mut() {
            connection.line.heard = cx.now();
            self.output.flush(cx, Some(&mut connection.line));
        }
    }

    fn on_data(&mut self, cx: &Context, chunk: &[u8]) {
        // Taken out while it is read.
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let read = self.read(cx, &mut connection, chunk);
        connection.line.heard = cx.now();
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
        let Connection { line, requests } = connection;
        let plain = line.transport.read(cx, line.socket, chunk)?;
        self.read_requests(cx, &mut line.framer, requests, plain)
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
        let Connection { line, requests } = connection;
        let plain = line.transport.read(cx, line.socket, chunk)?.to_vec();
        let mut plain = &plain[..];
        self.after_transport(cx, line);
        if self.stage == Stage::Transport {
            return Ok(());
        }
        let framer = &mut line.framer;
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
        let silence = connection.line.silence(now, pause);
        // While it is not read, it is for TCP to notice.
        if silence >= heartbeat && !self.output.congested {
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
        if self.may_be_told() {
            log::info!("cluster connection from {} ends: {why}", self.from);
        } else {
            log::debug!("cluster connection from {} ends: {why}", self.from);
        }
        if let Some(mut connection) = self.connection.take() {
            self.output.drain(cx, Some(&mut connection.line));
            connection.line.close(cx);
        }
        cx.exit();
    }

    /// Something waits to be written.
    #[inline]
    pub(super) fn mark(&mut self, cx: &Context) {
        let connection = self.connection.as_deref_mut();
        let line = connection.map(|connection| &mut connection.line);
        self.output.mark(cx, line);
    }

    /// The message that makes what waits be written is here.
    pub(super) fn on_wake(&mut self, cx: &Context) {
        let connection = self.connection.as_deref_mut();
        let line = connection.map(|connection| &mut connection.line);
        self.output.on_wake(cx, line);
    }
}
