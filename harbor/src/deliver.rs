//! Messages that come from other nodes.

use std::time::Duration;

use skynet_harbor_wire::{self as wire, Control, Cookie, Data, Extra, Flags, Frame};
use skynet_service::socket::SocketId;
use skynet_service::{
    Context, Handle, KIND_CLIENT, KIND_ERROR, KIND_HARBOR, KIND_MULTICAST, KIND_RESPONSE,
    KIND_SYSTEM, KIND_TRACE, Outgoing, Payload, Reason, SendError, log,
};

use crate::body::Body;
use crate::connection::Connection;
use crate::harbor::Harbor;
use crate::peer::{Kind, State};
use crate::route::LOCAL;

/// Frames, or bytes, after which a peer is told at once that they have arrived.
const ACK_FRAMES: u64 = 256;
const ACK_BYTES: usize = 256 << 10;
/// Requests by way of a third node that are remembered.
const MOST_RELAYED: usize = 1 << 20;

/// A message that came whole.
struct Arrived<'a> {
    flags: Flags,
    extra: Option<Extra>,
    cookie: Cookie,
    body: wire::Body<'a, Body>,
}

impl Harbor {
    /// Reads what came on a proven connection.
    ///
    /// # Errors
    /// What is wrong with it: the connection is of no further use.
    pub(crate) fn read_link(
        &mut self,
        cx: &Context,
        connection: &mut Connection,
        socket: SocketId,
        mut chunk: &[u8],
    ) -> Result<(), String> {
        let id = connection.peer;
        let len = chunk.len();
        let now = cx.now();
        while let Some(frame) = connection
            .parser
            .next(&mut chunk)
            .map_err(|error| error.to_string())?
        {
            match frame {
                Frame::Data(data) => {
                    connection.count += 1;
                    let Some(peer) = self.peers.get(id) else {
                        break;
                    };
                    // It came on the connection before this one, too.
                    if peer.kind == Kind::Ours && connection.count <= peer.received {
                        continue;
                    }
                    peer.received = connection.count;
                    self.receive(cx, id, data)?;
                }
                Frame::Control(control) => self.on_control(cx, id, control)?,
                Frame::Hello(_) => {
                    if let Some(peer) = self.peers.get(id) {
                        // The next connection waits for it.
                        peer.kind = Kind::Ours;
                    }
                    return Err(
                        "it says that it is one of ours, and did not say so at first".to_owned(),
                    );
                }
                Frame::Go(_) => return Err("it says GO a second time".to_owned()),
            }
            // What came may have ended the connection.
            if self.peers.get(id).and_then(|peer| peer.link) != Some(socket) {
                return Ok(());
            }
        }
        let Some(peer) = self.peers.get(id) else {
            return Ok(());
        };
        peer.heard = now;
        peer.is_doubtful = false;
        if peer.kind == Kind::Ours {
            peer.since_ack += len;
            let is_due =
                peer.received - peer.acknowledged >= ACK_FRAMES || peer.since_ack >= ACK_BYTES;
            if is_due && !peer.congested {
                peer.acknowledge();
            }
            if !peer.control.is_empty() {
                self.mark(cx, id);
            }
        }
        Ok(())
    }

    fn on_control(&mut self, cx: &Context, id: u8, control: Control) -> Result<(), String> {
        let Some(peer) = self.peers.get(id) else {
            return Ok(());
        };
        match control {
            Control::Ack(last) => {
                let known = peer.outbox.acknowledge(last);
                known.map_err(|_| format!("it has received {last} frames, which is too many"))?;
                if peer.outbox.queued() > 0 {
                    self.mark(cx, id);
                }
            }
            Control::Ping(stamp) => {
                // Who asks and does not read gets no answers that pile up.
                if !peer.congested {
                    peer.acknowledge();
                    peer.control(Control::Pong(stamp));
                }
            }
            Control::Pong(stamp) => {
                peer.rtt = cx.now().saturating_sub(Duration::from_nanos(stamp));
            }
            Control::Goodbye => self.left(cx, id, "it has left the network"),
        }
        Ok(())
    }

    fn receive(&mut self, cx: &Context, id: u8, data: Data<'_, Body>) -> Result<(), String> {
        let Data {
            flags,
            extra,
            fragment,
            cookie,
            body,
        } = data;
        let Some(fragment) = fragment else {
            let arrived = Arrived {
                flags,
                extra,
                cookie,
                body,
            };
            self.deliver(cx, id, arrived);
            return Ok(());
        };
        let Some(peer) = self.peers.get(id) else {
            return Ok(());
        };
        let whole = peer
            .reassembler
            .accept(flags, extra, fragment, cookie, body.as_slice())
            .map_err(|error| error.to_string())?;
        if let Some(mut whole) = whole {
            let arrived = Arrived {
                flags: whole.flags,
                extra: whole.extra,
                cookie: whole.cookie,
                body: wire::Body::Gathered(&mut whole.body),
            };
            self.deliver(cx, id, arrived);
        }
        Ok(())
    }

