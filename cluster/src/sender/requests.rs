//! What services of this node ask of the other one.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use skynet_cluster_wire::{self as wire, Address, Kind};
use skynet_seri::{Reader, ValueRef};
use skynet_service::{Buffer, Context, Error, Handle, RawMessage, Reason, Result};

use super::Sender;
use super::head::{RequestHead, write_single};
use super::link::State;
use super::pending::Caller;
use super::timer::Timer;
use crate::outbox::Body;
use crate::target::Target;
use crate::trace;

/// A request that waits for the connection.
#[derive(Debug)]
pub(super) struct Waiting {
    request: Request,
    target: Target,
    body: Body,
}

/// What is asked, without whom and what about.
#[derive(Clone, Copy, Debug)]
struct Request {
    kind: Kind,
    /// Who has a name is asked, not a service.
    is_query: bool,
    /// Who asks.
    source: Handle,
    session: i32,
    is_call: bool,
    /// When the caller stops waiting, in nanoseconds of the node's clock; 0 for never.
    deadline: u64,
    trace: u64,
}

impl Request {
    #[inline]
    fn of(message: &RawMessage<'_>, kind: Kind, is_query: bool) -> Self {
        Self {
            kind,
            is_query,
            source: message.source(),
            session: message.session(),
            is_call: message.is_call(),
            deadline: message.deadline(),
            trace: message.trace(),
        }
    }
}

impl Waiting {
    pub(super) fn len(&self) -> usize {
        self.body.as_slice().len()
    }

    /// Who waits for an answer.
    pub(super) fn caller(&self) -> Option<(Handle, i32)> {
        let request = self.request;
        request.is_call.then_some((request.source, request.session))
    }
}

impl Sender {
    /// A service wants something.
    #[inline]
    pub(super) fn on_request(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let mut values = Reader::new(message.bytes());
        let command = values
            .next()
            .transpose()?
            .and_then(|value| value.as_bytes());
        let kind = match command {
            Some(b"req") => Kind::Call,
            Some(b"push") => Kind::Push,
            Some(b"ack") => Kind::Ack,
            Some(b"query") => return self.on_query(cx, message),
            Some(b"changenode") => return self.on_change_node(cx, message),
            Some(b"state") => return self.on_state(cx, message),
            _ => {
                return Err(Error::unsupported(
                    "no such command: a cluster sender knows req, push, ack, query and state",
                ));
            }
        };
        if kind != Kind::Push && !message.is_call() {
            return Err(Error::msg(
                "nobody waits for the answer; send \"push\" instead",
            ));
        }
        let (address, body) = read_request(&mut values)?;
        if body.len() > self.settings.max_message {
            return Err(Error::msg(format_args!(
                "{} bytes are too much for one message: cluster_max_message is {}",
                body.len(),
                self.settings.max_message
            ))
            .with_reason(Reason::TOO_LARGE));
        }
        let request = Request::of(message, kind, false);
        if let Err(error) = self.admit(body.len()) {
            return self.turn_away(cx, message.is_call(), error);
        }
        if self.state == State::Up {
            if kind == Kind::Ack && !self.is_ours {
                return Err(Error::unsupported(self.unacknowledged_text()));
            }
            if body.len() <= wire::REQUEST_SINGLE_MAX
                && (self.output.outbox.is_empty()
                    || !self.output.outbox.holds(lane(request.source, address)))
            {
                let session = self.register(cx, &request, false);
                let before = self.before(cx, &request);
                self.output
                    .outbox
                    .frames(|out| write_single(out, address, kind, session, &before, body));
                self.handed_over(cx, message, kind);
                self.mark(cx);
                return Ok(());
            }
        }
        let target = Target::of(address);
        // The body is the last value, but for nils that a caller may have put behind it.
        let skip = offset(message.bytes(), body);
        let len = body.len();
        let mut buffer = message.keep_buffer();
        buffer.truncate(skip + len);
        let waiting = Waiting {
            request,
            target,
            body: Body::new(buffer, skip),
        };
        message.set_answered();
        self.take(cx, waiting);
        Ok(())
    }

