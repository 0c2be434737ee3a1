//! Module `master`: the connections of the [`Network`].

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use skynet_master_wire::{Decoder, FromMaster, ToMaster};
use skynet_service::abi::SOCKET_OPTION_NODELAY;
use skynet_service::socket::{OutputPolicy, SocketError, SocketEvent, SocketId};
use skynet_service::{
    Context, Error, KIND_SOCKET, KIND_TIMER, RawMessage, RawService, Reason, Result, log,
};

use crate::alarm::Alarm;
use crate::network::{Action, Link, Network, Rules};
use crate::{random, settings};

/// What may wait to be sent to one node: more than all names at once.
const OUTPUT_LIMIT: u64 = 8 << 20;
/// How long the last words to a connection may take.
const LINGER: Duration = Duration::from_secs(1);

/// Keeps the nodes and the global names of a network.
pub(crate) struct Master {
    network: Network,
    listener: SocketId,
    is_open: bool,
    has_secret: bool,
    decoders: HashMap<Link, Decoder>,
    alarm: Alarm,
}

impl RawService for Master {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let address = match args.trim() {
            "" => settings::text(cx, "standalone").ok_or_else(|| {
                Error::msg(
                    "the master has no address: neither an argument nor `standalone` says one",
                )
            })?,
            address => address.to_owned(),
        };
        let secret = settings::secret(cx)?;
        let has_secret = secret.is_some();
        let rules = Rules {
            epoch: random::epoch(),
            secret,
            heartbeat: settings::heartbeat(cx),
            unproven: settings::unproven(cx),
            random: random::bytes,
        };
        let listener = cx.socket_listen(&address, 0)?;
        cx.start_later();
        Ok(Self {
            network: Network::new(rules, cx.now()),
            listener,
            is_open: false,
            has_secret,
            decoders: HashMap::new(),
            alarm: Alarm::default(),
        })
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_SOCKET => self.on_socket(cx, message),
            KIND_TIMER => {
                self.alarm.rang();
                self.network.tick(cx.now());
            }
            kind => {
                return Err(Error::unsupported(format_args!(
                    "the master takes no messages, found kind {kind}: nodes connect to it"
                )));
            }
        }
        self.perform(cx);
        Ok(())
    }
}

impl Master {
    fn on_socket(&mut self, cx: &Context, message: &RawMessage<'_>) {
        match message.socket_event() {
            Some(SocketEvent::Data { socket, data }) => self.on_data(cx, socket.0, data),
            Some(SocketEvent::Accept {
                connection, peer, ..
            }) => self.on_accept(cx, connection, &peer),
            Some(SocketEvent::Open {
                socket, address, ..
            }) if socket == self.listener && !self.is_open => self.on_bound(cx, &address),
            Some(SocketEvent::Error { socket, text }) if socket == self.listener => {
                self.on_listener_error(cx, &text);
            }
            Some(SocketEvent::Error { socket, text }) => self.on_closed(cx, socket, &text),
            Some(SocketEvent::Close { socket }) => self.on_closed(cx, socket, "closed"),
            _ => {}
        }
    }

    fn on_bound(&mut self, cx: &Context, address: &str) {
        self.is_open = true;
        if let Err(error) = cx.socket_start(self.listener) {
            return self.on_listener_error(cx, &error.to_string());
        }
        log::info!("master of a harbor network on {address}");
        let is_loopback = address
            .parse::<SocketAddr>()
            .is_ok_and(|address| address.ip().is_loopback());
        if !is_loopback && !self.has_secret {
            log::warn!(
                "the master listens on {address} without a secret: whoever reaches it can join the network (see harbor_secret)"
            );
        }
        cx.ready();
    }

    fn on_listener_error(&mut self, cx: &Context, text: &str) {
        if self.is_open {
            log::warn!("{text}; nodes wait until that has changed");
        } else {
            cx.exit_with(Reason::FAILED, text);
        }
    }

    fn on_accept(&mut self, cx: &Context, socket: SocketId, peer: &str) {
        match begin(cx, socket) {
            Ok(()) => {
                log::debug!("{peer} has connected");
                self.decoders.insert(socket.0, Decoder::default());
                self.network.opened(socket.0, cx.now());
            }
            Err(error) => {
                log::debug!("{peer} left at once: {error}");
                drop(cx.socket_close(socket, LINGER));
            }
        }
    }

    fn on_data(&mut self, cx: &Context, link: Link, mut data: &[u8]) {
        let now = cx.now();
        loop {
            // What the network decides may end the connection.
            let Some(decoder) = self.decoders.get_mut(&link) else {
                return;
            };
            let Some(packet) = decoder.next(&mut data) else {
                return;
            };
            match ToMaster::parse(packet) {
                Ok(packet) => self.network.packet(link, packet, now),
                Err(error) => self.network.garbage(link, &error.to_string(), now),
            }
            self.perform(cx);
        }
    }

    fn on_closed(&mut self, cx: &Context, socket: SocketId, reason: &str) {
        if self.decoders.remove(&socket.0).is_some() {
            // Nothing is to be told to one who has gone.
            drop(cx.socket_close(socket, LINGER));
            self.network.closed(socket.0, reason, cx.now());
        }
    }

    /// Does what the network wants to be done.
    fn perform(&mut self, cx: &Context) {
        let mut output: Vec<(Link, Vec<u8>)> = Vec::new();
        let mut closing = Vec::new();
        for action in self.network.take_actions() {
            match action {
                Action::Send(link, packet) => push(&mut output, link, &packet),
                Action::Close(link) => closing.push(link),
                Action::Log(level, text) => log::log!(level, "{text}"),
            }
        }
        for (link, bytes) in output {
            // If it is broken, or full and so closed by the node, an event says so.
            if let Err(error) = cx.socket_write(SocketId(link), bytes) {
                log::debug!("{error}");
            }
        }
        for link in closing {
            self.decoders.remove(&link);
            drop(cx.socket_close(SocketId(link), LINGER));
        }
        self.alarm.set(cx, self.network.next_deadline());
    }
}

fn begin(cx: &Context, socket: SocketId) -> Result<(), SocketError> {
    cx.socket_set(socket, SOCKET_OPTION_NODELAY, 1)?;
    cx.socket_output_limit(socket, OUTPUT_LIMIT, OutputPolicy::Close)?;
    cx.socket_start(socket)
}

/// Adds a packet to what goes to a connection, keeping the order in which connections come first.
fn push(output: &mut Vec<(Link, Vec<u8>)>, link: Link, packet: &FromMaster) {
    let bytes = match packet.encode() {
        Ok(bytes) => bytes,
        Err(error) => return log::error!("a packet is not sent: {error}"),
    };
    match output.iter_mut().find(|(other, _)| *other == link) {
        Some((_, queued)) => queued.extend_from_slice(&bytes),
        None => output.push((link, bytes)),
    }
}

#[cfg(test)]
mod tests;