    /// The first message of a node that has said nothing of itself.
    pub(crate) fn deliver_first(&mut self, cx: &Context, id: u8, cookie: Cookie, mut body: Body) {
        let arrived = Arrived {
            flags: Flags::NONE,
            extra: None,
            cookie,
            body: wire::Body::Gathered(&mut body),
        };
        self.deliver(cx, id, arrived);
    }

    #[inline]
    fn deliver(&mut self, cx: &Context, id: u8, arrived: Arrived<'_>) {
        let Arrived {
            flags,
            extra,
            cookie,
            body,
        } = arrived;
        let (kind, session) = (u32::from(cookie.kind), cookie.session);
        let source = Handle(cookie.source);
        let to = Handle(u32::from(self.my_id()) << 24 | cookie.destination);
        let Some(peer) = self.peers.get(id) else {
            return;
        };
        peer.counts.received += 1;
        let is_ours = peer.kind == Kind::Ours;
        let is_foreign = source.harbor() != id;
        let may_be_foreign =
            !is_ours || flags.contains(Flags::REDIRECTED) || kind == KIND_MULTICAST;
        let is_wrong = kind == KIND_SYSTEM
            || kind == KIND_HARBOR
            // It takes orders from its slave only, in whose name anybody could write.
            || cookie.destination == cx.handle().0 & LOCAL
            || session < 0
            || source.harbor() == 0
            || (is_foreign && !may_be_foreign);
        if is_wrong {
            if !is_foreign && session > 0 && flags.contains(Flags::CALL) {
                let text = "no other node may send this";
                self.fail_call(cx, source, session, to, Reason::REFUSED, text);
            }
            return self.discard(cx, id, || {
                format!("a message of kind {kind} and session {session} in the name of {source}")
            });
        }
        if flags.contains(Flags::MOVED) {
            return self.on_moved(cx, to, session, source);
        }
        let is_reply = session != 0 && (kind == KIND_RESPONSE || kind == KIND_ERROR);
        let is_call = !is_reply
            && session != 0
            && if is_ours {
                flags.contains(Flags::CALL)
            } else {
                // An unmodified node does not say so.
                !matches!(
                    kind,
                    KIND_RESPONSE | KIND_ERROR | KIND_MULTICAST | KIND_CLIENT | KIND_TRACE
                )
            };
        let mut message = if flags.contains(Flags::REASON) {
            let (reason, text) = wire::split_reason(body.as_slice()).unwrap_or_default();
            Outgoing::new(to, kind, text.to_vec()).reason(Reason(reason.into()))
        } else {
            let payload = match body {
                wire::Body::Chunk(bytes) => Payload::from(bytes),
                gathered @ wire::Body::Gathered(_) => Payload::from(gathered.take().0),
            };
            Outgoing::new(to, kind, payload).reason(if kind == KIND_ERROR {
                Reason::FAILED
            } else {
                Reason::NONE
            })
        };
        message = message.session(session).source(source);
        if let Some(extra) = extra {
            message = message.trace(extra.trace);
            if extra.remaining != 0 {
                let now = u64::try_from(cx.now().as_nanos()).unwrap_or(u64::MAX);
                message = message.deadline(now.saturating_add(extra.remaining));
            }
        }
        if is_call {
            message = message.call_flag();
            // The answer to a caller of this node does not come by here.
            if is_foreign && !self.is_mine(source) && self.relayed.len() < MOST_RELAYED {
                self.relayed.insert((source, session));
            }
        } else if is_reply && (!is_ours || flags.contains(Flags::REDIRECTED)) {
            message = message.foreign();
        }
        if let Err(error) = cx.send_message(message) {
            self.undelivered(cx, id, to, cookie, is_call, &error);
        }
    }

    /// A call of this node was passed on: `callee` owes the answer now. If its node is lost already, nobody else will
    /// tell the caller.
    fn on_moved(&mut self, cx: &Context, caller: Handle, session: i32, callee: Handle) {
        match cx.call_moved(caller, session, callee) {
            Ok(true) if !self.is_mine(callee) => {}
            Ok(_) => return,
            Err(error) => return log::error!("{error}"),
        }
        let id = callee.harbor();
        if self.await_peer(cx, id).state == State::Lost {
            let text = format!("the call was passed on to node {id}, which is lost");
            self.fail_call(cx, caller, session, callee, Reason::NODE_LOST, &text);
        }
    }

    /// Nobody takes a message: who waits for the answer is told.
    #[cold]
    fn undelivered(
        &mut self,
        cx: &Context,
        id: u8,
        to: Handle,
        cookie: Cookie,
        is_call: bool,
        error: &SendError,
    ) {
        if is_call {
            let reason = if error.is_full() {
                Reason::REFUSED
            } else {
                Reason::UNKNOWN
            };
            let caller = Handle(cookie.source);
            self.fail_call(cx, caller, cookie.session, to, reason, &error.to_string());
        } else {
            self.discard(cx, id, || error.to_string());
        }
    }

    #[cold]
    fn discard(&mut self, cx: &Context, id: u8, what: impl FnOnce() -> String) {
        if let Some(peer) = self.peers.get(id) {
            peer.counts.dropped += 1;
        }
        self.complain(cx, || {
            format!("from node {id}, and not delivered: {}", what())
        });
    }
}
