//! Carries the requests of one connection of another node to services of this one, and the answers back: the module
//! `clusteragent`.
//!
//! Launched by clusterd, one for each connection that it takes. `agent/connection.rs` has the socket, `agent/greeting.rs`
//! learns who is at the other end, `agent/requests.rs` delivers what it asks, `agent/answers.rs` writes what it gets, and
//! `agent/reach.rs` knows what it may reach.

mod answers;
mod connection;
mod greeting;
mod reach;
mod requests;
mod timer;

use std::time::Duration;

use skynet_cluster_wire::Handshake;
use skynet_seri::{Reader, ValueRef, unpack_prefix};
use skynet_service::socket::SocketId;
use skynet_service::{
    Context, Error, Handle, KIND_ERROR, KIND_EXIT, KIND_LUA, KIND_RESPONSE, KIND_SOCKET,
    KIND_TIMER, KIND_WAKE, RawMessage, RawService, Result, ResultExt, log,
};

use crate::line::Output;
use crate::session::BySession;
use crate::settings::Settings;
use crate::strangers;
use answers::ResponseHead;
use connection::Connection;
use greeting::Stage;
use reach::Reach;
use requests::Next;
use timer::Timer;

/// One connection of another node.
#[derive(Debug)]
pub(crate) struct Agent {
    clusterd: Handle,
    settings: Settings,
    reach: Reach,
    /// `None` until clusterd has given it.
    connection: Option<Box<Connection>>,
    /// Where it comes from, for the log.
    from: String,
    stage: Stage,
    /// The other end has to prove that it knows the secret.
    wants_proof: bool,
    /// What both ends of this connection know, and nobody else.
    binding: Option<[u8; 32]>,
    /// What a proof is about, once hello was said.
    handshake: Option<Handshake>,
    /// The other end is one of our nodes.
    is_ours: bool,
    /// How long it may be silent then.
    heartbeat: Duration,
    /// The session on the wire of each call, by that in this node.
    calls: BySession<i32, u32>,
    /// While it is congested the other end, which takes less than it asks for, is not read.
    output: Output<ResponseHead>,
    /// What was said of the next request.
    next: Next,
    /// Since when, and of how many tags the log was told.
    traced: (Duration, u32),
    /// When the log was last told of something, and of how much it was not told since.
    complained: Option<Duration>,
    unsaid: u64,
}

impl RawService for Agent {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let clusterd = args
            .trim()
            .parse()
            .context("the handle of clusterd, which launches agents")?;
        // It has no purpose without the other.
        cx.watch_raw(clusterd)?;
        Ok(Self {
            clusterd,
            settings: Settings::read(cx)?,
            reach: Reach::default(),
            connection: None,
            from: String::new(),
            stage: Stage::Transport,
            wants_proof: false,
            binding: None,
            handshake: None,
            is_ours: false,
            heartbeat: Duration::ZERO,
            calls: BySession::default(),
            output: Output::new(),
            next: Next::default(),
            traced: (Duration::ZERO, 0),
            complained: None,
            unsaid: 0,
        })
    }

    #[inline]
    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_SOCKET => self.on_socket(cx, message),
            KIND_RESPONSE | KIND_ERROR => self.on_answer(cx, message),
            KIND_WAKE => self.on_wake(cx),
            KIND_TIMER => self.on_timer(cx, Timer::from_number(message.value())),
            KIND_LUA if message.source() == self.clusterd => return self.on_command(cx, message),
            KIND_EXIT => cx.exit(),
            kind => {
                return Err(Error::unsupported(format_args!(
                    "message of kind {kind} from {}: a cluster agent listens to clusterd only",
                    message.source()
                )));
            }
        }
        Ok(())
    }

    fn on_stop(&mut self, cx: &Context) {
        // What was answered is not left behind.
        let connection = self.connection.as_deref_mut();
        self.output
            .drain(cx, connection.map(|connection| &mut connection.line));
    }
}

