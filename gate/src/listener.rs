//! Listening, and letting clients in.

use std::net::SocketAddr;
use std::time::Duration;

use skynet_service::abi::SOCKET_OPTION_NODELAY;
use skynet_service::socket::{OutputPolicy, SocketError, SocketId};
use skynet_service::{Context, Error, Reason, Responder, Result, log};

use crate::connections::Connection;
use crate::gate::Gate;
use crate::notify::{Form, News};
use crate::settings::Settings;

/// Where a gate listens when nobody says where: this machine alone.
pub(crate) const DEFAULT_HOST: &str = "127.0.0.1";

/// While connections cannot be taken, the log is told this often.
const COMPLAIN: Duration = Duration::from_secs(10);

/// A client that is not let in is sent nothing, so nothing needs to be waited for.
const AT_ONCE: Duration = Duration::from_millis(1);

/// The place where clients knock.
#[derive(Debug, Default)]
pub(crate) enum Listener {
    /// There is none.
    #[default]
    Closed,
    /// It is being bound.
    Opening {
        /// Its socket.
        id: SocketId,
        /// Who is to be told how that ended; `None`: the launcher.
        opener: Option<Responder>,
    },
    /// It takes connections.
    Open {
        /// Its socket.
        id: SocketId,
    },
}

impl Listener {
    /// Its socket.
    pub(crate) const fn id(&self) -> Option<SocketId> {
        match self {
            Self::Closed => None,
            Self::Opening { id, .. } | Self::Open { id } => Some(*id),
        }
    }
}

impl Gate {
    /// Begins to listen on `address` (`host:port`). How that ended is told to `opener`, or else to the launcher.
    ///
    /// # Errors
    /// The address is none.
    pub(crate) fn listen(
        &mut self,
        cx: &Context,
        address: &str,
        settings: Settings,
        opener: Option<Responder>,
    ) -> Result<()> {
        let id = match self.bind(cx, address, &settings) {
            Ok(id) => id,
            Err(error) => {
                if let Some(opener) = opener {
                    opener.reply_error(error.reason(), &error.to_string());
                }
                return Err(error);
            }
        };
        self.idle.set(cx, settings.idle_timeout);
        if !self.connections.is_empty() {
            self.idle.run(cx);
        }
        self.settings = settings;
        self.listener = Listener::Opening { id, opener };
        Ok(())
    }

    /// A listening socket. Whether that worked, an event says.
    #[expect(clippy::unused_self, reason = "the socket becomes the gate's")]
    fn bind(&self, cx: &Context, address: &str, settings: &Settings) -> Result<SocketId> {
        let id = cx.socket_listen(address, settings.backlog)?;
        // Connections inherit it.
        match cx.socket_set(id, SOCKET_OPTION_NODELAY, settings.nodelay.into()) {
            // It failed already: the event that says why is on its way.
            Err(SocketError::Closed) => {}
            set => set?,
        }
        Ok(id)
    }

    /// The listener is bound, or the owner of a connection began to read it.
    pub(crate) fn on_open(&mut self, cx: &Context, id: SocketId, address: &str) {
        if !matches!(&self.listener, Listener::Opening { id: opening, .. } if *opening == id) {
            return;
        }
        let opening = std::mem::replace(&mut self.listener, Listener::Open { id });
        if let Err(error) = cx.socket_start(id) {
            return self.listen_failed(cx, opening, &error.to_string());
        }
        let settings = &self.settings;
        log::info!(
            "listens on {address} ({}, at most {} clients)",
            settings.framing,
            settings.max_clients
        );
        match opening {
            Listener::Opening {
                opener: Some(opener),
                ..
            } => answer_open(opener, address),
            _ => cx.ready(),
        }
    }

    /// The listener failed: for good while it is being bound, else for the moment.
    pub(crate) fn on_listener_error(&mut self, cx: &Context, text: &str) {
        if matches!(self.listener, Listener::Opening { .. }) {
            let opening = std::mem::take(&mut self.listener);
            return self.listen_failed(cx, opening, text);
        }
        let now = cx.now();
        if self
            .complained
            .is_none_or(|last| now.saturating_sub(last) >= COMPLAIN)
        {
            self.complained = Some(now);
            log::warn!("{text}; clients wait until that has changed");
        }
    }

    fn listen_failed(&mut self, cx: &Context, opening: Listener, text: &str) {
        self.listener = Listener::Closed;
        if let Some(id) = opening.id() {
            // It failed: there is nothing to wait for.
            let _ = cx.socket_close(id, AT_ONCE);
        }
        match opening {
            Listener::Opening {
                opener: Some(opener),
                ..
            } => {
                opener.reply_error(Reason::FAILED, text);
            }
            _ => {
                log::error!("{text}");
                cx.exit_with(Reason::FAILED, text);
            }
        }
        if let Some(watchdog) = self.watchdog.take_if(|_| self.form == Form::Lua) {
            self.unwatch(cx, watchdog);
        }
    }

    /// Stops listening. Connections go on. Returns whether there was a listener.
    pub(crate) fn stop_listening(&mut self, cx: &Context) -> bool {
        let listener = std::mem::take(&mut self.listener);
        let Some(id) = listener.id() else {
            return false;
        };
        if let Err(error) = cx.socket_close(id, AT_ONCE) {
            log::debug!("{error}");
        }
        match listener {
            Listener::Opening {
                opener: Some(opener),
                ..
            } => opener.reply_error(Reason::REFUSED, "the gate was closed again"),
            // A gate in text form is there, if only to be closed.
            _ => cx.ready(),
        }
        true
    }

    /// Somebody connected.
    pub(crate) fn on_accept(&mut self, cx: &Context, listener: SocketId, id: SocketId, peer: &str) {
        let full = self.connections.len() >= self.settings.max_clients as usize;
        if full || self.listener.id() != Some(listener) {
            if full {
                log::debug!(
                    "{peer} is not let in: there are {} clients",
                    self.connections.len()
                );
            }
            // If it is gone already, so much the better.
            let _ = cx.socket_close(id, AT_ONCE);
            return;
        }
        let limit = self.settings.output_limit;
        if limit > 0
            && let Err(error) = cx.socket_output_limit(id, limit, OutputPolicy::Close)
        {
            log::debug!("{peer} left at once: {error}");
            let _ = cx.socket_close(id, AT_ONCE);
            return;
        }
        let connection = Connection::new(self.settings.framing, self.idle.now());
        let id = id.0.cast_unsigned();
        self.connections.insert(id, connection);
        self.idle.run(cx);
        self.tell(cx, id, News::Open { address: peer });
    }
}

/// Tells who called `open` where the gate listens: address and port.
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
