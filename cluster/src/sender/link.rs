//! The connection to the other node: dialled when it is needed, and again when it was lost.

use std::borrow::Cow;
use std::time::Duration;

use skynet_cluster_wire::{ClientHello, Limits, Reassembler, Response};
use skynet_seri::{Reader, ValueRef};
use skynet_service::abi::{SOCKET_ABORT, SOCKET_DATA};
use skynet_service::socket::{SocketEvent, SocketId};
use skynet_service::{Context, Error, RawMessage, Reason, Result, log};

use super::Sender;
use super::greeting::{Expected, Verdict, judge};
use super::pulse::Pulse;
use super::timer::Timer;
use super::{life, losses};
use crate::bytes::Bytes;
use crate::line::Line;
use crate::table::{Address, Scheme};
use crate::transport::Transport;

/// How long a connection may take to say who is at its other end, at least.
const GREETING: Duration = Duration::from_secs(3);
/// Pauses between two dials that nobody waits for.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How far the connection is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum State {
    Down,
    Dialling,
    /// It is made, and not known yet what is at its other end.
    Greeting,
    Up,
}

/// A connection that is made.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) line: Line,
    /// How much of what was written was taken.
    pub(super) pulse: Pulse,
    /// Answers that come in parts.
    pub(super) answers: Reassembler<Bytes, ()>,
    /// What the other end is to say of itself; nothing more when it is up.
    expected: Expected,
    /// When it was up.
    since: Duration,
}

impl Sender {
    /// The node has another address, or is down.
    pub(super) fn on_change_node(
        &mut self,
        cx: &Context,
        message: &mut RawMessage<'_>,
    ) -> Result<()> {
        if message.source() != self.clusterd {
            return Err(Error::refused("only clusterd says where a node is"));
        }
        let mut values = Reader::new(message.bytes()).skip(1);
        let address = match values.next().transpose()? {
            Some(value @ ValueRef::String(_)) => {
                Some(Address::parse(value.as_str().unwrap_or_default())?)
            }
            Some(ValueRef::Boolean(false)) => None,
            _ => return Err(Error::msg("wanted an address or false")),
        };
        cx.reply(message, "")?;
        if address == self.address {
            return Ok(());
        }
        let why = match (&self.address, &address) {
            (Some(old), Some(new)) => format!("its address has changed from {old} to {new}"),
            (_, None) => "the configuration says that it is down".to_owned(),
            (None, Some(new)) => format!("it is at {new} now"),
        };
        self.address = address;
        let was_up = self.state == State::Up;
        self.hang_up(cx);
        if was_up {
            self.fail_pending(cx, &why);
        }
        self.pause = Duration::ZERO;
        if self.address.is_some() {
            self.dial_now(cx);
        } else {
            let text = self.down_text();
            self.fail_waiting(cx, &text);
        }
        Ok(())
    }

    pub(super) fn down_text(&self) -> String {
        format!("node {} is down: the configuration says so", self.node)
    }

    /// Connects, unless that is done or under way.
    pub(super) fn dial_now(&mut self, cx: &Context) {
        if self.state != State::Down {
            return;
        }
        self.cancel_redial(cx);
        self.generation = self.generation.wrapping_add(1);
        let Some(address) = &self.address else {
            return;
        };
        match cx.socket_connect(address.host_port(), self.settings.heartbeat) {
            Ok(socket) => {
                self.state = State::Dialling;
                self.socket = Some(socket);
            }
            Err(error) => self.not_reached(cx, &error.to_string()),
        }
    }

    #[inline]
    pub(super) fn on_socket(&mut self, cx: &Context, message: &RawMessage<'_>) {
        let socket = SocketId(message.session());
        if self.socket != Some(socket) {
            return;
        }
        if message.reason().0 == SOCKET_DATA {
            return self.on_data(cx, message.bytes());
        }
        match message.socket_event() {
            Some(SocketEvent::Open { .. }) => self.on_open(cx, socket),
            Some(SocketEvent::Close { .. }) => {
                let why = if self.state == State::Greeting {
                    "it has closed the connection before it has said what it is: it is full, or wants TLS (tls://)"
                } else {
                    "it has closed the connection"
                };
                self.on_end(cx, Cow::Borrowed(why));
            }
            Some(SocketEvent::Error { text, .. }) => self.on_end(cx, text),
            Some(SocketEvent::Warning { kib, .. }) => {
                self.output.congested = kib > 0;
                self.flush(cx);
            }
            _ => {}
        }
    }