impl Agent {
    /// clusterd says what there is to reach.
    fn on_command(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let ((command,), rest) = unpack_prefix::<(&str,)>(message.bytes())?;
        match command {
            "accept" => self.accept(cx, rest)?,
            "name" => {
                let mut rest = rest;
                match (string(&mut rest)?, rest.next().transpose()?) {
                    (name, Some(ValueRef::Integer(handle))) => {
                        self.reach.name(name, Some(handle_of(handle)?));
                    }
                    (name, _) => self.reach.name(name, None),
                }
            }
            "export" => {
                let mut rest = rest;
                let what = rest.next().transpose()?;
                let is_on = rest.next().transpose()? != Some(ValueRef::Boolean(false));
                self.export(what, is_on)?;
            }
            other => {
                return Err(Error::unsupported(format_args!(
                    "no command {other:?}: a cluster agent knows accept, name and export"
                )));
            }
        }
        Ok(cx.reply(message, "")?)
    }

    /// A connection, and what may be reached on it.
    fn accept(&mut self, cx: &Context, mut values: Reader<'_>) -> Result<()> {
        let wrong = || Error::msg("wanted a socket, where it comes from, options, names, exports");
        let Some(ValueRef::Integer(socket)) = values.next().transpose()? else {
            return Err(wrong());
        };
        let from = String::from_utf8_lossy(string(&mut values)?).into_owned();
        let Some(ValueRef::Table(options)) = values.next().transpose()? else {
            return Err(wrong());
        };
        if let Some(ValueRef::Table(names)) = values.next().transpose()? {
            for (name, handle) in names.pairs() {
                if let (Some(name), Some(handle)) = (name.as_bytes(), handle.as_integer()) {
                    self.reach.name(name, Some(handle_of(handle)?));
                }
            }
        }
        if let Some(ValueRef::Table(exports)) = values.next().transpose()? {
            for what in exports.array() {
                self.export(Some(what), true)?;
            }
        }
        let is_set = |key: &str| options.get(key) == Some(ValueRef::Boolean(true));
        if options.get("expose").and_then(|value| value.as_bytes()) == Some(b"all") {
            self.reach.expose_all();
        }
        self.from = from;
        self.wants_proof = is_set("secret");
        let socket = SocketId(i32::try_from(socket).map_err(|_| wrong())?);
        self.begin(cx, socket, is_set("tls"));
        Ok(())
    }

    fn export(&mut self, what: Option<ValueRef<'_>>, is_on: bool) -> Result<()> {
        match what {
            Some(ValueRef::String(name)) => self.reach.export_name(name, is_on),
            Some(ValueRef::Integer(handle)) => {
                self.reach.export_handle(handle_of(handle)?, is_on);
            }
            _ => return Err(Error::msg("wanted a name or a handle")),
        }
        Ok(())
    }

    /// Whether the log may be told something about this connection.
    fn may_be_told(&self) -> bool {
        let is_proven = self.wants_proof && self.stage == Stage::Open;
        is_proven || strangers::may_be_told()
    }

    /// Says something in the log, but not more often than once in a second.
    fn complain(&mut self, cx: &Context, text: impl FnOnce() -> String) {
        const QUIET: Duration = Duration::from_secs(1);
        let now = cx.now();
        if self.complained.is_some_and(|at| now < at + QUIET) || !self.may_be_told() {
            self.unsaid += 1;
            return;
        }
        self.complained = Some(now);
        let unsaid = std::mem::take(&mut self.unsaid);
        if unsaid == 0 {
            log::warn!("cluster connection from {}: {}", self.from, text());
        } else {
            log::warn!(
                "cluster connection from {}: {} (and {unsaid} more before)",
                self.from,
                text()
            );
        }
    }
}

fn string<'a>(values: &mut Reader<'a>) -> Result<&'a [u8]> {
    match values.next().transpose()? {
        Some(ValueRef::String(text)) => Ok(text),
        _ => Err(Error::msg("wanted a string")),
    }
}

fn handle_of(number: i64) -> Result<u32> {
    u32::try_from(number).map_err(|_| Error::msg(format_args!("{number} is no handle")))
}

#[cfg(test)]
mod tests;
