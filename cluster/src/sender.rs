//! Carries the requests of this node to one other node, and the answers back: the module `clustersender`.
//!
//! Launched by clusterd, one for each name of a node. `sender/requests.rs` takes what services send, `sender/link.rs`
//! has the connection, `sender/answers.rs` reads what comes on it, `sender/pending.rs` knows who waits for what,
//! `sender/life.rs` asks whether the other node lives.

mod answers;
mod greeting;
mod head;
mod life;
mod link;
mod losses;
mod pending;
mod pulse;
mod requests;
mod state;
mod timer;

use std::collections::VecDeque;
use std::time::Duration;

use skynet_service::socket::SocketId;
use skynet_service::{
    Buffer, Context, Error, Handle, KIND_EXIT, KIND_LUA, KIND_SOCKET, KIND_TIMER, KIND_WAKE,
    Outgoing, RawMessage, RawService, Reason, Result, ResultExt, log,
};

use crate::line::Output;
use crate::settings::Settings;
use crate::table::Address;
use head::RequestHead;
use link::{Connection, State};
use pending::Pending;
use requests::Waiting;
use timer::Timer;

/// The connection to one node.
#[derive(Debug)]
pub(crate) struct Sender {
    /// The name of the node.
    node: String,
    clusterd: Handle,
    settings: Settings,
    /// `None`: it is down, the configuration says so.
    address: Option<Address>,
    state: State,
    /// That of the connection, or of the attempt at one.
    socket: Option<SocketId>,
    connection: Option<Box<Connection>>,
    /// Answers to questions whether the other end lives, in what is being read.
    signs: u32,
    /// The other end is one of our nodes.
    is_ours: bool,
    /// Requests that wait for the connection, and their bytes.
    waiting: VecDeque<Waiting>,
    waiting_bytes: usize,
    pending: Pending,
    output: Output<RequestHead>,
    /// The last session that was used on the wire.
    last_session: u32,
    /// Counts connections, so that timers of former ones are known.
    generation: u32,
    /// The pause before the next dial.
    pause: Duration,
    /// The timer that ends it.
    redial: Option<u64>,
    counts: Counts,
    /// When the log was last told of a loss.
    complained: Option<Duration>,
}

/// What has gone through.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    sent: u64,
    answered: u64,
    dropped: u64,
    connects: u64,
}

impl RawService for Sender {
    fn start(cx: &Context, args: &str) -> Result<Self> {
        let Some((node, clusterd)) = args.rsplit_once(' ') else {
            return Err(Error::msg(format_args!(
                "found {args:?}, wanted the name of a node and the handle of clusterd, which launches senders"
            )));
        };
        let clusterd = clusterd.parse().context("the handle of clusterd")?;
        let settings = Settings::read(cx)?;
        // It has no purpose without the other.
        cx.watch_raw(clusterd)?;
        Ok(Self {
            node: node.to_owned(),
            clusterd,
            pending: Pending::new(settings.call_timeout),
            settings,
            address: None,
            state: State::Down,
            socket: None,
            connection: None,
            signs: 0,
            is_ours: false,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            output: Output::new(),
            last_session: 0,
            generation: 0,
            pause: Duration::ZERO,
            redial: None,
            counts: Counts::default(),
            complained: None,
        })
    }

    #[inline]
    fn on_message(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        match message.kind() {
            KIND_SOCKET => self.on_socket(cx, message),
            KIND_LUA => return self.on_request(cx, message),
            KIND_WAKE => self.on_wake(cx),
            KIND_TIMER => self.on_timer(cx, Timer::from_number(message.value())),
            KIND_EXIT => cx.exit(),
            kind => {
                return Err(Error::unsupported(format_args!(
                    "message of kind {kind}: a cluster sender takes those of kind lua"
                )));
            }
        }
        Ok(())
    }

    fn on_stop(&mut self, cx: &Context) {
        // What was accepted as sent is not left behind.
        let connection = self.connection.as_deref_mut();
        self.output
            .drain(cx, connection.map(|connection| &mut connection.line));
    }
}

impl Sender {
    /// Tells a caller how its call has failed.
    fn fail(&self, cx: &Context, caller: Handle, session: i32, reason: Reason, text: &str) {
        let error = Outgoing::new(caller, skynet_service::KIND_ERROR, text.as_bytes())
            .session(session)
            .reason(reason);
        if let Err(error) = cx.send_message(error) {
            log::debug!("an error did not reach {caller}: {error}");
        }
    }

    /// Gives a caller its answer.
    fn answer(&self, cx: &Context, caller: Handle, session: i32, body: Buffer) {
        let answer = Outgoing::new(caller, skynet_service::KIND_RESPONSE, body);
        self.give(cx, answer.session(session));
    }

    #[inline]
    fn give(&self, cx: &Context, answer: Outgoing<'_>) {
        if let Err(error) = cx.send_message(answer) {
            log::debug!("an answer did not reach its caller: {error}");
        }
    }

    /// Says something in the log, but not more often than once in a second.
    fn complain(&mut self, cx: &Context, text: impl FnOnce() -> String) {
        const QUIET: Duration = Duration::from_secs(1);
        let now = cx.now();
        if self.complained.is_none_or(|at| now >= at + QUIET) {
            self.complained = Some(now);
            log::warn!("cluster node {}: {}", self.node, text());
        }
    }
}

#[cfg(test)]
mod tests;
