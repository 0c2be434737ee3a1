//! The way of a request to the service that has the connection.

use std::future::poll_fn;
use std::task::Poll;
use std::time::Duration;

use skynet_abi::KIND_LUA;
use skynet_seri::{PackArgs, WriteError, Writer, packed_len};

use super::address::ClusterService;
use super::error::{ClusterError, ClusterPeer};
use super::gate::{Failure, Gates, Turn};
use crate::request::{Limit, ask};
use crate::shared::Garbage;
use crate::{
    Buffer, CallError, Context, Handle, Outgoing, Reason, Reply, RequestError, UniqueError,
};

/// The service that knows the cluster, on every node where somebody has asked for it.
const CLUSTERD: &str = ".clusterd";
/// How much longer than whoever asks clusterd remembers the question.
const FORGET: Duration = Duration::from_secs(1);
/// How often a sender may have ended that was just found.
const ATTEMPTS: usize = 3;
/// What is in front of the body of a request, at most: its kind, and the heads of two strings.
const HEAD: usize = 16;

/// What is wanted of a sender.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// The answer of the other service.
    Call,
    /// That it is written to a live connection.
    Push,
    /// That the mailbox of the other service takes it.
    Ack,
}

impl Kind {
    const fn word(self) -> &'static str {
        match self {
            Self::Call => "req",
            Self::Push => "push",
            Self::Ack => "ack",
        }
    }
}

/// Whom a request is for.
#[derive(Clone, Copy)]
pub(super) struct Remote<'a> {
    pub(super) node: &'a str,
    pub(super) service: Option<ClusterService<'a>>,
}

impl From<Remote<'_>> for ClusterPeer {
    fn from(remote: Remote<'_>) -> Self {
        Self {
            node: remote.node.into(),
            service: remote.service.map(|service| service.to_string().into()),
        }
    }
}

/// How requests are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    pub(super) trace: u64,
    pub(super) limit: Option<Duration>,
}

impl Terms {
    /// How long clusterd may take.
    pub(super) fn for_clusterd(self) -> Limit {
        self.limit.map_or(Limit::Usual, Limit::Within)
    }
}

/// A request with its values behind its head: they are written once, where they are sent from.
pub(super) fn pack_request(
    kind: Kind,
    service: ClusterService<'_>,
    values: &(impl PackArgs + ?Sized),
) -> Result<Buffer, WriteError> {
    let len = packed_len(values)?;
    let mut writer = head(kind, service, len)?;
    writer.message(len, |inner| values.pack_args(inner))?;
    writer.finish()
}

/// A request with values that are packed already.
pub(super) fn wrap_request(
    kind: Kind,
    service: ClusterService<'_>,
    body: &[u8],
) -> Result<Buffer, WriteError> {
    let mut writer = head(kind, service, body.len())?;
    writer.string(body)?;
    writer.finish()
}

fn head(
    kind: Kind,
    service: ClusterService<'_>,
    body: usize,
) -> Result<Writer<Buffer>, WriteError> {
    let name = match service {
        ClusterService::Name(name) => name.len(),
        ClusterService::Handle(_) => 0,
    };
    let capacity = body.saturating_add(name).saturating_add(HEAD);
    let mut writer = Writer::with_sink(Buffer::with_capacity(capacity));
    writer.string(kind.word())?;
    skynet_seri::Pack::pack(&service, &mut writer)?;
    Ok(writer)
}

/// Sends a request through the sender of its node, and waits for the answer.
pub(super) async fn request(
    cx: &Context,
    terms: Terms,
    remote: Remote<'_>,
    mut request: Buffer,
) -> Result<Reply, ClusterError> {
    let deadline = terms.limit.map(|limit| cx.now().saturating_add(limit));
    let mut place = None;
    for _ in 0..ATTEMPTS {
        let sender = find(cx, terms, remote, deadline, &mut place).await?;
        let mut message = Outgoing::new(sender, KIND_LUA, request).trace(terms.trace);
        if let Some(deadline) = deadline {
            message = message.deadline(u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX));
        }
        let call = cx.request(message, terms.limit);
        if call.session().is_some() {
            // It is on its way: the next one may go.
            drop(place);
            return call
                .await
                .map_err(|error| failed(cx, remote, sender, error));
        }
        match call.await {
            Err(CallError::NotSent(error)) if error.is_gone() => {
                gates(cx, |gates| gates.forget(remote.node, sender));
                request = error.into_buffer().unwrap_or_default();
            }
            outcome => return outcome.map_err(|error| ClusterError::of_call(remote.into(), error)),
        }
    }
    Err(ClusterError::NodeLost {
        peer: remote.into(),
        text: SENDER_ENDED.to_owned(),
    })
}

const SENDER_ENDED: &str = "the service of this node that has the connection has ended";

const CLUSTERD_ENDED: &str = "the service of this node that knows the others has ended";

/// Whether a call has failed because the callee is no more.
fn is_end(error: &CallError) -> bool {
    match error {
        CallError::NotSent(error) => error.is_gone(),
        CallError::Failed { reason, .. } => matches!(*reason, Reason::DEAD | Reason::KILLED),
    }
}

/// What the failure of a call to a sender means. That the sender itself has ended is no end of the other service.
fn failed(cx: &Context, remote: Remote<'_>, sender: Handle, error: CallError) -> ClusterError {
    if is_end(&error) && !is_alive(cx, sender) {
        gates(cx, |gates| gates.forget(remote.node, sender));
        return ClusterError::NodeLost {
            peer: remote.into(),
            text: SENDER_ENDED.to_owned(),
        };
    }
    ClusterError::of_call(remote.into(), error)
}