    fn on_open(&mut self, cx: &Context, socket: SocketId) {
        let (State::Dialling, Some(address)) = (self.state, &self.address) else {
            return;
        };
        let transport = match address.scheme() {
            Scheme::Tls => Transport::client(cx, address.host()),
            Scheme::Plain | Scheme::Skynet => Ok(Transport::Plain),
        };
        let transport = match transport {
            Ok(transport) => transport,
            Err(text) => return self.on_end(cx, Cow::Owned(text)),
        };
        self.state = State::Greeting;
        Timer::Greeting(self.generation).set(cx, GREETING.max(self.settings.heartbeat));
        let mut connection = Box::new(Connection {
            line: Line::new(cx, socket, transport, self.settings.heartbeat),
            answers: Reassembler::new(Limits {
                message: self.settings.max_message,
                open: self.settings.max_calls,
                bytes: self.settings.reassembly,
            }),
            pulse: Pulse::default(),
            expected: Expected::Transport,
            since: cx.now(),
        });
        let greeted = self.greet(cx, &mut connection);
        self.connection = Some(connection);
        if let Err(text) = greeted {
            self.on_end(cx, Cow::Owned(text));
        }
    }

    /// Says hello as soon as the transport lets it.
    fn greet(&mut self, cx: &Context, connection: &mut Connection) -> Result<(), String> {
        if !connection.line.transport.is_ready() {
            return Ok(());
        }
        let mut nonce = [0; 16];
        getrandom::fill(&mut nonce).map_err(|error| format!("no random numbers: {error}"))?;
        let hello = ClientHello {
            nonce,
            heartbeat_ms: u32::try_from(self.settings.heartbeat.as_millis()).unwrap_or(u32::MAX),
            flags: 0,
        };
        connection.expected = Expected::Hello(hello);
        probe(cx, connection, &hello.write())
    }

    fn on_data(&mut self, cx: &Context, chunk: &[u8]) {
        // Taken out while it is read.
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let read = if self.state == State::Up {
            self.read(cx, &mut connection, chunk)
        } else {
            self.read_greeting(cx, &mut connection, chunk)
        };
        connection.line.heard = cx.now();
        for _ in 0..std::mem::take(&mut self.signs) {
            connection.pulse.answered();
        }
        let socket = connection.line.socket;
        self.connection = Some(connection);
        if let Err(text) = read {
            // Before, the transport may have told it what is wrong.
            if self.state == State::Up {
                let _ = cx.socket_shutdown(socket, SOCKET_ABORT);
            }
            self.on_end(cx, Cow::Owned(text));
        }
    }

    fn read(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        chunk: &[u8],
    ) -> Result<(), String> {
        let Connection { line, answers, .. } = connection;
        let plain = line.transport.read(cx, line.socket, chunk)?;
        self.read_answers(cx, &mut line.framer, answers, plain)
    }

    /// Reads what the other end says of itself.
    fn read_greeting(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        chunk: &[u8],
    ) -> Result<(), String> {
        // Copied, because it may be answered while it is read. It is short, once for each connection.
        let line = &mut connection.line;
        let plain = line.transport.read(cx, line.socket, chunk)?.to_vec();
        let mut plain = &plain[..];
        if matches!(connection.expected, Expected::Transport) {
            return self.greet(cx, connection);
        }
        let is_unmodified = self
            .address
            .as_ref()
            .is_some_and(|address| address.scheme() == Scheme::Skynet);
        let secret = self.settings.secret.as_ref().filter(|_| !is_unmodified);
        let binding = line.transport.binding();
        let is_ours = loop {
            let frame = connection.line.framer.next(&mut plain);
            let Some(frame) = frame.map_err(|error| error.to_string())? else {
                return Ok(());
            };
            let answer = Response::parse(frame).map_err(|error| error.to_string())?;
            match judge(&connection.expected, &answer, secret, binding)? {
                Verdict::Prove(proof) => {
                    connection.expected = Expected::Proven;
                    probe(cx, connection, &proof.write())?;
                }
                Verdict::Unmodified => break false,
                Verdict::Ours => break true,
            }
        };
        self.up(cx, connection, is_ours);
        let Connection { line, answers, .. } = connection;
        self.read_answers(cx, &mut line.framer, answers, plain)
    }

    fn up(&mut self, cx: &Context, connection: &mut Connection, is_ours: bool) {
        self.state = State::Up;
        self.is_ours = is_ours;
        self.counts.connects += 1;
        connection.since = cx.now();
        log::info!(
            "cluster node {} is connected{}",
            self.node,
            if is_ours { "" } else { ", an unmodified one" }
        );
        self.beat_later(cx);
        self.send_waiting(cx);
    }

    /// The connection, or the attempt at one, is over.
    pub(super) fn on_end(&mut self, cx: &Context, why: Cow<'_, str>) {
        let was_up = self.state == State::Up;
        let lived = self
            .connection
            .as_ref()
            .map_or(Duration::ZERO, |connection| {
                cx.now().saturating_sub(connection.since)
            });
        // Nothing that is left to write would be read.
        self.output.congested = true;
        self.hang_up(cx);
        if !was_up {
            return self.not_reached(cx, &why);
        }
        // One that comes and goes is not dialled more and more often.
        if lived >= self.settings.heartbeat {
            self.pause = Duration::ZERO;
        }
        self.fail_pending(cx, &why);
        self.dial_later(cx);
    }

