//! The service: what it knows, which message goes where, and the ends of connections and services.

use std::time::Duration;

use skynet_gate_wire::{Address, Launch, split_client_write};
use skynet_service::abi::SOCKET_DATA;
use skynet_service::socket::{SocketEvent, SocketId};
use skynet_service::{
    Context, Error, Handle, KIND_CLIENT, KIND_ERROR, KIND_EXIT, KIND_LUA, KIND_RESPONSE,
    KIND_SOCKET, KIND_TEXT, KIND_TIMER, RawMessage, RawService, Result, log,
};

use crate::connections::{Connections, IdMap, Served};
use crate::idle::Idle;
use crate::listener::{DEFAULT_HOST, Listener};
use crate::notify::{Form, News};
use crate::settings::Settings;

/// How long what was written to a client that is being closed may take to be sent.
const LINGER: Duration = Duration::from_secs(5);

/// Lets outside clients in.
#[derive(Debug)]
pub(crate) struct Gate {
    pub(crate) form: Form,
    pub(crate) settings: Settings,
    pub(crate) listener: Listener,
    /// Who is told of connections.
    pub(crate) watchdog: Option<Handle>,
    /// Who gets all packets.
    pub(crate) broker: Option<Handle>,
    pub(crate) connections: Connections,
    pub(crate) idle: Idle,
    /// For how many roles each service is watched.
    watched: IdMap<u32>,
    /// When the log was last told that connections cannot be taken.
    pub(crate) complained: Option<Duration>,
    /// The watchdog has ended, and the gate ends with its last connection.
    leaving: bool,
}

impl RawService for Gate {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let mut gate = Self::new(Form::Lua);
        if args.trim().is_empty() {
            return Ok(gate);
        }
        gate.form = Form::Text;
        gate.start_text(cx, &args.parse()?)?;
        Ok(gate)
    }

    #[inline]
    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_SOCKET if message.reason().0 == SOCKET_DATA => {
                self.on_data(cx, message);
                Ok(())
            }
            KIND_CLIENT => self.on_client_write(cx, message),
            KIND_SOCKET => {
                self.on_socket(cx, message);
                Ok(())
            }
            KIND_TEXT => self.on_text(cx, message),
            KIND_LUA => self.on_lua(cx, message),
            KIND_EXIT => {
                self.on_exit(cx, message.source());
                Ok(())
            }
            KIND_TIMER => {
                self.on_timer(cx, message.value());
                Ok(())
            }
            // A gate calls nobody; but a session of its packets may look like a call to an old node.
            KIND_RESPONSE | KIND_ERROR => Ok(()),
            kind => Err(Error::unsupported(format_args!(
                "message of kind {kind} from {}: a gate takes text, lua and client",
                message.source()
            ))),
        }
    }
}

impl Gate {
    fn new(form: Form) -> Self {
        Self {
            form,
            settings: Settings::default(),
            listener: Listener::Closed,
            watchdog: None,
            broker: None,
            connections: Connections::default(),
            idle: Idle::default(),
            watched: IdMap::default(),
            complained: None,
            leaving: false,
        }
    }

    fn start_text(&mut self, cx: &Context, launch: &Launch) -> Result<()> {
        let settings = Settings::from_launch(launch)?;
        let watchdog = launch.watchdog.as_ref();
        self.watchdog = watchdog.map(|name| find(cx, name)).transpose()?;
        if let Some(watchdog) = self.watchdog {
            self.watch(cx, watchdog);
        }
        let mut listen = launch.listen.clone();
        listen.host.get_or_insert_with(|| DEFAULT_HOST.to_owned());
        cx.start_later();
        self.listen(cx, &listen.to_string(), settings, None)
    }

    fn on_socket(&mut self, cx: &Context, message: &RawMessage<'_>) {
        let Some(event) = message.socket_event() else {
            return;
        };
        let socket = event.socket();
        let is_listener = self.listener.id() == Some(socket);
        let id = socket.0.cast_unsigned();
        match event {
            SocketEvent::Accept {
                connection, peer, ..
            } => {
                self.on_accept(cx, socket, connection, &peer);
            }
            SocketEvent::Open { address, .. } => self.on_open(cx, socket, &address),
            SocketEvent::Error { text, .. } if is_listener => self.on_listener_error(cx, &text),
            SocketEvent::Close { .. } if is_listener => {
                self.on_listener_error(cx, "the listener was closed by the node");
                self.listener = Listener::Closed;
            }
            SocketEvent::Close { .. } => self.end(cx, id, News::Close),
            SocketEvent::Error { text, .. } => self.end(cx, id, News::Error { text: &text }),
            SocketEvent::Warning { kib, .. } if self.connections.get(id).is_some() => {
                if self.form == Form::Text {
                    log::warn!("client {id}: {kib} KiB wait to be sent");
                }
                self.tell(cx, id, News::Warning { kib });
            }
            _ => {}
        }
    }

    /// A service writes to a client.
    fn on_client_write(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let (id, payload) = split_client_write(message.bytes())?;
        let len = payload.len();
        if self.connections.get(id).is_none() {
            log::debug!(
                "{len} bytes from {} for client {id}, which is gone",
                message.source()
            );
            return Ok(());
        }
        let mut buffer = message.keep_buffer();
        buffer.truncate(len);
        if let Err(error) = cx.socket_write(SocketId(id.cast_signed()), buffer) {
            // It has ended, or read too slowly: an event that says so is on its way.
            log::debug!("{len} bytes for client {id}: {error}");
        }
        Ok(())
    }

    fn on_timer(&mut self, cx: &Context, number: u64) {
        if !self.idle.fired(number) {
            return;
        }
        let idle = &self.idle;
        for id in self
            .connections
            .ids(|connection| idle.is_idle(connection.last_heard))
        {
            self.end(
                cx,
                id,
                News::Error {
                    text: "nothing came for too long",
                },
            );
        }
        if !self.connections.is_empty() {
            self.idle.run(cx);
        }
    }

