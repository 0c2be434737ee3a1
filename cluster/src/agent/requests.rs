//! What the other node asks.

use std::time::Duration;

use skynet_cluster_wire::{Address, Kind, Reassembler, Refused, Request, Wrong};
use skynet_service::{Context, KIND_LUA, Outgoing, Payload, Reason, log};

use super::Agent;
use crate::bytes::Bytes;
use crate::target::Target;
use crate::trace;

/// What was said of the next request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Next {
    /// The number that stands for its tag; 0 for none.
    trace: u64,
    /// When it must be answered, in nanoseconds of the node's clock; 0 for whenever.
    deadline: u64,
}

/// A request whose body comes in parts.
#[derive(Debug)]
pub(super) struct Begun {
    target: Target,
    kind: Kind,
    session: u32,
    next: Next,
}

/// Those that have begun.
pub(super) type Requests = Reassembler<Bytes, Begun>;

impl Agent {
    /// Does what a frame asks.
    #[inline]
    pub(super) fn on_request(
        &mut self,
        cx: &Context,
        requests: &mut Requests,
        request: Request<'_>,
    ) {
        match request {
            Request::Small {
                address: Address::Handle(0),
                session,
                body,
                ..
            } => self.on_name_query(cx, session, body),
            Request::Small {
                address,
                session,
                ack,
                body,
            } => {
                let kind = match (ack, session) {
                    (true, _) => Kind::Ack,
                    (false, 0) => Kind::Push,
                    (false, _) => Kind::Call,
                };
                let next = std::mem::take(&mut self.next);
                self.deliver(cx, address, kind, session, next, body.into());
            }
            Request::Begin {
                address,
                session,
                kind,
                total,
            } => {
                let begun = Begun {
                    target: Target::of(address),
                    kind,
                    session,
                    next: std::mem::take(&mut self.next),
                };
                if let Err(refused) = requests.begin(session, total, begun) {
                    self.refuse_large(cx, session, &refused);
                }
            }
            Request::Part {
                session,
                bytes,
                last: false,
            } => {
                if let Err(wrong) = requests.part(session, bytes) {
                    self.on_wrong(cx, session, &wrong, false);
                }
            }
            Request::Part {
                session,
                bytes,
                last: true,
            } => match requests.finish(session, bytes) {
                Ok((begun, body)) => {
                    let address = begun.target.address();
                    let body = Payload::from(body.0);
                    self.deliver(cx, address, begun.kind, begun.session, begun.next, body);
                }
                Err(wrong) => self.on_wrong(cx, session, &wrong, true),
            },
            Request::Trace(tag) => self.on_trace(cx, tag),
            Request::Deadline(milliseconds) => {
                let deadline = cx.now() + Duration::from_millis(milliseconds.into());
                self.next.deadline = u64::try_from(deadline.as_nanos()).unwrap_or(u64::MAX);
            }
        }
    }

    /// The next request has a tag. The log is told of so many in a second, and not of all that is in them.
    fn on_trace(&mut self, cx: &Context, tag: &[u8]) {
        const MOST: u32 = 256;
        const LONGEST: usize = 256;
        self.next.trace = trace::number_of(tag);
        let now = cx.now();
        if now >= self.traced.0 + Duration::from_secs(1) {
            self.traced = (now, 0);
        }
        self.traced.1 += 1;
        if self.traced.1 <= MOST {
            let tag = tag.get(..LONGEST).unwrap_or(tag);
            log::info!("<TRACE {}> from {}", tag.escape_ascii(), self.from);
        }
    }

    /// Gives a request to the service that it is for.
    #[inline]
    fn deliver(
        &mut self,
        cx: &Context,
        address: Address<'_>,
        kind: Kind,
        session: u32,
        next: Next,
        body: Payload<'_>,
    ) {
        let destination = match self.reach.find(address) {
            Ok(destination) => destination,
            Err(unreachable) => {
                let text = unreachable.to_string();
                return self.undelivered(cx, kind, session, unreachable.reason(), &text);
            }
        };
        if kind == Kind::Call && self.calls.len() >= self.settings.max_calls {
            let text = format!(
                "{} calls of this connection are open, cluster_max_calls allows no more",
                self.calls.len()
            );
            return self.undelivered(cx, kind, session, Reason::REFUSED, &text);
        }
        let message = Outgoing::new(destination, KIND_LUA, body)
            .trace(next.trace)
            .deadline(next.deadline);
        let sent = match kind {
            Kind::Call => cx.call_raw(message).map(|own| {
                self.calls.insert(own, session);
            }),
            Kind::Push => cx.send_message(message),
            Kind::Ack => cx
                .send_message(message)
                .map(|()| self.succeed(cx, session, &[])),
        };
        if let Err(error) = sent {
            let reason = if error.is_full() {
                Reason::REFUSED
            } else if error.is_node_lost() {
                Reason::NODE_LOST
            } else {
                Reason::UNKNOWN
            };
            self.undelivered(cx, kind, session, reason, &error.to_string());
        }
    }

    /// Nobody takes a request: who waits for an answer is told.
    #[cold]
    fn undelivered(&mut self, cx: &Context, kind: Kind, session: u32, reason: Reason, text: &str) {
        if kind == Kind::Push {
            self.complain(cx, || format!("a message is lost: {text}"));
        } else {
            self.fail(cx, session, reason, text);
        }
    }

    /// A request in parts is not taken.
    #[cold]
    fn refuse_large(&mut self, cx: &Context, session: u32, refused: &Refused) {
        let (reason, key) = match refused {
            Refused::TooLarge { .. } => (Reason::TOO_LARGE, " (cluster_max_message)"),
            _ => (Reason::REFUSED, ""),
        };
        self.complain(cx, || format!("a request in parts is refused: {refused}"));
        let text = format!("Invalid large req: {refused}{key}");
        self.fail(cx, session, reason, &text);
    }

    /// A part is of no request, or of one that it does not fit.
    #[cold]
    fn on_wrong(&mut self, cx: &Context, session: u32, wrong: &Wrong<Begun>, is_last: bool) {
        match wrong {
            Wrong::Dropped => return,
            // Who sends parts of nothing is told when they end.
            Wrong::Unknown if is_last => {
                self.fail(cx, session, Reason::UNKNOWN, "Invalid name: of no request");
            }
            Wrong::Unknown => {}
            _ => {
                let text = format!("Invalid large req: {wrong}");
                self.fail(cx, session, Reason::FAILED, &text);
            }
        }
        self.complain(cx, || format!("a part of session {session}: {wrong}"));
    }
}