/// Whether a sender takes questions. The answer is not waited for.
fn is_alive(cx: &Context, sender: Handle) -> bool {
    let question = Buffer::pack(&("state",)).unwrap_or_default();
    cx.call(sender, KIND_LUA, question).session().is_some()
}

/// The sender of a node, when it is this request's turn: until `place` is given up nobody else of this service sends to the
/// node.
pub(super) async fn find<'cx>(
    cx: &'cx Context,
    terms: Terms,
    remote: Remote<'_>,
    deadline: Option<Duration>,
    place: &mut Option<Place<'cx>>,
) -> Result<Handle, ClusterError> {
    if place.is_none()
        && let Some(sender) = gates(cx, |gates| gates.open(remote.node))
    {
        return Ok(sender);
    }
    let place = place.get_or_insert_with(|| Place::enter(cx, remote.node));
    let waiting = wait(cx, terms, remote, deadline, place);
    let Some(deadline) = deadline else {
        return waiting.await;
    };
    let rest = deadline.saturating_sub(cx.now());
    let found = cx.timeout(rest, waiting).await;
    found.unwrap_or_else(|_| {
        Err(ClusterError::TimedOut {
            peer: remote.into(),
            timeout: terms.limit,
            text: "the node is not known yet".to_owned(),
        })
    })
}

async fn wait(
    cx: &Context,
    terms: Terms,
    remote: Remote<'_>,
    deadline: Option<Duration>,
    place: &Place<'_>,
) -> Result<Handle, ClusterError> {
    loop {
        match place.turn(remote.node).await {
            Turn::Send(sender) => return Ok(sender),
            Turn::Fail(failure) => return Err(ClusterError::no_sender(remote.into(), &failure)),
            Turn::Ask | Turn::Wait => {}
        }
        match ask_for_sender(cx, terms, remote.node, deadline).await {
            Ok(sender) => gates(cx, |gates| gates.found(remote.node, sender)),
            Err(failure) => {
                let woken = gates(cx, |gates| gates.failed(remote.node, failure));
                woken.into_iter().for_each(|waker| waker.wake());
            }
        }
    }
}

async fn ask_for_sender(
    cx: &Context,
    terms: Terms,
    node: &str,
    deadline: Option<Duration>,
) -> Result<Handle, Failure> {
    // Whoever waits for this gives up by himself: clusterd forgets the question a little later.
    let rest = deadline.map(|deadline| deadline.saturating_sub(cx.now()));
    let terms = Terms {
        limit: rest.map(|rest| rest.saturating_add(FORGET)),
        ..terms
    };
    let answer = ask_clusterd(cx, terms, &("sender", node)).await;
    let sender = answer.and_then(|answer| {
        let (sender,) = answer.unpack::<(u32,)>().map_err(RequestError::from)?;
        Ok(Handle(sender))
    });
    sender.map_err(|error| match error {
        ClusterError::NoCluster { text } => Failure::NoCluster(text.into()),
        // That it has ended says nothing of the node, nor of a service there.
        ClusterError::Request(RequestError::Call(error)) if is_end(&error) => {
            Failure::Told(Reason::NODE_LOST, CLUSTERD_ENDED.into())
        }
        ClusterError::Request(RequestError::Call(CallError::Failed { reason, text, .. })) => {
            Failure::Told(reason, text.into())
        }
        error => Failure::Told(error.reason(), error.to_string().into()),
    })
}

/// Asks clusterd, which is launched when there is none.
pub(super) async fn ask_clusterd(
    cx: &Context,
    terms: Terms,
    values: &(impl PackArgs + Sync + ?Sized),
) -> Result<Reply, ClusterError> {
    let limit = terms.for_clusterd();
    match ask(cx, CLUSTERD, values, limit).await {
        Err(RequestError::Call(CallError::NotSent(error))) if error.is_gone() => {}
        answer => return Ok(answer?),
    }
    match cx.unique("clusterd").await {
        Ok(_) => Ok(ask(cx, CLUSTERD, values, limit).await?),
        Err(UniqueError::NotLaunched { reason, .. }) => {
            Err(ClusterError::NoCluster { text: reason })
        }
        Err(UniqueError::Request(error)) => Err(error.into()),
    }
}

fn gates<R>(cx: &Context, f: impl FnOnce(&mut Gates) -> R) -> R {
    let requests = &cx.shared().tasks().requests;
    requests.with(|requests| f(requests.gates.get()))
}

/// A place in the line of a node, given up by dropping it.
pub(super) struct Place<'cx> {
    cx: &'cx Context,
    ticket: u64,
}

impl<'cx> Place<'cx> {
    fn enter(cx: &'cx Context, node: &str) -> Self {
        let ticket = gates(cx, |gates| gates.enter(node));
        Self { cx, ticket }
    }

    /// Waits until there is something to do.
    async fn turn(&self, node: &str) -> Turn {
        poll_fn(|task| {
            let (turn, old) = gates(self.cx, |gates| gates.turn(node, self.ticket, task.waker()));
            drop(old);
            match turn {
                Turn::Wait => Poll::Pending,
                turn => Poll::Ready(turn),
            }
        })
        .await
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.cx.shared().discard(Garbage::Place(self.ticket));
    }
}