    /// Sends a request that was picked up, or has it wait for the connection.
    fn take(&mut self, cx: &Context, waiting: Waiting) {
        if self.state == State::Up {
            self.send(cx, waiting);
            self.mark(cx);
        } else {
            self.wait(cx, waiting);
        }
    }

    /// Why an unmodified node is asked for no acknowledgement.
    fn unacknowledged_text(&self) -> String {
        format!(
            "node {} is an unmodified one, which acknowledges nothing",
            self.node
        )
    }

    /// Whether one more request of so many bytes may come.
    fn admit(&self, len: usize) -> Result<()> {
        let queued = self.output.outbox.bytes() + self.waiting_bytes;
        if queued > 0 && queued + len > self.settings.queue_bytes {
            return Err(Error::refused(format_args!(
                "too much waits for node {}: {queued} bytes, cluster_queue_bytes is {}",
                self.node, self.settings.queue_bytes
            )));
        }
        if self.pending.len() + self.waiting.len() >= self.settings.max_calls {
            return Err(Error::refused(format_args!(
                "{} calls to node {} are open, cluster_max_calls allows no more",
                self.pending.len() + self.waiting.len(),
                self.node
            )));
        }
        Ok(())
    }

    /// Tells a caller why its request is not taken. Who does not wait for it may send many: the log is not told of each.
    #[cold]
    fn turn_away(&mut self, cx: &Context, is_call: bool, error: Error) -> Result<()> {
        if is_call {
            return Err(error);
        }
        self.counts.dropped += 1;
        self.complain(cx, || format!("a message is lost: {error}"));
        Ok(())
    }

    /// A request without a connection.
    fn wait(&mut self, cx: &Context, waiting: Waiting) {
        if self.address.is_none() {
            let text = self.down_text();
            return self.refuse(cx, &waiting, Reason::NODE_LOST, &text);
        }
        self.waiting_bytes += waiting.len();
        self.waiting.push_back(waiting);
        self.dial_now(cx);
    }

    /// There is a connection: what has waited for it goes out, in order.
    pub(super) fn send_waiting(&mut self, cx: &Context) {
        self.waiting_bytes = 0;
        for waiting in std::mem::take(&mut self.waiting) {
            self.send(cx, waiting);
        }
        self.mark(cx);
    }

    /// Writes a request, or has it wait for its turn.
    fn send(&mut self, cx: &Context, waiting: Waiting) {
        let deadline = waiting.request.deadline;
        if deadline != 0 && Duration::from_nanos(deadline) <= cx.now() {
            // The caller's node has told it that the time is up.
            return;
        }
        if waiting.request.kind == Kind::Ack && !self.is_ours {
            let text = self.unacknowledged_text();
            return self.refuse(cx, &waiting, Reason::UNSUPPORTED, &text);
        }
        let Waiting {
            request,
            target,
            body,
        } = waiting;
        let is_large = body.as_slice().len() > wire::REQUEST_SINGLE_MAX;
        let session = self.register(cx, &request, is_large);
        let head = RequestHead {
            before: self.before(cx, &request),
            kind: request.kind,
            session,
            target,
        };
        let lane = lane(request.source, head.target.address());
        self.output.outbox.push(lane, head, body);
        if request.kind == Kind::Push && request.is_call {
            self.answer(cx, request.source, request.session, Buffer::new());
        }
    }

    /// Gives a request its session on the wire, and remembers who waits for the answer.
    #[inline]
    fn register(&mut self, cx: &Context, request: &Request, is_large: bool) -> u32 {
        self.counts.sent += 1;
        if request.kind == Kind::Push {
            // In one frame it has none; in several they are known by it.
            return if is_large { self.next_session() } else { 0 };
        }
        let session = self.next_session();
        let caller = Caller {
            handle: request.source,
            session: request.session,
            deadline: request.deadline,
            is_query: request.is_query,
        };
        if let Some(limit) = self.pending.insert(session, caller, || cx.now()) {
            Timer::Limit.set(cx, limit);
        }
        session
    }

