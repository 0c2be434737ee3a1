//! Listening, and letting others in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use skynet_seri::Value;
use skynet_service::abi::SOCKET_OPTION_NODELAY;
use skynet_service::socket::{SocketError, SocketEvent, SocketId};
use skynet_service::{
    Buffer, Context, Error, Handle, KIND_LUA, Message, Reason, Responder, Result, log,
};

use super::listeners::{Admission, Listeners, Rules};
use super::nodes::Found;
use super::request::{Options, Place};
use super::route::{down, unknown};
use super::{Clusterd, table};
use crate::table::{Scheme, bind_address};
use crate::tls::{Tls, TlsFiles};

/// Who is not let in is sent nothing, so nothing needs to be waited for.
const AT_ONCE: Duration = Duration::from_millis(1);
/// While connections cannot be taken, the log is told this often.
const COMPLAIN: Duration = Duration::from_secs(10);

/// Where others connect, or soon will.
#[derive(Default)]
pub(super) struct Doors {
    pub(super) listeners: Listeners,
    opening: BTreeMap<SocketId, Opening>,
    /// When the log was last told that connections cannot be taken.
    complained: Option<Duration>,
}

/// A listener that is being bound.
struct Opening {
    place: String,
    rules: Rules,
    /// Who is to be told how that ended.
    opener: Option<Responder>,
}

/// Where and how to listen.
struct Plan {
    /// As it was asked for.
    place: String,
    /// `host:port`.
    address: String,
    scheme: Scheme,
}

impl Clusterd {
    /// Begins to listen. The request is answered when that has worked, or has not.
    pub(super) fn open(
        &self,
        cx: &Context,
        place: &Place,
        options: Options,
        message: &Message,
    ) -> Result<()> {
        let plan = self.plan(place)?;
        let rules = self.rules(cx, &plan, options)?;
        let listener = cx.socket_listen(&plan.address, 0)?;
        // Connections inherit it.
        match cx.socket_set(listener, SOCKET_OPTION_NODELAY, 1) {
            // It failed already: the event that says why is on its way.
            Ok(()) | Err(SocketError::Closed) => {}
            Err(error) => log::debug!("{error}"),
        }
        let opening = Opening {
            place: plan.place,
            rules,
            opener: message.take_responder(),
        };
        self.state
            .with(|state| state.doors.opening.insert(listener, opening));
        Ok(())
    }

    /// Where a place is.
    fn plan(&self, place: &Place) -> Result<Plan> {
        let text = match place {
            Place::Port(port) => return Ok(Plan::local(*port)),
            Place::Text(text) => text,
        };
        let of_node = self.state.with(|state| match state.nodes.find(text) {
            Found::At(address) => Ok(Some((address.host_port().to_owned(), address.scheme()))),
            Found::Down => Err(down(text)),
            Found::Unknown => Ok(None),
        })?;
        if let Some((address, scheme)) = of_node {
            return Ok(Plan {
                place: text.clone(),
                address,
                scheme,
            });
        }
        if text.bytes().all(|byte| byte.is_ascii_digit()) {
            let port = text.parse().map_err(|_| {
                Error::refused(format_args!("{text:?} is no port, wanted 0 to 65535"))
            })?;
            return Ok(Plan::local(port));
        }
        match bind_address(text) {
            Some((address, scheme)) => Ok(Plan {
                place: text.clone(),
                address: address.to_owned(),
                scheme,
            }),
            None => Err(unknown(text, ", and no address to listen on")),
        }
    }

    /// How those are treated who connect there.
    fn rules(&self, cx: &Context, plan: &Plan, options: Options) -> Result<Rules> {
        let settings = &self.settings;
        let refused =
            |why: &str| Error::refused(format_args!("cluster listener {}: {why}", plan.place));
        let tls = options.tls.unwrap_or(plan.scheme == Scheme::Tls);
        if tls {
            // Now rather than for each connection.
            cx.blocking(|| Tls::server(&TlsFiles::read(cx)))
                .map_err(|why| refused(&why))?;
        }
        if options.secret == Some(true) && !settings.has_secret {
            return Err(refused(
                "it is to ask for a secret, but cluster_secret is not set",
            ));
        }
        let by_default = settings.has_secret && plan.scheme != Scheme::Skynet;
        Ok(Rules {
            max_clients: options.max_clients.unwrap_or(settings.max_clients),
            unproven: settings.unproven,
            expose: options.expose.unwrap_or(settings.expose),
            secret: options.secret.unwrap_or(by_default),
            tls,
        })
    }

