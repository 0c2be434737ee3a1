//! Module `slave`: the connections and messages of the [`Membership`].

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

use skynet_master_wire::{Decoder, FromMaster, ToMaster};
use skynet_service::abi::{SOCKET_OPTION_KEEPALIVE, SOCKET_OPTION_NODELAY};
use skynet_service::socket::{OutputPolicy, SocketError, SocketEvent, SocketId};
use skynet_service::{
    Buffer, Context, Error, Handle, KIND_ERROR, KIND_EXIT, KIND_LUA, KIND_RESPONSE, KIND_SOCKET,
    KIND_TIMER, Outgoing, RawMessage, RawService, Reason, Responder, Result, ResultExt as _, log,
};

use crate::alarm::Alarm;
use crate::membership::{Action, FromHarbor, Membership, Rules, ToHarbor};
use crate::request::Request;
use crate::responders::Responders;
use crate::{lease, random, settings};

/// Where the node listens, if the configuration does not say it.
const ADDRESS: &str = "127.0.0.1:0";
/// How long connecting to the master may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long the last words to the master may take.
const LINGER: Duration = Duration::from_secs(1);
/// What may wait to be sent to the master: more than all names at once.
const OUTPUT_LIMIT: u64 = 8 << 20;

/// Makes the node a member of a network.
pub(crate) struct Slave {
    membership: Membership,
    harbor: Handle,
    /// Where to listen, by the configuration.
    address: String,
    master: String,
    has_secret: bool,
    /// The connection to the master.
    socket: Option<SocketId>,
    decoder: Decoder,
    /// The call `listen`, and the call `identity`, to the harbor.
    listen: i32,
    identity: i32,
    /// Who wants to know the nodes, by the call that asks the harbor.
    nodes: HashMap<i32, Responder>,
    responders: Responders,
    /// Callers whose end we are told of.
    watched: HashSet<Handle>,
    alarm: Alarm,
}

impl RawService for Slave {
    fn start(cx: &Context, _args: &str) -> Result<Self> {
        cx.register(".cslave")?;
        let master = settings::text(cx, "master")
            .or_else(|| settings::text(cx, "standalone"))
            .ok_or_else(|| Error::msg("`master` does not say where the master is"))?;
        let address = settings::text(cx, "address").unwrap_or_else(|| ADDRESS.to_owned());
        let rules = rules(cx, &master)?;
        let has_secret = rules.secret.is_some();
        let harbor = cx.launch_now(&format!("harbor {}", cx.handle()))?;
        cx.watch_raw(harbor)?;
        let listen = Buffer::pack(&("listen", &address))?;
        let listen = cx.call_raw(Outgoing::new(harbor, KIND_LUA, listen))?;
        cx.start_later();
        let mut slave = Self {
            membership: Membership::new(rules, cx.now()),
            harbor,
            address,
            master,
            has_secret,
            socket: None,
            decoder: Decoder::default(),
            listen,
            identity: 0,
            nodes: HashMap::new(),
            responders: Responders::default(),
            watched: HashSet::new(),
            alarm: Alarm::default(),
        };
        slave.perform(cx);
        Ok(slave)
    }

    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_SOCKET => self.on_socket(cx, message),
            KIND_TIMER => {
                self.alarm.rang();
                self.membership.tick(cx.now());
            }
            KIND_RESPONSE | KIND_ERROR => self.on_answer(cx, message),
            KIND_EXIT => self.on_exit(cx, message),
            KIND_LUA if message.source() == self.harbor && !message.is_call() => {
                match FromHarbor::parse(message.bytes()).context("the harbor")? {
                    Some(said) => self.membership.harbor(said, cx.now()),
                    None => log::debug!("the harbor says what the slave does not know"),
                }
            }
            KIND_LUA => self.on_request(cx, message)?,
            kind => {
                return Err(Error::unsupported(format_args!(
                    "the slave takes lua messages, found kind {kind}"
                )));
            }
        }
        self.perform(cx);
        Ok(())
    }

    fn on_stop(&mut self, cx: &Context) {
        if let (Some(socket), Some(goodbye)) = (self.socket, self.membership.goodbye()) {
            write(cx, socket, &goodbye);
        }
    }
}