    /// Nobody could be reached.
    fn not_reached(&mut self, cx: &Context, why: &str) {
        let address = self.address.as_ref().map_or("", Address::text);
        let text = format!("node {} cannot be reached at {address}: {why}", self.node);
        if self.waiting.is_empty() {
            log::debug!("{text}");
        } else {
            self.complain(cx, || text.clone());
        }
        self.fail_waiting(cx, &text);
        self.dial_later(cx);
    }

    /// Dials again after a pause.
    fn dial_later(&mut self, cx: &Context) {
        self.pause = (self.pause * 2).clamp(FIRST_PAUSE, LAST_PAUSE);
        self.generation = self.generation.wrapping_add(1);
        self.cancel_redial(cx);
        self.redial = Timer::Dial(self.generation).set(cx, self.pause);
    }

    fn cancel_redial(&mut self, cx: &Context) {
        if let Some(timer) = self.redial.take() {
            cx.timer_cancel(timer);
        }
    }

    /// Closes the connection, or gives the attempt at one up.
    fn hang_up(&mut self, cx: &Context) {
        self.state = State::Down;
        self.generation = self.generation.wrapping_add(1);
        let socket = self.socket.take();
        if let Some(mut connection) = self.connection.take() {
            // What was accepted for it goes with it as far as the socket takes it.
            self.output.drain(cx, Some(&mut connection.line));
            connection.line.close(cx);
        } else if let Some(socket) = socket {
            let _ = cx.socket_close(socket, Duration::ZERO);
        }
        let lost = losses::pushes(&self.output.outbox);
        if lost > 0 {
            self.counts.dropped += lost;
            log::warn!(
                "cluster node {}: {lost} messages that waited to be written are lost with the connection",
                self.node
            );
        }
        self.output.clear();
    }

    /// All calls that wait for an answer have failed.
    fn fail_pending(&mut self, cx: &Context, why: &str) {
        let failed = self.pending.drain();
        let text = format!("node {} is lost: {why}", self.node);
        if failed.is_empty() {
            log::info!("cluster {text}");
        } else {
            log::warn!("cluster {text}; {} calls have failed", failed.len());
        }
        for caller in failed {
            self.fail(cx, caller.handle, caller.session, Reason::NODE_LOST, &text);
        }
    }

    /// What waits for a connection has waited in vain.
    fn fail_waiting(&mut self, cx: &Context, text: &str) {
        self.waiting_bytes = 0;
        for waiting in std::mem::take(&mut self.waiting) {
            self.refuse(cx, &waiting, Reason::NODE_LOST, text);
        }
    }

    pub(super) fn on_timer(&mut self, cx: &Context, timer: Timer) {
        match timer {
            Timer::Greeting(generation) => {
                if generation == self.generation && self.state == State::Greeting {
                    self.on_end(cx, Cow::Borrowed(self.silence_text()));
                }
            }
            Timer::Beat(generation) => {
                if generation == self.generation && self.state == State::Up {
                    self.beat(cx);
                }
            }
            Timer::Dial(generation) => {
                if generation == self.generation {
                    self.dial_now(cx);
                }
            }
            Timer::Limit => self.expire(cx),
        }
    }

    /// Why somebody may not have said what it is.
    fn silence_text(&self) -> &'static str {
        match self.connection.as_deref() {
            Some(Connection {
                expected: Expected::Transport,
                ..
            }) => "it does not answer in TLS: perhaps it listens without",
            _ => "it does not say what it is",
        }
    }

    /// Something waits to be written.
    #[inline]
    pub(super) fn mark(&mut self, cx: &Context) {
        let connection = self.connection.as_deref_mut();
        let line = connection.map(|connection| &mut connection.line);
        self.output.mark(cx, line);
    }

    /// The connection may take more.
    fn flush(&mut self, cx: &Context) {
        let connection = self.connection.as_deref_mut();
        let line = connection.map(|connection| &mut connection.line);
        self.output.flush(cx, line);
        self.ask_if_due(cx);
    }

    /// The message that makes what waits be written is here.
    pub(super) fn on_wake(&mut self, cx: &Context) {
        let connection = self.connection.as_deref_mut();
        let line = connection.map(|connection| &mut connection.line);
        self.output.on_wake(cx, line);
        self.ask_if_due(cx);
    }
}

/// Asks the other end something about itself, right away.
fn probe(cx: &Context, connection: &mut Connection, body: &[u8]) -> Result<(), String> {
    let mut frame = Bytes::default();
    life::ask(&mut frame, body);
    let line = &mut connection.line;
    line.transport.write(cx, line.socket, frame.0)
}