    /// Stops listening. Connections go on.
    pub(super) fn close(&self, cx: &Context, place: &Place) -> Result<()> {
        let place = match place {
            Place::Port(port) => Plan::local(*port).place,
            // As it was opened.
            Place::Text(text) => match text.parse() {
                Ok(port) if self.state.with(|state| state.doors.find(text).is_none()) => {
                    Plan::local(port).place
                }
                _ => text.clone(),
            },
        };
        let found = self.state.with(|state| {
            let listener = state.doors.find(&place)?;
            state.doors.listeners.close(listener);
            Some((listener, state.doors.opening.remove(&listener)))
        });
        let Some((listener, opening)) = found else {
            return Err(Error::refused(format_args!(
                "nobody can connect to {place:?} now: clusterd does not listen there"
            )));
        };
        close_socket(cx, listener);
        if let Some(opener) = opening.and_then(|opening| opening.opener) {
            opener.reply_error(Reason::REFUSED, "it was closed again");
        }
        log::info!("the cluster listens on {place} no more");
        Ok(())
    }

    /// Something happened to a listener.
    pub(super) fn on_listener(&self, cx: &Context, event: &SocketEvent<'_>) {
        match event {
            SocketEvent::Accept {
                socket,
                connection,
                peer,
            } => self.accept(cx, *socket, *connection, peer),
            SocketEvent::Open {
                socket, address, ..
            } => self.opened(cx, *socket, address),
            SocketEvent::Error { socket, text } => self.failed(cx, *socket, text),
            SocketEvent::Close { socket } => self.failed(cx, *socket, "it was closed by the node"),
            _ => {}
        }
    }

    /// A listener is bound: others may connect.
    fn opened(&self, cx: &Context, listener: SocketId, address: &str) {
        let opening = self
            .state
            .with(|state| state.doors.opening.remove(&listener));
        let Some(opening) = opening else {
            return;
        };
        if let Err(error) = cx.socket_start(listener) {
            return refuse(cx, listener, opening, &error.to_string());
        }
        let Opening {
            place,
            rules,
            opener,
        } = opening;
        self.state.with(|state| {
            state
                .doors
                .listeners
                .opened(listener, &place, address, rules)
        });
        log::info!(
            "the cluster listens on {address} ({place}): exposes {}, secret {}, TLS {}, at most {} connections",
            rules.expose.word(),
            rules.secret,
            rules.tls,
            rules.max_clients
        );
        if let Some(opener) = opener {
            answer_open(opener, address);
        }
    }

    /// A listener failed: for good while it is being bound, else for the moment.
    fn failed(&self, cx: &Context, listener: SocketId, text: &str) {
        let opening = self
            .state
            .with(|state| state.doors.opening.remove(&listener));
        if let Some(opening) = opening {
            return refuse(cx, listener, opening, text);
        }
        let place = self.state.with(|state| {
            let address = state.doors.listeners.address(listener)?;
            Some(address.to_owned())
        });
        if let Some(place) = place {
            self.complain(cx, &format!("connections to {place} are not taken: {text}"));
        }
    }

    /// Somebody connects.
    fn accept(&self, cx: &Context, listener: SocketId, connection: SocketId, peer: &str) {
        let admission = self
            .state
            .with(|state| state.doors.listeners.admit(listener));
        let why = match admission {
            Admission::Taken(rules) => {
                match self.begin_agent(cx, rules, listener, connection, peer) {
                    Ok(()) => return,
                    Err(error) => error.to_string(),
                }
            }
            Admission::Full => "there are as many connections as are allowed".to_owned(),
            Admission::Crowded => {
                "as many connections as are allowed have not proven who they are".to_owned()
            }
            Admission::Closed => "nobody listens any more".to_owned(),
        };
        close_socket(cx, connection);
        self.complain(cx, &format!("the connection of {peer} is not taken: {why}"));
    }