/// What the configuration says about joining.
fn rules(cx: &Context, master: &str) -> Result<Rules> {
    let harbor = settings::text(cx, "harbor").unwrap_or_default();
    let auto = harbor == "auto";
    let id = if auto {
        lease::read(cx)
    } else {
        let id = harbor.parse().ok().filter(|id| *id != 0);
        id.ok_or_else(|| {
            Error::msg(format_args!(
                "`harbor` is {harbor:?}; a slave wants 1 to 255 or \"auto\""
            ))
        })?
    };
    Ok(Rules {
        id,
        auto,
        address: String::new(),
        master: master.to_owned(),
        secret: settings::secret(cx)?,
        epoch: random::epoch(),
        join: settings::seconds(cx, "harbor_join", 30.0),
        heartbeat: settings::heartbeat(cx),
        random: random::bytes,
    })
}

impl Slave {
    fn on_socket(&mut self, cx: &Context, message: &RawMessage<'_>) {
        let now = cx.now();
        let Some(event) = message.socket_event() else {
            return;
        };
        // Of a connection that was given up there is nothing more to know.
        if self.socket != Some(event.socket()) {
            return;
        }
        match event {
            SocketEvent::Data { data, .. } => self.on_data(cx, data),
            SocketEvent::Open { socket, .. } => match tune(cx, socket) {
                Ok(()) => self.membership.connected(now),
                Err(error) => self.on_lost(cx, &error.to_string()),
            },
            SocketEvent::Error { text, .. } => self.on_lost(cx, &text),
            SocketEvent::Close { .. } => self.on_lost(cx, "the master has closed it"),
            _ => {}
        }
    }

    fn on_data(&mut self, cx: &Context, mut data: &[u8]) {
        let socket = self.socket;
        // What a packet leads to may be that the connection is closed.
        while self.socket == socket {
            let Some(packet) = self.decoder.next(&mut data) else {
                return;
            };
            match FromMaster::parse(packet) {
                Ok(packet) => self.membership.packet(packet, cx.now()),
                Err(error) => self.membership.garbage(&error.to_string(), cx.now()),
            }
            self.perform(cx);
        }
    }

    fn on_lost(&mut self, cx: &Context, reason: &str) {
        if let Some(socket) = self.socket.take() {
            drop(cx.socket_close(socket, LINGER));
        }
        self.membership.disconnected(reason, cx.now());
    }

    fn connect(&mut self, cx: &Context) {
        self.decoder = Decoder::default();
        match cx.socket_connect(&self.master, CONNECT) {
            Ok(socket) => self.socket = Some(socket),
            Err(error) => {
                self.socket = None;
                self.membership.disconnected(&error.to_string(), cx.now());
            }
        }
    }

    /// The harbor answers.
    fn on_answer(&mut self, cx: &Context, message: &mut RawMessage<'_>) {
        let session = message.session();
        let is_error = message.kind() == KIND_ERROR;
        let text = String::from_utf8_lossy(message.bytes()).into_owned();
        if session == self.listen {
            if is_error {
                return self.fail(cx, &format!("cannot listen on {}: {text}", self.address));
            }
            match message.unpack::<(String,)>() {
                Ok((bound,)) => self.on_bound(&bound),
                Err(error) => self.fail(cx, &format!("the harbor: {error}")),
            }
        } else if session == self.identity {
            if is_error {
                self.fail(cx, &format!("the harbor does not take its id: {text}"));
            }
        } else if let Some(responder) = self.nodes.remove(&session) {
            if is_error {
                responder.reply_error(message.reason(), &text);
            } else if let Err(error) = responder.reply(message.keep_buffer()) {
                log::warn!("{error}");
            }
        }
    }

    fn on_bound(&mut self, bound: &str) {
        let address = advertised(&self.address, bound);
        let ip = bound.parse::<SocketAddr>().ok().map(|bound| bound.ip());
        if ip.is_some_and(|ip| !ip.is_loopback()) && !self.has_secret {
            log::warn!(
                "other nodes are listened to on {bound} without a secret: whoever reaches it can send to every service (see harbor_secret)"
            );
        }
        if address
            .parse::<SocketAddr>()
            .is_ok_and(|address| address.ip().is_unspecified())
        {
            log::warn!(
                "other nodes are told to connect to {address}, which is no address of this machine to them: set `address` to one"
            );
        }
        self.membership.listening(address);
    }

    fn on_exit(&mut self, cx: &Context, message: &RawMessage<'_>) {
        if message.source() == self.harbor {
            let text = String::from_utf8_lossy(message.bytes());
            let separator = if text.is_empty() { "" } else { ": " };
            let reason = message.reason();
            return self.fail(
                cx,
                &format!("the harbor has ended: {reason}{separator}{text}"),
            );
        }
        self.watched.remove(&message.source());
        self.membership.caller_ended(message.source().0);
    }