    /// Ends a connection, and tells the watchdog why. What was written to it is still sent.
    pub(crate) fn end(&mut self, cx: &Context, id: u32, why: News<'_>) {
        let Some((_, last)) = self.connections.remove(id) else {
            return;
        };
        self.served(cx, last);
        if let News::Error { text } = why {
            log::debug!("client {id} is closed: {text}");
        }
        // The node may have let go of it already.
        let _ = cx.socket_close(SocketId(id.cast_signed()), LINGER);
        self.tell(cx, id, why);
        if self.leaving && self.connections.is_empty() {
            cx.exit();
        }
    }

    /// Tells the watchdog, if there is one.
    pub(crate) fn tell(&self, cx: &Context, id: u32, news: News<'_>) {
        if let Some(watchdog) = self.watchdog {
            self.form.tell(cx, watchdog, id, news);
        }
    }

    /// Gives a connection to an agent (0: to nobody), in the name of `client` (0: of the gate). Returns whether there
    /// is such a connection.
    pub(crate) fn forward(&mut self, cx: &Context, id: u32, agent: u32, client: u32) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        connection.client = client;
        if connection.agent().map_or(0, |agent| agent.0) != agent {
            let [last, first] = self.connections.serve(id, agent);
            // In this order, so that a service is not let go and taken again.
            self.served(cx, first);
            self.served(cx, last);
        }
        true
    }

    /// Begins to read a connection. Returns whether there is such a connection.
    pub(crate) fn start_reading(&mut self, cx: &Context, id: u32) -> bool {
        let Some(connection) = self.connections.get_mut(id) else {
            return false;
        };
        if !std::mem::replace(&mut connection.started, true)
            && let Err(error) = cx.socket_start(SocketId(id.cast_signed()))
        {
            // It has ended already, and an event that says so is on its way.
            log::debug!("client {id} cannot be read: {error}");
        }
        true
    }

    /// Gives all packets to one service.
    pub(crate) fn set_broker(&mut self, cx: &Context, broker: Handle) {
        self.watch(cx, broker);
        if let Some(old) = self.broker.replace(broker) {
            self.unwatch(cx, old);
        }
    }

    /// Changes who is told of connections.
    pub(crate) fn set_watchdog(&mut self, cx: &Context, watchdog: Option<Handle>) {
        if let Some(new) = watchdog {
            self.watch(cx, new);
        }
        if let Some(old) = std::mem::replace(&mut self.watchdog, watchdog) {
            self.unwatch(cx, old);
        }
    }

    /// A service has ended that connections depend on.
    fn on_exit(&mut self, cx: &Context, ended: Handle) {
        if self.watched.remove(&ended.0).is_none() {
            return;
        }
        for id in self.connections.served_by(ended) {
            self.end(
                cx,
                id,
                News::Error {
                    text: "its agent has ended",
                },
            );
        }
        if self.broker.take_if(|broker| *broker == ended).is_some() {
            log::warn!("the broker {ended} has ended: its clients are closed");
            for id in self.connections.ids(|connection| connection.started) {
                self.end(
                    cx,
                    id,
                    News::Error {
                        text: "the broker has ended",
                    },
                );
            }
        }
        if self
            .watchdog
            .take_if(|watchdog| *watchdog == ended)
            .is_some()
        {
            self.on_watchdog_exit(cx, ended);
        }
    }

    /// Nobody will take care of new connections: there are none any more. Those that somebody serves go on.
    fn on_watchdog_exit(&mut self, cx: &Context, ended: Handle) {
        self.stop_listening(cx);
        let broker = self.broker;
        let alone = self.connections.ids(|connection| {
            !connection.started || (broker.is_none() && connection.agent().is_none())
        });
        log::warn!(
            "the watchdog {ended} has ended: no more clients are let in, {} of {} are closed",
            alone.len(),
            self.connections.len()
        );
        for id in alone {
            self.end(cx, id, News::Close);
        }
        self.leaving = self.form == Form::Text;
        if self.leaving && self.connections.is_empty() {
            cx.exit();
        }
    }

    /// An agent got its first connection, or lost its last one.
    fn served(&mut self, cx: &Context, change: Option<Served>) {
        match change {
            Some(Served::First(agent)) => self.watch(cx, agent),
            Some(Served::Last(agent)) => self.unwatch(cx, agent),
            None => {}
        }
    }

    /// Services of other nodes are not watched: what becomes of them is for the harbor to say.
    fn watch(&mut self, cx: &Context, service: Handle) {
        if service.harbor() != cx.handle().harbor() {
            return;
        }
        let roles = self.watched.entry(service.0).or_default();
        *roles += 1;
        if *roles == 1
            && let Err(error) = cx.watch_raw(service)
        {
            log::error!("{error}");
        }
    }

    pub(crate) fn unwatch(&mut self, cx: &Context, service: Handle) {
        // It is not there when the service has ended.
        let Some(roles) = self.watched.get_mut(&service.0) else {
            return;
        };
        *roles -= 1;
        if *roles == 0 {
            self.watched.remove(&service.0);
            if let Err(error) = cx.unwatch_raw(service) {
                log::debug!("{error}");
            }
        }
    }
}

/// The service that an address names.
///
/// # Errors
/// No service of this node has the name.
pub(crate) fn find(cx: &Context, address: &Address) -> Result<Handle> {
    match address {
        Address::Handle(handle) => Ok(Handle(*handle)),
        Address::Local(_) => cx
            .query(&address.to_string())
            .ok_or_else(|| Error::msg(format_args!("no service is named {address}"))),
    }
}