    /// Gives a connection to an agent of its own.
    fn begin_agent(
        &self,
        cx: &Context,
        rules: Rules,
        listener: SocketId,
        connection: SocketId,
        peer: &str,
    ) -> Result<()> {
        let agent = cx.launch_now(&format!("clusteragent {}", cx.handle()))?;
        self.state
            .with(|state| state.doors.listeners.joined(agent, listener, connection));
        cx.monitor(agent);
        let options = table(
            [
                ("expose", Value::from(rules.expose.word())),
                ("secret", Value::from(rules.secret)),
                ("tls", Value::from(rules.tls)),
            ]
            .into_iter()
            .map(|(key, value)| (Value::from(key), value)),
        );
        let (names, exports) = self.outside();
        let accept = ("accept", connection.0, peer, options, names, exports);
        cx.send(agent, KIND_LUA, Buffer::pack(&accept)?)?;
        Ok(())
    }

    /// The other end of an agent's connection has proven who it is.
    pub(super) fn proven(&self, agent: Handle) -> Result<()> {
        if self.state.with(|state| state.doors.listeners.proven(agent)) {
            return Ok(());
        }
        Err(Error::refused(format_args!(
            "proven comes from {agent}, which is no agent of clusterd"
        )))
    }

    /// An agent has ended: there is room for another connection.
    pub(super) fn agent_ended(&self, cx: &Context, agent: Handle) {
        if let Some(connection) = self.state.with(|state| state.doors.listeners.ended(agent)) {
            // It may have ended before it took the connection over.
            close_socket(cx, connection);
        }
    }

    /// Tells the log, but not of every single one of many.
    fn complain(&self, cx: &Context, text: &str) {
        let now = cx.now();
        let is_due = self.state.with(|state| {
            let last = state.doors.complained;
            let is_due = last.is_none_or(|last| now.saturating_sub(last) >= COMPLAIN);
            if is_due {
                state.doors.complained = Some(now);
            }
            is_due
        });
        if is_due {
            log::warn!("{text}");
        } else {
            log::debug!("{text}");
        }
    }
}

impl Plan {
    /// A port of this machine alone.
    fn local(port: u16) -> Self {
        let address = format!("127.0.0.1:{port}");
        Self {
            place: address.clone(),
            address,
            scheme: Scheme::Plain,
        }
    }
}

impl Doors {
    /// The listener of a place, bound or not yet.
    fn find(&self, place: &str) -> Option<SocketId> {
        self.listeners.find(place).or_else(|| {
            let mut opening = self.opening.iter();
            let found = opening.find(|(_, one)| one.place == place);
            found.map(|(socket, _)| *socket)
        })
    }
}

/// A listener could not be bound.
fn refuse(cx: &Context, listener: SocketId, opening: Opening, text: &str) {
    close_socket(cx, listener);
    let text = format!("cluster listener {}: {text}", opening.place);
    match opening.opener {
        Some(opener) => opener.reply_error(Reason::FAILED, &text),
        None => log::error!("{text}"),
    }
}

fn close_socket(cx: &Context, socket: SocketId) {
    // If it is gone already, so much the better.
    let _ = cx.socket_close(socket, AT_ONCE);
}

/// Tells who wanted to listen where that is: address and port.
fn answer_open(opener: Responder, address: &str) {
    let parsed: Result<SocketAddr, _> = address.parse();
    let answer = match parsed {
        Ok(bound) => skynet_seri::pack(&(bound.ip().to_string(), bound.port())),
        Err(_) => skynet_seri::pack(&(address,)),
    };
    let sent = match answer {
        Ok(values) => opener.reply(values).map_err(Error::from),
        Err(error) => Err(error.into()),
    };
    if let Err(error) = sent {
        log::warn!("the answer of open: {error}");
    }
}