    /// The frames that go before a request.
    #[inline]
    fn before(&self, cx: &Context, request: &Request) -> Vec<u8> {
        let mut before = Vec::new();
        if request.deadline != 0 && self.is_ours {
            let rest = Duration::from_nanos(request.deadline).saturating_sub(cx.now());
            let rest = u32::try_from(rest.as_millis()).unwrap_or(u32::MAX);
            wire::deadline(&mut before, rest.max(1));
        }
        if request.trace != 0 {
            let next = wire::next_session(self.last_session);
            let tag = trace::tag_for(request.trace, &self.node, next);
            wire::trace(&mut before, &tag);
        }
        before
    }

    pub(super) fn next_session(&mut self) -> u32 {
        self.last_session = wire::next_session(self.last_session);
        while self.pending.contains(self.last_session) {
            self.last_session = wire::next_session(self.last_session);
        }
        self.last_session
    }

    /// The message is on a live connection: who asked for no more than that is told.
    #[inline]
    fn handed_over(&self, cx: &Context, message: &mut RawMessage<'_>, kind: Kind) {
        if kind == Kind::Push {
            // Cannot fail: it is empty, and not answered yet.
            let _ = cx.reply(message, "");
        } else {
            message.set_answered();
        }
    }

    /// A request is not sent.
    pub(super) fn refuse(&mut self, cx: &Context, waiting: &Waiting, reason: Reason, text: &str) {
        match waiting.caller() {
            Some((caller, session)) => self.fail(cx, caller, session, reason, text),
            None => {
                self.counts.dropped += 1;
                self.complain(cx, || {
                    format!("a message of {} bytes is lost: {text}", waiting.len())
                });
            }
        }
    }

    /// Asks for the handle behind a name.
    fn on_query(&mut self, cx: &Context, message: &mut RawMessage<'_>) -> Result<()> {
        let (_, name) = message.unpack::<(&str, &str)>()?;
        let name = name.strip_prefix('@').unwrap_or(name);
        if !(1..=wire::NAME_MAX).contains(&name.len()) || name.starts_with('\0') {
            return Err(Error::msg(format_args!(
                "{name:?} cannot be the name of a service"
            )));
        }
        if !message.is_call() {
            return Ok(());
        }
        let buffer = Buffer::pack(&(name,))?;
        self.admit(buffer.len())?;
        let request = Request::of(message, Kind::Call, true);
        let waiting = Waiting {
            request,
            target: Target::Handle(0),
            body: Body::new(buffer, 0),
        };
        message.set_answered();
        self.take(cx, waiting);
        Ok(())
    }
}

/// Whom a request is for, and its packed arguments.
#[inline]
fn read_request<'a>(values: &mut Reader<'a>) -> Result<(Address<'a>, &'a [u8])> {
    let address = match values.next().transpose()? {
        Some(ValueRef::String(name)) if (1..=wire::NAME_MAX).contains(&name.len()) => {
            Address::Name(name)
        }
        Some(ValueRef::String(name)) => {
            return Err(Error::msg(format_args!(
                "the name of a service has 1 to {} bytes, this one has {}",
                wire::NAME_MAX,
                name.len()
            )));
        }
        Some(ValueRef::Integer(handle)) if handle != 0 => Address::Handle(
            u32::try_from(handle)
                .map_err(|_| Error::msg(format_args!("{handle} is no handle of a service")))?,
        ),
        other => {
            return Err(Error::msg(format_args!(
                "wanted the name or the handle of a service, found {}",
                other.map_or("nothing", |value| value.kind())
            )));
        }
    };
    let body = match values.next().transpose()? {
        Some(ValueRef::String(body)) => body,
        None | Some(ValueRef::Nil) => &[],
        Some(other) => {
            return Err(Error::msg(format_args!(
                "wanted packed arguments as a string, found {}",
                other.kind()
            )));
        }
    };
    Ok((address, body))
}

/// What keeps its order: the requests of one service to one other.
#[inline]
fn lane(source: Handle, address: Address<'_>) -> u64 {
    match address {
        Address::Handle(handle) => u64::from(source.0) << 32 | u64::from(handle),
        Address::Name(name) => {
            let mut hasher = DefaultHasher::new();
            (source.0, name).hash(&mut hasher);
            hasher.finish()
        }
    }
}

/// Where `part`, a piece of `whole`, begins in it.
fn offset(whole: &[u8], part: &[u8]) -> usize {
    if part.is_empty() {
        return whole.len();
    }
    (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize)
}