    fn on_request(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let request = Request::parse(message.bytes())?;
        if request.only_asks() && !message.is_call() {
            // Nobody would ever be told, and nothing would ever end the wait.
            return Ok(());
        }
        match &request {
            // Local names are the node's own.
            Request::QueryName(name) if name.starts_with('.') => {
                let handle = cx.query(name).map(|handle| handle.0);
                return Ok(cx.reply(message, Buffer::pack(&(handle,))?)?);
            }
            Request::Nodes => return self.ask_nodes(cx, message),
            _ => {}
        }
        let caller = message.source();
        let deadline = message.deadline();
        let until = (deadline != 0).then(|| Duration::from_nanos(deadline));
        let ticket = self.responders.take(message);
        self.membership
            .request(ticket, caller.0, until, request, cx.now());
        self.perform(cx);
        let is_local = caller.harbor() == 0 || caller.harbor() == cx.handle().harbor();
        if self.responders.has(ticket) && is_local && self.watched.insert(caller) {
            cx.watch_raw(caller)?;
        }
        Ok(())
    }

    fn ask_nodes(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let question = Buffer::pack(&("nodes",))?;
        let session = cx.call_raw(Outgoing::new(self.harbor, KIND_LUA, question))?;
        if let Some(responder) = message.keep().take_responder() {
            self.nodes.insert(session, responder);
        }
        Ok(())
    }

    /// Does what the membership wants to be done.
    fn perform(&mut self, cx: &Context) {
        loop {
            let actions = self.membership.take_actions();
            if actions.is_empty() {
                break;
            }
            for action in actions {
                self.act(cx, action);
            }
        }
        self.alarm.set(cx, self.membership.next_deadline());
    }

    fn act(&mut self, cx: &Context, action: Action) {
        match action {
            Action::Connect => self.connect(cx),
            Action::Disconnect => {
                if let Some(socket) = self.socket.take() {
                    drop(cx.socket_close(socket, LINGER));
                }
            }
            Action::ToMaster(packet) => {
                if let Some(socket) = self.socket {
                    write(cx, socket, &packet);
                }
            }
            Action::ToHarbor(message) => {
                if let Err(error) = self.tell_harbor(cx, &message) {
                    log::error!("the harbor is not told: {error}");
                }
            }
            Action::Reply(ticket, answer) => self.responders.reply(ticket, &answer),
            Action::Refuse(ticket, reason, text) => self.responders.refuse(ticket, reason, &text),
            Action::Forget(ticket) => self.responders.forget(ticket),
            Action::Leased(id) => {
                if let Err(error) = lease::write(cx, id) {
                    log::warn!("the id that this node was leased is not kept: {error}");
                }
            }
            Action::Joined => cx.ready(),
            Action::Fail(text) => self.fail(cx, &text),
            Action::Log(level, text) => log::log!(level, "{text}"),
        }
    }

    fn tell_harbor(&mut self, cx: &Context, message: &ToHarbor) -> Result<()> {
        let bytes = message.encode()?;
        if matches!(message, ToHarbor::Identity { .. }) {
            self.identity = cx.call_raw(Outgoing::new(self.harbor, KIND_LUA, bytes))?;
        } else {
            cx.send(self.harbor, KIND_LUA, bytes)?;
        }
        Ok(())
    }

    /// The node cannot join: the launcher is told. Or it cannot go on: it ends.
    fn fail(&mut self, cx: &Context, text: &str) {
        if !self.membership.has_joined() {
            return cx.exit_with(Reason::FAILED, text);
        }
        log::error!("{text}");
        if let Err(error) = cx.command("ABORT", text) {
            log::error!("{error}");
        }
    }
}

fn tune(cx: &Context, socket: SocketId) -> Result<(), SocketError> {
    cx.socket_set(socket, SOCKET_OPTION_NODELAY, 1)?;
    cx.socket_set(socket, SOCKET_OPTION_KEEPALIVE, 1)?;
    cx.socket_output_limit(socket, OUTPUT_LIMIT, OutputPolicy::Close)
}

fn write(cx: &Context, socket: SocketId, packet: &ToMaster) {
    let sent = match packet.encode() {
        Ok(bytes) => cx.socket_write(socket, bytes).map_err(Error::from),
        Err(error) => Err(error.into()),
    };
    // If the connection is broken, an event says so.
    if let Err(error) = sent {
        log::debug!("{error}");
    }
}

/// What others are told: the address of the configuration, with the port that was picked if it does not say one.
fn advertised(address: &str, bound: &str) -> String {
    match (address.rsplit_once(':'), bound.rsplit_once(':')) {
        (Some((host, port)), Some((_, picked))) if port.parse() == Ok(0_u16) => {
            format!("{host}:{picked}")
        }
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests;
